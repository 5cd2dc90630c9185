"""New names in old texts: whatever is exchanged, every offset still holds."""

import random

from hypothesis import given
from hypothesis import strategies as st

from chinchilla.data.documents import (
    Argument,
    Document,
    Entity,
    Event,
    Mention,
    Relation,
    check_offsets,
    iter_mentions,
)
from chinchilla.instructions.substitute import kinds, substitute

NEW = {"人物": ["欧阳晓月"], "影视作品": ["海"], "机构": ["南山电力公司"], "地名": ["泉州"]}


def at(text: str, string: str, kind: str | None) -> Entity:
    start = text.index(string)
    return Entity(kind, string, start, start + len(string))


def film(text: str = "王明导演的《长河》上映，王明说《长河》很长。") -> Document:
    relation = Relation("导演", at(text, "长河", "影视作品"), at(text, "王明", "人物"))
    return Document("d", text, relations=(relation,))


def test_a_string_is_exchanged_everywhere_and_the_annotations_follow():
    changed = substitute(film(), NEW, {}, 1.0, random.Random(0))
    assert changed is not None
    assert changed.text == "欧阳晓月导演的《海》上映，欧阳晓月说《海》很长。"
    check_offsets(changed)
    assert changed.relations[0].subject.text == "海"


def test_entities_are_exchanged_only_where_annotated():
    text = "华商在华投资"
    document = Document("d", text, entities=(Entity("地名", "华", 3, 4),))
    changed = substitute(document, NEW, {}, 1.0, random.Random(0))
    assert changed is not None
    assert changed.text == "华商在泉州投资"
    check_offsets(changed)


def test_a_name_inside_another_changes_both():
    text = "广东电力公司在广东"
    document = Document(
        "d", text, entities=(Entity("机构", "广东电力公司", 0, 6), Entity("地名", "广东", 0, 2))
    )
    changed = substitute(document, {"地名": ["泉州"]}, {}, 1.0, random.Random(0))
    assert changed is not None
    assert changed.text == "泉州电力公司在广东"
    assert changed.entities[0].text == "泉州电力公司"
    check_offsets(changed)


def test_what_holds_another_mention_or_has_no_place_stays():
    text = "广东电力公司在广东"
    inner = Document(
        "d", text, entities=(Entity("机构", "广东电力公司", 0, 6), Entity("地名", "广东", 0, 2))
    )
    assert substitute(inner, {"机构": ["泉"]}, {}, 1.0, random.Random(0)) is None
    lost = Document("d", text, entities=(Entity("地名", "广西", None, None),))
    assert substitute(lost, NEW, {}, 1.0, random.Random(0)) is None


def test_kinds_are_types_roles_or_predicates_and_never_triggers():
    text = "王明身高180cm，昨天获奖"
    relation = Relation("身高", at(text, "王明", "人物"), at(text, "180cm", "Text"))
    start = text.index("获奖")
    when = at(text, "昨天", None)
    event = Event(
        "获奖", Mention("获奖", start, start + 2), (Argument("时间", "昨天", when.start, when.end),)
    )
    document = Document("d", text, relations=(relation,), events=(event,))
    assert kinds(document) == {"王明": "人物", "180cm": "身高/object", "昨天": "时间"}


@given(
    text=st.text(alphabet="甲乙丙丁", min_size=4, max_size=20),
    spans=st.lists(st.tuples(st.integers(0, 18), st.integers(1, 4)), min_size=1, max_size=6),
    seed=st.integers(0, 99),
)
def test_offsets_hold_whatever_overlaps(text, spans, seed):
    entities = tuple(
        Entity("名", text[start : start + length], start, start + length)
        for start, length in spans
        if start + length <= len(text)
    )
    document = Document("d", text, entities=entities)
    changed = substitute(document, {"名": ["戊", "己庚辛", "壬癸"]}, {}, 0.7, random.Random(seed))
    if changed is not None:
        check_offsets(changed)
        assert len(list(iter_mentions(changed))) == len(entities)
