import sys

import pytest
from hypothesis import given, settings
from scoring_samples import bare, document, document_pairs, entities, event, figures, relation

from chinchilla.errors import ModelError
from chinchilla.evaluate.scorers import score_documents
from chinchilla.evaluate.scorers.sequence import _seqeval, bio_tags, bmes_tags


def score(gold, predicted, scorer):
    return score_documents([(gold, predicted)], scorer)


def test_iepile_rounds_precision_and_recall_before_f1():
    gold = entities(*[("人名", f"甲{i}", None) for i in range(7)])
    predicted = entities(("人名", "甲0", None))
    # One right of 1 predicted and 7 gold: P = 100 %, R = 14.29 %, F1 = 2 * 14.29 / 1.1429
    # = 25.0066 -> 25.01 %; without the rounding of R it is 2 / 8 = 25 %.
    result = score(gold, predicted, "iepile").all
    assert (result.precision, result.recall, result.f1) == (1, 0.1429, 0.2501)
    assert score(gold, predicted, "string").all.f1 == pytest.approx(0.25, abs=1e-15)


def test_iepile_drops_nan_on_both_sides():
    gold = document(relations=[bare("作者", "书", "NAN"), bare("作者", "书", "甲")])
    predicted = document(relations=[bare("作者", "书", "甲"), bare("导演", "NAN", "甲")])
    assert figures(score(gold, predicted, "iepile").all) == (1, 1, 1)


def test_iepile_matches_each_gold_listing_once():
    gold = entities(("人名", "甲", None), ("人名", "甲", None))
    predicted = entities(*[("人名", "甲", None)] * 3)
    assert figures(score(gold, predicted, "iepile").all) == (2, 3, 2)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("set", (1, 2, 1, 1)),  # distinct items: 鲁迅 of gold; 鲁迅 and 呐喊 predicted
        ("normal", (1, 4, 1, 1)),  # four listings, gold matched once
        ("multimatch", (1, 4, 3, 3)),  # the three 鲁迅 all count, so recall is 3
    ],
)
def test_universal_ie_modes(mode, expected):
    gold = entities(("人名", "鲁迅", 0))
    predicted = entities(*[("人名", "鲁迅", 0)] * 3, ("人名", "呐喊", 5))
    found = score(gold, predicted, f"uie-offset-{mode}").sections["entities"].micro
    assert (found.gold, found.predicted, found.correct, found.matched) == expected


def test_universal_ie_strings_disregard_offsets():
    gold, predicted = entities(("人名", "鲁迅", 0)), entities(("人名", "鲁迅", 9))
    assert score(gold, predicted, "uie-offset-normal").all.correct == 0
    assert score(gold, predicted, "uie-string-normal").all.correct == 1


def test_universal_ie_scores_relations_with_and_without_end_types():
    gold = document(relations=[relation()])
    predicted = document(relations=[relation(object=("人名", "鲁迅", 0))])
    result = score(gold, predicted, "uie-offset-set")
    assert result.sections["relations"].micro.correct == 0
    assert result.sections["relation ends"].micro.correct == 1
    assert figures(result.all) == (1, 1, 0)


def test_universal_ie_scores_whole_events():
    gold = document(events=[event("出版", ("写", 2), ("作者", "鲁迅", 0), ("作品", "呐喊", 5))])
    predicted = document(events=[event("出版", ("写", 2), ("作者", "鲁迅", 0))])
    sections = score(gold, predicted, "uie-offset-normal").sections
    assert figures(sections["triggers"].micro) == (1, 1, 1)
    assert figures(sections["arguments"].micro) == (2, 1, 1)
    assert figures(sections["events"].micro) == (1, 1, 0)


def test_gplinker_disregards_white_space_and_case_in_relations():
    gold = document(relations=[bare("作者", "The Call", "鲁 迅")])
    predicted = document(relations=[bare("作者", "the call", "鲁迅")] * 2)
    assert figures(score(gold, predicted, "gplinker").all) == (1, 1, 1)


def test_gplinker_scores_whole_events_and_arguments_without_trigger():
    right = (("作者", "鲁迅", 0), ("作品", "呐喊", 5))
    gold = document(events=[event("出版", ("写", 2), *right)])
    other_order = document(events=[event("出版", ("写", 2), *right[::-1])])
    other_trigger = document(events=[event("出版", ("写了", 2), *right)])
    no_trigger = document(events=[event("出版", None, *right)])
    assert figures(score(gold, other_order, "gplinker").sections["events"].micro) == (1, 1, 1)
    sections = score(gold, other_trigger, "gplinker").sections
    assert figures(sections["events"].micro) == (1, 1, 0)
    assert figures(sections["arguments"].micro) == (2, 2, 2)
    assert figures(score(gold, no_trigger, "gplinker").sections["events"].micro) == (1, 0, 0)


def test_cluener_is_the_mean_over_types():
    gold = entities(("人名", "鲁迅", 0), ("人名", "鲁迅", 9), ("作品", "呐喊", 5))
    predicted = entities(("人名", "鲁迅", 0))
    # 人名: P = 1, R = 1/2, F1 = 2/3; 作品: 0; mean 1/3. Micro: P = 1, R = 1/3, F1 = 1/2.
    section = score(gold, predicted, "cluener").sections["entities"]
    assert section.macro.f1 == pytest.approx(1 / 3, abs=1e-15)
    assert section.micro.f1 == pytest.approx(1 / 2, abs=1e-15)


def test_tags_are_one_a_code_point():
    found = entities(("人名", "𠮷田", 0), ("地名", "京", 3), text="𠮷田去京")
    assert bio_tags(found) == ["B-人名", "I-人名", "O", "B-地名"]
    assert bmes_tags(found) == ["B-人名", "E-人名", "O", "S-地名"]


def test_tags_keep_the_longest_of_overlapping_entities():
    found = entities(("地名", "北京", 0), ("机构名", "北京大学", 0), text="北京大学")
    assert bio_tags(found) == ["B-机构名", "I-机构名", "I-机构名", "I-机构名"]


@settings(deadline=None)
@given(pair=document_pairs(flat=True))
def test_strict_equals_seqeval_on_flat_entities(pair):
    from seqeval.metrics import f1_score
    from seqeval.scheme import IOB2

    gold, predicted = pair
    expected = score(gold, predicted, "strict").to_dict()["sections"]
    for scorer in ("seqeval", "seqeval-strict", "seqeval-bmes"):
        assert score(gold, predicted, scorer).to_dict()["sections"] == expected
    tags = [bio_tags(gold)], [bio_tags(predicted)]
    if gold.entities and predicted.entities:
        ours = score(gold, predicted, "seqeval").all.f1
        assert f1_score(*tags) == pytest.approx(ours, abs=1e-12)
        assert f1_score(*tags, mode="strict", scheme=IOB2) == pytest.approx(ours, abs=1e-12)


def test_seqeval_absent_is_an_error_that_names_the_extra(monkeypatch):
    _seqeval.cache_clear()
    monkeypatch.setitem(sys.modules, "seqeval.metrics.sequence_labeling", None)
    with pytest.raises(ModelError, match=r"pip install 'chinchilla-ie\[eval\]'"):
        score(entities(), entities(), "seqeval")
