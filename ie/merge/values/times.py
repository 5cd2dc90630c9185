"""Dates and times of day, in the calendar's terms or told from the date of the document.

Dates are written by ISO 8601, as far as they are told: 2024, 2024-05, 2024-05-10, 2024-05-10T09:30;
2024-Q3 and 2024-H1 are a quarter and a half. A year that is not told is the document's, as is usual
in news, or XXXX if that has no date.
"""

import re
from calendar import monthrange
from datetime import date, timedelta

from ...data.documents import Value
from .numerals import read_digits, read_number

_CN = "零〇一二两三四五六七八九十"
_YEARS = {"今年": 0, "本年度": 0, "今年度": 0, "去年": -1, "前年": -2, "明年": 1, "后年": 2}
_MONTHS = {"本月": 0, "这个月": 0, "上月": -1, "上个月": -1, "下月": 1, "下个月": 1}
_DAYS = {"今天": 0, "今日": 0, "昨天": -1, "昨日": -1, "前天": -2, "前日": -2}
_DAYS |= {"明天": 1, "明日": 1, "后天": 2, "今": 0, "昨": -1}
_TOLD_DAYS = {"次日": 1, "翌日": 1, "第二天": 1, "当日": 0, "当天": 0, "同日": 0}
_PARTS = "凌晨|清晨|早晨|早上|上午|中午|下午|傍晚|晚上|晚间|夜间|深夜|早|晚"
_LATE = ("下午", "傍晚", "晚上", "晚间", "夜间", "深夜", "晚")
_QUARTERS = {"一": 1, "二": 2, "三": 3, "四": 4, **{str(n): n for n in range(1, 5)}}

_TIME = re.compile(
    rf"(?:(?P<year>\d{{4}}|[{_CN}]{{4}})年|(?P<told_year>{'|'.join(_YEARS)}))?度?"
    rf"(?:(?:第?(?P<quarter>[一二三四1-4])季度?)|(?P<first>前三季度|前三个季度)|年?(?P<half>[上下]半年)"
    rf"|年?(?P<year_part>年初|年底|年末|年中|初|底|末)"
    rf"|(?:(?P<month>\d{{1,2}}|[{_CN}]{{1,3}})月份?|(?P<told_month>{'|'.join(_MONTHS)}))"
    rf"(?P<month_part>上旬|中旬|下旬|月初|月底|月末|初|底|末)?)?"
    rf"(?:(?P<day>\d{{1,2}}|[{_CN}]{{1,3}})(?P<day_word>[日号])|(?P<told_day>{'|'.join((*_DAYS, *_TOLD_DAYS))}))?"
    r"(?:(?P<weeks>上上|上|本|这|下下|下)?(?:周|星期|礼拜)(?P<weekday>[一二三四五六日天]))?"
    rf"(?P<part>{_PARTS})?"
    rf"(?:(?P<hour>\d{{1,2}}|[{_CN}]{{1,3}})(?:时|点钟?|:(?=\d\d))(?:(?P<minute>\d{{1,2}}|[{_CN}]{{1,3}}|半)分?|整)?"
    r"(?P<second>:\d\d)?)?"
)
_WRITTEN = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?:[T日](\d{1,2}):(\d\d)(?::\d\d)?)?")
_DECADE = re.compile(r"(?:(上)世纪|(\d{2}|二十|二十一)世纪)([1-9]0|[二三四五六七八九]十)年代")
_BETWEEN = re.compile(r"(?<!截)[至到]|[-—–~]+")
_NOTE = re.compile(r"\((?:周|星期)[一二三四五六日天]\)")
_BEHIND = {"以来": "since", "起": "since", "之前": "before", "以前": "before", "前": "before"}
_BEHIND |= {"之后": "after", "以后": "after", "后": "after", "左右": "about", "前后": "about"}
_BEHIND |= {"许": "about", "期间": "", "间": ""}
_BEFORE = {"截至": "until", "截止": "until", "自": "since", "从": "since", "约": "about", "于": ""}


class _Unreadable(Exception):
    """An expression that says a day that there is not, or cannot be placed."""


def read_time(text: str, base: date | None = None, anchor: date | None = None) -> Value | None:
    """Return the date or time that a text without blanks is, or None; see `read_value`."""
    text = _NOTE.sub("", text)
    try:
        return _plain(text, base, anchor) or _qualified(text, base, anchor) or _range(text, base)
    except (_Unreadable, ValueError, OverflowError):
        return None


def _qualified(text: str, base: date | None, anchor: date | None) -> Value | None:
    rest, qualifier = text, ""
    for word, name in _BEFORE.items():
        if rest.startswith(word):
            rest, qualifier = rest[len(word) :], name
            break
    for word, name in _BEHIND.items():
        if rest.endswith(word):
            rest, qualifier = rest[: -len(word)], name or qualifier
            break
    value = _plain(rest, base, anchor) if rest != text else None
    if not value or not qualifier:
        return value
    parts = value if isinstance(value, dict) else {"date": str(value)}
    return {**parts, "qualifier": qualifier}


def _range(text: str, base: date | None) -> Value | None:
    """Return 5月10日至12日 and the like; what the end does not say is as in the beginning."""
    match = _BETWEEN.search(text)
    if match is None:
        return None
    first, last = text[: match.start()], text[match.end() :]
    if re.fullmatch(r"\d{4}", first) and re.fullmatch(r"\d{4}年", last):
        first += "年"
    if re.fullmatch(r"\d{1,2}", first) and (unit := re.search(r"[月日时]$", last)):
        first += unit[0]
    head = re.match(rf"(?:(?:\d{{4}}|[{_CN}]{{4}})年|{'|'.join(_YEARS)})", first)
    month = re.search(rf"(?:\d{{1,2}}|[{_CN}]{{1,3}})月|{'|'.join(_MONTHS)}", first)
    if month and not re.search(r"[年月]", last) and re.search(r"[日号]$", last):
        last = month[0] + last
    if head and "年" not in last:
        last = head[0] + last
    ends = [_plain(one, base, None) for one in (first, last)]
    if not all(isinstance(one, str) for one in ends) or len(str(ends[0])) != len(str(ends[1])):
        return None
    return {"from": str(ends[0]), "to": str(ends[1])} if str(ends[0]) < str(ends[1]) else None


def _plain(text: str, base: date | None, anchor: date | None) -> Value | None:
    if match := _WRITTEN.fullmatch(text):
        day = date(int(match[1]), int(match[3]), int(match[4])).isoformat()
        return f"{day}T{int(match[5]):02}:{match[6]}" if match[5] else day
    if match := _DECADE.fullmatch(text):
        return _decade(match)
    found = _TIME.fullmatch(text) if text else None
    if found is None or not any(found.groups()):
        return None
    said = {name: value for name, value in found.groupdict().items() if value}
    if set(said) <= {"year_part", "part"} or (said.keys() == {"told_day"} and text in ("今", "昨")):
        return None
    if "first" in said:
        year = _year(said, base)
        return {"from": f"{year}-Q1", "to": f"{year}-Q3"}
    day = _date(said, base, anchor)
    clock = _clock(said)
    if clock:
        if said.keys() == {"hour"} and text.endswith("点"):
            # It may be three points.
            raise _Unreadable
        if day and len(day) != len("2024-05-10"):
            raise _Unreadable
        return f"{day}T{clock}"
    part = said.get("part") or said.get("month_part") or said.get("year_part")
    return {"date": day, "part": part} if part else day


def _decade(match: "re.Match[str]") -> Value:
    century = 20 if match[1] else int(read_number(match[2]) or 0)
    digit = match[3][0]
    first = (century - 1) * 100 + int(read_digits(digit) or 0) * 10
    return {"from": str(first), "to": str(first + 9)}


def _date(said: dict[str, str], base: date | None, anchor: date | None) -> str:
    """Return the date, as far as it is told; "" for a time of day alone."""
    if "weekday" in said:
        return _weekday(said, base)
    if "told_day" in said:
        return _told_day(said, base, anchor)
    year = _year(said, base)
    if "quarter" in said:
        return f"{year}-Q{_QUARTERS[said['quarter']]}"
    if "half" in said:
        return f"{year}-H{1 if said['half'].startswith('上') else 2}"
    month = 0
    if "told_month" in said:
        if base is None or "year" in said:
            raise _Unreadable
        months = base.year * 12 + base.month - 1 + _MONTHS[said["told_month"]]
        year, month = f"{months // 12:04}", months % 12 + 1
    elif "month" in said:
        month = _in(said["month"], 1, 12)
    if "day" in said:
        return _with_day(said, year, month, base, anchor)
    if month:
        return f"{year}-{month:02}"
    return year if "year" in said or "told_year" in said else ""


def _with_day(
    said: dict[str, str], year: str, month: int, base: date | None, anchor: date | None
) -> str:
    day = _in(said["day"], 1, 31)
    if not month:
        start = anchor or base
        if start is None or "year" in said or "told_year" in said or not said["day"].isdecimal():
            # 三日 are three days, too.
            raise _Unreadable
        if said["day_word"] == "号":
            # 3号 may be the number of anything.
            raise _Unreadable
        # 10日 is that day of the month told of before; in news, where none is told, of this one.
        year, month = f"{start.year:04}", start.month
        if start == base and day > base.day + 15:
            # That far ahead it would be another month's.
            raise _Unreadable
    if day > monthrange(int(year) if year.isdecimal() else 2024, month)[1]:
        raise _Unreadable
    return f"{year}-{month:02}-{day:02}"


def _year(said: dict[str, str], base: date | None) -> str:
    if "year" in said:
        digits = read_digits(said["year"])
        if digits is None or not 1000 <= int(digits) <= 2999:
            raise _Unreadable
        return digits
    if "told_year" in said:
        if base is None:
            raise _Unreadable
        return f"{base.year + _YEARS[said['told_year']]:04}"
    return "XXXX" if base is None else f"{base.year:04}"


def _told_day(said: dict[str, str], base: date | None, anchor: date | None) -> str:
    word = said["told_day"]
    start, days = (anchor, _TOLD_DAYS[word]) if word in _TOLD_DAYS else (base, _DAYS[word])
    if start is None or said.keys() & {"year", "told_year", "month", "told_month"}:
        raise _Unreadable
    return (start + timedelta(days)).isoformat()


def _weekday(said: dict[str, str], base: date | None) -> str:
    """Return the day of a week; without 上 or 下 it is of this one, which begins on Monday."""
    if base is None or said.keys() - {"weeks", "weekday", "part", "hour", "minute"}:
        raise _Unreadable
    week = said.get("weeks", "")
    weeks = week.count("下") - week.count("上")
    day = "一二三四五六日".index(said["weekday"].replace("天", "日"))
    if not week and day > base.weekday():
        # The last one, or the next.
        raise _Unreadable
    return (base - timedelta(base.weekday()) + timedelta(7 * weeks + day)).isoformat()


def _clock(said: dict[str, str]) -> str:
    if "hour" not in said:
        return ""
    hour, part = _in(said["hour"], 0, 24), said.get("part", "")
    if hour < 12 and (part in _LATE or (part == "中午" and hour < 3)):
        hour += 12
    if hour == 12 and part in ("凌晨", "深夜", "晚上"):
        raise _Unreadable
    minute = said.get("minute", "0")
    return f"{hour:02}:{30 if minute == '半' else _in(minute, 0, 59):02}"


def _in(text: str, low: int, high: int) -> int:
    number = read_number(text)
    if number is None or not low <= number <= high:
        raise _Unreadable
    return int(number)
