"""Merging of windows and shards, and leaving out."""

from hypothesis import given
from hypothesis import strategies as st

from chinchilla.data.documents import (
    Argument,
    Document,
    Entity,
    Event,
    Extraction,
    Issue,
    Mention,
    Relation,
    shift,
)
from chinchilla.data.schema import Schema
from chinchilla.data.text import windows
from chinchilla.decoding.decode import decode
from chinchilla.decoding.encode import encode
from chinchilla.merge.events import join_events
from chinchilla.merge.extractions import at_least, merge

SCHEMA = Schema.from_dict({"name": "test", "entities": ["人名"]})


def entity(start: int, end: int, kind: str = "机构名", score: float | None = None) -> Entity:
    return Entity(kind, "雀巢咖啡公司中国分部"[start:end], start, end, score)


def event(trigger: int | None, *arguments: tuple[str, str], kind: str = "裁员") -> Event:
    mention = None if trigger is None else Mention("裁员", trigger, trigger + 2)
    return Event(kind, mention, tuple(Argument(r, t, None, None) for r, t in arguments))


def test_what_two_windows_both_see_counts_once_with_the_better_score() -> None:
    first = Extraction((entity(0, 2, score=0.4), entity(4, 6)))
    second = Extraction((entity(4, 6, score=0.9), entity(6, 8, "地名")))
    assert merge([first, second]).entities == (
        entity(0, 2, score=0.4),
        entity(4, 6, score=0.9),
        entity(6, 8, "地名"),
    )


def test_an_entity_cut_by_a_window_yields_to_the_whole_one() -> None:
    spans = [(0, 6), (2, 10)]
    cut, whole = entity(2, 6), entity(2, 10)
    assert merge([Extraction((cut,)), Extraction((whole,))], spans).entities == (whole,)
    other = entity(2, 6, "地名")
    assert merge([Extraction((other,)), Extraction((whole,))], spans).entities == (other, whole)
    # At the end of the text nothing was cut.
    short, long = entity(8, 10), entity(6, 10)
    assert merge([Extraction((short,)), Extraction((long,))], spans).entities == (long, short)


def test_issues_follow_their_results() -> None:
    first = Extraction((entity(4, 6),), issues=(Issue("ambiguous", "a", "entities[0]"),))
    second = Extraction((entity(0, 2),), issues=(Issue("unparsable", "b"),))
    assert merge([first, second]).issues == (
        Issue("ambiguous", "a", "entities[1]"),
        Issue("unparsable", "b"),
    )


def test_what_another_window_has_located_is_not_told_to_be_missing() -> None:
    said = Event(
        "裁员", None, (Argument("裁员方", "雀巢", 0, 2), Argument("时间", "今天", None, None))
    )
    again = Event("裁员", None, (Argument("裁员方", "雀巢", None, None),))
    missing = Issue("ungrounded", "'今天' is not in the text", "events[0].arguments[1]")
    found = Issue("ungrounded", "'雀巢' is not in the text", "events[0].arguments[0]")
    spans = [(0, 6), (6, 12)]
    merged = merge(
        [Extraction((), (), (said,), (missing,)), Extraction((), (), (again,), (found,))], spans
    )
    assert [a.text for event in merged.events for a in event.arguments] == ["雀巢", "今天"]
    assert merged.issues == (missing,)


def test_relations_are_equal_when_their_places_are() -> None:
    relation = Relation("作者", entity(0, 2), entity(4, 6))
    elsewhere = Relation("作者", entity(0, 2), entity(6, 8))
    merged = merge([Extraction(relations=(relation,)), Extraction(relations=(relation, elsewhere))])
    assert merged.relations == (relation, elsewhere)


def test_one_event_seen_from_two_windows_is_joined() -> None:
    first = event(2, ("裁员方", "雀巢"))
    second = event(2, ("裁员方", "雀巢"), ("人数", "4000"))
    (joined,) = merge([Extraction(events=(first,)), Extraction(events=(second,))]).events
    assert [(a.role, a.text) for a in joined.arguments] == [("裁员方", "雀巢"), ("人数", "4000")]


def test_document_events_join_by_compatible_arguments() -> None:
    first = event(None, ("公司", "雀巢"), ("日期", "5月"))
    second = event(None, ("公司", "雀巢"), ("金额", "1亿"))
    conflict = event(None, ("公司", "雀巢"), ("日期", "6月"))
    stranger = event(None, ("金额", "2亿"))
    merged = merge([Extraction(events=(e,)) for e in (first, second, conflict, stranger)])
    facts = [[(a.role, a.text) for a in e.arguments] for e in merged.events]
    assert sorted(facts) == [
        [("公司", "雀巢"), ("日期", "5月"), ("金额", "1亿")],
        [("公司", "雀巢"), ("日期", "6月")],
        [("金额", "2亿")],
    ]


def test_events_of_one_answer_or_with_other_triggers_stay_apart() -> None:
    twice = Extraction(events=(event(2, ("人数", "1")), event(2, ("人数", "1"))))
    assert len(merge([twice, Extraction()]).events) == 2
    apart = [Extraction(events=(event(at, ("人数", "1")),)) for at in (2, 9)]
    assert len(merge(apart).events) == 2


def windowed(*events: Event) -> Extraction:
    """Merge events of consecutive windows of 100 characters."""
    parts = [Extraction(events=(one,)) for one in events]
    return merge(parts, [(i * 100, i * 100 + 100) for i in range(len(parts))])


def test_windows_may_tell_of_one_event_by_other_triggers_and_an_issue_says_so() -> None:
    first = event(2, ("裁员方", "雀巢"))
    second = event(150, ("裁员方", "雀巢"), ("人数", "4000"))
    joined = windowed(first, second)
    assert [(e.trigger, len(e.arguments)) for e in joined.events] == [(first.trigger, 2)]
    assert joined.issues == (
        Issue(
            "merged", "'裁员' at [150, 152) was taken to tell of this event", "events[0].trigger"
        ),
    )


def test_an_event_joins_the_one_that_shares_its_trigger_then_most_arguments() -> None:
    parts = [
        Extraction(events=(event(2, ("地点", "北京")), event(9, ("人数", "1"), ("地点", "北京")))),
        Extraction(events=(event(120, ("人数", "1"), ("地点", "北京"), ("时间", "昨天")),)),
    ]
    merged = merge(parts, [(0, 100), (80, 180)])
    assert [len(e.arguments) for e in merged.events] == [1, 3]
    near = Extraction(events=(event(2, ("地点", "北京"), ("时间", "昨天")),))
    assert [len(e.arguments) for e in merge([parts[0], near], [(0, 50), (1, 60)]).events] == [2, 2]


def test_events_of_a_type_of_which_no_window_tells_two_are_one_unless_they_contradict() -> None:
    first, second = event(2, ("裁员方", "雀巢")), event(None, ("人数", "4000"))
    assert len(windowed(first, second).events) == 1
    assert len(windowed(first, second, event(250, ("裁员方", "甲公司"))).events) == 3
    # A trigger alone says nothing of which event it is.
    assert len(windowed(first, event(150)).events) == 2
    twice = Extraction(events=(first, event(9, ("人数", "3"))))
    merged = merge(
        [twice, Extraction(events=(event(None, ("时间", "昨天")),))], [(0, 99), (99, 200)]
    )
    assert len(merged.events) == 3


def test_two_triggers_in_the_text_and_no_argument_in_common_are_two_events() -> None:
    first, second = event(2, ("裁员方", "雀巢")), event(150, ("人数", "4000"))
    assert windowed(first, second).events == (first, second)
    # What shares an argument with both brings them together.
    both = event(None, ("裁员方", "雀巢"), ("人数", "4000"))
    assert len(windowed(first, both, second).events) == 1


def test_two_answers_about_one_window_are_kept_apart() -> None:
    # Events asked for in two steps: each trigger has its own answer.
    parts = [Extraction(events=(event(at, ("裁员方", "雀巢")),)) for at in (2, 9)]
    assert len(merge(parts, [(0, 100), (0, 100)]).events) == 2


def test_merging_many_windows_that_name_one_company_takes_linear_time() -> None:
    days = [event(i * 100, ("裁员方", "雀巢"), ("时间", f"第{i}天")) for i in range(2000)]
    assert len(windowed(*days).events) == 2000


def test_joining_prefers_the_argument_that_is_in_the_text() -> None:
    placed = Event("裁员", None, (Argument("裁员方", "雀巢", 0, 2),))
    assert join_events(event(None, ("裁员方", "雀巢")), placed).arguments == placed.arguments


def test_low_scores_leave_with_their_issues() -> None:
    extraction = Extraction(
        (entity(0, 2, score=0.2), entity(4, 6, score=0.8), entity(6, 8)),
        issues=(Issue("ambiguous", "a", "entities[0]"), Issue("ambiguous", "b", "entities[1]")),
    )
    kept = at_least(extraction, 0.5)
    assert [e.span for e in kept.entities] == [(4, 6), (6, 8)]
    assert kept.issues == (Issue("ambiguous", "b", "entities[0]"),)


NAMES = [f"{a}{b}" for a in "王李张赵钱孙" for b in "甲乙丙丁戊己庚辛"]


@given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=20, unique=True), st.integers(8, 40))
def test_windows_then_merge_equals_no_windows(names: list[str], size: int) -> None:
    text = "".join(f"{name}来了。" for name in names)
    gold = tuple(Entity("人名", name, text.index(name), text.index(name) + 2) for name in names)
    spans = windows(text, size, 5)
    parts = []
    for start, end in spans:
        inside = [e for e in gold if start <= (e.start or 0) and (e.end or 0) <= end]
        piece = Document("", text[start:end])
        local = shift(Extraction(tuple(inside)), -start)
        said = encode(piece.with_extraction(local), SCHEMA, "compact")
        parts.append(shift(decode(said, piece.text, SCHEMA, "compact"), start))
    assert merge(parts, spans).entities == gold
