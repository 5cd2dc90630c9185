"""How long something lasts, by ISO 8601: 三年 is P3Y, 1小时30分钟 is PT1H30M."""

import re
from decimal import Decimal

from ...data.documents import Value
from .numerals import NUMBER, read_number
from .quantities import peeled, plain

_UNITS = {
    "年": "Y",
    "周年": "Y",
    "个月": "M",
    "个季度": "Q",
    "周": "W",
    "个星期": "W",
    "星期": "W",
    "天": "D",
    "个工作日": "B",
    "小时": "H",
    "个小时": "H",
    "个钟头": "H",
    "分钟": "MIN",
    "秒": "S",
    "秒钟": "S",
}
_PART = re.compile(
    rf"零?(?P<number>{NUMBER})(?P<more>[余多])?(?P<half>个半)?"
    rf"(?P<unit>{'|'.join(sorted(_UNITS, key=len, reverse=True))}|(?<=半)(?:月|小时|星期))(?P<and>半)?"
)
_AROUND = {"过去": "past", "最近": "past", "未来": "next", "今后": "next"}


def read_duration(text: str) -> Value | None:
    """Return the duration that a text without blanks is, or None.

    二十四年 is one, 24年 may be a year: it has no value.
    """
    rest, qualifier = peeled(text)
    for word, name in _AROUND.items():
        if text.startswith(word):
            rest, qualifier = text.removeprefix(word), name
    if rest.endswith(("年来", "月来", "天来")):
        rest, qualifier = rest[:-1], "past"
    if re.fullmatch(r"\d{2,4}年", rest):
        return None
    dates: dict[str, Decimal] = {}
    at = 0
    while at < len(rest):
        match = _PART.match(rest, at)
        number = read_number(match["number"]) if match else None
        if match is None or number is None:
            return _half(rest, qualifier)
        if match["half"] or match["and"]:
            number += Decimal("0.5")
        if match["more"]:
            qualifier = qualifier or "above"
        unit = match["unit"]
        code = _UNITS.get(unit) or _UNITS[f"个{unit}"]
        if code in dates:
            return None
        dates[code] = number
        at = match.end()
    return _written(dates, qualifier)


def _half(text: str, qualifier: str) -> Value | None:
    """Return 半年, 半个月, 半天, 半小时."""
    unit = text.removeprefix("半")
    if unit == text or unit not in _UNITS:
        return None
    return _written({_UNITS[unit]: Decimal("0.5")}, qualifier)


def _written(parts: dict[str, Decimal], qualifier: str) -> Value | None:
    if not parts or "B" in parts:
        # Working days are no span of the calendar.
        days = parts.get("B")
        if days is None or len(parts) > 1:
            return None
        value: dict[str, str | int | float | bool | None] = {
            "number": plain(days),
            "unit": "工作日",
        }
        return {**value, **({"qualifier": qualifier} if qualifier else {})}
    if "Q" in parts:
        parts = {**parts, "M": parts.get("M", Decimal(0)) + 3 * parts["Q"]}
    days_said = "".join(f"{plain(parts[code])}{code}" for code in "YMWD" if code in parts)
    clock = "".join(f"{plain(parts[code])}{code[0]}" for code in ("H", "MIN", "S") if code in parts)
    said = f"P{days_said}" + (f"T{clock}" if clock else "")
    return {"duration": said, "qualifier": qualifier} if qualifier else said
