"""The options of a model, alike wherever one is named."""

import click
import pytest
from click.testing import CliRunner

from chinchilla.cli.evaluate import command as evaluate
from chinchilla.cli.extract import command as extract
from chinchilla.cli.model_options import model_options, opening
from chinchilla.engines.http_options import HttpOptions
from chinchilla.engines.open import open_engine
from chinchilla.errors import ConfigError


def opened(*arguments):
    """Return what `open_engine` is given, and what is left for the command."""
    seen = []

    @click.command()
    @model_options
    def command(**given):
        seen.append((opening(given), given))

    result = CliRunner().invoke(command, arguments, standalone_mode=False)
    if result.exception:
        raise result.exception
    return seen[0]


def test_what_is_not_said_is_left_to_the_engine():
    how, rest = opened()
    assert how == {"quantisation": "none", "trust_remote_code": False}
    assert rest == {"max_tokens": None}


def test_what_is_said_of_an_endpoint_goes_there():
    body = '{"top_k": 1, "mirostat": {"a": [0]}}'
    how, rest = opened("--parallel", "2", "--timeout", "9", "--thinking", "on",
                       "--extra-body", body, "--max-tokens", "77")  # fmt: skip
    http = how["http"]
    assert (http.parallel, http.timeout, http.thinking) == (2, 9, "on")
    assert http.extra_body == {"top_k": 1, "mirostat": {"a": [0]}}
    assert rest == {"max_tokens": 77}


@pytest.mark.parametrize(
    ("value", "told"), [("{", "not valid JSON"), ("[1]", "expected a JSON object")]
)
def test_a_body_that_is_no_object_is_refused(value, told):
    with pytest.raises(click.BadParameter, match=told):
        opened("--extra-body", value)


@pytest.mark.parametrize("command", [extract, evaluate])
def test_every_command_with_a_model_has_them(command):
    names = {option for param in command.params for option in param.opts}
    assert names >= {"--model", "--max-tokens", "--parallel", "--timeout", "--thinking"}
    assert names >= {"--extra-body", "--quantisation", "--trust-remote-code"}


@pytest.mark.parametrize(
    "given",
    [
        {"http": HttpOptions(parallel=3)},
        {"http": HttpOptions(extra_body={"top_k": 1})},
        {"http": HttpOptions(thinking="on")},
        {"trust_remote_code": True},
        {"quantisation": "int8"},
    ],
)
def test_options_without_effect_are_refused(given):
    with pytest.raises(ConfigError, match="^mini: .*leave"):
        open_engine("mini", **given)


def test_a_run_keeps_no_secret():
    from chinchilla import ExtractOptions, read_schema
    from chinchilla.corpus.asked import describe_asked

    schema, address = read_schema("msra"), "http://me:SECRET@host/v1?api-key=SECRET#m"
    one, other = (
        describe_asked(
            address,
            schema,
            ("ner",),
            ExtractOptions(),
            {"http": HttpOptions(extra_body={"auth": secret})},
        )
        for secret in ("SECRET", "SECRET2")
    )
    assert "SECRET" not in str(one)
    assert one != other
