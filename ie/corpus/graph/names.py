"""What names of one thing have in common: their kind, and their core without forms and titles.

    华为技术有限公司 -> 华为技术 (legal-form)      馬雲先生 -> 马云 (characters, title)

Nothing here looks at more than one name; `mentions` and `settle` compare them.
"""

import re
from collections.abc import Collection
from typing import NamedTuple

from ...data.text import fold
from .known_words import BROAD

PERSON, ORGANISATION, PLACE, TIME = "person", "organisation", "place", "time"

# Why two names were taken for one thing; `--no-merge` takes each of these.
REASONS = {
    "characters": "the same but for traditional characters, width, case, blanks, quotes and book-title marks",
    "legal-form": "the same but for the form of the company, such as 股份有限公司",
    "title": "the same but for a title of the person, such as 总统 or 先生",
    "type": "the same name with another type of the same kind, such as 企业 and 机构",
    "declared": "the document says so: （以下简称“…”）",
    "short-name": "part of the one full name in the document that it fits",
    "abbreviation": "made of characters of the one full name in the document that it fits",
    "surname": "a surname with a title, and one person of that surname stands before it",
    "reference": "公司, 该公司 and the like: the last company that was named before it",
    "place-form": "the same place with 省, 市, 县 or another such ending",
    "place-letter": "the letter of a country or province, such as 俄 and 沪",
    "elsewhere": "a short name that stands for one full name only in all other documents",
}

_PERSON_TYPES = frozenset(("人", "人名", "人物", "姓名", "per", "person", "people"))
_TIME_TYPES = frozenset(("时间", "日期", "date", "time"))
_ORGANISATION_TYPES = re.compile(
    r"机构|组织$|公司|企业|学校|院校|大学|银行|政府|单位|团体|^org|company|organi[sz]ation"
)
_PLACE_TYPES = re.compile(r"^地名|^地点|^地区|国家|城市|省份|行政区|^loc|^gpe|^place")

_LEGAL = re.compile(
    r"(?:\((?:集团|控股)\))?"
    r"(?:股份有限责任公司|股份有限公司|有限责任公司|有限公司|股份公司|集团公司|总公司|公司|集团)"
    r"(?:\((?:集团|控股|有限合伙)\))?$"
)
_LEGAL_LATIN = re.compile(
    r"[\s,，]+(?:inc|incorporated|ltd|limited|llc|corp|corporation|co|company|plc|gmbh|ag)\.?$",
    re.IGNORECASE,
)
_TITLE_WORDS = (
    *("国家主席", "总书记", "副总统", "总统", "副总理", "总理", "副主席", "主席", "书记", "首相"),
    *("董事长", "总经理", "副总裁", "总裁", "首席执行官", "创始人", "经理", "总监", "部长", "外长"),
    *("省长", "市长", "县长", "局长", "处长", "校长", "院长", "院士", "主任", "秘书长", "发言人"),
    *("教授", "博士", "老师", "医生", "律师", "记者", "大使", "议员", "国王", "女王", "将军"),
    *("先生", "女士", "小姐", "夫人", "同志", "ceo"),
)
_TITLES = "|".join(sorted(_TITLE_WORDS, key=len, reverse=True))
_TITLE_BEFORE = re.compile(rf"^(?:前|副|原|时任)?(?:{_TITLES})(?=.{{2}})")
_TITLE_AFTER = re.compile(rf"(?<=.)(?:{_TITLES})$")
PLACE_FORMS = ("特别行政区", "自治区", "自治州", "自治县", "省", "市", "县", "州")

# No names: what they stand for is told by the document alone.
_REFERENCE = re.compile(
    r"(?:该|本|我|上述|这家|这个)?(?:公司|集团|企业|机构|学校|单位)"
    r"|(?:该|本|我)(?:行|校|院|厂|司|店|社|所|会|部|局)"
    r"|[他她它其](?:们)?|本人|该(?:男子|女子|人员|人)|两人|双方"
)


class Name(NamedTuple):
    """A name taken apart: `core` is what is compared, `removed` names the reasons it is shorter."""

    core: str
    removed: tuple[str, ...] = ()

    @property
    def is_full(self) -> bool:
        """Whether the name had the form of a company, as full names have."""
        return "legal-form" in self.removed


def kind_of(type_: str | None) -> str:
    """Return `person`, `organisation`, `place` or `time` for a type of any schema, else ''."""
    name = (type_ or "").lower()
    if name in _PERSON_TYPES:
        return PERSON
    if name in _TIME_TYPES:
        return TIME
    if _ORGANISATION_TYPES.search(name):
        return ORGANISATION
    return PLACE if _PLACE_TYPES.search(name) else ""


def is_reference(text: str) -> bool:
    """Return whether a mention is no name, but leads to one: 公司, 该行, 他."""
    return _REFERENCE.fullmatch(text) is not None


def take_apart(text: str, kind: str, kept: Collection[str] = ()) -> Name:
    """Return the core of a name; what `kept` names is not taken off.

    Args:
        text: the name as it stands in a document.
        kind: as `kind_of` says.
        kept: some of `characters`, `legal-form`, `title`.
    """
    removed = []
    name = text.strip()
    if kind == ORGANISATION and "legal-form" not in kept:
        shorter = _LEGAL_LATIN.sub("", name)
        if shorter and shorter != name:
            removed.append("legal-form")
            name = shorter
    folded = fold(name).text.strip("\"'") or name
    core = name if "characters" in kept else folded
    if kind == ORGANISATION and "legal-form" not in kept:
        shorter = _LEGAL.sub("", core if "characters" not in kept else folded)
        if len(shorter) >= 2 and shorter != folded and shorter not in BROAD:
            removed.append("legal-form")
            core = shorter
    elif kind == PERSON and "title" not in kept:
        shorter = _TITLE_AFTER.sub("", _TITLE_BEFORE.sub("", core))
        if shorter and shorter != core:
            removed.append("title")
            core = shorter
    return Name(core, tuple(dict.fromkeys(removed)))


def is_short_for(short: str, full: str) -> bool:
    """Return whether an organisation's core is part of that of a company's full name.

    Only a place may stand before the part: 字节跳动 in 北京字节跳动科技.
    """
    at = full.find(short)
    if at < 0 or short == full or len(short) < 2 or short in BROAD:
        return False
    before, behind = full[:at], full[at + len(short) :]
    is_place = not before or before in BROAD or before[-1] in "省市区县"
    return is_place and not _OTHER_BODY.search(behind)


# Letters of the longest last word that an abbreviation takes one from: 石油天然气 gives 油.
_LAST_WORD = 4
_BRANCH = re.compile("(?:总部|分部|分行|支行|分公司|子公司|分校|分院|办事处)$")
_OTHER_BODY = re.compile("分公司|子公司|分行|支行|研究院|协会|学会|基金会|医院|大学|学院")


def is_abbreviation(short: str, full: str) -> bool:
    """Return whether characters of a full name, in their order and from its first, make the short one.

    北大 of 北京大学, 中石油 of 中国石油天然气; at most half as long, not a mere beginning. The last is of
    the full name's last word, so that 中行 is no name of 中国人民银行上海总部.
    """
    if not 2 <= len(short) <= 4 or len(full) < 2 * len(short) or short[0] != full[0]:
        return False
    if short in BROAD or full.startswith(short) or not short.isalpha() or short.isascii():
        return False
    if short[-1] not in full[-_LAST_WORD:] or _BRANCH.search(full):
        return False
    rest = iter(full)
    return all(character in rest for character in short)


def is_part_of_person(short: str, full: str) -> bool:
    """Return whether a name is the first or last part of a foreign one: 特朗普 of 唐纳德·特朗普."""
    parts = re.split("[·-]", full)
    return len(parts) > 1 and len(short) > 1 and short in (parts[0], parts[-1])
