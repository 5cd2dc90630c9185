"""What `extract` reads, and how it says that something cannot be read."""

import datetime
import decimal
import gzip
import io
import json
import re
import sys
from collections import Counter

import pytest

from chinchilla import Document
from chinchilla.errors import InputError
from chinchilla.files.inputs import ReadOptions, find_inputs, read_texts


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
    assert plain == ["今日上市", "甲来了", "乙", ""]


def test_csv_takes_a_named_column(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('id,body,place\nx,"甲,乙\n丙",丁\n', encoding="utf-8")
    assert texts(path, column="body") == [("x", "甲,乙\n丙")]
    with pytest.raises(InputError, match="no column 'text'; columns are id, body, place"):
        texts(path)


def test_parquet_takes_a_named_column(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"id": ["x", "y"], "text": ["甲", None]}), path)
    assert texts(path) == [("x", "甲"), ("y", "")]
    parquet.write_table(pyarrow.table({"text": [7]}), path)
    with pytest.raises(InputError, match="a.parquet:1: 'text' is int, expected text"):
        texts(path)


CONTENTS = {
    "txt": "甲",
    "jsonl": '{"text": "甲"}',
    "csv": "text,url\n甲,x\n",
    "tsv": "text\turl\n甲\tx\n",
}


@pytest.mark.parametrize("kind", CONTENTS)
def test_endings_may_have_any_case_and_gz_after_them(tmp_path, kind):
    plain, zipped = tmp_path / f"a.{kind.upper()}", tmp_path / f"b.{kind.title()}.GZ"
    plain.write_text(CONTENTS[kind], encoding="utf-8")
    zipped.write_bytes(gzip.compress(CONTENTS[kind].encode()))
    found = list(read_texts(find_inputs([str(tmp_path)]), ReadOptions()))
    assert [d.text for d in found] == ["甲", "甲"]
    assert [d.id[0] for d in found] == ["a", "b"]


def _cut_short(data):
    return data[:-10]


def _not_compressed(data):
    return gzip.decompress(data)


def _corrupt(data):
    # The first block of a kind that there is not.
    return data[:10] + b"\x07" + data[11:]


@pytest.mark.parametrize("damage", [_cut_short, _not_compressed, _corrupt])
@pytest.mark.parametrize("kind", CONTENTS)
def test_damaged_gzip_is_told_with_file_and_line(tmp_path, kind, damage):
    path = tmp_path / f"a.{kind}.gz"
    path.write_bytes(damage(gzip.compress(CONTENTS[kind].encode() * 3)))
    with pytest.raises(InputError, match=rf"a.{kind}.gz:\d: damaged gzip file .*take .gz off"):
        texts(path)


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("gb18030", "王芳在宁波"),
        ("big5", "張忠謀在臺北"),
        ("utf-16", "王芳在宁波"),
        ("utf-32", "王芳"),
    ],
)
def test_an_encoding_is_recognised_and_told_or_suggested_where_another_is_named(
    tmp_path, encoding, text
):
    path = tmp_path / "a.txt"
    path.write_bytes(text.encode(encoding))
    told = []
    assert [d.text for d in read_texts([str(path)], ReadOptions(), told=told.append)] == [text]
    assert told == [f"{path}: read as {encoding.upper()}; name another with --encoding"]
    assert texts(path, encoding=encoding) == [("a", text)]
    with pytest.raises(InputError, match=rf"a.txt: not UTF-8 at byte 0; try --encoding {encoding}"):
        texts(path, encoding="utf-8")


def test_files_of_several_encodings_are_each_read_in_their_own(tmp_path):
    for encoding in ("utf-8", "gb18030", "utf-16"):
        (tmp_path / f"{encoding}.txt").write_bytes("王芳在宁波".encode(encoding))
    (tmp_path / "unknown.txt").write_bytes(b"\xff\x80\xff\x81" * 9)
    failed, told = [], []
    found = read_texts(find_inputs([str(tmp_path)]), ReadOptions(), failed.append, told.append)
    assert [d.text for d in found] == ["王芳在宁波"] * 3
    assert len(failed) == 1
    assert len(told) == 2


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "gb18030"])
@pytest.mark.parametrize("kind", ["jsonl", "csv", "tsv", "txt"])
def test_rows_are_cut_after_decoding(tmp_path, kind, encoding):
    # ਊ and 上 hold the byte of a line end in UTF-16.
    rows = {
        "txt": "上海\r\n\u0a0a\r\n",
        "jsonl": '{"text": "上海"}\r\n{"text": "\u0a0a"}\r\n',
        "csv": "text,x\r\n上海,1\r\n\u0a0a,2\r\n",
        "tsv": "text\tx\r\n上海\t1\r\n\u0a0a\t2\r\n",
    }
    path = tmp_path / f"a.{kind}"
    path.write_bytes(rows[kind].encode(encoding))
    named = texts(path, encoding=encoding, lines=True)
    assert [text for _, text in named] == ["上海", "\u0a0a"]
    if encoding != "gb18030":
        assert texts(path, lines=True) == named


@pytest.mark.parametrize("kind", CONTENTS)
def test_every_kind_is_decoded_as_named(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    path.write_bytes(CONTENTS[kind].encode("gb18030"))
    with pytest.raises(InputError, match=f"a.{kind}.*not UTF-8.*--encoding gb18030"):
        texts(path, encoding="utf-8")
    assert [text for _, text in texts(path, encoding="GB18030")] == ["甲"]


@pytest.mark.parametrize("name", ["utf-9", "hex", ""])
def test_an_encoding_that_is_none_is_refused_before_anything_is_read(name):
    with pytest.raises(InputError, match=f"unknown encoding '{name}'; try utf-8 or gb18030"):
        ReadOptions(encoding=name)


@pytest.mark.parametrize("content", ["", " \n\n"])
def test_a_blank_text_file_is_a_document(tmp_path, content):
    path = tmp_path / "a.txt"
    path.write_text(content, encoding="utf-8")
    assert texts(path) == [("a", content)]
    assert texts(path, lines=True) == []


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.tsv"])
def test_an_empty_file_of_rows_holds_no_documents(tmp_path, name):
    (tmp_path / name).write_text("", encoding="utf-8")
    assert texts(tmp_path / name) == []


def test_rows_with_blank_text_are_documents(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,text\nx,甲\ny,\nz\n", encoding="utf-8")
    assert texts(path) == [("x", "甲"), ("y", ""), ("z", "")]


def test_other_columns_and_the_place_are_kept_in_meta(tmp_path):
    table, objects = tmp_path / "a.csv", tmp_path / "b.jsonl"
    table.write_text('id,title,text,url\n1,题,"甲\n乙",x\n2,,丙,y,z\n', encoding="utf-8")
    objects.write_text('{"id": 1, "text": "甲", "tags": ["x"]}\n', encoding="utf-8")
    found = list(read_texts([str(table), str(objects)], ReadOptions()))
    # A row's line is its last one; its third cell too many has no name.
    assert [d.meta for d in found] == [
        {"file": str(table), "line": 3, "url": "x", "title_end": 1},
        {"file": str(table), "line": 4, "url": "y", "unnamed": ["z"]},
        {"file": str(objects), "line": 1, "tags": ["x"]},
    ]


def test_other_columns_of_parquet_are_kept_as_they_are_in_json(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    rows = {"text": ["甲"], "date": [datetime.date(2024, 5, 1)], "price": [decimal.Decimal("1.5")]}
    parquet.write_table(pyarrow.table(rows), path)
    (document,) = read_texts([str(path)], ReadOptions())
    assert document.meta == {"file": str(path), "row": 1, "date": "2024-05-01", "price": "1.5"}


def test_a_document_among_rows_keeps_its_meta(tmp_path):
    path = tmp_path / "a.jsonl"
    row = {
        "text": "甲",
        "entities": [],
        "lang": "en",
        "url": "x",
        "meta": {"lang": "zh", "file": "b"},
    }
    path.write_text(json.dumps(row), encoding="utf-8")
    (document,) = read_texts([str(path)], ReadOptions())
    assert (
        document.meta
        == {"lang": "zh", "file": "b", "url": "x"}
        == Document.from_dict({"id": "1", **row}).meta
    )


def test_a_cell_may_be_longer_than_csv_allows_unasked(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text\n" + "甲" * 200_000 + "\n", encoding="utf-8")
    assert [len(text) for _, text in texts(path)] == [200_000]


def test_json_as_a_whole_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "a.JSON"
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(InputError, match=r"a.JSON: ends in .json; .*\.jsonl.* jq -c"):
        find_inputs([str(path)])


def test_wrong_rows_of_jsonl_are_told_with_line_and_keys(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "甲"}\n{"txt": "乙"}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"a.jsonl:2: no text under 'text' \(keys are txt\)"):
        texts(path)
    path.write_text("[1]\n", encoding="utf-8")
    with pytest.raises(InputError, match="a.jsonl:1: expected an object, got list"):
        texts(path)


@pytest.mark.parametrize("row", ['"中国"是口号', '"北京', '"上海"\t"'])
def test_a_quote_that_is_not_closed_is_told_and_takes_no_other_row_in_silence(tmp_path, row):
    path = tmp_path / "a.tsv"
    path.write_text(f"id\ttext\n1\t广州\n2\t{row}\n3\t杭州\n4\t“", encoding="utf-8")
    told = []
    found = [d.id for d in read_texts([str(path)], ReadOptions(), told.append)]
    assert found == ["1", "3", "4"]
    [error] = told
    assert re.search(r"a\.tsv:3: not valid CSV", str(error))


def test_folders_and_globs_stand_for_their_files_in_order(tmp_path):
    for name in ("b.txt", "a.txt", "c.md", "d.jsonl"):
        (tmp_path / name).write_text("x", encoding="utf-8")
    names = [path.rsplit("/", 1)[-1] for path in find_inputs([str(tmp_path)])]
    assert names == ["a.txt", "b.txt", "d.jsonl"]
    skipped = Counter()
    find_inputs([str(tmp_path)], skipped)
    assert skipped == {".md": 1}
    (tmp_path / ".cache").mkdir()
    for name in (".e.txt", ".cache/f.txt"):
        (tmp_path / name).write_text("x", encoding="utf-8")
    assert len(find_inputs([str(tmp_path)])) == 3
    assert len(find_inputs([str(tmp_path / "*.txt"), "-"])) == 3
    (tmp_path / "news.txt").write_text("x", encoding="utf-8")
    with pytest.raises(
        InputError, match=r"new.txt: no such file or folder; did you mean 'news.txt'"
    ):
        find_inputs([str(tmp_path / "new.txt")])


def test_standard_input_is_given_once():
    with pytest.raises(InputError, match="-: standard input can be read only once"):
        find_inputs(["-", "-"])


def test_files_of_one_name_are_told_apart_in_ids(tmp_path):
    for name in ("a/x.txt", "b/x.txt", "c/a/x.txt", "b/y.txt", "b/y.jsonl", "b/z.txt"):
        (tmp_path / "f" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "f" / name).write_text('"甲"\n', encoding="utf-8")
    found = list(read_texts(find_inputs([str(tmp_path)]), ReadOptions()))
    assert [document.id for document in found] == [
        "f/a/x.txt", "b/x.txt", "y.jsonl-1", "y.txt", "z", "c/a/x.txt",
    ]  # fmt: skip


def test_a_title_that_is_no_text_is_refused_unless_titles_are_turned_off(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"title": 7, "text": "王芳在宁波。"}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"a.jsonl:1: 'title' is int, .* --title-column"):
        list(read_texts([str(path)], ReadOptions()))
    (document,) = read_texts([str(path)], ReadOptions(title=""))
    assert document.text == "王芳在宁波。"


def test_what_cannot_be_read_is_left_out_and_told_if_wanted(tmp_path):
    (tmp_path / "a.jsonl").write_text(
        '{"text": "甲"}\n{"text": null}\n{"text": \n{"text": "乙", "title": 3}\n{"text": "丙"}\n',
        encoding="utf-8",
    )
    (tmp_path / "b.csv").write_text("body,name\n甲,乙\n", encoding="utf-8")
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress('{"text": "丁"}\n'.encode() * 3)[:-9])
    (tmp_path / "d.txt").write_bytes(b"\xff\x80\xff\x81" * 9)
    (tmp_path / "e.txt").write_text("己", encoding="utf-8")
    files = sorted(map(str, tmp_path.iterdir()))
    failed = []
    found = [d.text for d in read_texts(files, ReadOptions(), failed.append)]
    assert found[:2] == ["甲", "丙"]
    assert found[-1] == "己"
    assert set(found[2:-1]) <= {"丁"}
    told = [str(error).removeprefix(str(tmp_path) + "/") for error in failed]
    assert [one.split(" ")[0] for one in told[:3]] == ["a.jsonl:2:", "a.jsonl:3:", "a.jsonl:4:"]
    assert [one.split(":")[0] for one in told[3:]] == ["b.csv", "c.jsonl.gz", "d.txt"]
    with pytest.raises(InputError, match="a.jsonl:2"):
        list(read_texts(files, ReadOptions()))


def test_a_bad_line_of_a_text_is_left_out(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("甲\n".encode() + "乙\n".encode("gb18030") + "丙\n".encode())
    failed = []
    found = read_texts([str(path)], ReadOptions(lines=True), failed.append)
    assert [document.id for document in found] == ["a-1", "a-3"]
    assert "a.txt:2: not UTF-8" in str(failed[0])


@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_quotes_that_meet_over_lines_take_no_rows(tmp_path, ending):
    mark = "," if ending == "csv" else "\t"
    rows = [["id", "text", "x"], ["1", '"北京', "a"], ["2", "上海", "b"], ["3", "广州", '"c']]
    rows += [["4", '"两\n行"', "d"]]
    path = tmp_path / f"a.{ending}"
    path.write_text("\n".join(map(mark.join, rows)) + "\n", encoding="utf-8")
    told = []
    assert [d.id for d in read_texts([str(path)], ReadOptions(), told.append)] == ["2", "4"]
    assert [re.search(r":(\d+):", str(error)).group(1) for error in told] == ["2", "4"]


def test_a_page_is_read_as_its_text(tmp_path, monkeypatch):
    # Without it all that the page shows is read.
    monkeypatch.setitem(sys.modules, "trafilatura", None)
    page = (
        "<html><head><title>题</title><script>var a='<b>王</b>'</script></head><body>"
        "<p>&nbsp;<b>张斌</b>在杭州&middot;滨江</p><p>甲&amp;乙<br/>丙 &lt; 丁&#x3000;戊"
    )
    path = tmp_path / "a.html"
    path.write_text(page, encoding="utf-8")
    (document,) = read_texts([str(path)], ReadOptions())
    assert document.text == "张斌在杭州·滨江\n甲&乙\n丙 < 丁 戊"
    assert find_inputs([str(tmp_path)]) == [str(path)]


@pytest.mark.parametrize(
    "markup", ["<p>甲</p>", "甲<br>乙", "甲&nbsp;乙", "&ldquo;甲", "&#x3000;甲"]
)
@pytest.mark.parametrize("kind", ["txt", "jsonl"])
def test_markup_in_a_text_is_warned_of(tmp_path, kind, markup):
    path = tmp_path / f"a.{kind}"
    path.write_text(json.dumps({"text": markup}) if kind == "jsonl" else markup, encoding="utf-8")
    told = []
    assert [d.text for d in read_texts([str(path)], ReadOptions(), told=told.append)] == [markup]
    assert "holds markup" in told[0]


@pytest.mark.parametrize(
    "text", ["若a<b且c>d", "AT&T和R&D", "x < 3 &&  y > 4", "<甲>", "《A&B；》"]
)
def test_what_is_no_markup_is_not_warned_of(tmp_path, text):
    path = tmp_path / "a.txt"
    path.write_text(text, encoding="utf-8")
    told = []
    assert len(list(read_texts([str(path)], ReadOptions(), told=told.append))) == 1
    assert told == []


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.txt", b"%PDF-1.4\n", "a PDF"),
        ("a", b"PK\x03\x04\0\0", "an archive or an Office document"),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a Word document of the old kind"),
        ("a.xls", b"\xd0\xcf\x11\xe0", "an Excel workbook of the old kind"),
        ("a.jpg", b"\xff\xd8\xff\xe0", "an image"),
    ],
)
def test_what_is_no_text_is_refused_by_name_and_the_rest_goes_on(tmp_path, name, content, what):
    path = tmp_path / name
    path.write_bytes(content)
    other = tmp_path / "other.txt"
    other.write_text("王芳", encoding="utf-8")
    with pytest.raises(InputError, match=f"{name}: {what}, which is not read as text; "):
        list(read_texts([str(path)], ReadOptions()))
    failed = []
    found = read_texts([str(path), str(other)], ReadOptions(), failed.append)
    assert [d.text for d in found] == ["王芳"]
    assert len(failed) == 1


class _Stdin:
    def __init__(self, content):
        self.buffer = io.BytesIO(content)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_json_lines_on_standard_input_are_read_as_such(monkeypatch, encoding):
    content = '{"text": "马云山在杭州"}\n{"id": 7, "text": "李红在北京"}\n'.encode(encoding)
    monkeypatch.setattr("sys.stdin", _Stdin(content))
    told = []
    found = [(d.id, d.text) for d in read_texts(["-"], ReadOptions(), told=told.append)]
    assert found == [("stdin-1", "马云山在杭州"), ("7", "李红在北京")]
    assert "-: read as JSON Lines" in told


@pytest.mark.parametrize("content", ["{甲}乙\n", "[新华社]甲\n乙", "", '{"甲"'])
def test_text_on_standard_input_stays_text(monkeypatch, content):
    monkeypatch.setattr("sys.stdin", _Stdin(content.encode()))
    assert texts("-") == [("stdin", content)]


@pytest.mark.parametrize("content", ['[{"text": "甲"}]', '{\n"text": "甲"\n}'])
def test_json_on_standard_input_that_is_not_lines_says_what_to_do(monkeypatch, content):
    monkeypatch.setattr("sys.stdin", _Stdin(content.encode()))
    with pytest.raises(InputError, match="-: is JSON, but not one object a line; .* jq -c"):
        texts("-")


@pytest.mark.parametrize("name", ["正文", "内容", "content"])
def test_a_column_that_is_usually_the_text_need_not_be_named(tmp_path, name):
    path = tmp_path / "a.csv"
    path.write_bytes(f"编号;标题;{name}\n001;题;王芳\n".encode("utf-8-sig"))
    (document,) = read_texts([str(path)], ReadOptions())
    assert (document.text, document.meta["编号"], document.meta["标题"]) == ("王芳", "001", "题")
