"""Damaged corpus files: the counted reason for a bad record, the message for a wrong file."""

import json

import pytest

from chinchilla import converters
from chinchilla.errors import InputError

BOM = b"\xef\xbb\xbf"
CLUENER = '{"text": "甲来了", "label": {"name": {"甲": [[0, 0]]}}}\n'
DUIE = (
    '{"text": "乙是甲写的", "spo_list": [{"predicate": "作者", "subject": "乙", "object": "甲"}]}\n'
)
DUEE = (
    '{"id": "1", "text": "甲裁员", "event_list": [{"event_type": "组织关系-裁员", "trigger": "裁员", '
    '"trigger_start_index": 1, "arguments": []}]}\n'
)
FEWFC = (
    '{"id": "1", "content": "甲收购乙", "events": [{"type": "收购", "mentions": '
    '[{"word": "收购", "span": [1, 3], "role": "trigger"}]}]}\n'
)
DGRE = (
    '{"ID": "1", "text": "泵漏", "spo_list": [{"h": {"name": "泵", "pos": [0, 1]}, '
    '"t": {"name": "漏", "pos": [1, 2]}, "relation": "部件故障"}]}\n'
)
TABLE = "sentence,relation,head,head_offset,tail,tail_offset\n甲爱乙,爱,甲,0,乙,2\n"
CCKS = '{"originalText": "头痛", "entities": [{"label_type": "解剖部位", "start_pos": 0, "end_pos": 1}]}\n'
UNIFIED = '{"sentence": "甲来", "entities": [{"name": "甲", "type": "人名", "pos": [0, 1]}]}\n'
DOCCANO = '{"id": 1, "text": "甲来", "label": [[0, 1, "人名"]]}\n'
STUDIO = (
    '{"id": 1, "data": {"text": "甲来"}, "annotations": [{"result": [{"id": "a", "type": "labels", '
    '"value": {"start": 0, "end": 1, "text": "甲", "labels": ["人名"]}}]}]}\n'
)
IREE = (
    '{"text": "甲增持乙", "events": [{"type": "增持", "trigger": {"text": "增持", "start": 1}}]}\n'
)
IFLYTEK = '{"id": 1, "text": "甲投资乙", "labels": [{"trigger": ["投资", 1]}]}\n'
CONLL04 = '{"tokens": ["Tom", "ran"], "entities": [[0, 1, "Peop"]], "relations": []}\n'
MSRA = "甲\tB-PER\n来\tO\n\n"
CMEEE = "头痛|||0    0    bod|||\n"
PAIRS = "幽兰\t山谷\tLocated\t幽兰在山谷\n"
BOSON = "{{person_name:甲}}来了\n"
SEMEVAL = '1\t"A <e1>cup</e1> of <e2>tea</e2>."\nContent-Container(e2,e1)\nComment:\n\n'

GOOD = {
    "cluener": CLUENER,
    "duie": DUIE,
    "duee": DUEE,
    "duee-fin": DUEE,
    "fewfc": FEWFC,
    "dgre": DGRE,
    "deepke-re": TABLE,
    "ccks2019": CCKS,
    "unified": UNIFIED,
    "doccano": DOCCANO,
    "label-studio": STUDIO,
    "iree": IREE,
    "iflytek2020": IFLYTEK,
    "conll04": CONLL04,
    "msra": MSRA,
    "people-daily": MSRA,
    "cmeee": CMEEE,
    "sanwen": PAIRS,
    "boson": BOSON,
    "semeval2010": SEMEVAL,
}
JSON_LINES = [name for name, content in GOOD.items() if content.startswith('{"')]


def convert(tmp_path, name, content, **options):
    """Return the documents of a file with this content, its faults and its report."""
    path = tmp_path / "sample.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    report = converters.Report(strict=options.pop("strict", False))
    documents = list(converters.read(name, [path], report=report, **options))
    # Contents here hold one record several times.
    report.reasons.pop("repeated id", None)
    return documents, {key: item.count for key, item in report.reasons.items()}, report


def _content(documents):
    return [document.to_dict() for document in documents]


@pytest.mark.parametrize("name", GOOD)
def test_byte_order_mark_changes_nothing(tmp_path, name):
    plain, _, _ = convert(tmp_path, name, GOOD[name])
    marked, faults, _ = convert(tmp_path, name, BOM + GOOD[name].encode())
    assert plain
    assert _content(marked) == _content(plain)
    assert faults == {}


@pytest.mark.parametrize("name", GOOD)
def test_crlf_changes_nothing(tmp_path, name):
    plain, _, _ = convert(tmp_path, name, GOOD[name])
    windows, faults, _ = convert(tmp_path, name, GOOD[name].replace("\n", "\r\n"))
    assert _content(windows) == _content(plain)
    assert faults == {}


@pytest.mark.parametrize("name", GOOD)
def test_missing_last_line_end_changes_nothing(tmp_path, name):
    plain, _, _ = convert(tmp_path, name, GOOD[name])
    cut, _, _ = convert(tmp_path, name, GOOD[name].rstrip("\n"))
    assert _content(cut) == _content(plain)


@pytest.mark.parametrize("name", GOOD)
def test_empty_file_is_refused(tmp_path, name):
    with pytest.raises(InputError, match=r"sample\.txt"):
        convert(tmp_path, name, "")


@pytest.mark.parametrize("name", JSON_LINES)
def test_truncated_line_is_counted_and_the_rest_read(tmp_path, name):
    good = GOOD[name]
    half = good[: len(good) // 2] + "\n"
    documents, faults, report = convert(tmp_path, name, good + half + good)
    assert len(documents) == 2
    assert faults == {"not valid JSON": 1}
    assert report.reasons["not valid JSON"].examples[0][0].endswith("sample.txt:2")


@pytest.mark.parametrize("name", JSON_LINES)
def test_record_of_another_kind_is_counted(tmp_path, name):
    documents, faults, _ = convert(tmp_path, name, GOOD[name] + '["a", 1]\n')
    assert len(documents) == 1
    assert faults == {"malformed record": 1}


@pytest.mark.parametrize("name", JSON_LINES)
def test_other_encoding_in_one_line_is_counted(tmp_path, name):
    content = GOOD[name].encode() + GOOD[name].encode("gb18030") + GOOD[name].encode()
    documents, faults, _ = convert(tmp_path, name, content)
    if name == "conll04":  # no Chinese in it
        return
    assert len(documents) == 2
    assert sum(faults.values()) == 1


# dgre's reader takes what is no JSON for a table, and misses its header.
@pytest.mark.parametrize("name", [name for name in JSON_LINES if name != "dgre"])
def test_wrong_file_is_named_with_line_found_and_expected(tmp_path, name):
    with pytest.raises(InputError) as caught:
        convert(tmp_path, name, "昨天下雨。\n今天也是。\n")
    message = str(caught.value)
    assert "sample.txt:1: not valid JSON" in message
    assert "昨天下雨" in message
    assert "expected" in message


DUPLICATES = {
    "cluener": '{"text": "甲", "text": "乙"}\n',
    "duie": '{"text": "乙", "spo_list": [], "spo_list": []}\n',
    "duee": '{"id": "1", "id": "2", "text": "乙"}\n',
    "duee-fin": '{"title": "1", "title": "2", "text": "乙"}\n',
    "fewfc": '{"content": "甲", "content": "乙"}\n',
    "dgre": '{"text": "甲", "text": "乙"}\n',
    "ccks2019": '{"originalText": "甲", "originalText": "乙"}\n',
    "unified": '{"sentence": "甲", "sentence": "乙"}\n',
    "doccano": '{"text": "甲", "text": "乙"}\n',
    "conll04": '{"tokens": ["a"], "tokens": ["b"]}\n',
}


@pytest.mark.parametrize("name", DUPLICATES)
def test_duplicate_key_is_counted_not_overwritten(tmp_path, name):
    documents, faults, report = convert(tmp_path, name, GOOD[name] + DUPLICATES[name])
    assert len(documents) == 1
    assert faults == {"duplicate key": 1}
    assert report.reasons["duplicate key"].outcome == "dropped"


def test_a_duplicate_key_inside_is_counted_where_it_is_looked_for(tmp_path):
    path = tmp_path / "sample.json"
    argument = {"role": "裁员方", "argument": "甲", "argument_start_index": 0}
    event = {
        "event_type": "裁员",
        "trigger": "裁",
        "trigger_start_index": 1,
        "arguments": [argument],
    }
    good = json.dumps({"text": "甲裁员", "id": "1", "event_list": [event]}, ensure_ascii=False)
    twice = good.replace('"role": "裁员方"', '"role": "裁员方", "role": "乙方"')
    path.write_text(f"{good}\n{twice}\n", encoding="utf-8")
    assert len(list(converters.read("duee", [path]))) == 2
    report = converters.Report(check_keys=True)
    assert len(list(converters.read("duee", [path], report=report))) == 1
    assert report.reasons["duplicate key"].examples == [(f"{path}:2", "'role'")]


def test_files_of_one_name_have_ids_of_their_own(tmp_path):
    paths = []
    for folder in ("train", "dev"):
        (tmp_path / folder).mkdir()
        paths.append(tmp_path / folder / "data.json")
        paths[-1].write_text('{"text": "甲裁员", "spo_list": []}\n', encoding="utf-8")
    report = converters.Report()
    ids = [document.id for document in converters.read("duie", paths, report=report)]
    assert ids == ["duie-train/data.json-1", "duie-dev/data.json-1"]
    assert not report.reasons


def test_an_id_that_comes_again_gets_a_number_and_is_counted(tmp_path):
    record = '{"id": 7, "text": "甲", "label": []}\n'
    paths = [tmp_path / f"{user}.jsonl" for user in ("one", "two", "three")]
    for path in paths:
        path.write_text(record, encoding="utf-8")
    report = converters.Report()
    ids = [document.id for document in converters.read("doccano", paths, report=report)]
    assert ids == ["7", "7-2", "7-3"]
    assert report.reasons["repeated id"].count == 2


def test_a_key_quoted_in_a_text_is_no_duplicate(tmp_path):
    line = json.dumps({"text": '键名是"text"和"label"'}, ensure_ascii=False) + "\n"
    documents, faults, _ = convert(tmp_path, "cluener", line)
    assert (len(documents), faults) == (1, {})


OFF_BY_ONE = {
    "cluener": CLUENER.replace("[[0, 0]]", "[[1, 1]]"),
    "duee": DUEE.replace('index": 1', 'index": 2'),
    "fewfc": FEWFC.replace("[1, 3]", "[2, 4]"),
    "dgre": DGRE.replace("[1, 2]", "[2, 3]"),
    "deepke-re": TABLE.replace("乙,2", "乙,1"),
    "unified": UNIFIED.replace("[0, 1]", "[1, 2]"),
    "label-studio": STUDIO.replace('"start": 0, "end": 1', '"start": 1, "end": 2'),
    "iree": IREE.replace('"start": 1', '"start": 2'),
    "iflytek2020": IFLYTEK.replace('["投资", 1]', '["投资", 2]'),
}


@pytest.mark.parametrize("name", OFF_BY_ONE)
def test_offset_off_by_one_is_repaired_and_counted(tmp_path, name):
    right, _, _ = convert(tmp_path, name, GOOD[name])
    wrong, faults, _ = convert(tmp_path, name, OFF_BY_ONE[name])
    assert _content(wrong) == _content(right)
    assert faults == {"wrong offset repaired": 1}


OUTSIDE = {
    "ccks2019": CCKS.replace('"end_pos": 1', '"end_pos": 3'),
    "doccano": DOCCANO.replace("[0, 1,", "[0, 3,"),
    "cmeee": CMEEE.replace("0    0", "0    2"),
    "conll04": CONLL04.replace("[0, 1,", "[0, 3,"),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_offset_outside_the_text_is_dropped_and_counted(tmp_path, name):
    documents, faults, _ = convert(tmp_path, name, OUTSIDE[name])
    assert documents[0].entities == ()
    assert faults == {"offsets outside the text": 1}


MENTION_GONE = {
    "cluener": CLUENER.replace('"甲": ', '"丙": '),
    "duie": DUIE.replace('"object": "甲"', '"object": "丙"'),
    "duee": DUEE.replace('"trigger": "裁员"', '"trigger": "解雇"'),
    "dgre": DGRE.replace('"name": "漏"', '"name": "响"'),
    "sanwen": PAIRS.replace("山谷\tL", "山峰\tL"),
}


@pytest.mark.parametrize("name", MENTION_GONE)
def test_mention_that_the_text_lacks_is_counted(tmp_path, name):
    documents, faults, _ = convert(tmp_path, name, MENTION_GONE[name])
    assert faults == {"mention not in the text": 1}
    if name != "cluener":  # an entity without a place is dropped; facts keep their string
        assert [issue.kind for issue in documents[0].issues] == ["ungrounded"]


@pytest.mark.parametrize(
    ("name", "bad", "reason"),
    [
        ("msra", "甲\n来\tO\n", "wrong column count"),
        ("msra", "甲\tX\tB-PER\n", "wrong column count"),
        ("msra", "甲\tB-CAR\n", "bad tag"),
        ("msra", "甲\tPER\n", "bad tag"),
        ("cmeee", "头痛|||0    x    bod|||\n", "malformed span"),
        ("cmeee", "头痛|||0    bod|||\n", "malformed span"),
        ("sanwen", "幽兰\t山谷\t幽兰在山谷\n", "wrong column count"),
        ("sanwen", "幽兰\t山谷\tLocated\t幽兰在山谷\t多\n", "wrong column count"),
        ("sanwen", "\t山谷\tLocated\t幽兰在山谷\n", "empty column"),
        ("sanwen", "幽兰\t山谷\tAbove\t幽兰在山谷\n", "unknown relation"),
        ("deepke-re", "甲爱乙,爱,甲,0,乙\n", "wrong column count"),
        ("deepke-re", "甲爱乙,爱,甲,零,乙,2\n", "offset is no number"),
        ("semeval2010", "2\tno marks here\nOther\n", "malformed item"),
    ],
)
def test_bad_record_is_dropped_with_its_reason(tmp_path, name, bad, reason):
    documents, faults, report = convert(tmp_path, name, GOOD[name] + bad)
    assert len(documents) == 1
    assert faults == {reason: 1}
    with pytest.raises(InputError, match=f"{reason}: .*leave out --strict"):
        convert(tmp_path, name, GOOD[name] + bad, strict=True)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("msra", "昨天下雨\n", r"sample\.txt:1: wrong column count: '昨天下雨'"),
        ("people-daily", "甲 B-CAR\n", r"sample\.txt:1: bad tag: 'B-CAR'; types are"),
        ("cmeee", "头痛|||0    x    bod|||\n", r"sample\.txt:1: malformed span"),
        ("sanwen", "昨天下雨\n", r"sample\.txt:1: wrong column count: 1 columns in '昨天下雨'"),
        ("boson", "昨天下雨\n", r"no mark.*expected text with marks such as"),
        ("deepke-re", "a,b\n1,2\n", r"sample\.txt:1: unknown header: a,b"),
        ("semeval2010", "昨天下雨\n", r"sample\.txt:1: malformed item"),
        ("iree", '{"passage": "甲"}\n', r"no text under 'text' or 'sentence' or 'content'"),
        ("duie", '[{"text": "甲"}, {"te', "not a JSON array .*the file may be cut short"),
    ],
)
def test_file_of_another_format_raises_at_its_first_line(tmp_path, name, content, message):
    with pytest.raises(InputError, match=message) as caught:
        convert(tmp_path, name, content)
    assert len(str(caught.value).split("\n")) <= 3


def test_a_long_wrong_file_is_given_up_early(tmp_path):
    content = "昨天下雨。\n" * 60 + DUEE
    with pytest.raises(InputError, match="no record of the file could be read"):
        convert(tmp_path, "duee", content)


def test_inside_tag_without_begin_names_nothing_and_is_counted(tmp_path):
    documents, faults, report = convert(tmp_path, "msra", "甲\tI-PER\n乙\tB-PER\n丙\tI-LOC\n")
    assert [entity.text for entity in documents[0].entities] == ["乙"]
    assert faults == {"inside tag without a begin tag": 2}
    examples = report.reasons["inside tag without a begin tag"].examples
    assert [where.rpartition(":")[2] for where, _ in examples] == ["1", "3"]


def test_undecodable_byte_in_a_column_file_is_counted_with_its_line(tmp_path):
    content = "甲\tB-PER\n".encode() + b"\xff\tO\n" + "来\tO\n".encode()
    documents, faults, report = convert(tmp_path, "people-daily", content)
    assert documents[0].text == "甲\ufffd来"
    assert faults == {"not UTF-8": 1}
    assert report.reasons["not UTF-8"].examples[0][0].endswith("sample.txt:2")


def test_blank_line_with_a_tab_parts_sentences(tmp_path):
    documents, _, _ = convert(tmp_path, "people-daily", "甲\tB-PER\n\t\n乙\tB-PER\n")
    assert [document.text for document in documents] == ["甲", "乙"]


@pytest.mark.parametrize(
    ("line", "text", "count"),
    [
        ("{{person_name:甲来了", "{{person_name:甲来了", 1),
        ("甲}}来了", "甲}}来了", 1),
        ("{person_name:甲}}来了", "{person_name:甲}}来了", 1),
        ("{{car:甲}}来了", "{{car:甲}}来了", 1),
    ],
)
def test_broken_braces_of_boson_stay_text(tmp_path, line, text, count):
    documents, faults, _ = convert(tmp_path, "boson", BOSON + line + "\n")
    assert documents[1].text == text
    assert documents[1].entities == ()
    assert faults == {"brace without a partner stays text": count}


def test_an_unclosed_mark_does_not_shift_the_next_mention(tmp_path):
    line = "{{time:今天，{{person_name:甲}}来了\n"
    documents, _, _ = convert(tmp_path, "boson", line)
    document = documents[0]
    assert document.text == "{{time:今天，甲来了"
    assert [(e.text, e.start, e.end) for e in document.entities] == [("甲", 10, 11)]


def test_brat_counts_what_it_cannot_hold(tmp_path):
    (tmp_path / "a.txt").write_text("甲爱乙", encoding="utf-8")
    annotation = "T1\tPER 0 1\t甲\nT2\tPER 0 1;2 3\t甲 乙\nR1\t爱 Arg1:T1 Arg2:T2\nT3\tPER 0\t甲\n"
    (tmp_path / "a.ann").write_text(annotation, encoding="utf-8")
    report = converters.Report()
    documents = list(converters.read("brat", [tmp_path], report=report))
    assert [entity.text for entity in documents[0].entities] == ["甲"]
    assert {key: item.count for key, item in report.reasons.items()} == {
        "span in several pieces": 1,
        "malformed annotation line": 1,
        "relation of an unknown span": 1,
    }


def test_brat_without_the_text_says_which_file_is_missing(tmp_path):
    (tmp_path / "a.ann").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match=r"a\.txt: no such file"):
        list(converters.read("brat", [tmp_path]))


def test_brat_reads_a_pair_named_by_both_files_once(tmp_path):
    (tmp_path / "a.txt").write_text("甲来", encoding="utf-8")
    (tmp_path / "a.ann").write_text("T1\tPER 0 1\t甲\n", encoding="utf-8")
    report = converters.Report()
    paths = [tmp_path / "a.ann", tmp_path / "a.txt", tmp_path]
    assert len(list(converters.read("brat", paths, report=report))) == 1
    assert report.reasons == {}


def test_a_quote_that_is_not_closed_is_counted(tmp_path):
    content = TABLE + '"甲爱乙,爱,甲,0,乙,2\n' + "丙恨丁,恨,丙,0,丁,2\n" * 20_000
    documents, faults, report = convert(tmp_path, "deepke-re", content)
    assert [document.text for document in documents] == ["甲爱乙", "丙恨丁"]
    assert faults["not valid CSV"] == 1
    assert report.reasons["not valid CSV"].examples[0][0].endswith("sample.txt:3")


def test_further_labels_of_label_studio_are_counted(tmp_path):
    relation = {"type": "relation", "from_id": "a", "to_id": "a", "labels": ["任职", "持股"]}
    content = STUDIO.replace('["人名"]', '["人名", "公司"]').replace(
        "}}]}]}", f"}}}}, {json.dumps(relation)}]}}]}}"
    )
    documents, faults, report = convert(tmp_path, "label-studio", content)
    assert [entity.type for entity in documents[0].entities] == ["人名"]
    assert [relation.type for relation in documents[0].relations] == ["任职"]
    assert faults == {"further label of one span": 1, "further label of one relation": 1}
    assert report.reasons["further label of one span"].examples[0][1] == "公司"


def test_arguments_of_iree_that_are_no_list_are_counted(tmp_path):
    event = {"type": "裁员", "trigger": "裁员", "arguments": "雀巢"}
    content = json.dumps({"text": "雀巢裁员", "events": [event]}) + "\n"
    documents, faults, _ = convert(tmp_path, "iree", content)
    assert documents[0].events[0].arguments == ()
    assert faults == {"argument without role or text": 1}


def test_equal_items_of_an_array_are_told_with_their_own_lines(tmp_path):
    content = '[\n{"text": "甲"},\n{"txt": 1},\n{"txt": 1},\n\n{"txt": 1}]\n'
    _, _, report = convert(tmp_path, "duie", content)
    places = [where.rpartition(":")[2] for where, _ in report.reasons["malformed record"].examples]
    assert places == ["3", "4", "6"]


@pytest.mark.parametrize("name", ["people-daily", "boson", "finre"])
def test_a_text_file_of_another_encoding_is_refused_with_the_option_to_try(tmp_path, name):
    path = tmp_path / "sample.txt"
    path.write_bytes((GOOD.get(name) or "雀巢\t咖啡\tunknown\t雀巢卖咖啡\n").encode("gb18030") * 60)
    with pytest.raises(InputError, match=r"sample\.txt:1: not UTF-8.*; try --encoding gb18030"):
        next(converters.read(name, [path], encoding="utf-8"))
    report = converters.Report()
    assert len(list(converters.read(name, [path], report=report))) > 0
    assert report.reasons["file read as GB18030"].count == 1


def test_an_encoding_is_judged_by_lines_that_are_not_plain_ascii(tmp_path):
    content = b"a\tO\n\n" * 2000 + "甲\tO\n\n".encode("gb18030") * 50
    with pytest.raises(InputError, match=r"sample\.txt:4001: not UTF-8"):
        convert(tmp_path, "people-daily", content, encoding="utf-8")
    documents, faults, _ = convert(tmp_path, "people-daily", content)
    assert (len(documents), faults) == (2050, {"file read as GB18030": 1})
    documents, faults, _ = convert(tmp_path, "people-daily", b"a\tO\n" * 20 + b"caf\xe9\tO\n")
    assert (len(documents), faults) == (1, {"not UTF-8": 1})


def test_json_of_another_encoding_tells_the_option_to_try(tmp_path):
    with pytest.raises(InputError, match="not UTF-8: at byte .*; try --encoding gb18030"):
        convert(tmp_path, "duie", GOOD["duie"].encode("gb18030"), encoding="utf-8")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "gb18030", "big5"])
@pytest.mark.parametrize("name", ["duie", "doccano", "label-studio", "people-daily", "sanwen"])
def test_a_file_of_any_encoding_gives_the_documents_of_utf_8(tmp_path, name, encoding):
    # Long enough, and without characters that Big5 lacks, to be told from other encodings.
    content = (
        GOOD[name]
        .replace("裁员", "解雇員工")
        .replace("爱", "在")
        .replace("乙", "上海市")
        .replace("来", "在")
    )
    if encoding == "big5" and name in ("duie", "sanwen"):
        pytest.skip("simplified characters")
    plain, _, _ = convert(tmp_path, name, content)
    documents, faults, _ = convert(tmp_path, name, content.encode(encoding), encoding=encoding)
    assert _content(documents) == _content(plain)
    assert faults == {}
    if encoding.startswith("utf") and encoding != "utf-16-le":
        documents, faults, _ = convert(tmp_path, name, content.encode(encoding))
        assert _content(documents) == _content(plain)
        assert list(faults) == [f"file read as {encoding.upper()}"]


def test_strict_stops_at_a_byte_that_does_not_decode(tmp_path):
    path = tmp_path / "sample.txt"
    path.write_bytes("甲\tB-PER\n".encode() + b"\xff\tO\n")
    with pytest.raises(InputError, match=r"sample\.txt:2: not UTF-8: byte 0xff; .*--strict"):
        list(converters.read("people-daily", [path], report=converters.Report(strict=True)))
