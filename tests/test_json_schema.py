import json

import pytest
from constrain_samples import SCHEMA

from chinchilla.decoding.json_schema import to_json_schema


def fits(value, schema):
    """Check a value against the part of JSON Schema that we write."""
    if "anyOf" in schema:
        return any(fits(value, one) for one in schema["anyOf"])
    if schema["type"] == "null":
        return value is None
    if schema["type"] == "string":
        return isinstance(value, str) and value in schema.get("enum", [value])
    if schema["type"] == "array":
        few = len(value) <= schema.get("maxItems", len(value))
        return few and all(fits(one, schema["items"]) for one in value)
    known = schema["properties"]
    assert schema["required"] == list(known)
    assert schema["additionalProperties"] is False
    return value.keys() == known.keys() and all(fits(value[k], known[k]) for k in known)


@pytest.mark.parametrize(
    ("task", "answer", "good"),
    [
        ("ner", {"entities": [{"type": "人名", "text": "张伟"}]}, True),
        ("ner", {"entities": [{"type": "地名", "text": "北京"}]}, False),
        ("re", {"relations": [{"type": "导演", "subject": "甲", "object": "乙"}]}, True),
        (
            "re",
            {
                "relations": [
                    {
                        "type": "作者",
                        "subject": "甲",
                        "object": "乙",
                        "qualifiers": {"inWork": "丙", "地点": None},
                    }
                ]
            },
            True,
        ),
        ("re", {"relations": [{"type": "导演", "subject": "甲"}]}, False),
        ("ee", {"events": [{"type": "地震", "trigger": None, "arguments": []}]}, True),
        ("ee", {"events": [{"type": "裁员", "trigger": None, "arguments": []}]}, False),
        (
            "ee",
            {
                "events": [
                    {
                        "type": "裁员",
                        "trigger": "裁员",
                        "arguments": [
                            {"role": "裁员方", "text": "雀巢"},
                            {"role": "环节", "text": "筹备"},
                        ],
                    }
                ]
            },
            True,
        ),
        (
            "ee",
            {
                "events": [
                    {
                        "type": "裁员",
                        "trigger": "裁员",
                        "arguments": [{"role": "环节", "text": "别的"}],
                    }
                ]
            },
            False,
        ),
    ],
)
def test_answers_fit_the_json_schema_of_their_schema(task, answer, good):
    schema = to_json_schema(SCHEMA, task)
    assert json.loads(json.dumps(schema)) == schema
    assert fits(answer, schema) is good
