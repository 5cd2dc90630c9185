import json

import pytest
import tiny_models
from click.testing import CliRunner

torch = pytest.importorskip("torch")
ctranslate2 = pytest.importorskip("ctranslate2")

from chinchilla.engines.loading import load_model  # noqa: E402
from chinchilla.engines.tokens import answer_ids, prompt_ids  # noqa: E402
from chinchilla.errors import ConfigError, ModelError  # noqa: E402
from chinchilla.prompts.messages import Prompt  # noqa: E402
from chinchilla.train.config import (  # noqa: E402
    AdapterOptions,
    DataOptions,
    ModelOptions,
    TrainConfig,
    TrainingOptions,
)
from chinchilla.train.export import convert, export_model  # noqa: E402
from chinchilla.train.loop import train  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
PROMPT = Prompt("找出人名", "张伟一年在北京加入腾讯。")


def trained(tmp_path, family="qwen2", method="lora", **training):
    records = tiny_models.write_records(tmp_path / "r.jsonl", tiny_models.people_records(8))
    config = TrainConfig(
        output=str(tmp_path / "run"),
        method=method,
        model=ModelOptions(base=tiny_models.save_model(tmp_path / "base", family)),
        adapter=AdapterOptions(rank=4, bottleneck=8),
        data=DataOptions(train=(records,), max_length=256),
        training=TrainingOptions(
            **{"max_steps": 4, "batch_size": 8, "learning_rate": 1e-2, **training}
        ),
    )
    train(config)
    return tmp_path / "run"


@pytest.mark.parametrize("family", ["qwen2", "t5"])
def test_a_trained_adapter_becomes_a_ctranslate2_model_that_answers_alike(tmp_path, family):
    run = trained(tmp_path, family)
    report = export_model(run, tmp_path / "ct2", ct2="float32", prompts=[PROMPT])
    assert report.logits <= 1e-5 * max(1, report.scale)
    assert (report.prompts, report.same_answers, report.ct2_same_answers) == (1, 1, 1)
    files = {path.name for path in (tmp_path / "ct2").iterdir()}
    assert files >= {"model.bin", "config.json", "tokenizer.json", "chinchilla.json", "README.md"}


def test_a_4_bit_adapter_is_merged_into_the_base_it_was_trained_upon(tmp_path):
    run = trained(tmp_path, "llama", "qlora", max_steps=20)
    report = export_model(run, tmp_path / "whole", prompts=[PROMPT])
    assert report.logits <= 0.02 * report.scale
    config = json.loads((tmp_path / "whole" / "config.json").read_text("utf-8"))
    assert "quantization_config" not in config
    # Merged onto the original weights it would be another model.
    settings = json.loads((run / "model" / "base.json").read_text("utf-8"))
    settings["quantisation"] = "none"
    (run / "model" / "base.json").write_text(json.dumps(settings), encoding="utf-8")
    wrong = load_model(str(run / "model"))
    ids = torch.tensor([prompt_ids(wrong.tokenizer, PROMPT)])
    right = load_model(str(tmp_path / "whole"))
    with torch.no_grad():
        difference = (wrong.model(ids).logits - right.model(ids).logits).abs().max()
    assert difference > 2 * report.logits


def test_generation_settings_are_greedy_and_stop(tmp_path):
    folder = tmp_path / "m"
    tiny_models.save_model(folder)
    settings = {"do_sample": True, "temperature": 0.7, "repetition_penalty": 1.3}
    (folder / "generation_config.json").write_text(json.dumps(settings), encoding="utf-8")
    export_model(folder, tmp_path / "out")
    written = json.loads((tmp_path / "out" / "generation_config.json").read_text("utf-8"))
    assert written.get("do_sample", False) is False
    assert written.get("repetition_penalty") in (None, 1.0)
    assert "temperature" not in written or written["temperature"] in (None, 1.0)
    assert written["eos_token_id"] == 1


def test_the_type_of_the_weights_is_kept(tmp_path):
    folder = tmp_path / "m"
    tokenizer = tiny_models.build_tokenizer()
    model = tiny_models.build_model("qwen2", len(tokenizer)).to(torch.bfloat16)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    report = export_model(folder, tmp_path / "out", prompts=[PROMPT])
    assert report.dtype == "bfloat16"
    assert json.loads((tmp_path / "out" / "config.json").read_text("utf-8"))["dtype"] == "bfloat16"
    assert report.logits == 0


def test_an_export_is_verified_on_records_of_its_run_and_says_what_int8_costs(tmp_path):
    run = trained(tmp_path, method="full", max_steps=60)
    schema = tmp_path / "s.yaml"
    schema.write_text("name: p\nentities: [人名, 机构名]\n", encoding="utf-8")
    report = export_model(run, tmp_path / "ct2", ct2="int8", schema=str(schema))
    assert report.prompts == 8
    assert len(report.f1) == 3
    assert report.f1[0] == report.f1[1] > 0.5
    assert any(
        "F1 on the 8 records: before" in line and "as int8" in line for line in report.lines()
    )
    named = export_model(
        run, tmp_path / "whole", verify=str(tmp_path / "r.jsonl"), schema=str(schema)
    )
    assert named.f1 == report.f1[:2]


def test_the_folder_of_a_run_is_a_model(tmp_path):
    from chinchilla.engines.open import open_writer

    run = trained(tmp_path)
    assert open_writer(run).name == str(run / "model")
    assert open_writer(run).style.trained == {"ner": ["人名", "机构名"]}
    for name in ("tokenizer_config.json", "adapter_config.json"):
        (run / "model" / name).unlink()
    with pytest.raises(ModelError, match="not finished; go on with it by chinchilla train"):
        open_writer(run)


@pytest.mark.parametrize("family", ["glm4", "internlm3"])
def test_what_ctranslate2_cannot_convert_is_refused_with_the_reason(tmp_path, family):
    folder = tiny_models.save_model(tmp_path / "m", family)
    with pytest.raises(ModelError, match=f"no converter for .*'{family}'.*qwen2"):
        export_model(folder, tmp_path / "out", ct2="int8")
    assert not (tmp_path / "out").exists()


def test_unknown_types_and_existing_folders_are_refused(tmp_path):
    folder = tiny_models.save_model(tmp_path / "m")
    with pytest.raises(ConfigError, match="unknown type 'int4'"):
        export_model(folder, tmp_path / "out", ct2="int4")
    export_model(folder, tmp_path / "out")
    with pytest.raises(ConfigError, match="pass --force"):
        export_model(folder, tmp_path / "out")
    export_model(folder, tmp_path / "out", force=True)
    with pytest.raises(ConfigError, match="no model folder"):
        export_model(folder, tmp_path, force=True)


@pytest.mark.parametrize("family", ["t5", "mt5"])
def test_converted_encoder_decoders_give_the_same_probabilities(tmp_path, family):
    folder = tmp_path / "m"
    tiny_models.save_model(folder, family)
    loaded = load_model(str(folder))
    convert(folder, tmp_path / "ct2", "float32")
    asked = prompt_ids(loaded.tokenizer, PROMPT, seq2seq=True)
    answer = answer_ids(loaded.tokenizer, "张伟")
    with torch.no_grad():
        logits = loaded.model(
            input_ids=torch.tensor([asked]), decoder_input_ids=torch.tensor([[0, *answer[:-1]]])
        ).logits[0]
    expected = torch.log_softmax(logits, -1)[torch.arange(len(answer)), torch.tensor(answer)]
    names = loaded.tokenizer.convert_ids_to_tokens
    translator = ctranslate2.Translator(str(tmp_path / "ct2"), intra_threads=1)
    scores = translator.score_batch([names(asked)], [names(answer[:-1])], max_input_length=0)
    assert scores[0].log_probs == pytest.approx(expected.tolist(), abs=1e-3)


def test_the_command_prints_the_differences(tmp_path):
    from chinchilla.cli.export import command

    folder = tiny_models.save_model(tmp_path / "m")
    arguments = [folder, "-o", str(tmp_path / "out"), "--ct2", "int8"]
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    assert "greatest logit difference 0.00e+00" in done.stderr
    assert "8 of 8 answers are the same" in done.stderr
    assert "F1 was not measured" in done.stderr
    assert done.stdout == ""
