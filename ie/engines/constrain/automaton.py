"""The answers to one question as an automaton over characters.

    state = automaton.start
    for character in '{"entities":[]}':
        state = automaton.step(state, character)      # None: no answer goes on like this
    automaton.accepts(state)                          # True: an answer may end here

From every state an answer's end can be reached, `distance` bytes away.
"""

from dataclasses import dataclass, replace
from heapq import heappop, heappush

from ...decoding.formats import OBJECT_SLOT
from .memory import Memo, Openings, Said
from .spelling import Blank, CompactForm, JsonForm, Node, Target
from .substrings import ROOT

_NOWHERE = -1


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """A point within an answer.

    `node` is where one stands among fixed words, and `blank` the mention that may be written:
    `word` so far, with `partial` of an escape; `place` is its state among the substrings.
    """

    memo: Memo
    node: Node | None
    blank: Blank | None
    place: int = ROOT
    word: str = ""
    partial: str = ""
    is_turn: bool = False


class AnswerAutomaton:
    """The automaton of one schema, task, text and form. See the module."""

    def __init__(self, openings: Openings, form: JsonForm | CompactForm) -> None:
        self.text = openings.text
        self.openings = openings
        self.form = form
        self._spelt = {written: c for c, written in form.escapes.items()}
        self._parts = {w[:i] for w in self._spelt for i in range(1, len(w))}
        self._longest_option = form.overhead + max(map(self._size, openings.names), default=0)
        self._longest_gap = (self.text.longest_gap + 1) * max(
            map(self._size, set(self.text.text)), default=0
        )
        self.start = self._turn(Memo("start", Said()))

    def accepts(self, state: State) -> bool:
        """Say whether an answer may end at a state."""
        return state.is_turn and self.form.accepts(state.memo)

    def ways(self, state: State) -> list[str]:
        """Return the characters that may come next; the end of the answer is not among them."""
        ways = list(state.node.children) if state.node is not None else []
        if state.blank is None:
            return ways
        at = len(state.partial)
        for character in self._following(state):
            written = self.form.escapes.get(character, character)
            if written.startswith(state.partial):
                ways.append(written[at])
        return list(dict.fromkeys(ways)) if at or "\\" in ways else ways

    def step(self, state: State, character: str) -> State | None:
        """Return the state after one more character, or None if no answer has it there."""
        if state.node is not None:
            child = state.node.children.get(character)
            if child is not None:
                if child.target is not None:
                    return self._turn(self._after(state.memo, state.word, child.target))
                return State(state.memo, child, None, _NOWHERE, state.word)
        return None if state.blank is None else self._spell(state, state.blank, character)

    def distance(self, state: State) -> int:
        """Return how many UTF-8 bytes lead from a state to an end of the answer.

        It is that of one certain way out: from every state but the last, some character brings
        the end nearer by its own bytes.
        """
        total = 0
        while not self.accepts(state):
            if state.node is not None and (state.node.children or state.node.target):
                _, size, _, target = state.node.way_out()
                total += size
                state = self._turn(self._after(state.memo, state.word, target))
            else:
                size, state = self._nearest_mention(state)
                total += size
        return total

    def reach(self, state: State) -> int:
        """Return a bound of the distance of any state that one token may lead to from here.

        The way to the end holds at most three options, each with one name, and two mentions;
        each closed mention may make a mention longer by one character and a run of blanks.
        """
        closed = max(state.memo.said.most_closed, len(state.memo.slots)) + 3
        return 3 * self._longest_option + 2 * self._longest_gap * closed

    def _size(self, text: str) -> int:
        """Return how many bytes a text has when it is written."""
        written = "".join(self.form.escapes.get(c, c) for c in text)
        return len(written.encode("utf-8", "surrogatepass"))

    def _turn(self, memo: Memo) -> State:
        return State(memo, self.form.options(memo), self.form.blank(memo), is_turn=True)

    def _after(self, memo: Memo, word: str, target: Target) -> Memo:
        """Return the memo when an option has been written, after `word` if that is not empty."""
        said, label, head, slots = memo.said, memo.label, memo.head, memo.slots
        names_first = isinstance(self.form, JsonForm)
        if word and memo.at == "slot":
            slots = (*slots, (memo.name if names_first else target.name, word))
        elif word:
            head = word
            label = label if names_first else target.label
        if target.value is not None:
            slots = (*slots, (target.name, target.value))
        if target.done:
            said = said.with_item(
                self.openings.task, Memo(memo.at, said, label, head, slots), self.text
            )
            label, head, slots = None, None, ()
        elif target.label is not None:
            label = target.label
        spaced = memo.spaced if target.spaced is None else target.spaced
        name = target.name if target.at == "slot" else OBJECT_SLOT
        return Memo(target.at, said, label, head, slots, name, spaced)

    def _spell(self, state: State, blank: Blank, character: str) -> State | None:
        written = state.partial + character
        if state.partial or character in self.form.escapes:
            if written in self._parts:
                partial = replace(state, node=None, partial=written, is_turn=False)
                return partial if self.ways(partial) else None
            if written not in self._spelt:
                return None
            written = self._spelt[written]
        word = state.word + written
        place = self.text.edges[state.place].get(written, _NOWHERE) if state.place >= 0 else -1
        if place >= 0 and not self._is_alive(place, word, blank):
            place = _NOWHERE
        if place < 0 and not any(value.startswith(word) for value in blank.values):
            return None
        is_mention = place >= 0 and self.text.ends[place]
        closings = self.form.closings(state.memo, blank, word, is_mention)
        return State(state.memo, closings, blank, place, word)

    def _is_alive(self, place: int, word: str, blank: Blank) -> bool:
        """Say whether some mention that begins so may still be written."""
        if not blank.takes_mentions:
            return False
        closed = blank.closed
        return self.text.ways[place] > sum(other.startswith(word) for other in closed)

    def _following(self, state: State) -> list[str]:
        """Return the characters that may continue the mention being written."""
        assert state.blank is not None
        result: list[str] = []
        if state.place >= 0 and state.blank.takes_mentions:
            edges = self.text.edges[state.place]
            if not state.blank.closed:
                result = list(edges)
            else:
                result = [
                    c for c, to in edges.items() if self._is_alive(to, state.word + c, state.blank)
                ]
        at = len(state.word)
        for value in state.blank.values:
            if len(value) > at and value.startswith(state.word) and value[at] not in result:
                result.append(value[at])
        return result

    def _nearest_mention(self, state: State) -> tuple[int, State]:
        """Return the state, and the bytes to it, where the mention being written may first end."""
        waiting: list[tuple[int, str, State]] = [(0, "", state)]
        while True:
            size, path, state = heappop(waiting)
            if size and state.node is not None and state.node.children:
                return size, state
            for character in self.ways(state):
                after = self.step(state, character)
                if after is not None:
                    written = path + character
                    heappush(waiting, (size + len(character.encode()), written, after))
