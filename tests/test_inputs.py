"""What `extract` reads, and how it says that something cannot be read."""

import gzip
import json

import pytest

from chinchilla.errors import InputError
from chinchilla.inputs import ReadOptions, find_inputs, read_texts


def texts(path, **options):
    return [(d.id, d.text) for d in read_texts([str(path)], ReadOptions(**options))]


def test_a_text_file_is_one_document_with_its_line_ends_as_they_are(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeff甲\r\n乙\u2028丙\n".encode())
    assert texts(path) == [("a", "甲\r\n乙\u2028丙\n")]


def test_lines_are_documents_on_request(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("甲\u2028乙\r\n\n丙".encode())
    assert texts(path, lines=True) == [("a-1", "甲\u2028乙"), ("a-3", "丙")]


def test_jsonl_takes_text_id_and_strings(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "甲", "id": 7}\n{"text": "乙"}\n"丙"\n', encoding="utf-8")
    assert texts(path) == [("7", "甲"), ("a-2", "乙"), ("a-3", "丙")]


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_a_title_goes_before_the_text_and_meta_says_where_it_ends(tmp_path, kind):
    rows = [("甲公司公告", "今日上市"), ("甲", "甲来了"), ("", "乙"), ("只有题", "")]
    path = tmp_path / f"a.{kind}"
    if kind == "jsonl":
        values = [{"title": title, "content": text, "meta": {"k": 1}} for title, text in rows]
        path.write_text("".join(map("{}\n".format, map(json.dumps, values))), encoding="utf-8")
    elif kind == "csv":
        lines = ["title,text", *map(",".join, rows)]
        path.write_text("\n".join(lines), encoding="utf-8")
    else:
        pyarrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        titles, bodies = zip(*rows, strict=True)
        parquet.write_table(pyarrow.table({"title": titles, "text": bodies}), path)
    found = list(read_texts([str(path)], ReadOptions()))
    assert [d.text for d in found] == ["甲公司公告\n今日上市", "甲来了", "乙", "只有题\n"]
    assert [d.meta.get("title_end") for d in found] == [5, 1, None, 3]
    plain = [d.text for d in read_texts([str(path)], ReadOptions(title=""))]
    assert plain[:3] == ["今日上市", "甲来了", "乙"]


def test_csv_takes_a_named_column(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('id,body\nx,"甲,乙\n丙"\n', encoding="utf-8")
    assert texts(path, column="body") == [("x", "甲,乙\n丙")]
    with pytest.raises(InputError, match="no column 'text'; columns are id, body"):
        texts(path)


def test_parquet_takes_a_named_column(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"id": ["x", "y"], "text": ["甲", None]}), path)
    assert texts(path) == [("x", "甲")]


@pytest.mark.parametrize("name", ["a.txt.gz", "a.jsonl.gz"])
def test_gzip_goes_by_the_ending_before_it(tmp_path, name):
    path = tmp_path / name
    content = '{"text": "甲"}' if "jsonl" in name else "甲"
    path.write_bytes(gzip.compress(content.encode()))
    assert [text for _, text in texts(path)] == ["甲"]


def test_an_older_encoding_is_read_when_named_and_suggested_when_not(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("中文".encode("gb18030"))
    with pytest.raises(InputError, match=r"a.txt: not UTF-8 at byte 0.*--encoding gb18030"):
        texts(path)
    assert texts(path, encoding="gb18030") == [("a", "中文")]


@pytest.mark.parametrize("content", ["", " \n\n"])
def test_an_empty_file_is_told(tmp_path, content):
    path = tmp_path / "a.txt"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match="a.txt: is empty; expected text"):
        texts(path)


def test_wrong_rows_of_jsonl_are_told_with_line_and_keys(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "甲"}\n{"txt": "乙"}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"a.jsonl:2: no text under 'text' \(keys are txt\)"):
        texts(path)
    path.write_text("[1]\n", encoding="utf-8")
    with pytest.raises(InputError, match="a.jsonl:1: expected an object, got list"):
        texts(path)


def test_folders_and_globs_stand_for_their_files_in_order(tmp_path):
    for name in ("b.txt", "a.txt", "c.md", "d.jsonl"):
        (tmp_path / name).write_text("x", encoding="utf-8")
    names = [path.rsplit("/", 1)[-1] for path in find_inputs([str(tmp_path)])]
    assert names == ["a.txt", "b.txt", "d.jsonl"]
    assert len(find_inputs([str(tmp_path / "*.txt"), "-"])) == 3
    (tmp_path / "news.txt").write_text("x", encoding="utf-8")
    with pytest.raises(
        InputError, match=r"new.txt: no such file or folder; did you mean 'news.txt'"
    ):
        find_inputs([str(tmp_path / "new.txt")])


def test_a_title_that_is_no_text_is_refused_unless_titles_are_turned_off(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"title": 7, "text": "王芳在宁波。"}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"a.jsonl:1: 'title' is int, .* --title-column"):
        list(read_texts([str(path)], ReadOptions()))
    (document,) = read_texts([str(path)], ReadOptions(title=""))
    assert document.text == "王芳在宁波。"
