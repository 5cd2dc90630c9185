"""`chinchilla serve`: extraction over HTTP, and a page to look, correct and teach."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from .model_options import model_options, opening
from .outputs import quiet_option

_PACKAGES = ("fastapi", "uvicorn", "prometheus_client")
# Seconds between turns of threads.
_TURN = 0.0005


@click.command(name="serve")
@click.option("--model", "models", multiple=True,
              help="A model that requests may name; give it again for more.  [default: mini]")  # fmt: skip
@click.option("--schema", default="news", show_default=True, help="Schema of requests without one.")
@click.option("--project", type=click.Path(file_okay=False, path_type=Path),
              help="Folder for corrected documents and models tuned on them.")  # fmt: skip
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True,
              help="Port to listen at.")  # fmt: skip
@click.option("--allow-host", "hosts", multiple=True,
              help="A further name by which the service is called; * for any.")  # fmt: skip
@click.option("--token-file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="File of a bearer token that requests need.  [default: $CHINCHILLA_TOKEN]")  # fmt: skip
@click.option("--max-characters", "characters", type=click.IntRange(1), default=200_000,
              show_default=True, help="Most characters of a text.")  # fmt: skip
@click.option("--max-texts", "texts", type=click.IntRange(1), default=1_000, show_default=True,
              help="Most texts of a request.")  # fmt: skip
@click.option("--max-body", "body", type=click.IntRange(1), default=20_000_000, show_default=True,
              help="Most bytes of a request.")  # fmt: skip
@click.option("--max-waiting", "queue", type=click.IntRange(1), default=256, show_default=True,
              help="Most requests that wait; further ones get 503.")  # fmt: skip
@click.option("--max-seconds", "seconds", type=click.FloatRange(0, min_open=True), default=300.0,
              show_default=True, help="Most seconds of a request; then it gets 504.")  # fmt: skip
@click.option("--batch", type=click.IntRange(1), default=32, show_default=True,
              help="Most texts read together; 1 reads each alone.")  # fmt: skip
@model_options
@quiet_option
def command(
    models: tuple[str, ...],
    host: str,
    port: int,
    token_file: Path | None,
    quiet: bool,
    **given: Any,
) -> None:
    """Serve extraction over HTTP, with a page at /.

    Example: chinchilla serve --project corrections
    """
    from ..data.extras import require_extra

    require_extra("serve", "serve", _PACKAGES)
    import uvicorn

    from ..data.schema import read_schema
    from ..serve.app import create_app
    from ..serve.settings import ServiceLimits, Settings, is_local, name_models

    how = opening(given)
    names = ("characters", "texts", "body", "queue", "seconds", "batch")
    limits = ServiceLimits(**{name: given.pop(name) for name in names})
    read_schema(given["schema"])
    settings = Settings(
        name_models(models), host=host, port=port, token=_token(token_file), limits=limits,
        opening=how, **given,
    )  # fmt: skip
    if not is_local(host) and settings.token is None:
        click.echo(
            f"warning: {host} can be reached from other machines and no token is set; "
            "name one with --token-file",
            err=True,
        )
    # The model's thread would keep the one that talks to clients waiting 5 ms at every turn.
    sys.setswitchinterval(_TURN)
    uvicorn.run(
        create_app(settings),
        host=host,
        port=port,
        log_level="warning" if quiet else "info",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=30,
        timeout_keep_alive=15,
    )


def _token(file: Path | None) -> str | None:
    """Return the token of a file or of the environment; one on the command line others could see."""
    from ..errors import ConfigError

    found = file.read_text(encoding="utf-8") if file else os.environ.get("CHINCHILLA_TOKEN")
    if found is None:
        return None
    token = found.strip()
    if not token or not token.isascii():
        raise ConfigError(
            f"{file or 'CHINCHILLA_TOKEN'}: holds no token; expected ASCII characters"
        )
    return token
