"""`chinchilla evaluate GOLD PRED`: scores of predicted against gold documents."""

import sys
from pathlib import Path
from typing import Any

import click

from ..report.evaluation import Evaluation, evaluate
from ..report.table import SCORE_HEADER, format_table, rich_table, score_rows


@click.command(name="evaluate")
@click.argument("gold", type=click.Path(path_type=Path))
@click.argument("predicted", nargs=-1, type=click.Path(path_type=Path))
@click.option("--scorer", "scorers", default="strict", show_default=True, help="Names, by commas.")
@click.option("--schema", help="Schema whose aliases and relation directions apply.")
@click.option("--json", "json_path", type=click.Path(), help="Write every figure, unrounded.")
@click.option("--force", is_flag=True, help="Overwrite files that exist.")
def command(
    gold: Path,
    predicted: tuple[Path, ...],
    scorers: str,
    schema: str | None,
    json_path: str | None,
    force: bool,
) -> None:
    """Score predicted documents against gold ones, paired by id.

    Example: chinchilla evaluate gold.jsonl predicted.jsonl --scorer strict,string
    """
    from ..jsonl import dumps, read_documents, write_bytes

    if not predicted:
        raise click.UsageError("name at least one file of predicted documents")
    names = [name.strip() for name in scorers.split(",") if name.strip()]
    evaluations = [
        evaluate(read_documents(gold), read_documents(path), names, str(gold), str(path), schema)
        for path in predicted
    ]
    for evaluation in evaluations:
        _show(evaluation, many=len(evaluations) > 1)
    if json_path:
        report = {"gold": str(gold), "predictions": [item.to_dict() for item in evaluations]}
        with write_bytes(json_path, force=force) as file:
            file.write(dumps(report).encode() + b"\n")


def _show(evaluation: Evaluation, *, many: bool) -> None:
    for result in evaluation.results:
        title = f"{result.scorer}: {evaluation.documents} documents"
        if many:
            title = f"{evaluation.predicted}: {title}"
        _print_table(SCORE_HEADER, score_rows(result), title)


def _print_table(header: Any, rows: Any, title: str) -> None:
    if sys.stdout.isatty():
        from rich.console import Console

        Console().print(rich_table(header, rows, title))
    else:
        click.echo(format_table(header, rows, title) + "\n")
