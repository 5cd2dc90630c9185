"""The mentions of a text: its substrings that neither begin nor end with a blank.

A suffix automaton (Blumer et al. 1985) holds all substrings of a text of n characters in fewer
than 2n states; a walk along its edges spells exactly the substrings.
"""

import re
from collections.abc import Callable

# `parse` takes these for reasoning before the answer, so no mention may hold a whole one.
_THOUGHT_MARK = re.compile(r"</?(?:think|thinking|thought|reasoning|analysis)>")
ROOT = 0


class Substrings:
    """All substrings of a text; states are numbers, ROOT spells the empty string.

    Attributes:
        edges: per state, the next state by character, on the way to some mention.
        ends: per state, whether what it spells may be a whole mention.
        ways: per state, how many mentions begin with what it spells, itself included.
        mentions: how many different mentions the text holds.
        longest_gap: the longest run of characters that cannot end a mention.
    """

    def __init__(self, text: str, can_write: Callable[[str], bool] = lambda _: True) -> None:
        """Read a text; characters for which `can_write` is false part it, as if cut there."""
        self.text = text
        self.edges: list[dict[str, int]] = [{}]
        self.ends: list[bool] = [False]
        self._links: list[int] = [-1]
        self._lengths: list[int] = [0]
        cuts = {match.end() - 1 for match in _THOUGHT_MARK.finditer(text)}
        writable = {character: can_write(character) for character in set(text)}
        last, gap, self.longest_gap = ROOT, 0, 0
        for at, character in enumerate(text):
            if at in cuts or not writable[character]:
                last, gap = ROOT, 0
                continue
            last = self._extend(last, character)
            gap = 0 if self.ends[last] else gap + 1
            self.longest_gap = max(self.longest_gap, gap)
        # A mention does not begin with a blank.
        self.edges[ROOT] = {c: to for c, to in self.edges[ROOT].items() if not c.isspace()}
        self.ways = self._count()
        # Nor does one end with blanks: what leads only to them leads nowhere.
        self.edges = [{c: to for c, to in row.items() if self.ways[to]} for row in self.edges]
        self.mentions = self.ways[ROOT]

    def occurrences(self, mention: str) -> int:
        """Return how often a string occurs in the text, overlapping occurrences included."""
        count, at = 0, self.text.find(mention)
        while at >= 0:
            count += 1
            at = self.text.find(mention, at + 1)
        return count

    def _extend(self, last: int, character: str) -> int:
        """Add one character after the state `last` and return the state of the longer string."""
        known = self.edges[last].get(character)
        if known is not None:
            if self._lengths[known] == self._lengths[last] + 1:
                return known
            return self._clone(last, known, character)
        new = self._add(self._lengths[last] + 1, not character.isspace())
        while last >= 0 and character not in self.edges[last]:
            self.edges[last][character] = new
            last = self._links[last]
        if last < 0:
            self._links[new] = ROOT
            return new
        known = self.edges[last][character]
        if self._lengths[known] == self._lengths[last] + 1:
            self._links[new] = known
        else:
            self._links[new] = self._clone(last, known, character)
        return new

    def _clone(self, last: int, known: int, character: str) -> int:
        """Split a state: its shorter strings, which end here too, get a state of their own."""
        clone = self._add(self._lengths[last] + 1, self.ends[known])
        self.edges[clone] = dict(self.edges[known])
        self._links[clone] = self._links[known]
        self._links[known] = clone
        while last >= 0 and self.edges[last].get(character) == known:
            self.edges[last][character] = clone
            last = self._links[last]
        return clone

    def _add(self, length: int, ends: bool) -> int:
        self.edges.append({})
        self.ends.append(ends)
        self._links.append(-1)
        self._lengths.append(length)
        return len(self.edges) - 1

    def _count(self) -> list[int]:
        ways = [0] * len(self.edges)
        # Every edge leads to a longer string, so the longest come first.
        for state in sorted(range(len(ways)), key=self._lengths.__getitem__, reverse=True):
            ways[state] = self.ends[state] + sum(ways[to] for to in self.edges[state].values())
        return ways
