"""What a service allows: how it is reached, which models it has, how much it takes at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ConfigError

MINI = "mini"
# Names of this machine for itself.
NEAR = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class ServiceLimits:
    """How much a service takes.

    Args:
        body: the most bytes of a request.
        characters: the most characters of a text.
        texts: the most texts of a request.
        queue: the most requests that wait or are under way; further ones are told to come again.
        seconds: how long a request may take.
        batch: the most texts that are read together; 1 reads each alone.
    """

    body: int = 20_000_000
    characters: int = 200_000
    texts: int = 1_000
    queue: int = 256
    seconds: float = 300.0
    batch: int = 32

    def __post_init__(self) -> None:
        """Refuse limits that let nothing in.

        Raises:
            ConfigError: names the limit.
        """
        for name in self.__dataclass_fields__:
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; expected more than 0")


@dataclass(frozen=True)
class Settings:
    """How a service is set up.

    `models` are the names that a request may give, each with what `open_engine` is to open; the first
    is the default. `hosts` are further names by which the service may be called, beside those of
    this machine. With a `token` every request but for the page and the health needs it. `max_tokens` and
    `opening` are for the models: see `ExtractOptions` and `open_engine`.
    """

    models: Mapping[str, str | None] = field(default_factory=lambda: {MINI: None})
    schema: str = "news"
    host: str = "127.0.0.1"
    port: int = 8000
    hosts: tuple[str, ...] = ()
    token: str | None = None
    project: Path | None = None
    limits: ServiceLimits = ServiceLimits()
    max_tokens: int | None = None
    opening: Mapping[str, Any] = field(default_factory=dict)


def name_models(models: tuple[str, ...]) -> dict[str, str | None]:
    """Return the models under the names that requests give: `mini`, or the last part of a path.

    Raises:
        ConfigError: two have one name.
    """
    named: dict[str, str | None] = {}
    for model in models or (MINI,):
        if model == MINI:
            name = MINI
        elif "#" in model:
            name = model.rsplit("#", 1)[1]
        else:
            name = Path(model).name or model
        if name in named:
            raise ConfigError(f"two models are named {name!r}; rename a folder")
        named[name] = None if model == MINI else model
    return named


def is_local(host: str) -> bool:
    """Return whether a service at this address is reached from this machine alone."""
    return host in NEAR
