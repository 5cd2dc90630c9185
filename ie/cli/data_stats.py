"""`chinchilla data stats`: what is in files of documents or records."""

import click

from .outputs import force_option


@click.command(name="stats")
@click.argument("inputs", nargs=-1, required=True, metavar="FILE.JSONL...")
@click.option("--tokenizer", help="A tokenizer.json, to give lengths in tokens too.")
@click.option("--json", "json_path", help="Write every figure, unrounded; `-` for stdout.")
@click.option("--html", "html_path", help="Write one page with plots.")
@force_option
def command(
    inputs: tuple[str, ...],
    tokenizer: str | None,
    json_path: str | None,
    html_path: str | None,
    force: bool,
) -> None:
    """Count documents or instruction records per source, task and type.

    Example: chinchilla data stats train.jsonl --html stats.html
    """
    from chinchilla.instructions.assembly import token_counter
    from chinchilla.instructions.stats import count_files
    from chinchilla.instructions.stats_report import stats_page, stats_tables

    from ..files.jsonl import dumps, write_bytes

    stats = count_files(inputs, token_counter(tokenizer) if tokenizer else None)
    if json_path:
        with write_bytes(json_path, force=force) as file:
            file.write(dumps(stats.to_dict()).encode() + b"\n")
    if html_path:
        with write_bytes(html_path, force=force) as file:
            file.write(stats_page(stats).encode())
    if json_path != "-":
        click.echo(stats_tables(stats))
