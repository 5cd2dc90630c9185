"""`chinchilla data bootstrap`: examples, schemas and wordings that a model invents, checked."""

from itertools import chain
from typing import Any

import click

from .outputs import check_outputs, force_option, quiet_option, resume_option

# Those of curate.bootstrap_prompts, named without loading it.
_KINDS = ("examples", "schemas", "wordings")


@click.command(name="bootstrap")
@click.argument("seeds", nargs=-1, metavar="[DOCS.JSONL...]")
@click.option("--what", "kind", type=click.Choice(_KINDS), default="examples", show_default=True)
@click.option(
    "-o", "--output", help="What is sound and new; the rest goes to OUTPUT.refused.jsonl."
)
@click.option("--schema", help="The types of the examples.")
@click.option("--model", help="A language model: a folder, hub id or http://host/v1#name.")
@click.option("--completions", help="Take answers from this file: {id, completion} a line.")
@click.option("--prompts", "prompts_path", help="Write the prompts for another tool, and stop.")
@click.option("-n", "--number", type=click.IntRange(1), default=100, show_default=True,
              help="How many prompts.")  # fmt: skip
@click.option("--each", type=click.IntRange(1), default=3, show_default=True,
              help="Inventions asked for in a prompt.")  # fmt: skip
@click.option("--types", type=click.IntRange(1), default=4, show_default=True,
              help="Types asked for in a prompt.")  # fmt: skip
@click.option("--shortest", type=int, default=15, show_default=True, help="Characters of a text.")
@click.option("--longest", type=int, default=200, show_default=True, help="Characters of a text.")
@click.option("--rouge", type=click.FloatRange(0, 1), default=0.7, show_default=True,
              help="ROUGE-L of characters from which two are alike.")  # fmt: skip
@click.option("--near", type=click.FloatRange(0, 1, max_open=True), default=0.8, show_default=True,
              help="Similarity by MinHash from which two are alike; 0: not looked for.")  # fmt: skip
@click.option("--template", help="Of wordings: write them as a template, for data build.")
@click.option("--seed", type=int, default=0, show_default=True, help="Decides what is drawn.")
@resume_option
@force_option
@quiet_option
def command(
    seeds: tuple[str, ...],
    kind: str,
    output: str | None,
    schema: str | None,
    model: str | None,
    completions: str | None,
    prompts_path: str | None,
    number: int,
    template: str | None,
    rouge: float,
    near: float,
    resume: bool,
    force: bool,
    quiet: bool,
    **how: Any,
) -> None:
    """Let a language model invent annotated examples, schemas or wordings; keep what is sound and new.

    DOCS are shown to the model as examples to follow.

    Example: chinchilla data bootstrap docs.jsonl --schema news --model Qwen/Qwen3-8B -o new.jsonl
    """
    from ..curate.bootstrap import (
        bootstrap,
        read_completions,
        write_prompts,
        write_template,
    )
    from ..curate.bootstrap_prompts import BootstrapJob
    from ..data.schema import read_schema
    from ..files.jsonl import read_documents
    from ..files.progress import counting

    documents = tuple(chain.from_iterable(map(read_documents, seeds)))
    job = BootstrapJob(kind, number, read_schema(schema) if schema else None, documents, **how)
    if kind == "examples" and schema is None:
        raise click.UsageError("examples need --schema")
    if prompts_path:
        check_outputs(seeds, prompts=prompts_path)
        written = write_prompts(prompts_path, job, force=force)
        if not quiet:
            click.echo(
                f"{written:,} prompts; complete them, then pass --completions FILE", err=True
            )
        return
    if output is None or (model is None) == (completions is None):
        raise click.UsageError("--output and one of --model and --completions are needed")
    if template and kind != "wordings":
        raise click.UsageError("--template is for --what wordings")
    check_outputs(
        [*seeds, *([completions] if completions else [])], output=output, template=template
    )
    complete = read_completions(completions, job) if completions else _completing(str(model))
    with counting("prompts", quiet) as advance:
        found = bootstrap(
            job,
            output,
            complete,
            model=str(model or completions),
            rouge=rouge,
            near=near or None,
            resume=resume,
            force=force,
            advance=advance,
        )
    if template:
        write_template(template, output, force=force)
    if not quiet:
        for name, count in found.types.most_common():
            click.echo(f"{count:>8,}  {name}", err=True)
        for reason, count in found.refused.most_common():
            click.echo(f"{count:>8,}  refused: {reason}", err=True)
        click.echo(f"{found.prompts:,} prompts, {found.kept:,} kept", err=True)


def _completing(model: str) -> Any:
    from ..engines.open import open_writer
    from ..prompts.messages import Prompt

    backend = open_writer(model).backend

    def complete(texts: Any) -> list[str]:
        answers = backend.generate([Prompt("", text) for text in texts], max_tokens=1500)
        return [answer.text for answer in answers]

    return complete
