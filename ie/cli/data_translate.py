"""`chinchilla data translate`: annotated English documents into Chinese, mentions and all."""

import time
from itertools import chain
from pathlib import Path
from typing import Any

import click

from .outputs import check_outputs, force_option, quiet_option, resume_option

# Those of curate.translate.methods, named without loading it.
_METHODS = ("auto", "constrained", "markers", "glossary", "alignment")
_RATE = click.FloatRange(0, 1)


@click.command(name="translate")
@click.argument("inputs", nargs=-1, required=True, metavar="DOCS.JSONL...")
@click.option("-o", "--output", help="Translated documents; failed ones beside it.")
@click.option(
    "--model", help="A folder converted to CTranslate2, or any language model of --model."
)
@click.option("--prompts", "prompts_path",
              help="Write what is to be translated for another tool, and stop.")  # fmt: skip
@click.option("--completions", help="Take translations from this file: {id, translation} a line.")
@click.option("--reverse", help="A folder of a model for the way back, to estimate quality.")
@click.option("--method", type=click.Choice(_METHODS), default="auto", show_default=True,
              help="How mentions survive.")  # fmt: skip
@click.option("--glossary", help="A YAML file of names of types and of fixed terms.")
@click.option("--from", "source", default="en", show_default=True, help="Language of the inputs.")
@click.option("--to", "target", default="zh", show_default=True, help="Language wanted.")
@click.option("--least", type=_RATE, default=0.0, help="Set aside what is estimated below.")
@click.option("--partial", is_flag=True, help="Keep documents that lost a mention, without it.")
@click.option("--batch", type=click.IntRange(1), default=16, show_default=True,
              help="Documents translated together.")  # fmt: skip
@click.option("--report", "report_path", help="Write the yield as JSON.")
@resume_option
@force_option
@quiet_option
def command(
    inputs: tuple[str, ...],
    output: str | None,
    model: str | None,
    prompts_path: str | None,
    completions: str | None,
    reverse: str | None,
    method: str,
    glossary: str | None,
    source: str,
    target: str,
    least: float,
    partial: bool,
    batch: int,
    report_path: str | None,
    resume: bool,
    force: bool,
    quiet: bool,
) -> None:
    """Translate documents so that every annotated mention is a string of the translation.

    Documents that fail, or lose a mention, go to OUTPUT.aside.jsonl with the reasons.

    Example: chinchilla data translate docs.en.jsonl -o docs.zh.jsonl --model opus-mt-en-zh
    """
    from ..curate.translate.elsewhere import ToldTranslator, write_texts
    from ..curate.translate.glossary import Glossary, read_glossary
    from ..curate.translate.quality import Bounds
    from ..curate.translate.run import TranslationPlan, translate_files
    from ..files.jsonl import read_documents, write_values
    from ..files.progress import counting

    documents = list(chain.from_iterable(map(read_documents, inputs)))
    names = read_glossary(glossary) if glossary else Glossary()
    if prompts_path:
        check_outputs(inputs, prompts=prompts_path)
        written = write_texts(prompts_path, documents, method, names, force=force)
        if not quiet:
            click.echo(f"{written:,} texts; translate them, then pass --completions FILE", err=True)
        return
    if output is None or (model is None) == (completions is None):
        raise click.UsageError("--output and one of --model and --completions are needed")
    begin = time.perf_counter()
    check_outputs(
        [*inputs, *([completions] if completions else [])], output=output, report=report_path
    )
    plan = TranslationPlan(method, names, Bounds(least=least), partial, source, target)
    translator = (
        ToldTranslator(completions) if completions else _opened(str(model), source, target, quiet)
    )
    back = _opened(reverse, target, source, quiet) if reverse else None
    with counting("documents", quiet) as advance:
        found = translate_files(
            documents,
            output,
            translator,
            plan,
            reverse=back,
            chunk=batch,
            resume=resume,
            force=force,
            advance=advance,
        )
    missing = getattr(translator, "missing", ())
    if missing and not quiet:
        click.echo(f"note: {completions} lacks {len(missing):,} of the texts", err=True)
    if report_path:
        write_values(report_path, [found.to_dict()])
    if not quiet:
        _tell_unnamed(documents, names)
        _print_summary(found, time.perf_counter() - begin)


def _opened(model: str, source: str, target: str, quiet: bool) -> Any:
    """Load a translation model; a language model where it is none."""
    from ..curate.translate.ct2 import CT2Translator, is_translator

    if not is_translator(Path(model)):
        from ..curate.translate.engine import engine_translator

        return engine_translator(model, target)
    translator = CT2Translator(model, source=source, target=target)
    if translator.licence and not quiet:
        click.echo(f"note: {model}: {translator.licence}", err=True)
    return translator


def _tell_unnamed(documents: Any, names: Any) -> None:
    """Say which types the glossary does not name: they keep their names."""
    from chinchilla.instructions.derive import derive_schema

    if not any(d.entities or d.relations or d.events for d in documents):
        return
    schema = derive_schema(documents)
    missing = [
        kind.name
        for types, known in (
            (schema.entities, names.entities),
            (schema.relations, names.relations),
            (schema.events, names.events),
        )
        for kind in types
        if kind.name not in known
    ]
    if missing:
        shown = ", ".join(missing[:12]) + (", …" if len(missing) > 12 else "")
        click.echo(
            f"note: types that keep their names, as no glossary names them: {shown}", err=True
        )


def _print_summary(found: Any, seconds: float) -> None:
    from ..files.tables import Table, format_table

    rows = found.rows()
    if rows:
        header = ("kind", "type", "given", "survived", "written")
        click.echo(format_table(Table("", header, rows)), err=True)
    for reason, number in found.reasons.most_common():
        click.echo(f"{number:>8,} documents set aside: {reason}", err=True)
    for reason, number in found.losses.most_common():
        click.echo(f"{number:>8,} mentions lost: {reason}", err=True)
    how = ", ".join(f"{number:,} by {method}" for method, number in found.methods.most_common())
    click.echo(
        f"{found.documents:,} documents, {found.kept:,} written; {found.mentions:,} places of mentions, "
        f"{how or 'none found'}; {seconds:.1f} s, {found.documents / max(seconds, 1e-9):.1f} documents/s",
        err=True,
    )
