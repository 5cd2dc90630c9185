"""Input that means harm, and files and streams that are not what they seem: all inert, all told."""

import csv
import io
import logging
import os
import socket
import subprocess
import sys
import warnings
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from chinchilla import decode
from chinchilla.cli.hush import hushed
from chinchilla.cli.main import cli
from chinchilla.data.documents import Document, Entity, Event, Mention
from chinchilla.data.schema import read_schema
from chinchilla.errors import ChinchillaError, ConfigError, InputError
from chinchilla.evaluate.evaluation import evaluate
from chinchilla.evaluate.page import render_page
from chinchilla.files.facts import FactsCsv, facts_table
from chinchilla.files.facts_page import page_article
from chinchilla.files.inputs import ReadOptions, find_inputs, read_texts
from chinchilla.files.jsonl import parse_document, parse_documents, parse_value, write_bytes
from chinchilla.files.resumable import write_partial
from chinchilla.files.segments import cut_segments
from chinchilla.files.sentences import Sentences
from chinchilla.files.tables import Table, format_table
from chinchilla.files.visible import visible, visible_line
from chinchilla.instructions.select import SelectOptions, select_files

ESC, RLO = "\x1b[31m", "\u202e"


def entity(text: str, start: int, end: int, kind: str = "人名") -> Entity:
    return Entity(kind, text[start:end], start, end)


def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "chinchilla", *arguments]
    return subprocess.run(command, capture_output=True, timeout=120, check=False, **options)  # type: ignore[call-overload, no-any-return]


# --- what is not seen is shown


def test_unseen_characters_are_shown() -> None:
    assert visible("a\x1bb\x7f\u202e\x9b\ud800") == "a⟨U+001B⟩b⟨U+007F⟩⟨U+202E⟩⟨U+009B⟩⟨U+D800⟩"
    assert visible("张三\t与\n李四，𠀀") == "张三\t与\n李四，𠀀"
    assert visible_line("a\r\nb\tc\rd") == "a b c⟨U+000D⟩d"


@pytest.mark.parametrize("bad", [ESC, RLO, "\x07", "\u2066", "\x9b"])
def test_tables_and_pages_send_no_controls(bad: str) -> None:
    text = f"张{bad}三去了<b>北京</b>"
    found = entity(text, 0, 2 + len(bad), f"人{bad}名")
    document = Document(
        f"d{bad}<i>", text, (found,), events=(Event(f"去{bad}", Mention("去", None, None)),)
    )
    table = facts_table(document) + facts_table(document, 40)
    figures = format_table(Table(f"t{bad}", (f"h{bad}",), [(f"c{bad}",)]))
    page = page_article(document)
    mistakes = render_page(
        evaluate([document], [Document(f"d{bad}<i>", text)], predicted_name=f"p{bad}")
    )
    for shown in (facts_table(document), figures, page, mistakes):
        assert bad not in shown, shown
    assert "<i>" not in page.replace("<i>none</i>", "")
    assert "<b>北京" not in page
    assert table


def test_an_error_sends_no_controls(tmp_path: Path) -> None:
    name = tmp_path / "a\x1b]0;x\x07.jsonl"
    name.write_text("{", encoding="utf-8")
    told = run("data", "stats", str(name)).stderr
    assert b"\x1b" not in told
    assert "⟨U+001B⟩".encode() in told


def test_a_file_name_that_is_no_utf8_is_told() -> None:
    done = run("data", "stats", os.fsdecode(b"no\xff.jsonl"))
    assert done.returncode == 1
    assert b"no such file" in done.stderr
    assert b"Traceback" not in done.stderr


# --- CSV


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "＝1+1",
        "－1",
        "-",
        "+",
    ],
)
def test_a_spreadsheet_runs_no_cell(cell: str) -> None:
    text = f"{cell}好"
    document = Document(
        cell, text, (entity(text, 0, len(cell), cell),), meta={"own": cell, cell: "x"}
    )
    rows = list(csv.reader(io.StringIO(FactsCsv().facts(document), newline="")))
    cells = [one for row in rows for one in row if one]
    assert f"'{cell}" in cells
    assert not [one for one in cells if one[0] in "=+-@\t\r\n＝＋－＠"]


@pytest.mark.parametrize("number", ["-5", "+1,000.5", "-3%", "-1e-7", "-0.25"])
def test_numbers_stay_numbers(number: str) -> None:
    text = f"降了{number}度"
    document = Document("d", text, (entity(text, 2, 2 + len(number)),), meta={"change": number})
    _, row = csv.reader(io.StringIO(FactsCsv().facts(document)))
    assert row.count(number) == 2


def test_thousands_of_columns_cost_what_they_are() -> None:
    columns = {f"c{i}": i for i in range(5000)}
    table = FactsCsv()
    rows = [table.facts(Document(str(k), "好", meta=columns | {"more": k})) for k in range(3)]
    assert [len(next(csv.reader([row.splitlines()[-1]]))) for row in rows] == [5000 + 16] * 3


def test_a_text_without_full_stops_is_not_repeated_whole() -> None:
    text = "字" * 50_000
    around = Sentences(text).around([entity(text, 30_000, 30_002)])
    assert 500 <= len(around) <= 1000
    assert Sentences("一二。三四。").around([entity("一二。三四。", 3, 4)]) == "三四。"


# --- pages


def test_mentions_within_mentions_are_marked_once_a_label() -> None:
    text = "字" * 4000
    nested = [("组织" if i % 2 else "人", entity(text, i, 4000 - i)) for i in range(1500)]
    segments = cut_segments(text, nested, [(0, len(text))])
    assert "".join(one.text for one in segments) == text
    assert max(one.depth for one in segments) == 1500
    assert max(len(one.covers) for one in segments) == 2


def test_a_place_closes_before_another_opens() -> None:
    text = "张三李四王五"
    marked = [("甲", entity(text, 0, 2)), ("乙", entity(text, 2, 4)), ("丙", entity(text, 0, 4))]
    segments = cut_segments(text, marked, [(0, 6)])
    assert [(s.text, s.begins, s.covers, s.depth) for s in segments] == [
        ("张三", ("甲", "丙"), ("甲", "丙"), 2),
        ("李四", ("乙",), ("乙", "丙"), 2),
        ("王五", (), (), 0),
    ]


# --- depth


@pytest.mark.parametrize("depth", [150, 1000, 100_000])
def test_a_deep_row_is_told(depth: int, tmp_path: Path) -> None:
    deep = b"[" * depth + b"]" * depth
    row = b'{"id":"d","text":"\xe5\xa5\xbd","meta":{"x":' + deep + b"}}"
    for read in (parse_document, parse_value):
        with pytest.raises(InputError, match=r"f:7: .* deep"):
            read(row, "f", 7)
    with pytest.raises(InputError, match="f:8: .* deep"):
        parse_documents([b'{"id":"a","text":"b"}\n', row + b"\n"], "f", 7)
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"text":"a"}\n{"text":"b","x":' + deep + b'}\n{"text":"c"}\n')
    told: list[InputError] = []
    found = [d.text for d in read_texts([str(path)], ReadOptions(), told.append)]
    assert (found, len(told)) == (["a", "c"], 1)


def test_many_shallow_values_and_brackets_in_strings_are_fine() -> None:
    line = (
        b'{"id":"d","text":"'
        + b"[{" * 5000
        + b'\\"[","meta":{"x":'
        + b"[1]," * 0
        + b"["
        + b"[],{}," * 500
        + b"[]]}}"
    )
    assert len(parse_document(line, "f", 1).meta["x"]) == 1001
    assert len(parse_value(line, "f", 1)["meta"]["x"]) == 1001


@pytest.mark.parametrize("opening", ["[", '{"a":', '{"entities":[', '[{"人名":'])
def test_a_deep_completion_becomes_issues(opening: str) -> None:
    found = decode(opening * 50_000, "张三", read_schema("news"))
    assert found.issues


@pytest.mark.parametrize(
    "content",
    [
        "[" * 5000,
        "entities: " + "[" * 2000 + "]" * 2000,
        "".join(f"{'  ' * i}a:\n" for i in range(1000)),
        "a: &a [x, x, x, x, x, x, x, x, x]\n"
        + "".join(
            f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n"
            for a, b in zip("abcdefghi", "bcdefghij", strict=True)
        )
        + "entities: *j\n",
        "entities: &x [*x]\n",
        "a: &a {b: 1}\nc: &c {<<: [*a, *a], d: 2}\nentities: [*c]\n",
    ],
)
def test_a_hostile_schema_is_told(content: str, tmp_path: Path) -> None:
    path = tmp_path / "schema.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ChinchillaError, match=r"schema\.yaml"):
        read_schema(str(path))


@pytest.mark.parametrize("name", ["label-studio", "doccano", "duee", "unified"])
def test_a_deep_record_of_a_corpus_is_told(name: str, tmp_path: Path) -> None:
    path = tmp_path / "deep.jsonl"
    path.write_bytes(
        b'{"id":"1","text":"\xe5\xa5\xbd","data":' + b"[" * 5000 + b"]" * 5000 + b"}\n"
    )
    result = CliRunner().invoke(
        cli, ["data", "convert", name, str(path), "-o", str(tmp_path / "out.jsonl")]
    )
    assert result.exception is None or isinstance(result.exception, ChinchillaError | SystemExit)


# --- files and streams


def test_pipes_are_told(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="pipe or device; give -"):
        find_inputs([str(pipe)])
    with pytest.raises(InputError, match="nobody reads"), write_bytes(pipe):
        pass
    with pytest.raises(ConfigError, match="read twice"):
        select_files([pipe], SelectOptions(1), tmp_path / "out")


def test_a_pipe_that_is_read_is_written(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with write_bytes(pipe) as file:
        file.write(b"x\n")
    assert os.read(reader, 10) == b"x\n"
    os.close(reader)


@pytest.mark.parametrize("choice", [{"force": True}, {"resume": True}])
def test_two_processes_do_not_write_one_output(choice: dict[str, bool], tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    line = b'{"id":"a","text":"b"}\n'
    with write_partial(out) as (first, _):
        first.write(line)
        first.flush()
        with pytest.raises(InputError, match="another process"), write_partial(out, **choice):
            pass
        first.write(line)
    assert out.read_bytes() == 2 * line
    with write_partial(out, force=True) as (later, _):
        later.write(line)
    assert out.read_bytes() == line


@pytest.mark.parametrize(
    "arguments",
    [
        ("extract", "{}"),
        ("data", "stats", "{}"),
        ("data", "select", "{}", "-n", "1", "-o", "-"),
        ("evaluate", "{}", "{}"),
    ],
)
def test_a_folder_for_a_file_is_told(arguments: tuple[str, ...], tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, [part.format(tmp_path) for part in arguments])
    assert result.exit_code == 1
    assert isinstance(result.exception, ChinchillaError)


GOLD = '{"id":"a","text":"张三","entities":[{"type":"人名","text":"张三","start":0,"end":2}]}\n'


@pytest.mark.parametrize(
    ("redirection", "said"), [(">&-", b"closed"), ("<&-", b""), ("2>&-", b""), (">&- 2>&-", b"")]
)
def test_a_closed_stream_is_told(redirection: str, said: bytes, tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_text(GOLD, encoding="utf-8")
    line = f"{sys.executable} -m chinchilla data stats {path} {redirection}"
    done = subprocess.run(["sh", "-c", line], capture_output=True, timeout=120, check=False)
    assert said in done.stderr
    assert b"Traceback" not in done.stderr
    assert done.returncode == (
        1 if ">&-" in redirection.split()[0] and redirection[0] == ">" else 0
    )
    assert path.read_text(encoding="utf-8") == GOLD


def test_closed_standard_input_is_told() -> None:
    line = f"{sys.executable} -m chinchilla data stats - <&-"
    done = subprocess.run(["sh", "-c", line], capture_output=True, timeout=120, check=False)
    assert done.returncode == 1
    assert b"closed" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_reader_may_leave(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_text(GOLD, encoding="utf-8")
    line = f"{sys.executable} -m chinchilla data stats {path} | true; {sys.executable} -m chinchilla --help | true"
    done = subprocess.run(["sh", "-c", line], capture_output=True, timeout=120, check=False)
    assert done.stderr.strip() == b""


# --- quiet


def test_libraries_are_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    before = dict(os.environ)
    with hushed():
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        logging.getLogger("some.library").warning("told")
        assert os.environ["TRANSFORMERS_VERBOSITY"] == "error"
        assert not logging.getLogger("x").isEnabledFor(logging.WARNING)
    assert capfd.readouterr().err == ""
    assert dict(os.environ) == before
    assert logging.getLogger("x").isEnabledFor(logging.WARNING)


def test_every_quiet_option_hushes() -> None:
    commands = [
        cli.get_command(click.Context(cli), name)
        for name in ("extract", "train", "export", "evaluate")
    ]
    for command in commands:
        assert command is not None
        (option,) = (one for one in command.params if one.name == "quiet")
        assert option.callback is not None


# --- choosing


def test_select_takes_as_a_plain_greedy_would(tmp_path: Path) -> None:
    texts = [f"{i:03}号文件说了{i * i}件事" for i in range(60)]
    kinds = ["甲", "乙", "丙", "丁"]
    lines = [
        Document(
            str(i),
            text,
            tuple(
                entity(text, 2 * k, 2 * k + 2, kinds[k]) for k in range(4) if i >> k & 1 and i % 7
            ),
            meta={"source": f"s{i % 3}"},
        )
        for i, text in enumerate(texts)
    ]
    from chinchilla.files.jsonl import write_documents

    write_documents(tmp_path / "docs", lines)
    options = SelectOptions(20, rouge=0, shortest=1)
    report = select_files([tmp_path / "docs"], options, tmp_path / "out")
    chosen = {key[1]: pair[0] for key, pair in report.values.items() if key[0] == "type"}
    assert report.chosen == 20
    assert max(chosen.values()) - min(chosen.values()) <= 2
    again = select_files([tmp_path / "docs"], options, tmp_path / "again")
    assert again == report
    assert (tmp_path / "out").read_bytes() == (tmp_path / "again").read_bytes()
    everything = select_files(
        [tmp_path / "docs"], SelectOptions(99, rouge=0, shortest=1, empty_rate=1), tmp_path / "all"
    )
    assert everything.chosen == 60


# --- the network


def test_no_test_leaves_this_machine() -> None:
    with pytest.raises(OSError, match="may not"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with pytest.raises(OSError, match="may not"):
        socket.getaddrinfo("example.org", 80)
