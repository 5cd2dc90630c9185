"""Documents out to other tools and in again: nothing but what a form has no place for is lost."""

import json
import zipfile
from collections import Counter
from io import BytesIO

import pytest
from click.testing import CliRunner

from chinchilla import converters
from chinchilla.cli.main import cli
from chinchilla.data.documents import Argument, Document, Entity, Event, Mention, Relation
from chinchilla.files.exports import EXPORTS, render_export
from chinchilla.files.jsonl import write_documents
from chinchilla.files.rendering import render_documents

TEXT = "😀星河科技在北京\n裁员300人，张三任职"


def located(kind, mention, score=None):
    start = TEXT.index(mention)
    return Entity(kind, mention, start, start + len(mention), score)


def argument(role, mention):
    found = located("", mention)
    return Argument(role, found.text, found.start, found.end)


ORG, PLACE, PERSON = (
    located("机构名", "星河科技", 0.5),
    located("地名", "北京", 0.75),
    located("人名", "张三"),
)
WHOLE = Document(
    "a/1",
    TEXT,
    (ORG, PLACE, PERSON),
    (Relation("总部地点", ORG, PLACE), Relation("任职", PERSON, ORG)),
    (
        Event(
            "组织关系-裁员",
            Mention("裁员", TEXT.index("裁员"), TEXT.index("裁员") + 2),
            (
                argument("裁员方", "星河科技"),
                argument("裁员方", "北京"),
                argument("裁员人数", "300人"),
            ),
        ),
    ),
)
PLAIN = Document("b", "无", ())


def export(form, *documents):
    lost = Counter()
    content = b"".join(render_export(documents, form, lost))
    return content, {reason: count for reason, count in lost.items() if count}


def bare(entities):
    return {(e.type, e.text, e.start, e.end) for e in entities}


def facts(document):
    return {(r.type, *bare([r.subject]), *bare([r.object])) for r in document.relations}


def read_again(tmp_path, converter, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    report = converters.Report(strict=True)
    return list(converters.read(converter, [path], report=report))


def test_brat_and_back(tmp_path):
    content, lost = export("brat", WHOLE, PLAIN)
    assert lost == {}
    zipfile.ZipFile(BytesIO(content)).extractall(tmp_path)
    assert (tmp_path / "a_1.txt").read_text("utf-8") == TEXT
    read, plain = converters.read("brat", [tmp_path], report=converters.Report())
    assert plain.text == "无"
    # What fills a role and is no entity of its own becomes one.
    assert bare(read.entities) == bare(WHOLE.entities) | {("argument", *bare_text("300人"))}
    assert facts(read) == facts(WHOLE)
    assert read.events == WHOLE.events


def bare_text(mention):
    found = located("", mention)
    return found.text, found.start, found.end


def test_brat_writes_a_span_over_a_line_end_in_pieces(tmp_path):
    crossing = Document("c", "甲乙\n丙丁", (Entity("名", "乙\n丙", 1, 4),))
    zipfile.ZipFile(BytesIO(export("brat", crossing)[0])).extractall(tmp_path)
    assert (tmp_path / "c.ann").read_text("utf-8") == "T1\t名 1 2;3 4\t乙 丙\n"
    (read,) = converters.read("brat", [tmp_path], report=converters.Report(strict=True))
    assert read.entities == crossing.entities


def test_file_names_of_brat_are_harmless_and_their_own():
    documents = [Document(name, "") for name in ("../x", "..\\x", "A", "a", "", "x" * 500)]
    names = zipfile.ZipFile(BytesIO(export("brat", *documents)[0])).namelist()
    assert len({name.lower() for name in names}) == 13
    assert not any("/" in name or "\\" in name or name.startswith(".") for name in names)


def test_doccano_and_back(tmp_path):
    content, lost = export("doccano", WHOLE, PLAIN)
    assert lost == {"event": 1}
    read, plain = read_again(tmp_path, "doccano", "all.jsonl", content)
    assert (read.text, plain.text) == (TEXT, "无")
    assert bare(read.entities) == bare(WHOLE.entities)
    assert facts(read) == facts(WHOLE)


def test_label_studio_and_back(tmp_path):
    content, lost = export("label-studio-gold", WHOLE)
    assert lost == {}
    (read,) = read_again(tmp_path, "label-studio", "tasks.json", content)
    assert bare(WHOLE.entities) <= bare(read.entities)
    assert facts(WHOLE) <= facts(read)
    assert ("组织关系-裁员", *bare_text("裁员")) in bare(read.entities)
    assert {r.type for r in read.relations} == {"总部地点", "任职", "裁员方", "裁员人数"}


def test_label_studio_has_predictions_with_scores_in_units_of_a_browser():
    (task,) = json.loads(export("label-studio", WHOLE)[0])
    (prediction,) = task["predictions"]
    # Two mentions have scores: (0.5 + 0.75) / 2.
    assert prediction["score"] == 0.625
    first = prediction["result"][0]
    # 😀 is two units of UTF-16.
    assert (first["value"]["start"], first["value"]["end"], first["score"]) == (2, 6, 0.5)
    assert json.loads(export("label-studio")[0]) == []


def test_conll_and_back(tmp_path):
    content, lost = export("conll", WHOLE, PLAIN)
    assert lost == {"relation or event": 3}
    read = read_again(tmp_path, "columns", "all.conll", content)
    assert [d.text for d in read] == [*TEXT.split("\n"), "无"]
    found = [(e.type, e.text) for d in read for e in d.entities]
    assert found == [("机构名", "星河科技"), ("地名", "北京"), ("人名", "张三")]


def test_conll_counts_what_overlaps_and_blanks():
    nested = Document(
        "n", "北京 大学", (Entity("地名", "北京", 0, 2), Entity("机构名", "北京 大学", 0, 5))
    )
    content, lost = export("conll", nested)
    assert "北\tB-机构名\n京\tI-机构名\n大\tI-机构名" in content.decode()
    assert lost == {"mention that overlaps a longer one": 1, "blank of a text": 1}


def test_spacy_reads_the_docbin():
    spacy = pytest.importorskip("spacy")
    from spacy.tokens import DocBin

    from chinchilla.data.documents import Extraction

    content, lost = export("spacy", WHOLE, PLAIN)
    assert lost == {}
    doc, plain = DocBin().from_bytes(content).get_docs(spacy.blank("zh").vocab)
    assert (doc.text, plain.text) == (TEXT, "无")
    assert [(e.label_, e.text, e.start_char, e.end_char) for e in doc.ents] == [
        *sorted(bare(WHOLE.entities), key=lambda one: one[2])
    ]
    assert Extraction.from_dict(json.loads(doc.user_data["chinchilla"])) == WHOLE.extraction


def test_rows_are_read_by_their_libraries():
    openpyxl = pytest.importorskip("openpyxl")
    pytest.importorskip("pyarrow")
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(BytesIO(export("parquet", WHOLE, PLAIN)[0]))
    assert table.to_pylist() == WHOLE.to_rows()
    book = openpyxl.load_workbook(BytesIO(export("xlsx", WHOLE, PLAIN)[0]))
    assert [*book["facts"].values][1][:5] == ("a/1", "entity", 0, "机构名", "星河科技")
    assert book["documents"]["B2"].value == TEXT


def test_a_formula_and_a_control_character_are_text_in_a_workbook():
    openpyxl = pytest.importorskip("openpyxl")
    evil = Document("=1+1", "=cmd\x01|x", (Entity("=A1", "=cmd", 0, 4),))
    book = openpyxl.load_workbook(BytesIO(export("xlsx", evil)[0]))
    cell = book["facts"]["D2"]
    assert (cell.value, cell.data_type) == ("=A1", "s")
    assert book["documents"]["B2"].value == "=cmd\ufffd|x"


@pytest.mark.parametrize("form", EXPORTS)
def test_what_is_not_in_the_text_is_counted_and_no_document_is_no_error(form):
    pytest.importorskip(
        {"spacy": "spacy", "xlsx": "openpyxl", "parquet": "pyarrow"}.get(form, "json")
    )
    lacking = Document("d", "文", (Entity("名", "甲", None, None),))
    _, lost = export(form, lacking)
    holds = form in ("parquet", "xlsx", "spacy")
    assert holds or lost == {"mention that is not in the text": 1}
    assert export(form)[1] == {}


def test_extract_renders_them_too():
    content = b"".join(render_documents([WHOLE], "doccano"))
    assert content == export("doccano", WHOLE)[0]


def test_the_command_writes_a_folder_of_brat_and_says_what_is_lost(tmp_path):
    source = tmp_path / "facts.jsonl"
    write_documents(source, [WHOLE])
    run = CliRunner().invoke
    folder = tmp_path / "brat"
    done = run(cli, ["data", "export", str(source), "--format", "brat", "-o", str(folder)])
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in folder.iterdir()) == [
        "a_1.ann",
        "a_1.txt",
        "annotation.conf",
    ]
    done = run(cli, ["data", "export", str(source), "--format", "brat", "-o", str(folder)])
    assert done.exit_code == 1
    done = run(cli, ["data", "export", str(source), "--format", "conll", "-o", str(tmp_path / "c")])
    assert "relation or event (3)" in done.output
