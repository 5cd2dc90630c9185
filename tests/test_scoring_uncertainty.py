import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring_samples import bare, document, document_pairs, entities

from chinchilla.evaluate.scorers import score_documents
from chinchilla.evaluate.scorers.arrays import figures_of, macro_f1
from chinchilla.evaluate.scorers.by_name import SCORERS, tally_documents
from chinchilla.evaluate.scorers.counts import summarise
from chinchilla.evaluate.scorers.scorer import PLAIN, Arithmetic
from chinchilla.evaluate.scorers.uncertainty import bootstrap, compare, spread, to_dict

STRICT = SCORERS["strict"]
RIGHT = [("人名", "鲁迅", 0)]
WRONG = [("人名", "鲁迅", 9)]


def tallies(*predictions):
    gold = entities(*RIGHT)
    return tally_documents([(gold, entities(*found)) for found in predictions], STRICT)


def test_intervals_are_points_where_every_document_is_alike():
    found = bootstrap(tallies(*[RIGHT] * 20), STRICT)["entities"]["f1"]
    assert (found.value, found.low, found.high) == (1, 1, 1)


def test_intervals_hold_the_value_and_near_the_binomial_one():
    # 200 documents of one gold item, half of them right: F1 is the share of right documents, whose
    # standard error is sqrt(0.25 / 200) = 0.0354, so 95 % is about 0.5 -+ 0.069.
    found = bootstrap(tallies(*[RIGHT, WRONG] * 100), STRICT, samples=2000)["all"]["f1"]
    assert found.value == 0.5
    assert found.low == pytest.approx(0.431, abs=0.015)
    assert found.high == pytest.approx(0.569, abs=0.015)


def test_the_same_seed_gives_the_same_interval():
    rows = tallies(*[RIGHT, WRONG, []] * 5)
    assert bootstrap(rows, STRICT, samples=50) == bootstrap(rows, STRICT, samples=50)
    assert bootstrap(rows, STRICT, samples=50) != bootstrap(rows, STRICT, samples=50, seed=1)


def test_values_of_intervals_are_the_scores():
    gold = entities(("人名", "鲁迅", 0), ("作品", "呐喊", 5))
    pairs = [(gold, entities(("人名", "鲁迅", 0), ("作品", "鲁迅", 0))), (document(), gold)]
    rows = tally_documents(pairs, STRICT)
    found = bootstrap(rows, STRICT, samples=10)
    section = score_documents(pairs).sections["entities"]
    assert found["entities"]["precision"].value == section.micro.precision
    assert found["entities"]["f1"].value == pytest.approx(section.micro.f1, abs=1e-15)
    assert found["entities"]["macro_f1"].value == pytest.approx(section.macro.f1, abs=1e-15)
    assert "macro_f1" not in found["all"]


def test_equal_outputs_differ_by_nothing_with_p_one():
    rows = tallies(*[RIGHT, WRONG] * 10)
    found = compare(rows, rows, STRICT)["all"]
    assert (found.difference, found.p_value) == (0, 1)


def test_the_randomisation_test_agrees_with_the_exact_sign_test():
    # The outputs differ on 6 documents, all in favour of the second: F1 0 against 1. Of the 2^6
    # ways to swap them 2 give a difference as large, so p = 2/64 = 0.03125.
    found = compare(tallies(*[WRONG] * 6), tallies(*[RIGHT] * 6), STRICT)["entities"]
    assert (found.first, found.second, found.difference) == (0, 1, 1)
    assert found.p_value == pytest.approx(2 / 64, abs=0.006)


def test_a_difference_that_chance_explains_has_a_large_p():
    first = tallies(*[RIGHT, WRONG] * 10)
    second = tallies(*[WRONG, RIGHT] * 9, RIGHT, RIGHT)
    found = compare(first, second, STRICT)["all"]
    assert found.difference == pytest.approx(0.05, abs=1e-12)
    assert found.p_value > 0.5
    assert found.low < 0 < found.high


def test_outputs_of_different_length_cannot_be_compared():
    with pytest.raises(ValueError, match="2 and 1 tallies cannot be paired"):
        compare(tallies(RIGHT, RIGHT), tallies(RIGHT), STRICT)


def test_spread_over_seeds_is_mean_and_sample_deviation():
    gold = entities(("人名", "鲁迅", 0), ("人名", "鲁迅", 9))
    runs = [
        score_documents([(gold, entities(*found))])
        for found in (RIGHT + WRONG, RIGHT + WRONG, RIGHT)
    ]
    # Recall 1, 1 and 1/2: mean 5/6; squared deviations 1/36, 1/36, 4/36; / 2 = 1/12.
    found = spread(runs)["entities"]["recall"]
    assert found.mean == pytest.approx(5 / 6, abs=1e-15)
    assert found.deviation == pytest.approx((1 / 12) ** 0.5, abs=1e-15)
    assert (found.low, found.high, found.runs) == (0.5, 1, 3)
    assert to_dict(spread(runs))["all"]["f1"]["runs"] == 3


def test_iepile_intervals_are_rounded_as_its_scores_are():
    gold = entities(*[("人名", f"甲{i}", None) for i in range(7)])
    pairs = [(gold, entities(("人名", "甲0", None)))] * 3
    scorer = SCORERS["iepile"]
    found = bootstrap(tally_documents(pairs, scorer), scorer, samples=5)["all"]["f1"]
    assert found.value == score_documents(pairs, scorer).all.f1 == 0.2501


def test_samples_without_an_item_are_left_out():
    # Without relations a sample says nothing of them: 2 of 300 documents are enough for F1 1.
    related = document(relations=[bare("作者", "呐喊", "鲁迅")])
    rows = tally_documents([(d, d) for d in [related] * 2 + [document()] * 298], STRICT)
    found = bootstrap(rows, STRICT)
    for figure in ("precision", "recall", "f1", "macro_f1"):
        interval = found["relations"][figure]
        assert (interval.value, interval.low, interval.high) == (1, 1, 1)


def test_each_ratio_is_undefined_where_it_divides_by_nothing():
    # Rows are gold, predicted, correct, matched, of two types in each sample.
    samples = [
        [[0, 0, 0, 0], [0, 0, 0, 0]],
        [[2, 0, 0, 0], [0, 0, 0, 0]],
        [[0, 3, 0, 0], [0, 0, 0, 0]],
        [[1, 1, 1, 1], [1, 0, 0, 0]],
        [[1, 1, 1, 1], [0, 1, 0, 0]],
    ]
    counts = np.array(samples, dtype=float)
    found = figures_of(counts, PLAIN)
    nan = math.nan
    assert found["precision"] == pytest.approx([nan, nan, 0, 1, 0.5], nan_ok=True)
    assert found["recall"] == pytest.approx([nan, 0, nan, 0.5, 1], nan_ok=True)
    assert found["f1"] == pytest.approx([nan, 0, 0, 2 / 3, 2 / 3], nan_ok=True)
    # The mean is over the types that gold holds: none, one, none, two, one.
    names = [("entities", "人名"), ("entities", "作品")]
    assert macro_f1(counts, names, PLAIN) == pytest.approx([nan, 0, nan, 0.5, 1], nan_ok=True)
    # With the types of predictions too: none, one, one, two, two.
    either = Arithmetic(either_side=True)
    assert macro_f1(counts, names, either) == pytest.approx([nan, 0, 0, 0.5, 0.5], nan_ok=True)


@pytest.mark.parametrize("scorer", sorted(SCORERS))
@settings(deadline=None, max_examples=30)
@given(pairs=st.lists(document_pairs(), min_size=2, max_size=3))
def test_values_of_intervals_are_those_of_the_result_for_every_scorer(scorer, pairs):
    rows = tally_documents(pairs, SCORERS[scorer])
    found = bootstrap(rows, SCORERS[scorer], samples=5)
    for name, section in summarise(SCORERS[scorer], rows).sections.items():
        for figure, value in (("f1", section.micro.f1), ("precision", section.micro.precision)):
            if figure in found.get(name, {}):
                assert found[name][figure].value == pytest.approx(value, abs=1e-12)
        if "macro_f1" in found.get(name, {}):
            assert found[name]["macro_f1"].value == pytest.approx(section.macro.f1, abs=1e-12)


@pytest.mark.filterwarnings("error")
def test_one_document_has_no_interval():
    assert bootstrap(tallies(RIGHT), STRICT, samples=10) == {}
    found = compare(tallies(WRONG), tallies(RIGHT), STRICT, samples=10)["entities"]
    assert found.difference == 1
    assert math.isnan(found.low)


@pytest.mark.filterwarnings("error")
def test_what_no_sample_has_gets_no_interval():
    nothing = tally_documents([(document(), document())] * 3, STRICT)
    assert bootstrap(nothing, STRICT, samples=10) == {"all": {}}
    invented = tally_documents([(document(), entities(*RIGHT))] * 3, STRICT)
    found = bootstrap(invented, STRICT, samples=10)
    # There is no gold, so neither recall nor a type to take the mean over.
    assert sorted(found["entities"]) == ["f1", "precision"]
    assert to_dict(found["entities"]["f1"]) == {"value": 0, "low": 0, "high": 0}


def test_comparisons_leave_out_samples_without_an_item():
    # The one document that counts is wrong in the first output and right in the second.
    rest = tally_documents([(document(), document())] * 299, STRICT)
    found = compare(tallies(WRONG) + rest, tallies(RIGHT) + rest, STRICT, samples=1000)["entities"]
    assert (found.first, found.second, found.difference) == (0, 1, 1)
    assert (found.low, found.high) == (1, 1)
    assert found.p_value == 1  # of the two ways to swap both give a difference as large


@pytest.mark.filterwarnings("error")
def test_a_comparison_without_any_f1_has_no_interval():
    silent = tally_documents([(document(), document())] * 3, STRICT)
    invented = tally_documents([(document(), entities(*RIGHT))] * 3, STRICT)
    found = compare(silent, invented, STRICT, samples=10)["entities"]
    assert (found.first, found.second, found.p_value) == (0, 0, 1)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
