"""Characters that change what a reader sees without being seen: shown, never sent.

A control character may move a terminal's cursor or run a command of it, and a mark of direction may
show a text in another order than it has. Tables and pages show their code points instead.
"""

import re

# C0 (but for tab and line feed), DEL and C1; marks of direction (UAX #9); joiners and blanks without
# width; line and paragraph separators; code points of a text that is no text. web/src/dom.ts has them too.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff]"
)


def visible(text: str) -> str:
    r"""Return a text with what is unseen written out, as `⟨U+001B⟩` for an escape character.

    Tabs and line feeds stay. What is cut from it by offsets must be cut before.
    """
    return _UNSEEN.sub(_shown, text)


def visible_line(text: str) -> str:
    """Return the same on one line, for a cell or a name: tabs and line feeds are blanks."""
    return visible(text.replace("\r\n", " ").replace("\n", " ").replace("\t", " "))


def _shown(match: re.Match[str]) -> str:
    return f"⟨U+{ord(match[0]):04X}⟩"
