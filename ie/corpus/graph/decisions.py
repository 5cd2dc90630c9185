"""What the user says about names: reasons that do not count, and names to merge or to split.

merge:
- {names: [北京大学, 北大]}
split:
- {names: [长城, 长城汽车股份有限公司]}
- {names: [王伟], type: 人物, documents: [d17, d18]}
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from ...data.configuration import Problem, read_configuration
from ...errors import ConfigError, near_miss
from .names import REASONS


class Edit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A decision about names as they stand in documents; an empty `type` stands for any."""

    names: tuple[str, ...]
    type: str = ""
    documents: tuple[str, ...] = ()

    def speaks_of(self, text: str, type_: str) -> bool:
        """Return whether it is about a name with a type."""
        return text in self.names and self.type in ("", type_)


class Edits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file of `--edits`: names that are one thing, and names that are not.

    A merge names two or more. So does a split, or it names one and documents: there it is another thing.
    """

    merge: tuple[Edit, ...] = ()
    split: tuple[Edit, ...] = ()


class Decisions:
    """Reasons and edits, as the steps of the graph ask for them."""

    def __init__(self, no_merge: Iterable[str] = (), edits: Edits | None = None) -> None:
        """Check the reasons.

        Raises:
            ConfigError: a reason is none of `names.REASONS`.
        """
        self.edits = edits or Edits()
        self.refused = frozenset(no_merge)
        for reason in sorted(self.refused - set(REASONS)):
            raise ConfigError(
                f"no reason {reason!r}{near_miss(reason, list(REASONS))}; "
                f"reasons are {', '.join(REASONS)}"
            )
        self._split = {name for edit in self.edits.split for name in edit.names}

    def allows(self, reason: str, one: str, other: str) -> bool:
        """Return whether two names may be one thing for a reason."""
        if reason in self.refused:
            return False
        names = {one, other}
        return not any(names <= set(edit.names) and not edit.documents for edit in self.edits.split)

    def is_split(self, text: str) -> bool:
        """Return whether a split names this name, so that only its exact form is the same."""
        return text in self._split

    def apart(self, text: str, type_: str, document: str) -> str:
        """Return a mark of the thing of its own that a name is in a document, '' if it is none."""
        for number, edit in enumerate(self.edits.split):
            if document in edit.documents and edit.speaks_of(text, type_):
                return f"split {number}"
        return ""


def read_edits(path: str | Path) -> Edits:
    """Return the decisions of a YAML or JSON file.

    Raises:
        ConfigError: a line for each fault.
    """
    return read_configuration(path, Edits, check=_problems)


def _problems(edits: Edits) -> Iterator[Problem]:
    for number, edit in enumerate(edits.merge):
        if len(edit.names) < 2:
            yield _place("merge", number), f"expected two names or more, got {len(edit.names)}"
        if edit.documents:
            yield _place("merge", number), "'documents' goes with split only"
    for number, edit in enumerate(edits.split):
        if not edit.names or (len(edit.names) < 2 and not edit.documents):
            yield _place("split", number), "expected two names or more, or one name and documents"


def _place(*parts: Any) -> tuple[Any, ...]:
    return parts
