"""An extra that is not installed is named in one line."""

import sys

import pytest
from click.testing import CliRunner

from chinchilla.cli.main import cli
from chinchilla.data.extras import require_extra
from chinchilla.errors import ModelError


def test_what_is_there_is_asked_for_without_being_imported():
    require_extra("x", "train", ("this", "json"))
    assert "this" not in sys.modules


@pytest.mark.parametrize("arguments", [(), ("--check",)])
def test_training_without_the_extra_says_what_to_install(tmp_path, monkeypatch, arguments):
    monkeypatch.setitem(sys.modules, "peft", None)
    records = tmp_path / "records.jsonl"
    records.write_text('{"instruction": "找", "input": "甲", "output": "{}"}\n', encoding="utf-8")
    (tmp_path / "config.json").write_text('{"model_type": "qwen2"}', encoding="utf-8")
    config = tmp_path / "run.yaml"
    config.write_text(
        f"model: {{base: {tmp_path}}}\ndata: {{train: [{records}]}}\noutput: {tmp_path}/run\n",
        encoding="utf-8",
    )
    result = CliRunner().invoke(cli, ["train", str(config), *arguments])
    assert isinstance(result.exception, ModelError), result.exception
    assert str(result.exception) == (
        "training needs pip install 'chinchilla-ie[train]' (missing: peft)"
    )


def test_exporting_without_the_extra_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    result = CliRunner().invoke(cli, ["export", "x", "-o", "y"])
    assert "needs pip install 'chinchilla-ie[train]' (missing: torch)" in str(result.exception)
