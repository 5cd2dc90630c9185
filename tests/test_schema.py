"""Schemas: what they can say, how they are found, and how mistakes are told."""

import json

import pytest

from chinchilla import Schema, read_schema
from chinchilla.data.schema import builtin_schemas
from chinchilla.errors import SchemaError

SAMPLE = """\
name: sample
entities: [人名, {name: 机构名, description: 专名, examples: [雀巢], aliases: [ORG]}]
relations: [{name: 任职, subject: 人名, object: 机构名, qualifiers: {职务: 人名}}]
events: [{name: 裁员, trigger: true, roles: [裁员方, {name: 环节, values: [筹备上市, 正式上市]}]}]
"""


@pytest.fixture
def sample(tmp_path):
    path = tmp_path / "sample.yaml"
    path.write_text(SAMPLE, encoding="utf-8")
    return path


def test_a_schema_file_says_types_ends_roles_and_values(sample):
    schema = read_schema(sample)
    assert schema.tasks == ("ner", "re", "ee")
    assert schema.entity_by_label["ORG"].name == "机构名"
    assert schema.relations[0].qualifiers == {"职务": "人名"}
    assert schema.events[0].role_by_name["环节"].values == ("筹备上市", "正式上市")
    assert Schema.from_dict(schema.to_dict()) == schema


def test_json_is_read_too(tmp_path):
    path = tmp_path / "s.json"
    path.write_text('{"name": "s", "entities": ["人名"]}', encoding="utf-8")
    assert read_schema(str(path)).entities[0].name == "人名"


def test_json_may_escape_characters_beyond_the_first_plane_and_be_indented_by_tabs(tmp_path):
    path = tmp_path / "S.JSON"
    value = {"entities": ["人名", {"name": "地名", "description": "😀𠮷"}]}
    path.write_text(json.dumps(value, indent="\t"), encoding="utf-8")
    assert read_schema(path).entity_by_label["地名"].description == "😀𠮷"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("s.json", '{"entities":\n ["人名",]}', ":2: not valid JSON ("),
        (
            "s.json",
            '{"entities": [{"name": "a{\\"", "examples": ["b"]}, {"name": "b"}],\n"entiti\\u0065s": []}',
            ":2: not valid JSON (the key 'entities' stands twice)",
        ),
        (
            "s.json",
            '{"entities": ["\\ud83d"]}',
            r':1: not valid JSON (half of a surrogate pair in "',
        ),
        (
            "s.yaml",
            "entities: [a]\nname: x\n'entities': [b]\n",
            ":3: not valid YAML (the key 'entities' stands twice)",
        ),
        (
            "s.yaml",
            "entities:\n- {name: a,\n   name: b}\n",
            ":3: not valid YAML (the key 'name' stands twice)",
        ),
    ],
)
def test_a_file_that_cannot_be_read_whole_is_refused_with_its_line(
    tmp_path, name, content, message
):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SchemaError) as caught:
        read_schema(path)
    assert f"{path}{message}" in str(caught.value)


def test_yaml_anchors_may_be_overridden(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text(
        "entities: [&a {name: a, description: x}, {<<: *a, name: b}, {name: c, examples: &e [y]}]\n"
        "relations: [{name: r, examples: *e}]\n"
    )
    assert [(t.name, t.description) for t in read_schema(path).entities] == [
        ("a", "x"),
        ("b", "x"),
        ("c", ""),
    ]


@pytest.mark.parametrize("name", builtin_schemas())
def test_built_in_schema_loads_and_keeps_its_name(name):
    schema = read_schema(name)
    assert schema.name == name
    assert Schema.from_dict(schema.to_dict()) == schema


def test_the_promised_schemas_are_built_in():
    promised = {"news", "msra", "boson", "cluener", "duie", "duee", "duee-fin", "finre", "sanwen"}
    assert promised <= set(builtin_schemas())


def test_duie_has_48_predicates_and_duee_65_event_types():
    assert len({relation.name for relation in read_schema("duie").relations}) == 48
    assert len(read_schema("duee").events) == 65


def test_all_mistakes_are_told_at_once_with_near_misses():
    value = {
        "name": "x",
        "entites": [],
        "entities": ["人名", "人名"],
        "relations": [{"name": "任职", "subject": ["人名"]}],
        "events": [{"name": "裁员", "roles": "裁员方", "triger": True}],
    }
    with pytest.raises(SchemaError) as caught:
        Schema.from_dict(value, "x.yaml")
    message = str(caught.value)
    assert "x.yaml: unknown key 'entites'; did you mean 'entities'?" in message
    assert "'人名' is declared twice" in message
    assert "relations[0] (任职).subject: expected a string or null, got ['人名']" in message
    assert "events[0] (裁员).roles: expected a list, got '裁员方'" in message
    assert "events[0] (裁员): unknown key 'triger'; did you mean 'trigger'?" in message
    assert all(line.startswith("x.yaml: ") for line in message.splitlines())


@pytest.mark.parametrize("qualifiers", [{"b": {"type": "c"}}, {"b": 1}, {1: "c"}])
def test_qualifiers_lead_from_names_to_names(qualifiers):
    value = {"name": "x", "relations": [{"name": "a", "qualifiers": qualifiers}]}
    with pytest.raises(SchemaError, match=r"\(a\)\.qualifiers.*: expected a string"):
        Schema.from_dict(value)


def test_relations_may_join_types_that_are_not_asked_for_as_entities():
    value = {
        "name": "news",
        "entities": ["人名", {"name": "机构名", "description": "专名", "examples": ["雀巢"]}],
        "relations": [
            {
                "name": "作者",
                "subject": "图书作品",
                "object": "人物",
                "qualifiers": {"inWork": "影视作品"},
            }
        ],
        "events": [
            {
                "name": "组织关系-裁员",
                "trigger": True,
                "roles": ["裁员方", {"name": "环节", "values": ["筹备上市", "正式上市"]}],
            }
        ],
    }
    assert Schema.from_dict(value).relations[0].subject == "图书作品"


def test_unknown_name_lists_the_built_in_ones_and_the_near_miss():
    with pytest.raises(SchemaError, match=r"'duei' is neither .*did you mean '(duie|duee)'"):
        read_schema("duei")


def test_yaml_error_names_its_line(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("name: x\nentities: [a, b\n", encoding="utf-8")
    with pytest.raises(SchemaError, match=r"bad.yaml:3: not valid YAML"):
        read_schema(path)


def test_relations_of_one_name_get_labels_that_tell_them_apart():
    schema = Schema.from_dict(
        {
            "relations": [
                {"name": "成立日期", "subject": "机构", "object": "日期"},
                {"name": "成立日期", "subject": "企业", "object": "日期"},
            ]
        }
    )
    assert [r.label for r in schema.relations] == ["成立日期（机构→日期）", "成立日期（企业→日期）"]
    assert schema.relation_label("成立日期", "企业", "日期") == "成立日期（企业→日期）"
    assert schema.relation_label("成立日期", "人物", "日期") is None


def test_answer_names_are_the_labels_and_slots_of_a_task(sample):
    schema = read_schema(sample)
    assert schema.answer_names("ner") == {"人名", "机构名"}
    assert schema.answer_names("re") == {"任职", "职务"}
    assert schema.answer_names("ee") == {"裁员", "裁员方", "环节"}
