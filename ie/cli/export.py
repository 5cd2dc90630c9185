"""`chinchilla export MODEL -o DIR`: merge an adapter, save the whole model, convert it."""

from pathlib import Path

import click


@click.command(name="export")
@click.argument("source", metavar="MODEL")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder to write."
)
@click.option("--ct2", metavar="TYPE", help="Convert to CTranslate2: int8, float16, float32…")
@click.option(
    "--verify", metavar="RECORDS", help="Records to compare answers on; default: the run's."
)
@click.option(
    "--schema", help="Schema of these records; default: the built-in one of their source."
)
@click.option("--trust-remote-code", is_flag=True, help="Run code that comes with the model.")
@click.option("--force", is_flag=True, help="Overwrite a folder that exists.")
@click.option("--quiet", is_flag=True, help="Report errors only.")
def command(
    source: str,
    output: Path,
    ct2: str | None,
    verify: str | None,
    schema: str | None,
    trust_remote_code: bool,
    force: bool,
    quiet: bool,
) -> None:
    """Merge an adapter (or take a model), save it whole, and compare before and after.

    Example: chinchilla export runs/qwen -o models/qwen --ct2 int8
    """
    from ..data.extras import require_extra
    from ..train.export import export_model

    require_extra("exporting a model", "train", ("torch", "transformers", "peft"))
    report = export_model(
        source,
        output,
        ct2=ct2,
        verify=verify,
        schema=schema,
        trust_remote_code=trust_remote_code,
        force=force,
    )
    if not quiet:
        for line in report.lines():
            click.echo(line, err=True)
        click.echo(f"written to {report.folder}", err=True)
