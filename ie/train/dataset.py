"""The data of a run: records split, tokenised and laid out in rows, with what became of them."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from ..engines.tokens import Tokenizer, pad_id
from ..errors import InputError
from ..prompts.prompt import PromptStyle
from .config import DataOptions, TrainConfig
from .examples import (
    LONGEST,
    SKIPPED,
    Encoding,
    Examples,
    TrainingRecord,
    encode_records,
    read_records,
)
from .packing import PackedCollator, PaddedCollator, PairCollator, Rows, epoch_order, pack
from .record_style import find_style

# Records looked through for some to show.
_SOME = 64
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

    def collator(self, rows: Rows) -> Collator:
        """Return what makes batches of such rows."""
        if self.seq2seq:
            return PairCollator(rows.examples, self.pad)
        kind = PackedCollator if self.packed else PaddedCollator
        return kind(rows.examples, self.pad)

    def subjects(self, rows: Iterable[int]) -> tuple[Counter[tuple[str, str]], Counter[str]]:
        """Count the labels, by task, and the sources of the examples in some training rows."""
        examples = self.train.examples
        met = Counter(examples.about[i] for row in rows for i in self.train[row])
        labels: Counter[tuple[str, str]] = Counter()
        sources: Counter[str] = Counter()
        for number, count in met.items():
            source, task, names = examples.subjects[number]
            sources[source] += count
            labels.update({(task, name): count for name in names})
        return labels, sources

    def some_records(self, config: TrainConfig) -> list[TrainingRecord]:
        """Return some of the training records, for a run without validation."""
        longest = config.data.max_length
        records = islice(read_records(config.data.train), 10 * _SOME)
        return [r for r in records if len(r.input) + len(r.output) < longest][:_SOME]

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
    examples = encode_records(train, encoding)
    _check_skipped(examples.counts, options, "training")
    if not len(examples):
        left = ", ".join(f"{count:,} {what}" for what, count in examples.counts.items() if count)
        raise InputError(
            f"{', '.join(options.train)}: no record to train on ({left or 'no records'}); if they are "
            f"too long, raise data.max_length from {options.max_length:,}"
        )
    dev = None
    if dev_records:
        asked, dev_records = dev_records, []
        dev_examples = encode_records(asked, encoding, dev_records)
        _check_skipped(dev_examples.counts, options, "validation")
        if not len(dev_examples):
            raise InputError(f"no validation record has at most {options.max_length} tokens")
        dev = Rows(dev_examples, layout(dev_examples, options.max_length, packed=packed))
    rows = Rows(examples, layout(examples, options.max_length, packed=packed))
    pad = pad_id(tokenizer)
    return RunData(rows, dev, dev_records, style, packed, seq2seq, pad)


def rows_seen(config: TrainConfig, data: RunData, steps: int, processes: int) -> Iterable[int]:
    """Return the training rows that so many steps have used."""
    training = config.training
    batch = training.batch_size * processes
    count = steps * batch * training.accumulation
    if count >= len(data.train):
        return range(len(data.train))
    grouped = not data.packed
    return epoch_order(
        data.train.lengths, batch=batch, seed=training.seed, epoch=0, grouped=grouped
    )[:count]


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


def _check_skipped(counts: Counter[str], options: DataOptions, what: str) -> None:
    """Stop where more records than allowed are too long to be used.

    Raises:
        InputError: with what to do.
    """
    skipped, records = counts[SKIPPED], counts["records"]
    if skipped <= options.allow_skipped * records:
        return
    raise InputError(
        f"{skipped:,} of {records:,} {what} records ({skipped / records:.1%}) are longer than "
        f"data.max_length {options.max_length:,}; the longest has {counts[LONGEST]:,} tokens. Raise "
        "it, cut their texts with data.overlong=window, build records that ask for fewer types "
        "(chinchilla data build --most-types), or go on without them with data.allow_skipped=0.05"
    )
