import json

import pytest
import yaml
from click.testing import CliRunner
from record_samples import LAYOFFS, NEWS, entity

from chinchilla.cli.main import cli
from chinchilla.data.documents import Document, Relation
from chinchilla.data.schema import read_schema
from chinchilla.errors import ConfigError, InputError
from chinchilla.files.jsonl import write_documents
from chinchilla.instructions.build import BuildJob, build_files, manifest
from chinchilla.instructions.derive import derive_schema


def test_a_schema_holds_the_types_roles_and_slots_of_the_documents():
    other = Relation("总部", entity(NEWS, "雀巢", "产品"), entity(NEWS, "上海", "地名"))
    schema = derive_schema([LAYOFFS, Document("d", NEWS, relations=(other,))], "mine")
    assert schema.to_dict() == {
        "name": "mine",
        "entities": ["地名", "机构名"],
        # its subjects are of two types
        "relations": [{"name": "总部", "object": "地名"}],
        "events": [{"name": "组织关系-裁员", "roles": ["裁员人数", "裁员方"], "trigger": True}],
    }


def test_documents_without_annotations_give_no_schema():
    with pytest.raises(InputError, match="no document holds an annotation"):
        derive_schema([Document("d", NEWS)])


def test_a_corpus_without_a_built_in_schema_builds_in_one_command(tmp_path):
    path = tmp_path / "docs.jsonl"
    write_documents(path, [LAYOFFS])
    with pytest.raises(InputError, match="names no built-in schema; pass --schema derived"):
        build_files(BuildJob((str(path),)), tmp_path / "records.jsonl")
    job = BuildJob((str(path),), schema="derived")
    report = build_files(job, tmp_path / "records.jsonl")
    assert report.by_task == {"ner": 1, "re": 1, "ee": 1}
    assert manifest(job, tmp_path / "records.jsonl", report)["schema"] == "derived"
    records = [json.loads(line) for line in (tmp_path / "records.jsonl").open(encoding="utf-8")]
    assert records[0]["schema"] == ["地名", "机构名"]


def test_converting_says_how_to_build_without_a_built_in_schema(tmp_path):
    path = tmp_path / "mine.jsonl"
    span = {"start": 0, "end": 2, "type": "公司"}
    path.write_text(json.dumps({"text": NEWS, "entities": [span]}), encoding="utf-8")
    docs = str(tmp_path / "docs.jsonl")
    result = CliRunner().invoke(cli, ["data", "convert", "spans", str(path), "-o", docs])
    assert "no built-in schema is called 'spans': build records with --schema derived" in (
        " ".join(result.stderr.split())
    )
    result = CliRunner().invoke(cli, ["data", "build", docs, "--schema", "derived"])
    assert json.loads(result.stdout)["schema"] == ["公司"]


def test_a_derived_schema_needs_inputs_that_can_be_read_twice(tmp_path):
    with pytest.raises(ConfigError, match="must be read twice"):
        build_files(BuildJob(("-",), schema="derived"), tmp_path / "records.jsonl")


def test_the_command_writes_a_schema_that_reads_back(tmp_path):
    path = tmp_path / "docs.jsonl"
    write_documents(path, [LAYOFFS])
    output = str(tmp_path / "mine.yaml")
    result = CliRunner().invoke(cli, ["data", "schema", str(path), "-o", output, "--name", "mine"])
    assert result.exit_code == 0, result.output
    assert read_schema(output) == derive_schema([LAYOFFS], "mine")
    assert (
        "地名" in yaml.safe_load((tmp_path / "mine.yaml").read_text(encoding="utf-8"))["entities"]
    )
