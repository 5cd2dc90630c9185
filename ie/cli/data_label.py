"""`chinchilla data label`: texts to be labelled by a person, with what a model says of them."""

from typing import Any

import click

from .outputs import check_outputs, force_option, quiet_option, resume_option


@click.command(name="label")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT…")
@click.option("-o", "--output", required=True, help="Tasks to import into the tool.")
@click.option("--to", "tool", type=click.Choice(["label-studio", "doccano"]), default="label-studio",
              show_default=True)  # fmt: skip
@click.option("-n", "--number", type=click.IntRange(1), default=100, show_default=True,
              help="How many texts.")  # fmt: skip
@click.option("--by", "way", type=click.Choice(["uncertainty", "random"]), default="uncertainty",
              show_default=True, help="Which texts.")  # fmt: skip
@click.option("--random-rate", type=click.FloatRange(0, 1), default=0.1, show_default=True,
              help="Share drawn at random all the same.")  # fmt: skip
@click.option("--schema", help="A built-in schema or a file.  [default: news]")
@click.option("--model", help="A folder, hub id or http://host/v1#name.  [default: mini]")
@click.option("--config", "config_path", help="Write the labelling interface of Label Studio here.")
@click.option("--lines", is_flag=True, help="Take each line of a text file as a document.")
@click.option("--column", default="text", show_default=True, help="Column or key of the text.")
@click.option("--seed", type=int, default=0, show_default=True, help="Decides what is drawn.")
@resume_option
@force_option
@quiet_option
def command(
    inputs: tuple[str, ...],
    output: str,
    tool: str,
    schema: str | None,
    model: str | None,
    config_path: str | None,
    lines: bool,
    column: str,
    resume: bool,
    force: bool,
    quiet: bool,
    **choosing: Any,
) -> None:
    """Choose the texts that a model is least sure of, and write them with its answers for a tool.

    Label or correct them there, export, and read them back with data convert label-studio or doccano.

    Example: chinchilla data label news.txt --lines -n 200 -o tasks.json --config labels.xml
    """
    from ..curate.folds import predictor
    from ..curate.label import Sampling, label_files, uncertainty
    from ..curate.tasks import label_studio_config
    from ..data.schema import read_schema
    from ..files.inputs import ReadOptions, find_inputs, read_texts
    from ..files.jsonl import write_bytes
    from ..files.progress import counting
    from ..pipeline import DEFAULT_SCHEMA

    check_outputs(inputs, output=output, config=config_path)
    asked = read_schema(schema or DEFAULT_SCHEMA)
    tasks = [task for task in asked.tasks if task != "ee"]
    if not tasks:
        raise click.UsageError("the schema has events alone, which these tools cannot give back")
    if len(tasks) < len(asked.tasks) and not quiet:
        click.echo("note: events are left out: these tools cannot give them back", err=True)
    wanted = asked.only(tasks)
    if config_path:
        with write_bytes(config_path, force=force) as file:
            file.write(label_studio_config(wanted).encode())
    documents = list(read_texts(find_inputs(inputs), ReadOptions(lines, column)))
    with counting("documents", quiet) as advance:
        chosen = label_files(
            documents,
            output,
            predictor(model, wanted),
            Sampling(**choosing),
            tool=tool,
            model=model or "mini",
            resume=resume,
            force=force,
            advance=advance,
        )
    if not quiet:
        unsure = sum(map(uncertainty, chosen)) / max(1, len(chosen))
        click.echo(
            f"{len(documents):,} texts, {len(chosen):,} to be labelled, mean uncertainty {unsure:.2f}",
            err=True,
        )
