import pytest
from hypothesis import given, settings
from scoring_samples import document, document_pairs, entities, event, figures, relation

from chinchilla.data.equivalence import canonical_document, folded_document, turned
from chinchilla.data.schema import Schema
from chinchilla.errors import ConfigError, InputError
from chinchilla.evaluate.scorers import SCORERS, find_scorers, pair_documents, score_documents
from chinchilla.evaluate.scorers.scorer import SECTIONS

GOLD = entities(("人名", "鲁迅", 0), ("作品", "呐喊", 5), ("人名", "鲁迅", 9), ("作品", "彷徨", 15))


def test_strict_counts_an_entity_only_with_its_type_and_offsets():
    predicted = entities(("人名", "鲁迅", 0), ("人名", "呐喊", 5), ("作品", "《彷徨》", 14))
    result = score_documents([(GOLD, predicted)])
    # right: 鲁迅@0 alone; 呐喊 has the wrong type, 《彷徨》 the wrong offsets.
    assert figures(result.sections["entities"].micro) == (4, 3, 1)
    assert result.all.precision == 1 / 3
    assert result.all.recall == 1 / 4
    # F1 = 2 * correct / (gold + predicted) = 2 / 7
    assert result.all.f1 == pytest.approx(2 / 7, abs=1e-15)
    assert figures(result.sections["entities"].types["人名"]) == (2, 2, 1)
    assert figures(result.sections["entities"].types["作品"]) == (2, 1, 0)


def test_macro_is_the_mean_over_types_in_gold():
    predicted = entities(("人名", "鲁迅", 0), ("人名", "鲁迅", 9), ("地名", "鲁迅", 0))
    macro = score_documents([(GOLD, predicted)]).sections["entities"].macro
    # 人名 F1 = 1, 作品 F1 = 0; 地名 is not in gold and enters the micro score alone.
    assert (macro.f1, macro.types) == (0.5, 2)


def test_every_line_tells_its_rule_its_unit_and_what_its_macro_mean_is_over():
    told = score_documents([(GOLD, GOLD)], "strict").to_dict()
    assert "offsets" in told["rule"]
    assert told["source"] == "ours"
    assert told["sections"]["entities"]["unit"] == "distinct spans"
    assert told["sections"]["entities"]["macro"]["over"] == "gold types"
    for scorer in SCORERS.values():
        assert set(scorer.units) <= set(SECTIONS)
        # No original is behind a rule of ours, and each other says which it is.
        assert (scorer.source == "ours") == (
            scorer.name in ("strict", "boundary", "string", "string-set", "role-slots")
        )


def test_strict_takes_the_same_item_once():
    predicted = entities(("人名", "鲁迅", 0), ("人名", "鲁迅", 0))
    assert figures(score_documents([(GOLD, predicted)]).all) == (4, 1, 1)


def test_boundary_disregards_entity_types():
    predicted = entities(("作品", "鲁迅", 0), ("人名", "呐喊", 5), ("作品", "《彷徨》", 14))
    result = score_documents([(GOLD, predicted)], "boundary")
    assert figures(result.all) == (4, 3, 2)
    assert result.sections["entities"].types == {}


def test_string_matches_each_listing_once():
    predicted = entities(("人名", "鲁迅", 9), ("人名", "鲁迅", None), ("人名", "鲁迅", None))
    # gold lists 鲁迅 twice, so two of the three listings are right.
    assert figures(score_documents([(GOLD, predicted)], "string").all) == (4, 3, 2)


def test_string_set_takes_distinct_strings():
    predicted = entities(("人名", "鲁迅", 9), ("人名", "鲁迅", None), ("人名", "鲁迅", None))
    # distinct gold: 鲁迅, 呐喊, 彷徨; distinct predicted: 鲁迅.
    assert figures(score_documents([(GOLD, predicted)], "string-set").all) == (3, 1, 1)


def test_an_ungrounded_mention_never_equals_a_grounded_one():
    assert figures(score_documents([(GOLD, entities(("人名", "鲁迅", None)))]).all) == (4, 1, 0)


def test_strict_relations_need_types_and_offsets_of_both_ends():
    gold = document(relations=[relation()])
    for wrong in (
        relation(object=("人物", "鲁迅", 9)),
        relation(object=("人名", "鲁迅", 0)),
        relation(inWork=("作品", "彷徨", 15)),
        relation("主角"),
        relation(subject=("人物", "鲁迅", 0), object=("作品", "呐喊", 5)),
    ):
        result = score_documents([(gold, document(relations=[wrong]))])
        assert figures(result.sections["relations"].micro) == (1, 1, 0)
    assert score_documents([(gold, gold)]).all.f1 == 1


def test_relation_ends_without_gold_types_are_compared_by_offsets():
    gold = document(relations=[relation(subject=(None, "呐喊", 5), object=(None, "鲁迅", 0))])
    predicted = document(relations=[relation()])
    assert score_documents([(gold, predicted)]).all.f1 == 1


def test_string_relations_leave_out_offsets_types_and_qualifiers():
    gold = document(relations=[relation(inWork=("作品", "彷徨", 15))])
    predicted = document(relations=[relation(object=("谁", "鲁迅", 9))])
    assert figures(score_documents([(gold, predicted)], "string").all) == (1, 1, 1)


def test_strict_scores_triggers_and_arguments_apart():
    gold = document(events=[event("出版", ("写", 2), ("作者", "鲁迅", 0), ("作品", "呐喊", 5))])
    predicted = document(
        events=[event("出版", ("写了", 2), ("作者", "鲁迅", 0), ("作者", "呐喊", 5))]
    )
    result = score_documents([(gold, predicted)])
    assert figures(result.sections["triggers"].micro) == (1, 1, 0)
    assert figures(result.sections["arguments"].micro) == (2, 2, 1)
    assert figures(result.all) == (3, 3, 1)
    bounds = score_documents([(gold, predicted)], "boundary")
    assert figures(bounds.sections["arguments"].micro) == (2, 2, 2)


def test_an_event_without_trigger_has_only_arguments():
    gold = document(events=[event("出版", None, ("作者", "鲁迅", 0))])
    result = score_documents([(gold, gold)])
    assert figures(result.sections["arguments"].micro) == (1, 1, 1)
    assert "triggers" not in result.sections


def test_nothing_asked_and_nothing_given_adds_nothing():
    empty = document("d2", "无")
    # One perfect document and one empty one: F1 stays 1, and the empty one alone is 0 of 0.
    assert score_documents([(GOLD, GOLD), (empty, empty)]).all.f1 == 1
    assert figures(score_documents([(empty, empty)]).all) == (0, 0, 0)


def test_pairing_follows_gold_order_whatever_the_order_of_predictions():
    a, b = document("a"), document("b")
    assert [p.id for _, p in pair_documents([a, b], [b, a])] == ["a", "b"]


def test_pairing_names_every_problem_at_once():
    gold = [document("a"), document("b"), document("c")]
    predicted = [document("a", "别的"), document("b"), document("b"), document("x")]
    with pytest.raises(InputError) as caught:
        pair_documents(gold, predicted, "gold.jsonl", "out.jsonl")
    message = str(caught.value)
    assert "out.jsonl: 1 ids occur more than once: 'b'" in message
    assert "out.jsonl: lacks 1 of 3 gold ids: 'c'" in message
    assert "out.jsonl: has 1 ids that gold.jsonl lacks: 'x'" in message
    assert "1 ids carry another text than in gold.jsonl: 'a'" in message


@pytest.mark.parametrize("empty", ["gold", "predicted"])
def test_pairing_refuses_an_empty_side(empty):
    sides = {"gold": [GOLD], "predicted": [GOLD], empty: []}
    with pytest.raises(InputError, match=f"^{empty}: holds no document"):
        pair_documents(sides["gold"], sides["predicted"])


def test_pairing_names_five_ids_and_counts_the_rest():
    gold = [document(f"d{i}") for i in range(8)]
    with pytest.raises(InputError, match=r"'d1', 'd2', 'd3', 'd4', 'd5' and 2 more"):
        pair_documents(gold, gold[:1])


def test_an_unknown_scorer_is_named_with_its_near_miss():
    with pytest.raises(ConfigError, match="unknown scorer 'strickt'; did you mean 'strict'"):
        score_documents([(GOLD, GOLD)], "strickt")


@pytest.mark.parametrize(("names", "why"), [([], "no scorer is named"), (["all"], "no annotation")])
def test_nothing_to_score_by_is_an_error(names, why):
    with pytest.raises(ConfigError, match=why):
        find_scorers(names, [document()])


def test_canonical_documents_resolve_aliases_and_inverse_relations():
    schema = Schema.from_dict(
        {
            "entities": [{"name": "机构名", "aliases": ["ORG"]}],
            "relations": [
                {"name": "收购", "inverse": "被收购"},
                {"name": "被收购", "inverse": "收购"},
                {"name": "合作", "symmetric": True},
            ],
        }
    )
    text = "甲收购乙"

    def one(name, subject, object):
        ends = {"甲": ("ORG", "甲", 0), "乙": ("机构名", "乙", 3)}
        return document(text=text, relations=[relation(name, ends[subject], ends[object])])

    def short(value):
        found = canonical_document(value, schema).relations[0]
        return (found.type, found.subject.text, found.object.text, found.subject.type)

    assert short(one("收购", "甲", "乙")) == ("收购", "甲", "乙", "机构名")
    assert short(one("被收购", "乙", "甲")) == ("收购", "甲", "乙", "机构名")
    assert short(one("合作", "乙", "甲")) == ("合作", "甲", "乙", "机构名")
    assert short(one("合作", "甲", "乙")) == ("合作", "甲", "乙", "机构名")


def test_a_fact_told_in_both_directions_counts_once():
    schema = Schema.from_dict(
        {
            "relations": [
                {"name": "收购", "inverse": "被收购"},
                {"name": "被收购", "inverse": "收购"},
                {"name": "合作", "symmetric": True},
            ],
        }
    )
    first, second = ("机构名", "甲", 0), ("机构名", "乙", 3)
    told = [
        relation("合作", second, first),
        relation("合作", first, second),
        relation("收购", first, second),
        relation("被收购", second, first),
        relation("被收购", first, second),
    ]
    gold = document(text="甲收购乙", relations=told)
    found = folded_document(gold, schema)
    assert [(r.type, r.subject.text) for r in found.relations] == [
        ("合作", "甲"),
        ("收购", "甲"),
        ("收购", "乙"),
    ]
    one = document(text="甲收购乙", relations=[told[1], told[2], told[4]])
    assert folded_document(one, schema) == found


def test_canonical_documents_resolve_aliases_of_qualifiers():
    schema = Schema.from_dict(
        {"entities": [{"name": "作品", "aliases": ["WORK"]}], "relations": ["饰演"]}
    )
    gold, other = (
        document(relations=[relation("饰演", inWork=(kind, "彷徨", 15))])
        for kind in ("作品", "WORK")
    )
    assert canonical_document(other, schema) == canonical_document(gold, schema) == gold


SHARED = Schema.from_dict(
    {
        "relations": [
            {"name": "同属", "subject": "地名", "object": "机构名"},
            {"name": "同属", "subject": "人名", "object": "人名", "symmetric": True},
            {"name": "同属", "subject": "机构名", "object": "机构名", "symmetric": True},
        ]
    }
)


@pytest.mark.parametrize(
    ("subject", "object", "is_turned"),
    [("人名", "人名", True), ("机构名", "机构名", True), ("地名", "机构名", False)],
)
def test_of_relations_that_share_a_name_the_one_with_these_ends_says_how_to_turn(
    subject, object, is_turned
):
    given = relation("同属", (subject, "呐喊", 5), (object, "鲁迅", 0))
    found = document(relations=[given]).relations[0]
    other = turned(found, SHARED)
    assert (other.subject.text, other.object.text) == (
        ("鲁迅", "呐喊") if is_turned else ("呐喊", "鲁迅")
    )
    # What is in its direction stays the same object.
    assert turned(other, SHARED) is other


# The others are not symmetric by their rules: DuEE sums over predictions alone, DuEE-fin pairs
# greedily in gold order, Doc2EDAG in that of predictions, multimatch and CLUENER's baselines match
# gold many times.
SYMMETRIC = (
    "strict",
    "boundary",
    "string",
    "string-set",
    "seqeval",
    "seqeval-strict",
    "seqeval-bmes",
    "duie",
    "gplinker",
    "iepile",
    "uie-offset-set",
    "uie-offset-normal",
    "uie-string-set",
    "uie-string-normal",
)


@pytest.mark.parametrize("scorer", SYMMETRIC)
@settings(deadline=None)
@given(pair=document_pairs())
def test_swapping_gold_and_predicted_swaps_precision_and_recall(scorer, pair):
    gold, predicted = pair
    forth = score_documents([(gold, predicted)], scorer).all
    back = score_documents([(predicted, gold)], scorer).all
    assert (forth.precision, forth.recall) == (back.recall, back.precision)


@pytest.mark.parametrize("scorer", sorted(SCORERS))
@settings(deadline=None)
@given(pair=document_pairs())
def test_gold_against_itself_scores_one(scorer, pair):
    same = score_documents([(pair[0], pair[0])], scorer)
    for section in same.sections.values():
        # GPLinker's sums start above 0: nothing right of nothing is 1.
        assert section.micro.f1 == (1 if section.micro.gold or scorer == "gplinker" else 0)
