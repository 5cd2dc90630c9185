"""`chinchilla train CONFIG [key=value …]`: tune the embedded model, or a language model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ..data.yaml_file import Content

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
    """Tune a model as a YAML file says.

    The embedded model learns from annotated documents (model.base is mini), a language model from
    instruction records.

    Example: chinchilla train configs/train/mini.yaml data.train=mine.jsonl
    """
    from ..data.extras import require_extra
    from ..data.yaml_file import read_content
    from ..mini.train.tuning_options import is_embedded
    from ..train.reading import read_config

    def report(line: str) -> None:
        if not quiet:
            click.echo(line, err=True)

    config = _found(config)
    content = read_content(config, "configs/train").override(overrides)
    if is_embedded(_base(content.value)):
        refused = {
            "--resume": resume,
            "--trust-remote-code": trust_remote_code,
            "--vocabulary": vocabulary,
        }
        for name, is_given in refused.items():
            if is_given:
                raise click.UsageError(f"{name} is for language models; leave it out")
        _tune(content, force=force, check=check, report=report)
        return
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

    result = train(settings, resume=resume, force=force, report=report)
    report(result.line())
    _part()


def _found(config: Path) -> Path:
    """Return the file that is meant: `configs/train/mini.yaml` is in the package wherever one is."""
    from importlib import resources

    if config.exists() or config.parts[:1] != ("configs",) or ".." in config.parts:
        return config
    ours = Path(str(resources.files("chinchilla.configs").joinpath(*config.parts[1:])))
    return ours if ours.is_file() else config


def _base(told: Any) -> Any:
    """Return `model.base` of what a configuration says, whatever else is wrong with it."""
    model = told.get("model") if isinstance(told, dict) else None
    return model.get("base") if isinstance(model, dict) else None


def _tune(content: Content, *, force: bool, check: bool, report: Callable[[str], None]) -> None:
    """Tune the embedded model."""
    from ..data.configuration import configure
    from ..data.extras import require_extra
    from ..mini.train.tuning_options import TuneConfig, mistakes
    from ..mini.train.tuning_run import read_data, run

    settings = configure(content, TuneConfig, check=mistakes)
    data = read_data(settings)
    report("; ".join(f"{count:,} {what}" for what, count in data.counts().items()))
    if check:
        return
    require_extra("tuning the embedded model", "train", ("torch",))
    folder = run(settings, data, force=force, report=report)
    report(f"the model is in {folder}: chinchilla extract FILE --model {folder}")


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
