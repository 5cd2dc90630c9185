"""Choose the pieces of the base model that the reader keeps."""

import unicodedata
from collections import Counter
from collections.abc import Iterable

from chinchilla.mini.characters import BLANK, SPECIAL, Characters, Fold

from .original import Base

# Single characters of these blocks are kept: Latin, Greek, Cyrillic, marks and symbols, kana.
_KEPT = ((0x21, 0x24F), (0x370, 0x45F), (0x2010, 0x2BFF), (0x3001, 0x30FF))


def simplified_map() -> dict[str, str]:
    """Return traditional characters with their simplified form, one character for one."""
    from opencc import OpenCC

    convert = OpenCC("t2s").convert
    chars = [chr(code) for a, b in ((0x3400, 0xA000), (0xF900, 0xFB00)) for code in range(a, b)]
    return {c: s for c in chars if len(s := convert(c)) == 1 and s != c}


def is_hanzi(char: str) -> bool:
    """Whether a character is a Chinese one."""
    return "\u3400" <= char <= "\u9fff" or char == "〇"


def choose(
    base: Base, texts: Iterable[str], others: int = 2000
) -> tuple[Characters, list[int], list[int]]:
    """Return the vocabulary with the base ids of its pieces and of its single characters.

    Kept are the pieces of Hanzi alone that folding leaves as they are, single characters of
    common blocks, and the `others` further pieces that `texts` use most.
    """
    fold = Fold(simplified_map())
    used = {piece for piece, _ in _used(base, texts, fold).most_common(others)}
    ids, singles = list(range(4)), list(range(4))
    for k in range(4, len(base.pieces)):
        piece = base.pieces[k]
        stable = piece.translate(fold) == piece
        if not piece or not stable:
            continue
        if len(piece) == 1 and (is_hanzi(piece) or piece == BLANK or _common(piece)):
            singles.append(k)
            ids.append(k)
        elif (all(map(is_hanzi, piece)) and len(piece) > 1) or piece in used:
            ids.append(k)
    pieces = [(base.pieces[k], float(base.scores[k])) for k in ids]
    pieces[:4] = [(name, 0.0) for name in SPECIAL]
    chars = [*SPECIAL, *(base.pieces[k] for k in singles[4:])]
    return Characters(pieces, chars, fold.simplified), ids, singles


def _common(char: str) -> bool:
    code = ord(char)
    return any(a <= code <= b for a, b in _KEPT) and unicodedata.category(char)[0] != "C"


def _used(base: Base, texts: Iterable[str], fold: Fold) -> Counter[str]:
    pieces = [
        (piece or f"<empty {k}>", float(base.scores[k])) for k, piece in enumerate(base.pieces)
    ]
    pieces[:4] = [(name, 0.0) for name in SPECIAL]
    whole = Characters(pieces, list(SPECIAL), fold.simplified)
    counts: Counter[str] = Counter()
    for text in texts:
        words = (pieces[k][0] for k in whole.words(text))
        counts.update(word for word in words if len(word) > 1 and not is_hanzi(word[-1]))
    return counts
