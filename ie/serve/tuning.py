"""Teach the embedded model what was corrected: `chinchilla train` in a process of its own.

What it learns from, its configuration and its words stay in the folder of the new model, so that
the same run can be started by hand: `chinchilla train DIR/models/NAME/train.yaml`.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, MutableMapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ..data.documents import Document
from ..data.schema import Schema
from ..evaluate.evaluation import Options, evaluate
from ..files.jsonl import write_bytes, write_documents
from .errors import RequestError
from .project import Project, set_aside

# So that five are learnt from, which `chinchilla train` asks for.
FEWEST = 6
# Lines of the process that are shown.
_LINES = 200
# As in "round 3: …, 0.5 of at most 8 minutes", or "12/40".
_PROGRESS = re.compile(r"\b([\d.]+) ?(?:/|of(?: at most)?) ?([\d.]*\d)\b")
# Takes a model's name and texts, and gives what it finds; see `Worker.read`.
Predict = Callable[[str, Schema, Sequence[Document]], list[Document]]


def train_command(config: Path) -> list[str]:
    """Return the command that trains as a file says."""
    return [sys.executable, "-m", "chinchilla", "train", str(config)]


class Tuner:
    """At most one training at a time, and what is known of the last one.

    `models` gets the folder of a new model by its name once both are compared. A training that fails
    or is stopped leaves it as it was.
    """

    def __init__(
        self,
        project: Project,
        predict: Predict,
        models: MutableMapping[str, str | None],
        *,
        base: str = "mini",
        command: Callable[[Path], list[str]] = train_command,
    ) -> None:
        self.project = project
        self._predict = predict
        self._models = models
        self._base = base
        self._command = command
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None
        self._is_stopped = False
        self._state: dict[str, Any] = {"state": "idle"}
        self._lines: deque[str] = deque(maxlen=_LINES)

    def status(self) -> dict[str, Any]:
        """Return the state, the last lines of the process, and the result once there is one.

        `state` is idle, training, comparing, done, failed or stopped.
        """
        lines = list(self._lines)
        return {**self._state, "lines": lines, "progress": read_progress(lines[-20:])}

    def start(self) -> None:
        """Begin to train on the saved documents.

        Raises:
            RequestError: one is under way, or there are too few documents.
        """
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                raise RequestError(409, "tuning", "a training is under way; wait for it or stop it")
            documents, schema = self.project.documents(), self.project.schema()
            if schema is None or len(documents) < FEWEST:
                raise RequestError(
                    409, "too-few", f"{len(documents)} documents are saved; save at least {FEWEST}"
                )
            folder = self.project.next_model()
            self._lines.clear()
            self._is_stopped = False
            self._state = {"state": "training", "model": folder.name}
            self._thread = threading.Thread(
                target=self._run, args=(folder, documents, schema), name="tuner", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """End the process, if there is one."""
        self._is_stopped = True
        process = self._process
        if process is not None and process.poll() is None:
            _end(process)

    def close(self) -> None:
        """End the process and wait for the thread."""
        self.stop()
        if self._thread is not None:
            self._thread.join(timeout=30)

    def _run(self, folder: Path, documents: list[Document], schema: Schema) -> None:
        try:
            learnt, aside = set_aside(documents)
            code = self._train(write_run(folder, learnt, aside, schema, self._base))
            if self._is_stopped:
                self._state = {**self._state, "state": "stopped"}
            elif code:
                self._state = {**self._state, "state": "failed", "message": self._why(code)}
            else:
                self._state = {**self._state, "state": "comparing"}
                result = self._compare(folder, learnt, aside, schema)
                if result is None:
                    self._state = {**self._state, "state": "stopped"}
                else:
                    self._state = {**self._state, "state": "done", "result": result}
        except Exception as error:
            # The outer shell of the thread: what went wrong is told, and the service goes on.
            self._state = {**self._state, "state": "failed", "message": str(error)}

    def _train(self, config: Path) -> int:
        # A group of its own: what is sent to the service by a terminal does not reach it.
        with subprocess.Popen(
            self._command(config),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        ) as process:
            self._process = process
            if self._is_stopped:
                _end(process)
            assert process.stdout is not None
            with open(config.parent / "train.log", "w", encoding="utf-8") as log:
                for line in process.stdout:
                    log.write(line)
                    log.flush()
                    self._lines.append(line.rstrip("\n")[-400:])
        return process.returncode

    def _why(self, code: int) -> str:
        if code == -signal.SIGKILL:
            return "the training was killed; memory may be short"
        last = next((line for line in reversed(self._lines) if line.strip()), "")
        return f"the training ended with {code}: {last}"

    def _compare(
        self, folder: Path, learnt: list[Document], aside: list[Document], schema: Schema
    ) -> dict[str, Any] | None:
        """Score both models on the texts kept aside, and keep the new one; None if it was stopped."""
        self._models[folder.name] = str(folder / "run")
        is_kept = False
        try:
            result = {
                "learnt": len(learnt),
                "aside": len(aside),
                "before": score(aside, self._predict(self._base, schema, aside), schema),
                "after": score(aside, self._predict(folder.name, schema, aside), schema),
            }
            if self._is_stopped:
                return None
            with write_bytes(folder / "result.json") as file:
                file.write(json.dumps(result, ensure_ascii=False, indent=1).encode() + b"\n")
            is_kept = True
            return result
        finally:
            if not is_kept:
                del self._models[folder.name]


def read_progress(lines: Sequence[str]) -> float | None:
    """Return how much is done, from 0 to 1, by the last line that says so; None if none does."""
    found = [match for line in lines for match in _PROGRESS.finditer(line)]
    if not found:
        return None
    try:
        done, whole = float(found[-1][1]), float(found[-1][2])
    except ValueError:
        return None
    return min(1.0, done / whole) if whole else None


def write_run(
    folder: Path, learnt: list[Document], aside: list[Document], schema: Schema, base: str
) -> Path:
    """Write what a training reads into a folder; return the path of its configuration."""
    folder = folder.resolve()
    write_documents(folder / "train.jsonl", learnt)
    write_documents(folder / "aside.jsonl", aside)
    with write_bytes(folder / "schema.json") as file:
        file.write(json.dumps(schema.to_dict(), ensure_ascii=False, indent=1).encode() + b"\n")
    settings = {
        "model": {"base": base},
        "data": {
            "train": [str(folder / "train.jsonl")],
            "schema": str(folder / "schema.json"),
        },
        "output": str(folder / "run"),
    }
    config = folder / "train.yaml"
    with write_bytes(config) as file:
        file.write(yaml.safe_dump(settings, allow_unicode=True, sort_keys=False).encode())
    return config


def score(
    gold: Sequence[Document], predicted: Sequence[Document], schema: Schema
) -> dict[str, dict[str, float]]:
    """Return precision, recall and F1 of entities, relations and events, by strict spans."""
    found = evaluate(gold, predicted, Options(schema=schema, samples=0)).results[0]
    return {name: section.micro.to_dict() for name, section in found.sections.items()}


def _end(process: subprocess.Popen[str]) -> None:
    """End a process and what it started."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
    except ProcessLookupError:
        return
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
