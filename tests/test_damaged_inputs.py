"""Damaged inputs at the command: each is counted and named, the rest goes on, `--strict` stops at the first."""

import gzip
import json
import os
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from corpus_fakes import FakeEngine

from chinchilla import pipeline
from chinchilla.cli import extract as extract_module
from chinchilla.cli.main import cli
from chinchilla.corpus.reading import read_run
from chinchilla.files import compressed
from chinchilla.files.inputs import find_inputs
from chinchilla.files.jsonl import read_documents
from chinchilla.files.readers import zipped

GOOD = {"id": "good", "text": "他在北京"}


@pytest.fixture(autouse=True)
def engine(monkeypatch):
    """Let an engine without a model answer, and 4 MB be enough for a bomb."""
    monkeypatch.setattr(pipeline, "open_engine", lambda *_, **__: FakeEngine())
    monkeypatch.setattr(compressed, "_HARMLESS", 1 << 20)
    monkeypatch.setattr(zipped, "_HARMLESS", 1 << 20)


def bad_encoding(folder):
    rows = [json.dumps({"id": str(n), "text": f"第{n}行"}, ensure_ascii=False) for n in range(3)]
    content = "\n".join(rows).encode().replace("第1".encode(), b"\xff\xfe1")
    (folder / "bad.jsonl").write_bytes(content)
    return folder / "bad.jsonl"


def long_line(folder):
    """A line of 100 MB between two others; a hole in the file, so that no disk is filled.

    The first line is longer than what a file is known by.
    """
    path = folder / "bad.jsonl"
    with path.open("wb") as file:
        file.write(b'{"id": "0", "text": "%b"}\n' % ("甲" * 300).encode())
        file.seek(100 << 20, os.SEEK_CUR)
        file.write(b'\n{"id": "2", "text": "\xe4\xb9\x99"}\n')
    return path


def binary(folder):
    (folder / "bad.txt").write_bytes(b"\x7fELF\x02\x01" + bytes(300))
    return folder / "bad.txt"


def unreadable(folder):
    """A file that opens, and of which every read fails."""
    if not Path("/proc/self/mem").exists():
        pytest.skip("no /proc")
    path = folder / "bad.txt"
    if not path.is_symlink():
        path.symlink_to("/proc/self/mem")
    return path


def vanishing(folder):
    (folder / "bad.txt").write_text("新闻", encoding="utf-8")
    return folder / "bad.txt"


def twice(folder):
    rows = [{"id": "0", "text": "甲"}, {"id": "0", "text": "乙"}, {"id": "2", "text": "丙"}]
    (folder / "bad.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return folder / "bad.jsonl"


def empty(folder):
    rows = [{"id": "0", "text": "甲"}, {"id": "1", "text": " "}, {"id": "2", "text": "丙"}]
    (folder / "bad.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return folder / "bad.jsonl"


def locked_pdf(folder):
    """A PDF whose password is not the empty one."""
    pytest.importorskip("pypdfium2")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [] /Count 0 >>",
        b"<< /Filter /Standard /V 1 /R 2 /P -4 /O <%b> /U <%b> >>" % (b"41" * 32, b"42" * 32),
    ]
    content, places = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, 1):
        places.append(len(content))
        content += b"%d 0 obj\n%b\nendobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer << /Size 4 /Root 1 0 R /Encrypt 3 0 R /ID [<00> <00>] >>"
    start = len(content)
    content += b"xref\n0 4\n0000000000 65535 f \n%b%b\nstartxref\n%d\n%%%%EOF\n" % (
        table,
        end,
        start,
    )
    (folder / "bad.pdf").write_bytes(content)
    return folder / "bad.pdf"


def locked_word(folder):
    pytest.importorskip("docx")
    (folder / "bad.docx").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    return folder / "bad.docx"


def zip_bomb(folder):
    pytest.importorskip("docx")
    with zipfile.ZipFile(folder / "bad.docx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b" " * (4 << 20))
    return folder / "bad.docx"


def gzip_bomb(folder):
    (folder / "bad.jsonl.gz").write_bytes(gzip.compress(b" " * (4 << 20)))
    return folder / "bad.jsonl.gz"


# What is damaged, the ids of its documents in a run and in a file, and what is said of it.
CASES = [
    (bad_encoding, "0 2", "0 2", "bad.jsonl:2: not UTF-8"),
    (long_line, "0 2", "0 2", "bad.jsonl:2: a line of 100 MB"),
    (binary, "", "", "bad.txt: holds bytes of zero, so it is no text"),
    (unreadable, "", "", "bad.txt: cannot be read"),
    (vanishing, "", "", "bad.txt: no such file"),
    (twice, "0 2", "0 0 2", "the id is that of a document before"),
    (empty, "0 1 2", "0 1 2", "the text is empty"),
    (locked_pdf, "", "", "bad.pdf: a PDF that is locked by a password"),
    (locked_word, "", "", "bad.docx: is locked by a password"),
    (zip_bomb, "", "", "as a zip bomb does"),
    (gzip_bomb, "", "", "as a zip bomb does"),
]
damaged = pytest.mark.parametrize(
    ("make", "in_run", "in_file", "said"), CASES, ids=[case[0].__name__ for case in CASES]
)


@pytest.fixture
def extract(tmp_path, monkeypatch):
    """Return the command on a damaged input and a sound one after it."""
    (tmp_path / "good.jsonl").write_text(json.dumps(GOOD) + "\n", encoding="utf-8")

    def run(make, *options):
        path = make(tmp_path)

        def found(*arguments):
            files = find_inputs(*arguments)
            if make is vanishing:
                path.unlink()
            return files

        monkeypatch.setattr(extract_module, "find_inputs", found)
        inputs = [str(path), str(tmp_path / "good.jsonl")]
        return CliRunner().invoke(cli, ["extract", *inputs, "--schema", "msra", *options])

    return run


@damaged
def test_a_run_names_it_and_goes_on(tmp_path, extract, make, in_run, in_file, said):
    result = extract(make, "-o", f"{tmp_path}/run/")
    assert [one.id for one in read_run(tmp_path / "run")] == [*in_run.split(), "good"]
    assert result.exit_code == (make is not empty)
    rows = (tmp_path / "run/failures.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 1
    assert said in json.loads(rows[0])["reason"]
    assert f"failures: 1 {json.loads(rows[0])['stage']}" in result.stderr
    strict = extract(make, "-o", f"{tmp_path}/run/", "--force", "--strict")
    assert strict.exit_code == 1
    assert said in str(strict.exception)


@damaged
def test_a_file_names_it_and_goes_on(tmp_path, extract, make, in_run, in_file, said):
    out = tmp_path / "out.jsonl"
    result = extract(make, "-o", str(out), "--keep-going")
    assert [one.id for one in read_documents(out)] == [*in_file.split(), "good"]
    still_there = {empty: "blank documents: 1", twice: "documents with an id of one before: 1"}
    assert said in result.stderr
    assert still_there.get(make, "left out as they cannot be read: 1") in result.stderr
    assert result.exit_code == (make not in still_there)
    strict = extract(make, "-o", str(out), "--force", "--strict")
    assert strict.exit_code == 1
    assert said in str(strict.exception)
