"""What a build of records is told."""

from dataclasses import dataclass, field

from chinchilla.data.schema import Schema
from chinchilla.instructions.build_options import BuildOptions
from chinchilla.instructions.mixture import MixOptions


@dataclass(frozen=True)
class BuildJob:
    """Everything that decides the bytes of a build (`workers` alone does not).

    `schema` is a built-in name, a file, or `derived`: made of what the inputs hold (default: the
    built-in schema named by each document's `meta.source`). `negatives` is `similarity`, `cooccurrence` or a file with a table.
    `shots_from` are files of gold documents for worked examples (default: the inputs).
    `tokenizer` is a `tokenizer.json` to count tokens with. `licences` are those allowed in
    `meta.licence` (default: all).
    """

    inputs: tuple[str, ...]
    options: BuildOptions = field(default_factory=BuildOptions)
    mix: MixOptions = field(default_factory=MixOptions)
    schema: Schema | str | None = None
    negatives: str = "similarity"
    shots_from: tuple[str, ...] = ()
    tokenizer: str | None = None
    licences: tuple[str, ...] = ()
    workers: int = 1
