"""The recipe of the embedded model from corpus to card, on a corpus of invented sentences."""

import json
import re
from pathlib import Path

import msgspec
import numpy
import pytest
import yaml
from safetensors.numpy import load_file

from chinchilla.engines.open import TAGGER_FILE, read_calibration
from chinchilla.errors import ConfigError
from chinchilla.files.jsonl import read_values
from chinchilla.instructions.records import Record
from chinchilla.mini.tagger import read_weights
from chinchilla.mini.train import card as mini_card
from chinchilla.mini.train import stages as mini
from chinchilla.mini.train.recipe import read_recipe
from chinchilla.pipeline import Extractor

NAMES = ["王明", "李华", "赵敏", "陈晨", "周正", "吴越"]
PLACES = ["宁波", "台州", "湖州", "泉州"]


def sentence(person: str, place: str) -> str:
    marked = [(person, "PER"), ("昨天在", ""), (place, "LOC"), ("开会，" + person[0] * 9, "")]
    rows = []
    for part, tag in marked:
        for i, character in enumerate(part):
            rows.append(f"{character} {('B-' if i == 0 else 'I-') + tag if tag else 'O'}")
    return "\n".join(rows) + "\n\n"


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("mini")
    text = "".join(sentence(person, place) for person in NAMES for place in PLACES)
    (root / "train.txt").write_text(text, encoding="utf-8")
    (root / "raw.txt").write_text(
        "".join(f"第{n}天，据报道，王明在宁波。\n" for n in range(90)), encoding="utf-8"
    )
    unseen = {"text": "王明去了宁波", "label": {"name": {"王明": [[0, 1]]}}}
    (root / "unseen.json").write_text((json.dumps(unseen) + "\n") * 2, encoding="utf-8")
    recipe = {
        "style": {"template": "compact-v1", "format": "compact"},
        "corpora": {"msra": {"converter": "msra", "train": ["train.txt"], "holdout": 6}},
        "tagger": {
            "heads": {"msra": {"msra": 2}},
            **{"pairs": 30, "width": 4, "parts": 2, "read": ["raw.txt"]},
            "bodies": {
                name: {"heads": ["msra"], "train": {"epochs": 1, "characters": 200}}
                for name in ("names", "own")
            },
        },
        "follow": {"msra": 20},
        "calibrate": ["msra"],
        "unseen": {"cluener": {"converter": "cluener", "dev": ["unseen.json"], "first": 1}},
        "build": {"subset": [0.0], "shuffle": [0.0], "copies": 4, "empty_kept": 1.0},
        "more": {"steps": 2, "raw_share": 0.0, "dropout": 0.1},
        "weights": {"copy": 1, "msra": 9, "msra-follow": 2},
        "substitute": {
            **{"corpora": ["msra"], "share": 0.5, "alike": [["人名"]], "times": {"msra": 2}}
        },
        "raw": {"raw.txt": 1},
        "vocabulary": {"least": 1, "raw": ["raw.txt"], "raw_least": 1},
        "shape": {"layers": 2, "hidden": 32, "heads": 2, "intermediate": 64},
        "train": {"steps": 3, "tokens": 512, "copy_steps": 2, "threads": 1}
        | {"raw_share": 1.0, "raw_until": 6, "raw_length": 15},
    }
    (root / "mini.yaml").write_text(yaml.safe_dump(recipe, allow_unicode=True), encoding="utf-8")
    (root / "mini.card.md").write_text(
        "{{size}}\n{{scores}}\n{{data}}\n{{calibration}}\n{{unseen}}\n"
    )
    return root


@pytest.mark.slow
def test_the_recipe_runs_from_corpus_to_card(work):
    recipe = read_recipe(work / "mini.yaml")
    counts = mini.prepare(recipe, work, work)
    # Sentences that differ from those kept aside in two names only are near duplicates.
    assert set(counts) == {"copy", "msra", "msra-follow"}
    assert counts["msra-follow"] == 20
    assert 0 < counts["msra"] <= 54
    leaks = json.loads((work / "leaks.json").read_text())
    assert sum(leaks["msra"].values()) == 18
    assert leaks["raw"] == leaks["pairs"] == {"kept": 90, "run": 0}
    weights = read_weights(work / TAGGER_FILE)
    assert weights.arrays["pairs.codes"].shape == (30, 2)
    assert len(weights.characters) < 300
    followed = [row for _, row in read_values(work / "records" / "msra-follow.jsonl", Record)]
    for record in followed:
        marked = re.findall("⟦([^/]+?)⟧(.+?)⟦/⟧", record.input)
        assert record.output == ("".join(f"{text}⟦{kind}⟧" for kind, text in marked) or "⟦⟧")
    mini.train(recipe, work)
    assert mini.export(recipe, work, work / "model") < 8e6
    rows = mini_card.evaluate(recipe, work, work / "model")
    assert [(row.corpus, row.documents) for row in rows] == [("msra", 6)]
    mini_card.write_card(recipe, work, work / "model", work / "mini.card.md")
    card = (work / "model" / "README.md").read_text(encoding="utf-8")
    assert "| msra | 6 |" in card
    assert "| cluener | 1 | 1 | 0 | 0 |" in card
    assert "{{" not in card
    assert "SIGHAN" in card
    if (work / "model" / "calibration.json").exists():
        read_calibration(work / "model" / "calibration.json")
    hints = Extractor(str(work / "model"), "msra").engine.style.hints
    assert Path(hints).read_bytes() == (work / TAGGER_FILE).read_bytes()


@pytest.mark.slow
def test_training_goes_on_from_a_model_and_only_from_the_same(work, tmp_path):
    recipe = read_recipe(work / "mini.yaml")
    mini.prepare(recipe, work, tmp_path)
    assert (tmp_path / TAGGER_FILE).read_bytes() == (work / TAGGER_FILE).read_bytes()
    for path in (work / "records").iterdir():
        assert (tmp_path / "records" / path.name).read_bytes() == path.read_bytes()
    mini.train(recipe, tmp_path, work / "model")
    log = (tmp_path / "run" / "metrics.jsonl").read_text(encoding="utf-8")
    assert json.loads(log.splitlines()[0])["new_tokens"] == []
    assert '"copy"' not in log
    settings = json.loads((tmp_path / "run" / "config.json").read_text(encoding="utf-8"))
    assert settings["steps"] == 2
    trained = load_file(tmp_path / "run" / "model" / "model.safetensors")
    mini.train(msgspec.structs.replace(recipe, start_share=0.5), tmp_path, work / "model")
    mixed = load_file(tmp_path / "run" / "model" / "model.safetensors")
    mini.train(msgspec.structs.replace(recipe, start_share=1.0), tmp_path, work / "model")
    begun = load_file(tmp_path / "run" / "model" / "model.safetensors")
    for name, value in mixed.items():
        assert numpy.allclose(value, (trained[name] + begun[name]) / 2, atol=1e-6), name
    assert any((value != trained[name]).any() for name, value in mixed.items())
    for folder, start in ((tmp_path, None), (work, work / "model")):
        with pytest.raises(ConfigError, match=r"was begun with .* give the same --start"):
            mini.train(recipe, folder, start)
    with pytest.raises(ConfigError, match="no such file; --start takes"):
        mini.train(recipe, tmp_path, tmp_path)


@pytest.mark.slow
def test_a_tagger_is_kept_while_nothing_changes(work, monkeypatch):
    recipe = read_recipe(work / "mini.yaml")
    folder = work / "kept"
    made = []
    go_on = mini.go_on
    monkeypatch.setattr(
        mini, "go_on", lambda *given, **more: made.append(given[2]) or go_on(*given, **more)
    )
    for _ in range(2):
        mini.prepare(recipe, work, folder)
        assert made == ["names", "own"]
    # Of another second body the first stays; of another seed none does.
    bodies = dict(recipe.tagger.bodies)
    bodies["own"] = msgspec.structs.replace(bodies["own"], train={"epochs": 2})
    other = msgspec.structs.replace(
        recipe, tagger=msgspec.structs.replace(recipe.tagger, bodies=bodies)
    )
    mini.prepare(other, work, folder)
    assert made == ["names", "own", "own"]
    mini.prepare(msgspec.structs.replace(recipe, seed=5), work, folder)
    assert made == ["names", "own", "own", "names", "own"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {
                "tagger": {
                    "heads": {"names": {"mrsa": 1}},
                    "bodies": {"own": {"heads": ["names"]}},
                }
            },
            "head names: no corpus 'mrsa'; did you mean",
        ),
        (
            {"weights": {"msra-folow": 1}},
            "weights: no corpus 'msra-folow'; did you mean 'msra-follow'",
        ),
        ({"follow": {"boson": 9}}, "follow: no corpus 'boson'"),
        ({"raw": {}}, "follow: needs a tagger, and raw text"),
        ({"tagger": None}, "follow: needs a tagger, and raw text"),
        (
            {"follow": {"facts": 9}, "corpora": {"facts": {"converter": "finre", "train": []}}},
            "follow: facts has no names",
        ),
        (
            {"style": {"support": {"mrsa": [None, 0]}}},
            "style, support: no head 'mrsa'; did you mean 'msra'",
        ),
        ({"style": {"glimpsed": {"mrsa": 1.0}}}, "style, glimpsed: no head 'mrsa'"),
        ({"start_share": 1.0}, "start_share: 1.0; a share is at least 0"),
        ({"more": {"dropout": -0.1}}, "more, dropout: -0.1; a share"),
    ],
)
def test_a_recipe_that_names_what_it_does_not_hold_is_told_so(work, tmp_path, change, message):
    value = yaml.safe_load((work / "mini.yaml").read_text(encoding="utf-8")) | change
    path = tmp_path / "mini.yaml"
    path.write_text(yaml.safe_dump(value, allow_unicode=True), encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        mini.prepare(read_recipe(path), work, tmp_path)


def test_a_recipe_without_a_card_template_is_told_so(work):
    recipe = read_recipe(work / "mini.yaml")
    with pytest.raises(ConfigError, match="no such file; the card"):
        mini_card.write_card(recipe, work, work / "model", work / "none.card.md")
