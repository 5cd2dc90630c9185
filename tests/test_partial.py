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
    with pytest.raises(InputError, match="the inputs changed at document 1, 'x'"):
        run(tmp_path / "out.jsonl", others, resume=True)
    swapped = [Document("0", "文"), Document("1", ""), *DOCUMENTS[2:]]
    with pytest.raises(InputError, match="the inputs changed at document 1, '0'"):
        run(tmp_path / "out.jsonl", swapped, resume=True)
    changed = [DOCUMENTS[0], Document("1", "字"), *DOCUMENTS[2:]]
    with pytest.raises(InputError, match="the inputs changed at document 2, '1'"):
        run(tmp_path / "out.jsonl", changed, resume=True)
    with pytest.raises(InputError, match="wrote 2 documents, the inputs hold 1"):
        run(tmp_path / "out.jsonl", DOCUMENTS[:1], resume=True)
    # What was there still is.
    run(tmp_path / "out.jsonl", resume=True)


def test_what_is_no_output_of_a_run_is_refused(tmp_path):
    (tmp_path / "out.jsonl.partial").write_text("name  place\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"partial:1: no document .* --force"):
        run(tmp_path / "out.jsonl", resume=True)
    with pytest.raises(InputError, match="cannot be continued"), write_partial("-", resume=True):
        pass
    with pytest.raises(InputError, match="does not exist"):
        run(tmp_path / "none" / "out.jsonl")


def test_nothing_done_leaves_all():
    assert list(after(DOCUMENTS, Done())) == DOCUMENTS


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"model": "other"}, 'model was "mini", is "other"'),
        ({"tasks": ["ner"]}, r'tasks was \["ner", "re"\], is \["ner"\]'),
        ({"schema": {"entities": ["人名"] * 99}}, "schema is another"),
        ({"min_score": 0.5}, "min_score was null, is 0.5"),
    ],
)
def test_a_run_goes_on_only_from_one_that_asked_the_same(tmp_path, change, told):
    asked = {"model": "mini", "tasks": ("ner", "re"), "schema": {"entities": ["人名"]}}
    path = tmp_path / "out.jsonl"
    with pytest.raises(InputError, match="rows"):
        run(path, fail_after=2, run=asked)
    with pytest.raises(InputError, match=f"cannot resume: .* {told}.* --force"):
        run(path, resume=True, run=asked | change)
    run(path, resume=True, run=asked)
    assert [item.name for item in tmp_path.iterdir()] == ["out.jsonl"]


def test_a_run_of_which_nothing_is_told_is_not_gone_on_from(tmp_path):
    path = tmp_path / "out.jsonl"
    with pytest.raises(InputError, match="rows"):
        run(path, fail_after=2)
    with pytest.raises(InputError, match="out.jsonl.run.json is missing"):
        run(path, resume=True, run={})
    run(path, force=True, run={})
    with pytest.raises(InputError, match="rows"):
        run(path, fail_after=0, run={}, force=True)
    assert [item.name for item in tmp_path.iterdir()] == ["out.jsonl"]
