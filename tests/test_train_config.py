import json
from pathlib import Path

import pytest
import tiny_models
import yaml

from chinchilla.data.configuration import read_configuration
from chinchilla.errors import ConfigError
from chinchilla.mini.train.tuning_options import TuneConfig, mistakes
from chinchilla.train.config import TrainConfig
from chinchilla.train.reading import config_to_yaml, read_config


def write_config(tmp_path, **values):
    records = tiny_models.write_records(tmp_path / "r.jsonl", tiny_models.people_records(2))
    content = {
        "output": str(tmp_path / "run"),
        "model": {"base": "a/b"},
        "data": {"train": records},
    }
    for key, value in values.items():
        section = content.setdefault(key, value)
        if isinstance(section, dict):
            section.update(value)
        else:
            content[key] = value
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def problems_of(path, *overrides):
    with pytest.raises(ConfigError) as caught:
        read_config(path, overrides)
    return str(caught.value).split("\n")


def test_defaults_live_in_the_dataclass_alone(tmp_path):
    config = read_config(write_config(tmp_path))
    assert config.training == TrainConfig().training
    assert config.method == "lora"


def test_overrides_replace_values_and_are_read_as_yaml(tmp_path):
    path = write_config(tmp_path, training={"epochs": 1})
    config = read_config(path, ["training.epochs=2.5", "adapter.targets=[q_proj]", "method=dora"])
    assert config.training.epochs == 2.5
    assert config.adapter.targets == ("q_proj",)
    assert config.method == "dora"


def test_exponents_without_a_dot_are_numbers(tmp_path):
    config = read_config(write_config(tmp_path), ["training.learning_rate=2e-5"])
    assert config.training.learning_rate == 2e-5


def test_resolved_configuration_reads_back_equal(tmp_path):
    config = read_config(write_config(tmp_path))
    again = tmp_path / "again.yaml"
    again.write_text(config_to_yaml(config), encoding="utf-8")
    assert read_config(again) == config


def test_all_mistakes_are_reported_at_once_with_near_misses(tmp_path):
    path = write_config(
        tmp_path,
        method="qlorra",
        adapter={"rnk": 8, "alpha": "much"},
        data={"dev": "missing.jsonl"},
        training={"batch_size": 0},
        evaluation={"metric": "f1"},
    )
    found = problems_of(path, "training.epoch=2")
    text = "\n".join(found)
    assert found[0].startswith(f"{path}:")
    assert found[0].split(":")[1].isdigit()
    assert all(line.startswith((f"{path}:", "override 'training.epoch=2': ")) for line in found)
    assert "unknown value 'qlorra'; did you mean 'qlora'?" in text
    assert "adapter: unknown key 'rnk'; did you mean 'rank'?" in text
    assert "adapter.alpha: expected a whole number of at least 1, got 'much'" in text
    assert "data.dev: no such file 'missing.jsonl'" in text
    assert "training.batch_size: expected a whole number of at least 1, got 0" in text
    assert "evaluation.metric: 'f1' needs evaluation.generate above 0" in text
    assert "training: unknown key 'epoch'; did you mean 'epochs'?" in text
    assert len(found) == 7


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["method=full", "model.quantise=nf4"], "quantised weights cannot be trained in full"),
        (["method=qlora", "model.quantise=int8"], "means 'nf4', not 'int8'"),
        (["method=prompt", "data.packing=true"], "rows hold one record"),
        (["method=prefix", "training.gradient_checkpointing=true"], "fails with 'prefix'"),
        (["evaluation.patience=2"], "nothing to validate on"),
        (["method=adalora", "adapter.initial_rank=4"], "below the final rank 16"),
        (["evaluation.metric=f1", "data.dev_fraction=0.1"], "needs evaluation.generate"),
        (["training.warmup=100"], "expected a number in [0, 1), got 100"),
    ],
)
def test_combinations_that_cannot_work_are_refused(tmp_path, overrides, message):
    assert message in "\n".join(problems_of(write_config(tmp_path), *overrides))


def test_an_override_without_a_value_is_refused(tmp_path):
    assert "expected key=value" in problems_of(write_config(tmp_path), "training.epochs")[0]


def test_a_missing_file_is_named(tmp_path):
    assert "no such file" in problems_of(tmp_path / "none.yaml")[0]


FOLDER = Path(__file__).parents[1] / "configs" / "train"
MINI = FOLDER / "mini.yaml"
CONFIGS = sorted(set(FOLDER.glob("*.yaml")) - {MINI})


def test_the_file_that_tunes_the_embedded_model_loads(tmp_path):
    documents = tmp_path / "d.jsonl"
    documents.touch()
    config = read_configuration(
        MINI, TuneConfig, overrides=[f"data.train={documents}"], check=mistakes
    )
    assert config.model.base == "mini"


def test_there_are_49_training_files():
    assert len(CONFIGS) == 49


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_training_file_loads_and_says_how_to_run_it(path, tmp_path, monkeypatch):
    monkeypatch.chdir(path.parents[2])
    records = tiny_models.write_records(tmp_path / "r.jsonl", tiny_models.people_records(2))
    config = read_config(path, [f"data.train={records}"])
    assert config.output == f"runs/{path.stem}"
    head = path.read_text(encoding="utf-8").split("output:")[0]
    assert f"chinchilla train configs/train/{path.name} data.train=records/train.jsonl" in head
    assert "Memory:" in head
    assert "none is left out" in head
    assert config.data.overlong == "window"
    assert "not measured" in head
    assert config.distributed == type(config.distributed)() or "torchrun --nproc_per_node" in head


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_distributed_files_are_accepted_by_transformers(tmp_path):
    transformers = pytest.importorskip("transformers")
    folder = CONFIGS[0].parent / "distributed"
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["deepspeed-zero3.json", "fsdp-qlora.yaml", "fsdp.yaml"]
    for path in folder.glob("*.yaml"):
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
        arguments = transformers.TrainingArguments(
            output_dir=str(tmp_path), use_cpu=True, fsdp=True, fsdp_config=settings, report_to=[]
        )
        assert arguments.fsdp_plugin_args["fsdp_version"] == 2
    stage = json.loads((folder / "deepspeed-zero3.json").read_text(encoding="utf-8"))
    assert stage["zero_optimization"]["stage"] == 3
