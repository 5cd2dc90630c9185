import msgspec
import pytest

from chinchilla.data.documents import Argument, Entity, Event, Extraction, Issue, Mention, Relation
from chinchilla.mini.support import settled, supported

TEXT = "甲公司收购乙公司，丙公司持股。"
A, B, C = (
    Entity("公司", "甲公司", 0, 3),
    Entity("公司", "乙公司", 5, 8),
    Entity("公司", "丙公司", 9, 12),
)
# Whatever the score: a point is needed, or three.
KNOWN = {"公司", "收购", "持股"}
MARKED, FULLY = (None, 0.0), (None, None, None, 0.0)
BUYS, OWNS = Relation("收购", A, B), Relation("持股", C, B)


@pytest.mark.parametrize(
    ("words", "points", "kept"),
    [
        ([(0, 3, "REL"), (5, 8, "收购")], 3, [BUYS]),
        # The object is marked as that of another predicate, the subject of the second not at all.
        ([(0, 3, "REL"), (5, 8, "收购")], 1, [BUYS, OWNS]),
        ([(0, 3, "REL"), (5, 8, "持股")], 2, [BUYS, OWNS]),
        ([(0, 3, "REL"), (5, 8, "持股")], 3, []),
        # Two of three characters are another string.
        ([(0, 3, "REL"), (5, 7, "收购")], 1, [BUYS]),
        ([(9, 12, "收购")], 2, []),
        ([], 1, []),
        ([], 0, [BUYS, OWNS]),
    ],
)
def test_relations_need_marks_at_their_ends(words, points, kept):
    least = [*[None] * points, 0.0]
    found = supported(Extraction(relations=(BUYS, OWNS)), TEXT, words, {"收购", "持股"}, least)
    assert list(found.relations) == kept
    assert len(found.relations) + len(found.issues) == 2


def test_names_need_a_mark_from_start_to_end_whatever_it_says():
    said = Issue("truncated", "…")
    found = supported(
        Extraction((A, B, C), issues=(said,)),
        TEXT,
        [(0, 3, "人名"), (5, 7, "公司")],
        {"公司"},
        MARKED,
    )
    assert found.entities == (A,)
    assert found.issues[0] is said
    assert [issue.kind for issue in found.issues[1:]] == ["withheld"] * 2
    assert "乙公司 at [5, 8) | 公司: left out" in found.issues[1].detail


def test_what_the_tagger_cannot_know_stays():
    extraction = Extraction((A,), (BUYS,))
    assert supported(extraction, TEXT, [], {"持股"}, FULLY) == extraction


def test_what_is_left_out_is_told_with_its_ends():
    found = supported(Extraction(relations=(BUYS,)), TEXT, [], {"收购"}, MARKED)
    assert found.issues[0].detail.startswith("甲公司 | 收购 | 乙公司: left out")


def test_issues_about_what_is_left_out_go_and_others_stay_where_they_belong():
    issues = tuple(
        Issue("ungrounded", "…", f"relations[{i}].{end}")
        for i in (0, 1)
        for end in ("subject", "object")
    )
    found = supported(
        Extraction(relations=(BUYS, OWNS), issues=issues),
        *(TEXT, [(9, 12, "REL"), (5, 8, "持股")], {"收购", "持股"}, FULLY),
    )
    assert found.relations == (OWNS,)
    assert [issue.where for issue in found.issues] == [
        "relations[0].subject",
        "relations[0].object",
        "",
    ]


def test_what_is_not_in_the_text_is_told_as_that_once():
    lost = Entity("公司", "丁公司", None, None)
    found = supported(Extraction((lost, lost)), TEXT, [(0, 3, "公司")], {"公司"}, MARKED)
    assert found.entities == ()
    assert [(issue.kind, issue.detail) for issue in found.issues] == [
        ("ungrounded", "丁公司 | 公司: left out, '丁公司' is not in the text")
    ]


def test_what_another_window_returns_is_not_told_as_left_out():
    left_out = supported(Extraction((A,), (BUYS, OWNS)), TEXT, [], KNOWN, MARKED, 7)
    other = Issue("truncated", "…")
    a_there = msgspec.structs.replace(A, start=7, end=10)
    issues = (other, *left_out.issues)
    # A relation is the same wherever its ends are found, a name at its place.
    for entity, told in ((A, ["甲公司 at [7, 10) | 公司"]), (a_there, [])):
        found = settled(Extraction((entity,), (BUYS,), issues=issues))
        details = [issue.detail.split(":")[0] for issue in found.issues]
        assert details == ["…", *told, "丙公司 | 持股 | 乙公司"]


def test_an_event_that_another_window_returns_is_not_told_as_left_out():
    argument = Argument("收购方", "甲公司", 0, 3, 0.9)
    unsure = Event("收购", Mention("收购", 3, 5, 0.3), (argument,))
    left_out = supported(Extraction(events=(unsure,)), TEXT, [], {"收购", "收购方"}, (0.5,))
    assert [issue.detail.split(":")[0] for issue in left_out.issues] == [
        "收购 at [3, 5) | 收购",
        "甲公司 at [0, 3) | 收购方 | 收购 at [3, 5) | 收购",
    ]
    sure = msgspec.structs.replace(unsure, arguments=())
    found = settled(Extraction(events=(sure,), issues=left_out.issues))
    assert found.issues == left_out.issues[1:]


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ([(0, 3, "公司"), (5, 8, "公司")], [A, B]),
        ([(0, 3, "公司")], [A]),
        ([(5, 8, "公司")], [A, B]),
        ([], [A]),
    ],
)
def test_what_is_marked_may_be_less_sure(words, kept):
    sure, unsure = (msgspec.structs.replace(e, score=s) for e, s in ((A, 0.9), (B, 0.6)))
    found = supported(Extraction((sure, unsure)), TEXT, words, {"公司"}, (0.8, 0.5))
    assert [entity.span for entity in found.entities] == [entity.span for entity in kept]
    assert len(found.issues) == 2 - len(kept)


def test_an_event_goes_with_its_trigger_and_an_argument_alone():
    buyer, bought = (
        Argument("收购方", "甲公司", 0, 3, 0.9),
        Argument("被收购方", "乙公司", 5, 8, 0.4),
    )
    events = (
        Event("收购", Mention("收购", 3, 5, 0.7), (buyer, bought)),
        Event("减持", Mention("持股", 12, 14, 0.3), (buyer,)),
        Event("起诉", None, (msgspec.structs.replace(bought),)),
    )
    known = {"收购", "减持", "起诉", "收购方", "被收购方"}
    found = supported(Extraction(events=events), TEXT, [], known, (0.5,))
    assert [(event.type, len(event.arguments)) for event in found.events] == [
        ("收购", 1),
        ("起诉", 0),
    ]
    assert [issue.detail.split(":")[0] for issue in found.issues] == [
        "持股 at [12, 14) | 减持",
        "甲公司 at [0, 3) | 收购方 | 持股 at [12, 14) | 减持",
        "乙公司 at [5, 8) | 被收购方 | 收购 at [3, 5) | 收购",
        "乙公司 at [5, 8) | 被收购方 | 起诉",
    ]
    # The same argument of another event does not stand for it.
    assert settled(found).issues == found.issues
