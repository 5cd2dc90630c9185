"""What a run wrote outlives it, and the next goes on from there."""

import gzip

import pytest

from chinchilla import Document
from chinchilla.errors import InputError
from chinchilla.files.jsonl import dumps
from chinchilla.files.resumable import Done, after, write_partial

DOCUMENTS = [Document(str(i), "文" * i) for i in range(5)]


def run(path, documents=DOCUMENTS, fail_after=None, **options):
    """Write documents, but fail after so many."""
    with write_partial(path, **options) as (file, done):
        for i, document in enumerate(after(documents, done)):
            if i == fail_after:
                raise InputError("rows.jsonl:4: not valid JSON")
            file.write((dumps(document) + "\n").encode())


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_a_run_that_goes_on_writes_what_one_that_did_not_stop_does(tmp_path, name):
    path, straight = tmp_path / name, tmp_path / f"straight.{name}"
    run(straight)
    with pytest.raises(InputError, match="rows.jsonl:4"):
        run(path, fail_after=2)
    partial = tmp_path / f"{name}.partial"
    assert not path.exists()
    assert len(partial.read_bytes().splitlines()) == 2
    # As a process leaves it that is killed while it writes.
    with partial.open("ab") as file:
        file.write(b'{"id": "2", "te')
    run(path, resume=True)
    assert path.read_bytes() == straight.read_bytes()
    assert not partial.exists()
    if name.endswith(".gz"):
        assert gzip.decompress(path.read_bytes()).count(b"\n") == 5


def test_a_run_goes_on_from_nothing_too(tmp_path):
    run(tmp_path / "out.jsonl", resume=True)
    assert (tmp_path / "out.jsonl").read_bytes().count(b"\n") == 5


def test_what_was_left_is_not_overwritten_unasked(tmp_path):
    path = tmp_path / "out.jsonl"
    with pytest.raises(InputError):
        run(path, fail_after=3)
    with pytest.raises(InputError, match=r"out.jsonl.partial: left by .* --resume .* --force"):
        run(path)
    run(path, force=True)
    with pytest.raises(InputError, match="exists; pass --force"):
        run(path, resume=True)


def test_without_a_line_or_where_no_run_could_go_on_nothing_is_left(tmp_path):
    with pytest.raises(InputError, match="rows"):
        run(tmp_path / "out.jsonl", fail_after=0)
    with pytest.raises(InputError, match="rows"):
        run(tmp_path / "out.csv", fail_after=2, stays=False)
    assert list(tmp_path.iterdir()) == []


def test_other_inputs_are_noticed(tmp_path):
    with pytest.raises(InputError, match="rows"):
        run(tmp_path / "out.jsonl", fail_after=2)
    others = [Document("x", "文"), Document("y", "文"), Document("z", "文")]
    told = "wrote 2 documents, to '1'; document 2 of the inputs is 'y'"
    with pytest.raises(InputError, match=told):
        run(tmp_path / "out.jsonl", others, resume=True)
    with pytest.raises(InputError, match="document 1 of the inputs is '0'"):
        run(tmp_path / "out.jsonl", DOCUMENTS[:1], resume=True)
    # What was there still is.
    run(tmp_path / "out.jsonl", resume=True)


def test_what_is_no_output_of_a_run_is_refused(tmp_path):
    (tmp_path / "out.jsonl.partial").write_text("name  place\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"partial:1: no document .* --force"):
        run(tmp_path / "out.jsonl", resume=True)
    with pytest.raises(InputError, match="cannot be gone on with"), write_partial("-", resume=True):
        pass
    with pytest.raises(InputError, match="does not exist"):
        run(tmp_path / "none" / "out.jsonl")


def test_nothing_done_leaves_all():
    assert list(after(DOCUMENTS, Done())) == DOCUMENTS
