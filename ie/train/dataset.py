"""The data of a run: records split, tokenised and laid out in rows, with what became of them."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from ..engines.tokens import Tokenizer, pad_id
from ..errors import InputError
from ..prompts.prompt import PromptStyle
from .config import DataOptions, TrainConfig
from .examples import Encoding, Examples, TrainingRecord, encode_records, read_records
from .packing import PackedCollator, PaddedCollator, PairCollator, Rows, pack
from .record_style import find_style

Collator = PackedCollator | PaddedCollator | PairCollator


@dataclass
class RunData:
    """Rows to train and validate on; `dev_records` are those behind the validation rows."""

    train: Rows
    dev: Rows | None
    dev_records: list[TrainingRecord]
    style: PromptStyle
    packed: bool
    seq2seq: bool
    pad: int
    labels: Counter[tuple[str, str]] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)

    def collator(self, rows: Rows) -> Collator:
        """Return what makes batches of such rows."""
        if self.seq2seq:
            return PairCollator(rows.examples, self.pad)
        kind = PackedCollator if self.packed else PaddedCollator
        return kind(rows.examples, self.pad)

    def counts(self) -> dict[str, int]:
        """Return what became of the records, for the manifest."""
        result = dict(self.train.examples.counts)
        result |= {"rows": len(self.train), "tokens": len(self.train.examples.tokens)}
        if self.dev is not None:
            result |= {f"dev {name}": n for name, n in self.dev.examples.counts.items()}
        return result


def read_data(config: TrainConfig, tokenizer: Tokenizer, *, seq2seq: bool, packed: bool) -> RunData:
    """Read, split and tokenise the records of a run.

    Raises:
        InputError: a record is malformed, or none is left to train on.
        ConfigError: the style or the schema is not usable.
    """
    options = config.data
    style = find_style(config, list(islice(read_records(options.train), 100)))
    encoding = Encoding(
        tokenizer,
        options.max_length,
        seq2seq,
        options.overlong,
        style.format,
        options.schema,
        style.occurrences,
    )
    train, dev_records = split_records(options, config.training.seed)
    labels: Counter[tuple[str, str]] = Counter()
    sources: Counter[str] = Counter()
    examples = encode_records(_counted(train, labels, sources), encoding)
    if not len(examples):
        left = ", ".join(f"{count:,} {what}" for what, count in examples.counts.items() if count)
        raise InputError(
            f"{', '.join(options.train)}: no record to train on ({left or 'no records'}); if they are "
            f"too long, raise data.max_length from {options.max_length:,}"
        )
    dev = None
    if dev_records:
        dev_examples = encode_records(dev_records, replace(encoding, overlong=_dev_rule(options)))
        if not len(dev_examples):
            raise InputError(f"no validation record has at most {options.max_length} tokens")
        dev = Rows(dev_examples, layout(dev_examples, options.max_length, packed=packed))
    rows = Rows(examples, layout(examples, options.max_length, packed=packed))
    pad = pad_id(tokenizer)
    return RunData(rows, dev, dev_records, style, packed, seq2seq, pad, labels, sources)


def layout(examples: Examples, size: int, *, packed: bool) -> list[list[int]]:
    """Return which examples share a row."""
    if packed:
        return pack(examples.lengths.tolist(), size)
    return [[i] for i in range(len(examples))]


def split_records(
    options: DataOptions, seed: int
) -> tuple[Iterator[TrainingRecord], list[TrainingRecord]]:
    """Return the training records, lazily, and the validation records.

    A held-out fraction takes whole documents (records `d1#0`, `d1#1` go together), at least one
    and never all.
    """
    if options.dev:
        return read_records(options.train), list(read_records(options.dev))
    if not options.dev_fraction:
        return read_records(options.train), []
    groups = list(dict.fromkeys(_document(record) for record in read_records(options.train)))
    count = min(max(1, round(len(groups) * options.dev_fraction)), len(groups) - 1)
    if count < 1:
        raise InputError(f"{', '.join(options.train)}: one document cannot be split; give data.dev")
    held = set(random.Random(seed).sample(groups, count))
    kept = (r for r in read_records(options.train) if _document(r) not in held)
    return kept, [r for r in read_records(options.train) if _document(r) in held]


def _document(record: TrainingRecord) -> str:
    return record.id.rpartition("#")[0] or record.id


def _dev_rule(options: DataOptions) -> str:
    # Windows change what is asked; validation records are those asked as they are.
    return "skip" if options.overlong == "window" else options.overlong


def _counted(
    records: Iterable[TrainingRecord],
    labels: Counter[tuple[str, str]],
    sources: Counter[str],
) -> Iterator[TrainingRecord]:
    for record in records:
        labels.update((record.task, label) for label in record.schema)
        sources[record.source or "unknown"] += 1
        yield record
