"""How records ask reaches the model that is trained on them."""

import logging
from types import SimpleNamespace

import pytest
from record_samples import LAYOFFS, SCHEMA, WRITERS

from chinchilla.errors import ConfigError
from chinchilla.files.jsonl import dumps, write_values
from chinchilla.instructions.audit import AuditOptions, audit_files
from chinchilla.instructions.build import BuildJob, build_files
from chinchilla.instructions.build_options import BuildOptions
from chinchilla.instructions.select import SelectOptions, select_files
from chinchilla.prompts.prompt import PromptStyle, records_style_file
from chinchilla.train.examples import read_records
from chinchilla.train.record_style import find_style

STYLES = [
    PromptStyle("en-v1", "json", window={"ner": 30}, types_per_prompt={"ner": 5}, rationale=True),
    PromptStyle("zh-v2", "json", steps=2),
    PromptStyle("compact-v2", "compact", occurrences=True),
]


@pytest.fixture
def build(tmp_path):
    write_values(tmp_path / "docs.jsonl", [LAYOFFS, *WRITERS])
    (tmp_path / "schema.json").write_text(dumps(SCHEMA.to_dict()), encoding="utf-8")

    def built(style, name="rec.jsonl", **options):
        path = tmp_path / name
        job = BuildJob(
            (str(tmp_path / "docs.jsonl"),),
            BuildOptions(style),
            schema=str(tmp_path / "schema.json"),
        )
        build_files(job, path, **options)
        return str(path)

    return built


def found(*paths, style=None):
    records = [record for _, record in zip(range(100), read_records(paths), strict=False)]
    return find_style(SimpleNamespace(data=SimpleNamespace(train=paths, style=style)), records)


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.template)
def test_a_model_is_asked_as_its_records_ask(build, style):
    path = build(style)
    assert found(path) == style
    # Another build over it says how it asks.
    build(PromptStyle(), force=True)
    assert found(path) == PromptStyle()


def test_records_that_ask_otherwise_are_not_trained_on_together(build):
    paths = build(STYLES[0], "a.jsonl"), build(STYLES[2], "b.jsonl")
    with pytest.raises(ConfigError, match=r"b.jsonl: built to ask otherwise than .*a.jsonl \("):
        found(*paths)
    assert found(*paths, style=str(records_style_file(paths[1]))) == STYLES[2]


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.template)
def test_records_from_elsewhere_show_what_they_can(build, caplog, style):
    path = build(style)
    records_style_file(path).unlink()
    with caplog.at_level(logging.WARNING):
        shown = found(path)
    assert (shown.template, shown.format) == (style.template, style.format)
    assert (shown.steps, shown.rationale) == (style.steps, style.rationale)
    assert "no style file; taken to ask as the first" in caplog.text


def test_cleaned_and_chosen_records_ask_as_all_did_if_they_asked_alike(build, tmp_path):
    same, other = build(STYLES[0], "a.jsonl"), build(STYLES[2], "b.jsonl")
    chosen = tmp_path / "chosen.jsonl"
    select_files([same, same], SelectOptions(4, rouge=0), chosen)
    assert found(str(chosen)) == STYLES[0]
    # What stood beside the file before must not be taken for what these records ask.
    select_files([same, other], SelectOptions(4, rouge=0), chosen)
    assert not records_style_file(chosen).exists()
    audit_files([other], AuditOptions(), chosen)
    assert found(str(chosen)) == STYLES[2]
    before = set(tmp_path.iterdir())
    select_files([same], SelectOptions(4, rouge=0), "/dev/null")
    assert set(tmp_path.iterdir()) == before
    assert not records_style_file("/dev/null").exists()
