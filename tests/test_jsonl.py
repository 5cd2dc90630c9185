"""JSON Lines: physical lines, whole files or none, and messages that name the place."""

import gzip
import io
import os

import pytest

from chinchilla import Document
from chinchilla.errors import InputError
from chinchilla.files.jsonl import (
    parse_value,
    read_batches,
    read_documents,
    read_lines,
    read_values,
    write_bytes,
    write_documents,
    write_values,
)


def test_documents_come_back_with_line_separators_inside_texts(tmp_path):
    documents = [Document("1", "甲\u2028乙\u0085丙\r\n丁"), Document("2", "😀𠮷")]
    path = tmp_path / "docs.jsonl"
    assert write_documents(path, documents) == 2
    assert list(read_documents(path)) == documents
    assert path.read_bytes().count(b"\n") == 2
    assert "甲" in path.read_text(encoding="utf-8")


def test_gzip_is_read_and_written_by_name_and_its_bytes_repeat(tmp_path):
    first, second = tmp_path / "a.jsonl.gz", tmp_path / "b.jsonl.gz"
    for path in (first, second):
        write_documents(path, [Document("1", "甲")])
    assert first.read_bytes() == second.read_bytes()
    assert gzip.decompress(first.read_bytes()).startswith('{"id":"1","text":"甲"'.encode())
    assert [d.text for d in read_documents(first)] == ["甲"]


def test_byte_order_mark_and_crlf_are_no_part_of_a_line(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"text": "a"}\r\n\r\n{"text": "b"}')
    assert [number for number, _ in read_lines(path)] == [1, 2, 3]
    assert [(d.id, d.text) for d in read_documents(path)] == [("1", "a"), ("3", "b")]


def test_broken_json_names_file_and_line(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"text": "a"}\n{"text": \n', encoding="utf-8")
    with pytest.raises(InputError, match=r"x.jsonl:2: not valid JSON"):
        list(read_values(path))


def test_another_encoding_is_told_with_the_byte(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_bytes('{"text": "中文"}'.encode("gb18030"))
    with pytest.raises(InputError, match=r"x.jsonl:1: not UTF-8 at byte 10.*gb18030"):
        list(read_values(path))


def test_a_missing_file_a_folder_and_damaged_gzip_are_told(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        list(read_lines(tmp_path / "none.jsonl"))
    with pytest.raises(InputError, match="is a folder"):
        list(read_lines(tmp_path))
    (tmp_path / "x.gz").write_bytes(gzip.compress(b"abc" * 100)[:20])
    with pytest.raises(InputError, match="damaged gzip"):
        list(read_lines(tmp_path / "x.gz"))


def test_damaged_gzip_is_told_with_its_line_after_what_comes_before(tmp_path):
    path = tmp_path / "x.gz"
    # Two members; the second is no gzip from its third byte on.
    path.write_bytes(gzip.compress(b"a\nb\nc") + b"\x1f\x8b\0\0\0\0\0\0\0\0")
    found = []
    with pytest.raises(InputError, match="x.gz:3: damaged gzip file"):
        found.extend(number for number, _ in read_lines(path))
    assert found == [1, 2]


def test_a_file_is_read_in_the_encoding_named(tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes("中文\n上海".encode("utf-16-be"))
    lines = [(1, "中文".encode()), (2, "上海".encode())]
    assert list(read_lines(path, "utf-16-be")) == lines
    assert [n for n, _ in read_batches(path, encoding="utf-16-be")] == [1]


def test_a_value_that_is_no_utf_8_is_named():
    with pytest.raises(InputError, match=r"x.jsonl:7: not UTF-8 at byte 1"):
        parse_value('"中文"'.encode("gb18030"), "x.jsonl", 7)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_text("old", encoding="utf-8")

    def values():
        yield 1
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_values(path, values())
    assert path.read_text(encoding="utf-8") == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out.jsonl"]


def test_an_existing_file_is_kept_without_force(tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(InputError, match="pass --force"), write_bytes(path, force=False):
        pass


def test_a_missing_folder_is_told(tmp_path):
    with (
        pytest.raises(InputError, match="does not exist; create it"),
        write_bytes(tmp_path / "none" / "out.jsonl"),
    ):
        pass


def test_dash_is_standard_output(monkeypatch):
    class Stdout:
        buffer = io.BytesIO()

    monkeypatch.setattr("sys.stdout", Stdout)
    write_documents("-", [Document("1", "a")])
    assert Stdout.buffer.getvalue().startswith(b'{"id":"1","text":"a",')


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    write_documents(path, [Document("1", "a")])
    assert os.read(reader, 200).startswith(b'{"id":"1","text":"a",')
    os.close(reader)
    assert path.is_fifo()
