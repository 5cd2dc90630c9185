"""What dates, amounts and the like say in one form, and what has no value."""

from datetime import date

import msgspec
import pytest

from chinchilla.data.documents import Argument, Document, Entity, Event, Extraction
from chinchilla.merge.values import add_values, date_of, read_value

# A Wednesday.
DAY = date(2024, 6, 12)
TIMES = {
    "2024年5月10日": "2024-05-10",
    "二〇二四年五月十日": "2024-05-10",
    "2024-5-10": "2024-05-10",
    "2024/05/10": "2024-05-10",
    "２０２４年５月": "2024-05",
    "2024年": "2024",
    "5月10日": "2024-05-10",
    "5月10日上午9时": "2024-05-10T09:00",
    "5月10日下午3点半": "2024-05-10T15:30",
    "5月10日20:05": "2024-05-10T20:05",
    "10日": "2024-06-10",
    "5月3号": "2024-05-03",
    "10日凌晨": {"date": "2024-06-10", "part": "凌晨"},
    "10日(周一)": "2024-06-10",
    "昨日": "2024-06-11",
    "昨晚": {"date": "2024-06-11", "part": "晚"},
    "今天下午": {"date": "2024-06-12", "part": "下午"},
    "去年": "2023",
    "去年12月": "2023-12",
    "今年5月": "2024-05",
    "本月10日": "2024-06-10",
    "上月": "2024-05",
    "上周三": "2024-06-05",
    "周一": "2024-06-10",
    "下周日": "2024-06-23",
    "次日": "2024-06-13",
    "第三季度": "2024-Q3",
    "2023年四季度": "2023-Q4",
    "今年前三季度": {"from": "2024-Q1", "to": "2024-Q3"},
    "上半年": "2024-H1",
    "2019年底": {"date": "2019", "part": "底"},
    "5月中旬": {"date": "2024-05", "part": "中旬"},
    "2020年以来": {"date": "2020", "qualifier": "since"},
    "截至2023年12月31日": {"date": "2023-12-31", "qualifier": "until"},
    "5月10日至12日": {"from": "2024-05-10", "to": "2024-05-12"},
    "2019-2021年": {"from": "2019", "to": "2021"},
    "2023年12月至2024年2月": {"from": "2023-12", "to": "2024-02"},
    "上世纪90年代": {"from": "1990", "to": "1999"},
    "上午9时": "T09:00",
    "三年": "P3Y",
    "3年": "P3Y",
    "两个月": "P2M",
    "1小时30分钟": "PT1H30M",
    "一年半": "P1.5Y",
    "半年": "P0.5Y",
    "近三年来": {"duration": "P3Y", "qualifier": "past"},
    "约3小时": {"duration": "PT3H", "qualifier": "about"},
    "未来5年": {"duration": "P5Y", "qualifier": "next"},
    "24小时": "PT24H",
}
QUANTITIES = {
    "3.2亿元": {"amount": 320000000, "currency": "CNY"},
    "三亿二千万元": {"amount": 320000000, "currency": "CNY"},
    "人民币3亿元": {"amount": 300000000, "currency": "CNY"},
    "1,234.5元": {"amount": 1234.5, "currency": "CNY"},
    "3亿美元": {"amount": 300000000, "currency": "USD"},
    "$200": {"amount": 200, "currency": "USD"},
    "2000万港元": {"amount": 20000000, "currency": "HKD"},
    "5000亿日元": {"amount": 500000000000, "currency": "JPY"},
    "10万亿元": {"amount": 10**13, "currency": "CNY"},
    "3500元/吨": {"amount": 3500, "currency": "CNY", "per": "吨"},
    "超10亿元": {"amount": 1000000000, "currency": "CNY", "qualifier": "above"},
    "20多万元": {"amount": 200000, "currency": "CNY", "qualifier": "above"},
    "5至8亿元": {"from": 500000000, "to": 800000000, "currency": "CNY"},
    "1000万至2亿元": {"from": 10000000, "to": 200000000, "currency": "CNY"},
    "12%": {"number": 0.12},
    "约12%": {"number": 0.12, "qualifier": "about"},
    "-3.5%": {"number": -0.035},
    "百分之十二": {"number": 0.12},
    "3%-5%": {"from": 0.03, "to": 0.05},
    "两成": {"number": 0.2},
    "三成五": {"number": 0.35},
    "三分之一": {"number": 0.333333},
    "1.5个百分点": {"number": 1.5, "unit": "百分点"},
    "120万吨": {"number": 1200000, "unit": "吨"},
    "500平方米": {"number": 500, "unit": "平方米"},
    "30公里": {"number": 30, "unit": "千米"},
    "4000人": {"number": 4000, "unit": "人"},
    "300余人": {"number": 300, "unit": "人", "qualifier": "above"},
    "近万人": {"number": 10000, "unit": "人", "qualifier": "nearly"},
    "100人以上": {"number": 100, "unit": "人", "qualifier": "at_least"},
    "三百五十": {"number": 350},
    "三万五": {"number": 35000},
    "3000点": {"number": 3000, "unit": "点"},
    "1,234": {"number": 1234},
}
NONE = [
    *("北京", "百度", "千米", "万科", "三", "一", "第三", "", "数百人", "元", "3月32日", "2月30日"),
    *("24年", "13月", "25时", "当年", "同期", "近日", "日前", "10至1万人", "8至5亿元", "三一重工"),
    *("十一", "2024", "600519", "007", "三点", "三日", "周五", "3号", "比分3:2", "3:2"),
    *("三个代表", "2024年5月10日张三", "上海", "年底", "八一", "一带一路", "12:70", "1" * 50),
]


@pytest.mark.parametrize("text", TIMES)
def test_times_are_read_from_the_date_of_the_document(text):
    assert read_value(text, DAY) == TIMES[text]


@pytest.mark.parametrize("text", QUANTITIES)
def test_quantities_are_read_with_what_is_said_of_them(text):
    assert read_value(text) == QUANTITIES[text]


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_such_expression_or_unclear_has_no_value(text):
    assert read_value(text, DAY) is None


@pytest.mark.parametrize("text", ["昨日", "去年", "10日", "本月10日", "上周三", "次日"])
def test_without_a_date_nothing_is_told_from_it(text):
    assert read_value(text) is None


def test_a_year_that_is_not_told_stays_open_without_a_date():
    assert read_value("5月10日") == "XXXX-05-10"
    assert read_value("第三季度") == "XXXX-Q3"


def test_the_next_day_is_that_after_the_day_told_before():
    found = Extraction(
        (Entity("时间", "次日", 20, 22), Entity("时间", "5月10日", 0, 5)),
        events=(
            Event("裁员", None, (Argument("人数", "300人", 8, 12), Argument("x", "甲", 9, 10))),
        ),
    )
    found = add_values(found, DAY)
    assert [entity.value for entity in found.entities] == ["2024-05-11", "2024-05-10"]
    first, second = found.events[0].arguments
    assert (first.value, second.value) == ({"number": 300, "unit": "人"}, None)


@pytest.mark.parametrize(
    ("text", "told", "value"),
    [
        ("20日", "2024-01-18", "2024-01-20"),
        ("30日", "2024-01-18", "2024-01-30"),
        ("25日下午", "2023-11-02", {"date": "2023-11-25", "part": "下午"}),
        ("31日", "2024-02-01", None),
        ("20日", None, "2024-06-20"),
    ],
)
def test_a_bare_day_is_of_the_month_told_before(text, told, value):
    anchor = date.fromisoformat(told) if told else None
    assert read_value(text, DAY, anchor) == value


def test_values_are_written_and_read_and_absent_ones_are_not_there():
    entity = Entity("时间", "5月", 0, 2)
    assert msgspec.json.encode(entity) == '{"type":"时间","text":"5月","start":0,"end":2}'.encode()
    for value in ("2024-05", {"from": 1, "to": 2.5, "unit": "吨"}):
        document = Document("1", "5月", (msgspec.structs.replace(entity, value=value),))
        assert Document.from_dict(document.to_dict()) == document
        assert document.to_dict()["entities"][0]["value"] == value


@pytest.mark.parametrize("told", ["2024-05-10", "2024年5月10日", "2024-05-10T08:00:00+08:00"])
def test_the_date_of_a_document_is_said_or_stands_in_its_meta(told):
    assert date_of(Document("1", "", meta={"date": told}), "date") == date(2024, 5, 10)
    assert date_of(Document("1", ""), "2024-05-10") == date(2024, 5, 10)
    assert date_of(Document("1", "", meta={"date": "昨日"}), "date") is None
