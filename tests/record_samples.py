"""Invented documents and schemas for the tests of record building."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from chinchilla.data.documents import Argument, Document, Entity, Event, Mention, Relation
from chinchilla.data.schema import Schema, read_schema
from chinchilla.instructions.balance import kind_of, limit_empty
from chinchilla.instructions.build_options import BuildOptions
from chinchilla.instructions.records import Record, RecordWriter, Resources

SCHEMA = read_schema(
    {
        "name": "toy",
        "entities": ["人名", "机构名", "地名", "作品", "日期", "职务", "产品", "奖项"],
        "relations": [
            {"name": "作者", "subject": "作品", "object": "人名"},
            {"name": "导演", "subject": "作品", "object": "人名"},
            {"name": "总部", "subject": "机构名", "object": "地名"},
        ],
        "events": [
            {"name": "组织关系-裁员", "roles": ["裁员方", "裁员人数"]},
            {"name": "组织关系-加盟", "roles": ["加盟者", "加盟方"]},
        ],
    }
)


def entity(text: str, mention: str, type: str, nth: int = 0) -> Entity:
    start = -1
    for _ in range(nth + 1):
        start = text.index(mention, start + 1)
    return Entity(type, mention, start, start + len(mention))


def named(id: str, text: str, *mentions: tuple[str, str], source: str = "toy") -> Document:
    """A document with entities given as (mention, type), at their first occurrence."""
    found = tuple(entity(text, mention, type) for mention, type in mentions)
    return Document(id, text, found, meta={"source": source, "lang": "zh", "licence": "own"})


NEWS = "雀巢宣布裁员4000人。百事公司也在上海裁员300人。"
LAYOFFS = Document(
    "news",
    NEWS,
    (entity(NEWS, "雀巢", "机构名"), entity(NEWS, "上海", "地名")),
    (
        Relation("总部", entity(NEWS, "雀巢", "机构名"), entity(NEWS, "上海", "地名")),
        Relation("总部", entity(NEWS, "百事公司", "机构名"), entity(NEWS, "上海", "地名")),
    ),
    (
        Event(
            "组织关系-裁员",
            Mention("裁员", 4, 6),
            (Argument("裁员方", "雀巢", 0, 2), Argument("裁员人数", "4000人", 6, 11)),
        ),
        Event(
            "组织关系-裁员",
            Mention("裁员", 20, 22),
            (Argument("裁员方", "百事公司", 12, 16), Argument("裁员人数", "4000人", 6, 11)),
        ),
    ),
    meta={"source": "toy", "licence": "own"},
)
WRITERS = [
    named(f"w{i}", f"{who}写了《{what}》，{n}人读过。", (who, "人名"), (what, "作品"))
    for i, (who, what, n) in enumerate(
        [("鲁迅", "呐喊", 12), ("巴金", "家", 7), ("沈从文", "边城", 31), ("老舍", "茶馆", 5)]
    )
]
PLAIN = [named(f"p{i}", f"第{i}天没有什么消息。") for i in range(6)]


def build_records(
    documents: Iterable[Document],
    schema_of: Callable[[Document], Schema],
    options: BuildOptions,
    counts: Counter[str] | None = None,
    resources: Resources | None = None,
) -> Iterator[Record]:
    """Yield the records of every document, in order, as `data build` writes them."""
    counts = Counter() if counts is None else counts
    writer = RecordWriter(schema_of, options, counts, resources or Resources())
    records = (record for document in documents for record in writer.records(document, Record))
    if options.empty_rate is None:
        return records
    return limit_empty(records, kind_of, options.empty_rate, counts)
