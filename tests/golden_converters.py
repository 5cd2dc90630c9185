"""Golden samples of converters: `tests/data/<corpus>/<sample>` and what it must convert to.

`scripts/update_golden` runs this file and rewrites the expectations; review the diff. An expectation
is the documents, one a line, and last a line with the faults counted. `options.yaml` beside a sample
gives the converter's options; further samples of one corpus stand in folders of their own.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chinchilla import converters
from chinchilla.converters.registry import CONVERTERS, GENERIC

DATA = Path(__file__).parent / "data"
SUFFIX = ".expected.jsonl"


def samples() -> Iterator[tuple[str, Path]]:
    """Yield `(converter, sample)`, sorted."""
    for name in sorted({*CONVERTERS, *GENERIC}):
        for path in sorted((DATA / name).rglob("*")):
            is_brat_part = name == "brat" and path.name != "sample"
            if is_brat_part or path.name.endswith(SUFFIX) or path.name == "options.yaml":
                continue
            if path.is_file() or name == "brat":
                yield name, path


def converted(name: str, path: Path) -> list[dict[str, Any]]:
    """Return the documents of a sample in JSON form, then its faults."""
    options = path.parent / "options.yaml"
    report = converters.Report()
    given = converters.read_options(name, options) if options.exists() else {}
    documents = [
        json.loads(json.dumps(document.to_dict()))
        for document in converters.read(name, [path], report=report, **given)
    ]
    return [*documents, {"faults": {key: item.count for key, item in report.reasons.items()}}]


def expectation(path: Path) -> Path:
    """Return where the expectation of a sample is kept."""
    return path.with_name(path.name + SUFFIX)


def main() -> None:
    """Rewrite every expectation."""
    for name, path in samples():
        lines = [json.dumps(value, ensure_ascii=False) for value in converted(name, path)]
        expectation(path).write_text("\n".join(lines) + "\n", encoding="utf-8")
        sys.stdout.write(f"{expectation(path)}: {len(lines) - 1} documents\n")


if __name__ == "__main__":
    main()
