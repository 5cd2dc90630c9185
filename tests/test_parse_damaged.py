"""Every defect of the damaged corpus: nothing raises, every complete item comes back."""

import re
from collections import Counter

import pytest
from damaged_outputs import Case, cases, schema

from chinchilla.decoding.decode import decode
from chinchilla.decoding.formats import Item
from chinchilla.decoding.parse import parse

SCHEMA = schema()
CASES = list(cases())


def _said(items: tuple[Item, ...]) -> list[tuple[object, ...]]:
    return [(item.task, item.label, item.head, item.slots) for item in items]


def test_the_corpus_has_at_least_500_outputs_and_40_defects() -> None:
    assert len({(case.name, case.completion, case.tasks) for case in CASES}) >= 500
    assert len(Counter(case.name for case in CASES)) >= 40


@pytest.mark.parametrize("name", sorted({case.name for case in CASES}))
def test_every_complete_item_is_salvaged(name: str) -> None:
    for case in CASES:
        if case.name == name:
            _check(case)


def _check(case: Case) -> None:
    answer = parse(case.completion, case.format, case.tasks, SCHEMA)
    said, expected = _said(answer.items), _said(case.whole)
    assert said[: len(expected)] == expected, case.completion
    assert len(said) <= len(expected) + case.is_cut, case.completion
    if case.is_cut and not _looks_whole(case):
        kinds = {issue.kind for issue in answer.issues}
        assert kinds & {"truncated", "unparsable"}, case.completion


def _looks_whole(case: Case) -> bool:
    """Say whether a compact answer was cut where it could as well have ended."""
    said = case.completion.rstrip("\n")
    return case.format == "compact" and (said.endswith("⟧") or not re.search(r"\w", said))


def test_most_cuts_fall_where_no_answer_can_end() -> None:
    cut = [case for case in CASES if case.is_cut]
    assert sum(map(_looks_whole, cut)) < len(cut) / 10


def test_every_mention_is_where_the_offsets_say() -> None:
    for case in CASES:
        result = decode(case.completion, case.text, SCHEMA, case.format, case.tasks)
        for entity in result.entities:
            if entity.start is not None and entity.end is not None:
                assert case.text[entity.start : entity.end] == entity.text


def test_ranges_lead_to_the_strings_they_name() -> None:
    for case in CASES:
        if "escape" in case.name:
            continue
        for item in parse(case.completion, case.format, case.tasks, SCHEMA).items:
            strings = (item.label, item.head, *(text for _, text in item.slots))
            for (start, end), string in zip(item.at, strings, strict=True):
                if start >= 0 and string and "\\" not in case.completion[start:end]:
                    assert case.completion[start:end] == string
