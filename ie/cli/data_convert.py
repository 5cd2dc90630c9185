"""`chinchilla data convert`: corpus files in, documents out, faults counted."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

import click

from ..data.schema import builtin_schemas
from ..errors import InputError
from ..files import jsonl
from .outputs import check_outputs, force_option, quiet_option

_ANNOTATIONS = ("entities", "relations", "events")


@click.command()
@click.argument("name")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option("-o", "--output", default="-", help="File to write; - is standard output.")
@click.option("--report", "report_path", metavar="FILE", help="Write totals and faults as JSON.")
@click.option("--encoding", default="auto", show_default=True,
              help="Encoding of the files; auto recognises each.")  # fmt: skip
@click.option(
    "--set", "options", multiple=True, metavar="KEY=VALUE", help="An option of the reader."
)
@click.option("--mapping", metavar="FILE", help="A YAML file of options, as fields and types.")
@click.option("--strict", is_flag=True, help="Stop at the first record or annotation that is lost.")
@click.option("--check-keys", is_flag=True,
              help="Look for repeated JSON keys at every depth; slower.")  # fmt: skip
@force_option
@quiet_option
def command(
    name: str,
    files: tuple[str, ...],
    output: str,
    report_path: str | None,
    encoding: str,
    options: tuple[str, ...],
    mapping: str | None,
    strict: bool,
    check_keys: bool,
    force: bool,
    quiet: bool,
) -> None:
    """Turn the FILEs of corpus NAME into documents, one JSON object a line.

    What cannot be read or located is counted with its reason, never lost silently.

    Example: chinchilla data convert duie duie_train.json -o docs.jsonl --report faults.json
    """
    from chinchilla import converters

    check_outputs(output=output, report=report_path)
    if report_path and not force and Path(report_path).exists():
        raise InputError(f"{report_path}: exists; pass --force to overwrite it")
    report = converters.Report(strict=strict, check_keys=check_keys)
    given = converters.read_options(name, mapping, options)
    begin = time.perf_counter()
    batches = converters.convert(name, files, report=report, encoding=encoding, **given)
    with jsonl.write_bytes(output, force=force) as file:
        for lines in _watched(batches, quiet):
            file.write(lines)
    if report_path:
        jsonl.write_values(report_path, [report.to_dict()])
    if not quiet:
        _print_summary(report.to_dict(), time.perf_counter() - begin)


def _watched(batches: Iterator[bytes], quiet: bool) -> Iterator[bytes]:
    """Pass on the lines to write; show a count on a terminal."""
    from ..files.progress import counting

    with counting("documents", quiet) as advance:
        for lines in batches:
            yield lines
            advance(lines.count(b"\n"))


def _print_summary(summary: dict[str, Any], seconds: float) -> None:
    from ..files.tables import Table, format_table

    if summary["reasons"]:
        rows = []
        for entry in summary["reasons"]:
            example = entry["examples"][0]
            shown = f"{example['where']}: {example['what']}"
            rows.append((entry["outcome"], entry["reason"], f"{entry['count']:,}", shown))
        header = ("outcome", "reason", "count", "first example")
        width = get_terminal_size((160, 24)).columns if sys.stderr.isatty() else 0
        click.echo(format_table(Table("", header, rows), width), err=True)
    counts = ", ".join(f"{summary[key]:,} {key}" for key in ("documents", *_ANNOTATIONS))
    if summary["documents"] and not any(summary[key] for key in _ANNOTATIONS):
        hint = "no annotation in any record: is it a file of this corpus, or a split without gold?"
        click.echo(f"{summary['name']}: {hint}", err=True)
    name = summary["name"]
    if any(summary[key] for key in _ANNOTATIONS) and name not in builtin_schemas():
        hint = f"no built-in schema is called {name!r}: build records with --schema derived"
        click.echo(hint, err=True)
    click.echo(f"{name}: {counts} in {seconds:.1f} s", err=True)
