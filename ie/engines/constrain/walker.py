"""Which tokens an automaton lets through: a walk along the automaton and the tree of tokens.

A position is a state of the automaton and the bytes of a character begun but not finished.
"""

from collections.abc import Sequence
from typing import NamedTuple

from .automaton import AnswerAutomaton, State
from .token_tree import TokenNode, Vocabulary

# Positions whose tokens are remembered; only the last few are asked for again.
_KEPT = 64


class Position(NamedTuple):
    """Where a token sequence stands; `begun` are bytes of the next character."""

    state: State
    begun: bytes = b""


class Walker:
    """Follows one answer token by token.

    Every position it lets a sequence reach has a way to the end that fits into the tokens left.
    """

    def __init__(self, automaton: AnswerAutomaton, vocabulary: Vocabulary) -> None:
        self.automaton = automaton
        self.vocabulary = vocabulary
        self.start = Position(automaton.start)
        self._known: dict[Position, dict[int, Position]] = {}

    def least_tokens(self) -> int:
        """Return how many tokens the shortest answer known may need, its end included."""
        return self.automaton.distance(self.automaton.start) + 1

    def allowed(self, position: Position, left: int) -> list[int]:
        """Return the tokens that may come next when `left` more may be written, ascending.

        Tokens that end the answer are among them where it may end. Never empty if `left` is at
        least `least_tokens()` at the start and every token written was allowed.
        """
        after = self.following(position)
        if left <= self._near(position):
            # One more token for the end of the sequence.
            tokens = [t for t, to in after.items() if self._distance(to) + 2 <= left]
        else:
            tokens = list(after)
        if self.accepts(position):
            tokens += self.vocabulary.ends
        return sorted(tokens)

    def accepts(self, position: Position) -> bool:
        """Say whether the answer may end at a position."""
        return not position.begun and self.automaton.accepts(position.state)

    def advance(self, position: Position, token: int) -> Position | None:
        """Return the position after a token, or None if it was not allowed."""
        return self.following(position).get(token)

    def step(self, position: Position, token: int, left: int) -> Position | None:
        """Return the position after one token, or None if `allowed` would not list it.

        Quicker than `advance` where other tokens are not asked for. A token that ends the answer
        leaves the position as it is.
        """
        if token in self.vocabulary.ends:
            return position if self.accepts(position) and left > 0 else None
        written = self.vocabulary.written.get(token)
        after = None if written is None else self._read(position, written)
        if after is None or left > self._near(position) or self._distance(after) + 2 <= left:
            return after
        return None

    def nearest(self, position: Position) -> int:
        """Return the token that brings the end nearest, or that ends the answer if one may."""
        if self.accepts(position):
            return self.vocabulary.ends[0]
        after = self.following(position)
        return min(after, key=lambda token: (self._distance(after[token]), token))

    def following(self, position: Position) -> dict[int, Position]:
        """Return where each token leads from a position, however many may still be written."""
        result = self._known.get(position)
        if result is None:
            result = {}
            self._gather(position, result)
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[position] = result
        return result

    def forced(self, position: Position) -> tuple[str, Position]:
        """Return the characters that must come next, up to the first choice."""
        written: list[str] = []
        state, begun = position
        while not self.automaton.accepts(state):
            ways = self._ways(state, begun)
            if len(ways) != 1:
                break
            after = self.automaton.step(state, ways[0])
            assert after is not None
            written.append(ways[0])
            state, begun = after, b""
        return "".join(written), Position(state, begun)

    def _near(self, position: Position) -> int:
        """Return the tokens left from which on the way to the end must be looked at."""
        return self.automaton.reach(position.state) + 8

    def _read(self, position: Position, written: bytes) -> Position | None:
        """Return the position after some bytes, or None if no answer has them there."""
        state: State | None = position.state
        whole = position.begun + written
        text = whole.decode("utf-8", "ignore")
        begun = whole[len(text.encode()) :]
        if text.encode() + begun != whole:
            return None
        for character in text:
            state = self.automaton.step(state, character) if state is not None else None
        if state is None or (begun and not self._ways(state, begun)):
            return None
        return Position(state, begun)

    def _distance(self, position: Position) -> int:
        state, begun = position
        if not begun:
            return self.automaton.distance(state)
        best = None
        for character in self._ways(state, begun):
            after = self.automaton.step(state, character)
            if after is not None:
                size = len(character.encode()) - len(begun) + self.automaton.distance(after)
                best = size if best is None else min(best, size)
        assert best is not None
        return best

    def _ways(self, state: State, begun: bytes) -> list[str]:
        """Return the characters that may come next and begin with these bytes."""
        ways = self.automaton.ways(state)
        if not begun:
            return ways
        can_spell = self.vocabulary.can_spell
        return [c for c in ways if c.encode().startswith(begun) and can_spell(c)]

    def _gather(self, position: Position, result: dict[int, Position]) -> None:
        state, begun = position
        if not begun:
            self._walk(state, self.vocabulary.roots[b""], result)
            return
        for character in self._ways(state, begun):
            rest = character.encode()[len(begun) :]
            for size in range(1, len(rest) + 1):
                root = self.vocabulary.roots.get(rest[:size])
                if root is None:
                    continue
                if size < len(rest):
                    # Of tokens with this lead, those without more stop inside the character.
                    to = Position(state, begun + rest[:size])
                    result.update(dict.fromkeys(root.ids, to))
                else:
                    after = self.automaton.step(state, character)
                    if after is not None:
                        self._walk(after, root, result, ends_here=True)

    def _walk(
        self, state: State, root: TokenNode, result: dict[int, Position], *, ends_here: bool = False
    ) -> None:
        step, ways = self.automaton.step, self.automaton.ways
        waiting = [(state, root, ends_here)]
        while waiting:
            state, node, ends = waiting.pop()
            if ends and node.ids:
                result.update(dict.fromkeys(node.ids, Position(state)))
            children = node.children
            if not (children or node.tails):
                continue
            next_ones = ways(state)
            if node.tails:
                for begun in self._beginnings(next_ones):
                    tokens = node.tails.get(begun)
                    if tokens:
                        result.update(dict.fromkeys(tokens, Position(state, begun)))
            for character in next_ones:
                child = children.get(character)
                if child is not None:
                    after = step(state, character)
                    if after is not None:
                        waiting.append((after, child, True))

    def _beginnings(self, characters: Sequence[str]) -> set[bytes]:
        """Return the bytes with which a token may break off inside one of these characters."""
        result: set[bytes] = set()
        for character in characters:
            if character > "\x7f" and self.vocabulary.can_spell(character):
                written = character.encode()
                result.update(written[:size] for size in range(1, len(written)))
        return result


def check_room(walkers: Sequence[Walker], max_tokens: int) -> None:
    """Check that the shortest answer of each walker fits.

    Raises:
        ValueError: it does not.
    """
    least = max(walker.least_tokens() for walker in walkers)
    if max_tokens < least:
        raise ValueError(f"max_tokens is {max_tokens}; the shortest answer may take {least}")
