"""`chinchilla extract` with the embedded model: output, summary, warnings, errors, exit codes."""

import csv
import html
import io
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from chinchilla import Document, extract
from chinchilla.cli.main import cli
from chinchilla.data.documents import (
    Entity,
    Event,
    Issue,
    Mention,
    Relation,
    check_offsets,
    iter_mentions,
)
from chinchilla.files.facts import FactsCsv
from chinchilla.files.facts_page import page_article
from chinchilla.files.jsonl import read_documents
from chinchilla.files.page import page_end, page_head

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(*arguments, text=None):
    return CliRunner().invoke(cli, ["extract", *map(str, arguments)], input=text)


def main(*arguments):
    """Run the installed program, whose shell turns errors into messages."""
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from chinchilla.cli.main import main; main()",
            *map(str, arguments),
        ],
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.txt")), ids=lambda path: path.stem)
def test_examples_give_grounded_documents(path):
    result = run(path)
    assert result.exit_code == 0, result.stderr
    document = Document.from_dict(json.loads(result.stdout))
    assert document.id == path.stem
    assert document.text == path.read_text(encoding="utf-8")
    assert document.entities
    check_offsets(document)
    ungrounded = [where for where, mention in iter_mentions(document) if mention.span is None]
    assert len([i for i in document.issues if i.kind == "ungrounded"]) >= len(ungrounded)


def test_the_last_line_of_stderr_sums_up_and_quiet_says_nothing():
    result = run(EXAMPLES / "news.txt")
    last = result.stderr.splitlines()[-1]
    assert re.match(
        r"1 documents, \d+ entities, \d+ relations, \d+ events; issues: .*; \d+\.\d s", last
    )
    assert run(EXAMPLES / "news.txt", "--quiet").stderr == ""


def test_several_inputs_and_standard_input_keep_their_order():
    result = run(EXAMPLES / "news.txt", "-", EXAMPLES / "record.txt", "--tasks", "ner", text="北京")
    ids = [json.loads(line)["id"] for line in result.stdout.splitlines()]
    assert ids == ["news", "stdin", "record"]


def test_table_shows_mentions_with_their_places(tmp_path):
    path = tmp_path / "out.txt"
    assert run(EXAMPLES / "news.txt", "--format", "table", "-o", path).exit_code == 0
    assert re.search(r"entity +mention +place", path.read_text(encoding="utf-8"))
    assert re.search(r"\d+:\d+$", path.read_text(encoding="utf-8"), re.MULTILINE)


def test_csv_has_a_row_for_each_entity_object_and_argument_and_issues_beside(tmp_path):
    path = tmp_path / "out.csv"
    examples = [EXAMPLES / "news.txt", EXAMPLES / "record.txt"]
    assert run(*examples, "--format", "csv", "-o", path).exit_code == 0
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    beside = tmp_path / "out.issues.csv"
    issues = []
    if beside.exists():
        with beside.open(encoding="utf-8-sig", newline="") as file:
            issues = list(csv.DictReader(file))
    documents = [json.loads(line) for line in run(*examples).stdout.splitlines()]
    assert [(row["document"], row["issue"]) for row in issues] == [
        (document["id"], issue["kind"])
        for document in documents
        for issue in document.get("issues", [])
    ]
    texts = {d["id"]: d["text"] for d in documents}
    for row in rows:
        for name in ("", "argument_"):
            if row[f"{name}start"]:
                start, end = int(row[f"{name}start"]), int(row[f"{name}end"])
                mention = row["argument" if name else "mention"]
                assert texts[row["document"]][start:end] == mention
    counts = Counter((row["document"], row["kind"]) for row in rows)
    for document in documents:
        relations, events = document.get("relations", []), document.get("events", [])
        assert counts[document["id"], "entity"] == len(document["entities"])
        assert counts[document["id"], "relation"] == sum(
            1 + len(r.get("qualifiers", {})) for r in relations
        )
        assert counts[document["id"], "event"] == sum(
            max(1, len(e.get("arguments", []))) for e in events
        )


def test_facts_without_place_score_or_argument_are_rows_too():
    document = Document(
        "d",
        "甲会见乙",
        relations=(
            Relation(
                "主演",
                Entity(None, "甲", 0, 1),
                Entity(None, "丙", None, None),
                {"剧": Entity(None, "乙", 3, 4)},
            ),
        ),
        events=(Event("会见", None, score=0.5), Event("会见", Mention("会见", 1, 3))),
        issues=(Issue("ungrounded", "'丙' is not in the text", "relations[0].object"),),
    )
    table = FactsCsv()
    assert table.facts(document).splitlines() == [
        "document,kind,number,type,mention,start,end,score,"
        "role,argument,argument_start,argument_end,argument_score,sentence,other",
        "d,relation,0,主演,甲,0,1,,object,丙,,,,甲会见乙,",
        "d,relation,0,主演,甲,0,1,,剧,乙,3,4,,甲会见乙,",
        "d,event,0,会见,,,,0.5,,,,,,,",
        "d,event,1,会见,会见,1,3,,,,,,,甲会见乙,",
    ]
    assert table.facts(document).count("\n") == 4
    assert table.issues(document).splitlines() == [
        "document,number,issue,where,detail",
        "d,0,ungrounded,relations[0].object,'丙' is not in the text",
    ]


def test_a_table_of_facts_keeps_the_columns_that_the_user_had():
    text = "昨日无事。张一行辞任。次日，梁波到任"
    table = FactsCsv()
    rows = []
    for number, extra in enumerate(({}, {"备注": ["甲"]})):
        meta = {"file": "a.csv", "line": number, "编号": "001", "type": "快讯", **extra}
        entity = Entity("人名", "张一行", 5, 8, 0.123456789)
        rows += csv.reader(io.StringIO(table.facts(Document("d", text, (entity,), meta=meta))))
    header, *rows = rows
    assert header[:4] == ["document", "编号", "own type", "kind"]
    assert header[-2:] == ["sentence", "other"]
    for row, other in zip(rows, ("", '{"备注":["甲"]}'), strict=True):
        found = dict(zip(header, row, strict=True))
        assert (found["编号"], found["own type"], found["score"]) == ("001", "快讯", "0.123")
        assert (found["sentence"], found["other"]) == ("张一行辞任。", other)


def test_columns_of_a_later_document_and_of_one_without_facts_are_kept():
    table = FactsCsv()
    assert len(table.facts(Document("d", "无", meta={"file": "a.txt"})).splitlines()) == 1
    row = next(csv.reader([table.facts(Document("e", "无", meta={"line": 3, "编号": "002"}))]))
    assert (row[0], row[-1], set(row[1:-1])) == ("e", '{"编号":"002"}', {""})


@pytest.mark.parametrize("cell", ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\t=1"])
def test_a_cell_that_a_spreadsheet_would_run_is_marked(cell):
    document = Document("d", cell, (Entity("X", cell, 0, len(cell)),), meta={"own": "-5.5%"})
    rows = list(csv.reader(io.StringIO(FactsCsv().facts(document))))
    assert rows[1][5] == f"'{cell}"
    assert rows[1][1] == "-5.5%"


def test_html_marks_the_facts_in_texts_that_it_escapes(tmp_path):
    text = '<script>alert("1")</script>𠮷田在北京大学'
    at = text.index("北京大学")
    found = Document(
        "<i>d</i>",
        text,
        entities=(Entity("机构", "北京大学", at, at + 4), Entity("地名", "北京", at, at + 2)),
        issues=(Issue("ungrounded", "'<b>' is not in the text"),),
    )
    page = page_head("<title>") + page_article(found) + page_end()
    assert "<script" not in page
    assert "<i>" not in page
    paragraph = re.search(r'<p class="text block">(.*)</p>', page).group(1)
    assert html.unescape(re.sub(r"<.*?>", "", paragraph)) == text
    pattern = (
        r'<mark class="entity( deep)?" style="--hue:(\d+)" data-label="(.*?)" title="(.*?)">(.*?)<'
    )
    assert re.findall(pattern, paragraph) == [
        (" deep", "348", "地名", "机构, 地名", "北京"),
        ("", "210", "机构", "机构", "大学"),
    ]
    assert "<td>&#x27;&lt;b&gt;&#x27; is not in the text</td>" in page
    path = tmp_path / "out.html"
    assert run(*EXAMPLES.glob("*.txt"), "--format", "html", "-o", path).exit_code == 0
    page = path.read_text(encoding="utf-8")
    assert page.count("<article ") == len(list(EXAMPLES.glob("*.txt")))
    assert page.count("<html") == page.count("</html>") == 1


def test_python_and_command_agree():
    text = (EXAMPLES / "record.txt").read_text(encoding="utf-8")
    document = json.loads(run(EXAMPLES / "record.txt").stdout)
    for key in ("id", "text", "meta"):
        document.pop(key, None)
    assert extract(text).to_dict() == document
    assert [e.to_dict() for e in extract([text, text])] == [document, document]


def test_types_the_embedded_model_never_met_are_told(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text("{name: s, entities: [人名, 陶器纹样]}", encoding="utf-8")
    result = run(EXAMPLES / "news.txt", "--schema", path)
    assert result.exit_code == 0
    assert (
        "warning: mini was not trained on 1 of 2 types asked for (ner: 陶器纹样)" in result.stderr
    )
    assert "--model" in result.stderr


def test_an_existing_output_is_kept_without_force(tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_text("old", encoding="utf-8")
    failed = main("extract", EXAMPLES / "news.txt", "-o", path)
    assert failed.returncode == 1
    assert "pass --force" in failed.stderr
    assert path.read_text(encoding="utf-8") == "old"
    assert run(EXAMPLES / "news.txt", "-o", path, "--force").exit_code == 0


def test_a_blank_file_costs_nothing_and_is_told(tmp_path):
    (tmp_path / "a.txt").write_text("北京", encoding="utf-8")
    (tmp_path / "b.txt").write_text(" \n\n", encoding="utf-8")
    result = run(tmp_path)
    assert result.exit_code == 0
    documents = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(d["id"], d["text"]) for d in documents] == [("a", "北京"), ("b", " \n\n")]
    assert "note: blank documents: 1\n" in result.stderr
    assert run("-", text="").exit_code == 0


def test_files_of_a_folder_that_are_not_read_are_told_with_their_endings(tmp_path):
    for name in ("a.txt", "b.doc", "c.DOC", "d.json"):
        (tmp_path / name).write_text("北京", encoding="utf-8")
    told = "note: left out 3 files of folders for their endings: .doc (2), .json (1)\n"
    assert told in run(tmp_path).stderr
    assert run(tmp_path, "--quiet").stderr == ""


def test_what_a_failed_run_extracted_stays_and_the_next_goes_on(tmp_path):
    rows, out = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    good = "".join(f'{{"id": "{i}", "text": "北京"}}\n' for i in range(3))
    rows.write_text(good + '{"text": \n', encoding="utf-8")
    asked = [rows, "--tasks", "ner", "-o", out]
    result = main("extract", *asked)
    assert result.returncode == 1
    assert "rows.jsonl:4: not valid JSON" in result.stderr
    assert "what was extracted is in" in result.stderr
    assert not out.exists()
    rows.write_text(good + '{"id": "3", "text": "上海"}\n', encoding="utf-8")
    assert "note: 3 documents were there" in run(*asked, "--resume").stderr
    ids = [json.loads(line)["id"] for line in out.read_text(encoding="utf-8").splitlines()]
    assert ids == ["0", "1", "2", "3"]
    assert run(*asked, "--resume", "--format", "table").exit_code == 2


def test_bad_rows_are_left_out_and_told_with_keep_going(tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "北京"}\n{"text": null}\n{"text": "上海"}\n', encoding="utf-8")
    result = run(rows, "--tasks", "ner", "--keep-going")
    assert result.exit_code == 1
    assert [json.loads(line)["text"] for line in result.stdout.splitlines()] == ["北京", "上海"]
    assert re.search("left out: .*rows.jsonl:2: no text under 'text'", result.stderr)
    assert "note: left out as they cannot be read: 1\n" in result.stderr


def test_what_a_run_wrote_into_the_folder_it_reads_is_not_read_again(tmp_path):
    (tmp_path / "a.txt").write_text("北京", encoding="utf-8")
    output = tmp_path / "out.jsonl"
    for _ in range(2):
        assert main("extract", str(tmp_path), "-o", str(output), "--force").returncode == 0
        assert [document.id for document in read_documents(output)] == ["a"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_told_in_a_line(tmp_path):
    (tmp_path / "a.txt").write_text("北京", encoding="utf-8")
    result = main("extract", str(tmp_path / "a.txt"), "-o", "/dev/full", "--quiet")
    assert (result.returncode, result.stderr) == (1, "error: output: No space left on device\n")


BAD = {
    "missing": (["none.txt"], 1, "none.txt: no such file or folder"),
    "gb18030": (
        ["gb.txt", "--encoding", "utf-8"],
        1,
        "gb.txt: not UTF-8 at byte 0.*--encoding gb18030",
    ),
    "json": (["broken.jsonl"], 1, "broken.jsonl:2: not valid JSON"),
    "encoding": (["good.txt", "--encoding", "utf-9"], 1, "unknown encoding 'utf-9'; try utf-8"),
    "gzip": (["good.csv.gz"], 1, "good.csv.gz:1: damaged gzip file.*take .gz off its name"),
    "schema": (["good.txt", "--schema", "newz"], 1, "'newz' is neither.*did you mean 'news'"),
    "task": (
        ["good.txt", "--tasks", "nre"],
        2,
        "unknown task 'nre'.*; tasks are ner, re, ee",
    ),
    "task of schema": (
        ["good.txt", "--schema", "msra", "--tasks", "ee"],
        1,
        "declares nothing for task 'ee'",
    ),
    "model": (["good.txt", "--model", "."], 1, "holds no model.*expected model.bin"),
    "model name": (["good.txt", "--model", "minni"], 1, "no such model; did you mean 'mini'"),
    "usage": ([], 2, "Missing argument"),
    "option": (["good.txt", "--shema", "x"], 2, "No such option.*--schema"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gives_a_message_and_no_traceback(case, tmp_path, monkeypatch):
    (tmp_path / "good.txt").write_text("北京", encoding="utf-8")
    (tmp_path / "good.csv.gz").write_text("text\n北京\n", encoding="utf-8")
    (tmp_path / "gb.txt").write_bytes("北京".encode("gb18030"))
    (tmp_path / "broken.jsonl").write_text('{"text": "北京"}\n{"text": \n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    arguments, code, message = BAD[case]
    result = main("extract", *arguments)
    assert result.returncode == code
    assert re.search(message, result.stderr, re.DOTALL), result.stderr
    assert "Traceback" not in result.stderr


def test_values_stand_beside_mentions_where_they_are_asked_for(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("日期,正文\n2024-05-11,昨日，星河科技在北京宣布裁员300人。\n", encoding="utf-8")
    plain = json.loads(run(path, "--tasks", "ee").stdout)
    told = json.loads(run(path, "--tasks", "ee", "--document-date", "日期").stdout)
    values = {a["text"]: a.pop("value", None) for e in told["events"] for a in e["arguments"]}
    assert values["昨日"] == "2024-05-10"
    assert values["300人"] == {"number": 300, "unit": "人"}
    assert values["星河科技"] is None
    assert told == plain


def test_standard_input_is_read_in_the_format_named():
    result = run("-", "--input-format", "csv", text="id,正文\nx,王芳在北京。\n")
    assert json.loads(result.stdout)["id"] == "x"
