import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")
pytest.importorskip("llguidance")

SCRIPT = Path(__file__).parents[1] / "scripts" / "gpu_check"


@pytest.mark.slow
def test_the_check_of_a_gpu_can_be_rehearsed_on_a_cpu(tmp_path):
    out = tmp_path / "out.json"
    command = [sys.executable, str(SCRIPT), "--tiny", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    found = json.loads(out.read_text(encoding="utf-8"))
    assert list(found) == [
        *("machine", "base", "qlora", "trl", "lora", "resume", "merge", "generate", "mini")
    ]
    assert not any("failed" in part for part in found.values())
    for name in ("qlora", "lora"):
        assert found[name]["step_seconds"] > 0
        assert found[name]["real_tokens_per_second"] > 0
    assert found["resume"]["greatest_difference"] == 0
    assert found["generate"]["constrained_tokens_per_second"] > 0
    assert "skipped" in found["mini"]
    # Each part tells its figures as soon as it has them.
    assert [line.partition(":")[0] for line in done.stdout.splitlines()][:9] == list(found)


def test_without_a_gpu_it_says_so(tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    command = [sys.executable, str(SCRIPT), "--out", str(tmp_path / "out.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no GPU is at hand" in done.stderr
