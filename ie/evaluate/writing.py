"""Write evaluations to files: JSON with every figure, the HTML page, a fitted temperature."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files.jsonl import dumps, write_bytes
from .evaluation import Evaluation
from .page import render_page
from .scorers.uncertainty import to_dict


def check_writable(paths: Iterable[str | Path], *, force: bool) -> None:
    """Refuse before any work what could not be written after it.

    Raises:
        InputError: a file exists and `force` is false, or its folder does not exist.
    """
    for path in map(Path, paths):
        if path.exists() and not force and str(path) != "-":
            raise InputError(f"{path}: exists; pass --force to overwrite it")
        if not path.parent.is_dir():
            raise InputError(f"{path}: folder {str(path.parent)!r} does not exist; create it")


def write_json(
    path: str | Path, evaluations: Sequence[Evaluation], extra: Mapping[str, Any]
) -> None:
    """Write every figure of the evaluations, and what they say together, unrounded."""
    report = {
        "gold": evaluations[0].gold,
        "predictions": [evaluation.to_dict() for evaluation in evaluations],
        **to_dict(dict(extra)),
    }
    with write_bytes(path) as file:
        file.write(dumps(report).encode() + b"\n")


def write_html(path: str | Path, evaluation: Evaluation) -> None:
    """Write the self-contained page of one prediction file."""
    with write_bytes(path) as file:
        file.write(render_page(evaluation).encode())


def write_calibration(path: str | Path, evaluation: Evaluation) -> None:
    """Write the calibration fitted to the scores of the predictions, with the figures around it.

    Raises:
        InputError: no prediction carries a score, or one is not between 0 and 1.
    """
    if evaluation.calibration is None:
        raise InputError(
            f"{evaluation.predicted}: no prediction has a score to calibrate, "
            "or one is not between 0 and 1"
        )
    with write_bytes(path) as file:
        file.write(dumps(evaluation.calibration.to_dict()).encode() + b"\n")
