"""The cleaner over a function of predictions: a stub that is mostly right finds what was corrupted."""

import json
import random

import pytest
from click.testing import CliRunner

from chinchilla.cli.data_audit import command
from chinchilla.curate.audit_run import write_predictions
from chinchilla.curate.cleaner import average_precision, model_suspects, ranked_items
from chinchilla.curate.folds import fold_predictions, folded
from chinchilla.data.documents import Document, Entity, Relation
from chinchilla.errors import ConfigError
from chinchilla.files.jsonl import write_documents

pytest.importorskip("cleanlab")
TYPES = ["人名", "地名", "机构名"]


def right(number):
    draw = random.Random(number)
    names = ["".join(draw.choices("山水云风花木金石江海", k=3)) for _ in TYPES]
    text, entities = "", []
    for kind, name in zip(TYPES, names, strict=True):
        text += draw.choice(["今天", "他说", "在那里"])
        entities.append(Entity(kind, name, len(text), len(text) + 3))
        text += name
    person, _, firm = entities
    return Document(str(number), text, tuple(entities), (Relation("任职", person, firm),))


def changed(document, **fields):
    return Document(
        document.id,
        document.text,
        fields.get("entities", document.entities),
        fields.get("relations", document.relations),
    )


def said(document, draw):
    """What a fair model says: nine of ten right and sure, the tenth of another type and unsure."""

    def one(entity):
        if draw.random() < 0.9:
            return Entity(entity.type, entity.text, entity.start, entity.end, 0.9)
        return Entity(draw.choice(TYPES), entity.text, entity.start, entity.end, 0.5)

    relations = tuple(Relation(r.type, r.subject, r.object, {}, 0.9) for r in document.relations)
    return changed(document, entities=tuple(map(one, document.entities)), relations=relations)


def corrupt(document, draw):
    """Spoil one entity of a document: its type, its border, or by leaving it out."""
    entities = list(document.entities)
    n = draw.randrange(3)
    e = entities[n]
    way = draw.choice(["type", "border", "missing"])
    if way == "type":
        entities[n] = Entity(draw.choice([t for t in TYPES if t != e.type]), e.text, e.start, e.end)
    elif way == "border":
        entities[n] = Entity(e.type, e.text[:2], e.start, e.end - 1)
    else:
        del entities[n]
    return changed(document, entities=tuple(entities)), e.start


def test_corrupted_labels_come_first():
    draw = random.Random(7)
    documents = [right(n) for n in range(300)]
    predicted = [said(document, draw) for document in documents]
    spoilt = {}
    for n in draw.sample(range(300), 45):
        documents[n], spoilt[n] = corrupt(documents[n], draw)
    ranking = [item for item, _ in ranked_items(documents, predicted) if item.task == "entity"]
    hits = [spoilt.get(item.document) == item.span[0] for item in ranking]
    chance = sum(hits) / len(hits)
    assert sum(hits) == 45
    assert average_precision(hits) >= 5 * chance


def test_each_suspect_shows_both_readings():
    documents = [right(n) for n in range(30)]
    predicted = [said(document, random.Random(0)) for document in documents]
    first = documents[0]
    swapped = changed(first, relations=(Relation("创始人", first.entities[0], first.entities[2]),))
    documents[0] = changed(
        swapped,
        entities=(
            *first.entities[:1],
            Entity("人名", first.entities[1].text, *first.entities[1].span),
        ),
    )
    found = {one.where: one for one in model_suspects(documents, predicted)[0]}
    assert found["relations[0]"].label == "创始人"
    assert found["relations[0]"].other[0] == "任职"
    assert (found["entities[1]"].label, found["entities[1]"].other[0]) == ("人名", "地名")
    missing = found["entity[+]"]
    assert (missing.label, missing.other) == ("", ("机构名", first.entities[2].span))
    assert found["relations[0]"].certainty > 0.5


def test_a_relation_that_is_annotated_at_other_places_is_no_suspect():
    text = "王小明创办了星河。王小明任星河董事长。"
    places = [(0, 3, 6, 8), (9, 12, 13, 15)]
    found = [
        Relation("创始人", Entity("人名", "王小明", a, b), Entity("机构", "星河", c, d), {}, 0.9)
        for a, b, c, d in places
    ]
    gold = Document("a", text, (), tuple(found[:1]))
    assert not model_suspects([gold], [Document("a", text, (), tuple(found))])
    assert model_suspects([Document("a", text)], [Document("a", text, (), tuple(found))])


def test_average_precision():
    # (1/1 + 2/3) / 2
    assert average_precision([True, False, True]) == pytest.approx(5 / 6)
    assert average_precision([False]) == 0


def test_no_fold_learns_from_what_it_predicts():
    documents = [right(n) for n in range(11)]
    learnt = []

    def fit(rest, fold):
        seen = {document.id for document in rest}
        learnt.append(len(rest))

        def predict(some):
            assert not seen & {document.id for document in some}
            return [changed(document, entities=()) for document in some]

        return predict

    found = fold_predictions(documents, fit, folds=3, seed=1)
    assert [document.id for document in found] == [document.id for document in documents]
    assert sorted(learnt) == [7, 7, 8]
    assert folded(11, 3, 1) == folded(11, 3, 1) != folded(11, 3, 2)
    with pytest.raises(ConfigError, match="12 folds of 11"):
        fold_predictions(documents, fit, folds=12)


def test_predictions_go_on_after_a_kill(tmp_path):
    documents = [right(n) for n in range(40)]
    path = str(tmp_path / "said.jsonl")

    def dies(some):
        yield from some[:20]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_predictions(path, documents, dies, {"model": "m"})
    asked = []

    def lives(some):
        for document in some:
            asked.append(document.id)
            yield document

    write_predictions(path, documents, lives, {"model": "m"})
    assert asked == [str(n) for n in range(16, 40)]
    write_documents(tmp_path / "whole.jsonl", documents)
    assert (tmp_path / "whole.jsonl").read_bytes() == (tmp_path / "said.jsonl").read_bytes()


def test_the_command_reads_predictions(tmp_path):
    documents = [right(n) for n in range(30)]
    predicted = [said(document, random.Random(0)) for document in documents]
    wrong = list(documents[3].entities)
    wrong[0] = Entity("地名", wrong[0].text, *wrong[0].span)
    documents[3] = changed(documents[3], entities=tuple(wrong))
    write_documents(tmp_path / "docs.jsonl", documents)
    write_documents(tmp_path / "said.jsonl", predicted)
    options = ["--predictions", str(tmp_path / "said.jsonl"), "--near", "0"]
    options += ["--report", str(tmp_path / "report.json"), "--html", str(tmp_path / "page.html")]
    done = CliRunner().invoke(command, [str(tmp_path / "docs.jsonl"), *options])
    assert done.exit_code == 0, done.output
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert report["found"][0] | {"detail": ""} == {
        **{"file": str(tmp_path / "docs.jsonl"), "line": 4, "id": "3", "detail": ""},
        **{"rule": "model disagrees", "where": "entities[0]", "label": "地名"},
        **{"text": wrong[0].text, "start": wrong[0].start, "end": wrong[0].end},
        "certainty": report["found"][0]["certainty"],
        "other": {"label": "人名", "start": wrong[0].start, "end": wrong[0].end},
    }
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "Annotated</span>: 地名" in page
    assert "Predicted</span>: 人名" in page
