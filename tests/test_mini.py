"""The embedded model as it ships: what a user may rely on, whatever its weights."""

import shutil
from importlib import resources
from pathlib import Path

import pytest

from chinchilla import Document, Extractor, read_schema
from chinchilla.engines.open import open_engine
from chinchilla.engines.protocol import Question
from chinchilla.errors import ModelError
from chinchilla.options import ExtractOptions

FOLDER = Path(str(resources.files("chinchilla").joinpath("mini")))
TEXT = "国家主席李明在北京会见了腾讯公司的代表王芳。"
NAMES = ["人名", "地名", "机构名"]


@pytest.fixture(scope="module")
def engine():
    return open_engine()


def found(engine, text, schema="msra", **options):
    return Extractor(engine, schema, options=ExtractOptions(**options)).extract(text)


def test_it_finds_names(engine):
    entities = found(engine, TEXT).entities
    assert ("北京", "地名", (7, 9)) in [(e.text, e.type, e.span) for e in entities]
    assert all(TEXT[e.start : e.end] == e.text and e.score is None for e in entities)


@pytest.mark.parametrize("white", ["\n", "\r\n", "\u3000", "\u2028", "\n\n "])
def test_white_space_hides_nothing(engine, white):
    text = f"天气不错。{white}{TEXT}{white}他在上海。"
    assert {"北京", "上海"} <= {entity.text for entity in found(engine, text).entities}


def test_traditional_characters_are_read_as_simplified_ones_and_given_as_written(engine):
    text = "遠山電子董事長魏家明在廣東會見了劉國華。"
    simple = found(engine, "远山电子董事长魏家明在广东会见了刘国华。").entities
    entities = found(engine, text).entities
    assert [(e.type, e.span) for e in entities] == [(e.type, e.span) for e in simple]
    assert "廣東" in [entity.text for entity in entities]


def test_unknown_types_take_nothing_from_known_ones(engine):
    more = {"name": "own", "entities": ["陶器纹样", *NAMES[:1], "桥梁跨径", *NAMES[1:]]}
    kept = [entity for entity in found(engine, TEXT, more).entities if entity.type in NAMES]
    assert kept == list(found(engine, TEXT, {"name": "own", "entities": NAMES}).entities)


def test_a_text_gets_the_same_answer_alone_and_among_others(engine):
    texts = [(TEXT * 3)[k : 3 * k + 2] for k in range(20)]
    extractor = Extractor(engine, "news", options=ExtractOptions(scores=True))
    together = list(extractor.stream(Document(str(k), text) for k, text in enumerate(texts)))
    for text, document in zip(texts, together, strict=True):
        assert extractor.extract(text) == document.extraction


def test_scores_are_probabilities_and_may_be_a_threshold(engine):
    entities = found(engine, TEXT, scores=True).entities
    assert all(0 < entity.score < 1 for entity in entities)
    best = max(entity.score for entity in entities)
    kept = found(engine, TEXT, min_score=best).entities
    assert kept == tuple(entity for entity in entities if entity.score >= best)


def test_relations_have_two_ends_and_an_event_one_argument_a_place(engine):
    text = "雀巢公司董事长李明宣布雀巢裁员4000人。李明毕业于北京大学。" * 4
    result = found(engine, text, "news", scores=True)
    assert all(r.subject.text != r.object.text for r in result.relations)
    said = [(r.type, r.subject.text, r.object.text) for r in result.relations]
    assert len(said) == len(set(said))
    for event in result.events:
        spans = [argument.span for argument in event.arguments]
        assert len(spans) == len(set(spans))


def test_a_question_may_be_of_several_tasks_and_schemas_at_once(engine):
    other = read_schema({"name": "o", "entities": ["地名"]})
    questions = [
        Question(TEXT, read_schema("news"), ("ner", "ee")),
        Question(TEXT, other, ("ner",)),
        Question("。", other, ("ner",)),
    ]
    first, second, third = engine.answer(questions, ExtractOptions())
    assert {entity.type for entity in second.entities} == {"地名"}
    assert len({entity.type for entity in first.entities}) > 1
    assert not third.entities


def test_a_copy_opens_and_a_damaged_one_says_so(tmp_path):
    for path in FOLDER.iterdir():
        if path.is_file() and path.suffix != ".py":
            shutil.copyfile(path, tmp_path / path.name)
    assert "北京" in [entity.text for entity in found(str(tmp_path), TEXT).entities]
    (tmp_path / "heads.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="damaged or of another version"):
        open_engine(tmp_path)


def test_it_is_small():
    assert sum(p.stat().st_size for p in FOLDER.iterdir() if p.suffix != ".py") < 40_000_000
