"""`chinchilla train CONFIG [key=value …]`: fine-tune a language model on instruction records."""

from pathlib import Path

import click

# Of the extra `train`, what every run imports.
_PACKAGES = ("torch", "transformers", "peft", "accelerate")


@click.command(name="train")
@click.argument("config", type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint of the run folder.")
@click.option("--force", is_flag=True, help="Start over in a folder that holds a run.")
@click.option("--trust-remote-code", is_flag=True, help="Run code that comes with the base model.")
@click.option("--check", is_flag=True, help="Check configuration, data and lengths, then stop.")
@click.option("--vocabulary", is_flag=True, help="Report how the tokenizer cuts the data; stop.")
@click.option("--quiet", is_flag=True, help="Report errors only.")
def command(
    config: Path,
    overrides: tuple[str, ...],
    resume: bool,
    force: bool,
    trust_remote_code: bool,
    check: bool,
    vocabulary: bool,
    quiet: bool,
) -> None:
    """Fine-tune a language model on instruction records, as a YAML file says.

    Example: chinchilla train configs/train/qwen2.5-0.5b-lora.yaml training.epochs=2
    """
    from ..data.extras import require_extra
    from ..train.reading import read_config

    if trust_remote_code:
        overrides = (*overrides, "model.trust_remote_code=true")
    settings = read_config(config, overrides)
    require_extra("training", "train", _PACKAGES)
    if check:
        from ..train.preview import preview

        for line in preview(settings):
            click.echo(line)
        return
    if vocabulary:
        _show_vocabulary(settings.model.base, settings.data.train, trust_remote_code)
        return
    from ..train.loop import train

    def report(line: str) -> None:
        if not quiet:
            click.echo(line, err=True)

    result = train(settings, resume=resume, force=force, report=report)
    report(result.line())
    _part()


def _part() -> None:
    """Leave the other processes together: one that ends while others still talk makes them abort."""
    import torch.distributed as processes

    if processes.is_available() and processes.is_initialized():
        processes.barrier()
        processes.destroy_process_group()


def _show_vocabulary(base: str, paths: tuple[str, ...], trust_remote_code: bool) -> None:
    from ..engines.tokens import load_tokenizer
    from ..train.examples import read_records
    from ..train.vocabulary import report_vocabulary

    tokenizer = load_tokenizer(base, trust_remote_code=trust_remote_code)
    report = report_vocabulary(tokenizer, (record.input for record in read_records(paths)))
    for line in report.lines():
        click.echo(line)
