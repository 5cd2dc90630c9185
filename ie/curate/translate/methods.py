"""Four ways by which mentions survive a translation, and `auto`, which tries them in turn.

    constrained  translate clean, then insert marks where the translator finds them likeliest, with
                 the translation as it is (the idea of CODEC, Le et al. 2024); needs scores
    markers      translate with marks in the text (EasyProject, Chen et al. 2023)
    glossary     translate each mention apart, and look for it in the clean translation; a translator
                 that learnt to copy terms gets them in the source (Song et al. 2019)
    alignment    what the translator looked at, or the stretch most alike to the mention's translation

All but `markers` take the translation as it is. `auto` takes no place that shares nothing with what the
mention alone is translated to.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ...data.occurrences import find_all
from ...data.text import fold
from ...errors import ConfigError, near_miss
from .glossary import Terms
from .marks import NOTHING, put_marks, take_marks
from .protocol import Aligner, FoundMention, Projected, ScoringTranslator, Span, Translator

CONSTRAINED, MARKERS, GLOSSARY, ALIGNMENT, AUTO = (
    *("constrained", "markers", "glossary", "alignment"),
    "auto",
)
METHODS = (AUTO, CONSTRAINED, MARKERS, GLOSSARY, ALIGNMENT)
# What stands in the translation word for word is right most often; marks change the translation.
ORDER = (GLOSSARY, CONSTRAINED, ALIGNMENT, MARKERS)

NO_SCORES = "the translator gives no scores"
NOT_FOUND = "translation of the mention not found"
NO_PLACE = "no place left in the translation"
UNTRANSLATED = "mention translated to nothing"
UNLIKE = "the likeliest place has nothing of the mention's translation"
# Likeliest openings that are tried with all closings; longest mention in code points.
_OPENINGS, _LONGEST = 4, 24
# Likeness from which a stretch counts as the translation of a mention (0 to 100).
_ALIKE = 67.0
# How much of the attention a part must give a mention to be part of it, relative to an even share.
_SHARE = 1.0


class Projector:
    """Translates sentences with their mentions by one method, or several in turn."""

    def __init__(
        self, translator: Translator, method: str = AUTO, terms: Terms | None = None
    ) -> None:
        """Make a projector.

        Raises:
            ConfigError: no such method, or one that needs scores of a translator without.
        """
        if method not in METHODS:
            raise ConfigError(
                f"unknown method {method!r}{near_miss(method, METHODS)}; use {', '.join(METHODS)}"
            )
        if method == CONSTRAINED and not isinstance(translator, ScoringTranslator):
            raise ConfigError(
                f"{translator.name}: gives no scores, which --method constrained needs; "
                f"use {MARKERS} or {GLOSSARY}"
            )
        self.translator = translator
        self.method = method
        self.terms = terms or Terms(translator)

    def project(self, sentences: Sequence[tuple[str, Sequence[Span]]]) -> list[Projected]:
        """Translate sentences, each with the spans of its distinct mentions, in batches."""
        order = ORDER if self.method == AUTO else (self.method,)
        texts = [text for text, _ in sentences]
        names = [[text[a:b] for a, b in spans] for text, spans in sentences]
        self.terms.learn(name for some in names for name in some)
        marked = [put_marks(text, spans) for text, spans in sentences]
        asked = texts
        if GLOSSARY in order and getattr(self.translator, "copies_terms", False):
            asked = [self._with_terms(text, spans) for text, spans in sentences]
        clean = self.translator.translate(asked) if order != (MARKERS,) else [""] * len(texts)
        result = [
            Projected(target, tuple(self._search(text, target, spans, order)))
            for (text, spans), target in zip(sentences, clean, strict=True)
        ]
        if MARKERS in order:
            left = [
                n
                for n, one in enumerate(result)
                if order == (MARKERS,) or any(found.span is None for found in one.found)
            ]
            said = self.translator.translate([marked[n].text for n in left])
            for n, target in zip(left, said, strict=True):
                tried = self._unmarked(names[n], marked[n].letters, marked[n].reasons, target)
                if order == (MARKERS,) or _lost(tried) < _lost(result[n]):
                    result[n] = tried
        return result

    def _with_terms(self, text: str, spans: Sequence[Span]) -> str:
        """Return a source with the translations of its mentions in it; of nested ones the outer's."""
        pieces, done = [], 0
        for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
            told = self.terms.of(text[start:end])
            if start >= done and told:
                pieces += [text[done:start], told]
                done = end
        return "".join([*pieces, text[done:]])

    def _unmarked(
        self,
        names: Sequence[str],
        letters: Sequence[str],
        reasons: dict[int, str],
        target: str,
    ) -> Projected:
        taken = take_marks(target, letters)
        found = [
            FoundMention(
                taken.spans.get(letter) if letter else None,
                MARKERS,
                reasons.get(n) or taken.reasons.get(letter, ""),
                self.terms.of(name),
            )
            for n, (name, letter) in enumerate(zip(names, letters, strict=True))
        ]
        return Projected(taken.text, tuple(found))

    def _search(
        self, source: str, target: str, spans: Sequence[Span], order: Sequence[str]
    ) -> Iterator[FoundMention]:
        """Find mentions in a clean translation, each by the first method that finds it."""
        placed: list[Span | None] = [None] * len(spans)
        for n, span in enumerate(spans):
            told = self.terms.of(source[span[0] : span[1]])
            best = FoundMention(None, "", NOT_FOUND, told)
            for method in order:
                if method == MARKERS or best.span:
                    continue
                taken = [
                    there
                    for other, there in zip(spans, placed, strict=True)
                    if there and not _overlap(other, span)
                ]
                best = self._one(method, source, target, span, told, taken)
                is_guess = len(order) > 1 and method != GLOSSARY
                if is_guess and best.span and _is_unlike(target, best.span, told, source, span):
                    best = FoundMention(None, method, UNLIKE)
            if best.span and not target[slice(*best.span)].strip():
                best = FoundMention(None, best.method, NOTHING)
            placed[n] = best.span
            yield replace(best, told=told)

    def _one(
        self,
        method: str,
        source: str,
        target: str,
        span: Span,
        told: str,
        taken: Sequence[Span],
    ) -> FoundMention:
        if method == GLOSSARY:
            spot = _verbatim(target, told, taken) or _verbatim(target, source[slice(*span)], taken)
            return FoundMention(spot, method, "" if spot else NOT_FOUND if told else UNTRANSLATED)
        if method == CONSTRAINED:
            if not isinstance(self.translator, ScoringTranslator):
                return FoundMention(None, method, NO_SCORES)
            spot = inserted(self.translator, source, target, span, taken)
            return FoundMention(spot, method, "" if spot else NO_PLACE)
        if isinstance(self.translator, Aligner):
            spot = _looked_at(self.translator, source, target, span, taken)
        else:
            spot = _most_alike(target, told, taken)
        return FoundMention(spot, method, "" if spot else NOT_FOUND)


def _lost(projected: Projected) -> int:
    return sum(found.span is None for found in projected.found)


def _is_unlike(target: str, place: Span, told: str, source: str, span: Span) -> bool:
    """Return whether a place shares no character with the mention and with its own translation."""
    known = fold(told + source[slice(*span)]).text
    return bool(told) and not set(known) & set(fold(target[slice(*place)]).text)


def _overlap(first: Span, second: Span) -> bool:
    return first[0] < second[1] and second[0] < first[1]


def _is_free(span: Span, taken: Sequence[Span]) -> bool:
    return not any(_overlap(span, other) for other in taken)


def _verbatim(target: str, string: str, taken: Sequence[Span]) -> Span | None:
    """Return the first free place of a string, width and case set aside."""
    wanted = fold(string).text
    folded = fold(target)
    for at in find_all(folded.text, wanted):
        span = folded.span(at, at + len(wanted))
        if _is_free(span, taken):
            return span
    return None


def _most_alike(target: str, told: str, taken: Sequence[Span]) -> Span | None:
    """Return the stretch that is most like the mention's translation, if it is alike enough."""
    from rapidfuzz import fuzz

    if not told or not target:
        return None
    found = fuzz.partial_ratio_alignment(told, target, score_cutoff=_ALIKE)
    if found is None or found.dest_end <= found.dest_start:
        return None
    span = (found.dest_start, found.dest_end)
    return span if _is_free(span, taken) else None


def inserted(
    scorer: ScoringTranslator, source: str, target: str, span: Span, taken: Sequence[Span] = ()
) -> Span | None:
    """Return where marks go into a translation that stays as it is, by the translator's scores.

    First the mark that opens is tried at every place, then, for the likeliest, the one that closes.
    """
    begin, end = put_marks("", [(0, 0)]).text[:3], "</a>"
    asked = put_marks(source, [span]).text
    length = len(target)
    starts = [n for n in range(length) if _is_free((n, n + 1), taken)]
    if not starts:
        return None
    scores = scorer.score(asked, [f"{target[:n]}{begin}{target[n:]}" for n in starts])
    ranked = sorted(zip(scores, starts, strict=True), key=lambda pair: (-pair[0], pair[1]))
    pairs = [
        (start, stop)
        for _, start in ranked[:_OPENINGS]
        for stop in range(start + 1, min(length, start + _LONGEST) + 1)
        if _is_free((start, stop), taken)
    ]
    both = [f"{target[:a]}{begin}{target[a:b]}{end}{target[b:]}" for a, b in pairs]
    scores = scorer.score(asked, both)
    return max(zip(scores, pairs, strict=True), key=lambda pair: (pair[0], -pair[1][0]))[1]


def _looked_at(
    aligner: Aligner, source: str, target: str, span: Span, taken: Sequence[Span]
) -> Span | None:
    """Return the run of target parts that look at a mention the most (maximum sum above a share)."""
    aligned = aligner.align(source, target)
    ours = [n for n, part in enumerate(aligned.sources) if _overlap(part, span)]
    if not ours or not aligned.targets:
        return None
    even = _SHARE * len(ours) / len(aligned.sources)
    gains = [
        sum(weights[n] for n in ours) - max(even, 0.25) if _is_free(part, taken) else -1e9
        for part, weights in zip(aligned.targets, aligned.weights, strict=True)
    ]
    best, run, total, first = 0.0, None, 0.0, 0
    for n, gain in enumerate(gains):
        if total <= 0:
            total, first = 0.0, n
        total += gain
        if total > best:
            best, run = total, (first, n)
    if run is None:
        return None
    start, end = aligned.targets[run[0]][0], aligned.targets[run[1]][1]
    return (start, end) if start < end else None
