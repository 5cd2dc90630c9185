"""Python as users write it: forms of arguments, copies, errors of single texts, rows for tables."""

import json
import pickle
import re

import pytest
from fakes import scripted_engine

from chinchilla import Document, Extraction, Extractor, extract
from chinchilla.data.documents import Argument, Entity, Event, Issue, Mention, Relation
from chinchilla.errors import ConfigError, InputError, ModelError, SchemaError
from chinchilla.options import ExtractOptions

SCHEMA = {"name": "s", "entities": ["人名"], "relations": ["丈夫"], "events": [{"name": "会见"}]}
NAN = float("nan")


def capitals(prompt):
    if "!" in prompt.input:
        raise ModelError("the engine broke")
    return "".join(f"{letter}⟦人名⟧" for letter in re.findall("[A-Z]", prompt.input)) or "⟦⟧"


@pytest.mark.parametrize(
    ("tasks", "asked"),
    [
        ("ner,re", ("ner", "re")),
        ("re, ner", ("ner", "re")),
        ("ee、re", ("re", "ee")),
        ("ner", ("ner",)),
        (["ee"], ("ee",)),
        (None, ("ner", "re", "ee")),
    ],
)
def test_tasks_are_taken_in_a_list_or_by_commas(tasks, asked):
    assert Extractor(scripted_engine(capitals), SCHEMA, tasks).tasks == asked


@pytest.mark.parametrize(("tasks", "told"), [(5, "tasks is 5"), ("", "no tasks"), ("ner,x", "'x'")])
def test_tasks_that_are_none_are_named(tasks, told):
    with pytest.raises(SchemaError, match=told):
        Extractor(scripted_engine(capitals), SCHEMA, tasks)


@pytest.mark.parametrize("text", [None, NAN, 7, b"A", {"text": "A"}])
def test_what_is_no_text_is_named(text):
    with pytest.raises(InputError, match=re.escape(f"text is {text!r}; expected a str")):
        extract(text)
    with pytest.raises(InputError, match=f"'0': its text is a {type(text).__name__}, "):
        extract([text], "msra")


def test_what_is_no_document_is_named():
    with pytest.raises(InputError, match="'甲' is a str; expected a Document"):
        list(Extractor(scripted_engine(capitals), SCHEMA).stream(["甲"]))


def test_a_copy_for_another_process_loads_the_model_again():
    extractor = Extractor(None, "msra", "ner", options=ExtractOptions(min_score=0.2))
    copy = pickle.loads(pickle.dumps(extractor))
    assert copy.engine is not extractor.engine
    assert (copy.options, copy.schema, copy.tasks) == (
        extractor.options,
        extractor.schema,
        extractor.tasks,
    )
    assert copy.extract("王小明在北京。") == extractor.extract("王小明在北京。")


@pytest.mark.parametrize("bad", [None, NAN, "\ud842", 3])
def test_a_text_that_cannot_be_read_is_kept_with_its_error(bad):
    documents = [Document("a", "A"), Document("b", bad, meta={"n": 1}), Document("c", "C")]
    stream = Extractor(scripted_engine(capitals), SCHEMA, "ner").stream(documents, on_error="keep")
    first, second, third = list(stream)
    assert [len(first.entities), len(third.entities)] == [1, 1]
    assert (second.id, second.meta, second.entities) == ("b", {"n": 1}, ())
    assert [issue.kind for issue in second.issues] == ["unanswered"]
    assert "document 'b'" in second.issues[0].detail
    second.text.encode()


def test_an_engine_that_fails_is_told_in_the_documents_that_waited():
    documents = [Document(str(i), text) for i, text in enumerate(["A", " ", "B!", "C", "D"])]
    extractor = Extractor(scripted_engine(capitals), SCHEMA, "ner")
    kept = list(extractor.stream(documents, on_error="keep"))
    assert [document.id for document in kept] == list("01234")
    assert [len(document.entities) for document in kept] == [1, 0, 0, 1, 1]
    assert kept[2].issues[0].detail == "no answer: the engine broke"
    with pytest.raises(ModelError, match="the engine broke"):
        list(extractor.stream(documents))
    with pytest.raises(ConfigError, match="on_error is 'skip'; expected 'raise' or 'keep'"):
        extractor.stream(documents, on_error="skip")


A, B = Entity("人名", "甲", 0, 1, 0.5), Entity("人名", "乙", 3, 4)
FULL = Extraction(
    (A,),
    (Relation("丈夫", A, B, {"时间": Entity("时间", "昨天", None, None)}, 0.9),),
    (
        Event("会见", Mention("会见", 1, 3), (Argument("主体", "甲", 0, 1),)),
        Event("上市", None),
    ),
    (Issue("ungrounded", "'昨天' is not in the text", "relations[0].qualifiers.时间"),),
)


def test_facts_are_flat_rows():
    rows = Document("d", "甲会见乙").with_extraction(FULL).to_rows()
    assert len({tuple(row) for row in rows}) == 1
    assert [(row["kind"], row["number"], row["mention"], row["role"]) for row in rows] == [
        ("entity", 0, "甲", None),
        ("relation", 0, "甲", "object"),
        ("relation", 0, "甲", "时间"),
        ("event", 0, "会见", "主体"),
        ("event", 1, None, None),
        ("issue", 0, "'昨天' is not in the text", "relations[0].qualifiers.时间"),
    ]
    assert (rows[1]["score"], rows[1]["argument"], rows[1]["argument_end"]) == (0.9, "乙", 4)
    assert FULL.to_rows() == [{k: v for k, v in row.items() if k != "document"} for row in rows]
    assert Extraction().to_rows() == []


def test_every_part_has_a_json_form_with_its_lists():
    assert Document("d", "").to_dict() == {
        **{"id": "d", "text": ""},
        **{"entities": [], "relations": [], "events": [], "issues": []},
    }
    parts = [A, *FULL.relations, *FULL.events, *FULL.issues, FULL.events[0].trigger, FULL]
    for part in parts:
        assert json.loads(json.dumps(part.to_dict())) == part.to_dict()
    assert FULL.events[1].to_dict() == {"type": "上市", "trigger": None, "arguments": []}
