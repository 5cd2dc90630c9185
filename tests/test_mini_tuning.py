"""`chinchilla train` with the embedded model as base, on a tiny one."""

import json

import pytest
from click.testing import CliRunner
from test_mini_reader import characters, example, model, words

from chinchilla import Document, Extractor
from chinchilla.cli.main import cli
from chinchilla.files.jsonl import write_values
from chinchilla.mini.rules import Rules

pytest.importorskip("torch")

from chinchilla.mini.train.reader_folder import export  # noqa: E402
from chinchilla.mini.train.tune import is_nested  # noqa: E402

TEXT = "雀巢公司收购了乙公司，雀巢裁员。"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    chars = characters()
    export(folder, model(chars), chars, words(chars), Rules(), trained={"ner": ["地名"]})
    return folder


@pytest.fixture
def told(base, tmp_path):
    """Return a function that writes a configuration and runs `chinchilla train` on it."""
    documents = tmp_path / "mine.jsonl"
    found = [{**example(), "id": str(k)} for k in range(6)]
    write_values(documents, [Document.from_dict(one) for one in found])

    def call(*overrides, flags=(), **data):
        config = {
            "output": str(tmp_path / "run"),
            "model": {"base": str(base)},
            "data": {"train": [str(documents)], **data},
            "training": {"rounds": 6, "head_learning_rate": 3e-3, "learning_rate": 1e-3},
        }
        path = tmp_path / "config.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        return CliRunner().invoke(cli, ["train", str(path), *overrides, *flags])

    return call


def test_tuning_writes_a_run_folder_that_the_extractor_takes(told, tmp_path):
    result = told()
    assert result.exit_code == 0, result.output
    assert "5 documents to learn from; 1 documents kept aside; 3 types" in result.stderr
    run = tmp_path / "run"
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    assert [line["step"] for line in lines] == list(range(len(lines)))
    assert {"loss", "eval_f1", "minutes", "best", "most"} <= lines[-1].keys()
    assert max(line["eval_f1"] for line in lines) > lines[0]["eval_f1"]
    assert {"config.yaml", "data.json", "environment.json", "README.md"} <= {
        path.name for path in run.iterdir()
    }
    assert not (run / "model.part").exists()
    extractor = Extractor(run, {"name": "own", "entities": ["公司", "乙"]})
    assert "雀巢公司" in [entity.text for entity in extractor.extract(TEXT).entities]
    assert extractor.untrained() == {"ner": ["乙"]}
    again = told()
    assert again.exit_code != 0
    assert "holds a run; pass --force" in str(again.exception)


def test_a_tuned_model_may_be_tuned_further(told, tmp_path):
    assert told("training.rounds=1").exit_code == 0
    result = told(
        f"model.base={tmp_path / 'run'}", f"output={tmp_path / 'next'}", "training.rounds=1"
    )
    assert result.exit_code == 0, result.output
    assert (tmp_path / "next" / "reader.json").is_file()


def test_a_check_reads_everything_and_writes_nothing(told, tmp_path):
    result = told(flags=["--check"])
    assert result.exit_code == 0
    assert "5 documents to learn from" in result.stderr
    assert not (tmp_path / "run").exists()


def test_a_configuration_of_ours_is_found_in_any_folder(told, tmp_path, monkeypatch):
    told(flags=["--check"])
    monkeypatch.chdir(tmp_path)
    arguments = ["configs/train/mini.yaml", "data.train=mine.jsonl", "--check"]
    result = CliRunner().invoke(cli, ["train", *arguments])
    assert result.exit_code == 0, result.exception
    assert "5 documents to learn from" in result.stderr
    result = CliRunner().invoke(cli, ["train", "configs/../mini.yaml"])
    assert "no such file" in str(result.exception)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["data.train=none.jsonl"], "data.train: no such file 'none.jsonl'"),
        (["training.minute=3"], "unknown key 'minute'; did you mean 'minutes'?"),
        (["training.minutes=0"], "training.minutes: expected a number above 0"),
        (["output="], "output: missing"),
        (["data.schema=msra"], "msra: no document holds an annotation of its types"),
        (["method=lora"], "unknown key 'method'"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_read(told, overrides, said):
    result = told(*overrides)
    assert result.exit_code != 0
    assert said in str(result.exception)


def test_flags_of_language_models_are_refused(told):
    result = told(flags=["--resume"])
    assert result.exit_code == 2
    assert "--resume is for language models" in result.output


def test_nested_entities_are_seen():
    value = {**example(), "id": "d"}
    assert not is_nested(Document.from_dict(value))
    value["entities"].append({"type": "人名", "text": "雀巢", "start": 0, "end": 2})
    assert is_nested(Document.from_dict(value))
