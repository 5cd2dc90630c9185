import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import tiny_models
from click.testing import CliRunner

torch = pytest.importorskip("torch")

from chinchilla.engines.bottleneck import add_bottlenecks  # noqa: E402
from chinchilla.engines.loading import BaseModel, greedy, load_base, load_model  # noqa: E402
from chinchilla.engines.tokens import prompt_ids  # noqa: E402
from chinchilla.errors import ChinchillaError, ConfigError, ModelError  # noqa: E402
from chinchilla.train.config import (  # noqa: E402
    METHODS,
    AdapterOptions,
    DataOptions,
    ModelOptions,
    TrackingOptions,
    TrainConfig,
    TrainingOptions,
)
from chinchilla.train.loop import train  # noqa: E402
from chinchilla.train.methods import attach, linear_names  # noqa: E402
from chinchilla.train.packing import PACKABLE_TYPES, PackedCollator  # noqa: E402
from chinchilla.train.reading import config_to_yaml  # noqa: E402
from chinchilla.train.verify import compare_saved  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with records, a schema and one tiny model for each family asked for."""
    folder = tmp_path_factory.mktemp("train")
    tiny_models.write_records(folder / "records.jsonl", tiny_models.people_records(16))
    (folder / "schema.yaml").write_text("name: p\nentities: [人名, 机构名]\n", encoding="utf-8")
    return folder


def base(place, family):
    if not (place / family).is_dir():
        tiny_models.save_model(place / family, family)
    return str(place / family)


def configuration(place, output, family="qwen2", method="lora", **sections):
    config = TrainConfig(
        output=str(output),
        method=method,
        model=ModelOptions(base=base(place, family)),
        adapter=AdapterOptions(rank=2, initial_rank=4, virtual_tokens=4, bottleneck=8),
        data=DataOptions(train=(str(place / "records.jsonl"),), max_length=256),
        training=TrainingOptions(max_steps=4, batch_size=2, accumulation=1, learning_rate=1e-2),
        tracking=TrackingOptions(log_every=1),
    )
    for name, changes in sections.items():
        config = replace(config, **{name: replace(getattr(config, name), **changes)})
    return config


def weights_of(folder):
    from safetensors.torch import load_file

    return {
        k: v
        for path in sorted(Path(folder).glob("*.safetensors"))
        for k, v in load_file(path).items()
    }


MERGEABLE = ("lora", "qlora", "int8", "dora", "rslora", "adalora", "ia3")


def check_method(place, output, family, method):
    """Train, save, reload to equal outputs, and merge where that is defined."""
    from chinchilla.train.export import export_model

    config = configuration(place, output / "run", family, method)
    result = train(config)
    assert result.steps == 4
    assert result.figures["difference after reloading"] <= 1e-5
    loaded = load_model(str(result.folder))
    ids = prompt_ids(loaded.tokenizer, tiny_prompt(), seq2seq=loaded.seq2seq)
    assert len(greedy(loaded.model, loaded.tokenizer, [ids, ids[:5]], 4)) == 2
    if method in MERGEABLE:
        report = export_model(output / "run", output / "whole")
        # Rounding of merged weights; 8-bit products round their inputs too.
        assert report.logits <= {"qlora": 0.02, "int8": 0.1}.get(method, 1e-4) * report.scale
    elif method != "full":
        with pytest.raises(ModelError, match="cannot be merged"):
            export_model(output / "run", output / "whole")


def tiny_prompt():
    from chinchilla.prompts.messages import Prompt

    return Prompt("找出人名", "张伟一年在北京加入腾讯。")


@pytest.mark.parametrize(
    ("family", "method"),
    [
        ("llama", "qlora"),
        ("qwen2", "adalora"),
        ("bloom", "lora"),
        ("opt", "parallel"),
        ("glm4", "prompt"),
        ("t5", "lora"),
    ],
)
def test_method_trains_saves_reloads_and_merges(place, tmp_path, family, method):
    check_method(place, tmp_path, family, method)


def test_neftune_loraplus_and_pissa_train_and_merge(place, tmp_path, monkeypatch):
    from peft import optimizers

    made = []
    real = optimizers.create_loraplus_optimizer

    def spy(*arguments, **options):
        made.append(real(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(optimizers, "create_loraplus_optimizer", spy)
    further = {"neftune": 5.0, "lora_plus": 16.0}

    def trained(name, **training):
        asked = configuration(
            place, tmp_path / name, adapter={"init": "pissa"}, training={"max_steps": 2, **training}
        )
        return train(asked)

    result, plain = trained("run", **further), trained("plain")
    (optimizer,) = made
    rates = {group["initial_lr"] for group in optimizer.param_groups if group["params"]}
    assert max(rates) == pytest.approx(16 * min(rates))
    # A plain LoRA of twice the rank, that gives what the trained model gave.
    assert json.loads((result.folder / "adapter_config.json").read_text("utf-8"))["r"] == 4
    assert result.figures["difference after reloading"] <= 1e-4
    ours, theirs = weights_of(result.folder), weights_of(plain.folder)
    assert any(not torch.equal(ours[name], theirs[name]) for name in ours)


def test_liger_that_cannot_run_is_told(place, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("has a GPU")
    with pytest.raises(ModelError, match="training.liger: (not installed|its kernels need a GPU)"):
        train(configuration(place, tmp_path / "run", training={"liger": True}))


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("family", [*tiny_models.CAUSAL, *tiny_models.SEQ2SEQ])
def test_every_method_on_every_family(place, tmp_path, family, method):
    if family in tiny_models.SEQ2SEQ and method == "p-tuning":
        with pytest.raises(ConfigError, match="for causal models"):
            train(configuration(place, tmp_path, family, method))
        return
    check_method(place, tmp_path, family, method)


def test_only_the_adapter_is_trained(place):
    for method, part in (("lora", "lora_"), ("sequential", "bottleneck"), ("ia3", "ia3_")):
        model = load_base(BaseModel(base(place, "qwen2")))
        config = configuration(place, "unused", method=method)
        model = attach(model, config, total_steps=10)
        trained = [n for n, p in model.named_parameters() if p.requires_grad]
        assert trained
        assert all(part in name for name in trained)


def test_linear_layers_are_found_without_the_output_layer(place):
    model = load_base(BaseModel(base(place, "glm4")))
    assert linear_names(model) == [
        "down_proj",
        "gate_up_proj",
        "k_proj",
        "o_proj",
        "q_proj",
        "v_proj",
    ]


def test_unknown_targets_are_refused_with_the_names_there_are(place, tmp_path):
    config = configuration(place, tmp_path, adapter={"targets": ("q_prj",)})
    with pytest.raises(ConfigError, match="no linear layer 'q_prj'; it has down_proj"):
        train(config)


def test_new_bottleneck_adapters_change_nothing_until_trained(place):
    ids = torch.tensor([[5, 6, 7, 8]])
    for family in ("qwen2", "bloom", "opt", "gpt_neox"):
        plain = load_base(BaseModel(base(place, family))).eval()
        before = plain(input_ids=ids).logits
        for kind in ("sequential", "parallel"):
            model = load_base(BaseModel(base(place, family))).eval()
            assert add_bottlenecks(model, kind, 8) == 2
            assert torch.equal(model(input_ids=ids).logits, before)
            for parameter in model.parameters():
                if parameter.requires_grad:
                    torch.nn.init.normal_(parameter)
            assert not torch.equal(model(input_ids=ids).logits, before)


def test_packed_records_do_not_see_each_other_in_any_packable_family(place):
    from chinchilla.train.dataset import layout
    from chinchilla.train.examples import Encoding, TrainingRecord, encode_records

    tokenizer = tiny_models.build_tokenizer()
    records = [TrainingRecord("找出", "张伟", "在北京" * n) for n in (1, 4, 2, 5, 3)]
    examples = encode_records(records, Encoding(tokenizer, 48))
    rows = layout(examples, 48, packed=True)
    assert len(rows) < len(records)
    batch = PackedCollator(examples, 0)(rows)
    for family in (f for f in tiny_models.CAUSAL if f in PACKABLE_TYPES):
        model = load_base(BaseModel(base(place, family))).train()
        model.config.use_cache = False
        packed = model(input_ids=batch["input_ids"], position_ids=batch["position_ids"]).logits
        for number, row in enumerate(rows):
            at = 0
            for index in row:
                tokens, _ = examples[index]
                alone = model(input_ids=torch.tensor(tokens[None].astype("int64"))).logits[0]
                together = packed[number, at : at + len(tokens)]
                assert (alone - together).abs().max() < 1e-5, family
                at += len(tokens)


def test_the_loss_is_the_mean_over_answer_tokens_whatever_the_packing(place, tmp_path):
    losses = []
    for packing in (True, False):
        config = configuration(
            place,
            tmp_path / str(packing),
            method="full",
            data={"packing": packing},
            training={"max_steps": 1, "batch_size": 16},
        )
        losses.append(train(config).figures["last training loss"])
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


def test_accumulated_batches_weigh_tokens_not_rows(place, tmp_path):
    losses = []
    for batch, accumulation in ((16, 1), (2, 8), (3, 6)):
        config = configuration(
            place,
            tmp_path / str(batch),
            method="full",
            data={"packing": False},
            training={"max_steps": 1, "batch_size": batch, "accumulation": accumulation},
        )
        losses.append(train(config).figures["last training loss"])
    assert losses[1] == pytest.approx(losses[0], abs=1e-5)
    assert losses[2] == pytest.approx(losses[0], abs=1e-5)


def test_evaluation_does_not_spoil_4_bit_gradients(place):
    # bitsandbytes repacks 4-bit weights at the first evaluation on CPUs with AVX512_BF16.
    ids = torch.tensor([[5, 6, 7, 8, 9, 10]])

    def gradients(*, evaluate):
        torch.manual_seed(0)
        model = load_base(BaseModel(base(place, "llama"), quantisation="nf4"))
        model = attach(model, configuration(place, "unused", method="qlora"), total_steps=9)
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.1)
        if evaluate:
            model.eval()
            with torch.no_grad():
                model(input_ids=ids)
        model.train()
        model(input_ids=ids, labels=ids).loss.backward()
        return [p.grad for p in model.parameters() if p.grad is not None]

    for before, after in zip(gradients(evaluate=False), gradients(evaluate=True), strict=True):
        assert torch.equal(before, after)


def test_qlora_is_nf4_with_double_quantisation_and_bfloat16(place):
    model = load_base(BaseModel(base(place, "qwen2"), quantisation="nf4"))
    settings = model.config.quantization_config
    assert settings.bnb_4bit_quant_type == "nf4"
    assert settings.bnb_4bit_use_double_quant is True
    assert settings.bnb_4bit_compute_dtype is torch.bfloat16


def test_adalora_prunes_rank_by_its_schedule(place, tmp_path):
    config = configuration(
        place,
        tmp_path,
        method="adalora",
        adapter={"rank": 1, "prune_from": 0.1, "prune_until": 0.6},
        training={"max_steps": 10},
    )
    folder = train(config).folder
    pattern = json.loads((folder / "adapter_config.json").read_text("utf-8"))["rank_pattern"]
    kept = sum(sum(mask) for mask in pattern.values())
    assert kept == len(pattern)  # a mean rank of 1, of the 4 that each began with
    assert {sum(mask) for mask in pattern.values()} != {1}


def run_until(config, step, monkeypatch):
    """Train, and die at a step as a killed process would: without a last save."""
    from chinchilla.train.callbacks import Progress

    class Killed(Exception):
        pass

    def die(self, args, state, control, **places):
        if state.global_step == step:
            raise Killed

    monkeypatch.setattr(Progress, "on_step_begin", die)
    with pytest.raises(Killed):
        train(config)
    monkeypatch.undo()


@pytest.mark.parametrize(
    ("method", "packing"), [("full", True), ("adalora", False), ("p-tuning", None)]
)
def test_a_killed_run_goes_on_to_the_same_bits(place, tmp_path, monkeypatch, method, packing):
    def config(name):
        return configuration(
            place,
            tmp_path / name,
            method=method,
            adapter={"dropout": 0.1},
            data={"packing": packing, "dev_fraction": 0.2},
            training={"max_steps": 12},
            evaluation={"every": 2},
        )

    straight = weights_of(train(config("straight")).folder)
    run_until(config("killed"), 7, monkeypatch)
    # The newest checkpoint was being written: its state file, written last, is cut.
    checkpoints = tmp_path / "killed" / "checkpoints"
    torn = checkpoints / "checkpoint-99"
    shutil.copytree(checkpoints / "checkpoint-6", torn)
    (torn / "trainer_state.json").write_text('{"global_', encoding="utf-8")
    lines = []
    resumed = weights_of(train(config("killed"), resume=True, report=lines.append).folder)
    assert any("checkpoint-6" in line for line in lines)
    assert straight.keys() == resumed.keys()
    for name, tensor in straight.items():
        assert torch.equal(tensor, resumed[name]), name
    steps = [
        json.loads(line)["step"]
        for line in (tmp_path / "killed" / "metrics.jsonl").read_text("utf-8").splitlines()
        if '"loss"' in line
    ]
    assert steps == list(range(1, 13))


def test_resuming_with_other_settings_or_data_is_refused(place, tmp_path):
    train(configuration(place, tmp_path))
    with pytest.raises(ConfigError, match="pass --resume to go on"):
        train(configuration(place, tmp_path))
    changed = configuration(place, tmp_path, training={"learning_rate": 0.5})
    with pytest.raises(ConfigError, match=r"other values of training\.learning_rate"):
        train(changed, resume=True)


def test_a_finished_run_that_is_resumed_stays_as_it_is(place, tmp_path):
    config = configuration(place, tmp_path, training={"max_steps": 3, "scheduler": "constant"})
    before = weights_of(train(config).folder)
    lines = []
    result = train(config, resume=True, report=lines.append)
    assert result.steps == 3
    assert any("finished before" in line for line in lines)
    after = weights_of(result.folder)
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    # Killed after its last step: the steps since the checkpoint before are done again, no more.
    (result.folder / "README.md").unlink()
    again = train(config, resume=True)
    assert again.steps == 3
    after = weights_of(again.folder)
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())


def test_a_start_that_fails_before_its_first_step_leaves_no_run(place, tmp_path):
    bad = configuration(place, tmp_path, adapter={"targets": ["no_such_layer"]})
    with pytest.raises(ConfigError):
        train(bad)
    assert train(configuration(place, tmp_path), resume=True).steps > 0


def test_the_run_folder_says_what_was_done(place, tmp_path):
    config = configuration(
        place,
        tmp_path,
        data={"dev_fraction": 0.25, "schema": str(place / "schema.yaml")},
        evaluation={"every": 2, "generate": 2, "max_tokens": 4, "metric": "f1"},
    )
    lines = []
    result = train(config, report=lines.append)
    assert (tmp_path / "config.yaml").read_text("utf-8") == config_to_yaml(config)
    manifest = json.loads((tmp_path / "data.json").read_text("utf-8"))
    assert len(next(iter(manifest["train"].values()))) == 64
    assert manifest["counts"]["records"] == 12
    assert manifest["counts"]["dev records"] == 4
    environment = json.loads((tmp_path / "environment.json").read_text("utf-8"))
    assert environment["packages"]["torch"] == torch.__version__
    metrics = [json.loads(line) for line in (tmp_path / "metrics.jsonl").open(encoding="utf-8")]
    assert {"loss", "learning_rate", "tokens_per_second"} <= metrics[0].keys()
    assert any("eval_f1" in line and "eval_loss" in line for line in metrics)
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    style = json.loads((result.folder / "chinchilla.json").read_text("utf-8"))
    assert style["trained"] == {"ner": ["人名", "机构名"]}
    card = (result.folder / "README.md").read_text("utf-8")
    assert next(iter(manifest["train"].values()))[:16] in card
    assert any("tokens/s" in line and "left" in line for line in lines)
    assert any(line.startswith("validation at step 2: loss") and "f1" in line for line in lines)


def test_card_and_style_name_what_the_weights_have_seen(place, tmp_path):
    rows = tiny_models.people_records(8)
    long = rows[0] | {"id": "long#0", "source": "skipped", "schema": ["地名"], "input": "在" * 300}
    files = [
        tiny_models.write_records(tmp_path / "a.jsonl", [*rows, long]),
        tiny_models.write_records(
            tmp_path / "b.jsonl", [row | {"id": f"b{row['id']}", "source": "b"} for row in rows]
        ),
    ]
    config = configuration(
        place,
        tmp_path / "run",
        data={"train": tuple(files), "allow_skipped": 0.2},
        training={"max_steps": 1, "batch_size": 1},
    )
    result = train(config)
    style = json.loads((result.folder / "chinchilla.json").read_text("utf-8"))
    assert style["trained"] == {"ner": ["人名", "机构名"]}
    manifest = json.loads((tmp_path / "run" / "data.json").read_text("utf-8"))
    # One row of two records of eleven characters each; the record that was skipped is in none.
    assert sum(manifest["sources"].values()) <= 2
    assert manifest["counts"]["skipped as too long"] == 1
    assert manifest["step"] == 1
    assert "skipped" not in manifest["sources"]


def test_more_skipped_records_than_allowed_stop_the_run(place, tmp_path):
    rows = tiny_models.people_records(8)
    path = tiny_models.write_records(tmp_path / "r.jsonl", [*rows, rows[0] | {"input": "在" * 300}])
    config = configuration(place, tmp_path / "run", data={"train": (path,)})
    with pytest.raises(ChinchillaError, match=r"1 of 9 training records \(11.1%\) are longer"):
        train(config)
    assert not (tmp_path / "run" / "model").exists()
    longest = configuration(place, tmp_path / "run", data={"train": (path,), "max_length": 512})
    assert train(longest).steps == 4


def test_early_stopping_keeps_the_best_checkpoint(place, tmp_path):
    config = configuration(
        place,
        tmp_path,
        method="full",
        data={"dev_fraction": 0.25},
        # Steps of this size only make things worse.
        training={"max_steps": 40, "learning_rate": 50.0, "scheduler": "constant", "warmup": 0.0},
        evaluation={"every": 1, "patience": 2},
    )
    result = train(config)
    assert result.steps < 40
    assert result.figures["best step"] == result.step == result.steps - 2
    assert result.line().endswith(f"is that of step {result.step}, the best")
    assert train(config, resume=True).step == result.step


def test_small_data_and_few_steps_work(place, tmp_path):
    records = tiny_models.write_records(tmp_path / "r.jsonl", tiny_models.people_records(5))
    config = configuration(
        place,
        tmp_path / "run",
        data={"train": (records,), "dev_fraction": 0.9},
        training={"max_steps": 0, "epochs": 1.0, "batch_size": 32, "accumulation": 32},
    )
    assert train(config).steps == 1


def test_packing_is_refused_where_it_would_leak(place, tmp_path):
    for family in ("bloom", "t5"):
        config = configuration(place, tmp_path, family, data={"packing": True})
        with pytest.raises(ConfigError, match=r"data\.packing"):
            train(config)


def test_added_tokens_are_trained_saved_and_merged(place, tmp_path):
    from chinchilla.train.export import export_model

    words = tmp_path / "tokens.txt"
    words.write_text("腾讯\n北京\n", encoding="utf-8")
    for family in ("qwen2", "llama"):
        config = configuration(place, tmp_path / family, family, model={"added_tokens": str(words)})
        result = train(config)
        assert result.figures["difference after reloading"] <= 1e-5
        report = export_model(tmp_path / family, tmp_path / f"{family}-whole")
        assert report.logits <= 1e-4 * report.scale
        assert len(load_model(str(report.folder)).tokenizer("腾讯").input_ids) == 1


def test_an_adapter_that_was_not_saved_whole_is_noticed(place, tmp_path):
    from safetensors.torch import save_file

    config = configuration(place, tmp_path)
    folder = train(config).folder
    model = load_model(str(folder)).model
    emptied = {name: torch.zeros_like(t) for name, t in weights_of(folder).items()}
    save_file(emptied, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="is empty"):
        compare_saved(model, config, folder, [[5, 6, 7]])


def test_trackers_that_are_not_installed_are_named(place, tmp_path, monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    config = configuration(place, tmp_path, tracking={"to": "wandb"})
    with pytest.raises(ModelError, match="pip install wandb"):
        train(config)


def test_the_command_reports_mistakes_and_trains(place, tmp_path):
    from chinchilla.cli.train import command

    path = tmp_path / "c.yaml"
    path.write_text(config_to_yaml(configuration(place, tmp_path / "run")), encoding="utf-8")
    runner = CliRunner()
    bad = runner.invoke(command, [str(path), "methd=full"])
    assert isinstance(bad.exception, ChinchillaError)
    assert "unknown key 'methd'; did you mean 'method'?" in str(bad.exception)
    checked = runner.invoke(command, [str(path), "--check"], catch_exceptions=False).stdout
    assert "16 records, 90 tokens the longest, 8 rows packed" in checked
    assert checked.endswith("all is well\n")
    absent = runner.invoke(command, [str(path), "--check", "model.base=no/such"]).stdout
    assert "not checked: lengths" in absent
    assert "all is well" not in absent
    shown = runner.invoke(command, [str(path), "--vocabulary"], catch_exceptions=False)
    assert "tokens a character" in shown.stdout
    done = runner.invoke(command, [str(path), "training.max_steps=1"], catch_exceptions=False)
    assert done.exit_code == 0
    assert "is that of the last step" in done.stderr
    assert done.stdout == ""


@pytest.mark.slow
def test_two_processes_train_as_one(place, tmp_path):
    weights = []
    for processes, batch in ((1, 4), (2, 2)):
        output = tmp_path / str(processes)
        config = configuration(
            place,
            output / "run",
            data={"dev_fraction": 0.25, "schema": str(place / "schema.yaml"), "packing": False},
            training={"batch_size": batch},
            evaluation={"every": 2, "generate": 3, "max_tokens": 4},
        )
        output.mkdir()
        (output / "c.yaml").write_text(config_to_yaml(config), encoding="utf-8")
        command = ["-m", "chinchilla", "train", str(output / "c.yaml")]
        if processes > 1:
            launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
            command = [*launcher, *command]
        done = subprocess.run([sys.executable, *command], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        weights.append(weights_of(output / "run" / "model"))
        figures = [json.loads(line) for line in (output / "run" / "metrics.jsonl").open("rb")]
        assert sum("eval_f1" in line for line in figures) == 2
    for name, tensor in weights[0].items():
        assert torch.allclose(tensor, weights[1][name], atol=1e-4), name
