import pytest
from scoring_samples import bare, document, figures, filled

from chinchilla.errors import InputError
from chinchilla.evaluate.evaluation import read_aliases
from chinchilla.evaluate.scorers import score_documents
from chinchilla.evaluate.scorers.by_name import duie_scorer
from chinchilla.evaluate.scorers.lic import character_f1, score_duie


def duie(gold, predicted, **aliases):
    names = {key: frozenset(values) for key, values in aliases.items()}
    pair = (document(relations=gold), document(relations=predicted))
    return score_documents([pair], duie_scorer(names)).all


def test_duie_lowers_case_and_takes_book_title_marks_off():
    assert figures(duie([bare("作者", "《ABC》", "甲")], [bare("作者", "abc", "甲")])) == (1, 1, 1)
    assert figures(duie([bare("作者", "《ABC", "甲")], [bare("作者", "abc", "甲")])) == (1, 1, 0)


def test_duie_needs_every_slot_of_the_object():
    gold = [bare("饰演", "甲", "乙", inWork="丙")]
    assert figures(duie(gold, [bare("饰演", "甲", "乙", inWork="《丙》")])) == (1, 1, 1)
    assert figures(duie(gold, [bare("饰演", "甲", "乙")])) == (1, 1, 0)
    assert figures(duie(gold, [bare("饰演", "甲", "乙", inWork="丁")])) == (1, 1, 0)
    assert figures(duie(gold, [bare("饰演", "甲", "乙", inWork="丙", onDate="丁")])) == (1, 1, 0)


def test_duie_removes_duplicates_on_both_sides():
    facts = [bare("作者", "书", "甲"), bare("作者", "《书》", "甲")]
    assert figures(duie(facts, facts * 2)) == (1, 1, 1)


def test_duie_accepts_what_the_alias_dictionary_holds():
    gold, predicted = [bare("丈夫", "小甲", "乙")], [bare("丈夫", "大甲", "乙")]
    assert figures(duie(gold, predicted)) == (1, 1, 0)
    # The name looked up is the predicted one for precision, the gold one for recall.
    score = duie(gold, predicted, 大甲={"小甲"})
    assert (score.correct, score.matched) == (1, 0)
    score = duie(gold, predicted, 大甲={"小甲"}, 小甲={"大甲"})
    assert (score.correct, score.matched) == (1, 1)


def test_duie_removes_duplicates_up_to_aliases():
    gold = [bare("丈夫", "小甲", "乙")]
    predicted = [bare("丈夫", "小甲", "乙"), bare("丈夫", "大甲", "乙")]
    # Distinct: one of the two predictions. P = 1/1, R = 1/1.
    score = duie(gold, predicted, 大甲={"小甲"})
    assert (figures(score), score.f1) == ((1, 1, 1), 1)
    # Without the dictionary P = 1/2, R = 1/1, F1 = 2 * (1/2 * 1) / (3/2) = 2/3.
    assert duie(gold, predicted).f1 == pytest.approx(2 / 3, abs=1e-15)


def test_duie_object_aliases_must_hold_both_ways():
    gold, predicted = [bare("丈夫", "甲", "小乙")], [bare("丈夫", "甲", "大乙")]
    assert duie(gold, predicted, 大乙={"小乙"}).correct == 0
    assert duie(gold, predicted, 大乙={"小乙"}, 小乙={"大乙"}).correct == 1


def test_duie_with_an_empty_dictionary_equals_the_set_comparison():
    gold = document(relations=[bare("a", "甲", "乙"), bare("a", "甲", "丙"), bare("b", "甲", "乙")])
    predicted = document(relations=[bare("a", "甲", "乙"), bare("b", "乙", "甲")])
    assert score_duie(gold, predicted) == score_duie(gold, predicted, {"无": frozenset({"有"})})


def test_duie_takes_the_last_of_documents_with_equal_texts():
    right, wrong = [bare("作者", "书", "甲")], [bare("作者", "书", "乙")]

    def score(*sides):
        pairs = [
            (document(str(i), relations=gold), document(str(i), relations=found))
            for i, (gold, found) in enumerate(sides)
        ]
        return figures(score_documents(pairs, "duie").all)

    assert score((right, right), (right, wrong)) == (1, 1, 0)
    assert score((right, wrong), (right, right)) == (1, 1, 1)


def test_of_lines_that_give_a_name_again_the_last_stands(tmp_path):
    path = tmp_path / "aliases.txt"
    path.write_text("TVB\t无线\n独行\n\ntvb\t翡翠\tJade\n", encoding="utf-8")
    aliases = read_aliases(path)
    assert aliases["tvb"] == {"翡翠", "jade"}
    assert aliases["独行"] == frozenset()


def test_a_dictionary_without_any_tab_is_refused(tmp_path):
    path = tmp_path / "aliases.txt"
    path.write_text("TVB 无线\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"aliases\.txt: no line has a tab; expected a name"):
        read_aliases(path)


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ("雀巢", "雀巢", 1.0),
        ("雀巢公司", "雀巢", 2 * 2 / 6),  # 2 shared of 4 and 2: P = 1/2, R = 1, F1 = 2/3
        ("4000人", "4000多人", 2 * 5 / 11),
        ("ABC", "abc", 1.0),
        ("甲甲乙", "甲丙", 2 * 1 / 5),  # characters are a multiset: 甲 is shared once
        ("甲", "乙", 0.0),
    ],
)
def test_character_f1(one, two, expected):
    assert character_f1(one, two) == pytest.approx(expected, abs=1e-15)


def duee(gold, predicted, **meta):
    pair = (document(events=gold, meta=meta), document(events=predicted))
    return score_documents([pair], "duee").all


def test_duee_sums_character_f1_over_predicted_arguments():
    gold = [filled("裁员", 裁员方="雀巢", 裁员人数="4000人", 时间="今日")]
    predicted = [filled("裁员", 裁员方="雀巢公司", 裁员人数="4000人")]
    score = duee(gold, predicted)
    # sum = 2/3 + 1 = 5/3; P = 5/3 / 2 = 5/6; R = 5/3 / 3 = 5/9
    assert score.correct == pytest.approx(5 / 3, abs=1e-15)
    assert score.precision == pytest.approx(5 / 6, abs=1e-15)
    assert score.recall == pytest.approx(5 / 9, abs=1e-15)
    # F1 = 2 * 5/6 * 5/9 / (25/18) = (50/54) / (25/18) = 2/3
    assert score.f1 == pytest.approx(2 / 3, abs=1e-15)


def test_duee_needs_the_right_event_type_and_role():
    gold = [filled("裁员", 裁员方="雀巢")]
    assert duee(gold, [filled("倒闭", 裁员方="雀巢")]).correct == 0
    assert duee(gold, [filled("裁员", 裁员人数="雀巢")]).correct == 0


def test_duee_takes_the_best_of_the_other_wordings():
    gold = [filled("裁员", 裁员方="雀巢")]
    # 雀巢集团 against 雀巢 is 2*2/6; against the alias it is 1.
    assert duee(gold, [filled("裁员", 裁员方="雀巢集团")]).correct == pytest.approx(2 / 3)
    assert (
        duee(
            gold,
            [filled("裁员", 裁员方="雀巢集团")],
            aliases={"events[0].arguments[0]": ["雀巢集团"]},
        ).correct
        == 1
    )


def test_duee_recall_stays_within_one():
    gold = [filled("裁员", 裁员方="雀巢")]
    score = duee(gold, [filled("裁员", 裁员方="雀巢")] * 3)
    assert (score.precision, score.recall) == (1, 1)


def duee_fin(gold, predicted, scorer="duee-fin"):
    return score_documents([(document(events=gold), document(events=predicted))], scorer).all


A = filled("中标", 公司="甲", 金额="1元", 日期="今日")
B = filled("中标", 公司="甲", 金额="2元", 日期="明日")


def test_duee_fin_matches_events_by_shared_arguments_not_by_order():
    assert figures(duee_fin([A, B], [B, A])) == (6, 6, 6)


def test_duee_fin_matches_each_predicted_event_once():
    # One predicted event serves the first gold event alone: 3 right of 3; gold has 6.
    assert figures(duee_fin([A, A], [A])) == (6, 3, 3)


def test_duee_fin_counts_merged_events_against_the_best_match_alone():
    merged = {
        "type": "中标",
        "trigger": None,
        "arguments": A["arguments"] + B["arguments"][1:],
    }
    # The merged event holds 5 pairs; matched to A it has 3 right. B finds nothing left.
    score = duee_fin([A, B], [merged])
    assert figures(score) == (6, 5, 3)
    # P = 3/5, R = 3/6, F1 = 2 * 0.6 * 0.5 / 1.1 = 6/11
    assert score.f1 == pytest.approx(6 / 11, abs=1e-15)


def test_duee_fin_pairs_greedily_in_gold_order():
    first = filled("中标", 公司="甲", 金额="1元")
    second = filled("中标", 公司="甲", 金额="1元", 日期="今日")
    only = filled("中标", 公司="甲", 金额="1元", 日期="今日")
    # The first gold event takes the only prediction with 2 of its 3 pairs; the second gets none.
    assert figures(duee_fin([first, second], [only])) == (5, 3, 2)


def test_duee_fin_is_exact_where_duee_is_partial():
    gold, predicted = [filled("中标", 公司="甲公司")], [filled("中标", 公司="甲")]
    assert duee_fin(gold, predicted).correct == 0
    assert duee(gold, predicted).correct == pytest.approx(2 * 1 / 4)


def test_doc2edag_counts_role_slots():
    # 公司 equal; 金额 filled on both sides and different: one wrong, one missed; 日期 missed.
    predicted = [filled("中标", 公司="甲", 金额="9元")]
    assert figures(duee_fin([A], predicted, "doc2edag")) == (3, 2, 1)


def several(kind, *slots):
    """An event without trigger with these (role, string) arguments."""
    arguments = [{"role": r, "text": t, "start": None, "end": None} for r, t in slots]
    return {"type": kind, "trigger": None, "arguments": arguments}


def test_doc2edag_keeps_the_last_argument_of_a_role():
    two = several("质押", ("质押方", "甲"), ("质押方", "乙"))
    for last, right in (("乙", 1), ("甲", 0)):
        other = several("质押", ("质押方", "丙"), ("质押方", last))
        assert figures(duee_fin([two], [other], "doc2edag")) == (1, 1, right)


def test_role_slots_are_right_if_one_string_is_shared():
    two = several("质押", ("质押方", "甲"), ("质押方", "乙"))
    one = filled("质押", 质押方="甲")
    # One slot, equal because 甲 is shared; DuEE-fin has two gold pairs, one found.
    assert figures(duee_fin([two], [one], "role-slots")) == (1, 1, 1)
    assert figures(duee_fin([two], [one], "doc2edag")) == (1, 1, 0)
    assert figures(duee_fin([two], [one])) == (2, 1, 1)


def test_the_macro_mean_of_doc2edag_is_over_roles_then_event_types():
    gold = document(events=[A, filled("质押", 质押方="乙"), filled("停产")])
    predicted = document(events=[filled("中标", 公司="甲", 地点="京"), filled("质押", 质押方="乙")])
    macro = score_documents([(gold, predicted)], "doc2edag").sections["arguments"].macro
    # 中标: 公司 P = R = 1; 金额 and 日期 missed, 地点 wrong: 1/4 each. 质押: 1. 停产, which has no
    # argument on either side, counts 0. Mean (1/4 + 1 + 0) / 3.
    expected = pytest.approx(5 / 12, abs=1e-15)
    assert (macro.precision, macro.recall, macro.f1, macro.types) == (*[expected] * 3, 3)


def test_doc2edag_lets_the_largest_prediction_choose_first():
    small, large = filled("中标", 公司="甲"), filled("中标", 公司="甲", 金额="1元")
    # large has 2 slots in common with large and 1 with small; small is left with small: 2 + 1.
    assert figures(duee_fin([small, large], [small, large], "doc2edag")) == (3, 3, 3)


def test_doc2edag_takes_slots_empty_on_both_sides_as_equal():
    small, large = filled("中标", 公司="甲"), filled("中标", 公司="甲", 金额="1元")
    predicted = [small, filled("中标", 金额="1元")]
    # The first has 公司 and the empty 金额 in common with small, 公司 alone with large: it takes
    # small. The second takes large, 金额 alike: 1 + 1.
    assert figures(duee_fin([large, small], predicted, "doc2edag")) == (3, 2, 2)
