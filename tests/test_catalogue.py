import json

import pytest
from click.testing import CliRunner

from chinchilla.cli.data_list import command
from chinchilla.converters.catalogue import find, read_catalogue
from chinchilla.converters.registry import CONVERTERS, names
from chinchilla.errors import ConfigError


def _run(*arguments):
    return CliRunner().invoke(command, arguments)


def test_every_corpus_that_is_read_is_listed():
    assert set(CONVERTERS) <= {entry.name for entry in read_catalogue()}


def test_every_converter_named_exists():
    assert {entry.converter for entry in read_catalogue()} - {""} <= set(names())


def test_more_than_46_corpora_carry_annotations():
    annotated = [entry for entry in read_catalogue() if {"ner", "re", "ee"} & set(entry.tasks)]
    assert len(annotated) == 78


def test_conditions_narrow_the_list():
    found = [entry.name for entry in find(task="ee", lang="zh", domain="FINANCE")]
    assert found == [
        "ccks2020-finance",
        "chfinann",
        "duee-fin",
        "fewfc",
        "fincuge-finese",
        "iree",
    ]
    assert [entry.name for entry in find(licence="by-sa", task="ner", lang="zh")] == ["weibo"]


def test_an_unknown_name_or_task_is_refused_with_the_near_miss():
    with pytest.raises(ConfigError, match="no data set 'cluner' in the catalogue; did you mean"):
        find(["cluner"])
    with pytest.raises(ConfigError, match="unknown task 'eee'"):
        find(task="eee")


def test_table_has_a_line_for_each():
    done = _run("--task", "ee", "--licence", "CC BY-SA")
    lines = done.stdout.split("\n")
    assert lines[0].split() == ["name", "tasks", "lang", "domain", "size", "licence", "converter"]
    assert lines[1].split()[0] == "fewfc"
    assert "1 data set;" in done.stderr


def test_named_entries_are_shown_in_full():
    done = _run("fewfc")
    assert "consequence  name the source; share derived data alike" in done.stdout


def test_json_lines_hold_every_field():
    entry = json.loads(_run("duee", "--format", "jsonl").stdout)
    assert (entry["tasks"], entry["converter"]) == (["ee"], "duee")
    assert entry["consequence"].startswith("research only")
