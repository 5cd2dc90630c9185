"""What happens beside the steps: AdaLoRA's pruning, figures to a file, the progress line.

Importing this module imports transformers.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback


class Pruning(TrainerCallback):
    """AdaLoRA's schedule, which its users must call after every step while gradients exist."""

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **places: Any) -> None:
        """Move rank to where it matters most."""
        model = getattr(places["model"], "module", places["model"])
        model.base_model.update_and_allocate(state.global_step)


class MetricsCallback(TrainerCallback):
    """Appends every logged figure to `metrics.jsonl`; a resumed run drops what it repeats."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_begin(self, args: Any, state: Any, control: Any, **places: Any) -> None:
        """Keep the lines up to the step that training goes on from."""
        if not state.is_world_process_zero:
            return
        kept = [line for line in read_metrics(self.path) if line["step"] <= state.global_step]
        text = "".join(json.dumps(line) + "\n" for line in (kept if state.global_step else []))
        self.path.write_text(text, encoding="utf-8")

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **places: Any) -> None:
        """Append one line."""
        if state.is_world_process_zero and logs:
            figures = {"step": state.global_step, **logs}
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(figures) + "\n")


class Progress(TrainerCallback):
    """Reports a line of figures at every log and validation."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self.report = report
        self.first = 0
        self.start = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **places: Any) -> None:
        """Start the clock from which the time left is estimated."""
        self.first, self.start = state.global_step, time.monotonic()

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **places: Any) -> None:
        """Report one line."""
        if not state.is_world_process_zero or not logs:
            return
        if "loss" in logs:
            self.report(self._step_line(state, logs))
        elif "eval_loss" in logs:
            parts = [
                f"{name[5:]} {logs[name]:.4f}" for name in ("eval_loss", "eval_f1") if name in logs
            ]
            self.report(f"validation at step {state.global_step}: {', '.join(parts)}")

    def _step_line(self, state: Any, logs: dict[str, float]) -> str:
        done = max(1, state.global_step - self.first)
        left = (time.monotonic() - self.start) / done * (state.max_steps - state.global_step)
        parts = [
            f"step {state.global_step}/{state.max_steps}",
            f"loss {logs['loss']:.4f}",
            f"lr {logs.get('learning_rate', 0):.2e}",
            f"{logs['tokens_per_second']:,.0f} tokens/s",
        ]
        if "memory_gib" in logs:
            parts.append(f"{logs['memory_gib']:.1f} GiB")
        parts.append(f"{_duration(left)} left")
        return ", ".join(parts)


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a metrics file; a last line cut by a kill is left out."""
    if not path.is_file():
        return []
    lines = []
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                lines.append(json.loads(line))
    return lines


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
