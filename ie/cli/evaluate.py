"""`chinchilla evaluate GOLD PRED`: scores of predicted against gold documents."""

import sys
from collections.abc import Sequence
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

import click

from .model_options import model_options, opening
from .outputs import check_outputs, force_option
from .tasks import read_tasks

if TYPE_CHECKING:
    from ..evaluate.evaluation import Evaluation, Options


_COUNT = click.IntRange(min=0)


@click.command(name="evaluate")
@click.argument("gold", type=click.Path(path_type=Path))
@click.argument("predicted", nargs=-1, type=click.Path(path_type=Path))
@click.option("--scorer", "scorers", default="strict", show_default=True, metavar="NAME,…|all")
@click.option("--schema", help="Schema whose aliases and relation directions apply.")
@click.option("--train", type=click.Path(), help="Training documents, to tell seen from unseen.")
@click.option("--aliases", type=click.Path(), help="Alias dictionary for the DuIE scorer.")
@click.option("--seeds", is_flag=True, help="The PRED files are seeds of one system: summarise.")
@click.option(
    "--samples", type=_COUNT, default=1000, show_default=True, help="Bootstrap samples; 0 for none."
)
@click.option("--seed", type=_COUNT, default=0, show_default=True, help="Seed of resampling.")
@click.option("--model", help="Extract with this model instead of reading a PRED file.")
@model_options
@click.option("--tasks", callback=read_tasks,
              help="Tasks to score, and with --model to ask for, such as ner,re.")  # fmt: skip
@click.option("--calibrate", type=click.Path(), help="Write a calibration fitted to the scores.")
@click.option("--json", "json_path", type=click.Path(), help="Write every figure, unrounded.")
@click.option(
    "--html", "html_path", type=click.Path(), help="Write a page of each error of the first PRED."
)
@force_option
@click.option("--quiet", is_flag=True, help="Print no tables, only write files.")
def command(**given: Any) -> None:
    """Score predicted documents against gold ones, paired by id.

    Several PRED files are compared with the first, or with --seeds summarised.

    Example: chinchilla evaluate gold.jsonl predicted.jsonl --scorer all --html errors.html
    """
    from ..evaluate.evaluation import evaluate
    from ..evaluate.writing import check_writable, write_calibration, write_html, write_json

    if bool(given["predicted"]) == bool(given["model"]):
        raise click.UsageError("name files of predicted documents, or --model, and not both")
    read = [given["gold"], *given["predicted"], given["train"], given["aliases"]]
    if [str(path) for path in read].count("-") > 1:
        raise click.UsageError("only one input can be '-', standard input; name files")
    wanted = [given[name] for name in ("json_path", "html_path", "calibrate") if given[name]]
    check_outputs(
        (given["gold"], *given["predicted"]),
        json=given["json_path"],
        html=given["html_path"],
        calibrate=given["calibrate"],
    )
    check_writable(wanted, force=given["force"])
    options = _options(given)
    evaluations = [
        evaluate(gold, documents, options, gold_name=str(given["gold"]), predicted_name=name)
        for gold, documents, name in _sides(given)
    ]
    extra = _across(evaluations, given)
    if not given["quiet"]:
        _show(evaluations, extra)
        for result in evaluations[0].results:
            if not result.sections:
                looked = " or ".join(result.by.fields)
                click.echo(f"note: {result.scorer}: neither side holds {looked}", err=True)
    if given["json_path"]:
        write_json(given["json_path"], evaluations, extra)
    if given["html_path"]:
        write_html(given["html_path"], evaluations[0])
        if len(evaluations) > 1 and not given["quiet"]:
            click.echo(f"note: the page shows {evaluations[0].predicted} alone", err=True)
    if given["calibrate"]:
        write_calibration(given["calibrate"], evaluations[0])


def _options(given: dict[str, Any]) -> "Options":
    from ..data.schema import read_schema
    from ..evaluate.evaluation import Options, read_aliases
    from ..evaluate.scorers.breakdown import seen_in
    from ..files.jsonl import read_documents

    return Options(
        [name.strip() for name in given["scorers"].split(",") if name.strip()],
        read_schema(given["schema"]) if given["schema"] else None,
        seen_in(read_documents(given["train"])) if given["train"] else None,
        read_aliases(given["aliases"]) if given["aliases"] else None,
        given["samples"],
        given["seed"],
        given["tasks"] or (),
    )


def _sides(given: dict[str, Any]) -> Any:
    """Yield gold documents, predicted documents and the name of these, for each prediction."""
    from ..engines.endpoint import shown_address
    from ..evaluate.predict import predict_documents
    from ..files.jsonl import read_documents

    gold = list(read_documents(given["gold"]))
    if given["model"]:
        predicted = predict_documents(
            gold,
            given["model"],
            given["schema"],
            given["tasks"],
            scores=bool(given["calibrate"]),
            max_tokens=given["max_tokens"],
            **opening(given),
        )
        yield gold, predicted, shown_address(given["model"])
    for path in given["predicted"]:
        yield gold, read_documents(path), str(path)


def _across(evaluations: Sequence["Evaluation"], given: dict[str, Any]) -> dict[str, Any]:
    """Return what several prediction files say together: a spread, or comparisons by name."""
    from ..evaluate.evaluation import compare_evaluations, spread_evaluations

    if len(evaluations) < 2:
        return {}
    if given["seeds"]:
        return {"spread": spread_evaluations(evaluations)}
    first = evaluations[0]
    return {
        "comparisons": {
            # A p-value is a share of the samples; it takes more of them than an interval.
            other.predicted: compare_evaluations(
                first, other, samples=10 * given["samples"], seed=given["seed"]
            )
            for other in evaluations[1:]
        }
    }


def _show(evaluations: Sequence["Evaluation"], extra: dict[str, Any]) -> None:
    from ..evaluate.table import evaluation_tables, extra_tables
    from ..files.tables import format_table

    many = len(evaluations) > 1
    tables = [table for e in evaluations for table in evaluation_tables(e, named=many)]
    tables += extra_tables(extra, evaluations[0].predicted)
    width = get_terminal_size().columns if sys.stdout.isatty() else 0
    click.echo("\n\n".join(format_table(table, width) for table in tables))
