from scoring_samples import bare, document, entities, event, figures, filled

from chinchilla.data.schema import Schema
from chinchilla.evaluate.scorers.breakdown import (
    by_length,
    by_seen_mention,
    by_seen_type,
    by_source,
    seen_in,
)
from chinchilla.evaluate.scorers.by_name import SCORERS, tally_documents
from chinchilla.evaluate.scorers.rates import count_rates

STRICT = SCORERS["strict"]


def parted(function, pairs, *more):
    parts = function(pairs, tally_documents(pairs, STRICT), STRICT, *more)
    return {name: figures(result.all) for name, result in parts.items()}


def test_sources_are_scored_apart():
    found = document(meta={"source": "msra"}, entities=[])
    one = document(meta={"source": "duee"}, events=[event("出版", ("写", 2))])
    other = entities(("人名", "鲁迅", 0))
    pairs = [(one, one), (found, other), (other, other)]
    assert parted(by_source, pairs) == {
        "duee": (1, 1, 1),
        "msra": (0, 1, 0),
        "unknown": (1, 1, 1),
    }


def test_length_bands_include_their_upper_end():
    def of_length(count):
        return entities(("人名", "甲", 0), text="甲" * count)

    pairs = [(of_length(n), of_length(n)) for n in (1, 32, 33, 64, 512, 513)]
    assert parted(by_length, pairs) == {
        "0-32": (2, 2, 2),
        "33-64": (2, 2, 2),
        "257-512": (1, 1, 1),
        "over 512": (1, 1, 1),
    }


def test_seen_mentions_are_those_training_shows_with_the_type():
    seen = seen_in([entities(("人名", "鲁迅", 9), ("地名", "呐喊", 5))])
    gold = entities(("人名", "鲁迅", 0), ("作品", "呐喊", 5), ("作品", "彷徨", 15))
    predicted = entities(("人名", "鲁迅", 0), ("人名", "鲁迅", 9), ("作品", "彷徨", 15))
    parts = by_seen_mention([(gold, predicted)], STRICT, seen)
    # seen: gold 鲁迅; predicted 鲁迅 twice, one right. unseen: gold 呐喊 and 彷徨; predicted 彷徨.
    assert figures(parts["seen"].all) == (1, 2, 1)
    assert figures(parts["unseen"].all) == (2, 1, 1)


def test_seen_and_unseen_items_add_up_for_relations_and_events():
    gold = document(
        relations=[bare("作者", "书", "甲"), bare("作者", "书", "乙")],
        events=[event("出版", ("写", 2), ("作者", "鲁迅", 0), ("作品", "呐喊", 5))],
    )
    seen = seen_in(
        [document(relations=[bare("作者", "书", "甲")], events=[filled("出版", 作者="鲁迅")])]
    )
    parts = by_seen_mention([(gold, gold)], STRICT, seen)
    assert figures(parts["seen"].all) == (2, 2, 2)
    assert figures(parts["unseen"].all) == (3, 3, 3)


def test_aliases_stay_with_their_arguments_where_others_are_taken_out():
    gold = document(
        events=[filled("出版", 作者="鲁迅", 作品="呐喊")],
        meta={"aliases": {"events[0].arguments[0]": ["周树人"], "events[0].arguments[1]": ["书"]}},
    )
    predicted = document(events=[filled("出版", 作品="书")])
    seen = seen_in([document(events=[filled("出版", 作者="鲁迅")])])
    parts = by_seen_mention([(gold, predicted)], SCORERS["duee"], seen)
    # unseen: gold 呐喊, which may be called 书. seen: gold 鲁迅, and nothing predicted.
    assert figures(parts["unseen"].all) == (1, 1, 1)
    assert figures(parts["seen"].all) == (1, 0, 0)


def test_types_that_training_lacks_are_scored_apart():
    seen = seen_in([entities(("人名", "鲁迅", 0))])
    gold = entities(("人名", "鲁迅", 9), ("作品", "呐喊", 5), ("作品", "彷徨", 15))
    predicted = entities(("人名", "鲁迅", 9), ("作品", "呐喊", 5))
    tallies = tally_documents([(gold, predicted)], STRICT)
    parts = by_seen_type(tallies, STRICT, seen)
    assert figures(parts["seen"].all) == (1, 1, 1)
    assert figures(parts["unseen"].all) == (2, 1, 1)


def with_issues(*kinds, **annotations):
    issues = [{"kind": kind, "detail": "…"} for kind in kinds]
    return document(issues=issues, **annotations)


def test_rates_count_documents_once_whatever_the_number_of_issues():
    rates = count_rates(
        [
            with_issues("unparsable", "unparsable", "truncated"),
            with_issues("unknown_type", "unknown_role"),
            with_issues("out_of_schema"),
            with_issues(),
        ]
    )
    assert rates.parse_failure == 1 / 4
    assert rates.truncation == 1 / 4
    assert rates.out_of_schema == 2 / 4
    assert rates.issues["unparsable"] == 2
    assert rates.issues["ambiguous"] == 0


def test_rates_count_ungrounded_mentions_among_all_mentions():
    found = document(
        entities=[{"type": "人名", "text": "茅盾", "start": None, "end": None}],
        events=[event("出版", ("写", 2), ("作者", "鲁迅", 0), ("作品", "子夜", None))],
    )
    # Mentions: 茅盾, the trigger, 鲁迅, 子夜; two of the four have no offsets.
    assert count_rates([found]).ungrounded == 2 / 4


def test_choices_of_an_enum_role_are_not_ungrounded():
    schema = Schema.from_dict(
        {"events": [{"name": "上市", "roles": ["公司", {"name": "环节", "values": ["正式上市"]}]}]}
    )
    found = document(events=[filled("上市", 环节="正式上市", 公司="甲")])
    assert count_rates([found]).ungrounded == 2 / 2
    assert count_rates([found], schema).ungrounded == 1 / 2


def test_rates_count_repeats_after_the_first():
    one = ("人名", "鲁迅", 0)
    # Three listings of one entity: two repeat an earlier one.
    assert count_rates([entities(one, one, one)]).repetition == 2 / 3
    # The same string elsewhere is no repeat, nor is the same item in another document.
    assert count_rates([entities(one, ("人名", "鲁迅", 9)), entities(one)]).repetition == 0


def test_two_events_may_share_an_argument_without_repeating():
    first = event("出版", ("写", 2), ("作者", "鲁迅", 0))
    second = event("出版", ("写", 12), ("作者", "鲁迅", 0))
    assert count_rates([document(events=[first, second])]).repeated_items == 0
    # The second copy of the event is one repeat; its argument belongs to another event.
    assert count_rates([document(events=[first, first])]).repeated_items == 1


def test_rates_count_items_of_types_the_schema_lacks():
    schema = Schema.from_dict(
        {"entities": ["人名"], "events": [{"name": "出版", "roles": ["作者"]}]}
    )
    found = document(
        entities=[{"type": "神名", "text": "鲁迅", "start": 0, "end": 2}],
        events=[
            event("出版", ("写", 2), ("作者", "鲁迅", 0), ("译者", "鲁迅", 0)),
            event("展览", None, ("作者", "鲁迅", 0)),
        ],
    )
    # 神名; the role 译者; the event 展览 and its argument.
    assert count_rates([found], schema).undeclared_items == 4
    assert count_rates([found]).undeclared_items is None
