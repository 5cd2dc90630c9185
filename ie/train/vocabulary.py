"""How well a tokenizer knows Chinese, and adding tokens that it lacks."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..engines.loading import Model
from ..engines.tokens import Tokenizer
from ..errors import ConfigError


@dataclass(frozen=True)
class VocabularyReport:
    """Figures over a sample of texts; `shattered` are characters cut into several byte tokens.

    `worst` lists shattered or unknown characters with their counts, most frequent first.
    """

    characters: int
    tokens: int
    hanzi: int
    shattered: int
    unknown: int
    worst: tuple[tuple[str, int], ...]

    @property
    def tokens_per_character(self) -> float:
        """Below 1: words are tokens; above 1: characters fall apart."""
        return self.tokens / max(1, self.characters)

    def lines(self) -> list[str]:
        """Return the report as lines for people."""
        share = self.shattered / max(1, self.hanzi)
        result = [
            f"{self.tokens_per_character:.3f} tokens a character over {self.characters} characters",
            f"{share:.2%} of hanzi fall apart into bytes, {self.unknown} characters are unknown",
        ]
        if self.worst:
            result.append("worst: " + " ".join(f"{c}×{n}" for c, n in self.worst))
        return result


def report_vocabulary(tokenizer: Tokenizer, texts: Iterable[str]) -> VocabularyReport:
    """Count what a tokenizer makes of texts; characters are looked up one by one."""
    counts: Counter[str] = Counter()
    tokens = 0
    for text in texts:
        counts.update(text)
        tokens += len(tokenizer(text, add_special_tokens=False).input_ids)
    bad: Counter[str] = Counter()
    shattered = unknown = 0
    for character, count in counts.items():
        if character.isspace():
            continue
        ids = _pieces(tokenizer, character)
        if tokenizer.unk_token_id is not None and tokenizer.unk_token_id in ids:
            unknown += count
            bad[character] += count
        elif len(ids) > 1 and is_hanzi(character):
            shattered += count
            bad[character] += count
    hanzi = sum(count for character, count in counts.items() if is_hanzi(character))
    total = sum(counts.values())
    return VocabularyReport(total, tokens, hanzi, shattered, unknown, tuple(bad.most_common(20)))


@dataclass(frozen=True)
class NewTokens:
    """The ids of added tokens and, for each, those of the pieces that it was cut into before."""

    ids: tuple[int, ...] = ()
    pieces: tuple[tuple[int, ...], ...] = ()


def add_tokens(tokenizer: Tokenizer, path: str) -> NewTokens:
    """Add the tokens of a file, one a line, to a tokenizer.

    Raises:
        ConfigError: the file holds no token that the vocabulary lacks.
    """
    known = tokenizer.get_vocab()
    words = [line.strip() for line in Path(path).read_text(encoding="utf-8").split("\n")]
    words = [word for word in dict.fromkeys(words) if word and word not in known]
    if not words:
        raise ConfigError(f"model.added_tokens: {path!r} holds no token that is new")
    pieces = tuple(tuple(tokenizer(word, add_special_tokens=False).input_ids) for word in words)
    tokenizer.add_tokens(words)
    return NewTokens(tuple(int(i) for i in tokenizer.convert_tokens_to_ids(words)), pieces)


def start_embeddings(model: Model, tokenizer: Tokenizer, new: NewTokens) -> None:
    """Give added tokens the mean of their pieces, which is close to what the model made of them."""
    import torch

    if len(tokenizer) > model.get_input_embeddings().weight.shape[0]:
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    outputs = model.get_output_embeddings()
    tables = [model.get_input_embeddings(), *([outputs] if outputs is not None else [])]
    with torch.no_grad():
        for table in tables:
            for row, pieces in zip(new.ids, new.pieces, strict=True):
                table.weight[row] = table.weight[list(pieces)].mean(dim=0)


def is_hanzi(character: str) -> bool:
    """Say whether a character is a Chinese one, extensions included."""
    code = ord(character)
    return 0x4E00 <= code <= 0x9FFF or 0x3400 <= code <= 0x4DBF or 0x20000 <= code <= 0x323AF


def _pieces(tokenizer: Tokenizer, character: str) -> list[int]:
    """Return the tokens of a character, without the blank that some tokenizers put first."""
    ids: list[int] = tokenizer(character, add_special_tokens=False).input_ids
    pieces = tokenizer.convert_ids_to_tokens(ids)
    return [i for i, piece in zip(ids, pieces, strict=True) if piece != "▁"]
