"""Numbers in digits, in Chinese numerals, and in both: 3.2亿, 三亿二千万, 1,234.5, 二〇二四."""

import re
from decimal import Decimal

# One numeral, as a part of larger patterns; it neither begins nor ends with a point.
_LETTERS = "0-9零〇一二两三四五六七八九十百千万亿"
NUMBER = rf"[{_LETTERS}](?:[{_LETTERS}点.,]*[{_LETTERS}])?"
_DIGITS = {letter: i % 10 for i, letter in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_GROUPED = re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?")
_PLAIN = re.compile(r"\d+(\.\d+)?")
_D = r"(\d+(?:\.\d+)?|[一二两三四五六七八九])"
_BELOW_TEN_THOUSAND = re.compile(
    rf"(?:{_D}千)?(零)?(?:{_D}百)?(零)?(?:{_D}?(十))?(零)?(\d+|[零〇一二两三四五六七八九])?"
)
_UNITS = (("亿", 10**8), ("万", 10**4))


def read_number(text: str) -> Decimal | None:
    """Return the number that a text is, or None. 百, 千, 万 and 亿 want a number before them."""
    if _GROUPED.fullmatch(text):
        return Decimal(text.replace(",", ""))
    if _PLAIN.fullmatch(text):
        return Decimal(text)
    for unit, size in _UNITS:
        before, found, behind = text.rpartition(unit)
        if found:
            return _with_unit(before, behind, size)
    whole, point, fraction = text.partition("点")
    if point:
        left, right = _below(whole), read_digits(fraction)
        return None if left is None or right is None else Decimal(f"{left}.{right}")
    return _below(text)


def read_digits(text: str) -> str | None:
    """Return a number said digit by digit, as years are, in digits."""
    if not text or not all(letter in _DIGITS or letter.isdecimal() for letter in text):
        return None
    return "".join(str(_DIGITS.get(letter, letter)) for letter in text)


def _with_unit(before: str, behind: str, size: int) -> Decimal | None:
    left = read_number(before)
    if left is None:
        return None
    if not behind:
        return left * size
    if behind in _DIGITS and behind not in "零〇":
        # 三万五 is 35,000.
        return left * size + _DIGITS[behind] * size // 10
    right = read_number(behind.lstrip("零"))
    if right is None or right >= size or left != left.to_integral_value():
        return None
    return left * size + right


def _below(text: str) -> Decimal | None:
    """Return a number whose largest unit is 千."""
    match = _BELOW_TEN_THOUSAND.fullmatch(text) if text else None
    if match is None:
        return None
    thousands, zero, hundreds, zero2, tens, ten, zero3, ones = match.groups()
    total = Decimal(0)
    for digit, size in ((thousands, 1000), (hundreds, 100), (tens or (ten and "1"), 10)):
        total += (_digit(digit) if digit else Decimal(0)) * size
    if ones:
        size = 1
        if not (zero or zero2 or zero3 or ten):
            # 三百五 is 350, 两千三 is 2,300.
            size = 10 if hundreds else 100 if thousands else 1
        total += _digit(ones) * size
    return total


def _digit(text: str) -> Decimal:
    return Decimal(_DIGITS[text]) if text in _DIGITS else Decimal(text)
