"""Alignment: which occurrence a listing takes, and what is said about one that has none."""

import time

import jieba
import pytest

from chinchilla.data.documents import Entity, Extraction
from chinchilla.data.occurrences import Covers, Occurrence, Occurrences
from chinchilla.data.schema import Schema
from chinchilla.decoding.align import align
from chinchilla.decoding.chain import cheapest_chain
from chinchilla.decoding.formats import Item

SCHEMA = Schema.from_dict(
    {
        "name": "test",
        "entities": ["人名", "机构名", "地名", "图书", "人物"],
        "relations": [{"name": "作者", "subject": "图书", "object": "人物"}],
        "events": [
            {"name": "裁员", "roles": ["裁员方", "人数", {"name": "环节", "values": ["完成"]}]}
        ],
    }
)


def entities(text: str, *listed: tuple[str, str]) -> Extraction:
    return align([Item("ner", label, head) for head, label in listed], text, SCHEMA)


def spans(result: Extraction) -> list[tuple[int, int] | None]:
    return [entity.span for entity in result.entities]


def test_the_second_listing_takes_the_second_occurrence() -> None:
    result = entities("雀巢说雀巢要裁员", ("雀巢", "机构名"), ("雀巢", "机构名"))
    assert spans(result) == [(0, 2), (3, 5)]
    assert result.issues == ()


def test_order_decides_between_occurrences() -> None:
    # Listed after 王芳, 雀巢 is the one after 王芳.
    assert spans(entities("雀巢和王芳和雀巢", ("王芳", "人名"), ("雀巢", "机构名"))) == [
        (3, 5),
        (6, 8),
    ]


def test_an_occurrence_inside_another_mention_is_the_last_choice() -> None:
    result = entities("北京大学在北京", ("北京大学", "机构名"), ("北京", "地名"))
    assert spans(result) == [(0, 4), (5, 7)]


def test_a_nested_mention_without_other_occurrence_is_found_inside() -> None:
    result = entities("北京大学很大", ("北京", "地名"), ("北京大学", "机构名"))
    assert spans(result) == [(0, 2), (0, 4)]
    assert result.issues == ()


def test_overlapping_occurrences_are_told_apart() -> None:
    assert spans(entities("哈哈哈", ("哈哈", "人名"), ("哈哈", "人名"))) == [(0, 2), (1, 3)]


def test_a_trigger_is_rather_a_word_than_part_of_one() -> None:
    # 裁员 in 总裁员工 is no word.
    result = align([Item("ee", "裁员", "裁员", ())], "总裁员工大会宣布裁员", SCHEMA)
    assert [event.trigger and event.trigger.span for event in result.events] == [(8, 10)]


def test_two_types_share_the_only_occurrence() -> None:
    result = entities("苹果很好", ("苹果", "机构名"), ("苹果", "地名"))
    assert spans(result) == [(0, 2), (0, 2)]


def test_a_listing_beyond_the_occurrences_is_a_reported_duplicate() -> None:
    result = entities("雀巢裁员", ("雀巢", "机构名"), ("雀巢", "机构名"))
    assert spans(result) == [(0, 2)]
    assert [(issue.kind, issue.detail) for issue in result.issues] == [
        ("repeated", "'雀巢' as '机构名' is listed more often than it occurs")
    ]


def test_lists_grouped_by_type_are_aligned_too() -> None:
    text = "王芳在雀巢，李四海在蓝鲸航空，王芳走了"
    result = entities(
        text,
        ("王芳", "人名"),
        ("李四海", "人名"),
        ("王芳", "人名"),
        ("雀巢", "机构名"),
        ("蓝鲸航空", "机构名"),
    )
    assert spans(result) == [(0, 2), (6, 9), (15, 17), (3, 5), (10, 14)]


def test_a_mention_that_is_not_there_keeps_its_words_and_gets_an_issue() -> None:
    result = entities("雀巢裁员", ("英伟达", "机构名"))
    assert result.entities == (Entity("机构名", "英伟达", None, None, None, "none"),)
    assert [(i.kind, i.where) for i in result.issues] == [("ungrounded", "entities[0]")]


@pytest.mark.parametrize(
    ("said", "surface"),
    [
        ("ABC公司", "ＡＢＣ公司"),
        ("abc公司", "ＡＢＣ公司"),
        ("边 城", "边城"),
        ("《边城》", "边城"),
        ("台湾大学", "臺灣大學"),
        ("“小雨伞”", '"小雨伞"'),
        ("20kg", "20㎏"),
    ],
)
def test_folded_matches_give_the_words_of_the_text(said: str, surface: str) -> None:
    text = f"他在{surface}工作"
    (entity,) = entities(text, (said, "机构名")).entities
    start, end = entity.span or (0, 0)
    assert entity.status == "folded"
    assert entity.text == text[start:end]
    assert text[start:end].strip('《》"') == surface.strip('"')


def test_marks_at_the_edges_are_the_models_own() -> None:
    result = entities("同意与“塞雷卡”组建联合政府", ("“联合政府。", "机构名"))
    assert result.entities == (Entity("机构名", "联合政府", 10, 14, None, "folded"),)


def test_a_near_match_is_bounded_and_marked() -> None:
    text = "松江铝业股份有限公司发布公告"
    result = entities(text, ("松江铝业股分有限公司", "机构名"))
    assert result.entities == (Entity("机构名", "松江铝业股份有限公司", 0, 10, None, "fuzzy"),)
    assert "松江铝业股分有限公司" in result.issues[0].detail
    # Two of four characters, a short name, other digits: these are other mentions.
    assert entities("松江铝业", ("松花铁业", "机构名")).entities[0].status == "none"
    assert entities("张三来了", ("张四", "人名")).entities[0].status == "none"
    assert entities("裁员约4000多人", ("裁员约5000多人", "机构名")).entities[0].status == "none"


def test_a_discontinuous_mention_is_described_not_mangled() -> None:
    result = entities("上海、北京分公司开业", ("上海分公司", "机构名"))
    assert result.entities[0].span is None
    assert result.issues[0].detail == (
        "'上海分公司' is not in the text as one piece; "
        "it may be discontinuous: '上海' at [0, 2) and '分公司' at [5, 8)"
    )


def test_subject_and_object_are_the_closest_pair() -> None:
    text = "沈从文生于凤凰。《边城》出版多年，《边城》是沈从文的代表作。"
    result = align([Item("re", "作者", "边城", (("", "沈从文"),))], text, SCHEMA)
    (relation,) = result.relations
    assert relation.subject.span == (18, 20)
    assert relation.object.span == (22, 25)
    assert (relation.subject.type, relation.object.type) == ("图书", "人物")


def test_equal_relations_are_one() -> None:
    item = Item("re", "作者", "边城", (("", "沈从文"),))
    result = align([item, item], "《边城》是沈从文写的", SCHEMA)
    assert len(result.relations) == 1
    assert [issue.kind for issue in result.issues] == ["repeated"]


def test_arguments_stand_by_their_own_trigger() -> None:
    text = "雀巢裁员100人。此前蓝鲸航空也裁员，雀巢裁员300人。"
    items = [
        Item("ee", "裁员", "裁员", (("裁员方", "雀巢"), ("人数", "100人"))),
        Item("ee", "裁员", "裁员", (("裁员方", "蓝鲸航空"),)),
        Item("ee", "裁员", "裁员", (("裁员方", "雀巢"), ("人数", "300人"))),
    ]
    result = align(items, text, SCHEMA)
    assert [event.trigger and event.trigger.start for event in result.events] == [2, 16, 21]
    assert [[a.start for a in event.arguments] for event in result.events] == [
        [0, 4],
        [11],
        [19, 23],
    ]


def test_an_event_without_trigger_still_has_its_arguments_placed() -> None:
    item = Item("ee", "裁员", None, (("裁员方", "雀巢"), ("环节", "完成")))
    result = align([item], "雀巢", SCHEMA)
    assert result.events[0].trigger is None
    assert [a.span for a in result.events[0].arguments] == [(0, 2), None]
    assert result.issues == ()


def test_a_listed_value_that_only_resembles_the_text_stays_as_listed() -> None:
    schema = Schema.from_dict(
        {
            "name": "t",
            "events": [{"name": "上市", "roles": [{"name": "环节", "values": ["IPO"]}, "公司"]}],
        }
    )
    item = Item("ee", "上市", "上市", (("环节", "IPO"), ("公司", "ABC")))
    result = align([item], "abc上市，ipo", schema)
    assert [(a.text, a.span) for a in result.events[0].arguments] == [
        ("IPO", None),
        ("abc", (0, 3)),
    ]
    assert [issue.where for issue in result.issues] == ["events[0].arguments[1]"]
    exact = align([item], "ABC上市，IPO", schema)
    assert [a.span for a in exact.events[0].arguments] == [(6, 9), (0, 3)]


def test_a_chain_goes_back_only_where_it_must() -> None:
    assert cheapest_chain([[5], [0, 9], [3]], [[0.0], [0.0, 0.0], [0.0]])[0] == [0, 0, 0]
    assert cheapest_chain([[5], [0, 9], [], [9]], [[0.0], [0.0, 0.0], [], [0.0]])[0] == [
        0,
        1,
        -1,
        0,
    ]


def test_covers_tell_longer_ranges_from_equal_ones() -> None:
    covers = Covers([Occurrence([0, 2], [2, 6], "exact")])
    assert [covers.hold(*span) for span in [(0, 2), (0, 1), (3, 6), (2, 6), (1, 3)]] == [
        False, True, True, False, False,
    ]  # fmt: skip


def test_every_occurrence_is_found_once() -> None:
    assert Occurrences("哈哈哈").find("哈哈") == Occurrence([0, 1], [2, 3], "exact")
    assert Occurrences("一一").find("") == Occurrence([], [], "none")


def test_cost_is_linear_in_the_text() -> None:
    items = [Item("ner", "人名", "王芳"), Item("ner", "机构名", "雀巢")] * 200

    def seconds(times: int) -> float:
        text = "王芳说雀巢要裁员，没有别的消息。" * times
        start = time.process_time()
        align(items, text, SCHEMA)
        return time.process_time() - start

    seconds(300)
    # Eight times the text: far less than the 64 times of a quadratic cost.
    assert min(seconds(8_000) for _ in range(3)) < 30 * max(seconds(1_000), 0.001)


@pytest.mark.parametrize("task", ["ner", "re", "ee"])
def test_many_listings_of_a_string_that_stands_everywhere_take_linear_time(task: str) -> None:
    item = {
        "ner": Item("ner", "机构名", "雀巢"),
        "re": Item("re", "作者", "裁员", (("", "雀巢"),)),
        "ee": Item("ee", "裁员", "裁员", (("裁员方", "雀巢"),)),
    }[task]

    def seconds(listings: int) -> float:
        begin = time.process_time()
        align([item] * listings, "雀巢裁员。" * 60 * listings, SCHEMA)
        return time.process_time() - begin

    seconds(20)
    # Sixteen times the work; were it quadratic, it would take 256 times as long.
    assert seconds(320) < 80 * max(seconds(20), 0.002)


def test_words_added_to_jieba_elsewhere_do_not_move_word_boundaries() -> None:
    text = "昨天在北京见到了总经理。"
    before = Occurrences(text).broken_ends(6, 11)
    jieba.add_word("见到了总经理")
    try:
        assert Occurrences(text).broken_ends(6, 11) == before
    finally:
        jieba.del_word("见到了总经理")


@pytest.mark.parametrize(
    ("text", "said", "start"),
    [
        ("共300人，其中3人", "3", 8),
        ("增长2.5倍，5倍以上", "5", 7),
        ("占12%，共12家", "12", 6),
        ("共1,200元和200元", "200元", 8),
        ("iPhone和Phone", "Phone", 7),
        ("ＯＰＰＯ和ＰＯ", "ＰＯ", 5),
        ("Straße和aße", "aße", 7),
        ("二十五人，十五人", "十五人", 5),
        ("3万元，另有3元", "3", 6),
        ("cafe\u0301和cafe", "cafe", 6),
    ],
)
def test_no_occurrence_splits_a_number_or_a_latin_word(text: str, said: str, start: int) -> None:
    result = entities(text, (said, "机构名"))
    assert spans(result) == [(start, start + len(said))]
    event = align([Item("ee", "裁员", None, (("人数", said),))], text, SCHEMA).events[0]
    assert event.arguments[0].start == start
    relation = align([Item("re", "作者", said, (("", said),))], text, SCHEMA).relations[0]
    assert relation.subject.start == start


@pytest.mark.parametrize(("text", "said", "start"), [("共300人", "30", 1), ("OPPO", "PPO", 1)])
def test_a_part_of_a_word_is_taken_where_there_is_no_other(
    text: str, said: str, start: int
) -> None:
    assert spans(entities(text, (said, "机构名"))) == [(start, start + len(said))]


def test_a_mark_counts_the_occurrences_within_words_too() -> None:
    items = [Item("ner", "机构名", "10", marks=(1,)), Item("ner", "机构名", "10")]
    assert spans(align(items, "110和10", SCHEMA)) == [(1, 3), (4, 6)]


def test_chinese_characters_are_no_words_that_are_split() -> None:
    assert spans(entities("周三万科，又三万科", ("万科", "机构名"))) == [(2, 4)]
    assert spans(entities("A股和B股，B", ("股", "机构名"))) == [(1, 2)]


@pytest.mark.parametrize(
    ("text", "said", "span"),
    [
        ("在Cafe\u0301店", "Café", (1, 6)),
        ("在Café店", "Cafe\u0301", (1, 5)),
        ("ﾄﾞｺﾓの店", "ドコモ", (0, 4)),
        ("ドコモの店", "ﾄﾞｺﾓ", (0, 3)),
        ("か\u3099す", "がす", (0, 3)),
        ("\u1112\u1161\u11ab국", "한국", (0, 4)),
    ],
)
def test_composed_and_decomposed_letters_are_one(
    text: str, said: str, span: tuple[int, int]
) -> None:
    (entity,) = entities(text, (said, "机构名")).entities
    assert (entity.span, entity.status) == (span, "folded")
    assert entity.text == text[slice(*span)]


def test_a_folded_and_a_near_match_are_issues_of_their_own() -> None:
    text = "ＡＢＣ公司与松江铝业股份有限公司"
    result = entities(text, ("ABC公司", "机构名"), ("松江铝业股分有限公司", "机构名"))
    assert [(issue.kind, issue.where) for issue in result.issues] == [
        ("folded", "entities[0]"),
        ("fuzzy", "entities[1]"),
    ]
