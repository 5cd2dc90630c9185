"""Parsing: parse is the inverse of serialise, and undoes what the issues of others report."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chinchilla.data.schema import Schema
from chinchilla.decoding.field_names import is_null
from chinchilla.decoding.formats import FORMATS, Item, serialise
from chinchilla.decoding.json_scanner import MAX_DEPTH, Array, Object, scan
from chinchilla.decoding.parse import parse
from chinchilla.decoding.parse_json import read_json

SCHEMA = Schema.from_dict(
    {
        "name": "test",
        "entities": ["人名", "机构名"],
        "relations": ["作者", {"name": "歌手", "qualifiers": {"inWork": "影视作品"}}],
        "events": [{"name": "裁员", "roles": ["裁员方", "人数"]}],
    }
)
TASKS = ("ner", "re", "ee")
MENTIONS = st.text(
    "雀a1 ，。“\"'《⟦⟧\\{}[]:/#n\n\r\t\u2028𠮷</think>`", min_size=1, max_size=8
).filter(lambda mention: not is_null(mention))


def said(completion: str, format: str = "json", tasks: tuple[str, ...] = TASKS) -> list[object]:
    items = parse(completion, format, tasks, SCHEMA).items
    return [(item.label, item.head, *item.slots) for item in items]


def kinds(completion: str, format: str = "json", tasks: tuple[str, ...] = TASKS) -> list[str]:
    return [issue.kind for issue in parse(completion, format, tasks, SCHEMA).issues]


@st.composite
def items(draw: st.DrawFn) -> list[Item]:
    entity = st.builds(Item, st.just("ner"), st.sampled_from(["人名", "机构名"]), MENTIONS)
    simple = st.builds(
        lambda head, tail: Item("re", "作者", head, (("", tail),)), MENTIONS, MENTIONS
    )
    full = st.builds(
        lambda head, tail, work: Item("re", "歌手", head, (("", tail), ("inWork", work))),
        MENTIONS,
        MENTIONS,
        MENTIONS,
    )
    slots = st.lists(st.tuples(st.sampled_from(["裁员方", "人数"]), MENTIONS), max_size=3)
    event = st.builds(
        lambda head, slots: Item("ee", "裁员", head, tuple(slots)), st.none() | MENTIONS, slots
    )
    return [
        *draw(st.lists(entity, max_size=4)),
        *draw(st.lists(simple | full, max_size=3)),
        *draw(st.lists(event, max_size=3)),
    ]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("head", ["<think>", "甲</think>", "</think> 乙", "<analysis>{</analysis>"])
def test_a_mention_that_looks_like_the_tag_of_reasoning_is_kept(head: str, format: str) -> None:
    given_items = [Item("ner", "人名", "丙"), Item("ner", "人名", head), Item("ner", "人名", "丁")]
    found = parse(serialise(given_items, format, TASKS), format, TASKS, SCHEMA)
    assert [item.head for item in found.items] == ["丙", head, "丁"]
    alone = parse(serialise(given_items[1:2], format, TASKS), format, TASKS, SCHEMA)
    assert [item.head for item in alone.items] == [head]


@given(items(), st.sampled_from(FORMATS))
def test_parse_of_serialise_gives_the_items(items: list[Item], format: str) -> None:
    answer = parse(serialise(items, format, TASKS), format, TASKS, SCHEMA)
    assert [(i.task, i.label, i.head, i.slots) for i in answer.items] == [
        (i.task, i.label, i.head, i.slots) for i in items
    ]
    assert answer.issues == ()


@given(st.lists(st.builds(Item, st.just("ner"), st.just("人名"), MENTIONS), max_size=4))
def test_the_quick_way_for_entities_reads_what_the_scanner_reads(items: list[Item]) -> None:
    clean = serialise(items, "json", ("ner",))
    quick, _ = read_json(clean, ("ner",), SCHEMA)
    # A letter before the answer sends it the long way round.
    slow, _ = read_json("x" + clean, ("ner",), SCHEMA)
    moved = [
        Item(i.task, i.label, i.head, i.slots, tuple((a - 1, b - 1) for a, b in i.at)) for i in slow
    ]
    assert quick == moved


@given(items(), st.sampled_from(FORMATS), st.data())
def test_a_cut_keeps_complete_items_and_invents_none(
    items: list[Item], format: str, data: st.DataObject
) -> None:
    whole = serialise(items, format, TASKS)
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    found = parse(cut, format, TASKS, SCHEMA).items
    complete = [(i.label, i.head, i.slots) for i in items]
    for item in found[:-1]:
        assert (item.label, item.head, item.slots) in complete


def test_each_cut_of_an_answer_says_that_it_broke_off() -> None:
    answer = '{"entities":[{"type":"人名","text":"王芳"},{"type":"机构名","text":"雀巢"}]}'
    for at in range(1, len(answer)):
        assert kinds(answer[:at]) == ["truncated"]
    assert said(answer[:40]) == [("人名", "王芳")]


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        ('{"人名": ["王芳", "NAN"], "机构名": "NAN"}', [("人名", "王芳")]),
        ('{"作者": [{"subject": "边城", "object": "沈从文"}]}', [("作者", "边城", ("", "沈从文"))]),
        (
            '{"裁员": [{"trigger": "裁员", "arguments": {"裁员方": ["甲", "乙"], "人数": "NAN"}}]}',
            [("裁员", "裁员", ("裁员方", "甲"), ("裁员方", "乙"))],
        ),
        ('{"裁员": [{"裁员方": "雀巢"}]}', [("裁员", None, ("裁员方", "雀巢"))]),
        ('{"裁员": ["裁员", "裁减"]}', [("裁员", "裁员"), ("裁员", "裁减")]),
        ('{"雀巢": "机构名"}', [("机构名", "雀巢")]),
        ('[["雀巢", "机构名"], ["人名", "王芳"]]', [("机构名", "雀巢"), ("人名", "王芳")]),
        ('[("雀巢", "机构名")]', [("机构名", "雀巢")]),
        ('[["边城", "作者", "沈从文"]]', [("作者", "边城", ("", "沈从文"))]),
        (
            '{"spo_list": [{"predicate": "歌手", "subject": "雪", "object": '
            '{"@value": "白鹿", "inWork": "北方"}}]}',
            [("歌手", "雪", ("", "白鹿"), ("inWork", "北方"))],
        ),
        ('{"entities": [{"type": "人名", "text": ["王芳", "李四海"]}]}',
         [("人名", "王芳"), ("人名", "李四海")]),
        ('{"entities": [{"type": "人名", "text": 1984}]}', [("人名", "1984")]),
        ('{"entities": [{"type": "人名", "text": "王芳", "text": "李四海"}]}',
         [("人名", "王芳"), ("人名", "李四海")]),
    ],
)  # fmt: skip
def test_other_layouts_are_read(completion: str, expected: list[object]) -> None:
    assert said(completion) == expected


@pytest.mark.parametrize("empty", ["NAN", "无", "[]", "{}", "null", "⟦⟧", '{"entities": []}'])
def test_an_explicit_empty_answer_is_no_problem(empty: str) -> None:
    for format in FORMATS:
        assert said(empty, format) == []
        assert kinds(empty, format) == []


@pytest.mark.parametrize("format", FORMATS)
def test_silence_and_prose_are_unparsable(format: str) -> None:
    assert kinds("", format) == ["unparsable"]
    assert kinds("抱歉，我无法回答这个问题。", format) == ["unparsable"]


def test_an_item_that_lacks_its_mention_is_reported() -> None:
    answer = parse('{"entities": [{"type": "人名"}, {"type": "人名", "text": "王芳"}]}', "json", TASKS, SCHEMA)  # fmt: skip
    assert [issue.detail for issue in answer.issues] == ["an item has only '人名'"]
    assert len(answer.items) == 1


def test_reasoning_without_an_answer_is_truncated() -> None:
    assert kinds('<think>{"entities": [{"type": "人名", "text": "王芳"}]') == ["truncated"]


def test_of_a_loop_one_round_is_kept() -> None:
    loop = (
        '{"entities": [{"type": "机构名", "text": "雀巢"}'
        + ', {"type": "人名", "text": "王芳"}' * 90
    )
    answer = parse(loop, "json", TASKS, SCHEMA)
    assert said(loop) == [("机构名", "雀巢"), ("人名", "王芳")]
    assert answer.issues[-1].detail == "the last 1 items were repeated 89 times; kept once"
    compact = "雀巢⟦机构名⟧" + "王芳⟦人名⟧李四海⟦人名⟧" * 40 + "王芳⟦人"
    assert said(compact, "compact") == [("机构名", "雀巢"), ("人名", "王芳"), ("人名", "李四海")]


def test_a_missing_line_end_does_not_glue_items_together() -> None:
    assert said("边城⟦作者⟧沈从文⟦⟧雪⟦歌手⟧白鹿⟦⟧北方⟦inWork⟧", "compact", ("re",)) == [
        ("作者", "边城", ("", "沈从文")),
        ("歌手", "雪", ("", "白鹿"), ("inWork", "北方")),
    ]
    assert said("裁员⟦裁员⟧雀巢⟦裁员方⟧裁减⟦裁员⟧", "compact", ("ee",)) == [
        ("裁员", "裁员", ("裁员方", "雀巢")),
        ("裁员", "裁减"),
    ]


def test_sections_are_told_apart_when_one_is_missing() -> None:
    assert said("边城⟦作者⟧沈从文⟦⟧\n\n裁员⟦裁员⟧", "compact") == [
        ("作者", "边城", ("", "沈从文")),
        ("裁员", "裁员"),
    ]


def test_ranges_are_those_of_the_completion() -> None:
    completion = '好的：{"events": [{"type": "裁员", "trigger": "裁", "arguments": [{"role": "人数", "text": "千"}]}]}'
    (item,) = parse(completion, "json", TASKS, SCHEMA).items
    assert [completion[a:b] for a, b in item.at] == ["裁员", "裁", "千"]
    escaped = r'"{\"entities\": [{\"type\": \"人名\", \"text\": \"王芳\"}]}"'
    (item,) = parse(escaped, "json", TASKS, SCHEMA).items
    assert [escaped[a:b] for a, b in item.at] == ["人名", "王芳"]


def test_nesting_without_end_is_neither_followed_nor_fatal() -> None:
    deep = scan("[" * 100_000 + "{" * 100_000 + "}" * 7)
    depth, node = 0, deep.values[0]
    while isinstance(node, Array | Object):
        depth += 1
        inner = node.values if isinstance(node, Array) else [value for _, value in node.pairs]
        node = inner[0] if inner else None
    assert depth == MAX_DEPTH


def test_an_unknown_format_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="unknown format 'xml'; formats are json, compact"):
        parse("", "xml", TASKS, SCHEMA)


def test_a_cut_value_that_looks_like_escaped_json_does_not_unescape_the_answer():
    said = '{"relations": [{"type": "作者", "subject": "1", "object": "\\\\"}, {"type": "[\\"'
    answer = parse(said, "json", ("re",), SCHEMA)
    assert [item.slots for item in answer.items] == [(("", "\\"),)]


@pytest.mark.parametrize(
    "tail", ["雀" * 200_000, "雀" * 200_000 + "⟧", "⟦" * 100_000, "\\" * 99_999]
)
def test_a_compact_answer_that_runs_on_is_read_in_linear_time(tail: str) -> None:
    answer = parse(f"雀巢⟦机构名⟧{tail}", "compact", ("ner",), SCHEMA)
    assert [item.head for item in answer.items] == ["雀巢"]
    assert [issue.kind for issue in answer.issues] == ["truncated"] or tail.endswith("⟧")


def test_a_compact_answer_that_breaks_off_says_where() -> None:
    (issue,) = parse("雀巢⟦机构名⟧\n李白⟦人", "compact", ("ner",), SCHEMA).issues
    assert issue.detail == "breaks off after 1 items at character 8: '李白⟦人'"


def test_compact_damage_within_a_line_keeps_the_pairs_around_it() -> None:
    assert said("甲⟦李白⟦人名⟧⟧雀巢⟦机构名⟧", "compact", ("ner",)) == [
        ("人名", "李白"),
        ("机构名", "雀巢"),
    ]
    (item,) = parse("雀巢⟦机构名⟧ ⟦ #2 ⟧", "compact", ("ner",), SCHEMA).items
    assert item.marks == (2,)


@pytest.mark.parametrize(
    "completion",
    [
        '{"entities":[{"type":"人名","text":"李白","type":"机构名","text":"雀巢"}]}',
        '{"entities":[{"text":"李白","type":"人名","text":"雀巢","type":"机构名"}]}',
    ],
)
def test_entities_that_run_together_in_one_object_are_all_kept(completion: str) -> None:
    assert said(completion) == [("人名", "李白"), ("机构名", "雀巢")]


@pytest.mark.parametrize(
    "completion",
    [
        '{"type": "作者", "subject": ["边城", "长河"], "object": "沈"}',
        '{"type": "作者", "subject": "边城", "object": "沈", "subject": "长河", "object": "沈"}',
        '{"type": "作者", "object": "沈", "subject": "边城", "object": "沈", "subject": "长河"}',
        "边城⟦作者⟧沈⟦⟧长河⟦作者⟧沈⟦⟧",
    ],
)
def test_relations_that_run_together_are_all_kept(completion: str) -> None:
    relations = [("作者", "边城", ("", "沈")), ("作者", "长河", ("", "沈"))]
    assert said(completion, tasks=("re",)) == relations


@pytest.mark.parametrize(
    "completion",
    [
        '{"type": "作者", "subject": "边城", "object": {"@value": ["沈", "丁"]}}',
        '{"type": "作者", "subject": "边城", "object": [{"@value": "沈"}, {"@value": "丁"}]}',
        '{"type": "作者", "subject": "边城", "object": "沈", "object": "丁"}',
        "边城⟦作者⟧沈⟦⟧丁⟦⟧",
    ],
)
def test_each_object_of_a_subject_is_a_relation(completion: str) -> None:
    relations = [("作者", "边城", ("", "沈")), ("作者", "边城", ("", "丁"))]
    assert said(completion, tasks=("re",)) == relations


@pytest.mark.parametrize(
    "slots",
    [
        '"qualifiers": [{"inWork": "长河"}]',
        '"qualifiers": {"inWork": "长河"}',
        '"qualifiers": [{"role": "inWork", "text": "长河"}]',
    ],
)
def test_qualifiers_are_read_in_any_of_these_forms(slots: str) -> None:
    completion = f'{{"type": "歌手", "subject": "甲", "object": "乙", {slots}}}'
    assert said(completion) == [("歌手", "甲", ("", "乙"), ("inWork", "长河"))]


@pytest.mark.parametrize(
    "slots",
    [
        '"arguments": [["裁员方", "雀巢"], ["人数", "9人"]]',
        '"arguments": [{"role": "裁员方", "text": "雀巢"}], "arguments": {"人数": "9人"}',
    ],
)
def test_arguments_are_read_in_any_of_these_forms(slots: str) -> None:
    completion = f'{{"type": "裁员", "trigger": "裁员", {slots}}}'
    assert said(completion) == [("裁员", "裁员", ("裁员方", "雀巢"), ("人数", "9人"))]


@pytest.mark.parametrize(
    ("fields", "lost"),
    [
        ('"trigger": "裁员", "arguments": "雀巢"', "雀巢"),
        ('"trigger": "裁员", "arguments": ["雀巢"]', "雀巢"),
        ('"trigger": ["裁员", "减员"], "arguments": []', "减员"),
    ],
)
def test_what_of_an_event_cannot_be_kept_is_reported(fields: str, lost: str) -> None:
    completion = f'{{"type": "裁员", {fields}}}'
    assert said(completion) == [("裁员", "裁员")]
    [issue] = parse(completion, "json", TASKS, SCHEMA).issues
    assert repr(lost) in issue.detail


def test_repeated_keys_of_one_entity_are_one() -> None:
    assert said('[{"type":"人名","type":"人名","text":"李白","text":"李白"}]') == [("人名", "李白")]
    assert said('[{"type":"机构名","type":"人名","text":null,"text":"李白"}]') == [("人名", "李白")]
    assert said('[{"type":"人名","text":"李白","text":"杜甫"}]') == [
        ("人名", "李白"),
        ("人名", "杜甫"),
    ]


def test_ends_of_relations_may_be_mentions_as_documents_have_them() -> None:
    end = '{"type":"影视作品","text":"甲","start":0,"end":1}'
    (item,) = parse(
        f'{{"relations":[{{"type":"歌手","subject":{end},"object":{end},"qualifiers":'
        f'{{"inWork":{end}}}}}]}}',
        "json",
        ("re",),
        SCHEMA,
    ).items
    assert item.slots == (("", "甲"), ("inWork", "甲"))


def test_an_end_of_another_type_than_the_schema_has_is_told() -> None:
    schema = Schema.from_dict(
        {"name": "t", "relations": [{"name": "作者", "subject": "图书", "object": "人物"}]}
    )

    def issues(subject: str) -> list[str]:
        ends = '"object":{"type":"人物","text":"沈从文"}'
        said = f'[{{"type":"作者","subject":{{"type":"{subject}","text":"边城"}},{ends}}}]'
        answer = parse(said, "json", ("re",), schema)
        assert [item.slots for item in answer.items] == [(("", "沈从文"),)]
        return [f"{issue.kind}: {issue.detail}" for issue in answer.issues]

    assert issues("图书") == []
    assert issues("电影") == [
        "out_of_schema: the subject of '作者' is said to be of type '电影', "
        "where the schema has 图书"
    ]
