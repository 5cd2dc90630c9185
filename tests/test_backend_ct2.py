import gc
import json
import os
import shutil
import subprocess
import sys
import time

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


def convert(folder, tokenizer, family="llama"):
    """Save a random model for transformers and for CTranslate2; return both folders."""
    from ctranslate2.converters import TransformersConverter

    source, target = folder / "transformers", folder / "converted"
    save(source, tokenizer, family)
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


def test_a_head_that_many_prompts_share_changes_no_answer(folders, monkeypatch):
    heads = ["找出人名、地名、机构名和时间", "找出所有的事件和它们的论元", "短"]
    prompts = [Prompt(f"{heads[i % 3]}\n见{i}", "文" * (i % 5) + str(i)) for i in range(30)]
    backend = CTranslate2Backend(folders[1], threads=1)
    shared = [answer.text for answer in backend.generate(prompts, max_tokens=9)]
    rare = [Prompt(f"找出从前没有问过的、第{i}种东西", "文") for i in range(7)]
    list(backend.generate(rare, max_tokens=9))
    kept = [head for head in backend._heads.values() if len(head) >= chinchilla.engines.ct2._HEAD]
    assert len(kept) == 2
    monkeypatch.setattr(chinchilla.engines.ct2, "_HEADS", 0)
    fresh = CTranslate2Backend(folders[1], threads=1)
    assert [answer.text for answer in fresh.generate(prompts, max_tokens=9)] == shared
    backend.close()
    fresh.close()


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


def test_scores_told_while_writing_are_those_of_reading_again(backend, monkeypatch):
    heads = ["找出人名、地名、机构名和时间", "找出所有的事件和它们的论元", "短"]
    prompts = [Prompt(f"{heads[i % 3]}\n见{i}", "文" * (i % 7) + str(i)) for i in range(50)]
    monkeypatch.setattr(chinchilla.engines.ct2, "_WINDOW", 16)
    heard = list(backend.generate(prompts, max_tokens=16, scores=True))
    monkeypatch.setattr(backend, "_is_small", False)
    read = list(backend.generate(prompts, max_tokens=16, scores=True))
    assert [(a.text, a.token_ends) for a in heard] == [(b.text, b.token_ends) for b in read]
    for a, b in zip(heard, read, strict=True):
        assert a.log_probs == pytest.approx(b.log_probs, abs=1e-3)


def test_an_answer_that_goes_round_in_circles_ends(backend, monkeypatch):
    goes_round = chinchilla.engines.ct2._goes_round
    assert goes_round([*"78", *"一二三" * 16], [*"一二三四" * 2])
    assert goes_round([*"78", *"啊" * 48], [*"啊" * 47])
    # A text may name a string as often as that.
    assert not goes_round([*"一二三" * 16], [*"一二四" * 16])
    assert not goes_round([*"一二三" * 15, *"一二"], [])
    assert not goes_round([*map(str, range(17))] * 3, [])
    prompts = [Prompt("找出", "文" * 20 + str(i)) for i in range(9)]
    whole = list(backend.generate(prompts, max_tokens=90, scores=True))
    assert max(len(answer.log_probs) for answer in whole) > 16
    monkeypatch.setattr(chinchilla.engines.ct2, "_goes_round", lambda *_: True)
    ended = backend.generate(prompts, max_tokens=90, scores=True)
    for cut, answer in zip(ended, whole, strict=True):
        assert answer.text.startswith(cut.text)
        assert len(cut.log_probs) == min(16, len(answer.log_probs))
        assert cut.finish_reason == ("length" if len(answer.log_probs) > 16 else "stop")


def test_circles_are_listened_for_without_scores_where_a_prompt_has_few_different_tokens(
    backend, monkeypatch
):
    monkeypatch.setattr(chinchilla.engines.ct2, "_goes_round", lambda *_: True)
    prompts = [Prompt("找出", text) for text in ("＿" * 40, "见甲乙文字人名地机构")]
    # One prompt a batch: whoever shares a batch is listened to with it.
    monkeypatch.setattr(backend, "_batch_tokens", 1)
    monkeypatch.setattr(chinchilla.engines.ct2, "_SHORT_BATCH_TOKENS", 1)
    blanks, words = backend.generate(prompts, max_tokens=40)
    assert (blanks.finish_reason, blanks.log_probs) == ("length", ())
    whole = list(backend.generate(prompts, max_tokens=40, scores=True, constraints=None))
    assert blanks.text == whole[0].text
    assert words.text.startswith(whole[1].text)
    assert len(words.text) > len(whole[1].text)


def test_an_engine_that_collects_its_own_model_as_garbage_goes_on(folders, monkeypatch):
    # What it calls may collect garbage, among it the backend and a half-read generator.
    prompts = [Prompt("找出", "文" * 20 + str(i)) for i in range(300)]
    heard = chinchilla.engines.ct2._Heard
    collected = []

    def collect(self, step, before=heard.hear):
        if not collected and not alive:
            collected.append(gc.collect())
        return before(self, step)

    alive = [CTranslate2Backend(folders[1], threads=1)]
    gc.disable()
    try:
        alive.append(alive[0].generate(iter(prompts), max_tokens=200, scores=True))
        next(alive[1])
        cycle = list(alive)
        cycle.append(cycle)
        monkeypatch.setattr(heard, "hear", collect)
        del cycle
        alive.clear()
        while heard.calling:
            time.sleep(0.01)
        assert collected
    finally:
        gc.enable()
    assert heard.dropped


def test_what_nobody_waits_for_ends_with_the_process(folders):
    # The engine calls back while it writes; it must not once the interpreter is gone.
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


def test_extraction_under_constraint_has_no_issues(folders):
    engine = open_engine(str(folders[1]))
    found = Extractor(engine, SCHEMA, options=ExtractOptions(constrain=True)).extract(TEXTS[0])
    engine.backend.close()
    assert found.issues == ()


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
