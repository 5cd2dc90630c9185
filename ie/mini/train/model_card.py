"""The card of the embedded model: what it is, how well it does, what it learnt from."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

FILE = "README.md"
_MOST_SETS = 20
_HEAD = """\
# mini, the embedded model

One small encoder that reads a Chinese text once for names, relations and events. A type is a text:
it goes by the type's name, description and examples, so types that it never met can be asked for.
It starts from multilingual-e5-small (MIT). CTranslate2 int8, {size:.1f} MB. It runs offline on a CPU.

## Use

For names, common relations and common events, and as a start for types of one's own: `chinchilla
train` tunes it on a few dozen annotated documents in minutes. It is not meant for decisions about
people.

## Scores

Measured on documents kept out of training, with all that is like them. They chose its thresholds, so
the figures are slightly too good. Spans strict, triples and arguments by string. {day}; {characters:.1f}
million characters read in training. `read_news` is raw news and finance marked for this kit, `read_own`
and `written` are texts under schemas made up for them, `fewfc_base` is the other half of FewFC's types.

| data | names | triggers | arguments | triples |
|---|---|---|---|---|
"""
# Whose calibration error is told.
_CALIBRATED = ("msra entity", "duee trigger", "duee argument", "duie relation", "read_news entity")
_LIMITS = """
Expected calibration error (how far scores are from how often they are right): {errors}.

## Limits

- Types that it never met are found less often than those that it was trained on: add a description
  and examples, or tune it.
- Relations are right less often outside encyclopaedia text.
- It withholds facts that it is unsure of, and lists the nearest under `issues`.

## Licence and data

{licence}

It holds weights of multilingual-e5-small, Copyright (c) Microsoft Corporation, MIT License.

How it was made and what was tried: `docs/mini-log.md`. More figures: `docs/benchmarks.md`.
"""


def write_card(folder: Path, figures: Mapping[str, Any], licences: Mapping[str, str]) -> None:
    """Write `README.md` beside the model: at most 60 lines.

    Args:
        folder: of the model.
        figures: `f1` by set and kind, `error` by set and kind, `characters` read.
        licences: the licence class of each set that it learnt from.
    """
    size = sum(path.stat().st_size for path in folder.iterdir() if path.suffix != ".md") / 1e6
    day, characters = date.today().isoformat(), figures["characters"] / 1e6
    rows = [_row(name, values) for name, values in list(figures["f1"].items())[:_MOST_SETS]]
    errors = ", ".join(
        f"{name} {figures['error'][name]:.3f}" for name in _CALIBRATED if name in figures["error"]
    )
    text = _HEAD.format(size=size, day=day, characters=characters)
    text += "".join(rows) + _LIMITS.format(errors=errors, licence=_licence(licences))
    (folder / FILE).write_text(text, encoding="utf-8")


def _row(name: str, f1: Mapping[str, float]) -> str:
    argument = f1.get("argument", f1.get("role"))
    values = (f1.get("entity"), f1.get("trigger"), argument, f1.get("relation"))
    return f"| {name} | {' | '.join('' if v is None else f'{v:.3f}' for v in values)} |\n"


def _licence(licences: Mapping[str, str]) -> str:
    counts = {kind: sum(v == kind for v in licences.values()) for kind in set(licences.values())}
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    if set(counts) <= {"permissive"}:
        return (
            f"All {len(licences)} corpora that it learnt from have permissive licences;\n"
            "`ie/mini/train/sets.yaml` names each."
        )
    return (
        f"The weights are bound to the licences of the {len(licences)} corpora that they learnt from:\n"
        f"research only. Classes: {told}. `ie/mini/train/sets.yaml` names each."
    )
