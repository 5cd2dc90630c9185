import json
import os
import shutil
import subprocess
import sys

import pytest
from constrain_samples import CASES, SCHEMA, TEXTS, byte_fallback_tokenizer, byte_level_tokenizer
from test_backend_hf import PROMPTS, save
from test_constrain import assert_faultless

import chinchilla.engines.ct2
from chinchilla.engines.constrain import AnswerConstraint
from chinchilla.engines.ct2 import CTranslate2Backend
from chinchilla.engines.hf import TransformersBackend
from chinchilla.engines.open import open_engine
from chinchilla.errors import ModelError
from chinchilla.pipeline import ExtractOptions, Extractor
from chinchilla.prompts.messages import Prompt


def convert(folder, tokenizer, family="llama", further=0):
    """Save a random model for transformers and for CTranslate2; return both folders."""
    from ctranslate2.converters import TransformersConverter

    source, target = folder / "transformers", folder / "converted"
    save(source, tokenizer, family, further)
    TransformersConverter(str(source)).convert(str(target))
    shutil.copy(source / "tokenizer.json", target)
    config = json.loads((target / "config.json").read_text(encoding="utf-8"))
    # The converter writes null for tokens that the tokenizer lacks, and cannot read it back.
    absent = {"bos_token": "</s>", "unk_token": ""}
    config = {**absent, **{key: value for key, value in config.items() if value is not None}}
    (target / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return source, target


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return convert(tmp_path_factory.mktemp("llama"), byte_level_tokenizer())


@pytest.fixture(scope="module")
def backend(folders):
    backend = CTranslate2Backend(folders[1], threads=1)
    yield backend
    backend.close()


def test_answers_come_in_the_order_of_the_prompts(backend):
    prompts = [Prompt("找出", "文" * (1 + 7 * i % 11) + str(i)) for i in range(40)]
    alone = [next(backend.generate([prompt], max_tokens=6)).text for prompt in prompts]
    assert [answer.text for answer in backend.generate(prompts, max_tokens=6)] == alone
    assert len(set(alone)) > 10


def test_answers_of_many_windows_under_way_come_in_order(backend, monkeypatch):
    prompts = [Prompt("找出", f"{i}" + "文" * (i % 5)) for i in range(40)]
    together = [answer.text for answer in backend.generate(prompts, max_tokens=6)]
    for name, value in {"_FIRST": 1, "_WINDOW": 4, "_AHEAD": 2}.items():
        monkeypatch.setattr(chinchilla.engines.ct2, name, value)
    taken = []
    answers = backend.generate((taken.append(p) or p for p in prompts), max_tokens=6)
    first = next(answers).text
    # So many prompts are taken at most before the first answer: three windows.
    assert len(taken) <= 1 + 2 + 4
    assert [first, *(answer.text for answer in answers)] == together


def test_answers_are_those_of_the_model_before_conversion(backend, folders):
    before = TransformersBackend(str(folders[0])).generate(PROMPTS, max_tokens=16)
    after = backend.generate(PROMPTS, max_tokens=16)
    assert [a.text for a in after] == [b.text for b in before]


def test_an_answer_that_the_limit_cuts_says_so(backend):
    [cut] = backend.generate([Prompt("找出", "雀巢")], max_tokens=1)
    assert cut.finish_reason == "length"


def test_an_answer_that_ends_says_so(backend):
    constraint = AnswerConstraint(SCHEMA, "ner", " ", "compact")
    [ended] = backend.generate([Prompt("找出", " ")], constraints=[constraint])
    assert (ended.text, ended.finish_reason) == ("⟦⟧", "stop")


def test_scores_are_log_probabilities_of_the_tokens(backend):
    for answer in backend.generate(PROMPTS, max_tokens=9, scores=True):
        assert len(answer.token_ends) == len(answer.log_probs) > 0
        assert answer.token_ends[-1] == len(answer.text)
        assert all(value <= 0 for value in answer.log_probs)


def test_what_nobody_waits_for_ends_with_the_process(folders):
    code = f"""
from chinchilla.prompts.messages import Prompt
from chinchilla.engines.ct2 import CTranslate2Backend
prompts = [Prompt("找出", "文" * 20 + str(i)) for i in range(400)]
answers = CTranslate2Backend(__import__("pathlib").Path({str(folders[1])!r})).generate(
    iter(prompts), max_tokens=200, scores=True
)
next(answers)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(("task", "form"), CASES)
def test_random_models_under_constraint_give_faultless_answers(backend, task, form):
    constraints = [AnswerConstraint(SCHEMA, task, text, form) for text in TEXTS]
    prompts = [Prompt("找出", text) for text in TEXTS]
    answers = list(backend.generate(prompts, max_tokens=32, constraints=constraints))
    for text, answer in zip(TEXTS, answers, strict=True):
        assert answer.finish_reason == "stop"
        assert_faultless(answer.text, text, task, form)


def test_resuming_gives_what_masking_each_step_gives(backend, folders):
    text = TEXTS[0]
    constraint = AnswerConstraint(SCHEMA, "ner", text, "compact")
    asked = {"max_tokens": 40, "constraints": [constraint]}
    prompt = [Prompt("找出" * 5, text)]
    [resumed] = backend.generate(prompt, **asked)
    [masked] = TransformersBackend(str(folders[0])).generate(prompt, **asked)
    assert resumed.text == masked.text


def test_encoder_decoder_models_are_constrained_too(tmp_path):
    _, folder = convert(tmp_path, byte_fallback_tokenizer(), "t5")
    backend = CTranslate2Backend(folder, threads=1)
    constraints = [AnswerConstraint(SCHEMA, "re", text, "compact") for text in TEXTS]
    prompts = [Prompt("关系", text) for text in TEXTS]
    answers = list(backend.generate(prompts, max_tokens=40, constraints=constraints))
    backend.close()
    for text, answer in zip(TEXTS, answers, strict=True):
        assert answer.finish_reason == "stop"
        assert_faultless(answer.text, text, "re", "compact")


def test_extraction_under_constraint_is_read_whole(folders):
    engine = open_engine(str(folders[1]))
    found = Extractor(engine, SCHEMA, options=ExtractOptions(constrain=True)).extract(TEXTS[0])
    engine.backend.close()
    # The last item may be one too many, which ends an answer that goes round.
    assert {issue.kind for issue in found.issues} <= {"repeated"}


def test_a_limit_below_the_shortest_answer_is_refused(backend):
    constraint = AnswerConstraint(SCHEMA, "ner", "雀巢")
    with pytest.raises(ValueError, match="max_tokens is 5; the shortest answer may take 16"):
        list(backend.generate([PROMPTS[0]], max_tokens=5, constraints=[constraint]))


def test_a_folder_without_a_model_or_tokenizer_is_named(tmp_path, folders):
    with pytest.raises(ModelError, match="no tokenizer.json beside the model"):
        CTranslate2Backend(tmp_path)
    shutil.copy(folders[1] / "tokenizer.json", tmp_path)
    with pytest.raises(ModelError, match=r"no model.bin; expected a folder converted"):
        CTranslate2Backend(tmp_path)
    (tmp_path / "model.bin").write_bytes(b"no model at all, but some bytes")
    with pytest.raises(ModelError, match="CTranslate2 cannot load it"):
        CTranslate2Backend(tmp_path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_forked_process_extracts_with_the_model_of_its_parent_and_ends():
    code = """
import multiprocessing, os, sys
from chinchilla import Extractor
extractor = Extractor(schema="msra")
def names(_):
    return [entity.text for entity in extractor.extract("国家主席在北京会见了来宾。").entities]
assert names(0) == ["北京"]
child = os.fork()
if not child:
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.map(names, range(4)) == [["北京"]] * 4
assert names(0) == ["北京"]
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=50)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("flags", "own", "expected"),
    [
        ("fpu avx512f avx512cd avx512bw avx512dq avx512vl avx512_vnni", None, "AVX512"),
        ("fpu avx512f avx512cd avx512bw avx512dq avx512vl", None, None),
        ("fpu avx512f avx512cd avx512bw avx512dq avx512vl avx512_vnni", "AVX2", "AVX2"),
        (None, None, None),
    ],
)
def test_wide_vectors_are_used_where_the_processor_has_them(
    monkeypatch, tmp_path, flags, own, expected
):
    path = tmp_path / "cpuinfo"
    if flags:
        path.write_text(f"processor\t: 0\nflags\t\t: {flags}\nbogomips\t: 1\n", encoding="utf-8")
    monkeypatch.setattr(chinchilla.engines.cpu, "_CPU_INFO", path)
    name = "CT2_FORCE_CPU_ISA"
    # The whole environment is put back, also what the function under test adds to it.
    clean = {key: value for key, value in os.environ.items() if key != name}
    monkeypatch.setattr(os, "environ", clean | ({name: own} if own else {}))
    chinchilla.engines.ct2._use_wide_vectors()
    assert os.environ.get(name) == expected


# What a chat template looks like in each of the files that hold one.
TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def chat_folder(folder, where, **config):
    """Save a tokenizer with a template, or a list of them, as a converted folder holds it."""
    from tiny_models import build_tokenizer

    tokenizer = build_tokenizer()
    names = ["<|user|>", "<|assistant|>"]
    tokenizer.add_special_tokens({"additional_special_tokens": names})
    tokenizer.save_pretrained(folder)
    path = folder / where
    if where == "chat_template.jinja":
        path.write_text(TEMPLATE, encoding="utf-8")
    else:
        value = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        path.write_text(json.dumps(value | {"chat_template": TEMPLATE}), encoding="utf-8")
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "where", ["tokenizer_config.json", "chat_template.jinja", "chat_template.json"]
)
def test_a_chat_template_is_used_wherever_it_is_kept(tmp_path, where):
    from chinchilla.engines.ct2_folder import ChatCodec
    from chinchilla.engines.tokens import has_chat_template, load_tokenizer, prompt_ids

    folder = chat_folder(tmp_path, where)
    assert has_chat_template(folder)
    prompt = Prompt("找出人名", "张伟在北京")
    tokens = ChatCodec(folder).encode(prompt)
    assert (tokens[0], tokens[-1]) == ("<|user|>", "<|assistant|>")
    tokenizer = load_tokenizer(str(folder))
    assert tokenizer.convert_ids_to_tokens(prompt_ids(tokenizer, prompt)) == tokens


def test_answers_end_at_the_tokens_of_converter_settings_and_template(tmp_path):
    from chinchilla.engines.ct2_folder import ChatCodec

    folder = chat_folder(tmp_path, "tokenizer_config.json", eos_token="<bos>")
    (folder / "generation_config.json").write_text('{"eos_token_id": [2, 1]}', encoding="utf-8")
    codec = ChatCodec(folder)
    assert codec.ends == ["<eos>", "<unk>", "<|user|>", "<bos>"]
    for end in codec.ends:
        assert codec.decode(["张", "伟", end]) == ("张伟", True)
    assert codec.decode(["张", "伟"]) == ("张伟", False)
    # The model has no such token, and would stop at its unknown one.
    (folder / "vocabulary.json").write_text('["<eos>", "<|user|>"]', encoding="utf-8")
    assert ChatCodec(folder).ends == ["<eos>", "<|user|>"]


def test_an_answer_ends_at_each_of_several_tokens(folders):
    backend = CTranslate2Backend(folders[1], threads=1)
    asked = backend._codec.encode(PROMPTS[0])
    options = {"max_length": 16, "beam_size": 1, "include_prompt_in_result": False}
    tokens = backend.model.generate_batch([asked], **options)[0].sequences[0]
    end = tokens[5]
    backend._codec.ends.append(end)
    [cut] = backend.generate(PROMPTS[:1], max_tokens=16, scores=True)
    assert cut.finish_reason == "stop"
    assert len(cut.log_probs) == tokens.index(end) + 1
    backend.close()


def test_a_prompt_beyond_learned_positions_is_refused_and_the_others_are_there(tmp_path):
    # Of this family, AutoTokenizer adds four tokens.
    _, folder = convert(tmp_path, byte_level_tokenizer(), "opt", 4)
    backend = CTranslate2Backend(folder, threads=1)
    assert backend.context == 2048
    prompts = [PROMPTS[0], Prompt("找出", "人" * 3000), PROMPTS[1], Prompt("找出", "人" * 600)]
    answers = list(backend.generate(prompts, max_tokens=400, scores=True))
    assert [a.is_too_long for a in answers] == [False, True, False, False]
    assert answers[1].finish_reason == "refused"
    assert "and the model reads 2,048 with its answer" in answers[1].problem
    constraints = [AnswerConstraint(SCHEMA, "ner", "人") for _ in prompts]
    held = list(backend.generate(prompts, max_tokens=40, constraints=constraints))
    assert [a.finish_reason for a in held] == ["stop", "refused", "stop", "stop"]
    backend.close()


def test_cores_are_those_that_the_process_may_use(tmp_path, monkeypatch):
    cpu = chinchilla.engines.cpu
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(cpu, "_CGROUPS", tmp_path)
    monkeypatch.setattr(cpu, "_OWN_GROUPS", tmp_path / "own")
    assert cpu.usable_cores() == 8
    (tmp_path / "own").write_text("0::/user/run\n", encoding="utf-8")
    (tmp_path / "user" / "run").mkdir(parents=True)
    (tmp_path / "user" / "run" / "cpu.max").write_text("max 100000\n", encoding="utf-8")
    assert cpu.usable_cores() == 8
    (tmp_path / "user" / "cpu.max").write_text("250000 100000\n", encoding="utf-8")
    assert cpu.usable_cores() == 3
    (tmp_path / "own").write_text("4:cpu,cpuacct:/docker/x\n", encoding="utf-8")
    first = tmp_path / "cpu,cpuacct"
    first.mkdir()
    (first / "cpu.cfs_quota_us").write_text("50000\n", encoding="utf-8")
    (first / "cpu.cfs_period_us").write_text("100000\n", encoding="utf-8")
    assert cpu.usable_cores() == 1
