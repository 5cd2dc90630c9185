"""Files of Office, PDF, pages and packed ones: their text, where it stood, and what cannot be read."""

import gzip
import io
import re
import zipfile

import pytest

from chinchilla.data.documents import Entity
from chinchilla.errors import InputError, ModelError
from chinchilla.files import compressed
from chinchilla.files.inputs import ReadOptions, find_inputs, read_texts
from chinchilla.files.places import with_boxes
from chinchilla.files.readers import source, zipped


def read(path, told=None, **options):
    return list(read_texts([str(path)], ReadOptions(**options), told=told))


def refused(path, **options):
    """Return why a file is refused, and see that others are read all the same."""
    other = path.with_name("other.txt")
    other.write_text("甲", encoding="utf-8")
    failed = []
    found = list(read_texts([str(path), str(other)], ReadOptions(**options), failed.append))
    assert [document.text for document in found] == ["甲"]
    assert len(failed) == 1
    return str(failed[0])


def pdf_of(*pages):
    """Return a PDF whose pages hold lines `(x, y, text)` of Latin text, made by hand."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", ""]
    kids = []
    for lines in pages:
        drawn = "".join(f"BT /F1 12 Tf {x} {y} Td ({text}) Tj ET\n" for x, y, text in lines)
        number = len(objects) + 1
        kids.append(f"{number} 0 R")
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 400] /Contents {number + 1} 0 R "
            "/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Courier >> >> >> >>",
            f"<< /Length {len(drawn)} >>\nstream\n{drawn}endstream",
        ]
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    out, places = b"%PDF-1.4\n", []
    for i, content in enumerate(objects, 1):
        places.append(len(out))
        out += f"{i} 0 obj\n{content}\nendobj\n".encode()
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    end += f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n"
    return out + end.encode()


def test_a_pdf_is_one_text_with_the_page_and_the_box_of_each_mention(tmp_path):
    pytest.importorskip("pypdfium2")
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf_of([(50, 300, "Li Hong")], [(20, 200, "met Wang.")]))
    (document,) = read(path)
    assert document.text == "Li Hong\nmet Wang."
    assert [segment[:4] for segment in document.meta["segments"]] == [
        [0, 7, "page", 1],
        [8, 17, "page", 2],
    ]
    start = document.text.index("Wang")
    entities = (Entity("PER", "Wang", start, start + 4), Entity("PER", "none", None, None))
    placed = with_boxes(document.with_extraction(document.extraction.__class__(entities)))
    ((low, high, page, (x0, y0, x1, y1)),) = placed.meta["boxes"]
    assert (low, high, page) == (start, start + 4, 2)
    # Letters of Courier are 0.6 of 12 points wide: the fifth begins at 20 + 4 * 7.2.
    assert 48 < x0 < 51
    assert 74 < x1 < 78
    # The line stands 200 points above the lower edge of 400.
    assert 185 < y0 < y1 < 205
    assert "glyphs" not in placed.meta


def test_a_line_that_only_the_margin_ended_goes_on(tmp_path):
    pytest.importorskip("pypdfium2")
    path = tmp_path / "a.pdf"
    full = [(20, 300, "a" * 30), (20, 286, "b" * 30), (20, 272, "end."), (20, 200, "new")]
    path.write_bytes(pdf_of(full))
    assert read(path)[0].text == f"{'a' * 30} {'b' * 30} end.\nnew"


def test_a_mention_over_two_lines_has_two_boxes(tmp_path):
    pytest.importorskip("pypdfium2")
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf_of([(20, 300, "a" * 30), (20, 286, "bbb")]))
    (document,) = read(path)
    entity = Entity("X", document.text[28:33], 28, 33)
    placed = with_boxes(document.with_extraction(document.extraction.__class__((entity,))))
    boxes = [box for _, _, _, box in placed.meta["boxes"]]
    assert len(boxes) == 2
    assert boxes[0][1] < boxes[1][1]


def test_a_pdf_without_text_is_said_to_be_scanned_and_an_empty_page_is_told(tmp_path):
    pytest.importorskip("pypdfium2")
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf_of([], []))
    assert "none of its 2 pages holds text: it is probably scanned" in refused(path)
    path.write_bytes(pdf_of([(20, 200, "x")], []))
    told = []
    assert read(path, told.append)[0].text == "x"
    assert "1 of 2 pages hold no text (page 2)" in told[0]


@pytest.mark.parametrize("name", ["a.pdf", "a.docx", "a.xlsx", "a.parquet"])
@pytest.mark.parametrize(
    "content", [b"", b"\x00\x01 no such thing", b"PK\x03\x04rest", b"%PDF-1.7"]
)
def test_a_damaged_file_is_named_with_its_reason(tmp_path, name, content):
    for package in ("pypdfium2", "docx", "openpyxl", "pyarrow"):
        pytest.importorskip(package)
    path = tmp_path / name
    path.write_bytes(content)
    why = refused(path)
    assert name in why
    assert ("is empty (0 bytes)" if not content else "not a") in why


def word(path):
    docx = pytest.importorskip("docx")
    document = docx.Document()
    document.add_paragraph("第一段")
    table = document.add_table(rows=2, cols=2)
    for i, text in enumerate(["姓名", "职务", "王芳", "经理"]):
        table.cell(i // 2, i % 2).text = text
    document.add_paragraph("")
    document.add_paragraph("最后\t一段")
    document.save(path)


def test_word_is_read_in_the_order_of_paragraphs_and_tables(tmp_path):
    path = tmp_path / "a.docx"
    word(path)
    (document,) = read(path)
    assert document.text == "第一段\n姓名\t职务\n王芳\t经理\n\n最后\t一段"
    parts = {document.text[start:end]: place for start, end, *place in document.meta["segments"]}
    assert parts["第一段"] == ["paragraph", 1]
    assert parts["王芳"] == ["table", 1, 2, 1]
    assert parts["最后\t一段"] == ["paragraph", 3]


def test_a_file_of_another_ending_and_standard_input_are_read_as_named(tmp_path, monkeypatch):
    path = tmp_path / "a.bin"
    word(path)
    assert read(path, form="docx")[0].text.startswith("第一段")

    class Stdin:
        buffer = io.BytesIO(path.read_bytes())

    monkeypatch.setattr("sys.stdin", Stdin)
    (document,) = read_texts(["-"], ReadOptions(form="docx"))
    assert (document.id, document.text[:3]) == ("stdin", "第一段")


def workbook(path, **sheets):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)


def test_a_workbook_gives_a_document_a_row_and_the_cell_of_its_text(tmp_path):
    path = tmp_path / "a.xlsx"
    rows = [["编号", "正文"], [1, "王芳在宁波"], [], [2, 35]]
    workbook(path, 新闻=rows, 说明=[["a", "b"], ["甲", "乙"]], 空=[])
    told = []
    found = read(path, told.append, id_column="编号")
    assert [(d.id, d.text) for d in found] == [("1", "王芳在宁波"), ("2", "35")]
    assert found[1].meta == {"file": str(path), "sheet": "新闻", "cell": "B4"}
    assert any("a sheet is left out" in note and "columns are a, b" in note for note in told)
    with pytest.raises(InputError, match=r"no column '编码'; did you mean '编号'.*--id-column"):
        read(path, id_column="编码")


def test_the_only_column_of_words_is_the_text_of_a_table(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("no,price,报道\n1,3.5,王芳\n2,4,李红\n", encoding="utf-8")
    assert [document.text for document in read(path)] == ["王芳", "李红"]
    path.write_text("no,a,b\n1,王芳,李红\n", encoding="utf-8")
    with pytest.raises(InputError, match="columns are no, a, b; name the right one with --column"):
        read(path)


@pytest.mark.parametrize("kind", ["gz", "zst"])
@pytest.mark.parametrize("name", ["a.docx", "a.xlsx", "a.pdf", "a.parquet", "a.jsonl", "a.txt"])
def test_every_format_may_be_packed(tmp_path, name, kind):
    plain = tmp_path / name
    if name == "a.docx":
        word(plain)
    elif name == "a.xlsx":
        workbook(plain, s=[["text"], ["甲"]])
    elif name == "a.pdf":
        pytest.importorskip("pypdfium2")
        plain.write_bytes(pdf_of([(20, 200, "x")]))
    elif name == "a.parquet":
        pyarrow = pytest.importorskip("pyarrow")
        pytest.importorskip("pyarrow.parquet").write_table(pyarrow.table({"text": ["甲"]}), plain)
    else:
        plain.write_text('{"text": "甲"}\n', encoding="utf-8")
    packed = tmp_path / f"{name}.{kind}"
    pack = gzip.compress if kind == "gz" else pytest.importorskip("zstandard").compress
    packed.write_bytes(pack(plain.read_bytes()))
    assert [d.text for d in read(packed)] == [d.text for d in read(plain)]
    assert read(packed)[0].id[0] == "a"
    if name != "a.jsonl":
        packed.write_bytes(packed.read_bytes()[:-6])
        assert re.search(rf"{name}.{kind}:\d+: damaged", refused(packed))


def test_what_grows_beyond_measure_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(compressed, "_HARMLESS", 1 << 20)
    monkeypatch.setattr(zipped, "_HARMLESS", 1 << 20)
    bomb = tmp_path / "a.jsonl.gz"
    bomb.write_bytes(gzip.compress(b"\n" * (4 << 20)))
    assert "grows more than 500 times" in refused(bomb)
    for name in ("a.docx", "a.xlsx"):
        pytest.importorskip("docx")
        pytest.importorskip("openpyxl")
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("word/document.xml", b" " * (4 << 20))
        assert "as a zip bomb does" in refused(tmp_path / name)


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.txt"])
def test_a_line_too_long_is_left_out_alone(tmp_path, monkeypatch, name):
    monkeypatch.setattr(source, "MAX_TEXT", 1000)
    rows = {
        "a.jsonl": ['{"text": "甲"}', '{"text": "%s"}' % ("x" * 5000), '{"text": "乙"}'],
        "a.csv": ["text,n", "甲,1", "x" * 5000 + ",2", "乙,3"],
        "a.txt": ["甲", "x" * 5000, "乙"],
    }
    path = tmp_path / name
    path.write_text("\n".join(rows[name]) + "\n", encoding="utf-8")
    failed = []
    found = list(read_texts([str(path)], ReadOptions(lines=True), failed.append))
    assert [document.text for document in found] == ["甲", "乙"]
    assert [str(error).split(": ")[0] for error in failed] == [
        f"{path}:{3 if name == 'a.csv' else 2}"
    ]


def test_a_text_too_long_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "MAX_TEXT", 1000)
    path = tmp_path / "a.txt"
    path.write_text("x" * 1001, encoding="utf-8")
    assert "cut it into documents, or give --lines" in refused(path)


def test_binary_and_vanished_files_are_named(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"\x7fELF\x02\x01" + bytes(300) + b"\xff")
    assert "holds bytes of zero, so it is no text" in refused(path)
    path.unlink()
    assert "no such file" in refused(path)


def test_a_locked_office_file_is_named(tmp_path):
    pytest.importorskip("docx")
    path = tmp_path / "a.docx"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    assert "is locked by a password" in refused(path)


def test_a_page_is_read_by_its_main_text(tmp_path):
    pytest.importorskip("trafilatura")
    story = "王芳昨日在宁波宣布，公司将在明年建成新的工厂，并招聘三百名工人。" * 5
    page = f"<html><body><nav><a href='/'>首页</a><a href='/x'>体育</a></nav><article><h1>新工厂</h1><p>{story}</p></article></body></html>"
    path = tmp_path / "a.html"
    path.write_text(page, encoding="utf-8")
    (document,) = read(path)
    assert story in document.text
    assert "体育" not in document.text


@pytest.mark.parametrize(
    ("name", "package"),
    [
        *[("a.pdf", "pypdfium2"), ("a.docx", "docx"), ("a.xlsx", "openpyxl")],
        *[("a.parquet", "pyarrow"), ("a.txt.zst", "zstandard")],
    ],
)
def test_a_missing_reader_is_told_before_anything_is_read(tmp_path, monkeypatch, name, package):
    path = tmp_path / name
    path.write_bytes(b"x")
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(ModelError, match=rf"chinchilla-ie\[files\].*missing: {package}"):
        find_inputs([str(tmp_path)])
