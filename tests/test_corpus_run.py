"""Runs: each document once, whatever stops them, and the same bytes in the end."""

import contextlib
import errno
import json
import os
import sqlite3

import pytest
from corpus_fakes import FakeEngine

from chinchilla.corpus import manifest as manifest_module
from chinchilla.corpus import run as run_module
from chinchilla.corpus.disk import write_whole
from chinchilla.corpus.reading import read_run
from chinchilla.corpus.run import Run, RunOptions
from chinchilla.corpus.work import Recipe
from chinchilla.errors import ChinchillaError, ConfigError, InputError, ModelError
from chinchilla.files.inputs import ReadOptions

TEXTS = [f"第{number}天在北京" for number in range(23)]


@pytest.fixture
def rows(tmp_path):
    return write_rows(tmp_path / "rows.jsonl", TEXTS)


def write_rows(path, texts):
    lines = [
        json.dumps({"id": f"d{number}", "text": text}, ensure_ascii=False)
        for number, text in enumerate(texts)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def run(folder, *files, engine=None, resume=False, retry=False, force=False, notes=None, **options):
    """Do a run with shards of 5 and return its report."""
    job = Run(
        folder,
        [str(file) for file in files],
        Recipe(engine or FakeEngine(), "msra"),
        ReadOptions(),
        RunOptions(**{"shard_size": 5, **options}),
        told=(notes if notes is not None else []).append,
    )
    return job(resume=resume, retry_failed=retry, force=force)


def content(folder):
    """All that must be alike in two runs."""
    ends = ("failures.jsonl", "page.html")
    files = [*sorted((folder / "shards").iterdir()), *(folder / name for name in ends)]
    return {file.name: file.read_bytes() for file in files}


def failures(folder):
    lines = (folder / "failures.jsonl").read_text(encoding="utf-8").splitlines()
    return [tuple(json.loads(line).values()) for line in lines]


def test_a_run_writes_each_document_once_in_order(tmp_path, rows):
    report = run(tmp_path / "run", rows)
    documents = list(read_run(tmp_path / "run"))
    assert [document.id for document in documents] == [f"d{number}" for number in range(23)]
    assert report["documents"] == report["entities"] == 23
    assert report["shards"] == len(list((tmp_path / "run/shards").iterdir())) == 5
    assert report == json.loads((tmp_path / "run/report.json").read_text(encoding="utf-8"))
    assert failures(tmp_path / "run") == []
    page = (tmp_path / "run/page.html").read_text(encoding="utf-8")
    assert page.count('<p class="text block">') == 23


def stopping_after(number):
    """Let a run be stopped after so many shards are written."""

    def write(path, parts):
        if path.parent.name == "shards" and len(list(path.parent.iterdir())) >= number:
            raise KeyboardInterrupt
        return write_whole(path, parts)

    return write


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_a_run_that_was_stopped_ends_as_one_that_was_not(tmp_path, rows, form, monkeypatch):
    if form == "parquet":
        pytest.importorskip("pyarrow")
    run(tmp_path / "straight", rows, form=form)
    for number in (0, 2, 4):
        with monkeypatch.context() as patch:
            patch.setattr(run_module, "write_whole", stopping_after(number))
            with pytest.raises(KeyboardInterrupt):
                run(tmp_path / "run", rows, form=form, resume=number > 0)
    run(tmp_path / "run", rows, form=form, resume=True)
    assert content(tmp_path / "run") == content(tmp_path / "straight")


@pytest.mark.parametrize("broken", ["fsync", "replace", "commit"])
def test_a_fault_at_any_write_leaves_nothing_half_done(tmp_path, rows, broken, monkeypatch):
    """Fail at the first write of a kind, at the second and so on, until none fails any more."""
    run(tmp_path / "straight", rows)
    for number in range(40):
        with monkeypatch.context() as patch:
            fault = Fault(number)
            fault.plant(patch, broken)
            with contextlib.suppress(OSError, ChinchillaError):
                run(tmp_path / "run", rows, resume=number > 0)
        assert not list(tmp_path.glob("run/**/.*"))
        if fault.left >= 0:
            break
    assert number > 3
    assert content(tmp_path / "run") == content(tmp_path / "straight")


class Fault:
    """Says no to one write: the one with this number."""

    def __init__(self, number):
        self.left = number

    def due(self):
        self.left -= 1
        return self.left == -1

    def plant(self, patch, kind):
        if kind == "commit":
            fault = self

            class Connection(sqlite3.Connection):
                def execute(self, statement, *rest):
                    if statement == "COMMIT" and fault.due():
                        raise sqlite3.OperationalError("database or disk is full")
                    return super().execute(statement, *rest)

            real = sqlite3.connect
            patch.setattr(
                manifest_module.sqlite3,
                "connect",
                lambda *names, **options: real(*names, factory=Connection, **options),
            )
            return
        real_call = getattr(os, kind)

        def call(*arguments):
            if self.due():
                raise OSError(errno.ENOSPC, "No space left on device")
            return real_call(*arguments)

        patch.setattr(os, kind, call)


def test_another_run_is_refused_with_the_difference(tmp_path, rows):
    folder = tmp_path / "run"
    run(folder, rows)
    with pytest.raises(InputError, match="holds a run that is finished; pass --resume"):
        run(folder, rows)
    with pytest.raises(InputError, match="shard size was 5, is 7"):
        run(folder, rows, resume=True, shard_size=7)
    other = write_rows(tmp_path / "other.jsonl", TEXTS)
    with pytest.raises(InputError, match=r"input .*other.jsonl was not there"):
        run(folder, rows, other, resume=True)
    rows.write_text(rows.read_text(encoding="utf-8") + '{"text": "新"}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"input .*rows.jsonl had .* bytes, has"):
        run(folder, rows, resume=True)
    assert run(folder, rows, force=True)["documents"] == 24


def test_a_finished_run_that_is_resumed_says_so(tmp_path, rows):
    first = run(tmp_path / "run", rows)
    before = content(tmp_path / "run")
    # Written anew with the same content, it is the same input.
    rows.write_bytes(rows.read_bytes())
    notes = []
    assert run(tmp_path / "run", rows, resume=True, notes=notes) == first
    assert "is complete already" in notes[0]
    assert content(tmp_path / "run") == before


def test_a_shard_that_was_lost_or_cut_is_done_again(tmp_path, rows):
    folder = tmp_path / "run"
    run(folder, rows)
    before = content(folder)
    (folder / "shards/0000001.jsonl").unlink()
    (folder / "shards/0000003.jsonl").write_bytes(b"{")
    with sqlite3.connect(folder / "manifest.sqlite") as database:
        database.execute("DELETE FROM run WHERE key = 'report'")
    run(folder, rows, resume=True)
    assert content(folder) == before


def test_a_folder_with_other_things_is_left_alone(tmp_path, rows):
    with pytest.raises(InputError, match=r"holds other things than a run \(rows.jsonl\)"):
        run(tmp_path, rows, force=True)
    with pytest.raises(InputError, match="is a file"):
        run(rows, rows)
    assert rows.exists()


def test_two_processes_do_not_write_one_run(tmp_path, rows):
    from chinchilla.corpus.run import _locked

    with (
        _locked(tmp_path / "run"),
        pytest.raises(InputError, match="another process is writing it"),
    ):
        run(tmp_path / "run", rows)


BAD = ["北京", "  ", "坏", "错在北京", "乱", "北京"]


def test_what_is_wrong_is_named_and_the_rest_goes_on(tmp_path):
    rows = write_rows(tmp_path / "rows.jsonl", BAD)
    with rows.open("ab") as file:
        file.write(
            b'{"id": "d0", "text": "again"}\n{"text": \n{"id": "last", "text": "\xe6\x97\xa5"}\n'
        )
    report = run(tmp_path / "run", rows, tmp_path / "gone.txt", shard_size=50)
    documents = list(read_run(tmp_path / "run"))
    assert [one.id for one in documents] == ["d0", "d1", "d2", "d3", "d4", "d5", "last"]
    # Each of the others was answered; one fault of the code is one document's.
    assert [bool(one.entities) for one in documents] == [True, *[False] * 4, True, False]
    found = failures(tmp_path / "run")
    assert [(name, stage) for name, stage, _, _ in found] == [
        *[("d1", "blank"), ("d0", "read"), (None, "read"), (None, "read")],
        *[("d2", "extract"), ("d3", "extract"), ("d4", "parse")],
    ]
    reasons = [reason for _, _, reason, _ in found]
    assert "rows.jsonl:8: not valid JSON" in reasons[2]
    assert "gone.txt: no such file" in reasons[3]
    assert "broken for this text" in reasons[4]
    assert "IndexError: a fault" in reasons[5]
    assert (found[1][3], found[6][3]) == ("again", "place 0")
    assert report["failures"] == {"blank": 1, "extract": 2, "parse": 1, "read": 3}


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["北京", " "], "document 'd1': the text is empty"),
        (["北京", "坏"], "document 'd1': no answer: broken"),
    ],
)
def test_strict_stops_at_the_first_and_the_run_can_go_on(tmp_path, texts, message):
    rows = write_rows(tmp_path / "rows.jsonl", texts)
    with pytest.raises(ChinchillaError, match=message):
        run(tmp_path / "run", rows, strict=True)
    run(tmp_path / "run", rows, resume=True)
    assert len(list(read_run(tmp_path / "run"))) == 2


def test_failed_documents_are_asked_again_and_end_as_if_nothing_had_been(tmp_path, rows):
    run(tmp_path / "straight", rows)
    down = tmp_path / "down"
    engine = FakeEngine(down=str(down))
    run(tmp_path / "run", rows, engine=engine)
    down.touch()
    # Shards with failures, as an outage leaves them.
    for number in (1, 4):
        (tmp_path / f"run/shards/000000{number}.jsonl").unlink()
    with sqlite3.connect(tmp_path / "run/manifest.sqlite") as database:
        database.execute("DELETE FROM run WHERE key = 'report'")
    report = run(tmp_path / "run", rows, engine=engine, resume=True)
    assert report["failures"] == {"extract": 8}
    # Still down: what was there is kept.
    before = content(tmp_path / "run")
    assert run(tmp_path / "run", rows, engine=engine, retry=True) == report
    assert content(tmp_path / "run") == before
    down.unlink()
    assert run(tmp_path / "run", rows, engine=engine, retry=True)["failures"] == {}
    assert content(tmp_path / "run") == content(tmp_path / "straight")


def test_a_retry_that_does_worse_changes_nothing(tmp_path):
    down = tmp_path / "down"
    engine = FakeEngine(down=str(down))
    rows = write_rows(tmp_path / "rows.jsonl", ["北京", "坏", "北京"])
    report = run(tmp_path / "run", rows, engine=engine)
    before = content(tmp_path / "run")
    assert report["failures"] == {"extract": 1}
    down.touch()
    assert run(tmp_path / "run", rows, engine=engine, retry=True) == report
    assert content(tmp_path / "run") == before


def test_an_engine_that_is_down_stops_the_run(tmp_path):
    rows = write_rows(tmp_path / "rows.jsonl", ["北京"] * 60)
    down = tmp_path / "down"
    down.touch()
    with pytest.raises(ModelError, match="no document of shard 0 was answered: .*server is down"):
        run(tmp_path / "run", rows, engine=FakeEngine(down=str(down)), shard_size=30)


def test_a_file_of_bad_rows_does_not_fill_the_memory(tmp_path, monkeypatch):
    from chinchilla.corpus import shards

    monkeypatch.setattr(shards, "_MOST_UNREADABLE", 10)
    rows = tmp_path / "rows.jsonl"
    rows.write_text("no\n" * 20, encoding="utf-8")
    with pytest.raises(InputError, match="10 rows before this one cannot be read either"):
        run(tmp_path / "run", rows)


def test_two_processes_give_what_one_gives_though_one_dies(tmp_path):
    rows = write_rows(tmp_path / "rows.jsonl", [*TEXTS[:7], "死在北京", *TEXTS[7:]])
    (tmp_path / "died").touch()
    run(tmp_path / "straight", rows, engine=FakeEngine(folder=str(tmp_path)))
    (tmp_path / "died").unlink()
    run(tmp_path / "run", rows, engine=FakeEngine(folder=str(tmp_path)), workers=2)
    assert (tmp_path / "died").exists()
    assert content(tmp_path / "run") == content(tmp_path / "straight")


@pytest.mark.slow
def test_a_document_that_no_process_outlives_is_named(tmp_path):
    rows = write_rows(tmp_path / "rows.jsonl", [*TEXTS[:7], "死", *TEXTS[7:]])
    report = run(tmp_path / "run", rows, workers=2)
    assert report["failures"] == {"extract": 5}
    assert "was lost 3 times" in failures(tmp_path / "run")[0][2]
    assert report["documents"] == 24


def test_an_error_of_a_worker_comes_through(tmp_path, rows):
    with pytest.raises(ModelError, match="no such model"):
        Run(
            tmp_path / "run",
            [str(rows)],
            Recipe("./no-such-folder", "msra"),
            options=RunOptions(workers=2),
        )()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"form": "csv"}, "form is 'csv'; expected one of jsonl, parquet"),
        ({"engine": "dask"}, "engine is 'dask'"),
        ({"workers": 0}, "workers is 0; expected at least 1"),
        ({"gpus": 1}, "gpus are for the engine ray"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        RunOptions(**options)
