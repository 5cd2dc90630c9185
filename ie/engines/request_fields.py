"""Which fields of a request a server takes: learned from what it refuses, and from what it answers.

What can be said in several ways, such as that the model is not to think, is said in the first way
that was not refused. Ways are tried for one prompt at first: it may be the prompt that is refused.
"""

import re
from collections.abc import Mapping
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from .held import BLANKS, Held, is_open

# The ways of saying a thing, in the order in which they are tried; the empty one leaves it out.
_WAYS = {
    "system": ("system", ""),
    "stop": ("stop", ""),
    "limit": ("max_tokens", "max_completion_tokens", ""),
    "scores": ("logprobs", ""),
    "temperature": ("temperature", ""),
}
# What a refusal of a way is known by.
_SCHEMA_WORDS = ("response_format", "structured", "guided", "grammar", "ebnf", "json_schema")
_SYSTEM_WORDS = (
    "system role",
    "system message",
    "system prompt",
    "'system'",
    '"system"',
    "roles must",
)
# An answer is looked at until so many have followed a way of holding it.
_FIRST_ANSWERS = 3
_STATUSES = (400, 404, 422, 501)
_REFUSED_VALUE = re.compile(r"value|literal|one of|should be|must be|expected")
# How thinking is switched by templates (vLLM, SGLang, llama.cpp), by OpenAI and Ollama, and by vendors.
_SWITCHES = (
    "template",
    "effort:none",
    "effort:minimal",
    "effort:low",
    "enable",
    "type",
    "reasoning",
)
_SWITCH_FIELDS = {
    "template": "chat_template_kwargs",
    "effort": "reasoning_effort",
    "enable": "enable_thinking",
    "type": "thinking",
    "reasoning": "reasoning",
}
_HOSTS = (
    (r"openai\.com$|openai\.azure\.com$|ollama|:11434$", "effort"),
    (r"deepseek\.com$|bigmodel\.cn$|\bz\.ai$|volces\.com$|moonshot\.(cn|ai)$", "type"),
    (r"aliyuncs\.com$|siliconflow\.(cn|com)$", "enable"),
    (r"openrouter\.ai$", "reasoning"),
)
# Tokens for thoughts, beside those for the answer, and the most tried.
_ROOM, _MOST_ROOM = 8192, 32768


class Fields:
    """What a server is known to take, for all prompts."""

    def __init__(self, address: str, thinking: str, extra: Mapping[str, Any]) -> None:
        """Begin without knowledge; `extra` are the user's own fields, which go before ours."""
        self.thinking, self.extra = thinking, dict(extra)
        self.switches = _switches(address) if thinking != "auto" else ()
        if any(field in extra for field in _SWITCH_FIELDS.values()):
            self.switches = ()
        self.refused: set[tuple[str, str]] = set()
        self.taken: set[tuple[str, str]] = set()
        # Whether the model thought until the limit, though told not to.
        self.has_thought = False
        self.room = _ROOM if thinking == "on" else 0
        # How many answers have followed each way of holding them.
        self.followed: dict[str, int] = {}
        self.lock = Lock()

    def attempt(self) -> "Attempt":
        """Return what is known, for one prompt to try with and to learn from."""
        return Attempt(self)


class Attempt:
    """The ways in which one prompt is asked."""

    def __init__(self, known: Fields) -> None:
        self._known = known
        self._refused = set(known.refused)
        self._has_thought = known.has_thought
        self._used: dict[str, str] = {}
        self._useless: set[tuple[str, str]] = set()
        self.room = known.room
        self.takes_no_schema = False
        self._held: Held | None = None

    @property
    def has_system(self) -> bool:
        """Whether the server takes messages of the system."""
        return bool(self._way("system"))

    @property
    def asks_scores(self) -> bool:
        """Whether the last request asked for the probabilities of tokens."""
        return bool(self._used.get("scores"))

    def body(self, limit: int, *, scores: bool, held: Held | None) -> dict[str, Any]:
        """Return the fields of a request beside model and messages, and note them as tried."""
        self._held = held
        wanted = ["limit", "temperature", "thinking", "system"]
        wanted += ["scores"] * scores + ["schema", "stop"] * (held is not None)
        self._used = {name: self._way(name) for name in wanted}
        fields: dict[str, Any] = {}
        for name, way in self._used.items():
            if way:
                fields |= self._said(name, way, limit + self.room)
        return fields | self._known.extra

    def refuse(self, status: int, text: str) -> bool:
        """Note the way that a server says it does not take; return whether there is another."""
        said = text.lower()
        if status == 500 and any(word in said for word in _SYSTEM_WORDS):
            # llama.cpp tells what a template refuses as a fault of its own.
            return self._turn_down("system", said)
        if status not in _STATUSES:
            return False
        for name in ("schema", "thinking", "limit", "scores", "temperature", "system", "stop"):
            way = self._used.get(name)
            if way and any(word in said for word in _words(name, way)):
                return self._turn_down(name, said)
        # Some servers do not name the field that they do not know; of ours this is the rarest.
        way = self._used.get("thinking")
        if way and status in (400, 422) and ("thinking", way) not in self._known.taken:
            self._refused.update(("thinking", switch) for switch in self._known.switches)
            return True
        return False

    def _turn_down(self, name: str, said: str) -> bool:
        way = self._used.get(name)
        if not way:
            return False
        self._drop(name, way, said)
        self.takes_no_schema = name == "schema" and not self._left("schema")
        return not self.takes_no_schema

    def give_more(self) -> bool:
        """Switch thinking off in another way or make room for it; return whether there is one.

        For a prompt whose answer was cut while the model was still thinking.
        """
        way = self._used.get("thinking")
        self._has_thought = True
        if way and self._known.thinking == "off":
            self._useless.add(("thinking", way))
        if self._known.thinking == "off" and self._way("thinking"):
            return True
        self.room = max(_ROOM, 2 * self.room)
        return self.room <= _MOST_ROOM

    def is_followed(self, answer: str, *, is_whole: bool) -> bool:
        """Return whether an answer keeps to what it was held to; only the first are read through."""
        way = self._used.get("schema")
        if not way or self._held is None:
            return True
        known = self._known.followed
        if not self._held.may_begin(answer):
            return False
        if is_open(answer):
            # One that was cut at its limit may go on; one that ends in blanks would for ever.
            return not is_whole and bool(answer[-1:].strip())
        if known.get(way, 0) >= _FIRST_ANSWERS or not is_whole:
            return True
        if not self._held.is_followed(answer):
            return False
        with self._known.lock:
            known[way] = known.get(way, 0) + 1
        return True

    def pass_over(self) -> str:
        """Hold the answer in another way; return the way that was not followed, "" if it was the last."""
        way = self._used["schema"]
        self._useless.add(("schema", way))
        return way if self._left("schema") else ""

    def keep(self) -> None:
        """Let all prompts know what an answer has shown."""
        known = self._known
        with known.lock:
            known.taken |= set(self._used.items())
            known.refused = ((known.refused | self._refused) - known.taken) | self._useless
            known.has_thought |= self._has_thought
            known.room = max(known.room, min(self.room, _MOST_ROOM))

    def _way(self, name: str) -> str:
        return next(iter(self._left(name)), "")

    def _left(self, name: str) -> list[str]:
        ways = _WAYS.get(name, ())
        if name == "schema":
            ways = self._held.ways if self._held else ()
        if name == "thinking":
            # Of a server that refuses the first, others are tried only if its model does think.
            ways = self._known.switches if self._has_thought else self._known.switches[:1]
        gone = self._refused | self._useless
        return [way for way in ways if (name, way) not in gone]

    def _drop(self, name: str, way: str, said: str) -> None:
        self._refused.add((name, way))
        if name == "thinking" and not _REFUSED_VALUE.search(said):
            kind = way.partition(":")[0]
            same = [switch for switch in self._known.switches if switch.partition(":")[0] == kind]
            self._refused.update((name, switch) for switch in same)

    def _said(self, name: str, way: str, limit: int) -> dict[str, Any]:
        if name == "schema":
            return self._held.fields(way) if self._held else {}
        if name == "system":
            return {}
        if name == "thinking":
            return _switch_fields(way, is_on=self._known.thinking == "on")
        return {way: {"limit": limit, "scores": True, "temperature": 0, "stop": BLANKS}[name]}


def _switches(address: str) -> tuple[str, ...]:
    """Return the ways of switching thinking, that of a known host first."""
    host = urlsplit(address).netloc.rpartition("@")[2].lower()
    own = [kind for pattern, kind in _HOSTS if re.search(pattern, host)]
    return tuple(sorted(_SWITCHES, key=lambda way: way.partition(":")[0] not in own))


def _words(name: str, way: str) -> tuple[str, ...]:
    if name in ("schema", "system"):
        return _SCHEMA_WORDS if name == "schema" else _SYSTEM_WORDS
    if name == "thinking":
        field = _SWITCH_FIELDS[way.partition(":")[0]]
        return (
            (field, "enable_thinking") if way == "template" else (f'"{field}', f"'{field}", field)
        )
    return (way,)


def _switch_fields(way: str, *, is_on: bool) -> dict[str, Any]:
    kind, _, effort = way.partition(":")
    value: Any = {
        # DeepSeek's templates call it otherwise than Qwen's and GLM's.
        "template": {"enable_thinking": is_on, "thinking": is_on},
        "effort": "medium" if is_on else effort,
        "enable": is_on,
        "type": {"type": "enabled" if is_on else "disabled"},
        "reasoning": {"enabled": is_on},
    }[kind]
    return {_SWITCH_FIELDS[kind]: value}
