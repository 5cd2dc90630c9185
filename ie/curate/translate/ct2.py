"""A translation model converted to CTranslate2: OPUS-MT (Marian), M2M100, NLLB, or one of the kit's own.

The folder holds `model.bin` and its pieces: `tokenizer.json`, or the SentencePiece files that the
converter copies. Which family it is, and so which tokens stand around a text, its vocabulary tells:

    OPUS-MT     source.spm, target.spm            `pieces </s>`, some with `>>cmn_Hans<<` before
    M2M100      sentencepiece.bpe.model           `__en__ pieces </s>`, answers begin with `__zh__`
    NLLB        sentencepiece.bpe.model           `eng_Latn pieces </s>`, answers with `zho_Hans`
    of the kit  tokenizer.json, translator.json   what `translator.json` says
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...data.extras import require_extra
from ...engines.cpu import usable_cores
from ...errors import ModelError
from .protocol import Aligned, Span

SETTINGS_FILE = "translator.json"
NLLB_NOTE = "NLLB's weights are CC-BY-NC 4.0: what they translate is for no commercial use"
_M2M = {"en": "__en__", "zh": "__zh__"}
_NLLB = {"en": "eng_Latn", "zh": "zho_Hans"}
_OPUS = {"zh": ">>cmn_Hans<<"}
_END = "</s>"
_BATCH_TOKENS, _LONGEST, _BEAM = 2048, 256, 4

Encode = Callable[[str], list[str]]


@dataclass(frozen=True, slots=True)
class Pieces:
    """How a family writes texts: pieces of either side, the tokens around them, and its licence.

    `copies_terms`: what stands translated in the source, the model copies. `decoding` are options of
    CTranslate2's `translate_batch`, such as penalties that keep a small model from repeating itself.
    A text is cut at blanks into parts of at most `longest` characters, which are translated apart (0: not).
    """

    encode: Encode
    encode_target: Encode
    decode: Callable[[Sequence[str]], str]
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = (_END,)
    prefix: tuple[str, ...] = ()
    licence: str = ""
    copies_terms: bool = False
    decoding: Mapping[str, Any] = field(default_factory=dict)
    longest: int = 0


class CT2Translator:
    """A converted encoder-decoder model that translates, scores and aligns."""

    def __init__(self, folder: str | Path, *, source: str = "en", target: str = "zh") -> None:
        """Load the model of a folder.

        Raises:
            ModelError: it holds no converted translation model, or none of its pieces.
        """
        import ctranslate2

        self.folder = Path(folder)
        self.name = self.folder.name
        if not (self.folder / "model.bin").is_file():
            raise ModelError(f"{folder}: no model.bin; convert a model to CTranslate2 first")
        self._pieces = read_pieces(self.folder, source, target)
        self.licence = self._pieces.licence
        self.copies_terms = self._pieces.copies_terms
        ctranslate2.set_log_level(40)
        device = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
        try:
            self._model: Any = ctranslate2.Translator(
                str(folder), device=device, inter_threads=usable_cores(), intra_threads=1
            )
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"{folder}: CTranslate2 cannot load it ({error})") from None

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Return the translation of each text, by beam search; a blank one stays empty."""
        parts = [parts_of(text, self._pieces.longest) for text in texts]
        said = iter(self._translated([part for some in parts for part in some]))
        return [_joined([next(said) for _ in some]) for some in parts]

    def _translated(self, texts: Sequence[str]) -> list[str]:
        asked = [self._source(text) for text in texts]
        options: dict[str, Any] = {"max_decoding_length": _LONGEST, **self._pieces.decoding}
        if self._pieces.prefix:
            options["target_prefix"] = [list(self._pieces.prefix)] * len(asked)
        results = self._model.translate_batch(
            asked,
            beam_size=_BEAM,
            max_batch_size=_BATCH_TOKENS,
            batch_type="tokens",
            # 0: the default of 1024 would cut a text without a word.
            max_input_length=0,
            **options,
        )
        return [self._text(result.hypotheses[0]) for result in results]

    def score(self, source: str, targets: Sequence[str]) -> list[float]:
        """Return the natural-log probability of each target as a translation of the source."""
        prefix = list(self._pieces.prefix)
        asked = [self._source(source)] * len(targets)
        given = [prefix + self._pieces.encode_target(target) for target in targets]
        results = self._model.score_batch(
            asked, given, max_batch_size=_BATCH_TOKENS, batch_type="tokens", max_input_length=0
        )
        return [sum(result.log_probs) for result in results]

    def align(self, source: str, target: str) -> Aligned:
        """Return the attention of the decoder while it writes the target."""
        asked = self._source(source)
        given = [*self._pieces.prefix, *self._pieces.encode_target(target)]
        (result,) = self._model.translate_batch(
            [asked],
            target_prefix=[given],
            beam_size=1,
            return_attention=True,
            max_input_length=0,
            max_decoding_length=len(given) + 1,
        )
        skipped, first = len(self._pieces.prefix), len(self._pieces.before)
        pieces = asked[first : len(asked) - len(self._pieces.after)]
        rows = result.attention[0][skipped : len(given)]
        weights = [row[first : first + len(pieces)] for row in rows]
        return Aligned(
            piece_places(pieces, source),
            piece_places(given[skipped:], target)[: len(weights)],
            weights,
        )

    def _source(self, text: str) -> list[str]:
        pieces = self._pieces
        return [*pieces.before, *pieces.encode(text), *pieces.after]

    def _text(self, tokens: Sequence[str]) -> str:
        left = list(tokens)
        for token in self._pieces.prefix:
            if left[:1] == [token]:
                left = left[1:]
        return self._pieces.decode([token for token in left if token != _END])


def parts_of(text: str, longest: int) -> list[str]:
    """Return a text in parts of at most so many characters, cut at blanks (0: as it is).

    A longer word is a part of its own; blanks at the ends are left out, and a blank text has no part.
    """
    parts: list[str] = []
    for word in text.split() if longest else filter(str.strip, [text]):
        if parts and len(parts[-1]) + 1 + len(word) <= longest:
            parts[-1] += f" {word}"
        else:
            parts.append(word)
    return parts


def _joined(parts: Sequence[str]) -> str:
    """Join translations of parts: a full stop stands at the end alone."""
    return "".join([*(part.strip().rstrip("。") for part in parts[:-1]), *parts[-1:]])


def piece_places(pieces: Sequence[str], text: str) -> list[Span]:
    """Return where each piece stands in its text, `[start, end)`.

    Pieces may lack blanks, or be of another width or case; what is not found takes one character.
    """
    places, at = [], 0
    for piece in pieces:
        core = piece.replace("▁", "").replace("Ġ", "").strip()
        while at < len(text) and text[at].isspace():
            at += 1
        if not core:
            places.append((at, at))
            continue
        found = text.find(core, at, at + len(core) + 8)
        start = found if found >= 0 else at
        end = min(len(text), start + len(core))
        places.append((start, end))
        at = end
    return places


def read_pieces(folder: Path, source: str, target: str) -> Pieces:
    """Return how the model of a folder writes texts.

    Raises:
        ModelError: there is no file of pieces, or its package is missing.
    """
    known = _vocabulary(folder)
    if (folder / SETTINGS_FILE).is_file():
        said = json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
        encode, encode_target, decode = _own(folder)
        return Pieces(
            encode,
            encode_target,
            decode,
            tuple(said.get("before", ())),
            tuple(said.get("after", ())),
            tuple(said.get("prefix", ())),
            str(said.get("licence", "")),
            bool(said.get("copies_terms", False)),
            dict(said.get("decoding", {})),
            int(said.get("longest", 0)),
        )
    if (folder / "source.spm").is_file() and (folder / "target.spm").is_file():
        before = (_OPUS[target],) if _OPUS.get(target) in known else ()
        ours, theirs = _spm(folder / "source.spm"), _spm(folder / "target.spm")
        return Pieces(ours[0], theirs[0], theirs[1], before)
    if (folder / "sentencepiece.bpe.model").is_file():
        both, joined = _spm(folder / "sentencepiece.bpe.model")
        names, licence = (_M2M, "MIT") if _M2M["en"] in known else (_NLLB, NLLB_NOTE)
        if source not in names or target not in names:
            raise ModelError(f"{folder}: no languages {source!r} and {target!r}; use en and zh")
        return Pieces(both, both, joined, (names[source],), (_END,), (names[target],), licence)
    raise ModelError(
        f"{folder}: no pieces of the model; convert with --copy_files source.spm target.spm (OPUS-MT) "
        "or sentencepiece.bpe.model (M2M100, NLLB)"
    )


def _own(folder: Path) -> tuple[Encode, Encode, Callable[[Sequence[str]], str]]:
    require_extra(f"{folder}: its tokenizer.json", "ct2", ["tokenizers"])
    from tokenizers import Tokenizer

    tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def encode(text: str) -> list[str]:
        return list(tokenizer.encode(text, add_special_tokens=False).tokens)

    def decode(tokens: Sequence[str]) -> str:
        ids = [tokenizer.token_to_id(token) for token in tokens]
        return str(tokenizer.decode([n for n in ids if n is not None], skip_special_tokens=False))

    return encode, encode, decode


def _spm(path: Path) -> tuple[Encode, Callable[[Sequence[str]], str]]:
    import sentencepiece

    model: Any = sentencepiece.SentencePieceProcessor(model_file=str(path))

    def encode(text: str) -> list[str]:
        return list(model.encode(text, out_type=str))

    def decode(tokens: Sequence[str]) -> str:
        return str(model.decode_pieces(list(tokens)))

    return encode, decode


def _vocabulary(folder: Path) -> set[str]:
    """Return the tokens of the source side, as CTranslate2 wrote them."""
    for name in ("shared_vocabulary.json", "source_vocabulary.json"):
        if (folder / name).is_file():
            return set(json.loads((folder / name).read_text(encoding="utf-8")))
    for name in ("shared_vocabulary.txt", "source_vocabulary.txt"):
        if (folder / name).is_file():
            return set((folder / name).read_text(encoding="utf-8").split("\n"))
    return set()


def is_translator(folder: Path) -> bool:
    """Return whether a folder holds a converted translation model, rather than a language model."""
    files = (SETTINGS_FILE, "source.spm", "sentencepiece.bpe.model")
    return (folder / "model.bin").is_file() and any((folder / name).is_file() for name in files)
