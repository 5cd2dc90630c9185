"""Choose a small set of records or documents that is diverse and covers every type.

Candidates with a fault are left out first. Then the one that adds most is taken, again and again:

    gain = Σ weight × log((n + 2) / (n + 1))    over the type(s), task, source, template and length

where n is how many were chosen with that value before. So rare values come first and all are
evened out; a type chosen less often than `floor` goes before anything else. Gains only fall, so a
heap needs few of them anew (lazy greedy, see `_Greedy.take`), and the result is within 1 - 1/e of
the best coverage. What is like a chosen text by ROUGE-L is passed over.
"""

import heapq
import math
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from chinchilla.data.documents import Document
from chinchilla.errors import ConfigError, near_miss
from chinchilla.files.jsonl import parse_document, read_lines, write_bytes
from chinchilla.instructions.balance import TOO_MANY_EMPTY
from chinchilla.instructions.duplicates import text_key
from chinchilla.instructions.quality import QualityRules, faults
from chinchilla.instructions.rouge import RougeIndex
from chinchilla.instructions.stats import AnyRecord, annotations, labels_said
from chinchilla.instructions.styles import carry_style

# What a choice is spread over, and how much each counts.
DIMENSIONS = {"type": 1.0, "task": 0.5, "source": 0.5, "template": 0.25, "length": 0.25}
_FLOOR_BONUS = 100.0
NEAR = "like a chosen text by ROUGE-L"
UNNEEDED = "others add more"
REPEATED = "repeated"
CONTRADICTION = "other answer to the same question"
BROKEN = "answer does not read"
COPIED = "answer repeats the text"

Feature = tuple[str, str]


@dataclass(frozen=True)
class SelectOptions:
    """What to choose.

    `total` items, of which at most the share `empty_rate` says nothing. `rouge` is the ROUGE-L
    from which two texts of one task are alike (0: any texts may be). `most` limits how many may
    share a value of a dimension, such as `{"type": 50}`. Lengths are those of the text.
    """

    total: int
    rouge: float = 0.7
    floor: int = 3
    most: dict[str, int] = field(default_factory=dict)
    empty_rate: float = 0.1
    shortest: int = 5
    longest: int = 2000
    seed: int = 0


@dataclass
class SelectReport:
    """What was chosen: `values` says of each value how many were chosen and how many there were.

    `types_at_random` is how many types a random choice of as many items covers.
    """

    read: int = 0
    chosen: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    values: dict[Feature, tuple[int, int]] = field(default_factory=dict)
    types_at_random: int = 0

    @property
    def types(self) -> tuple[int, int]:
        """How many types are covered, and how many there were among the faultless."""
        counts = [pair for (dimension, _), pair in self.values.items() if dimension == "type"]
        return sum(chosen > 0 for chosen, _ in counts), len(counts)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, keys sorted."""
        values: dict[str, dict[str, Any]] = {dimension: {} for dimension in DIMENSIONS}
        for (dimension, value), (chosen, available) in sorted(self.values.items()):
            values[dimension][value] = {"chosen": chosen, "available": available}
        covered, known = self.types
        return {
            "read": self.read,
            "chosen": self.chosen,
            "left_out": dict(sorted(self.left_out.items())),
            "types": {"covered": covered, "known": known, "at_random": self.types_at_random},
            "values": values,
        }


class Candidate(NamedTuple):
    """An item that may be chosen: its place among all lines, its text, and what it is counted under."""

    place: int
    text: str
    task: str
    features: tuple[Feature, ...]
    is_empty: bool


def select_files(
    inputs: Sequence[str | Path],
    options: SelectOptions,
    output: str | Path,
    *,
    force: bool = True,
) -> SelectReport:
    """Write the chosen lines of files of records or documents, as they are and in their order.

    How the records ask is told beside them as it is beside the inputs, if all tell the same.
    The same inputs, options and seed give the same lines. Texts are held in memory.

    Raises:
        ConfigError: an option out of range, an unknown dimension, or `-` as an input.
        InputError: a line is neither a record nor a document.
    """
    check_selection(inputs, options)
    report = SelectReport()
    chosen = _choose(list(candidates(inputs, options, report)), options, report)
    with write_bytes(output, force=force) as file:
        for place, (_, _, line) in enumerate(lines_of(inputs)):
            if place in chosen:
                file.write(line + b"\n")
    carry_style(inputs, output)
    return report


def check_selection(inputs: Sequence[str | Path], options: SelectOptions) -> None:
    """Refuse inputs that cannot be read twice, and options out of range.

    Raises:
        ConfigError: names the input or option.
    """
    if "-" in map(str, inputs):
        raise ConfigError("the inputs must be read twice; name a file instead of '-'")
    for path in map(Path, inputs):
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise ConfigError(f"{path}: is a pipe or device; the inputs must be read twice")
    for dimension, number in options.most.items():
        if dimension not in DIMENSIONS:
            raise ConfigError(
                f"most: unknown dimension {dimension!r}{near_miss(dimension, DIMENSIONS)}; "
                f"dimensions are {', '.join(DIMENSIONS)}"
            )
        if number < 1:
            raise ConfigError(f"most: {dimension}={number}; expected 1 or more")
    if options.total < 1:
        raise ConfigError(f"total is {options.total}; expected 1 or more")
    for name, rate in (("rouge", options.rouge), ("empty_rate", options.empty_rate)):
        if not 0 <= rate <= 1:
            raise ConfigError(f"{name} is {rate}; expected 0 to 1")


def lines_of(inputs: Iterable[str | Path]) -> Iterator[tuple[str, int, bytes]]:
    """Yield file, line number and content of every line that is not blank."""
    for path in inputs:
        for number, line in read_lines(path):
            if line and not line.isspace():
                yield str(path), number, line


def candidates(
    inputs: Sequence[str | Path], options: SelectOptions, report: SelectReport
) -> Iterator[Candidate]:
    """Yield what has no fault; faults and repetitions are counted."""
    decoder = msgspec.json.Decoder(AnyRecord)
    rules = QualityRules(options.shortest, options.longest)
    answers: dict[bytes, bytes] = {}
    for place, (path, number, line) in enumerate(lines_of(inputs)):
        report.read += 1
        try:
            record = decoder.decode(line)
        except msgspec.DecodeError:
            document = parse_document(line, path, number)
            question = text_key("", document.text)
            said = msgspec.json.encode(document.extraction).decode()
            candidate = _of_document(place, document)
            wrong = faults(document, None, rules)
        else:
            question, said = text_key(record.instruction, record.input), record.output
            candidate = _of_record(place, record)
            wrong = _record_faults(record, candidate.text, rules)
        if not wrong and question in answers:
            wrong = [REPEATED if answers[question] == text_key("", said) else CONTRADICTION]
        report.left_out.update(wrong[:1])
        if not wrong:
            answers[question] = text_key("", said)
            yield candidate


def _of_record(place: int, record: AnyRecord) -> Candidate:
    task = record.task.partition("-")[0]
    said = sorted({f"{task}: {label}" for label in labels_said(record)})
    text = record.input or record.instruction
    return _candidate(place, text, record.task, record.source, record.template, said)


def _of_document(place: int, document: Document) -> Candidate:
    said = sorted({f"{t}: {label}" for t, label in annotations(document) if t != "roles"})
    task = "+".join(dict.fromkeys(label.partition(":")[0] for label in said)) or "none"
    source = str(document.meta.get("source", ""))
    return _candidate(place, document.text, task, source, "", said)


def _candidate(
    place: int, text: str, task: str, source: str, template: str, said: list[str]
) -> Candidate:
    # Lengths are told apart by doubling: 33 to 64 characters are of one kind.
    size = 1 << max(len(text) - 1, 0).bit_length()
    others = {"task": task, "source": source, "template": template, "length": f"up to {size}"}
    features = [("type", label) for label in said]
    features += [(name, value) for name, value in others.items() if value]
    return Candidate(place, text, task, tuple(features), not said)


def _record_faults(record: AnyRecord, text: str, rules: QualityRules) -> list[str]:
    lang = record.lang if record.lang in ("zh", "en") else "zh"
    wrong = faults(Document("", text, meta={"lang": lang}), None, rules)
    if record.output.startswith("{"):
        try:
            msgspec.json.decode(record.output)
        except msgspec.DecodeError:
            wrong.append(BROKEN)
    if record.output.strip() == text.strip():
        wrong.append(COPIED)
    return wrong


def _choose(pool: list[Candidate], options: SelectOptions, report: SelectReport) -> set[int]:
    rng = random.Random(options.seed)
    at_random = rng.sample(pool, min(options.total, len(pool)))
    greedy = _Greedy(options, report.left_out, rng)
    saying = [candidate for candidate in pool if not candidate.is_empty]
    empty = [candidate for candidate in pool if candidate.is_empty]
    wanted = options.total - min(int(options.total * options.empty_rate), len(empty))
    greedy.take(saying, wanted)
    room = _room_for_empty(len(greedy.chosen), options)
    is_full = len(greedy.chosen) + room == options.total
    greedy.take(empty, room, UNNEEDED if is_full else TOO_MANY_EMPTY)
    available = Counter(feature for candidate in pool for feature in candidate.features)
    report.values = {key: (greedy.counts[key], number) for key, number in available.items()}
    report.types_at_random = len(
        {key for candidate in at_random for key in candidate.features if key[0] == "type"}
    )
    report.chosen = len(greedy.chosen)
    return greedy.chosen


def _room_for_empty(saying: int, options: SelectOptions) -> int:
    """Return how many empty ones may go with so many that say something."""
    rate, rest = options.empty_rate, options.total - saying
    # The last term, because 97 × 0.03 / 0.97 comes out a hair below 3.
    return rest if rate == 1 else min(rest, int(saying * rate / (1 - rate) + 1e-9))


# Of candidates that differ in their types alone: those of the same types, each with a chance.
_Groups = dict[tuple[Feature, ...], list[tuple[float, Candidate]]]


class _Shelf:
    """Groups of candidates that differ in their types alone, the best of them at hand."""

    def __init__(self, greedy: "_Greedy", groups: _Groups) -> None:
        self._greedy = greedy
        self._types = list(groups)
        # From the end, which is cheap to take: those of the least chance.
        self._groups = [
            sorted(group, key=lambda one: one[0], reverse=True) for group in groups.values()
        ]
        self._left = sum(map(len, self._groups))
        first = self._groups[0][0][1]
        self._others = first.features[len(self._types[0]) :]
        self._heap = [self._entry(i) for i in range(len(self._groups))]
        heapq.heapify(self._heap)

    def __len__(self) -> int:
        return self._left

    def best(self) -> tuple[float, float]:
        """Return what the best adds, negated, and its chance."""
        while (entry := self._entry(self._heap[0][-1])) != self._heap[0]:
            heapq.heapreplace(self._heap, entry)
        gain, chance, _ = entry
        return gain - self._greedy.gain(self._others), chance

    def pop(self) -> Candidate:
        """Take the best of the shelf, as `best` found it."""
        i = self._heap[0][-1]
        _, candidate = self._groups[i].pop()
        self._left -= 1
        if self._groups[i]:
            heapq.heapreplace(self._heap, self._entry(i))
        else:
            heapq.heappop(self._heap)
        return candidate

    def _entry(self, i: int) -> tuple[float, float, int]:
        return -self._greedy.gain(self._types[i]), self._groups[i][-1][0], i


class _Greedy:
    """Takes the candidates that add most to what was taken before."""

    def __init__(self, options: SelectOptions, left_out: Counter[str], rng: random.Random) -> None:
        self.options = options
        self.left_out = left_out
        self.rng = rng
        self.chosen: set[int] = set()
        self.counts: Counter[Feature] = Counter()
        self._worth: dict[Feature, float] = {}
        self.index = RougeIndex(options.rouge) if options.rouge else None

    def take(self, pool: Sequence[Candidate], wanted: int, rest: str = UNNEEDED) -> None:
        """Take up to `wanted` of the pool; equals are drawn by chance. `rest` is why others stay.

        Candidates of the same values add the same, so they are one group. Groups that differ in
        their types alone stand on one shelf: what a choice does to a task, source or length moves
        whole shelves, and only the groups with a type of it move within theirs.
        """
        shelves = [_Shelf(self, groups) for groups in self._grouped(pool)]
        heap = [(*shelf.best(), i) for i, shelf in enumerate(shelves)]
        heapq.heapify(heap)
        taken = 0
        while heap and taken < wanted:
            *_, i = heapq.heappop(heap)
            # What this would be worth by now: others are worth no more than they were.
            entry = (*shelves[i].best(), i)
            if heap and entry > heap[0]:
                heapq.heappush(heap, entry)
                continue
            candidate = shelves[i].pop()
            if shelves[i]:
                heapq.heappush(heap, entry)
            reason = self._refusal(candidate)
            if reason:
                self.left_out[reason] += 1
                continue
            self._keep(candidate)
            taken += 1
        if left := sum(len(shelf) for shelf in shelves):
            self.left_out[rest] += left

    def _grouped(self, pool: Sequence[Candidate]) -> Iterable[_Groups]:
        shelves: dict[tuple[Feature, ...], _Groups] = {}
        for candidate in pool:
            types = tuple(one for one in candidate.features if one[0] == "type")
            others = candidate.features[len(types) :]
            for feature in candidate.features:
                if feature not in self._worth:
                    self._worth[feature] = self._worth_of(feature)
            groups = shelves.setdefault(others, {})
            groups.setdefault(types, []).append((self.rng.random(), candidate))
        return shelves.values()

    def gain(self, features: Iterable[Feature]) -> float:
        """Return what another candidate with these values adds."""
        gain = 0.0
        for feature in features:
            gain += self._worth[feature]
        return gain

    def _worth_of(self, feature: Feature) -> float:
        number = self.counts[feature]
        worth = DIMENSIONS[feature[0]] * math.log((number + 2) / (number + 1))
        is_wanted = feature[0] == "type" and number < self.options.floor
        return worth + _FLOOR_BONUS if is_wanted else worth

    def _refusal(self, candidate: Candidate) -> str:
        for feature in candidate.features:
            limit = self.options.most.get(feature[0])
            if limit is not None and self.counts[feature] >= limit:
                return f"enough of its {feature[0]}"
        if self.index is not None and self.index.find(candidate.text, candidate.task):
            return NEAR
        return ""

    def _keep(self, candidate: Candidate) -> None:
        self.chosen.add(candidate.place)
        self.counts.update(candidate.features)
        for feature in candidate.features:
            self._worth[feature] = self._worth_of(feature)
        if self.index is not None:
            self.index.add(candidate.place, candidate.text, candidate.task)
