"""Amounts of money, shares, numbers and quantities with a unit; their ranges and approximations."""

import re
from decimal import Decimal

from ...data.documents import Value
from .numerals import NUMBER, read_number

# What is said of the number, by what stands before or behind it.
_BEFORE = {
    "about": ("大约", "约合", "约为", "约", "大概", "估计"),
    "nearly": ("将近", "接近", "近"),
    "above": ("超过", "超出", "超", "逾", "多达", "高于", "大于"),
    "below": ("不足", "不到", "低于", "少于", "小于"),
    "at_least": ("至少", "不低于", "不少于", "起码"),
    "at_most": ("至多", "最多", "不超过", "不高于"),
}
_BEHIND = {"about": ("左右", "上下"), "at_least": ("以上", "起"), "at_most": ("以下", "以内")}
_HOURS = 24

_CURRENCIES = {
    "CNY": ("元人民币", "人民币元", "人民币", "元", "块钱", "RMB", "CNY"),
    "USD": ("美元", "美金", "USD"),
    "HKD": ("港元", "港币", "HKD"),
    "JPY": ("日元", "日圆", "JPY"),
    "EUR": ("欧元", "EUR"),
    "GBP": ("英镑", "GBP"),
    "KRW": ("韩元", "KRW"),
    "TWD": ("新台币", "新台币元", "台币"),
    "RUB": ("卢布",),
    "AUD": ("澳元", "澳大利亚元"),
    "CAD": ("加元", "加拿大元"),
    "CHF": ("瑞士法郎",),
    "SGD": ("新加坡元",),
    "INR": ("印度卢比",),
    "THB": ("泰铢",),
    "VND": ("越南盾",),
    "MYR": ("林吉特",),
    "MOP": ("澳门元",),
}
_MONEY = {name: code for code, names in _CURRENCIES.items() for name in names}
# Before the number; the yuan may be said again behind it.
_SIGNS = {"¥": "CNY", "$": "USD", "US$": "USD", "HK$": "HKD", "€": "EUR", "£": "GBP"}
# Another name of a unit -> its name; all others are their own.
_SAME = {
    **dict.fromkeys(("公里", "km"), "千米"),
    **dict.fromkeys(("公斤", "kg"), "千克"),
    **dict.fromkeys(("平米", "m2", "平方"), "平方米"),
    **dict.fromkeys(("平方公里",), "平方千米"),
    **dict.fromkeys(("立方", "m3"), "立方米"),
    **dict.fromkeys(("°C", "℃"), "摄氏度"),
    **{"m": "米", "cm": "厘米", "mm": "毫米", "t": "吨", "g": "克", "kW": "千瓦", "MW": "兆瓦"},
}
_NAMES = """
千米 米 厘米 毫米 纳米 里 海里 平方米 平方千米 平方厘米 亩 公顷 立方米 升 毫升 吨 吨级 千克 克 毫克 斤 标准箱
桶 千瓦 兆瓦 千瓦时 度 摄氏度 伏 赫兹 人 人次 名 位 个 家 户 辆 台 架 艘 座 所 套 件 次 起 例 项 条 只 头 株 棵
本 册 部 篇 张 份 场 届 股 手 箱 盒 瓶 岁 级 倍 个基点 基点 GB MB TB 字 票 层 间 种 支 批 枚 颗 对 双 门 幅 首
期 轮 列 班 单 笔 宗 处 片 块 口 点 公里/小时 千米/小时 米/秒 千卡 毫安时
"""
_UNITS = frozenset(_NAMES.split())
_SHARES = {"%": 100, "‰": 1000}
_PARTS = {"百": 100, "千": 1000, "万": 10_000}
_ALL_UNITS = sorted(
    {*_MONEY, *_UNITS, *_SAME, *_SHARES, "成", "个百分点", "百分点"}, key=len, reverse=True
)
_UNIT = "|".join(map(re.escape, _ALL_UNITS))
_ONE = re.compile(
    rf"(?P<sign>[-+]|负)?(?P<number>{NUMBER})(?P<more>[余多来])?(?P<scale>万亿|[万亿])?(?P<more2>[余多])?"
    rf"(?P<unit>{_UNIT})?(?:[/每](?P<per>[\u4e00-\u9fff]{{1,4}}))?"
)
_RANGE = re.compile(
    rf"(?P<low>{NUMBER})(?P<unit1>{_UNIT})?(?:-|—|–|~|至|到)+(?P<high>{NUMBER})(?P<unit>{_UNIT})?"
)
_FRACTION = re.compile(rf"({NUMBER})分之({NUMBER})")
_TENTHS = re.compile(r"([一二两三四五六七八九])成([一二三四五六七八九])?")
_BIG = re.compile(r"(万亿|[万亿])$")
_BARE = re.compile(r"[百千万亿]")


def read_quantity(text: str) -> Value | None:
    """Return the quantity that a text without blanks is, or None."""
    rest, qualifier = peeled(text)
    value = _share(rest) or _range(rest) or _one(rest, bare=bool(qualifier))
    if value is not None and qualifier:
        if value.get("qualifier") not in (None, qualifier, "above"):
            return None
        value["qualifier"] = qualifier
    return value


def peeled(text: str) -> tuple[str, str]:
    """Take what is said of a number off it: 约12% gives 12% and about."""
    for name, words in _BEFORE.items():
        for word in words:
            if text.startswith(word):
                return _peeled_behind(text[len(word) :], name)
    return _peeled_behind(text, "")


def _peeled_behind(text: str, qualifier: str) -> tuple[str, str]:
    for name, words in _BEHIND.items():
        for word in words:
            # 起 counts cases too: 3起.
            if text.endswith(word) and (word != "起" or _ends_in_unit(text[:-1])):
                return text[: -len(word)], qualifier or name
    return text, qualifier


def _ends_in_unit(text: str) -> bool:
    return any(text.endswith(unit) for unit in (*_MONEY, "%", "岁"))


def _one(text: str, *, bare: bool) -> dict[str, str | int | float | bool | None] | None:
    text, currency = _without_sign(text)
    match = _ONE.fullmatch(text)
    if match is None:
        return None
    said = match["number"] + (match["scale"] or "")
    unit, per = match["unit"] or "", match["per"]
    is_more = bool(match["more"] or match["more2"])
    if (bare or is_more) and _BARE.match(said):
        # 近万人 is nearly 10,000.
        said = f"一{said}"
    number = read_number(said)
    if number is None or (not unit and not currency and not _is_figure(said)):
        return None
    if match["more"] == "来" and not said.endswith(("十", "百", "千", "万", "0")):
        return None
    if match["sign"] in ("-", "负"):
        number = -number
    value = _valued(number, unit, currency)
    if value is not None and per:
        value["per"] = per
    if value is not None and is_more:
        value["qualifier"] = "above"
    return value


def _is_figure(text: str) -> bool:
    """Return whether a number without a unit is surely one.

    一 and 十一 may be names, 2024 a year, 600519 and 007 codes.
    """
    if not text.isdecimal():
        return text[0].isdecimal() or any(unit in text for unit in "百千万亿")
    is_year = len(text) == 4 and text[:2] in ("19", "20")
    return len(text) < 6 and not is_year and (text[0] != "0" or text == "0")


def _without_sign(text: str) -> tuple[str, str]:
    """Take the sign or name of a currency off the beginning."""
    for sign in sorted((*_SIGNS, "人民币", "RMB"), key=len, reverse=True):
        if text.startswith(sign) and len(text) > len(sign):
            return text[len(sign) :], _SIGNS.get(sign, "CNY")
    return text, ""


def _valued(
    number: Decimal, unit: str, currency: str = ""
) -> dict[str, str | int | float | bool | None] | None:
    code = _MONEY.get(unit, "")
    if currency:
        # 人民币3亿元, but not $3吨.
        if unit and code not in (currency, "CNY"):
            return None
        return {"amount": plain(number), "currency": currency}
    if code:
        return {"amount": plain(number), "currency": code}
    if unit in _SHARES:
        return {"number": plain(number / _SHARES[unit])}
    if unit == "成":
        return {"number": plain(number / 10)}
    if unit == "点" and number <= _HOURS:
        # Points, or a time of day.
        return None
    if not unit:
        return {"number": plain(number)}
    name = _SAME.get(unit, unit)
    return {"number": plain(number), "unit": name.removeprefix("个") or name}


def _share(text: str) -> dict[str, str | int | float | bool | None] | None:
    """Return 三分之一, 百分之十二, 三成五, 一半 as a number."""
    if text == "一半":
        return {"number": 0.5}
    if match := _TENTHS.fullmatch(text):
        digits = [read_number(digit) for digit in match.groups() if digit]
        tens = sum((digit or Decimal(0)) / 10 ** (i + 1) for i, digit in enumerate(digits))
        return {"number": plain(Decimal(tens))}
    match = _FRACTION.fullmatch(text)
    if match is None:
        return None
    below = Decimal(_PARTS[match[1]]) if match[1] in _PARTS else read_number(match[1])
    above = read_number(match[2])
    return None if not below or above is None else {"number": plain(above / below)}


def _range(text: str) -> dict[str, str | int | float | bool | None] | None:
    text, currency = _without_sign(text)
    match = _RANGE.fullmatch(text)
    if match is None:
        return None
    unit, unit1 = match["unit"] or "", match["unit1"] or ""
    low, high = match["low"], match["high"]
    if unit1 and _SAME.get(unit1, unit1) != _SAME.get(unit, unit):
        return None
    if not unit1 and (big := _BIG.search(high)) and not _BIG.search(low):
        # 5至8亿元: the unit is said once.
        low += big[1]
    first, second = read_number(low), read_number(high)
    if first is None or second is None or first >= second or not (unit or currency):
        return None
    ends = [_valued(number, unit, currency) for number in (first, second)]
    if ends[0] is None or ends[1] is None:
        return None
    key = "amount" if "amount" in ends[0] else "number"
    rest = {name: item for name, item in ends[0].items() if name != key}
    return {"from": ends[0][key], "to": ends[1][key], **rest}


def plain(number: Decimal) -> int | float:
    """Return a number of JSON: an integer if it is one, else with 6 digits behind the point."""
    return int(number) if number == number.to_integral_value() else round(float(number), 6)
