import pytest
from constrain_samples import CASES, SCHEMA, TEXTS, byte_fallback_tokenizer, byte_level_tokenizer
from test_constrain import assert_faultless
from tiny_models import build_model

from chinchilla.data.documents import Document, iter_mentions
from chinchilla.engines.constrain import AnswerConstraint
from chinchilla.engines.hf import TransformersBackend
from chinchilla.engines.open import open_engine
from chinchilla.errors import ModelError
from chinchilla.pipeline import ExtractOptions, Extractor
from chinchilla.prompts.messages import Prompt

PROMPTS = [
    Prompt("找出人名", text) for text in ("张伟在北京。", "李", "王芳加入百度，张伟加入华为。")
]


def save(folder, tokenizer, family="qwen2", further=0):
    """Save a random model whose answers differ with the prompt, with some further tokens."""
    import torch
    from transformers import PreTrainedTokenizerFast

    model = build_model(family, tokenizer.get_vocab_size() + further)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(std=0.4)
    model.save_pretrained(folder)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>"
    )
    wrapped.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module", params=["qwen2", "llama", "t5"])
def plain(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain")
    return TransformersBackend(save(folder, byte_fallback_tokenizer(), request.param))


@pytest.fixture(scope="module", params=["qwen2", "llama"])
def byte_level(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bytes")
    return TransformersBackend(save(folder, byte_level_tokenizer(), request.param))


def test_answers_come_in_the_order_of_the_prompts(plain):
    alone = [next(plain.generate([prompt], max_tokens=12)) for prompt in PROMPTS]
    together = list(plain.generate(PROMPTS, max_tokens=12))
    assert [a.text for a in together] == [a.text for a in alone]
    assert len({a.text for a in alone}) > 1


def test_each_token_has_an_end_and_a_log_probability(plain):
    for answer in plain.generate(PROMPTS, max_tokens=9):
        assert answer.finish_reason in ("stop", "length")
        assert len(answer.token_ends) == len(answer.log_probs) <= 9
        assert answer.token_ends[-1] == len(answer.text)
        assert list(answer.token_ends) == sorted(answer.token_ends)
        assert all(value <= 0 for value in answer.log_probs)


def test_an_answer_that_the_limit_cuts_says_so(plain):
    answers = list(plain.generate(PROMPTS, max_tokens=2))
    assert "length" in {answer.finish_reason for answer in answers}


@pytest.mark.parametrize(("task", "form"), CASES)
def test_random_models_under_constraint_give_faultless_answers(byte_level, task, form):
    constraints = [AnswerConstraint(SCHEMA, task, text, form) for text in TEXTS]
    prompts = [Prompt("找出", text) for text in TEXTS]
    together = list(byte_level.generate(prompts, max_tokens=32, constraints=constraints))
    for text, answer in zip(TEXTS, together, strict=True):
        assert answer.finish_reason == "stop"
        assert_faultless(answer.text, text, task, form)
        assert len(answer.log_probs) == len(answer.token_ends)
    alone = next(byte_level.generate(prompts[:1], max_tokens=32, constraints=constraints[:1]))
    # One prompt is read in stretches, several step by step: the answers are the same.
    assert alone.text == together[0].text
    assert alone.token_ends == together[0].token_ends
    assert alone.log_probs == pytest.approx(together[0].log_probs, abs=1e-3)


def test_rows_of_a_batch_may_have_schemas_tasks_and_forms_of_their_own(byte_level):
    asked = [(task, form, TEXTS[i]) for i, (task, form) in enumerate(CASES)]
    constraints = [AnswerConstraint(SCHEMA, task, text, form) for task, form, text in asked]
    prompts = [Prompt("找出", text) for _, _, text in asked]
    answers = byte_level.generate(prompts, max_tokens=40, constraints=constraints)
    for (task, form, text), answer in zip(asked, answers, strict=True):
        assert_faultless(answer.text, text, task, form)


def test_encoder_decoder_models_are_constrained_too(tmp_path):
    backend = TransformersBackend(save(tmp_path, byte_fallback_tokenizer(), "t5"))
    constraints = [AnswerConstraint(SCHEMA, "re", text, "compact") for text in TEXTS]
    prompts = [Prompt("关系", text) for text in TEXTS]
    answers = backend.generate(prompts, max_tokens=40, constraints=constraints)
    for text, answer in zip(TEXTS, answers, strict=True):
        assert_faultless(answer.text, text, "re", "compact")


def test_an_answer_without_room_to_end_is_refused(byte_level):
    constraint = AnswerConstraint(SCHEMA, "ner", "雀巢", "json")
    with pytest.raises(ValueError, match="max_tokens is 5; the shortest answer may take 16"):
        list(byte_level.generate([PROMPTS[0]], max_tokens=5, constraints=[constraint]))


def test_prompt_lookup_drafting_gives_the_same_constrained_answer(byte_level):
    import torch
    from transformers import GenerationConfig

    from chinchilla.engines.constrain.logits_processor import ConstraintProcessor

    text = TEXTS[0]
    ids = byte_level.tokenizer("找出\n" + text + "\n", return_tensors="pt").input_ids
    answers = []
    for drafted in (None, 4):
        walker = byte_level._walker(AnswerConstraint(SCHEMA, "ner", text))
        settings = GenerationConfig(
            max_new_tokens=80,
            do_sample=False,
            pad_token_id=0,
            eos_token_id=1,
            prompt_lookup_num_tokens=drafted,
        )
        with torch.inference_mode():
            output = byte_level.model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                generation_config=settings,
                logits_processor=[ConstraintProcessor([walker], ids.shape[1], 80)],
            )
        answers.append(output[0, ids.shape[1] :].tolist())
    assert answers[0] == answers[1]


def test_what_is_certain_is_read_in_one_pass(byte_level):
    from chinchilla.engines.constrain.stretch import guess

    walker = byte_level._walker(AnswerConstraint(SCHEMA, "ner", TEXTS[0]))

    def encode(text):
        return byte_level.tokenizer(text, add_special_tokens=False).input_ids

    assert byte_level.tokenizer.decode(guess(walker, encode)) == '{"entities":'
    assert walker.follow(encode('{"entities":[{"type":"人名","text":"宣'))
    assert byte_level.tokenizer.decode(guess(walker, encode)) == "布裁员400"


def test_extraction_under_constraint_has_no_issues(byte_level, tmp_path):
    folder = save(tmp_path, byte_level_tokenizer(), "qwen2")
    extractor = Extractor(
        open_engine(folder), SCHEMA, options=ExtractOptions(constrain=True, scores=True)
    )
    documents = [Document(str(i), text) for i, text in enumerate(TEXTS[:3])]
    for document in extractor.stream(documents):
        # The last item of an answer that repeats itself is one too many.
        assert {issue.kind for issue in document.issues} <= {"repeated"}
        assert all(
            m.start is not None or m.text in ("筹备", "正式") for _, m in iter_mentions(document)
        )


def test_a_folder_without_a_model_is_named(tmp_path):
    (tmp_path / "readme.txt").write_text("empty", encoding="utf-8")
    with pytest.raises(ModelError, match=r"holds no model \(found readme.txt\)"):
        open_engine(str(tmp_path))


def test_answers_end_where_tokenizer_settings_or_template_say(tmp_path):
    import json

    from tiny_models import build_tokenizer

    from chinchilla.engines.loading import greedy
    from chinchilla.engines.stops import cut_at, model_stops
    from chinchilla.train.export import export_model

    tokenizer = build_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|user|>", "<|end|>"]})
    tokenizer.chat_template = (
        "{% for m in messages %}{% if m.role == 'user' %}<|user|>{{ m.content }}"
        "{% else %}<bos>{{ m.content }}<|end|>{% endif %}{% endfor %}"
    )
    model = build_model("qwen2", len(tokenizer))
    model.generation_config.eos_token_id = [1, 7]
    model.config.eos_token_id = 9
    model.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    end = tokenizer.convert_tokens_to_ids("<|end|>")
    backend = TransformersBackend(str(tmp_path / "model"))
    stops = model_stops(backend.model, backend.tokenizer)
    assert stops == [1, 7, 9, end]
    # Templates that close no turn begin the next one.
    backend.tokenizer.chat_template = "{% for m in messages %}<|user|>{{ m.content }}{% endfor %}"
    user = tokenizer.convert_tokens_to_ids("<|user|>")
    assert model_stops(backend.model, backend.tokenizer) == [1, 7, 9, user]
    # One that takes nothing but its own turns says nothing.
    backend.tokenizer.chat_template = "{{ raise_exception('no') }}"
    assert model_stops(backend.model, backend.tokenizer) == [1, 7, 9]
    assert cut_at([4, 5, 7, 6, 1], [1, 7]) == ([4, 5], True)
    assert cut_at([4, 5], [1, 7]) == ([4, 5], False)
    # The model repeats one token: it ends each answer once it is a stop.
    ids = [[5, 6, 8]]
    [new] = greedy(backend.model, backend.tokenizer, ids, 6)
    backend.model.generation_config.eos_token_id = [1, new[2]]
    [cut] = greedy(backend.model, backend.tokenizer, ids, 6)
    assert cut == new[: new.index(new[2]) + 1]
    export_model(tmp_path / "model", tmp_path / "out")
    text = (tmp_path / "out" / "generation_config.json").read_text(encoding="utf-8")
    assert set(json.loads(text)["eos_token_id"]) == {1, 7, 9, end}


@pytest.mark.parametrize("family", ["opt", "qwen2"])
def test_a_prompt_beyond_the_context_is_refused_and_the_others_are_there(tmp_path, family):
    from tiny_models import save_model

    backend = TransformersBackend(save_model(tmp_path, family))
    assert backend.context == 2048
    prompts = [PROMPTS[0], Prompt("找出", "张" * 3000), Prompt("找出", "张" * 1990), PROMPTS[1]]
    answers = list(backend.generate(prompts, max_tokens=60))
    assert [a.is_too_long for a in answers] == [False, True, False, False]
    assert (answers[1].text, answers[1].finish_reason) == ("", "refused")
    assert backend.count_tokens(prompts[1]) > 3000
    assert "the model reads 2,048" in answers[1].problem


def test_a_hub_that_cannot_be_reached_is_told_at_once(monkeypatch):
    from huggingface_hub import constants

    from chinchilla.engines import hub

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "_is_cached", lambda model: model == "kept/model")
    for name in hub._PROXIES:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ModelError, match=r"some/model: .*not in the cache, and http://127.0.0.1:9"):
        open_engine("some/model")
    assert hub.hub_options("kept/model") == {"local_files_only": True}


def test_thinking_is_what_the_template_is_told():
    from tiny_models import build_tokenizer

    from chinchilla.engines.tokens import prompt_ids

    tokenizer = build_tokenizer()
    tokenizer.chat_template = (
        "{{ messages[0].content }}{% if enable_thinking %}a{% else %}b{% endif %}"
    )
    ids = [prompt_ids(tokenizer, PROMPTS[1], thinking=on)[-1] for on in (True, False)]
    assert tokenizer.convert_ids_to_tokens(ids) == ["a", "b"]
