import random
from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_samples import LAYOFFS, NEWS, PLAIN, SCHEMA, WRITERS, build_records, named

from chinchilla.data.documents import Document, Entity, Event, Mention, check_offsets
from chinchilla.data.schema import read_schema
from chinchilla.decoding.decode import decode
from chinchilla.instructions.balance import kind_of
from chinchilla.instructions.build_options import BuildOptions
from chinchilla.instructions.demonstrations import Pool
from chinchilla.instructions.negatives import (
    confusable,
    cooccurrence_tables,
    present_labels,
    read_table,
    similarity_table,
    with_negatives,
)
from chinchilla.instructions.records import CUT, TOO_LONG, Resources
from chinchilla.instructions.windowing import cut_document
from chinchilla.prompts.prompt import PromptStyle


def build(documents, style=None, counts=None, resources=None, **choices):
    options = BuildOptions(style or PromptStyle("compact-v1", "compact"), **choices)
    return list(build_records(documents, lambda _: SCHEMA, options, counts, resources))


def test_a_record_is_the_prompt_the_answer_and_where_it_comes_from():
    record = build([LAYOFFS], tasks=("ee",))[0]
    assert msgspec.to_builtins(record) == {
        "instruction": "事件⟦组织关系-裁员⟧⟦组织关系-加盟⟧",
        "input": NEWS,
        "output": "裁员⟦组织关系-裁员⟧雀巢⟦裁员方⟧4000人⟦裁员人数⟧\n"
        "裁员⟦组织关系-裁员⟧4000人⟦裁员人数⟧百事公司⟦裁员方⟧",
        "id": "news#0",
        "task": "ee",
        "source": "toy",
        "schema": ("组织关系-裁员", "组织关系-加盟"),
        "lang": "zh",
        "licence": "own",
        "template": "compact-v1#0",
    }


def test_windows_keep_an_event_with_its_trigger_and_count_what_they_cut_off():
    counts = Counter()
    style = PromptStyle("compact-v1", "compact", window={"ee": 15, "re": 15})
    records = build([LAYOFFS], style, counts, tasks=("re", "ee"))
    assert [(r.input, r.output) for r in records if r.task == "ee"] == [
        ("雀巢宣布裁员4000人。", "裁员⟦组织关系-裁员⟧雀巢⟦裁员方⟧4000人⟦裁员人数⟧"),
        ("百事公司也在上海裁员300人。", "裁员⟦组织关系-裁员⟧百事公司⟦裁员方⟧"),
    ]
    assert [r.output for r in records if r.task == "re"] == ["⟦⟧", "百事公司⟦总部⟧上海⟦⟧"]
    # lost: the second event's argument in the first sentence; the relation from 雀巢 to 上海
    assert counts == {CUT: 2}


def test_an_event_without_a_trigger_goes_where_most_of_its_arguments_stand():
    text = "甲乙丙丁戊己"
    arguments = tuple(
        msgspec.convert({"role": "方", "text": text[i], "start": i, "end": i + 1}, type=dict)
        for i in (1, 3, 4)
    )
    document = Document.from_dict(
        {
            "id": "d",
            "text": text,
            "events": [{"type": "公告", "trigger": None, "arguments": list(arguments)}],
        }
    )
    pieces = list(cut_document(document, [(0, 3), (3, 6)]))
    assert [[a.text for e in piece.events for a in e.arguments] for piece, _ in pieces] == [
        [],
        ["丁", "戊"],
    ]
    assert [lost for _, lost in pieces] == [0, 1]


def test_an_annotation_in_two_windows_is_given_in_both():
    document = named("d", "甲乙丙丁", ("乙丙", "人名"))
    pieces = list(cut_document(document, [(0, 3), (1, 4)]))
    assert [[(e.start, e.end) for e in piece.entities] for piece, _ in pieces] == [
        [(1, 3)],
        [(0, 2)],
    ]
    assert sum(lost for _, lost in pieces) == 0


def test_what_is_not_in_the_text_goes_with_the_first_window():
    entity = Entity("人名", "甲", None, None)
    document = Document("d", "乙丙", (entity,), events=(Event("公告", Mention("发", None, None)),))
    (first, _), (second, _) = cut_document(document, [(0, 1), (1, 2)])
    assert (first.entities, len(first.events)) == ((entity,), 1)
    assert (second.entities, second.events) == ((), ())


@given(
    st.text(alphabet="甲乙，。《》a1\u2028𠮷 \n", min_size=1, max_size=40),
    st.lists(st.tuples(st.integers(0, 39), st.integers(1, 5)), max_size=8),
    st.lists(st.integers(1, 39), max_size=5),
)
@settings(max_examples=60, deadline=None)
def test_windows_lose_nothing_silently_and_keep_offsets(text, spans, cuts):
    entities = tuple(
        Entity("人名", text[s : s + n], s, s + n) for s, n in spans if s + n <= len(text)
    )
    borders = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    windows = list(zip(borders, borders[1:], strict=False))
    pieces = list(cut_document(Document("d", text, entities), windows))
    for piece, _ in pieces:
        check_offsets(piece)
    kept = sum(len(piece.entities) for piece, _ in pieces)
    assert kept + sum(lost for _, lost in pieces) == len(entities)
    assert "".join(piece.text for piece, _ in pieces) == text


@pytest.mark.parametrize("form", ["json", "compact"])
def test_answers_read_back_as_the_annotations(form):
    for record in build([LAYOFFS, *WRITERS], PromptStyle("zh-v1", form), tasks=("ner", "re")):
        gold = (
            LAYOFFS if record.input == NEWS else next(d for d in WRITERS if d.text == record.input)
        )
        found = decode(record.output, record.input, SCHEMA, form, (record.task,))
        if record.task == "ner":
            assert found.entities == gold.entities
        else:
            assert [r.type for r in found.relations] == [r.type for r in gold.relations]
        assert found.issues == ()


def test_types_are_split_over_prompts_in_order():
    style = PromptStyle("compact-v1", "compact", types_per_prompt={"ner": 3})
    records = build(WRITERS[:1], style, tasks=("ner",))
    assert [r.schema for r in records] == [
        ("人名", "机构名", "地名"),
        ("作品", "日期", "职务"),
        ("产品", "奖项"),
    ]
    assert [r.output for r in records] == ["鲁迅⟦人名⟧", "呐喊⟦作品⟧", "⟦⟧"]


def test_negatives_are_added_to_the_types_present():
    records = build(WRITERS * 5, tasks=("ner",), hard_negatives=1, random_negatives=2)
    for record in records:
        assert {"人名", "作品"} <= set(record.schema)
        assert len(record.schema) == 5
        assert list(record.schema) == [t.label for t in SCHEMA.entities if t.label in record.schema]
    # By likeness: 地名 shares 名 with 人名, 产品 shares 品 with 作品, and 机构名 the 名 again.
    hard = Counter(label for record in records for label in record.schema)
    assert hard["地名"] + hard["机构名"] + hard["产品"] > hard["日期"] + hard["奖项"]


def test_texts_without_annotations_are_asked_for_negatives_only():
    for record in build(PLAIN, tasks=("ner",), hard_negatives=2, random_negatives=3):
        assert len(record.schema) == 3
        assert record.output == "⟦⟧"


def test_likeness_knows_names_ends_and_roles():
    table = similarity_table(SCHEMA)
    assert table["re"]["作者"][0] == "导演"
    assert table["ner"]["人名"][0] in ("地名", "机构名")
    assert table["ee"]["组织关系-裁员"] == ["组织关系-加盟"]


def test_a_cooccurrence_table_counts_labels_of_the_same_documents():
    documents = [*WRITERS, named("x", "鲁迅在上海", ("鲁迅", "人名"), ("上海", "地名"))]
    table = cooccurrence_tables(documents, lambda _: SCHEMA)["toy"]["ner"]
    assert table["人名"] == ["作品", "地名"]
    assert table["地名"] == ["人名"]


def test_hard_negatives_come_from_the_nearest_and_never_from_the_present():
    near = {"甲": ["乙", "丙", "丁", "戊", "己"]}
    for seed in range(20):
        drawn = confusable(["丙", "丁", "戊", "己"], {"甲", "乙"}, near, random.Random(seed), 1)
        assert drawn[0] in ("丙", "丁")
    chosen = with_negatives(["甲", "乙", "丙"], {"甲"}, {}, random.Random(0), hard=2, other=0)
    assert chosen == ["甲"]
    assert len(with_negatives(["甲"], set(), {}, random.Random(0), hard=0, other=0)) == 1


def test_a_table_by_hand_must_name_declared_labels(tmp_path):
    path = tmp_path / "near.json"
    path.write_text('{"ner": {"人名": ["地名"]}}\n', encoding="utf-8")
    assert read_table(path, [SCHEMA]) == {"ner": {"人名": ["地名"]}}
    path.write_text('{"ner": {"人名": ["地各"]}}\n', encoding="utf-8")
    with pytest.raises(Exception, match="no schema declares '地各'; did you mean '地名'"):
        read_table(path, [SCHEMA])


def test_labels_of_relations_with_one_name_are_told_apart_by_their_ends():
    schema = read_schema(
        {
            "name": "two",
            "relations": [
                {"name": "主演", "subject": "电影", "object": "人物"},
                {"name": "主演", "subject": "戏剧", "object": "人物"},
            ],
        }
    )
    document = Document.from_dict(
        {
            "id": "d",
            "text": "茶馆由于是之主演",
            "relations": [
                {
                    "type": "主演",
                    "subject": {"type": "戏剧", "text": "茶馆", "start": 0, "end": 2},
                    "object": {"type": "人物", "text": "于是之", "start": 3, "end": 6},
                }
            ],
        }
    )
    assert present_labels(document, schema, "re") == {"主演（戏剧→人物）"}


def test_a_further_prompt_may_ask_for_absent_types_only():
    records = build(WRITERS, tasks=("ner",), absent=1.0)
    assert [r.output == "⟦⟧" for r in records] == [False, True] * 4
    for record in records[1::2]:
        assert not {"人名", "作品"} & set(record.schema)


def test_the_rate_of_empty_answers_is_kept_per_source_and_task():
    counts = Counter()
    records = build([*PLAIN, *WRITERS, *PLAIN], tasks=("ner", "re"), empty_rate=0.25, counts=counts)
    kinds = Counter(map(kind_of, records))
    assert kinds["toy", "ner", False] == 4
    assert kinds["toy", "ner", True] == 1  # one more would be 2 of 6
    assert kinds["toy", "re", True] == 0  # WRITERS have no relations, so all are empty
    assert counts == {"above the rate of empty answers": 11 + 16}


def test_the_rate_of_empty_answers_does_not_hang_on_where_they_stand():
    full, bare = WRITERS[:1] * 8, PLAIN[:1] * 8
    for documents in ([*full, *bare], [*bare, *full]):
        records = build(documents, tasks=("ner",), empty_rate=0.2)
        kinds = Counter(map(kind_of, records))
        assert (kinds["toy", "ner", False], kinds["toy", "ner", True]) == (8, 2)


def test_chance_depends_on_the_seed_and_the_document_alone():
    choices = {"subset": 0.5, "shuffle": 0.5, "hard_negatives": 1, "tasks": ("ner",)}
    alone = build(WRITERS[2:3], **choices)
    among = build([*PLAIN, *WRITERS], **choices)
    assert alone[0] in among
    assert build(WRITERS, **choices) == build(WRITERS, **choices)
    assert build(WRITERS, seed=1, **choices) != build(WRITERS, **choices)


def test_records_draw_from_several_templates_and_their_wordings():
    records = build(WRITERS * 20, PromptStyle("zh-v2"), tasks=("ner",), vary_wording=True)
    one_each = {record.template for record in records}
    assert one_each <= {f"zh-v2#{i}" for i in range(5)}
    documents = [msgspec.structs.replace(WRITERS[0], id=str(i)) for i in range(60)]
    mixed = build(documents, tasks=("ner",), templates=("zh-v2", "en-v1"), vary_wording=True)
    assert {record.template.split("#")[0] for record in mixed} == {"zh-v2", "en-v1"}
    assert len({record.instruction for record in mixed}) == len({r.template for r in mixed}) > 5


def test_examples_are_drawn_from_others_of_the_same_source():
    pool = Pool([*WRITERS, named("z", "王五在此。", ("王五", "人名"), source="other")])
    style = PromptStyle("zh-v2")
    record = build(WRITERS[:1], style, tasks=("ner",), shots=2, resources=Resources(pool=pool))[0]
    shown = record.instruction.partition("示例：")[2]
    assert shown.count("文本：") == 2
    assert "鲁迅" not in shown
    assert "王五" not in shown
    assert '答案：{"entities":[{"type":"人名"' in shown


def test_reasoning_names_mentions_first_and_is_skipped_on_reading():
    style = PromptStyle("zh-v2", rationale=True)
    outputs = {r.task: r.output for r in build([LAYOFFS], style)}
    assert outputs["ner"] == (
        "<think>\n依次提到的名称：雀巢（机构名）、上海（地名）。\n</think>\n"
        '{"entities":[{"type":"机构名","text":"雀巢"},{"type":"地名","text":"上海"}]}'
    )
    assert outputs["re"].startswith(
        "<think>\n先找实体：雀巢、上海、百事公司。再找关系：雀巢的总部是上海；百事公司的总部是上海。\n"
    )
    assert "再找论元：裁员方是雀巢、裁员人数是4000人；" in outputs["ee"]
    assert decode(outputs["ner"], NEWS, SCHEMA, "json", ("ner",)).entities == LAYOFFS.entities
    empty = build(PLAIN[:1], style, tasks=("ner",))[0]
    assert empty.output == '<think>\n文中没有所列类型的内容。\n</think>\n{"entities":[]}'
    assert kind_of(empty) == ("toy", "ner", True)


def test_two_steps_make_a_record_for_the_triggers_and_one_for_each():
    style = PromptStyle("compact-v2", "compact", steps=2)
    records = build([LAYOFFS], style, tasks=("ee",))
    assert [(r.task, r.instruction, r.output) for r in records] == [
        (
            "ee-triggers",
            "触发词⟦组织关系-裁员⟧⟦组织关系-加盟⟧",
            "裁员⟦组织关系-裁员⟧\n裁员⟦组织关系-裁员⟧",
        ),
        (
            "ee-arguments",
            "论元⟦组织关系-裁员⟧裁员⟦1⟧",
            "裁员⟦组织关系-裁员⟧雀巢⟦裁员方⟧4000人⟦裁员人数⟧",
        ),
        (
            "ee-arguments",
            "论元⟦组织关系-裁员⟧裁员⟦2⟧",
            "裁员⟦组织关系-裁员⟧4000人⟦裁员人数⟧百事公司⟦裁员方⟧",
        ),
    ]
    assert records[1].schema == ("组织关系-裁员",)


def test_occurrences_are_numbered_on_request_and_in_the_text_shown():
    text = "王芳说，王芳来了。后来王芳走了，王芳笑了。"
    mentions = tuple(Entity("人名", "王芳", at, at + 2) for at in (4, 16))
    document = Document("d", text, mentions, meta={"source": "toy"})
    window = {"ner": 12}
    plain = PromptStyle("compact-v1", "compact", window=window)
    assert [r.output for r in build([document], plain, tasks=("ner",))] == ["王芳⟦人名⟧"] * 2
    marked = PromptStyle("compact-v1", "compact", window=window, occurrences=True)
    records = build([document], marked, tasks=("ner",))
    assert [(r.input, r.output) for r in records] == [
        ("王芳说，王芳来了。", "王芳⟦人名⟧⟦#2⟧"),
        ("后来王芳走了，王芳笑了。", "王芳⟦人名⟧⟦#2⟧"),
    ]


def test_the_second_step_does_not_number_the_trigger_that_its_prompt_names():
    second = Document("d", NEWS, events=LAYOFFS.events[1:], meta={"source": "toy"})
    style = PromptStyle("compact-v2", "compact", steps=2, occurrences=True)
    records = build([second], style, tasks=("ee",))
    assert [(r.instruction, r.output) for r in records] == [
        ("触发词⟦组织关系-裁员⟧⟦组织关系-加盟⟧", "裁员⟦组织关系-裁员⟧⟦#2⟧"),
        ("论元⟦组织关系-裁员⟧裁员⟦2⟧", "裁员⟦组织关系-裁员⟧4000人⟦裁员人数⟧百事公司⟦裁员方⟧"),
    ]


def test_long_records_are_cut_in_the_text_and_never_in_the_answer():
    text = "".join(f"{who}来了。" for who in ("赵甲", "钱乙", "孙丙", "李丁") * 5)
    entities = tuple(Entity("人名", text[i : i + 2], i, i + 2) for i in range(0, len(text), 5))
    document = Document("long", text, entities, meta={"source": "toy"})
    counts = Counter()
    # The instruction is 38 characters, each person costs 5 of text and 6 of answer.
    records = build(
        [document],
        tasks=("ner",),
        max_tokens=120,
        counts=counts,
        resources=Resources(count_tokens=len),
    )
    assert len(records) > 1
    assert "".join(r.input for r in records) == text
    for record in records:
        assert len(record.instruction) + len(record.input) + len(record.output) + 4 <= 120
    assert sum(r.output.count("⟦人名⟧") for r in records) == len(entities)
    assert not counts


def test_what_cannot_be_cut_to_the_limit_is_counted():
    counts = Counter()
    records = build(
        WRITERS, tasks=("ner",), max_tokens=20, counts=counts, resources=Resources(count_tokens=len)
    )
    assert records == []
    assert counts == {TOO_LONG: 4}
    with pytest.raises(ValueError, match="tokenizer"):
        build(WRITERS, max_tokens=20)


def test_examples_give_way_before_the_text_is_cut():
    resources = Resources(pool=Pool(WRITERS), count_tokens=len)
    style = PromptStyle("compact-v1", "compact")
    whole = build(WRITERS[:1], style, tasks=("ner",), shots=2, resources=resources)[0]
    limit = len(whole.instruction) + len(whole.input) + len(whole.output)
    fewer = build(
        WRITERS[:1], style, tasks=("ner",), shots=2, resources=resources, max_tokens=limit - 10
    )
    assert [r.input for r in fewer] == [WRITERS[0].text]
    assert fewer[0].instruction.count("文本：") == 1


def test_a_prompt_cut_to_the_limit_loses_only_what_it_asks_for():
    text = "甲来了" * 4 + "中国人民银行" + "乙走了" * 4
    document = named("long", text, ("中国人民银行", "机构名"))
    counts = Counter()
    # Cut at 16 code points, in the middle of the only mention.
    records = build(
        [document], PromptStyle("compact-v1", "compact", types_per_prompt={"ner": 1}),
        tasks=("ner",), max_tokens=38, counts=counts, resources=Resources(count_tokens=len),
    )  # fmt: skip
    assert len({r.schema for r in records}) == 8
    assert len(records) > 8
    assert counts == {CUT: 1}


def test_of_many_types_a_prompt_asks_for_those_present_and_drawn_others():
    schema = read_schema({"name": "many", "entities": [f"甲{n}" for n in range(40)]})
    text = "".join(f"乙{n}。" for n in range(60))
    found = tuple(Entity(f"甲{n}", f"乙{n}", *_place(text, f"乙{n}。")) for n in (3, 9, 11, 30, 39))
    documents = [Document(f"d{i}", text, found[: i % 6]) for i in range(60)]
    options = BuildOptions(PromptStyle(types_per_prompt={"ner": 4}), most_types={"ner": 4})
    records = list(build_records(documents, lambda document: schema, options))
    assert {len(record.schema) for record in records} == {4}
    for document in documents:
        own = [record for record in records if record.id.startswith(f"{document.id}#")]
        asked = [label for record in own for label in record.schema]
        # Every present type is asked for once; answers hold every annotation.
        assert all(asked.count(entity.type) == 1 for entity in document.entities)
        answers = "".join(record.output for record in own)
        assert all(f'"{entity.text}"' in answers for entity in document.entities)
    # Texts with annotations are at times asked about absent types alone.
    empty = [record for record in records if record.output == '{"entities":[]}']
    assert len(empty) > 10
    assert len({record.schema for record in records}) > 30
    # As a run of its own: what a document is asked does not depend on the others.
    alone = list(build_records(documents[5:6], lambda document: schema, options))
    assert alone == [record for record in records if record.id.startswith("d5#")]


def test_few_types_are_all_asked_for_in_order_whatever_the_limit():
    schema = read_schema({"name": "few", "entities": ["人名", "机构名"]})
    documents = [Document(f"d{n}", "张伟加入腾讯。") for n in range(5)]
    plain = list(build_records(documents, lambda document: schema, BuildOptions()))
    options = BuildOptions(most_types={"ner": 2, "re": 2, "ee": 2})
    assert list(build_records(documents, lambda document: schema, options)) == plain


def _place(text, mention):
    start = text.index(mention)
    return start, start + len(mention) - 1
