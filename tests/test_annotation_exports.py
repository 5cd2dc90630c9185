"""What annotation tools export, in the forms of their releases: nothing is lost in silence."""

import json

import pytest

from chinchilla import converters
from chinchilla.converters.offsets import UTF16, Given, choose_reading
from chinchilla.errors import InputError


def read(name, path, **options):
    report = converters.Report()
    documents = list(converters.read(name, [path], report=report, **options))
    return documents, {reason: item.count for reason, item in report.reasons.items()}


def convert(tmp_path, name, content, **options):
    path = tmp_path / "export.json"
    if not isinstance(content, str):
        content = json.dumps(content, ensure_ascii=False)
    path.write_text(content, encoding="utf-8", newline="")
    return read(name, path, **options)


def lines(*records):
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def spans(document):
    return [(e.type, e.text, e.start, e.end) for e in document.entities]


# Shifted spans


def utf16(text, at):
    return len(text[:at].encode("utf-16-le")) // 2


def utf8(text, at):
    return len(text[:at].encode())


def once(text, at):
    return at - text.count("\r\n", 0, at)


def twice(text, at):
    return at + text.count("\n", 0, at)


SHIFTS = {
    "as they are": ("甲来了，甲走了，乙在", lambda text, at: at),
    "UTF-16": ("😀甲来👍了，甲走了👨‍👩‍👧，乙在", utf16),
    "line ends once": ("甲来了\r\n，甲\r\n走了，\r\n乙在", once),
    "line ends twice": ("甲来了\n，甲\n走了，\n乙在", twice),
    "a mark counted": ("甲来了，甲走了，乙在", lambda text, at: at + 1),
    "a mark not counted": ("\ufeff甲来了，甲走了，乙在", lambda text, at: at - 1),
    "UTF-8": ("甲来了，甲走了，乙在", utf8),
    "all at once": (
        "😀甲来了\r\n，甲走😀了，\r\n乙在",
        lambda t, at: utf16(t, at) - t.count("\r\n", 0, at),
    ),
    "a beginning cut off": ("甲来了，甲走了，乙在", lambda text, at: at + 7),
}


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("tool", ["label-studio", "spans", "brat"])
def test_spans_shifted_together_are_read_together(tmp_path, tool, shift):
    text, count = SHIFTS[shift]
    first = text.index("甲")
    wanted = [(first, "人"), (text.index("甲", first + 1), "人"), (text.index("乙"), "地")]
    given = [(count(text, at), count(text, at + 1), text[at], kind) for at, kind in wanted]
    if tool == "label-studio":
        results = [
            {
                "id": str(i),
                "type": "labels",
                "value": {"start": a, "end": b, "text": m, "labels": [k]},
            }
            for i, (a, b, m, k) in enumerate(given)
        ]
        content = [{"id": 1, "data": {"text": text}, "annotations": [{"result": results}]}]
        documents, faults = convert(tmp_path, tool, content)
    elif tool == "spans":
        items = [{"start": a, "end": b, "type": k, "mention": m} for a, b, m, k in given]
        content = lines({"id": 1, "text": text, "entities": items})
        documents, faults = convert(tmp_path, tool, content, fields={"mention": "mention"})
    else:
        (tmp_path / "a.txt").write_bytes(text.encode())
        rows = [f"T{i}\t{k} {a} {b}\t{m}\n" for i, (a, b, m, k) in enumerate(given)]
        (tmp_path / "a.ann").write_text("".join(rows), encoding="utf-8")
        documents, faults = read(tool, tmp_path / "a.ann")
        # The mark of a file is no part of its text.
        if text.startswith("\ufeff"):
            text, wanted = text[1:], [(at - 1, kind) for at, kind in wanted]
            shift = "as they are"
    assert [(e.start, e.type, e.text) for e in documents[0].entities] == [
        (at, kind, text[at]) for at, kind in wanted
    ]
    assert len(faults) == (shift != "as they are")
    assert all(reason.startswith("offsets read as") for reason in faults)
    assert set(faults.values()) <= {1}


def test_spans_without_their_text_are_judged_by_where_they_fit(tmp_path):
    text = "👍👍👍店很好"
    documents, faults = convert(tmp_path, "doccano", lines({"text": text, "label": [[6, 7, "店"]]}))
    assert spans(documents[0]) == [("店", "店", 3, 4)]
    assert faults == {"offsets read as UTF-16 units": 1}


def test_spans_without_their_text_are_judged_by_words():
    text = "😀😀王芳在北京大学学习，她喜欢上海和广州的天气"
    names = [text.index(name) for name in ("北京大学", "上海", "广州")]
    ends = [at + size for at, size in zip(names, (4, 2, 2), strict=True)]
    shifted = [Given(a + 2, b + 2) for a, b in zip(names, ends, strict=True)]
    right = [Given(a, b) for a, b in zip(names, ends, strict=True)]
    assert choose_reading(text, shifted).name == UTF16
    assert choose_reading(text, right).name == "code points"


def test_one_wrong_span_among_right_ones_is_mended_alone(tmp_path):
    results = [
        {"type": "labels", "value": {"start": a, "end": a + 1, "text": m, "labels": ["X"]}}
        for a, m in ((0, "甲"), (2, "乙"), (9, "丙"))
    ]
    content = [{"data": {"text": "甲，乙，丙。"}, "annotations": [{"result": results}]}]
    documents, faults = convert(tmp_path, "label-studio", content)
    assert [e.start for e in documents[0].entities] == [0, 2, 4]
    assert faults == {"wrong offset repaired": 1}


def test_two_mentions_never_share_a_place(tmp_path):
    # Both are wrong in different ways; the second 店 has no other place than the first's left.
    results = [
        {"type": "labels", "value": {"start": a, "end": a + 1, "text": "店", "labels": ["X"]}}
        for a in (3, 5, 8)
    ]
    content = [{"data": {"text": "大店和小店"}, "annotations": [{"result": results}]}]
    documents, faults = convert(tmp_path, "label-studio", content)
    assert [e.start for e in documents[0].entities] == [1, 4]
    assert faults["place taken by another mention"] == 1


# Label Studio


def span(name="a", label="人", start=0, end=2, text="张三", **more):
    value = {"start": start, "end": end, "text": text, "labels": [label]}
    return {"id": name, "type": "labels", "value": value, **more}


def task(*results, text="张三在北京", **more):
    return {"id": 1, "data": {"text": text}, "annotations": [{"result": list(results)}], **more}


@pytest.mark.parametrize(
    ("annotations", "reason"),
    [
        ({"annotations": []}, "task without an annotation"),
        ({}, "task without an annotation"),
        ({"completions": []}, "task without an annotation"),
        ({"annotations": [{"was_cancelled": True, "result": []}]}, "task cancelled or skipped"),
        ({"completions": [{"skipped": True, "result": [span()]}]}, "task cancelled or skipped"),
        ({"annotations": [{"result": []}], "skipped": True}, "task cancelled or skipped"),
        ({"annotations": [], "predictions": [{"result": [span()]}]}, "task with predictions only"),
        ({"annotations": [17]}, "task whose annotations are not in the file"),
    ],
)
def test_a_task_that_nobody_annotated_is_left_out_and_counted(tmp_path, annotations, reason):
    tasks = [{"id": 1, "data": {"text": "李四"}, **annotations}, task(span())]
    documents, faults = convert(tmp_path, "label-studio", tasks)
    assert [spans(d) for d in documents] == [[("人", "张三", 0, 2)]]
    assert faults == {reason: 1}


def test_a_task_annotated_with_nothing_is_kept(tmp_path):
    documents, faults = convert(tmp_path, "label-studio", [task()])
    assert (len(documents), documents[0].entities, faults) == (1, (), {})


@pytest.mark.parametrize(
    "odd",
    [
        {"type": "textarea", "value": {"start": 0, "end": 2, "text": ["甲", "乙"]}, "id": "a"},
        {"type": "choices", "value": {"choices": ["好"]}},
        {"type": "number", "value": {"number": 7}},
        {"type": "taxonomy", "value": {"taxonomy": [["A", "B"]]}},
        {"type": "videorectangle", "value": {"start": "x", "labels": None}},
        {"type": "rating", "value": None, "meta": {"text": ["x"]}},
    ],
)
def test_a_result_of_another_kind_costs_the_task_nothing(tmp_path, odd):
    documents, faults = convert(tmp_path, "label-studio", [task(odd, span(), odd)])
    assert spans(documents[0]) == [("人", "张三", 0, 2)]
    assert list(faults.values()) == [2]


@pytest.mark.parametrize("labels", [None, [], "missing"])
def test_a_span_without_a_label_is_counted_and_costs_no_other(tmp_path, labels):
    odd = span("b", start=3, end=5, text="北京")
    if labels == "missing":
        del odd["value"]["labels"]
    else:
        odd["value"]["labels"] = labels
    documents, faults = convert(tmp_path, "label-studio", [task(odd, span())])
    assert spans(documents[0]) == [("人", "张三", 0, 2)]
    assert faults == {"span without a label": 1}


def test_labels_of_a_page_are_read_by_their_offsets_in_its_text(tmp_path):
    value = {"start": "/div[1]/text()[1]", "end": "/div[1]/text()[1]", "startOffset": 0}
    value |= {"globalOffsets": {"start": 0, "end": 2}, "text": "张三", "hypertextlabels": ["人"]}
    hyper = {"id": "a", "type": "hypertextlabels", "value": value}
    documents, _ = convert(tmp_path, "label-studio", [task(hyper)])
    assert spans(documents[0]) == [("人", "张三", 0, 2)]
    del value["globalOffsets"]
    documents, faults = convert(tmp_path, "label-studio", [task(hyper), task(span())])
    assert len(documents) == 1
    assert faults["task whose spans are of a kind not read"] == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"ground_truth": True}, {"updated_at": "2026-01-02"}),
        ({"honeypot": True}, {"created_at": "2026-01-02"}),
        ({"updated_at": "2026-03-01T00:00:00Z"}, {"updated_at": "2026-01-02T00:00:00Z"}),
        ({}, {"was_cancelled": True, "updated_at": "2027"}),
    ],
)
@pytest.mark.parametrize("swap", [False, True])
def test_of_several_annotations_the_one_that_counts_is_read(tmp_path, first, second, swap):
    annotations = [{"result": [span()], **first}, {"result": [], **second}]
    content = task()
    content["annotations"] = annotations[::-1] if swap else annotations
    documents, faults = convert(tmp_path, "label-studio", [content])
    assert spans(documents[0]) == [("人", "张三", 0, 2)]
    assert faults == ({} if "was_cancelled" in second else {"further annotation of one task": 1})


def test_json_min_is_read(tmp_path):
    mark = {"start": 0, "end": 2, "text": "张三", "labels": ["人"]}
    records = [
        {"id": 1, "text": "张三在北京", "ner": [mark], "annotator": 1, "annotation_id": 4},
        {"id": 2, "text": "没有", "annotation_id": 5},
        {"id": 3, "text": "未标"},
    ]
    documents, faults = convert(tmp_path, "label-studio", records)
    assert [(d.id, len(d.entities)) for d in documents] == [("1", 1), ("2", 0)]
    assert faults == {"task without an annotation": 1}


def test_a_file_of_one_task_over_several_lines_is_read(tmp_path):
    content = json.dumps(task(span()), ensure_ascii=False, indent=2)
    documents, _ = convert(tmp_path, "label-studio", content)
    assert spans(documents[0]) == [("人", "张三", 0, 2)]


@pytest.mark.parametrize(("name", "left_out"), [("title", True), ("txt", False), ("text", False)])
def test_spans_of_another_field_are_left_out(tmp_path, name, left_out):
    content = task(span(to_name=name))
    content["data"]["title"] = "张三"
    documents, faults = convert(tmp_path, "label-studio", [content])
    assert len(documents[0].entities) == (not left_out)
    assert faults == ({"span of another field": 1} if left_out else {})


def test_spans_of_objects_of_other_names_are_told_by_their_texts(tmp_path):
    body = span("b", start=3, end=5, text="北京", to_name="body")
    documents, faults = convert(
        tmp_path, "label-studio", [task(span(to_name="head", start=0, end=2, text="标题"), body)]
    )
    assert spans(documents[0]) == [("人", "北京", 3, 5)]
    assert faults == {"span of another field": 1}


@pytest.mark.parametrize(
    ("direction", "pairs"),
    [(None, ["张三"]), ("right", ["张三"]), ("left", ["北京"]), ("bi", ["张三", "北京"])],
)
def test_a_relation_has_the_direction_that_was_drawn(tmp_path, direction, pairs):
    link = {"type": "relation", "from_id": "a", "to_id": "b", "labels": ["在"]}
    if direction:
        link["direction"] = direction
    place = span("b", "地", 3, 5, "北京")
    documents, _ = convert(tmp_path, "label-studio", [task(link, span(), place)])
    assert [r.subject.text for r in documents[0].relations] == pairs


# doccano and others of JSON lines


@pytest.mark.parametrize(
    "record",
    [
        {"label": [[0, 2, "人"]]},
        {"labels": [[0, 2, "人"]], "cats": ["新闻"]},
        {"annotations": [{"label": "人", "start_offset": 0, "end_offset": 2, "user": 1}]},
        {
            "entities": [{"id": 1, "label": "人", "start_offset": 0, "end_offset": 2}],
            "Comments": [],
        },
        {"label": [{"start": 0, "end": 2, "label": "人"}], "meta": {"x": [1]}},
        {"spans": [{"start": 0, "end": 2, "label": "人", "token_start": 0}], "answer": "accept"},
        {"label": [[0, 2, "人", "x"]], "annotation_approver": None},
    ],
)
def test_the_forms_of_doccano_read_alike(tmp_path, record):
    documents, faults = convert(tmp_path, "doccano", lines({"text": "张三在北京", **record}))
    assert spans(documents[0]) == [("人", "张三", 0, 2)]
    assert faults == {}


def test_an_unknown_key_of_annotations_is_told(tmp_path):
    content = lines({"text": "张三", "label": []}, {"text": "张三", "ner_tags": [[0, 2, "人"]]})
    documents, faults = convert(tmp_path, "doccano", content)
    assert len(documents) == 1
    assert faults == {"unknown annotation key": 1, "record without annotations": 1}


def test_a_malformed_span_costs_the_record_nothing(tmp_path):
    content = lines({"text": "张三在北京", "label": [["x"], [0, 2, "人"], "正面", [3, "5", "地"]]})
    documents, faults = convert(tmp_path, "doccano", content)
    assert spans(documents[0]) == [("人", "张三", 0, 2)]
    assert faults == {"malformed span": 3}


def test_what_is_given_twice_is_kept_once_and_counted(tmp_path):
    entity = {"label": "人", "start_offset": 0, "end_offset": 2}
    record = {
        "text": "张三在北京",
        "entities": [
            {"id": 1, **entity},
            {"id": 2, **entity},
            {"id": 3, "label": "地", "start_offset": 3, "end_offset": 5},
        ],
        "relations": [{"from_id": one, "to_id": 3, "type": "在"} for one in (1, 2, 1)],
    }
    documents, faults = convert(tmp_path, "doccano", lines(record))
    assert [e.text for e in documents[0].entities] == ["张三", "北京"]
    assert len(documents[0].relations) == 1
    assert faults == {"repeated annotation": 3}


def test_a_record_that_the_annotator_refused_is_left_out(tmp_path):
    items = [{"text": "张三", "spans": [], "answer": a} for a in ("accept", "reject", "ignore")]
    documents, faults = convert(
        tmp_path, "spans", lines(*items), fields={"entities": "spans", "type": "label"}
    )
    assert (len(documents), faults) == (1, {"record not accepted": 2})


# BRAT


def brat(tmp_path, text, annotations, **options):
    (tmp_path / "a.txt").write_bytes(text.encode())
    (tmp_path / "a.ann").write_text(annotations, encoding="utf-8")
    return read("brat", tmp_path, **options)


@pytest.mark.parametrize(("end", "second"), [("\n", 3), ("\r\n", 4), ("\r\n", 3), (" ", 3)])
def test_a_span_over_a_line_end_is_one(tmp_path, end, second):
    text = f"上海{end}交通大学好"
    annotations = f"T1\tORG 0 2;{second} {second + 4}\t上海 交通大学\n"
    documents, _ = brat(tmp_path, text, annotations)
    assert [(e.text, e.start) for e in documents[0].entities] == [(f"上海{end}交通大学", 0)]


def test_a_span_in_pieces_stays_out_and_is_counted(tmp_path):
    documents, faults = brat(tmp_path, "左右肺结节", "T1\tX 0 1;2 5\t左 肺结节\n")
    assert (documents[0].entities, faults) == ((), {"span in several pieces": 1})


def test_numbers_of_roles_are_left_off_only_beside_the_role_itself(tmp_path):
    annotations = (
        "T1\tE 2 4\t会见\nT2\tP 0 1\t甲\nT3\tP 4 5\t乙\nT4\tP 1 2\t丙\n"
        "E1\tE:T1 Who:T2 Who2:T3 Arg1:T4\nE2\tE:T1 Who2:T3\nE3\tE:T1 Who2:T3\n"
    )
    documents, faults = brat(tmp_path, "甲丙会见乙", annotations)
    roles = [[a.role for a in event.arguments] for event in documents[0].events]
    assert roles == [["Who", "Who", "Arg1"], ["Who2"]]
    assert faults == {"repeated annotation": 1}
    documents, _ = brat(tmp_path, "甲丙会见乙", annotations, numbered=True)
    assert [a.role for a in documents[0].events[0].arguments] == ["Who", "Who2", "Arg1"]


def test_texts_that_nobody_annotated_are_told(tmp_path):
    (tmp_path / "b.txt").write_text("乙", encoding="utf-8")
    documents, faults = brat(tmp_path, "甲", "")
    assert [d.id for d in documents] == ["brat-a"]
    assert faults == {
        "text without an .ann file": 1,
        "empty .ann file: a text without annotations": 1,
    }


def test_files_of_one_name_in_folders_have_ids_of_their_own(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        brat(tmp_path / folder, "甲", "T1\tX 0 1\t甲\n")
    documents, faults = read("brat", tmp_path)
    assert [d.id for d in documents] == ["brat-one/a.ann", "brat-two/a.ann"]
    assert faults == {}


# Columns


def columns(tmp_path, content, **options):
    return convert(tmp_path, "columns", content, **options)


@pytest.mark.parametrize(
    "content",
    [
        "-DOCSTART- -X- O O\n\n张 NN B-NP B-PER\n三 NN I-NP I-PER\n在 V O O\n\n李 NN B-NP B-PER\n",
        "-DOCSTART- O\n张 B-PER\n三 I-PER\n在 O\n-DOCSTART- O\n李 B-PER\n",
        "张 B-PER\n三 I-PER\n在 O\n\n-DOCSTART-\n李 B-PER\n-DOCSTART-",
        "张\tB-PER\n三\tI-PER\n在\tO\n\n李 B-PER\n",
        "张   B-PER  \n三\t I-PER\n在 O\t\n \t\n李\t\tB-PER\n".replace("\t\t", "\t"),
        "# text = 张三在\n# sent_id = 1\n张 B-PER\n三 I-PER\n在 O\n\n# x O y\n李 B-PER\n",
        "# id 9\tdomain=zh\n张 _ _ B-PER\n三 _ _ I-PER\n在 _ _ O\n\n# id 8\tdomain=zh\n李 _ _ B-PER\n",
        "#begin document (a);\n张 PER-B\n三 PER-I\n在 O\n\n李 PER-S\n#end document\n",
        "张 B_PER\n三 E_PER\n在 O\n\n李 W_PER\n",
        "张 B-PER\n三 M-PER\n在 O\n\n李 U-PER\n",
    ],
)
def test_rows_are_read_whatever_stands_between_and_around_them(tmp_path, content):
    documents, faults = columns(tmp_path, content)
    assert [d.text for d in documents] == ["张三在", "李"]
    assert [spans(d) for d in documents] == [[("PER", "张三", 0, 2)], [("PER", "李", 0, 1)]]
    assert set(faults) <= {"comment left out"}


def test_a_hash_with_a_tag_is_a_token(tmp_path):
    documents, _ = columns(tmp_path, "# O\n张 B-PER\n#话题 O\n")
    assert documents[0].text == "#张#话题"


@pytest.mark.parametrize("options", [{}, {"scheme": "io"}])
def test_tags_that_are_types_alone_are_read_and_told(tmp_path, options):
    content = "张 PER\n三 PER\n在 O\n北 LOC\n京 LOC\n"
    documents, faults = columns(tmp_path, content, **options)
    assert [s[:2] for s in spans(documents[0])] == [("PER", "张三"), ("LOC", "北京")]
    assert faults == {"tags read as types alone": 1}


def test_bare_tags_have_the_type_that_is_given(tmp_path):
    content = "张 B\n三 E\n在 O\n李 S\n"
    documents, _ = columns(tmp_path, content, type="关键词")
    assert [s[:2] for s in spans(documents[0])] == [("关键词", "张三"), ("关键词", "李")]
    documents, _ = columns(tmp_path, content, source="mine")
    assert {s[0] for s in spans(documents[0])} == {"mine"}


def test_inside_tags_alone_are_the_older_scheme(tmp_path):
    documents, _ = columns(tmp_path, "张 I-PER\n三 I-PER\n在 O\n李 I-PER\n")
    assert [s[1] for s in spans(documents[0])] == ["张三", "李"]


def test_token_and_tag_may_stand_in_any_column(tmp_path):
    content = "1\t张\tB-PER\tO\n2\t三\tI-PER\tO\n3\t在\tO\tB-X\n"
    documents, _ = columns(tmp_path, content, token=2, tag=3)
    assert spans(documents[0]) == [("PER", "张三", 0, 2)]
    documents, _ = columns(tmp_path, content, token=2, tag=-1)
    assert spans(documents[0]) == [("X", "在", 2, 3)]


def test_brackets_of_conll_2012_are_read(tmp_path):
    content = "d 0 张 (PER* -\nd 0 三 *) -\nd 0 在 * (1)\nd 0 沪 (LOC) -\n"
    documents, _ = columns(tmp_path, content, token=3, tag=4)
    assert [s[:2] for s in spans(documents[0])] == [("PER", "张三"), ("LOC", "沪")]


def test_blanks_that_are_tokens_or_parts_of_them_stay(tmp_path):
    documents, _ = columns(tmp_path, "张 B-PER\n  O\n三 O\n")
    assert documents[0].text == "张 三"
    documents, _ = columns(tmp_path, "New York\tB-LOC\n \tO\n\u3000\tO\nis\tO\n")
    assert documents[0].text == "New York \u3000is"
    assert spans(documents[0]) == [("LOC", "New York", 0, 8)]


def test_a_row_of_another_width_is_counted(tmp_path):
    documents, faults = columns(tmp_path, "张 B-PER\n三\n\n李 B-PER\n王 x y O\n\n赵 B-PER\n")
    assert [d.text for d in documents] == ["赵"]
    assert faults == {"wrong column count": 2}


# Tables


@pytest.mark.parametrize(
    "table",
    [
        "sentence,relation,head,tail\n张三在北京,在,张三,北京\n",
        "tail,head,sentence,relation\n北京,张三,张三在北京,在\n",
        "sentence,relation,head,head_offset,tail,tail_offset\n张三在北京,在,张三,,北京,\n",
        "sentence\trelation\thead\ttail\tnote\n张三在北京\t在\t张三\t北京\tx\n",
        "sentence,relation,head,head_type,head_offset,tail,tail_type,tail_offset\n"
        "张三在北京,在,张三,人物,0,北京,地点,3\n",
    ],
)
def test_tables_of_relations_have_any_columns(tmp_path, table):
    documents, faults = convert(tmp_path, "deepke-re", table)
    (relation,) = documents[0].relations
    assert (relation.subject.span, relation.object.span) == ((0, 2), (3, 5))
    assert set(faults) <= {"column not read"}


def test_ends_without_offsets_are_the_closest_pair(tmp_path):
    table = "sentence,relation,head,tail\n北京，上海，张三在北京,在,张三,北京\n"
    documents, _ = convert(tmp_path, "deepke-re", table)
    assert documents[0].relations[0].object.start == 9


def test_a_quote_that_never_closes_costs_one_row_of_a_table(tmp_path):
    table = 'sentence,relation,head,tail\n"甲爱乙,爱,甲,乙\n丙爱丁,爱,丙,丁\n戊爱己,爱,戊,己\n'
    documents, faults = convert(tmp_path, "deepke-re", table)
    assert [d.text for d in documents] == ["丙爱丁", "戊爱己"]
    assert faults == {"not valid CSV": 1}


def test_a_table_without_a_needed_column_is_refused(tmp_path):
    with pytest.raises(InputError, match="unknown header: sentence,relation,head"):
        convert(tmp_path, "deepke-re", "sentence,relation,head\n甲,爱,甲\n")
