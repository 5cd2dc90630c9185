"""Readers of the training data for dialogue, graphs and English events, on samples of our own."""

import json
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from chinchilla.data.documents import check_offsets
from chinchilla.errors import InputError
from chinchilla.mini.train.readers import READERS, placed
from chinchilla.mini.train.readers.tokens import Laid, found
from chinchilla.mini.train.windows import verified


def _read(reader, path, **options):
    faults = Counter()
    documents = list(READERS[reader]([path], faults, **options))
    for document in documents:
        check_offsets(verified(document, Counter())[0])
    return documents, faults


def _file(tmp_path, *records, name="sample.json"):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(record, ensure_ascii=False) for record in records)
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _event(event):
    trigger = event.trigger and event.trigger.text
    return event.type, trigger, [(item.role, item.text) for item in event.arguments]


def _facts(document):
    return [(fact.type, fact.subject.text, fact.object.text) for fact in document.relations]


def test_oneie_joins_arguments_by_id(tmp_path):
    record = {
        "tokens": ["Ann", "bought", "a", "boat", "."],
        "entity_mentions": [
            {"id": "a", "start": 0, "end": 1, "entity_type": "PER"},
            {"id": "b", "start": 2, "end": 4, "entity_type": "VEH"},
        ],
        "event_mentions": [
            {
                "event_type": "Buy",
                "trigger": {"start": 1, "end": 2},
                "arguments": [
                    {"entity_id": "a", "role": "Buyer"},
                    {"entity_id": "b", "role": "Goods"},
                ],
            }
        ],
    }
    documents, _ = _read("oneie", _file(tmp_path, record), entities=True)
    assert documents[0].text == "Ann bought a boat."
    assert [item.type for item in documents[0].entities] == ["PER", "VEH"]
    assert _event(documents[0].events[0]) == (
        "Buy",
        "bought",
        [("Buyer", "Ann"), ("Goods", "a boat")],
    )


def test_rams_roles_lose_their_prefix(tmp_path):
    record = {
        "doc_key": "d",
        "sentences": [["It", "rained", "."], ["Bob", "fell", "."]],
        "evt_triggers": [[4, 4, [["life.injure", 1.0]]]],
        "gold_evt_links": [[[4, 4], [3, 3], "evt089arg01victim"]],
    }
    documents, _ = _read("rams", _file(tmp_path, record))
    assert _event(documents[0].events[0]) == ("life.injure", "fell", [("victim", "Bob")])


def test_casie_moves_offsets_to_the_mention_nearby(tmp_path):
    record = {
        "content": "Spies stole data. Spies stole mail.",
        "cyberevent": {
            "hopper": [
                {
                    "events": [
                        {
                            "type": "Attack",
                            "subtype": "Databreach",
                            "nugget": {"startOffset": 26, "endOffset": 31, "text": "stole"},
                            "argument": [
                                {
                                    "startOffset": 0,
                                    "endOffset": 5,
                                    "text": "Spies",
                                    "role": {"type": "Attacker"},
                                }
                            ],
                        }
                    ]
                }
            ]
        },
    }
    documents, faults = _read("casie", _file(tmp_path, record))
    assert documents[0].events[0].trigger.span == (24, 29)
    assert documents[0].events[0].type == "Attack.Databreach"
    assert faults == {"place moved to the mention nearby": 1}


def test_phee_names_inner_roles_by_both(tmp_path):
    event = {
        "event_type": "Adverse_event",
        "Trigger": {"text": [["caused"]], "start": [[8]]},
        "Treatment": {
            "text": [["Aspirin"]],
            "start": [[0]],
            "Drug": {"text": [["Aspirin"]], "start": [[0]]},
        },
        "Effect": {"text": [["rash", "fever"]], "start": [[15, 24]]},
    }
    record = {
        "id": "1",
        "context": "Aspirin caused rash and fever.",
        "annotations": [{"events": [event]}],
    }
    documents, faults = _read("phee", _file(tmp_path, record))
    assert _event(documents[0].events[0]) == (
        "Adverse_event",
        "caused",
        [("Treatment", "Aspirin"), ("Treatment.Drug", "Aspirin")],
    )
    assert faults == {"mention in several pieces": 1}


def test_commodity_news_has_names_and_events(tmp_path):
    record = {
        "sentence_id": "1",
        "words": ["Oil", "fell", "2", "%"],
        "golden-entity-mentions": [{"start": 0, "end": 1, "entity-type": "Commodity"}],
        "golden-event-mentions": [
            {
                "event_type": "Fall",
                "trigger": {"start": 1, "end": 2},
                "arguments": [{"start": 2, "end": 4, "role": "Difference"}],
            }
        ],
    }
    documents, _ = _read("commodity-news", _file(tmp_path, [record]))
    assert documents[0].text == "Oil fell 2%"
    assert _event(documents[0].events[0]) == ("Fall", "fell", [("Difference", "2%")])


def test_document_graphs_are_cut_with_their_nearest_mentions(tmp_path):
    def vertex(name, kind, *places):
        return [{"name": name, "type": kind, "sent_id": s, "pos": [a, b]} for s, a, b in places]

    record = {
        "title": "t",
        "sents": [["Ann", "lives", "in", "Rome", "."], ["Ann", "likes", "Rome", "."]],
        "vertexSet": [
            vertex("Ann", "PER", (0, 0, 1), (1, 0, 1)),
            vertex("Rome", "LOC", (0, 3, 4), (1, 2, 3)),
        ],
        "labels": [{"r": "P1", "h": 0, "t": 1}, {"r": "P9", "h": 0, "t": 1}],
    }
    _file(tmp_path, {"P1": ["residence", "where one lives"]}, name="names.json")
    path = _file(tmp_path, [record], name="data/graph.json")
    options = {"names": "../names.json", "more": {}}
    whole, _ = _read("document-graph", path, **options)
    assert _facts(whole[0]) == [("residence", "Ann", "Rome")]
    assert whole[0].relations[0].subject.start == whole[0].text.rindex("Ann")
    pieces, _ = _read("document-graph", path, limit=20, **options)
    assert [_facts(piece) for piece in pieces] == [[("residence", "Ann", "Rome")]] * 2


def test_fewrel_names_relations_by_file(tmp_path):
    item = {"tokens": ["A", "spans", "B", "C"], "h": ["a", "", [[0]]], "t": ["b c", "", [[2, 3]]]}
    _file(tmp_path, {"P1": ["crosses", ""]}, name="names.json")
    path = _file(tmp_path, {"P1": [item], "made_of": [item]})
    documents, _ = _read("fewrel", path, names="names.json")
    assert [_facts(document) for document in documents] == [
        [("crosses", "A", "B C")],
        [("made_of", "A", "B C")],
    ]


def test_token_graphs_take_a_step_of_the_type(tmp_path):
    record = {
        "tokens": ["pump", "leaking"],
        "entities": [
            {"start": 0, "end": 1, "type": "Object/Driving/Liquid"},
            {"start": 1, "end": 2, "type": "State"},
        ],
        "relations": [{"head": 1, "tail": 0, "type": "has/hasPatient"}],
    }
    documents, _ = _read("token-graph", _file(tmp_path, [record]))
    assert [item.type for item in documents[0].entities] == ["Driving", "State"]
    assert _facts(documents[0]) == [("hasPatient", "leaking", "pump")]


def test_heads_and_tails_believe_offsets_not_strings(tmp_path):
    record = {
        "tokens": "王某任县令",
        "entities": [
            {"type": "PER", "start": 0, "end": 2, "span": "王厶"},
            {"type": "OFI", "start": 3, "end": 5, "span": "縣令"},
        ],
        "relations": [{"type": "任职", "head": 0, "tail": 1}],
    }
    documents, _ = _read("heads-and-tails", _file(tmp_path, [record]))
    assert _facts(documents[0]) == [("任职", "王某", "县令")]


def test_dialogue_turns_are_parts_by_service(tmp_path):
    turn = {
        "utterance": "Wake me at six.",
        "frames": [
            {
                "service": "Alarm_1",
                "slots": [{"slot": "alarm_time", "start": 11, "exclusive_end": 14}],
            }
        ],
    }
    documents, _ = _read("dialogue-turns", _file(tmp_path, [{"dialogue_id": "1", "turns": [turn]}]))
    assert [(item.type, item.text) for item in documents[0].entities] == [("alarm_time", "six")]
    assert documents[0].meta == {"part": "Alarm"}


def test_crosswoz_values_are_found_and_renamed(tmp_path):
    acts = [
        ["Inform", "景点", "周边景点", "小山公园"],
        ["Inform", "酒店", "酒店设施-泳池", "是"],
        ["General", "greet", "none", "none"],
        ["Inform", "景点", "评分", "九分"],
    ]
    dialogue = {"7": {"messages": [{"content": "附近有小山公园，是四星。", "dialog_act": acts}]}}
    path = tmp_path / "val.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("val.json", json.dumps(dialogue))
    documents, faults = _read("crosswoz", path, rename={"景点-周边景点": "景点-名称"})
    kept, lost = verified(documents[0], Counter())
    assert [(item.type, item.text) for item in kept.entities] == [("景点-名称", "小山公园")]
    assert lost == {("entity", "景点-评分")}
    assert faults == {"value not in the text": 1}


def test_nlupp_slots_are_parts_by_folder(tmp_path):
    record = {"text": "at 9 am", "slots": {"time": {"span": [3, 7]}}}
    documents, _ = _read("nlupp", _file(tmp_path, [record], name="hotels/fold0.json"))
    assert documents[0].entities[0].text == "9 am"
    assert documents[0].meta == {"part": "hotels"}


def test_token_colon_tags_keep_colons_in_tokens(tmp_path):
    path = tmp_path / "movie" / "train"
    path.parent.mkdir()
    path.write_text("at:O 9:30:B-TIME pm:I-TIME <=> <NULL>\n", encoding="utf-8")
    documents, _ = _read("token-colon-tag", path)
    assert documents[0].entities[0].text == "9:30 pm"


def test_ends_of_facts_are_names_of_their_types(tmp_path):
    fact = {
        "predicate": "作者",
        "subject": "春水",
        "subject_type": "图书作品",
        "object": {"@value": "王五"},
        "object_type": {"@value": "人物"},
    }
    path = _file(tmp_path, {"text": "《春水》由王五所写", "spo_list": [fact]})
    documents, _ = _read("relation-ends", path, converter="duie", types=["图书作品"])
    assert [(item.type, item.text) for item in documents[0].entities] == [("图书作品", "春水")]


def test_types_without_a_known_trigger_are_unknown(tmp_path):
    gold = {
        "id": "g",
        "text": "甲裁员",
        "event_list": [
            {
                "event_type": "组织关系-裁员",
                "trigger": "裁员",
                "trigger_start_index": 1,
                "arguments": [],
            }
        ],
    }
    _file(tmp_path, gold, name="gold.json")
    rows = [
        {"id": "1", "text1": "乙宣布裁员，丙去世", "label": ["组织关系-裁员", "人生-死亡"]},
        {"id": "g", "text1": "甲裁员", "label": ["组织关系-裁员"]},
    ]
    documents, faults = _read("typed-texts", _file(tmp_path, *rows), gold="gold.json")
    kept, lost = verified(documents[0], Counter())
    assert len(documents) == 1
    assert [_event(event) for event in kept.events] == [("组织关系-裁员", "裁员", [])]
    assert lost == {("event", "人生-死亡")}
    assert faults == {"type without a known trigger": 1}


@pytest.mark.parametrize("place", [(-1, 2), (2, 2), (1, 9)])
def test_places_outside_the_tokens_are_none(place):
    assert Laid(["a", "b", "c"]).place(*place) is None


def test_the_nearest_occurrence_is_found():
    assert found("ab ab ab", "ab", 4) == (3, 5)
    assert found("ab", "无") is None
    assert found("ab", " ") is None


def _place(tmp_path, monkeypatch, **item):
    item = {"archive": "raw", "line": 2, "start": 3, "end": 14, **item}
    monkeypatch.setattr(placed, "_rows", lambda name: [json.dumps(item, ensure_ascii=False)])
    path = tmp_path / "raw" / "raw.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text("一行。\n前言。李明任星河公司董事长。", encoding="utf-8")
    return _read("placed", path, annotations="one.jsonl")[0]


def test_places_without_text_are_put_on_the_sentence(tmp_path, monkeypatch):
    (document,) = _place(
        tmp_path,
        monkeypatch,
        entities=[["人名", 0, 2], ["机构名", 3, 7]],
        relations=[["董事长", 3, 7, 0, 2]],
        events=[["组织关系-加盟", 2, 3, [["加盟者", 0, 2]]]],
    )
    assert document.text == "李明任星河公司董事长。"
    assert [(e.type, e.text) for e in document.entities] == [
        ("人名", "李明"),
        ("机构名", "星河公司"),
    ]
    assert _facts(document) == [("董事长", "星河公司", "李明")]
    assert _event(document.events[0]) == ("组织关系-加盟", "任", [("加盟者", "李明")])


def test_a_sentence_that_is_not_there_is_told(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="one.jsonl:1: line 7 of raw has no such sentence"):
        _place(tmp_path, monkeypatch, line=7)
    with pytest.raises(InputError, match="other: found 0 .txt files"):
        _place(tmp_path, monkeypatch, archive="other")


def test_texts_written_for_the_kit_hold_what_is_marked():
    path = Path(__file__).parent.parent / "configs" / "written.jsonl"
    documents, _ = _read("documents", path)
    assert len(documents) == len({document.text for document in documents})
    assert all(document.meta["part"] for document in documents)
