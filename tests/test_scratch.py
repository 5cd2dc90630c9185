"""Training a small model from nothing: tokenizer, copying curriculum, resuming, export."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chinchilla import Document, Event, Mention
from chinchilla.jsonl import write_values
from chinchilla.train.curriculum import MARKS, copy_example
from chinchilla.train.scratch import ModelShape, Scratch, ScratchConfig, Source
from chinchilla.train.scratch_tokenizer import build_tokenizer
from chinchilla.train.silver import read_votes, trigger_lexicon

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


def test_a_killed_run_goes_on_to_the_same_weights(records, tmp_path):
    tokenizer = build_tokenizer(CHARACTERS, LABELS)

    class Killed(Scratch):
        def _update(self, *arguments):
            if self.step == 3:
                raise KeyboardInterrupt
            return super()._update(*arguments)

    recipe = config(records, raw_share=1.0, raw_until=5, raw_length=7)
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


def test_the_loss_falls_and_is_logged(records, tmp_path):
    tokenizer = build_tokenizer(CHARACTERS, LABELS)
    run = Scratch(config(records, steps=100, copy_steps=0, lr=1e-2), tokenizer, tmp_path / "run")
    run.train("", CHARACTERS, LABELS)
    lines = (tmp_path / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    losses = [json.loads(line)["loss"] for line in lines]
    assert len(losses) == 2
    assert losses[1] < losses[0]
    assert (tmp_path / "run" / "model" / "model.safetensors").stat().st_size > 1000


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
