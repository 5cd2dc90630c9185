"""How to ask, and what to make of the answers: the options of an extraction."""

from dataclasses import dataclass

from .data.examples import GoldExamples
from .decoding.confidence import Calibration
from .errors import ConfigError
from .merge.lexicon import Lexicon


@dataclass(frozen=True)
class ExtractOptions:
    """How to ask and what to make of the answers.

    Args:
        types_per_prompt: split larger schemas over several prompts and unite their answers;
            None leaves it to the model's style.
        scores: ask the engine for token probabilities, from which every mention and fact gets
            its `score`; CTranslate2 reads prompt and answer again for them under `constrain`, or if
            the model is large.
        min_score: leave out what scores less; implies `scores`.
        calibration: turns scores into probabilities of being right, before `min_score`; implies
            `scores`. None is the one that comes with the model, if any, for scores asked for.
        near_miss: read an undeclared type or role as the declared one that it resembles.
        lexicon: entities to add, force or forbid; see `merge.lexicon.read_lexicon`.
        max_tokens: the most tokens of an answer; None lets its text decide.
        constrain: let the model write only answers that parse, with labels of the schema and
            mentions of the text.
        passes: how often a language model is asked; from the second time on it is told what it found,
            and what it adds is added.
        examples: gold documents, of which those most like a text are shown to a language model.
        instructions: what a language model is told besides.
    """

    types_per_prompt: int | None = None
    scores: bool = False
    min_score: float | None = None
    calibration: Calibration | None = None
    near_miss: bool = False
    lexicon: Lexicon | None = None
    max_tokens: int | None = None
    constrain: bool = False
    passes: int = 1
    examples: GoldExamples | None = None
    instructions: str = ""

    def __post_init__(self) -> None:
        """Refuse numbers that would leave out or ask for nothing, and names of files.

        Raises:
            ConfigError: names the option and what it may be.
        """
        for name, kind, read in (
            ("lexicon", Lexicon, "merge.lexicon.read_lexicon"),
            ("calibration", Calibration, "engines.model_files.read_calibration"),
            ("examples", GoldExamples, "data.examples.GoldExamples"),
        ):
            value = getattr(self, name)
            if value is not None and not isinstance(value, kind):
                found = type(value).__name__
                raise ConfigError(
                    f"{name} is a {found}; expected a {kind.__name__}, which "
                    f"chinchilla.{read} makes"
                )
        # Not a number compares as False with anything.
        if self.min_score is not None and not 0 <= self.min_score <= 1:
            raise ConfigError(f"min_score is {self.min_score}; expected a number from 0 to 1")
        for name in ("types_per_prompt", "max_tokens", "passes"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{name} is {value}; expected at least 1")

    @property
    def for_writers(self) -> list[str]:
        """The options given that only a model that is asked in words can follow."""
        given = {
            "passes": self.passes > 1,
            "examples": self.examples is not None,
            "instructions": bool(self.instructions),
        }
        return [name for name, is_given in given.items() if is_given]

    @property
    def wants_scores(self) -> bool:
        """Whether scores are to be returned, or compared with `min_score`."""
        return self.scores or self.min_score is not None or self.calibration is not None
