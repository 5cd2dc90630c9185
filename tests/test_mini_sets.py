"""Readers, windows, labels and caches of the training data, on small samples of our own."""

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chinchilla.data.documents import (
    Document,
    Entity,
    Event,
    Mention,
    Relation,
    check_offsets,
)
from chinchilla.errors import ConfigError
from chinchilla.mini.train import label_words, sets, windows
from chinchilla.mini.train.readers import READERS


def _read(reader, path, **options):
    faults = Counter()
    documents = list(READERS[reader]([path], faults, **options))
    for document in documents:
        check_offsets(windows.verified(document, faults)[0])
    return documents, faults


def _file(tmp_path, content, name="sample.txt"):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    path.write_text(text, encoding="utf-8")
    return path


def _names(document):
    return [(item.type, item.text) for item in document.entities]


def test_columns_take_a_tag_alone_for_a_blank(tmp_path):
    path = _file(tmp_path, "李 B_name\n O\n明 O\n\n去 O\n上 S-city\n")
    documents, _ = _read("column-file", path)
    assert [document.text for document in documents] == ["李 明", "去上"]
    assert [_names(document) for document in documents] == [[("name", "李")], [("city", "上")]]


def test_columns_leave_out_a_sentence_with_a_broken_row(tmp_path):
    path = _file(tmp_path, "a O\nb\n\nc B-x\n")
    documents, faults = _read("column-file", path)
    assert [document.text for document in documents] == ["c"]
    assert faults["row without a tag"] == 1


def test_columns_keep_a_type_with_underscores(tmp_path):
    documents, _ = _read("column-file", _file(tmp_path, "x\tB-file_name\ny\tI-file_name\n"))
    assert documents[0].entities[0].type == "file_name"


def test_english_tokens_are_joined_as_english_writes_them(tmp_path):
    path = _file(tmp_path, "Ann B-P\n's O\nbook O\n, O\n( O\nnew B-N\n) O\n")
    documents, _ = _read("column-file", path, joiner="english")
    assert documents[0].text == "Ann's book, (new)"
    assert _names(documents[0]) == [("P", "Ann"), ("N", "new")]


def test_io_tags_of_neighbours_are_one_mention(tmp_path):
    path = _file(tmp_path, "Ann\tperson\nLee\tperson\nsat\tO\n")
    lines = path.read_text(encoding="utf-8").replace("person", "I-person")
    path.write_text(lines, encoding="utf-8")
    documents, _ = _read("column-file", path, joiner=" ", scheme="io")
    assert _names(documents[0]) == [("person", "Ann Lee")]


def test_parallel_lines_of_unequal_length_are_counted(tmp_path):
    _file(tmp_path, "甲 乙\n丙\n", "words")
    _file(tmp_path, "B-A O\nO O\n", "tags")
    documents, faults = _read("parallel-lines", tmp_path, text="words", tags="tags")
    assert [_names(document) for document in documents] == [[("A", "甲")]]
    assert faults == {"tokens and tags differ in number": 1}


def test_spans_by_paths_lose_blanks_at_their_ends(tmp_path):
    record = {"text": " 口服 三次", "list": [{"at": {"b": 0, "e": 4}, "kind": "用法"}]}
    path = _file(tmp_path, record)
    documents, _ = _read("json-spans", path, entities="list", start="at.b", end="at.e", kind="kind")
    assert _names(documents[0]) == [("用法", "口服")]


def test_unlabelled_records_are_passed_over(tmp_path):
    _, faults = _read("json-spans", _file(tmp_path, {"text": "甲", "entities": None}))
    assert faults == {"record without annotation": 1}


def test_slot_marks_leave_plain_text(tmp_path):
    path = _file(
        tmp_path, 'answerid;answer_annotation\n7;"wake me at [time : nine am] on [date : friday]"\n'
    )
    documents, _ = _read("slot-marks", path)
    assert documents[0].text == "wake me at nine am on friday"
    assert _names(documents[0]) == [("time", "nine am"), ("date", "friday")]


def test_slot_values_are_named_by_domain(tmp_path):
    record = {"text": "打开小算盘", "domain": "app", "slots": {"name": "小算盘"}}
    documents, _ = _read("slot-values", _file(tmp_path, [record]))
    assert _names(documents[0]) == [("app.name", "小算盘")]
    assert documents[0].meta["part"] == "app"


def test_hidden_names_of_two_lengths_are_put_back(tmp_path):
    path = _file(tmp_path, "1 王小二$李四$##嫁给了###，##很高兴。\n0 甲$乙$#和#\n")
    documents, _ = _read("hidden-names", path, names=["无", "夫妻"])
    assert [document.text for document in documents] == ["李四嫁给了王小二，李四很高兴。"]
    assert {(r.subject.text, r.object.text) for r in documents[0].relations} == {
        ("王小二", "李四"),
        ("李四", "王小二"),
    }


def test_hidden_names_that_cannot_be_told_apart_are_left_out(tmp_path):
    path = _file(tmp_path, "1 王五$李四$##见了##，##走了。\n")
    documents, faults = _read("hidden-names", path, names=["无", "夫妻"])
    assert not documents
    assert faults == {"which name a mark hides is not told": 1}


def test_pairs_of_one_text_become_one_document(tmp_path):
    rows = [
        "{'token': ['毒', '蛇', 'APT', '攻', '击', '甲', '国'], 'h': {'name': '毒蛇', 'pos': [0, 1]},"
        " 't': {'name': '甲国', 'pos': [5, 6]}, 'relation': '针对'}",
        "{'token': ['毒', '蛇', 'APT', '攻', '击', '甲', '国'], 'h': {'name': 'APT', 'pos': [9, 9]},"
        " 't': {'name': '甲国', 'pos': [5, 6]}, 'relation': '针对'}",
    ]
    path = _file(tmp_path, "\n".join(rows))
    documents, faults = _read("pair-lines", path, python=True, inclusive=True)
    assert [r.subject.text for r in documents[0].relations] == ["毒蛇", "APT"]
    assert faults["name found elsewhere"] == 1


def test_triples_take_the_nearest_occurrences(tmp_path):
    record = {
        "text": "甲厂旁边是乙厂，甲厂生产丙。",
        "triple_list": [["甲厂", "生产", "丙"], ["无", "生产", "丙"]],
    }
    documents, _ = _read("triples", _file(tmp_path, [record]))
    kept, lost = windows.verified(documents[0], Counter())
    assert [r.subject.span for r in kept.relations] == [(8, 10)]
    assert lost == {("relation", "生产")}


def test_brat_moves_a_span_to_its_mention_nearby(tmp_path):
    _file(tmp_path, "一只花猫在院里。", "a.txt")
    note = "T1\tThing 1 3\t花猫\nT2\tPlace 5 7\t院里\nT3\tThing 0 1;2 3\t一花\nR1\tLocated Arg1:T1 Arg2:T2\t\n"
    documents, faults = _read("brat-files", _file(tmp_path, note, "a.ann"), rename={"Place": ""})
    assert _names(documents[0]) == [("Thing", "花猫")]
    assert documents[0].relations[0].object.text == "院里"
    assert faults == {"place moved to the mention nearby": 1, "mention in several pieces": 1}


def test_cec_reads_roles_inside_events_without_indentation(tmp_path):
    xml = (
        "<Body><Content><Paragraph>\n  <Sentence>\n    <Event><Time>昨天</Time>，\n"
        "      <Participant>三人</Participant>\n      <Denoter type='stateChange'>受伤</Denoter>\n"
        "    </Event>。\n  </Sentence></Paragraph></Content></Body>"
    )
    documents, _ = _read("cec", _file(tmp_path, xml, "a.xml"))
    assert documents[0].text == "昨天，三人受伤。"
    event = documents[0].events[0]
    assert (event.type, event.trigger.text) == ("stateChange", "受伤")
    assert [(a.role, a.text) for a in event.arguments] == [
        ("Time", "昨天"),
        ("Participant", "三人"),
    ]


def test_finese_knows_only_what_a_row_says(tmp_path):
    rows = [["1", "甲公司造假，乙公司裁员", "财务造假", "甲公司"], ["2", "天气好", "其他", "NaN"]]
    documents, _ = _read("finese", _file(tmp_path, rows))
    assert documents[0].events[0].arguments[0].text == "甲公司"
    assert [document.meta for document in documents] == [{"present": True}, {}]


def test_duee_fin_windows_hold_what_they_tell(tmp_path):
    record = {
        "id": "f1",
        "title": "甲公司公告",
        "text": "甲公司股东张三质押100万股。" + "此外并无其他内容。" * 60 + "张三表示感谢。",
        "event_list": [
            {
                "event_type": "质押",
                "trigger": "质押",
                "arguments": [
                    {"role": "质押方", "argument": "张三"},
                    {"role": "质押股票/股份数量", "argument": "100万股"},
                ],
            }
        ],
    }
    documents, faults = _read("duee-fin-windows", _file(tmp_path, record), limit=200)
    assert [len(document.events) for document in documents] == [1, 0]
    assert faults["window that tells an event in part"] == 1


_TEXT = st.text("甲乙。，\n 丙丁", min_size=1, max_size=200)


@settings(max_examples=100, deadline=None)
@given(
    _TEXT,
    st.lists(st.tuples(st.integers(0, 199), st.integers(1, 9)), max_size=8),
    st.integers(5, 60),
)
def test_windows_hold_the_whole_text_and_no_half_mentions(text, places, limit):
    spans = [(s, min(s + n, len(text))) for s, n in places if s < len(text)]
    entities = tuple(dict.fromkeys(Entity("甲", text[s:e], s, e) for s, e in spans))
    document = Document("d", text, entities)
    pieces = list(windows.cut(document, limit))
    assert "".join(piece.text for piece in pieces) == text
    assert sum(len(piece.entities) for piece in pieces) == len(entities)
    for piece in pieces:
        check_offsets(piece)


def test_words_come_by_kind_and_set_and_case():
    assert label_words.wordings("location", {}, "relation")[0] == "所在地"
    assert label_words.wordings("Location", {}, "entity")[0] == "地点"
    assert label_words.wordings("LOC", {"LOC": ["地区"]}, "entity") == ["地区"]
    assert label_words.wordings("组织关系-裁员", {}, "event")[0] == "组织关系-裁员"
    assert label_words.wordings("no_such_word", {}) == []


def test_every_set_says_what_it_is():
    catalogue = sets.read_catalogue()
    assert not catalogue.sets.keys() & catalogue.held_out.keys()
    for name, spec in catalogue.sets.items():
        assert spec.licence in ("permissive", "research", "unknown"), name
        assert spec.lang in ("zh", "en", "ja", "lzh"), name


def test_a_set_cannot_be_trained_on_and_held_out():
    one = "{reader: msra, train: [a]}"
    with pytest.raises(ConfigError, match="held out and trained on: a"):
        sets.read_catalogue(f"sets: {{a: {one}}}\nheld_out: {{a: {one}}}")


_SETS = """
held_out:
  far: {reader: json-spans, train: [far.json]}
sets:
  one: {reader: json-spans, train: [one.json], dev: [dev.json], words: {thing: [东西], look: [样子]}, licence: permissive}
"""


def _caches(tmp_path):
    def record(text, *mentions):
        entities = [
            {"type": kind, "start": text.index(m), "end": text.index(m) + len(m)}
            for kind, m in mentions
        ]
        return {"text": text, "entities": entities}

    kept = record(
        "他买了一只红色的杯子和一把雨伞", ("thing", "杯子"), ("thing", "雨伞"), ("look", "红色")
    )
    _file(
        tmp_path, [kept, record("她在山上看见过很多很多的星星", ("odd_name", "星星"))], "one.json"
    )
    records = json.loads((tmp_path / "one.json").read_text(encoding="utf-8"))
    records += [record("昨天下午我们一起去河边钓鱼了"), record("医生给病人开了两种新的药物")]
    records[0]["entities"].append({"type": "thing", "start": 40, "end": 42})
    records[1]["entities"].append({"type": "look", "start": 40, "end": 42})
    _file(tmp_path, records, "one.json")
    _file(tmp_path, [record("昨天下午，我们一起去河边钓鱼了", ("thing", "河边"))], "dev.json")
    _file(tmp_path, [record("医生给病人开了两种新的药物")], "far.json")
    catalogue = sets.read_catalogue(_SETS)
    report = sets.write_caches(tmp_path, tmp_path / "out", ["one"], catalogue)["one"]
    read = {
        name: json.loads((tmp_path / "out" / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("labels", "groups")
    }
    lines = (tmp_path / "out" / "one.train.jsonl").read_text(encoding="utf-8").splitlines()
    return report, read["labels"], read["groups"], [json.loads(line) for line in lines]


def test_caches_leave_out_what_is_like_dev_or_held_out(tmp_path):
    report, _, _, examples = _caches(tmp_path)
    assert [example["text"][:2] for example in examples] == ["他买", "她在"]
    assert report["left out"] == {"like one of one": 1, "like one of far": 1}
    assert report["dev"] == 1


def test_a_lost_annotation_makes_its_label_unknown_where_it_has_no_other(tmp_path):
    report, _, _, examples = _caches(tmp_path)
    assert report["faults"] == {"entity without a place in the text": 2}
    assert examples[0]["asked"] == ["@one"]
    assert examples[1]["asked"] == ["one/entity/thing"]


def test_rare_labels_without_words_are_not_asked(tmp_path):
    _, found, groups, examples = _caches(tmp_path)
    assert set(found) == {"one/entity/thing", "one/entity/look"}
    assert set(groups["one"]) == set(found)
    assert not examples[1].get("entities")
    assert found["one/entity/thing"]["wordings"] == ["东西"]
    assert set(found["one/entity/thing"]["examples"]) == {"杯子", "雨伞"}


def test_relations_across_windows_are_left_out():
    text = "甲" * 9 + "。" + "乙" * 9
    subject, near, far = (Entity(None, text[at], at, at + 1) for at in (0, 1, 12))
    document = Document("d", text, (), (Relation("r", subject, near), Relation("r", subject, far)))
    pieces = list(windows.cut(document, 12))
    assert [len(piece.relations) for piece in pieces] == [1, 0]


def test_votes_that_differ_make_labels_unknown(tmp_path):
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
    _file(tmp_path, gold, "gold.json")
    _file(tmp_path, {"id": "1", "text": "昨天乙厂裁员三百人"}, "texts.json")

    def event(*arguments):
        said = [{"role": role, "argument": text} for role, text in arguments]
        return {"event_type": "组织关系-裁员", "arguments": said}

    sure, doubtful = ("裁员方", "乙厂"), ("裁员人数", "三百人")
    votes = [
        [event(sure, doubtful)],
        [event(sure)],
        [event(sure), {"event_type": "人生-死亡", "arguments": []}],
    ]
    paths = [
        _file(tmp_path, {"id": "1", "event_list": events}, f"votes/{i}.json")
        for i, events in enumerate(votes)
    ]
    documents = list(
        READERS["voted-events"](
            paths, Counter(), texts="texts.json", gold="gold.json", agree=3, root=1
        )
    )
    kept, lost = windows.verified(documents[0], Counter())
    assert [(e.trigger.text, [a.text for a in e.arguments]) for e in kept.events] == [
        ("裁员", ["乙厂"])
    ]
    assert lost == {("event", "人生-死亡"), ("role", "组织关系-裁员", "裁员人数")}


@pytest.mark.parametrize("file", ["words.yaml", "descriptions.yaml"])
def test_no_name_is_given_words_twice(file):
    exact, folded = label_words._tables(file)
    assert all(exact.values())
    assert set(exact.values()) >= set(folded.values())


def test_descriptions_come_by_kind_first():
    assert "部位" in label_words._described("BODY", "entity")
    assert label_words._described("no_such_word", "entity") == ""


def test_what_repeated_texts_say_is_united():
    one, two = (Event(kind, Mention("买", 1, 2)) for kind in "购得")
    documents = [
        Document(f"d{i}", "甲买书", events=(event,)) for i, event in enumerate((one, two, one))
    ]
    assert [document.events for document in sets._united(documents)] == [(one, two)]


def test_an_optional_set_is_left_out_where_its_files_are_not(tmp_path):
    catalogue = sets.read_catalogue(
        "sets:\n  here: {reader: documents, train: [made/*.jsonl], optional: true}\n"
        "  away: {reader: documents, train: [none/*.jsonl], optional: true}\n"
        "  must: {reader: documents, train: [lost.jsonl]}\nheld_out: {}\n"
    )
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "a.jsonl").write_text("", encoding="utf-8")
    assert list(sets.at_hand(catalogue, tmp_path).sets) == ["here", "must"]
