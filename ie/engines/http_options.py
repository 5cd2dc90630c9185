"""How an endpoint is to be asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import ConfigError

THINKING = ("off", "on", "auto")
# What the engine itself writes; another value would ask something else, or give no whole answer.
_OWN = ("messages", "stream", "n")


@dataclass(frozen=True)
class HttpOptions:
    """How an endpoint is to be asked.

    Args:
        parallel: prompts under way at once; fewer once a server lets requests run out of time.
        timeout: seconds until a whole answer must have come; it may queue behind others.
        thinking: `off` tells a model not to reason before it answers, `on` tells it to, each server in
            the way that it knows; `auto` says nothing.
        extra_body: further fields of each request, such as `{"top_k": 1}`; they override ours.
    """

    parallel: int = 8
    timeout: float = 300.0
    thinking: str = "off"
    extra_body: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what would ask nothing.

        Raises:
            ConfigError: names the option and what it may be.
        """
        if self.parallel < 1:
            raise ConfigError(f"parallel is {self.parallel}; expected at least 1")
        if not self.timeout > 0:
            raise ConfigError(f"timeout is {self.timeout}; expected seconds, more than 0")
        if self.thinking not in THINKING:
            raise ConfigError(f"thinking is {self.thinking!r}; expected {', '.join(THINKING)}")
        if not isinstance(self.extra_body, Mapping):
            found = type(self.extra_body).__name__
            raise ConfigError(f"extra_body is a {found}; expected a JSON object")
        for name in _OWN:
            if name in self.extra_body:
                raise ConfigError(f"extra_body holds {name!r}, which the engine writes itself")
