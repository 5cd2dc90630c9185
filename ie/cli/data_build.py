"""`chinchilla data build`: instruction records from documents."""

from collections.abc import Callable
from typing import Annotated, Any

import click

from .outputs import check_outputs, force_option
from .tasks import read_tasks

# Options of `BuildOptions` and `MixOptions` whose names the command line shares.
_BUILD = (
    "tasks",
    "subset",
    "shuffle",
    "seed",
    "hard_negatives",
    "random_negatives",
    "absent",
    "vary_wording",
    "shots",
    "max_tokens",
    "empty_rate",
)
_MIX = ("total", "weights", "caps", "quotas", "temperature", "repeat")
_NOT_IN_CONFIG = ("inputs", "output", "config")
# More inputs than so many are counted, not named.
_MOST_NAMED = 3


def _table(kind: type, keys: tuple[str, ...] | None = None) -> Callable[..., Any]:
    """Return a callback that reads `ner=64,re=160`, or a mapping from a config file."""

    def read(ctx: click.Context, param: click.Parameter, value: Any) -> dict[str, Any]:
        parts = value.items() if isinstance(value, dict) else _parts(str(value or ""))
        result = {}
        for key, number in parts:
            if keys and key not in keys:
                raise click.BadParameter(f"{key!r} is unknown; use {', '.join(keys)}")
            try:
                result[key] = kind(number)
            except ValueError:
                raise click.BadParameter(f"{key}={number} has no number; write {key}=100") from None
            if keys and result[key] < 1:
                raise click.BadParameter(f"{key}={number}; expected 1 or more")
        return result

    return read


def _parts(value: str) -> list[tuple[str, str]]:
    parts = [part.strip().partition("=") for part in value.split(",") if part.strip()]
    # A bare number, as in `--caps 1000`, is for every source.
    return [(key, number) if equals else ("*", key) for key, equals, number in parts]


def _names(ctx: click.Context, param: click.Parameter, value: Any) -> tuple[str, ...]:
    if isinstance(value, list | tuple):
        return tuple(str(part) for part in value)
    return tuple(part.strip() for part in (value or "").split(",") if part.strip())


def _config(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """Take the defaults of the other options from a YAML file, where they are named as here."""
    if value is None:
        return
    from ..data.configuration import configure_options
    from ..data.yaml_file import read_content

    content = read_content(value)
    for key in _NOT_IN_CONFIG:
        if isinstance(content.value, dict) and content.value.pop(key, None) is not None:
            content.faults.append(f"{key} stands on the command line, not in this file")
    known = {_key(p): p for p in ctx.command.params if p.name not in _NOT_IN_CONFIG}
    options = configure_options(content, {key: _type(option) for key, option in known.items()})
    defaults = {known[key].name: item for key, item in options.items()}
    ctx.default_map = {**(ctx.default_map or {}), **defaults}


def _key(param: click.Parameter) -> str:
    """Return the name of an option as it is written; that of its variable may differ."""
    return max(param.opts, key=len).lstrip("-").replace("-", "_")


def _type(option: click.Parameter) -> Any:
    """Return the type that an option has in a config file."""
    from msgspec import Meta

    from ..data.configuration import one_of

    kind: Any = option.type
    if getattr(option, "is_flag", False):
        return bool
    if isinstance(kind, click.types.IntParamType):
        return Annotated[int, Meta(ge=getattr(kind, "min", None), le=getattr(kind, "max", None))]
    if isinstance(kind, click.types.FloatParamType):
        return Annotated[float, Meta(ge=getattr(kind, "min", None), le=getattr(kind, "max", None))]
    if isinstance(kind, click.Choice):
        return Annotated[str, one_of(kind.choices)]
    if option.name in ("window", "types_per_prompt"):
        return dict[Annotated[str, one_of(_TASK_NAMES)], Annotated[int, Meta(ge=1)]] | str
    if option.name in ("weights", "caps", "quotas"):
        number: Any = float if option.name == "weights" else int
        return dict[str, number] | str | number
    return list[str] | str if kind is click.UNPROCESSED else str


_TASK_NAMES = ("ner", "re", "ee")
_RATE = click.FloatRange(0, 1)
_COUNT = click.IntRange(min=0)


@click.command(name="build")
@click.argument("inputs", nargs=-1, required=True, metavar="DOCS.JSONL...")
@click.option("-o", "--output", default="-", show_default=True, help="*.jsonl, *.gz or *.parquet.")
@click.option("--config", is_eager=True, callback=_config, expose_value=False,
              help="YAML with any of these options.")  # fmt: skip
@click.option("--schema",
              help="Built-in name, file, or derived (of the inputs); default: by meta.source.")  # fmt: skip
@click.option("--format", "format_", type=click.Choice(["json", "compact"]), help="Answer form.")
@click.option(
    "--template",
    type=click.UNPROCESSED,
    callback=_names,
    help="Wordings such as zh-v2; several by commas.",
)
@click.option("--prompt-lang", type=click.Choice(["zh", "en"]), help="zh-v2 or en-v1.")
@click.option("--vary-wording", is_flag=True, help="Draw one of the template's wordings each time.")
@click.option(
    "--tasks",
    type=click.UNPROCESSED,
    callback=read_tasks,
    help="Any of ner,re,ee; default: all of the schema.",
)
@click.option("--steps", type=click.IntRange(1, 2), default=1, help="2: triggers, then arguments.")
@click.option("--rationale", is_flag=True, help="Answers begin with <think>...</think>.")
@click.option("--occurrences", is_flag=True,
              help="Answers number repeated strings where order does not tell.")  # fmt: skip
@click.option(
    "--window",
    type=click.UNPROCESSED,
    callback=_table(int, _TASK_NAMES),
    help="Characters: ner=64,re=160.",
)
@click.option(
    "--types-per-prompt",
    type=click.UNPROCESSED,
    callback=_table(int, _TASK_NAMES),
    help="As in ee=10.",
)
@click.option("--most-types", type=_COUNT, default=16, show_default=True,
              help="Types per prompt: those of the text, others drawn; 0: all.")  # fmt: skip
@click.option("--subset", type=_RATE, default=0.0, help="Chance to ask for a part of the types.")
@click.option("--shuffle", type=_RATE, default=0.0, help="Chance to ask in random order.")
@click.option("--hard-negatives", type=_COUNT, help="Confusable absent types per prompt.")
@click.option("--random-negatives", type=_COUNT, help="Random absent types per prompt.")
@click.option("--negatives", default="similarity", show_default=True,
              help="What is confusable: similarity, cooccurrence, or a JSON file.")  # fmt: skip
@click.option("--absent", type=_RATE, default=0.0, help="Chance of a prompt for absent types only.")
@click.option("--empty-rate", type=_RATE, help="Largest share of empty answers.")
@click.option("--shots", type=_COUNT, default=0, help="Worked examples per prompt.")
@click.option(
    "--shots-from",
    type=click.UNPROCESSED,
    callback=_names,
    help="Documents for them; default: the inputs.",
)
@click.option("--max-tokens", type=click.IntRange(min=1), help="For prompt and answer together.")
@click.option("--tokenizer", help="The tokenizer.json that counts them.")
@click.option(
    "--allow-licence",
    "licences",
    type=click.UNPROCESSED,
    callback=_names,
    help="Leave out other documents.",
)
@click.option(
    "--weights", type=click.UNPROCESSED, callback=_table(float), help="Per source: duie=2,msra=0.5."
)
@click.option(
    "--caps",
    type=click.UNPROCESSED,
    callback=_table(int),
    help="Most records: 20000, or duie=20000.",
)
@click.option(
    "--quotas",
    type=click.UNPROCESSED,
    callback=_table(int),
    help="Exact number of records: duie=5000.",
)
@click.option("--temperature", type=float, default=1.0, help="Above 1 evens out the sources.")
@click.option("--total", type=_COUNT, help="Records of the whole mixture.")
@click.option("--repeat", type=click.IntRange(min=1), default=1, help="Most uses of one record.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of all choices.")
@click.option("--workers", type=click.IntRange(min=1), default=1, help="Processes.")
@click.option("--manifest", "manifest_path", help="Write hashes, options and counts as JSON.")
@force_option
@click.option("--quiet", is_flag=True, help="No summary on stderr.")
def command(
    output: str, manifest_path: str | None, force: bool, quiet: bool, **choices: Any
) -> None:
    """Turn documents into instruction records, one JSON object a line.

    Example: chinchilla data build duie.jsonl msra.jsonl -o train.jsonl --temperature 2
    """
    from chinchilla.instructions.build import build_files, manifest

    from ..files.jsonl import write_bytes

    check_outputs(output=output, manifest=manifest_path)
    job = _job(choices)
    report = build_files(job, output, force=force, hashed=manifest_path is not None)
    if manifest_path:
        import msgspec

        described = msgspec.json.encode(manifest(job, output, report))
        with write_bytes(manifest_path, force=force) as file:
            file.write(msgspec.json.format(described, indent=2) + b"\n")
    if not quiet:
        if report.unanswered:
            _warn(report.unanswered, len(report.declared))
        left_out = "".join(f"; {n} {what}" for what, n in sorted(report.left_out.items()))
        click.echo(
            f"{report.documents} documents, {report.records} records, "
            f"{report.empty} with an empty answer{left_out}",
            err=True,
        )


def _warn(paths: list[str], inputs: int) -> None:
    """Say of which inputs no annotation is asked for."""
    more = f" and {len(paths) - _MOST_NAMED} more" if len(paths) > _MOST_NAMED else ""
    named = ", ".join(paths[:_MOST_NAMED]) + more
    which = "any input" if len(paths) == inputs > 1 else named
    click.echo(
        f"warning: no annotation of {which} is of a type that the schema declares for the tasks "
        "built, so the answers are all empty; see the types of the data with `chinchilla data schema`, "
        "ask for them with --schema derived, or convert raw corpus files first with "
        "`chinchilla data convert`",
        err=True,
    )


def _job(choices: dict[str, Any]) -> Any:
    from chinchilla.instructions.build_options import BuildOptions
    from chinchilla.instructions.job import BuildJob
    from chinchilla.instructions.mixture import MixOptions

    style = _style(choices)
    templates = choices["template"] if len(choices["template"]) > 1 else ()
    build = {name: choices[name] for name in _BUILD if choices[name] is not None}
    build["most_types"] = _most_types(choices)
    rest = ("schema", "negatives", "shots_from", "tokenizer", "licences", "workers")
    return BuildJob(
        tuple(choices["inputs"]),
        BuildOptions(style, templates=templates, **build),
        MixOptions(**{name: choices[name] for name in _MIX}),
        **{name: choices[name] for name in rest},
    )


def _most_types(choices: dict[str, Any]) -> dict[str, int]:
    """Return the limit of each task for which all types are not asked in turn."""
    most, told = choices["most_types"], choices["types_per_prompt"]
    return {task: most for task in _TASK_NAMES if most and task not in told}


def _style(choices: dict[str, Any]) -> Any:
    from ..prompts.prompt import PromptStyle, read_template

    form = choices["format_"]
    default = {"zh": "zh-v2", "en": "en-v1"}.get(
        choices["prompt_lang"], "compact-v1" if form == "compact" else "zh-v1"
    )
    name = (choices["template"] or (default,))[0]
    return PromptStyle(
        name,
        form or read_template(name).format,
        types_per_prompt={**_most_types(choices), **choices["types_per_prompt"]},
        window=choices["window"],
        steps=choices["steps"],
        rationale=choices["rationale"],
        occurrences=choices["occurrences"],
    )
