"""Values beside mentions: dates, times, durations, money, numbers, shares and units in one form.

    read_value("3.2亿元")  # {"amount": 320000000, "currency": "CNY"}
    read_value("昨日", date(2024, 5, 11))  # "2024-05-10"

A mention has a value if its whole text is such an expression, whatever its type is called. What cannot
be read for certain has none.
"""

from datetime import date
from unicodedata import normalize

import msgspec

from ...data.documents import Argument, Document, Entity, Extraction, map_mentions
from ...data.documents import Value as Value
from .durations import read_duration
from .quantities import read_quantity
from .times import read_time

# Code points; nothing longer is one expression.
_MAX_LENGTH = 40


def read_value(text: str, base: date | None = None, anchor: date | None = None) -> Value | None:
    """Return what an expression says, or None.

    `base` is the date of the document, for what is told from there (昨日, 去年, 本月10日, 5月10日).
    `anchor` is the day told of before, for 次日, 当日 and a bare 20日; None is `base`.
    """
    if len(text) > _MAX_LENGTH:
        return None
    plain = "".join(normalize("NFKC", text).split())
    return read_time(plain, base, anchor or base) or read_duration(plain) or read_quantity(plain)


def add_values(found: Extraction, document_date: date | None = None) -> Extraction:
    """Return an extraction whose entities and arguments have their values; facts stay as they are."""
    values: dict[tuple[int, str], Value | None] = {}
    anchor = document_date
    # In the order of the text, so that 次日 and 20日 are told from the day before them.
    for mention in sorted(_valued(found), key=_place):
        value = read_value(mention.text, document_date, anchor)
        values[_place(mention)] = value
        anchor = _day(value) or anchor

    def change(mention: object) -> object:
        if not isinstance(mention, Entity | Argument):
            return mention
        value = values[_place(mention)]
        return mention if value is None else msgspec.structs.replace(mention, value=value)

    return map_mentions(found, change)


def date_of(document: Document, said: str) -> date | None:
    """Return the date of a document: the one said, or that under a key of `meta` so called."""
    day = _day(read_value(said))
    if day is None and isinstance(told := document.meta.get(said), str):
        # A time of day behind the date is left out.
        day = _day(read_value(told)) or _day(read_value(told.strip()[:10]))
    return day


def _valued(found: Extraction) -> list[Entity | Argument]:
    mentions: list[Entity | Argument] = [*found.entities]
    for relation in found.relations:
        mentions += (relation.subject, relation.object, *relation.qualifiers.values())
    for event in found.events:
        mentions += event.arguments
    return mentions


def _place(mention: Entity | Argument) -> tuple[int, str]:
    """Return where a mention stands; what is in no text comes last."""
    return (1 << 62 if mention.start is None else mention.start, mention.text)


def _day(value: Value | None) -> date | None:
    said = value.get("date") if isinstance(value, dict) else value
    try:
        return date.fromisoformat(str(said)[:10]) if said else None
    except ValueError:
        return None
