"""The options that say how a model is opened, alike wherever `--model` is."""

import json
from collections.abc import Callable
from typing import Any

import click

# Those that `open_engine` takes, and those of endpoints.
_OPENING = ("quantisation", "trust_remote_code")
_IF_SAID = ("style", "prefilter")
_ENDPOINT = ("parallel", "timeout", "thinking", "extra_body")


def _read_extra(ctx: click.Context, param: click.Parameter, value: str | None) -> Any:
    """Return the JSON object that `--extra-body` gives."""
    if value is None:
        return None
    try:
        body = json.loads(value)
    except ValueError as error:
        raise click.BadParameter(
            f"not valid JSON ({error}); write it as '{{\"top_k\": 1}}'"
        ) from None
    if not isinstance(body, dict):
        raise click.BadParameter("expected a JSON object, such as '{\"top_k\": 1}'")
    return body


_OPTIONS = [
    click.option(
        "--quantisation",
        type=click.Choice(["none", "nf4", "int8"]),
        default="none",
        show_default=True,
        help="How to load a transformers model.",
    ),
    click.option("--trust-remote-code", is_flag=True, help="Run code that comes with the model."),
    click.option(
        "--style",
        help="How the model was taught to be asked: its chinchilla.json, folder or hub id.",
    ),
    click.option(
        "--prefilter",
        is_flag=True,
        help="Ask only of windows and types that the embedded model finds plausible.",
    ),
    click.option(
        "--max-tokens", type=click.IntRange(1), help="Most tokens of an answer.  [default: by text]"
    ),
    click.option(
        "--parallel", type=click.IntRange(1), help="Requests to an endpoint at once.  [default: 8]"
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(0, min_open=True),
        help="Seconds for an endpoint's answer.  [default: 300]",
    ),
    click.option(
        "--thinking",
        type=click.Choice(["off", "on", "auto"]),
        help="Whether an endpoint's model may reason first.  [default: off]",
    ),
    click.option(
        "--extra-body",
        callback=_read_extra,
        metavar="JSON",
        help="Further fields of each request to an endpoint.",
    ),
]


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, in the order of `--help`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def opening(given: dict[str, Any]) -> dict[str, Any]:
    """Take the options out of what a command was given; return what `open_engine` takes of them."""
    from ..engines.http_options import HttpOptions

    endpoint = {name: given.pop(name) for name in _ENDPOINT}
    said = {name: value for name, value in endpoint.items() if value is not None}
    result = {name: given.pop(name) for name in _OPENING}
    result |= {name: value for name in _IF_SAID if (value := given.pop(name))}
    return result | ({"http": HttpOptions(**said)} if said else {})
