"""The README and the pages: what they show runs and prints what they say; tables and commands are those of the code."""

import contextlib
import io
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from chinchilla import Extractor, read_schema
from chinchilla.converters import read_options
from chinchilla.data.configuration import read_configuration
from chinchilla.files.jsonl import parse_document
from chinchilla.merge.lexicon import read_lexicon
from chinchilla.mini.train.tuning_options import TuneConfig, mistakes
from chinchilla.train.reading import read_config

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "README.zh.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def _blocks(*languages):
    for path in PAGES:
        for number, match in enumerate(_BLOCK.finditer(path.read_text(encoding="utf-8")), 1):
            language, note, code = match.groups()
            if language in languages:
                marks = [pytest.mark.slow] if "slow" in note else []
                yield pytest.param(
                    code, note.strip(), id=f"{path.relative_to(ROOT)}:{number}", marks=marks
                )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder as a reader has it: the examples of the repository, and nothing else."""
    for name in ("examples", "configs"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("code", "note"), [*_blocks("python")])
def test_python_blocks_run(code, note, folder):
    if "no-run" in note:
        compile(code, "block", "exec")
        return
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "block", "exec"), {"__name__": "block"})
    for expected in re.findall(r"print\(.*\)  # (.*)$", code, re.MULTILINE):
        assert expected in printed.getvalue()


@pytest.mark.parametrize(("code", "note"), [*_blocks("console")])
def test_console_blocks_print_what_they_show(code, note, folder):
    """Run the lines after `$ `; what stands below them must be printed, line by line."""
    for part in re.split(r"^\$ ", code, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        if "no-run" in note:
            _known_options(command)
            continue
        module = f"{shlex.quote(sys.executable)} -m chinchilla"
        command = re.sub(r"(^|\| |&& )chinchilla\b", rf"\1{module}", command)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        shown = done.stdout.splitlines()
        for line in expected.rstrip().splitlines():
            assert line == "…" or line.rstrip() in [text.rstrip() for text in shown], done.stdout


@pytest.mark.parametrize(("code", "note"), [*_blocks("bash", "sh")])
def test_other_commands_exist(code, note):
    for line in code.replace("\\\n", " ").splitlines():
        _known_options(line)


@pytest.mark.parametrize(("code", "note"), [*_blocks("json", "yaml", "lexicon")])
def test_shown_files_are_read_by_their_reader(code, note, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("train.jsonl", "dev.jsonl"):
        Path(name).touch()
    path = tmp_path / "shown.yaml"
    path.write_text(code, encoding="utf-8")
    if "mapping" in note:
        assert read_options("spans", path)
    elif code.startswith("name: "):
        assert read_schema(path).entities
    elif "base: mini" in code:
        Path("labelled.json").touch()
        read_configuration(path, TuneConfig, check=mistakes)
    elif code.startswith("output: "):
        read_config(path)
    elif code.startswith("{"):
        shown = json.loads(code)
        if "eval_f1" in shown:  # a line of metrics
            assert shown["minutes"] < shown["most"]
        elif "instruction" in shown:
            assert json.loads(shown["output"])["entities"]
        else:
            parse_document(json.dumps(shown).encode(), "shown", 1)
    else:
        assert read_lexicon(path).entries


def test_no_kind_of_block_is_left_unread():
    shown = {match[1] for path in PAGES for match in _BLOCK.finditer(path.read_text("utf-8"))}
    # Without a kind: the installation. As `text`: a diagram, and help that `write_docs` compares.
    assert shown <= {"", "text", "python", "console", "bash", "sh", "json", "yaml", "lexicon"}


def _known_options(line):
    """Check that each `chinchilla` command of a line exists and has the options named."""
    from chinchilla.cli.main import cli

    for part in re.split(r"&&|\||;", line.split(" #")[0]):
        words = shlex.split(part, comments=True)
        if words[:1] != ["chinchilla"]:
            continue
        import click

        command, context = cli, click.Context(cli)
        words = words[1:]
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            found = command.get_command(context, words.pop(0))
            assert found is not None, line
            command = found
        known = {name for p in command.params for name in (*p.opts, *p.secondary_opts)}
        known |= {"--help", "--version", "-h"}
        for word in words:
            if word.startswith("-") and word != "-":
                assert word.split("=")[0] in known, f"{word} in: {line}"


def test_commands_and_tables_are_what_the_code_says():
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "write_docs", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("page", "table"),
    [
        ("extract", "issues"),
        ("evaluate", "scorers"),
        ("schemas", "schemas"),
        ("train", "options"),
        ("train", "tuning"),
    ],
)
def test_pages_hold_the_tables(page, table):
    """A page without the marks would be left alone by `scripts/write_docs`."""
    assert f"<!-- table: {table} -->" in (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")


def test_the_readme_takes_ten_minutes():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150
    assert len((ROOT / "README.zh.md").read_text(encoding="utf-8").splitlines()) <= 150
    assert len((ROOT / "ie/mini/README.md").read_text(encoding="utf-8").splitlines()) <= 60


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_the_readme_marks_schemas_that_mini_does_not_know(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    rows = text.split("| `--schema` |")[1].split("```")[0]
    named = re.findall(r"`([a-z0-9-]+)`(\*?)", rows)
    assert len(named) > 10
    for schema, mark in named:
        if schema == "mini":
            continue
        extractor = Extractor(schema=schema)
        unknown = sum(map(len, extractor.untrained().values()))
        asked = sum(len(extractor.schema.types(task)) for task in extractor.tasks)
        assert (2 * unknown > asked) is bool(mark), schema


def test_every_page_is_in_the_navigation():
    listed = set(
        re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    )
    assert listed == {path.name for path in (ROOT / "docs").glob("*.md")}
