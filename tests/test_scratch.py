"""Training a small model from nothing: tokenizer, copying curriculum, resuming, export."""

import json
import random
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chinchilla import Document, Event, Mention
from chinchilla.errors import ConfigError
from chinchilla.files.jsonl import write_values
from chinchilla.mini.train.curriculum import MARKS, copy_example
from chinchilla.mini.train.scratch import ModelShape, Scratch, ScratchConfig, Source, _cut
from chinchilla.mini.train.scratch_tokenizer import build_tokenizer
from chinchilla.mini.train.silver import read_votes, trigger_lexicon
from chinchilla.mini.train.warm_start import warm_start

LABELS = ["⟦⟧", "⟦人名⟧", "⟦地名⟧"]
CHARACTERS = "甲乙丙实体在会见了京沪抄写「」\n，。"


@given(st.text(max_size=40))
def test_every_text_survives_the_tokenizer(text):
    tokenizer = build_tokenizer(CHARACTERS, LABELS)
    assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == text


def test_known_labels_are_one_token_and_others_are_spelt():
    tokenizer = build_tokenizer(CHARACTERS, LABELS)
    assert tokenizer.encode("甲⟦人名⟧").tokens == ["甲", "⟦人名⟧"]
    assert len(tokenizer.encode("⟦菜名⟧").tokens) > 4


@given(st.integers(1, 120), st.integers())
def test_copying_asks_for_the_bracketed_spans_in_order(length, seed):
    text, answer = copy_example(random.Random(seed), length, CHARACTERS, "甲乙丙" * 100)
    inside = [piece.split(MARKS[1])[0] for piece in text.split(MARKS[0])[1:]]
    assert answer == "".join(f"{span}⟦⟧" for span in inside)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    path = tmp_path_factory.mktemp("records") / "r.jsonl"
    rows = [
        {
            "instruction": "实体⟦人名⟧⟦地名⟧",
            "input": f"{person}在{place}会见了乙",
            "output": f"{person}⟦人名⟧{place}⟦地名⟧乙⟦人名⟧",
            "id": str(i),
            "task": "ner",
            "source": "test",
            "schema": ["人名", "地名"],
            "lang": "zh",
        }
        for i, (person, place) in enumerate([(p, q) for p in "甲丙" for q in "京沪"] * 8)
    ]
    write_values(path, rows)
    return str(path)


def config(records, **changes):
    options = {
        "sources": {"test": Source((records,), 1.0)},
        "shape": ModelShape(layers=1, hidden=16, heads=2, intermediate=32),
        "steps": 6,
        "tokens": 128,
        "copy_steps": 2,
        "threads": 1,
        "save_minutes": 0.0,
    }
    return ScratchConfig(**{**options, **changes})


def weights(run):
    return {name: value.clone() for name, value in run.model.state_dict().items()}


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_killed_run_goes_on_to_the_same_weights(records, tmp_path, dropout):
    tokenizer = build_tokenizer(CHARACTERS, LABELS)

    class Killed(Scratch):
        def _update(self, *arguments):
            if self.step == 3:
                raise KeyboardInterrupt
            return super()._update(*arguments)

    recipe = config(records, raw_share=1.0, raw_until=5, raw_length=7, dropout=dropout)
    texts = "甲乙丙" * 50, CHARACTERS, LABELS, "甲在京会见了乙\n丙在沪\n" * 40
    straight = Scratch(recipe, tokenizer, tmp_path / "straight")
    straight.train(*texts)
    with pytest.raises(KeyboardInterrupt):
        Killed(recipe, tokenizer, tmp_path / "killed").train(*texts)
    resumed = Scratch(recipe, tokenizer, tmp_path / "killed")
    assert (resumed.copy_step, resumed.step) == (2, 3)
    resumed.train(*texts)
    left, right = weights(straight), weights(resumed)
    assert all(bool((left[name] == right[name]).all()) for name in left)


def test_dropout_changes_what_is_learnt_and_nothing_afterwards(records, tmp_path):
    import torch

    tokenizer = build_tokenizer(CHARACTERS, LABELS)
    plain, dropped = (
        Scratch(config(records, copy_steps=0, dropout=share), tokenizer, tmp_path / str(share))
        for share in (0.0, 0.3)
    )
    for run in (plain, dropped):
        run.train("", CHARACTERS, LABELS)
    left, right = weights(plain), weights(dropped)
    assert left.keys() == right.keys()
    assert not all(bool((left[name] == right[name]).all()) for name in left)
    dropped.model.eval()
    ids = torch.tensor([[1, 2, 3]])
    assert torch.equal(dropped.model(ids).logits, dropped.model(ids).logits)


def test_the_loss_falls_and_is_logged(records, tmp_path):
    tokenizer = build_tokenizer(CHARACTERS, LABELS)
    run = Scratch(config(records, steps=100, copy_steps=0, lr=1e-2), tokenizer, tmp_path / "run")
    run.train("", CHARACTERS, LABELS)
    lines = (tmp_path / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    losses = [json.loads(line)["loss"] for line in lines]
    assert len(losses) == 2
    assert losses[1] < losses[0]
    assert (tmp_path / "run" / "model" / "model.safetensors").stat().st_size > 1000


@pytest.fixture(scope="module")
def converted(records, tmp_path_factory):
    """A model trained for a step, its tokenizer and its conversion to CTranslate2 int8."""
    from ctranslate2.converters import TransformersConverter

    folder = tmp_path_factory.mktemp("converted")
    tokenizer = build_tokenizer(CHARACTERS, LABELS)
    run = Scratch(config(records, steps=1, copy_steps=0), tokenizer, folder / "run")
    run.train("", CHARACTERS, LABELS)
    model = folder / "run" / "model"
    TransformersConverter(str(model)).convert(str(folder / "ct2"), quantization="int8")
    shutil.copy(model / "tokenizer.json", folder / "ct2")
    return run, tokenizer, folder / "ct2"


def test_training_begins_with_a_converted_model(records, converted, tmp_path):
    import torch

    trained, tokenizer, folder = converted
    fresh = Scratch(config(records), tokenizer, tmp_path)
    assert warm_start(fresh.model, tokenizer, folder) == []
    ids = torch.tensor([tokenizer.encode("甲在京会见了乙").ids])
    with torch.no_grad():
        expected, found = trained.model(ids).logits, fresh.model(ids).logits
    size = tokenizer.get_vocab_size()
    assert torch.allclose(expected[..., :size], found[..., :size], atol=0.05)


def test_tokens_are_matched_by_name(records, converted, tmp_path):
    trained, tokenizer, folder = converted
    other = build_tokenizer(CHARACTERS[::-1], ["⟦新⟧", *LABELS])
    fresh = Scratch(config(records), other, tmp_path)
    assert warm_start(fresh.model, other, folder) == ["⟦新⟧"]
    old = trained.model.get_input_embeddings().weight[tokenizer.token_to_id("京")]
    new = fresh.model.get_input_embeddings().weight[other.token_to_id("京")]
    assert (old - new).abs().max() < 0.02


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"hidden": 32}, r"embed_tokens.weight is \(16,\), the recipe's \(32,\)"),
        ({"heads": 4}, r"heads is \(2,\), the recipe's \(4,\)"),
        ({"layers": 2}, r"model.layers.1.* is missing, the recipe's \(16,\)"),
    ],
)
def test_a_model_of_another_shape_is_refused(records, converted, tmp_path, changes, told):
    _, tokenizer, folder = converted
    shape = ModelShape(**{"layers": 1, "hidden": 16, "heads": 2, "intermediate": 32} | changes)
    run = Scratch(config(records, shape=shape), tokenizer, tmp_path / "run")
    with pytest.raises(ConfigError, match=told):
        warm_start(run.model, tokenizer, folder)


def test_what_is_no_model_is_refused(records, converted, tmp_path):
    _, tokenizer, folder = converted
    run = Scratch(config(records), tokenizer, tmp_path / "run")
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    (broken / "model.bin").write_bytes((folder / "model.bin").read_bytes()[:300])
    for place, told in ((broken, "no model of CTranslate2"), (tmp_path, "No such file")):
        with pytest.raises(ConfigError, match=f"cannot begin with this model .*{told}"):
            warm_start(run.model, tokenizer, place)
    with pytest.raises(ConfigError, match="shares no token"):
        warm_start(run.model, _Vocabulary({"〇": 0}), folder)


class _Vocabulary(dict):
    def get_vocab(self, _):
        return self


def test_what_is_dropped_is_dropped_of_records_alone(records, tmp_path):
    modes = []

    class Watched(Scratch):
        def _update(self, *arguments):
            modes.append(self.model.training)
            return super()._update(*arguments)

    recipe = config(records, raw_share=2.0, raw_until=4, raw_length=7, dropout=0.3)
    run = Watched(recipe, build_tokenizer(CHARACTERS, LABELS), tmp_path)
    run.copy_step = recipe.copy_steps
    raw = "甲在京会见了乙\n" * 40
    run.train("甲乙丙" * 50, CHARACTERS, LABELS, raw)
    assert modes == [not run._is_raw(raw, step) for step in range(recipe.steps)]
    # Beyond a share of 1 all steps read raw text.
    assert modes[:3] == [False] * 3
    assert modes[4:] == [True] * (recipe.steps - 4)


def test_a_step_in_parts_is_the_step_as_a_whole(records, tmp_path):
    tokenizer = build_tokenizer(CHARACTERS, LABELS)
    whole = Scratch(config(records), tokenizer, tmp_path / "whole")
    parts = Scratch(config(records, tokens_together=40), tokenizer, tmp_path / "parts")
    batch = next(whole._batches())
    assert len(list(_cut(batch, 40))) > 2
    losses = [float(run._update(batch, 1e-3)) for run in (whole, parts)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-2)
    left, right = weights(whole), weights(parts)
    assert all(float((left[name] - right[name]).abs().max()) < 2e-3 for name in left)


def test_silver_events_need_agreement_and_a_known_trigger(tmp_path):
    gold = [Document("g", "甲裁员", events=(Event("裁员类", Mention("裁员", 1, 3)),))]
    texts, votes = tmp_path / "texts.jsonl", []
    write_values(texts, [{"id": "1", "text": "丙裁员三百人"}, {"id": "2", "text": "丁开会"}])
    event = {"event_type": "裁员类", "arguments": [{"role": "裁员方", "argument": "丙"}]}
    for number in range(3):
        path = Path(tmp_path / f"v{number}.jsonl")
        write_values(path, [{"id": "1", "event_list": [event]}, {"id": "2", "event_list": [event]}])
        votes.append(path)
    found = list(read_votes(texts, votes, 3, trigger_lexicon(gold)))
    assert [document.id for document in found] == ["1"]
    assert found[0].events[0].trigger == Mention("裁员", 1, 3)
    assert [(a.role, a.start) for a in found[0].events[0].arguments] == [("裁员方", 0)]
