"""What an answer over HTTP is held to, in the ways that servers take, and whether one followed.

json_schema                  response_format of OpenAI, vLLM, SGLang, llama.cpp
structured_outputs           vLLM's own field, without white space between the keys
structured_outputs:grammar   a grammar of llguidance, whose strings are copied from the text (vLLM)
grammar, ebnf                the same grammar for llama.cpp and for SGLang
json_object                  any JSON, for servers that know no schema
"""

import json
from functools import cached_property
from typing import Any

from ..decoding.formats import CLOSE, OPEN
from ..decoding.json_schema import conforms
from ..decoding.wrappers import answer_of
from .protocol import Constraint

GRAMMAR_WAYS = ("structured_outputs:grammar", "grammar", "ebnf")
WAYS = ("json_schema", "structured_outputs", *GRAMMAR_WAYS, "json_object")
# No answer holds so much white space; a model that writes it does not come to an end.
BLANKS = ["\n\n\n\n", " " * 32, "\t" * 16]
# A mention in the compact form may be so long before its label tells what it is.
_UNTOLD = 24


class Held:
    """A constraint in the forms that are sent."""

    def __init__(self, constraint: Constraint) -> None:
        self._constraint = constraint
        self.schema = constraint.json_schema()
        # The compact form is no JSON: a grammar alone can say it.
        self.ways = WAYS if self.schema is not None else GRAMMAR_WAYS

    @cached_property
    def grammar(self) -> str:
        """The answers as a grammar that llguidance reads."""
        return "%llguidance {}\n" + self._constraint.grammar(lambda _: True)

    def fields(self, way: str) -> dict[str, Any]:
        """Return the fields of a request that say it in a way."""
        if way == "json_object":
            return {"response_format": {"type": "json_object"}}
        if way == "structured_outputs":
            return {"structured_outputs": {"json": self.schema, "disable_any_whitespace": True}}
        if way == "structured_outputs:grammar":
            return {"structured_outputs": {"grammar": self.grammar}}
        if way in GRAMMAR_WAYS:
            return {way: self.grammar}
        named = {"name": "answer", "schema": self.schema, "strict": True}
        return {"response_format": {"type": "json_schema", "json_schema": named}}

    def may_begin(self, answer: str) -> bool:
        """Return whether what there is of an answer can be the beginning of one that is allowed."""
        said = (answer_of(answer) or "").strip()
        if self.schema is None:
            return OPEN in said or len(said) < _UNTOLD
        return not said or said.startswith("{")

    def is_followed(self, answer: str) -> bool:
        """Return whether an answer is one of those that the constraint allows, mentions aside."""
        said = (answer_of(answer) or "").strip()
        if self.schema is None:
            return said.endswith(CLOSE)
        try:
            return conforms(json.loads(said), self.schema)
        except (ValueError, RecursionError):
            return False


def is_open(answer: str) -> bool:
    """Return whether an answer breaks off before its end, as where white space follows without end."""
    return not answer.rstrip().endswith(("}", "]", CLOSE, "```"))
