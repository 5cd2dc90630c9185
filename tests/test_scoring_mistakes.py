import pytest
from hypothesis import given, settings
from scoring_samples import bare, document, document_pairs, entities, event, relation

from chinchilla.evaluate.scorers import mistakes, score_documents
from chinchilla.evaluate.scorers.mistakes import KINDS, confusion, count_mistakes, find_mistakes

GOLD = entities(("人名", "鲁迅", 0), ("作品", "呐喊", 5))


def kinds(gold, predicted):
    return [(found.section, found.kind) for found in find_mistakes([(gold, predicted)])]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([("人名", "鲁迅", 0), ("作品", "呐喊", 5)], []),
        ([("人名", "鲁迅", 0), ("地名", "呐喊", 5)], ["type"]),
        ([("人名", "鲁迅", 0), ("作品", "《呐喊》", 4)], ["boundary"]),
        ([("人名", "鲁迅", 0), ("地名", "《呐喊》", 4)], ["type and boundary"]),
        ([("人名", "鲁迅", 0)], ["missing"]),
        ([("人名", "鲁迅", 0), ("作品", "呐喊", 5), ("人名", "鲁迅", 9)], ["spurious"]),
        ([("人名", "鲁迅", 0), ("作品", "子夜", None)], ["ungrounded", "missing"]),
    ],
)
def test_entity_mistakes(found, expected):
    assert [kind for _, kind in kinds(GOLD, entities(*found))] == expected


def test_each_gold_item_explains_one_prediction():
    found = entities(("人名", "鲁迅", 0), ("作品", "《呐喊", 4), ("作品", "呐喊》", 5))
    assert [kind for _, kind in kinds(GOLD, found)] == ["boundary", "spurious"]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (relation(), []),
        (relation("主角"), ["type"]),
        (relation(subject=("人物", "鲁迅", 0), object=("作品", "呐喊", 5)), ["wrong direction"]),
        (relation(object=("人物", "彷徨", 15)), ["wrong argument"]),
        (relation(object=("人名", "鲁迅", 0)), ["type"]),
        (relation(subject=("作品", "《呐喊》", 4)), ["boundary"]),
        (bare("作者", "子夜", "茅盾"), ["ungrounded", "missing"]),
        (relation("主角", ("作品", "彷徨", 15), ("人物", "鲁迅", 9)), ["spurious", "missing"]),
    ],
)
def test_relation_mistakes(found, expected):
    gold, predicted = document(relations=[relation()]), document(relations=[found])
    assert kinds(gold, predicted) == [("relations", kind) for kind in expected]


WRITTEN = event("出版", ("写", 2), ("作者", "鲁迅", 0), ("作品", "呐喊", 5))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (WRITTEN, []),
        (
            event("出版", ("也写", 11), ("作者", "鲁迅", 0), ("作品", "呐喊", 5)),
            [("triggers", "wrong trigger")],
        ),
        (
            event("出版", ("写了", 2), ("作者", "鲁迅", 0), ("作品", "呐喊", 5)),
            [("triggers", "boundary")],
        ),
        (
            event("出版", ("写", 2), ("作者", "鲁迅", 0), ("译者", "呐喊", 5)),
            [("arguments", "wrong argument")],
        ),
        (event("出版", ("写", 2), ("作者", "鲁迅", 0)), [("arguments", "missing")]),
        (
            event("出版", ("写", 2), ("作者", "鲁迅", 0), ("作品", "《呐喊》", 4)),
            [("arguments", "boundary")],
        ),
    ],
)
def test_event_mistakes(found, expected):
    assert kinds(document(events=[WRITTEN]), document(events=[found])) == expected


def test_one_event_with_the_arguments_of_two_is_merged():
    first = event("出版", ("写", 2), ("作者", "鲁迅", 0), ("作品", "呐喊", 5))
    second = event("出版", ("写", 12), ("作者", "鲁迅", 9), ("作品", "彷徨", 15))
    both = event("出版", ("写", 2), ("作者", "鲁迅", 0), ("作品", "呐喊", 5), ("作品", "彷徨", 15))
    found = kinds(document(events=[first, second]), document(events=[both]))
    assert found[0] == ("events", "merged events")
    # Two events that share arguments are not merged as long as both are predicted.
    assert ("events", "merged events") not in kinds(
        document(events=[first, second]), document(events=[both, second])
    )


def test_mistakes_are_counted_by_section_and_kind():
    predicted = entities(("地名", "鲁迅", 0), ("地名", "呐喊", 5), ("人名", "鲁迅", 9))
    counts = count_mistakes(find_mistakes([(GOLD, predicted)]))
    assert counts == {"entities": {"type": 2, "spurious": 1}}


def test_confusion_pairs_types_of_equal_offsets_and_leaves_the_rest_to_none():
    predicted = entities(("地名", "鲁迅", 0), ("人名", "《呐喊》", 4), ("人名", "鲁迅", 9))
    counts = confusion(find_mistakes([(GOLD, predicted)]))
    assert counts == {("人名", "地名"): 1, ("作品", ""): 1, ("", "人名"): 2}


def test_one_shifted_end_does_not_make_other_wrong_ends_boundaries():
    gold = document(relations=[relation(), relation(object=("人物", "鲁迅", 9))])
    found = [
        relation(subject=("作品", "《呐喊》", 4)),
        relation(subject=("作品", "彷徨", 15), object=("人物", "鲁迅", 9)),
    ]
    expected = [("relations", "boundary"), ("relations", "wrong argument")]
    assert kinds(gold, document(relations=found)) == expected


@pytest.mark.parametrize("shift", [0, 1])
def test_relations_that_share_an_end_are_paired_without_comparing_each_with_each(
    monkeypatch, shift
):
    text = "甲乙丙丁戊己" * 400

    def star(longer):
        def end(start, longer=0):
            stop = start + 1 + longer
            return {"type": "人", "text": text[start:stop], "start": start, "end": stop}

        ends = [{"subject": end(0), "object": end(3 * i, longer)} for i in range(1, 800)]
        return document(text=text, relations=[{"type": "属于", **pair} for pair in ends])

    asked = []
    overlap = mistakes._overlap
    monkeypatch.setattr(mistakes, "_overlap", lambda *items: asked.append(items) or overlap(*items))
    found = kinds(star(0), star(shift))
    assert found == [("relations", "boundary")] * (799 * shift)
    assert len(asked) < 8000


@settings(deadline=None)
@given(pair=document_pairs())
def test_every_error_of_the_strict_score_is_one_mistake(pair):
    found = [m for m in find_mistakes([pair]) if m.kind != "merged events"]
    assert {mistake.kind for mistake in found} <= set(KINDS)
    sections = score_documents([pair]).sections
    for name, section in sections.items():
        here = [mistake for mistake in found if mistake.section == name]
        # A mistake with a gold side is a missed item, one with a predicted side a wrong one.
        assert sum(m.gold is not None for m in here) == section.micro.gold - section.micro.matched
        wrong = sum(m.predicted is not None for m in here)
        assert wrong == section.micro.predicted - section.micro.correct
