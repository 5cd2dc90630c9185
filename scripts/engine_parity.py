"""Parity: do the engines that run one model say the same, token for token, and score alike?

Every variant is asked the prompts of the first, the reference: an adapter on its base, the merged
model, its CTranslate2 conversion in several compute types. Tokens are those that an engine wrote;
where one gives none (encoder-decoder models of CTranslate2), characters are compared instead.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from chinchilla.data.documents import Document
from chinchilla.data.schema import Schema
from chinchilla.engines.model_files import read_style
from chinchilla.engines.open import open_writer
from chinchilla.engines.protocol import Backend, Completion, Usage
from chinchilla.engines.writer import Writer
from chinchilla.errors import ConfigError
from chinchilla.evaluate.evaluation import Evaluation, Options, compare_evaluations, evaluate
from chinchilla.files.tables import Table, format_interval, format_ratio
from chinchilla.options import ExtractOptions
from chinchilla.pipeline import Extractor
from chinchilla.prompts.messages import Prompt

# Ends an answer that the model itself ended; no token has this text.
_END = "\0end"


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to run the model: a folder, and for CTranslate2 the type it computes in."""

    name: str
    folder: str
    compute_type: str | None = None

    def open(self) -> Writer:
        """Load it.

        Raises:
            ModelError: the folder holds no such model.
        """
        if self.compute_type is None:
            return open_writer(self.folder)
        from chinchilla.engines.ct2 import CTranslate2Backend

        folder = Path(self.folder)
        backend = CTranslate2Backend(folder, compute_type=self.compute_type)
        return Writer(self.name, backend, read_style(folder))


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far a variant agrees with the reference on the prompts that both were asked.

    `equal_tokens` counts the reference's `tokens` (the end mark is one) that come before the
    first difference; two answers of which each was cut by a limit are compared up to the shorter.
    `log_probability` is the mean absolute difference of the log-probabilities of equal tokens,
    and `greatest` the largest; None where an engine gives none. `unit` is tokens or characters.
    `f1` is the variant's; `difference` is that minus the reference's, with the ends of its 95 %
    paired bootstrap interval.
    """

    variant: str
    reference: str
    prompts: int
    same_answers: int
    tokens: int
    equal_tokens: int
    unit: str
    log_probability: float | None
    greatest: float | None
    f1: float
    difference: float
    low: float
    high: float

    def to_dict(self) -> dict[str, Any]:
        """Return counts, shares and differences, unrounded."""
        shares = {"same_answer_share": self.same_share, "equal_token_share": self.token_share}
        return {**asdict(self), **shares}

    @property
    def same_share(self) -> float:
        """Share of prompts with the same answer."""
        return self.same_answers / self.prompts if self.prompts else 1.0

    @property
    def token_share(self) -> float:
        """Share of the reference's tokens before the first difference."""
        return self.equal_tokens / self.tokens if self.tokens else 1.0


@dataclass(frozen=True, slots=True)
class ParityOptions:
    """What to ask for, and how to score: see `Extractor` and `evaluation.Options`."""

    schema: Schema
    tasks: Sequence[str] | None = None
    scorer: str = "strict"
    samples: int = 1000
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Parity:
    """The reference's F1 and every other variant's agreement with it."""

    reference: str
    f1: float
    documents: int
    scorer: str
    agreements: tuple[Agreement, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return every figure, unrounded."""
        return {**asdict(self), "agreements": [one.to_dict() for one in self.agreements]}

    def table(self) -> Table:
        """Return the figures for people."""
        rows = [(self.reference, "reference", "", "", "", f"{self.f1:.4f}", "", "")]
        for one in self.agreements:
            gap = "" if one.log_probability is None else f"{one.log_probability:.1e}"
            unit = "" if one.unit == "tokens" else f" {one.unit}"
            rows.append(
                (
                    one.variant,
                    f"{one.same_answers} of {one.prompts}",
                    format_ratio(one.same_share),
                    format_ratio(one.token_share) + unit,
                    gap,
                    format_ratio(one.f1),
                    f"{one.difference:+.4f}",
                    format_interval(one.low, one.high),
                )
            )
        header = ("variant", "same answers", "share", "equal tokens", "|log p|")
        title = f"parity with {self.reference}, {self.documents} documents, {self.scorer}"
        return Table(title, (*header, "F1", "difference", "95 % interval"), rows)


def check_parity(
    gold: Sequence[Document],
    variants: Sequence[Variant | Writer],
    options: ParityOptions,
) -> Parity:
    """Ask every variant for the same documents and compare all with the first.

    Models are loaded one after the other. All are asked in the style of the first; where events
    are asked in two steps, only prompts that both were asked are compared.

    Raises:
        ConfigError: fewer than two variants, or an unknown scorer.
        ModelError: a variant cannot be loaded.
        InputError: the gold documents are empty or their ids occur twice.
    """
    if len(variants) < 2:
        raise ConfigError(f"parity is between two variants or more, got {len(variants)}")
    first, *others = variants
    reference, style = _run(gold, first, options, None)
    agreements = [
        _agreement(reference, _run(gold, one, options, style)[0], options) for one in others
    ]
    return Parity(
        reference.name,
        reference.evaluation.results[0].all.f1,
        len(gold),
        options.scorer,
        tuple(agreements),
    )


def variants_of(
    *,
    adapter: str | None = None,
    merged: str | None = None,
    ct2: str | None = None,
    compute_types: Sequence[str] = ("float32", "int8"),
) -> list[Variant]:
    """Return the variants of one model by the folders that there are, the reference first.

    A CTranslate2 folder gives one variant a compute type; converted in float32, it shows what
    int8 alone changes.
    """
    found = [
        Variant(name, folder)
        for name, folder in (("adapter", adapter), ("merged", merged))
        if folder
    ]
    return found + [Variant(f"ct2 {kind}", ct2, kind) for kind in compute_types if ct2]


def make_missing(
    work: Path, *, adapter: str | None = None, merged: str | None = None, ct2: str | None = None
) -> dict[str, str | None]:
    """Merge the adapter and convert the merged model to float32 CTranslate2 where not given.

    What an earlier call left in `work` is replaced.

    Raises:
        ConfigError: neither an adapter nor a merged model is given.
        ModelError: the model cannot be merged or converted, with the reason.
    """
    from chinchilla.train.export import export_model

    if not (adapter or merged):
        raise ConfigError("nothing to merge or convert; name an adapter or a merged model")
    work.mkdir(parents=True, exist_ok=True)
    if merged is None:
        merged = str(export_model(str(adapter), work / "merged", force=True).folder)
    if ct2 is None:
        ct2 = str(export_model(merged, work / "ct2", ct2="float32", force=True).folder)
    return {"adapter": adapter, "merged": merged, "ct2": ct2}


@dataclass(frozen=True, slots=True)
class _Observed:
    name: str
    completions: dict[Prompt, Completion]
    evaluation: Evaluation


class _Listening:
    """A backend that passes everything on and keeps what was asked and said."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.said: dict[Prompt, Completion] = {}
        self.close, self.count_tokens = backend.close, backend.count_tokens

    @property
    def context(self) -> int | None:
        """The most tokens of a prompt and its answer."""
        return self.backend.context

    @property
    def usage(self) -> Usage | None:
        """What all answers took."""
        return self.backend.usage

    def generate(self, prompts: Iterable[Prompt], **options: Any) -> Iterator[Completion]:
        asked: list[Prompt] = []

        def noted() -> Iterator[Prompt]:
            for prompt in prompts:
                asked.append(prompt)
                yield prompt

        for number, said in enumerate(self.backend.generate(noted(), **options)):
            self.said[asked[number]] = said
            yield said


def _run(
    gold: Sequence[Document], variant: Variant | Writer, options: ParityOptions, style: Any
) -> tuple[_Observed, Any]:
    engine = variant.open() if isinstance(variant, Variant) else variant
    listening = _Listening(engine.backend)
    name = variant.name
    asked = replace(engine, backend=listening, style=style or engine.style)
    # Probabilities are asked for because the tokens come with them.
    extractor = Extractor(asked, options.schema, options.tasks, options=ExtractOptions(scores=True))
    try:
        said = list(extractor.stream(Document(item.id, item.text) for item in gold))
    finally:
        engine.backend.close()
    wanted = Options([options.scorer], options.schema, samples=0, tasks=options.tasks or ())
    evaluation = evaluate(gold, said, wanted, predicted_name=name)
    return _Observed(name, listening.said, evaluation), asked.style


def _agreement(reference: _Observed, other: _Observed, options: ParityOptions) -> Agreement:
    shared = [prompt for prompt in reference.completions if prompt in other.completions]
    pairs = [(reference.completions[prompt], other.completions[prompt]) for prompt in shared]
    in_tokens = all(_has_tokens(one) and _has_tokens(two) for one, two in pairs)
    same = tokens = equal = 0
    gaps: list[float] = []
    for one, two in pairs:
        mine, theirs = _pieces(one, in_tokens=in_tokens), _pieces(two, in_tokens=in_tokens)
        if one.finish_reason == two.finish_reason == "length":
            # Engines bound an answer differently; where each stopped says nothing of the model.
            length = min(len(mine), len(theirs))
            mine, theirs = mine[:length], theirs[:length]
        common = _common(mine, theirs)
        same += mine == theirs
        tokens += len(mine)
        equal += common
        if in_tokens:
            gaps += map(_gap, one.log_probs[:common], two.log_probs[:common])
    comparison = compare_evaluations(
        reference.evaluation, other.evaluation, samples=options.samples, seed=options.seed
    )["all"]
    return Agreement(
        other.name,
        reference.name,
        len(pairs),
        same,
        tokens,
        equal,
        "tokens" if in_tokens else "characters",
        sum(gaps) / len(gaps) if gaps else None,
        max(gaps, default=None),
        comparison.second,
        comparison.difference,
        comparison.low,
        comparison.high,
    )


def _has_tokens(completion: Completion) -> bool:
    return bool(completion.token_ends) or not completion.text


def _pieces(completion: Completion, *, in_tokens: bool) -> list[str]:
    """Cut an answer into the texts of its tokens, or its characters, and the end mark."""
    text = completion.text
    stopped = completion.finish_reason == "stop"
    if not in_tokens:
        return [*text, *([_END] if stopped else [])]
    starts = (0, *completion.token_ends)
    pieces = [text[a:b] for a, b in zip(starts, completion.token_ends, strict=False)]
    if stopped:
        # The end-of-sequence token is the last, and empty.
        pieces[-1:] = [_END]
    return pieces


def _common(one: Sequence[str], two: Sequence[str]) -> int:
    """Return how many pieces the two begin with in common."""
    count = 0
    for mine, theirs in zip(one, two, strict=False):
        if mine != theirs:
            break
        count += 1
    return count


def _gap(one: float, two: float) -> float:
    return abs(one - two)
