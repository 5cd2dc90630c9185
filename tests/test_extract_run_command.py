"""`chinchilla extract -o RUN/`: the options of runs, what is told, and how it ends."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from chinchilla.cli.main import cli
from chinchilla.cli.stopping import stopping
from chinchilla.corpus.reading import read_run
from chinchilla.files.jsonl import read_documents

ROOT = Path(__file__).parent.parent
TEXTS = ["国家主席在北京会见了来宾。", "他昨天去了上海。", " ", "记者从天津回来。"]


def extract(*arguments):
    return CliRunner().invoke(cli, ["extract", *map(str, arguments)])


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.jsonl"
    lines = [json.dumps({"id": str(n), "text": text}) for n, text in enumerate(TEXTS)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_folder_as_output_is_a_run(tmp_path, rows):
    folder = tmp_path / "run"
    asked = (rows, "--schema", "msra", "--tasks", "ner", "--shard-size", 2, "-o", f"{folder}/")
    result = extract(*asked)
    assert result.exit_code == 0, result.output
    assert "4 documents" in result.stderr
    assert "failures: 1 blank; see" in result.stderr
    assert [document.id for document in read_run(folder)] == ["0", "1", "2", "3"]
    assert [len(document.entities) for document in read_run(folder)] == [1, 1, 0, 1]
    again = extract(*asked)
    assert again.exit_code == 1
    assert "pass --resume" in str(again.exception)
    # The folder is there now: no slash is needed.
    resumed = extract(*asked[:-1], folder, "--resume")
    assert resumed.exit_code == 0
    assert "complete already" in resumed.stderr
    assert extract(*asked, "--retry-failed", "--quiet").exit_code == 0


def test_processes_of_the_embedded_model_write_what_one_writes(tmp_path, rows):
    asked = [rows, "--schema", "msra", "--shard-size", "2", "--quiet"]
    for name, more in (("one", []), ("two", ["--workers", "2"])):
        command = [sys.executable, "-m", "chinchilla", "extract", *asked, "-o", f"{name}/", *more]
        subprocess.run(command, check=True, cwd=tmp_path)
    one, two = (sorted((tmp_path / name / "shards").iterdir()) for name in ("one", "two"))
    assert len(one) == 2
    assert [file.read_bytes() for file in one] == [file.read_bytes() for file in two]


def test_a_run_that_lacks_documents_ends_with_one(tmp_path, rows):
    with rows.open("a", encoding="utf-8") as file:
        file.write('{"id": "0", "text": "上海"}\n')
    asked = (rows, "--tasks", "ner", "-o", f"{tmp_path}/run/")
    result = extract(*asked)
    assert result.exit_code == 1
    assert "failures: 1 blank, 1 read" in result.stderr
    strict = extract(*asked, "--force", "--strict")
    assert "the text is empty" in str(strict.exception)


@pytest.mark.parametrize(
    "options",
    [
        ("--workers", 2, "-o", "out.jsonl"),
        ("--retry-failed",),
        ("--format", "csv", "-o", "run/"),
    ],
)
def test_options_that_would_do_nothing_are_refused(rows, options):
    assert extract(rows, *options).exit_code == 2


def test_one_file_that_is_complete_is_said_to_be(tmp_path, rows):
    asked = (rows, "--tasks", "ner", "-o", tmp_path / "out.jsonl")
    assert extract(*asked, "--resume").exit_code == 0
    before = (tmp_path / "out.jsonl").read_bytes()
    result = extract(*asked, "--resume")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "complete already; there is nothing to do" in result.stderr
    assert (tmp_path / "out.jsonl").read_bytes() == before
    assert len(list(read_documents(tmp_path / "out.jsonl"))) == 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_stops_a_command_is_answered_with_how_to_go_on(number, capsys):
    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as ended, stopping(lambda: "go on with --resume"):
        os.kill(os.getpid(), number)
    assert ended.value.code == 128 + number
    assert capsys.readouterr().err == f"stopped by {number.name}; go on with --resume\n"
    assert signal.getsignal(number) == before


def test_runs_killed_at_random_moments_end_alike(tmp_path):
    """The short form of scripts/check_runs."""
    script = ROOT / "scripts" / "check_runs"
    options = ["--documents", "300", "--runs", "2", "--shard-size", "20"]
    done = subprocess.run(
        [sys.executable, script, *options],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 runs: 0 documents lost, 0 doubled, 0 runs differ" in done.stdout
