import sys

import pytest
from hypothesis import given, settings
from scoring_samples import (
    bare,
    document,
    document_pairs,
    entities,
    event,
    figures,
    filled,
    mention,
    relation,
)

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


def test_iepile_rounds_per_cents_and_not_shares():
    gold = entities(*[("人名", f"甲{i}", None) for i in range(3)])
    more = [("人名", f"乙{i}", None) for i in range(797)]
    # P = 3 / 800 = 0.375 %, which rounds to 0.38 %; the share 0.00375 would round to 0.0037.
    # F1 = 2 * 0.38 * 100 / 100.38 = 0.7571 -> 0.76 %.
    result = score(gold, entities(*[("人名", f"甲{i}", None) for i in range(3)], *more), "iepile")
    assert (result.all.precision, result.all.recall, result.all.f1) == (0.0038, 1, 0.0076)


def test_iepile_drops_nan_of_predicted_arguments_alone():
    named = [bare("作者", "书", "NAN"), bare("作者", "书", "甲")]
    gold = document(relations=named[1:], entities=[mention("NAN", None, type="人名")])
    predicted = document(relations=named, entities=[mention("NAN", None, type="地名")])
    sections = score(gold, predicted, "iepile").sections
    assert figures(sections["relations"].micro) == (1, 2, 1)
    assert figures(sections["entities"].micro) == (1, 1, 0)
    one, two = filled("出版", 作者="鲁迅", 译者="NAN"), filled("出版", 作者="鲁迅")
    missing = score(document(events=[one]), document(events=[two]), "iepile").sections
    assert figures(missing["arguments"].micro) == (2, 1, 1)
    extra = score(document(events=[two]), document(events=[one]), "iepile").sections
    assert figures(extra["arguments"].micro) == (1, 1, 1)


def test_iepile_counts_an_event_without_trigger_as_one_with_an_empty_one():
    gold = document(events=[event("出版", ("写", 2)), event("出版", None)])
    predicted = document(events=[event("出版", None), event("再版", None)])
    found = score(gold, predicted, "iepile").sections["triggers"].micro
    assert figures(found) == (2, 2, 1)


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


WRITTEN = ("写", 2), ("作者", "鲁迅", 0)


def test_universal_ie_leaves_out_events_without_trigger():
    gold = document(events=[event("出版", *WRITTEN)])
    predicted = document(events=[event("出版", *WRITTEN), event("出版", None, ("作者", "鲁迅", 9))])
    for name in ("uie-offset-set", "uie-string-normal", "uie-offset-multimatch"):
        sections = score(gold, predicted, name).sections
        assert figures(sections["triggers"].micro) == (1, 1, 1)
        assert figures(sections["arguments"].micro) == (1, 1, 1)
    # Ours counts the argument whatever the trigger.
    assert score(gold, predicted, "strict").sections["arguments"].micro.predicted == 2


def test_universal_ie_has_no_record_score_in_mode_set():
    gold = document(events=[event("出版", *WRITTEN)])
    assert "events" not in score(gold, gold, "uie-string-set").sections
    assert "events" in score(gold, gold, "uie-string-normal").sections


@pytest.mark.parametrize("by", ["offset", "string"])
def test_universal_ie_compares_arguments_of_a_record_with_their_repeats(by):
    once = document(events=[event("出版", *WRITTEN)])
    twice = document(events=[event("出版", *WRITTEN, WRITTEN[1])])
    for mode in ("normal", "multimatch"):
        found = score(once, twice, f"uie-{by}-{mode}").sections["events"].micro
        assert figures(found) == (1, 1, 0)


@pytest.mark.parametrize(
    ("asked", "given", "normal", "multimatch"),
    [
        (1, 2, (1, 2, 1), (1, 2, 1)),
        (2, 1, (2, 1, 1), (2, 1, 2)),  # one prediction takes both: P = 2
        (2, 3, (2, 3, 2), (2, 3, 2)),
    ],
)
def test_universal_ie_matches_a_gold_record_once(asked, given, normal, multimatch):
    gold = document(events=[event("出版", *WRITTEN)] * asked)
    predicted = document(events=[event("出版", *WRITTEN)] * given)
    for mode, expected in (("normal", normal), ("multimatch", multimatch)):
        found = score(gold, predicted, f"uie-offset-{mode}").sections["events"].micro
        assert figures(found) == expected


@pytest.mark.parametrize(
    ("one", "two", "is_right"),
    [
        ("The Call", "the  call", True),
        ("The Call", "TheCall", False),
        ("鲁 迅", "鲁迅", True),  # every hanzi is a word of its own
        ("iPhone 11", "iphone11", False),
        ("A-1", "a - 1", True),  # and so is every mark
        ("$5", "$ 5", True),
        ("Beyoncé", "beyonce", True),
        ("Ｃ", "C", False),  # full width is another letter
        ("甲\u200b", "甲", True),
        ("a\x07b", "ab", True),
        ("a\u3000b", "a b", True),
        ("\u30ac", "\u30ab", True),  # a voicing mark is taken off as an accent is
        ("a\u2028b", "a b", True),
    ],
)
def test_gplinker_compares_the_words_of_a_lower_casing_bert(one, two, is_right):
    gold, predicted = (document(relations=[bare("作者", text, "乙")]) for text in (one, two))
    assert figures(score(gold, predicted, "gplinker").all) == (1, 1, int(is_right))


def test_gplinker_compares_arguments_of_an_event_with_their_repeats():
    gold = document(events=[event("出版", *WRITTEN, WRITTEN[1])])
    predicted = document(events=[event("出版", *WRITTEN)])
    sections = score(gold, predicted, "gplinker").sections
    assert figures(sections["events"].micro) == (1, 1, 0)
    assert figures(sections["arguments"].micro) == (1, 1, 1)


def test_gplinker_takes_nothing_of_nothing_for_all():
    sections = score(document(), document(), "gplinker").sections
    assert list(sections) == ["relations", "arguments", "events"]
    assert all(part.micro.f1 == part.micro.precision == 1 for part in sections.values())
    silent = score(document(relations=[bare("作者", "甲", "乙")]), document(), "gplinker")
    micro = silent.sections["relations"].micro
    assert micro.precision == 1
    assert micro.f1 == pytest.approx(0, abs=1e-9)


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


def test_cluener_has_a_macro_mean_by_strings_and_the_rest_by_spans():
    gold = entities(("人名", "鲁迅", 0), ("人名", "鲁迅", 9), ("作品", "呐喊", 5))
    predicted = entities(("人名", "鲁迅", 0), ("人名", "鲁迅", 0), ("人名", "写了", 2))
    section = score(gold, predicted, "cluener").sections["entities"]
    # Strings: 人名 has 鲁迅 against 鲁迅 and 写了, F1 = 2 * 1/2 / (3/2) = 2/3; 作品 0; mean 1/3.
    assert section.macro.f1 == pytest.approx(1 / 3, abs=1e-15)
    # Spans: three listings predicted, the first two right; three in gold.
    assert figures(section.micro) == (3, 3, 2)


def test_cluener_takes_a_string_of_a_document_once_wherever_it_stands():
    once, twice = [("人名", "鲁迅", 0)], [("人名", "鲁迅", 0), ("人名", "鲁迅", 9)]
    for found in (once, twice, [("人名", "鲁迅", 9)], [("人名", "鲁迅", None)] * 3):
        for gold in (once, twice):
            section = score(entities(*gold), entities(*found), "cluener").sections["entities"]
            assert section.macro.f1 == 1


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
    expected = score(gold, predicted, "strict").sections
    for scorer in ("seqeval", "seqeval-strict", "seqeval-bmes"):
        found = score(gold, predicted, scorer).sections
        assert found.keys() == expected.keys()
        for name, section in found.items():
            assert section.micro.to_dict() == expected[name].micro.to_dict()
            assert {k: v.to_dict() for k, v in section.types.items()} == {
                k: v.to_dict() for k, v in expected[name].types.items()
            }
    tags = [bio_tags(gold)], [bio_tags(predicted)]
    if gold.entities and predicted.entities:
        ours = score(gold, predicted, "seqeval").all.f1
        assert f1_score(*tags) == pytest.approx(ours, abs=1e-12)
        assert f1_score(*tags, mode="strict", scheme=IOB2) == pytest.approx(ours, abs=1e-12)
        macro = score(gold, predicted, "seqeval").sections["entities"].macro.f1
        theirs = f1_score(*tags, average="macro", zero_division=0)
        assert theirs == pytest.approx(macro, abs=1e-12)


def test_seqeval_absent_is_an_error_that_names_the_extra(monkeypatch):
    _seqeval.cache_clear()
    monkeypatch.setitem(sys.modules, "seqeval.metrics.sequence_labeling", None)
    with pytest.raises(ModelError, match=r"pip install 'chinchilla-ie\[eval\]'"):
        score(entities(), entities(), "seqeval")
