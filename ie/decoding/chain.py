"""Choose one occurrence for each mention of a list that is written in text order."""

from collections.abc import Sequence

# Going back in the text costs more than any preference between occurrences.
BACKWARDS = 1e6


def cheapest_chain(
    candidates: Sequence[Sequence[int]], costs: Sequence[Sequence[float]]
) -> tuple[list[int], float]:
    """Return for each list the index of the start that it gives to the chain, and the total.

    The chosen starts decrease least often, then cost least; ties go to the left. Lists are
    ascending; an empty one gives -1 and is passed over. Linear in the number of candidates.
    """
    if all(len(starts) <= 1 for starts in candidates):
        picks = [len(starts) - 1 for starts in candidates]
        kept = [s[0] for s in candidates if s]
        back = sum(1 for a, b in zip(kept, kept[1:], strict=False) if b < a)
        return picks, BACKWARDS * back + sum(c[0] for c in costs if c)
    steps: list[tuple[int, list[int]]] = []
    before: Sequence[int] = ()
    totals: list[float] = []
    for i, starts in enumerate(candidates):
        if not starts:
            continue
        if not steps:
            totals, links = list(costs[i]), [-1] * len(starts)
        else:
            totals, links = _extend(before, totals, starts, costs[i])
        steps.append((i, links))
        before = starts
    picks = [-1] * len(candidates)
    at = min(range(len(totals)), key=totals.__getitem__)
    total = totals[at]
    for i, links in reversed(steps):
        picks[i] = at
        at = links[at]
    return picks, total


def _extend(
    before: Sequence[int], totals: list[float], starts: Sequence[int], costs: Sequence[float]
) -> tuple[list[float], list[int]]:
    overall = min(range(len(before)), key=totals.__getitem__)
    backwards = totals[overall] + BACKWARDS
    new: list[float] = []
    links: list[int] = []
    j, best = 0, -1
    for start, cost in zip(starts, costs, strict=True):
        while j < len(before) and before[j] <= start:
            if best < 0 or totals[j] < totals[best]:
                best = j
            j += 1
        if best >= 0 and totals[best] <= backwards:
            new.append(totals[best] + cost)
            links.append(best)
        else:
            new.append(backwards + cost)
            links.append(overall)
    return new, links
