import json
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from record_samples import LAYOFFS, PLAIN, SCHEMA, WRITERS, build_records, named

from chinchilla.cli.data_stats import command
from chinchilla.errors import InputError
from chinchilla.files.jsonl import write_values
from chinchilla.instructions.build_options import BuildOptions
from chinchilla.instructions.stats import Lengths, count_files
from chinchilla.instructions.stats_report import stats_page, stats_tables
from chinchilla.prompts.prompt import PromptStyle


@pytest.fixture
def documents(tmp_path):
    path = tmp_path / "docs.jsonl"
    write_values(path, [LAYOFFS, *WRITERS, *PLAIN])
    return path


def records(tmp_path, form="json", name="records.jsonl", **choices):
    options = BuildOptions(PromptStyle("zh-v2", form), **choices)
    built = build_records([LAYOFFS, *WRITERS, *PLAIN], lambda _: SCHEMA, options)
    write_values(tmp_path / name, built)
    return tmp_path / name


def test_documents_are_counted_per_source_task_type_and_role(documents):
    stats = count_files([documents], len).to_dict()
    assert (stats["kind"], stats["items"], stats["empty"]) == ("documents", 11, 6)
    source = stats["sources"]["toy"]
    assert source["tasks"] == {"ee": 1, "ner": 5, "re": 1}
    assert source["licences"] == {"own": 11}
    assert list(stats["types"]["ner"]) == ["人名", "作品", "地名", "机构名"]
    assert stats["types"]["ner"]["人名"] == {
        "mentions": 4,
        "items": 4,
        "asked": 0,
        "sources": {"toy": 4},
    }
    assert stats["types"]["roles"]["组织关系-裁员/裁员人数"]["mentions"] == 2
    assert source["characters"]["max"] == 27
    assert source["tokens"] == source["characters"]


@pytest.mark.parametrize("form", ["json", "compact"])
@pytest.mark.parametrize("rationale", [False, True])
def test_records_are_counted_with_negatives_and_templates(tmp_path, form, rationale):
    style = PromptStyle("zh-v2", form, rationale=rationale)
    built = build_records([LAYOFFS, *WRITERS, *PLAIN], lambda _: SCHEMA, BuildOptions(style))
    write_values(tmp_path / "records.jsonl", built)
    stats = count_files([tmp_path / "records.jsonl"]).to_dict()
    assert (stats["kind"], stats["items"]) == ("records", 33)
    # not empty: ner of five documents, re and ee of one
    assert stats["empty"] == 33 - 7
    assert stats["sources"]["toy"]["empty_by_task"] == {"ee": 10, "ner": 6, "re": 10}
    assert stats["types"]["ner"]["人名"] == {
        "mentions": 4,
        "items": 4,
        "asked": 11,
        "sources": {"toy": 4},
    }
    assert stats["types"]["re"]["总部"]["mentions"] == 2
    assert stats["types"]["re"]["作者"]["asked"] == 11
    assert stats["templates"] == {"zh-v2#0": 33}


def test_records_of_other_tools_are_counted_too(tmp_path):
    path = tmp_path / "alpaca.jsonl"
    write_values(path, [{"instruction": "问", "input": "", "output": "答"}])
    stats = count_files([path])
    assert (stats.kind, stats.items) == ("records", 1)
    assert stats.templates == {"unknown": 1}


def test_documents_and_records_are_not_mixed(documents, tmp_path):
    with pytest.raises(InputError, match="found records after documents"):
        count_files([documents, records(tmp_path)])


def test_lengths_give_exact_shares():
    lengths = Lengths()
    for length in [1] * 90 + [5] * 9 + [100]:
        lengths.add(length)
    assert lengths.to_dict() == {"min": 1, "mean": 2.35, "median": 1, "p95": 5, "max": 100}
    assert Lengths().to_dict() == {}


def test_the_table_shows_negatives_in_percent(tmp_path):
    table = stats_tables(count_files([records(tmp_path)]))
    # asked in 11 records, named in 4: 7 / 11
    assert "人名        4           4        11      63.6%  toy 4" in table
    assert table.endswith("zh-v2#0        33  100.0%")


def test_the_page_is_well_formed_loads_nothing_and_escapes(tmp_path):
    path = tmp_path / "odd.jsonl"
    write_values(path, [named("a", "<b>甲&乙</b>", ("甲", "<i>"), source='x"><script>')])
    page = stats_page(count_files([path]))
    assert "<script>" not in page
    assert "http" not in page.replace("http-equiv", "")
    for part in page.split("<svg")[1:]:
        ElementTree.fromstring("<svg" + part.partition("</svg>")[0] + "</svg>")
    assert page.count("<svg") >= 3


def test_the_command_prints_tables_and_writes_json_and_html(documents, tmp_path):
    arguments = [
        str(documents),
        "--json",
        str(tmp_path / "s.json"),
        "--html",
        str(tmp_path / "s.html"),
    ]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0
    assert result.stdout.startswith("11 documents\n")
    assert json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))["items"] == 11
    assert (tmp_path / "s.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    shown = CliRunner().invoke(command, [str(documents), "--json", "-"])
    assert json.loads(shown.stdout)["empty"] == 6
