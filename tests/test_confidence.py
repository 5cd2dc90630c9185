"""Scores are geometric means of token probabilities; calibration makes them honest."""

import math
import random
from itertools import accumulate

import pytest

from chinchilla.data.documents import Argument, Entity, Event, Extraction, Mention, Relation
from chinchilla.data.schema import Schema
from chinchilla.decoding.confidence import (
    Calibration,
    TokenScores,
    calibrate,
    fit_calibration,
    item_scores,
)
from chinchilla.decoding.formats import Item
from chinchilla.decoding.parse import parse
from chinchilla.engines.model_files import read_calibration
from chinchilla.errors import ModelError
from chinchilla.evaluate.scorers.calibration import ScoredItem
from chinchilla.evaluate.scorers.calibration import calibrate as measure

EVENTS = Schema.from_dict({"name": "e", "events": [{"name": "裁员", "roles": ["裁员方"]}]})


def logs(*probabilities: float) -> list[float]:
    return [math.log(p) for p in probabilities]


def test_a_score_is_the_geometric_mean_over_the_tokens_that_touch_the_ranges() -> None:
    # Tokens end at 2, 3, 5, 9; [1, 4) touches the first three: (0.5 * 0.2 * 0.8) ** (1/3).
    tokens = TokenScores((2, 3, 5, 9), logs(0.5, 0.2, 0.8, 0.1))
    assert tokens.score([(1, 4)]) == pytest.approx(0.08 ** (1 / 3))
    assert tokens.score([(0, 2)]) == pytest.approx(0.5)
    # Two ranges, one token each: sqrt(0.5 * 0.1).
    assert tokens.score([(0, 1), (6, 7)]) == pytest.approx(0.05**0.5)
    assert tokens.score([(-1, -1)]) is None


def test_the_end_token_belongs_to_no_mention() -> None:
    tokens = TokenScores((2, 2), logs(0.5, 0.001))
    assert tokens.score([(0, 2)]) == pytest.approx(0.5)


def test_an_item_has_a_score_as_a_whole_for_its_head_and_for_each_slot() -> None:
    item = Item("re", "作者", "边城", (("", "沈从文"),), ((0, 1), (1, 2), (2, 3)))
    (scores,) = item_scores([item], (1, 2, 3), logs(0.9, 0.4, 0.1))
    assert scores.head == pytest.approx(0.36**0.5)
    assert scores.slots == (pytest.approx(0.1),)
    assert scores.whole == pytest.approx(0.036 ** (1 / 3))


@pytest.mark.parametrize(
    ("form", "tokens"),
    [
        ("compact", ("裁员⟦裁", "员⟧", "雀巢", "⟦裁员方⟧")),
        (
            "json",
            (
                '[{"type":"裁员","trigger":"裁',
                '员","arguments":[{"role":',
                '"裁员方","',
                'text":"雀巢"}]}]',
            ),
        ),
    ],
)
def test_the_score_of_an_argument_counts_its_role(form: str, tokens: tuple[str, ...]) -> None:
    (item,) = parse("".join(tokens), form, ("ee",), EVENTS).items
    ends = list(accumulate(map(len, tokens)))
    (scores,) = item_scores([item], ends, logs(1.0, 1.0, 0.4, 0.9))
    assert scores.slots == (pytest.approx(0.36**0.5),)


def test_without_tokens_nothing_has_a_score() -> None:
    item = Item("ner", "人名", "王芳", (), ((0, 1), (1, 2)))
    assert item_scores([item], (), ())[0].whole is None


def test_calibration_lowers_the_error_and_keeps_the_order() -> None:
    rng = random.Random(7)
    scores = [rng.random() for _ in range(3000)]
    correct = [rng.random() < score**3 for score in scores]
    calibration = fit_calibration(scores, correct)
    better = [calibration.apply(score) for score in scores]
    measured = measure([ScoredItem(*item) for item in zip(scores, correct, strict=True)])
    assert measured.error > 0.2
    assert measured.error_after < 0.05
    assert sorted(range(3000), key=scores.__getitem__) == sorted(
        range(3000), key=better.__getitem__
    )


def test_calibration_of_honest_scores_changes_little() -> None:
    rng = random.Random(8)
    scores = [rng.random() for _ in range(5000)]
    calibration = fit_calibration(scores, [rng.random() < score for score in scores])
    assert calibration.temperature == pytest.approx(1.0, abs=0.15)
    assert calibration.bias == pytest.approx(0.0, abs=0.15)


def test_one_sided_outcomes_teach_nothing() -> None:
    assert fit_calibration([0.3, 0.9], [True, True]) == Calibration()
    with pytest.raises(ValueError, match="1 scores but 2 outcomes"):
        fit_calibration([0.5], [True, False])


def test_separable_outcomes_stay_finite() -> None:
    calibration = fit_calibration([0.1, 0.2, 0.8, 0.9], [False, False, True, True])
    assert all(0 <= calibration.apply(score) <= 1 for score in (0.0, 0.5, 1.0))


def test_each_kind_of_score_has_its_own_calibration() -> None:
    low, high = Calibration(bias=-4.0), Calibration(bias=4.0)
    husband, wife = Entity(None, "甲", 5, 6, 0.5), Entity(None, "乙", 7, 8)
    event = Event("结婚", Mention("婚", 3, 4), (Argument("人", "甲", 5, 6, 0.5),), 0.5)
    found = Extraction(
        (Entity("人名", "王芳", 0, 2, 0.5),), (Relation("妻子", husband, wife, {}, 0.5),), (event,)
    )
    kinds = {"entities": high, "relations": low, "triggers": high, "arguments": low}
    better = calibrate(found, Calibration(kinds=kinds))
    assert better.entities[0].score == pytest.approx(0.982, abs=1e-3)
    assert better.relations[0].score == pytest.approx(0.018, abs=1e-3)
    assert better.relations[0].subject.score == pytest.approx(0.018, abs=1e-3)
    assert better.relations[0].object.score is None
    assert better.events[0].score == pytest.approx(0.982, abs=1e-3)
    assert better.events[0].trigger.score is None
    assert better.events[0].arguments[0].score == pytest.approx(0.018, abs=1e-3)


def test_a_calibration_of_kinds_is_read_from_its_file(tmp_path) -> None:
    path = tmp_path / "calibration.json"
    path.write_text('{"temperature": 2, "bias": 1, "kinds": {"arguments": {"temperature": 3}}}')
    found = read_calibration(path)
    assert found == Calibration(2.0, 1.0, {"arguments": Calibration(3.0)})
    path.write_text('{"temperature": 2, "kinds": [1]}')
    with pytest.raises(ModelError, match="evaluate --calibrate"):
        read_calibration(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"temperature": 0}', "temperature is 0; expected a number above 0"),
        ('{"temperature": -2.0}', "temperature is -2.0; expected a number above 0"),
        ('{"temperature": NaN}', "temperature is nan; expected a number above 0"),
        ('{"temperature": "2"}', "temperature is '2'; expected a number above 0"),
        ('{"temperature": true}', "temperature is True; expected a number above 0"),
        ('{"bias": 1}', "temperature is None; expected a number above 0"),
        ('{"temperature": 2, "bias": Infinity}', "bias is inf; expected a number"),
        (f'{{"temperature": 2, "bias": 1{"0" * 400}}}', "expected a number"),
        (
            '{"temperature": 2, "kinds": {"arguments": {"temperature": 0}}}',
            "kinds.arguments.temperature is 0; expected a number above 0",
        ),
    ],
)
def test_a_calibration_out_of_range_is_refused_by_field(tmp_path, content, message) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(content)
    with pytest.raises(ModelError) as caught:
        read_calibration(path)
    assert str(caught.value).startswith(f"{path}: no calibration (")
    assert message in str(caught.value)
