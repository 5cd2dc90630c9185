"""Layouts that models choose instead of ours: each becomes facts or an issue, never nothing."""

from typing import Any

import pytest

from chinchilla.data.issues import ISSUE_KINDS, KINDS, issue_table
from chinchilla.data.schema import Schema
from chinchilla.decoding.decode import decode

TEXT = "林晚秋去年在海燕保险上班，任主管。孙小雨写了《北岭》。"
SCHEMA = Schema.from_dict(
    {
        "name": "t",
        "entities": ["人名", "机构名"],
        "relations": [
            {"name": "作者", "subject": "图书", "object": "人名"},
            {"name": "任职", "subject": "人名", "object": "机构名", "qualifiers": {"职位": "职位"}},
        ],
        "events": [
            {"name": "入职", "roles": ["员工", "公司", {"name": "结果", "values": ["有", "无"]}]}
        ],
    }
)
ONE = Schema.from_dict({"name": "o", "entities": ["人名"]})


def facts(said: str, task: str, schema: Schema = SCHEMA) -> list[Any]:
    found = decode(said, TEXT, schema, "json", task)
    return [
        *((e.type, e.text) for e in found.entities),
        *((r.type, r.subject.text, r.object.text, *((k, v.text) for k, v in r.qualifiers.items()))
          for r in found.relations),
        *((e.type, e.trigger and e.trigger.text, *((a.role, a.text) for a in e.arguments))
          for e in found.events),
    ]  # fmt: skip


def kinds(said: str, task: str, schema: Schema = SCHEMA) -> list[str]:
    return [issue.kind for issue in decode(said, TEXT, schema, "json", task).issues]


@pytest.mark.parametrize(
    "said",
    [
        '{"实体结果": [{"type": "人名", "text": "林晚秋"}]}',
        '{"a": {"b": [{"c": {"人名": ["林晚秋"]}}]}}',
        '{"7": {"label": "人名", "mention": "林晚秋", "start": 0, "confidence": 0.9}}',
        '[{"entity_group": 1, "entity_type": "人名", "entity_name": "林晚秋", "id": 3}]',
        '[{"name": "人名", "value": "林晚秋"}]',
        '[{"text": "林晚秋", "type": ["人名"]}]',
        '{"人名": "[\\"林晚秋\\"]"}',
        '{"人名": {"1": "林晚秋"}}',
        '["人名：林晚秋"]',
        "1. 人名：林晚秋\n2. 机构名：无",
        '{"text": "林晚秋去年在海燕保险上班", "entities": [{"type": "人名", "span": "林晚秋"}]}',
    ],
)
def test_entities_are_read_under_any_key_and_field(said: str) -> None:
    assert facts(said, "ner") == [("人名", "林晚秋")]
    assert set(kinds(said, "ner")) <= {"unread", "empty_value"}


@pytest.mark.parametrize(
    "said",
    [
        '{"作者": {"北岭": "孙小雨"}}',
        '{"作者": [["北岭", "孙小雨"]]}',
        '[["作者", "北岭", "孙小雨"]]',
        '[{"head": "北岭", "relation": "作者", "tail": "孙小雨", "head_type": "图书"}]',
        '[{"头实体": {"text": "北岭"}, "关系": "作者", "尾实体": {"text": "孙小雨"}}]',
        '[{"关系类型": "作者", "图书": "北岭", "人名": "孙小雨"}]',
        '{"图书": [{"text": "北岭", "relations": {"作者": [{"text": "孙小雨"}]}}]}',
    ],
)
def test_relations_are_read_in_any_of_these_layouts(said: str) -> None:
    assert facts(said, "re") == [("作者", "北岭", "孙小雨")]
    assert kinds(said, "re") == []


@pytest.mark.parametrize(
    "said",
    [
        '{"职位": "主管", "type": "任职", "subject": "林晚秋", "object": "海燕保险"}',
        '[{"type": "任职", "subject": "林晚秋", "object": "海燕保险", "attributes": {"职位": "主管"}}]',
        '{"任职": [{"subject": "林晚秋", "object": "海燕保险", "职位": {"text": "主管"}}]}',
    ],
)
def test_a_qualifier_may_stand_beside_its_relation(said: str) -> None:
    assert facts(said, "re") == [("任职", "林晚秋", "海燕保险", ("职位", "主管"))]


@pytest.mark.parametrize(
    "said",
    [
        '[{"event_type": "入职", "trigger": "上班", "员工": "林晚秋"}]',
        '{"入职": {"上班": {"员工": "林晚秋"}}}',
        '{"入职触发词": [{"text": "上班", "relations": {"员工": [{"text": "林晚秋"}]}}]}',
        '[{"事件": "入职", "触发词": "上班", "论元": [{"name": "员工", "value": "林晚秋"}]}]',
        '{"入职": "上班", "入职_attributes": {"员工": "林晚秋"}}',
        '[{"触发词": "上班", "roles": [["员工", "林晚秋"]]}]',
    ],
)
def test_roles_may_stand_beside_their_event(said: str) -> None:
    assert facts(said, "ee") == [("入职", "上班", ("员工", "林晚秋"))]
    assert kinds(said, "ee") == []


@pytest.mark.parametrize(
    ("said", "task", "kind", "lost"),
    [
        ('[{"type": "人名", "text": "林晚秋", "性别": "女"}]', "ner", "unread", "女"),
        ('{"人名": {"林晚秋": "主角"}}', "ner", "unread", "主角"),
        ('{"人名": "林晚秋", "产品": "手表"}', "ner", "unknown_type", "手表"),
        ('[{"type": "入职", "trigger": "上班", "地点": "海口"}]', "ee", "unknown_role", "海口"),
        ('[{"type": "作者", "subject": "北岭", "object": "孙小雨", "年": "2020"}]', "re",
         "unknown_role", "2020"),
        ('{"type": "入职", "trigger": "上班", "备注": [{"x": [1]}]}', "ee", "unread", "1"),
    ],
)  # fmt: skip
def test_what_stands_beside_an_item_and_is_not_understood_is_told(
    said: str, task: str, kind: str, lost: str
) -> None:
    found = decode(said, TEXT, SCHEMA, "json", task)
    assert [kind for issue in found.issues if issue.kind == kind and lost in issue.detail] == [kind]
    assert len(facts(said, task)) == 1


@pytest.mark.parametrize(
    "word", ["无", "暂无", "未提及", "文中未提及", "未知", "不详", "没有", "空", "N/A", "null", "（无）",
             "not mentioned", "-"]
)  # fmt: skip
def test_a_word_for_nothing_is_never_a_mention(word: str) -> None:
    text = f"林晚秋{word}上班"
    for said, task in (
        (f'{{"人名": "林晚秋", "机构名": "{word}"}}', "ner"),
        (f'{{"entities": [{{"type": "机构名", "text": "{word}"}}]}}', "ner"),
        (f'[{{"type": "任职", "subject": "林晚秋", "object": "{word}"}}]', "re"),
        (f'[{{"type": "入职", "trigger": "上班", "arguments": [{{"role": "公司", "text": "{word}"}}]}}]',
         "ee"),
        (f'{{"入职": [{{"trigger": "上班", "公司": "{word}"}}]}}', "ee"),
    ):  # fmt: skip
        found = decode(said, text, SCHEMA, "json", task)
        assert word not in {entity.text for entity in found.entities}
        assert found.relations == ()
        assert all(event.arguments == () for event in found.events)
        assert {issue.kind for issue in found.issues} <= {"empty_value"}


def test_a_word_for_nothing_that_a_role_lists_is_a_value() -> None:
    said = '[{"type": "入职", "trigger": "上班", "结果": "无"}]'
    assert facts(said, "ee") == [("入职", "上班", ("结果", "无"))]


def test_a_mention_that_is_a_word_for_nothing_is_written_with_a_mark() -> None:
    from chinchilla import Document, Entity, encode

    entities = (Entity("人名", "空", 0, 1), Entity("人名", "林", 2, 3))
    said = encode(Document("d", "空和林", entities), ONE)
    assert decode(said, "空和林", ONE).entities == entities


@pytest.mark.parametrize(
    "said",
    ['["林晚秋", "孙小雨"]', '{"entities": ["林晚秋", "孙小雨"]}', '{"names": ["林晚秋", "孙小雨"]}',
     '[{"text": "林晚秋"}, {"name": "孙小雨"}]', '```json\n["林晚秋", "孙小雨"]\n```'],
)  # fmt: skip
def test_bare_strings_are_of_the_only_type_asked_for(said: str) -> None:
    assert facts(said, "ner", ONE) == [("人名", "林晚秋"), ("人名", "孙小雨")]
    assert kinds(said, "ner", ONE) == []
    assert facts(said, "ner") == []
    assert set(kinds(said, "ner")) <= {"unparsable", "unknown_type"} != set()


def test_strings_under_a_type_that_was_not_asked_for_are_not_of_the_only_one() -> None:
    assert facts('{"地名": ["海口"]}', "ner", ONE) == []
    assert kinds('{"地名": ["海口"]}', "ner", ONE) == ["unknown_type"]
    assert facts("他见[1]说，又见[林晚秋]。", "ner", ONE) == []


@pytest.mark.parametrize(
    "said",
    ["```json\n[]\n```", "```\n{}\n```", "[{}]", '{"result": []}', '{"entities": "无"}', '"无"',
     "文中没有找到相关实体。", "No entities found.", "未提及"],
)  # fmt: skip
def test_an_empty_answer_in_any_words_is_no_problem(said: str) -> None:
    assert facts(said, "ner") == []
    assert kinds(said, "ner") == []


def test_each_issue_kind_stands_once_in_the_table() -> None:
    assert len(set(ISSUE_KINDS)) == len(KINDS)
    table = issue_table()
    assert all(f"| `{kind}` |" in table for kind in ISSUE_KINDS)


def test_what_is_annotated_twice_is_said_once() -> None:
    from chinchilla import Document, encode
    from chinchilla.data.documents import Argument, Entity, Event, Mention, Relation

    person, book = Entity("人名", "孙小雨", 17, 20), Entity(None, "北岭", 23, 25)
    event = Event("入职", Mention("上班", 10, 12), (Argument("员工", "林晚秋", 0, 3),) * 2)
    relation = Relation("作者", book, person)
    document = Document("d", TEXT, (person, person), (relation, relation), (event, event))
    for task in ("ner", "re", "ee"):
        found = decode(encode(document, SCHEMA, tasks=task), TEXT, SCHEMA, tasks=task)
        assert found.issues == ()
        assert len(found.entities) + len(found.relations) + len(found.events) == 1
        assert all(len(event.arguments) == 1 for event in found.events)
