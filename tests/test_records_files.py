import json
import re

import pytest
from click.testing import CliRunner
from record_samples import LAYOFFS, PLAIN, SCHEMA, WRITERS, named
from tokenizers import Tokenizer, models, pre_tokenizers

from chinchilla.cli.data_build import command
from chinchilla.errors import ConfigError, InputError, ModelError
from chinchilla.files.jsonl import dumps, write_values
from chinchilla.instructions.assembly import token_counter
from chinchilla.instructions.build import BuildJob, build_files, manifest
from chinchilla.instructions.build_options import BuildOptions
from chinchilla.instructions.mixture import MixOptions
from chinchilla.prompts.prompt import PromptStyle

OTHER = [named(f"o{i}", f"甲{i}在北京。", ("北京", "地名"), source="other") for i in range(40)]
COMPACT = PromptStyle("compact-v1", "compact")


@pytest.fixture
def files(tmp_path):
    write_values(tmp_path / "toy.jsonl", [LAYOFFS, *WRITERS, *PLAIN])
    write_values(tmp_path / "other.jsonl", OTHER)
    (tmp_path / "schema.json").write_text(dumps(SCHEMA.to_dict()), encoding="utf-8")
    return tmp_path


def job(files, *, mix=None, schema=True, inputs=("toy.jsonl", "other.jsonl"), **choices):
    extra = {
        key: choices.pop(key)
        for key in ("workers", "licences", "negatives", "tokenizer", "shots_from")
        if key in choices
    }
    return BuildJob(
        tuple(str(files / name) for name in inputs),
        BuildOptions(choices.pop("style", COMPACT), **choices),
        mix or MixOptions(),
        str(files / "schema.json") if schema else None,
        **extra,
    )


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_document_gives_a_record_for_each_task_of_the_schema(files):
    report = build_files(job(files), files / "out.jsonl")
    # 11 + 40 documents, 3 tasks; ner of the six plain ones is empty, and so on
    assert (report.documents, report.records) == (51, 153)
    assert report.by_task == {"ner": 51, "re": 51, "ee": 51}
    assert report.empty == 6 + 50 + 50
    assert len(read(files / "out.jsonl")) == 153


def test_the_same_job_gives_the_same_bytes_and_manifest(files):
    choices = {"subset": 0.4, "shuffle": 0.4, "hard_negatives": 2, "empty_rate": 0.3}
    mix = MixOptions(total=40, temperature=2)
    reports = []
    for name in ("a.jsonl", "b.jsonl"):
        one = job(files, mix=mix, **choices)
        reports.append(manifest(one, files / "out.jsonl", build_files(one, files / name)))
    assert (files / "a.jsonl").read_bytes() == (files / "b.jsonl").read_bytes()
    assert reports[0] == reports[1]
    assert reports[0]["counts"]["records"] == 40
    assert [entry["name"] for entry in reports[0]["inputs"]] == ["toy.jsonl", "other.jsonl"]
    assert all(len(entry["sha256"]) == 64 for entry in reports[0]["inputs"])
    assert reports[0]["options"]["hard_negatives"] == 2
    assert str(files) not in json.dumps(reports[0])


@pytest.mark.slow
def test_workers_do_not_change_the_bytes(files):
    write_values(files / "many.jsonl", (named(f"m{i}", f"甲{i}在北京。") for i in range(1200)))
    for workers in (1, 3):
        one = job(files, inputs=("toy.jsonl", "many.jsonl"), workers=workers, subset=0.5)
        build_files(one, files / f"{workers}.jsonl")
    assert (files / "1.jsonl").read_bytes() == (files / "3.jsonl").read_bytes()


def test_a_mixture_holds_each_source_task_and_emptiness_in_proportion(files):
    report = build_files(job(files, mix=MixOptions(quotas={"toy": 11})), files / "out.jsonl")
    records = read(files / "out.jsonl")
    assert report.by_source == {"toy": 11, "other": 120}
    toy = [record for record in records if record["source"] == "toy"]
    # 11 ner records, 5 of them not empty, out of 33: a third of 11, and 5/33 of 11
    assert abs(sum(record["task"] == "ner" for record in toy) - 11 / 3) < 2
    assert (
        abs(sum(record["output"] != "⟦⟧" for record in toy if record["task"] == "ner") - 5 / 3) < 1
    )
    assert report.left_out == {"not drawn for the mixture": 22}
    assert [r["source"] for r in records] != sorted(r["source"] for r in records)


def test_parquet_and_json_lines_hold_the_same_and_load_as_data_sets(files):
    pytest.importorskip("pyarrow")
    datasets = pytest.importorskip("datasets")
    loaded = []
    for form, suffix in (("parquet", "parquet"), ("json", "jsonl")):
        path = files / f"out.{suffix}"
        report = build_files(job(files), path)
        assert len(report.sha256) == 64
        data = datasets.load_dataset(
            form, data_files=str(path), split="train", cache_dir=str(files / "cache")
        )
        loaded.append(data.to_list())
    assert loaded[0] == loaded[1] == read(files / "out.jsonl")
    first = (files / "out.parquet").read_bytes()
    build_files(job(files), files / "out.parquet")
    assert (files / "out.parquet").read_bytes() == first


def test_only_allowed_licences_are_used(files):
    report = build_files(job(files, licences=("free",)), files / "out.jsonl")
    assert (report.records, report.left_out) == (0, {"licence not allowed": 51})
    report = build_files(job(files, licences=("own",)), files / "out.jsonl")
    assert report.records == 153
    assert {record["licence"] for record in read(files / "out.jsonl")} == {"own"}


def test_documents_of_an_unknown_source_need_a_schema(files):
    with pytest.raises(InputError, match=r"'news': meta.source is 'toy', which names no built-in"):
        build_files(job(files, schema=False), files / "out.jsonl")
    assert not (files / "out.jsonl").exists()


def test_a_broken_line_is_named_and_nothing_is_left_behind(files):
    path = files / "toy.jsonl"
    path.write_text(path.read_text(encoding="utf-8") + '{"id": "x", "te\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"toy.jsonl:12: not valid JSON"):
        build_files(job(files), files / "out.jsonl")
    assert sorted(p.name for p in files.iterdir()) == ["other.jsonl", "schema.json", "toy.jsonl"]


def test_tokens_are_counted_by_the_tokenizer_given(files):
    words = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    words.save(str(files / "tokenizer.json"))
    assert token_counter(str(files / "tokenizer.json"))("甲乙") == 2
    one = job(files, tokenizer=str(files / "tokenizer.json"), max_tokens=100)
    report = build_files(one, files / "out.jsonl")
    for record in read(files / "out.jsonl"):
        assert sum(len(record[key]) for key in ("instruction", "input", "output")) + 2 <= 100
    assert report.left_out["longer than the token limit"] == 0
    with pytest.raises(ModelError, match="not a tokenizer.json"):
        token_counter(str(files / "toy.jsonl"))
    with pytest.raises(ConfigError, match="pass --tokenizer"):
        build_files(job(files, max_tokens=60), files / "out.jsonl")


def test_cooccurrence_and_examples_read_the_inputs_first(files):
    one = job(
        files, inputs=("toy.jsonl",), tasks=("ner",), hard_negatives=1, negatives="cooccurrence",
        shots=1, style=PromptStyle("zh-v2"),
    )  # fmt: skip
    build_files(one, files / "out.jsonl")
    records = read(files / "out.jsonl")
    # 机构名 and 地名 stand together in one text, 人名 and 作品 in the others: no one is absent.
    assert records[0]["schema"] == ["机构名", "地名"]
    assert all("示例：" in record["instruction"] for record in records)
    for piped in (
        BuildJob(("-",), BuildOptions(shots=1)),
        BuildJob(("-",), BuildOptions(hard_negatives=1), negatives=str(files / "table.json")),
    ):
        with pytest.raises(ConfigError, match="read twice"):
            build_files(piped, files / "out.jsonl")


def test_a_table_serves_prompts_about_absent_types_too(files):
    (files / "table.json").write_text('{"ner": {"人名": ["人明"]}}\n', encoding="utf-8")
    one = job(files, absent=1.0, negatives=str(files / "table.json"))
    with pytest.raises(InputError, match="no schema declares '人明'; did you mean '人名'"):
        build_files(one, files / "out.jsonl")


def run(*arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_the_command_takes_its_options_from_a_file(files):
    (files / "build.yaml").write_text(
        f"schema: {files / 'schema.json'}\ntemplate: compact-v1\n"
        "window: {ner: 10}\nweights: {other: 0}\ntasks: ner\nseed: 3\n",
        encoding="utf-8",
    )
    result = run(
        files / "toy.jsonl", files / "other.jsonl", "--config", files / "build.yaml",
        "-o", files / "out.jsonl", "--manifest", files / "manifest.json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith("51 documents, ")
    records = read(files / "out.jsonl")
    assert {record["source"] for record in records} == {"toy"}
    assert {record["task"] for record in records} == {"ner"}
    assert max(len(record["input"]) for record in records) <= 10
    described = json.loads((files / "manifest.json").read_text(encoding="utf-8"))
    assert described["options"]["seed"] == 3
    assert described["mixture"]["weights"] == {"other": 0.0}


def test_the_command_refuses_what_it_does_not_know(files):
    result = run(files / "toy.jsonl", "--window", "nre=5")
    assert (result.exit_code, "'nre' is unknown; use ner, re, ee" in result.output) == (2, True)
    result = run(files / "toy.jsonl", "--tasks", "eee")
    assert "unknown task 'eee'; did you mean 'ee'" in result.output
    (files / "build.yaml").write_text("wieghts: {a: 1}\n", encoding="utf-8")
    result = run(files / "toy.jsonl", "--config", files / "build.yaml")
    assert "unknown key 'wieghts'; did you mean 'weights'" in str(result.exception)


def test_an_existing_file_is_kept_without_force(files):
    (files / "out.jsonl").write_text("mine", encoding="utf-8")
    arguments = (files / "toy.jsonl", "--schema", files / "schema.json", "-o", files / "out.jsonl")
    assert "pass --force" in str(run(*arguments).exception)
    assert (files / "out.jsonl").read_text(encoding="utf-8") == "mine"
    assert run(*arguments, "--force").exit_code == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_annotations_that_the_schema_lacks_are_counted_and_told(files, workers):
    strange = [named(f"s{i}", "雀巢在北京。", ("雀巢", "怪物"), source="toy") for i in range(3)]
    write_values(files / "strange.jsonl", strange)
    result = run(
        files / "toy.jsonl", files / "strange.jsonl", "--schema", files / "schema.json",
        "-o", files / "out.jsonl", "--manifest", files / "manifest.json", "--workers", workers,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "3 of a type that the schema lacks" in result.stderr
    assert f"no annotation of {files / 'strange.jsonl'} is of a type" in result.stderr
    counts = json.loads((files / "manifest.json").read_text(encoding="utf-8"))["counts"]
    assert counts["left_out"] == {"of a type that the schema lacks": 3}


def test_what_is_not_asked_for_is_not_counted_as_left_out(files):
    report = build_files(job(files, tasks=("re",)), files / "out.jsonl")
    assert report.left_out == {}
    assert report.unanswered == [str(files / "other.jsonl")]


def test_texts_without_annotations_are_told(files):
    (files / "raw.jsonl").write_text('{"text": "甲", "label": {}}\n' * 2, encoding="utf-8")
    arguments = (files / "raw.jsonl", "--schema", files / "schema.json", "-o", files / "o.jsonl")
    assert "chinchilla data convert" in run(*arguments).stderr
    assert run(*arguments, "--force", "--quiet").stderr == ""


def test_keys_of_a_config_file_are_those_of_the_options(files):
    (files / "build.yaml").write_text(
        f"schema: {files / 'schema.json'}\nformat: compact\nallow-licence: [MIT]\n"
        f"manifest: {files / 'manifest.json'}\nprompt_lang:\n",
        encoding="utf-8",
    )
    result = run(
        files / "toy.jsonl", "--config", files / "build.yaml", "-o", files / "out.jsonl"
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    described = json.loads((files / "manifest.json").read_text(encoding="utf-8"))
    assert described["licences"] == ["MIT"]
    assert described["options"]["style"]["format"] == "compact"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("occurrences: 3", "occurrences: expected true or false, got 3"),
        ("seed: '3'", "seed: expected a whole number, got '3'"),
        ("shots: true", "shots: expected a whole number of at least 0, got True"),
        ("subset: 2", r"subset: expected a number from 0 to 1, got 2"),
        ("schema: [a]", r"schema: expected a string, got \['a'\]"),
        ("tasks: 3", "tasks: expected a list of strings or a string, got 3"),
        ("window: [64]", r"window: expected a mapping or a string, got \[64\]"),
        ("window: {ner: [6]}", r"window.ner: expected a whole number of at least 1, got \[6\]"),
        ("window: {ner: 6.5}", "window.ner: expected a whole number of at least 1, got 6.5"),
        ("window: {nre: 6}", "window.nre: unknown value 'nre'; did you mean 're'"),
        ("format: jsno", "format: unknown value 'jsno'; did you mean 'json'"),
        ("allow-licence: MIT\nallow_licence: MIT", "'allow_licence' stands twice"),
        ("format_: json", "unknown key 'format_'; did you mean 'format'"),
        ("inputs: [a.jsonl]", "inputs stands on the command line"),
    ],
)
def test_a_wrong_value_of_a_config_file_is_named(files, content, message):
    path = files / "build.yaml"
    path.write_text(content + "\n", encoding="utf-8")
    result = run(files / "toy.jsonl", "--config", path)
    assert isinstance(result.exception, ConfigError)
    assert re.match(re.escape(str(path)) + f"(:[12])?: .*{message}", str(result.exception))
