"""The session in the terminal, without one: lines in, what is printed out."""

import io
import json

import pytest

pytest.importorskip("rich")
from click.testing import CliRunner
from rich.console import Console
from serving import HOSTILE, NAMES, SCHEMA, NamesEngine

from chinchilla.cli.main import cli
from chinchilla.errors import InputError
from chinchilla.serve import chat

TEXT = "顾长风在北京星河科技大学任职，星河科技裁员。存疑"


@pytest.fixture
def say(monkeypatch, tmp_path):
    engines = []

    def open_one(model=None, **_):
        engines.append(NamesEngine(str(model), NAMES))
        return engines[-1]

    monkeypatch.setattr(chat, "open_engine", open_one)
    out = io.StringIO()
    console = Console(file=out, width=100, force_terminal=False)
    path = tmp_path / "tiny.json"
    path.write_text(json.dumps(SCHEMA), encoding="utf-8")
    session = chat.Session(console, schema=str(path))

    def say(*lines):
        out.seek(0)
        out.truncate()
        for line in lines:
            session.take(line)
        return out.getvalue()

    say.session, say.engines = session, engines
    return say


def test_a_text_is_shown_marked_with_tables(say):
    shown = say(TEXT)
    assert "人名 顾长风在机构名 地名 北京机构名 星河科技大学任职" in shown
    assert "裁员方" in shown
    assert "withheld" in shown


def test_nested_marks_have_the_style_of_the_inner_one_and_a_line(say):
    document = next(chat.Extractor(say.engines[0], SCHEMA).stream([chat.Document("text", TEXT)]))
    spans = chat.marked_text(document).spans
    assert any("underline" in str(span.style) for span in spans)


def test_hostile_text_reaches_the_terminal_as_signs(say):
    shown = say(HOSTILE)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "⟨U+001B⟩[31m" in shown


def test_commands_change_what_is_asked(say, tmp_path):
    assert "人名" in say("/types")
    assert "tasks: ner" in say("/tasks ner")
    assert "裁员方" not in say(TEXT)
    assert "declares nothing" in say("/schema msra", "/tasks ee")
    assert "did you mean '/schema'" in say("/shema")
    assert "is neither a built-in schema nor a file" in say("/schema nothing")
    assert "no number" in say("/min x")
    assert "expected a number from 0 to 1" in say("/min 2")
    assert "least score: 0.6" in say("/min 0.6")
    assert "北京" not in say("北京").replace("北京\n", "")
    assert '"entities":[]' in say("/json", "北京")
    say("/model other")
    assert say.engines[0].is_closed
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "one", "text": "甲"}\n{"id": "two", "text": "乙"}\n', encoding="utf-8")
    assert say(f"/read {path}").index('"one"') < say(f"/read {path}").index('"two"')
    assert "no such file" in say("/read nothing.txt")


def test_the_session_ends_at_quit_and_at_the_end_of_input(say):
    lines = iter(["", "/help", "/quit", "never"])
    say.session.run(lambda: next(lines))
    assert next(lines) == "never"

    def nothing():
        raise EOFError

    say.session.run(nothing)


def test_chat_needs_a_terminal():
    result = CliRunner().invoke(cli, ["chat"])
    assert isinstance(result.exception, InputError)
    assert "needs a terminal" in str(result.exception)
