"""The choices of a build of instruction records."""

from dataclasses import dataclass, field

from chinchilla.data.schema import TASKS
from chinchilla.prompts.prompt import PromptStyle


@dataclass(frozen=True)
class BuildOptions:
    """What records to make of a document; by default one a task, asking for all types in order.

    Which types a prompt asks for: `subset` is the chance that it asks for a random part only, so
    that a model learns to answer for what is asked; `shuffle` the chance that types come in
    random order. With `hard_negatives` or `random_negatives` it asks for the types present and
    so many absent ones. `absent` is the chance of a further prompt about absent types only.
    Where a task has more types than `most_types` says of it, a prompt asks for at most so many: those
    present, and others drawn anew for each text; one text in five is asked about absent ones too.

    How: each record draws one of `templates` (default: the style's) and, with `vary_wording`,
    one of its wordings. `shots` is the number of worked examples in a prompt.

    Which records are kept: `max_tokens` limits prompt and answer together; the text of longer
    ones is cut into windows, never an answer. At most the share `empty_rate` of the records of a
    source and task may have an empty answer (None: as they come); those above it wait for others.
    """

    style: PromptStyle = field(default_factory=PromptStyle)
    tasks: tuple[str, ...] = TASKS
    subset: float = 0.0
    shuffle: float = 0.0
    seed: int = 0
    hard_negatives: int | None = None
    random_negatives: int | None = None
    absent: float = 0.0
    most_types: dict[str, int] = field(default_factory=dict)
    templates: tuple[str, ...] = ()
    vary_wording: bool = False
    shots: int = 0
    max_tokens: int | None = None
    empty_rate: float | None = None

    @property
    def has_negatives(self) -> bool:
        """Whether absent types are chosen rather than all asked for."""
        return self.hard_negatives is not None or self.random_negatives is not None

    @property
    def asks_randomly(self) -> bool:
        """Whether any choice of types is left to chance."""
        return bool(self.subset or self.shuffle or self.has_negatives or self.absent)

    @property
    def is_random(self) -> bool:
        """Whether any choice at all is left to chance."""
        varied = len(self.templates) > 1 or self.vary_wording or self.shots
        return bool(self.asks_randomly or varied or self.most_types)
