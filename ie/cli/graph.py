"""`chinchilla graph`: documents with annotations in, a graph of the whole corpus out."""

import time
from pathlib import Path

import click

from ..errors import InputError
from .outputs import quiet_option


@click.command()
@click.argument("source", metavar="INPUT")
@click.option("-o", "--output", required=True, metavar="GRAPH", help="Folder to write.")
@click.option(
    "--to",
    "forms",
    default="csv,page",
    show_default=True,
    help="Forms by commas: page, csv, parquet, xlsx, neo4j, rdf, graphml, lightrag, graphrag.",
)
@click.option("--no-merge", "no_merge", multiple=True, metavar="REASON",
              help="Do not bring names together for this reason; may be repeated.")  # fmt: skip
@click.option("--edits", metavar="FILE", help="Names to merge and to split, as YAML or JSON.")
@click.option("--min-score", type=click.FloatRange(0, 1), help="Leave out facts that score less.")
@click.option("--force", is_flag=True, help="Replace a graph that is there.")
@quiet_option
def command(
    source: str,
    output: str,
    forms: str,
    no_merge: tuple[str, ...],
    edits: str | None,
    min_score: float | None,
    force: bool,
    quiet: bool,
) -> None:
    """Bring the names of INPUT together, count its facts and events, and write tables and a page.

    INPUT is a file of documents with annotations, as extract writes it, or the folder of a run. It may
    also be a GRAPH of before, to write it in other forms; nothing is counted again.

    Example: chinchilla graph facts.jsonl -o graph --to csv,page,lightrag
    """
    from ..corpus.graph.build import build_graph, is_graph, open_graph, read_annotated
    from ..corpus.graph.decisions import Decisions, read_edits
    from ..corpus.graph.forms import FORMS, write_forms
    from ..merge.extractions import at_least

    asked = list(dict.fromkeys(form.strip() for form in forms.split(",") if form.strip()))
    unknown = [form for form in asked if form not in FORMS]
    if unknown:
        raise click.UsageError(f"--to: no form {unknown[0]!r}; forms are {', '.join(FORMS)}")
    begin = time.perf_counter()
    if is_graph(source):
        if no_merge or edits or min_score is not None:
            raise click.UsageError(
                f"{source} is a graph: --no-merge, --edits and --min-score are for its documents"
            )
        graph = source
    else:
        if Path(output).exists() and not Path(output).is_dir():
            raise InputError(f"{output}: is a file; name a folder")
        decisions = Decisions(no_merge, read_edits(edits) if edits else None)
        documents = read_annotated(source)
        if min_score is not None:
            documents = (d.with_extraction(at_least(d.extraction, min_score)) for d in documents)
        build_graph(documents, output, decisions, force=force)
        graph = output
    with open_graph(graph) as store:
        notes = write_forms(store, output, asked)
        counted = ("documents", "entities", "facts", "events", "merges")
        counts = ", ".join(f"{store.count(name):,} {name}" for name in counted)
    if not quiet:
        for note in notes:
            click.echo(f"note: {note}", err=True)
        click.echo(f"{counts}; {time.perf_counter() - begin:.1f} s", err=True)
