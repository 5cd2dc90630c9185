import math

import pytest
from scoring_samples import document, event, mention, relation

from chinchilla.decoding.confidence import Calibration
from chinchilla.evaluate.scorers.calibration import ScoredItem, calibrate, scored_items


def test_expected_error_is_the_weighted_gap_of_score_and_share_right():
    items = [(0.95, True), (0.95, True), (0.95, False), (0.25, False)]
    found = calibrate([ScoredItem(*item) for item in items])
    # Bin [0.9, 1): 3 items, score 0.95, right 2/3, gap 0.28333; bin [0.2, 0.3): 1 item, gap 0.25.
    assert found.error == pytest.approx((3 * (0.95 - 2 / 3) + 0.25) / 4, abs=1e-12)
    # Brier: (0.0025 + 0.0025 + 0.9025 + 0.0625) / 4
    assert found.brier == pytest.approx(0.97 / 4, abs=1e-12)
    assert found.log_loss == pytest.approx(
        -(2 * math.log(0.95) + math.log(0.05) + math.log(0.75)) / 4, abs=1e-9
    )
    assert [part.count for part in found.bins] == [0, 0, 1, 0, 0, 0, 0, 0, 0, 3]


def test_a_score_of_one_belongs_to_the_last_bin():
    assert calibrate([ScoredItem(1.0, True), ScoredItem(0.0, False)]).error == pytest.approx(
        0, abs=1e-9
    )


def test_calibration_makes_over_confident_scores_modest():
    # All scores 0.9, 60 % right: the error is |0.9 - 0.6| = 0.3, and the best constant is 0.6.
    items = [ScoredItem(0.9, True)] * 60 + [ScoredItem(0.9, False)] * 40
    found = calibrate(items)
    assert found.error == pytest.approx(0.3, abs=1e-12)
    assert found.error_after == pytest.approx(0, abs=1e-2)
    assert Calibration(found.temperature, found.bias).apply(0.9) == pytest.approx(0.6, abs=1e-2)
    assert found.log_loss_after < found.log_loss


def test_nothing_scored_gives_no_calibration():
    assert calibrate([]) is None


def test_scores_are_paired_with_being_right_by_the_strict_rule():
    gold = document(
        entities=[mention("鲁迅", 0, type="人名")],
        relations=[relation()],
        events=[event("出版", ("写", 2), ("作者", "鲁迅", 0))],
    )
    predicted = document(
        entities=[
            mention("鲁迅", 0, type="人名", score=0.9),
            mention("鲁迅", 9, type="人名", score=0.8),
            mention("呐喊", 5, type="作品"),
        ],
        relations=[{**relation(), "score": 0.7}],
        events=[
            {
                **event("出版", ("写", 2)),
                "arguments": [mention("鲁迅", 0, role="作者", score=0.5)],
                "score": 0.6,
            }
        ],
    )
    assert scored_items([(gold, predicted)]) == [
        (0.9, True, "entities"),
        (0.8, False, "entities"),
        (0.7, True, "relations"),
        (0.6, True, "triggers"),
        (0.5, True, "arguments"),
    ]


def test_each_kind_of_item_is_calibrated_by_itself():
    names = [ScoredItem(0.9, True, "entities")] * 90 + [ScoredItem(0.9, False, "entities")] * 10
    roles = [ScoredItem(0.9, True, "arguments")] * 30 + [ScoredItem(0.9, False, "arguments")] * 70
    found = calibrate([*names, *roles])
    assert found.error == pytest.approx(0.3, abs=1e-12)
    assert found.error_after == pytest.approx(0, abs=1e-2)
    kinds = found.to_dict()["kinds"]
    assert kinds["arguments"]["bias"] < kinds["entities"]["bias"]
