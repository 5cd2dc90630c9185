import json

import msgspec
import pytest
from click.testing import CliRunner
from record_samples import LAYOFFS, SCHEMA, WRITERS, build_records, named

from chinchilla.cli.data_audit import command
from chinchilla.data.documents import Document, Entity
from chinchilla.errors import ConfigError
from chinchilla.files.jsonl import write_values
from chinchilla.instructions.audit import AuditOptions, audit_files
from chinchilla.instructions.build_options import BuildOptions
from chinchilla.instructions.duplicates import Index, PlacedText, normalise
from chinchilla.instructions.quality import faults

LONG = "国家统计局周三公布的数据显示，今年前三季度全国居民人均可支配收入同比增长百分之五点九。"
TRAIN = [
    named("t1", LONG),
    named("t2", "雀巢宣布裁员4000人。"),
    named("t3", "天气很好，适合出游散步晒太阳。"),
    named("t4", "天气很好，适合出游散步晒太阳。", ("天气", "产品")),
]
TEST = [
    named("e1", LONG.replace("百分之五点九", "百分之五点八")),
    named("e2", "雀巢 宣布裁员４０００人！"),
    named("e3", "完全不同的一句话放在这里。"),
]


@pytest.fixture
def files(tmp_path):
    write_values(tmp_path / "train.jsonl", TRAIN)
    write_values(tmp_path / "test.jsonl", TEST)
    return tmp_path


def test_planted_leaks_are_found_by_kind(files):
    options = AuditOptions(against=(str(files / "test.jsonl"),))
    report = audit_files([files / "train.jsonl"], options)
    assert report.by_kind == {"near": 1, "normalised": 1}
    assert [(found["kind"], found["id"], found["of"]["id"]) for found in report.found] == [
        ("near", "t1", "e1"),
        ("normalised", "t2", "e2"),
    ]
    # shingles of three over 41 characters: the last character is in one of 39
    assert report.found[0]["score"] == pytest.approx(38 / 40)
    assert report.kept == 2


def test_without_other_files_the_inputs_are_compared_with_themselves(files):
    report = audit_files([files / "train.jsonl"], AuditOptions())
    assert report.by_kind == {"exact": 1}
    assert (report.found[0]["id"], report.found[0]["of"]["id"]) == ("t4", "t3")
    assert report.found[0]["same_answer"] is False
    assert report.contradictions == 1


def test_removal_keeps_the_other_lines_byte_for_byte(files):
    options = AuditOptions(against=(str(files / "test.jsonl"),), within=True)
    report = audit_files([files / "train.jsonl"], options, files / "clean.jsonl")
    lines = (files / "train.jsonl").read_bytes().splitlines(keepends=True)
    assert (files / "clean.jsonl").read_bytes() == lines[2]
    assert (report.items, report.kept) == (4, 1)
    again = audit_files([files / "clean.jsonl"], options)
    assert (again.items, again.kept) == (1, 1)


def test_kinds_may_be_chosen(files):
    against = (str(files / "test.jsonl"),)
    report = audit_files([files / "train.jsonl"], AuditOptions(against, kinds=("exact",)))
    assert report.kept == 4
    report = audit_files([files / "train.jsonl"], AuditOptions(against, near=0))
    assert report.by_kind == {"normalised": 1}
    with pytest.raises(ConfigError, match="unknown kind 'exakt'; did you mean 'exact'"):
        audit_files([files / "train.jsonl"], AuditOptions(kinds=("exakt",)))


def test_records_are_duplicates_only_if_they_ask_the_same(tmp_path):
    records = list(build_records(WRITERS[:1] * 2, lambda _: SCHEMA, BuildOptions()))
    write_values(tmp_path / "records.jsonl", records)
    report = audit_files([tmp_path / "records.jsonl"], AuditOptions())
    # three tasks on one text, then the same three again
    assert (report.items, report.kept, report.by_kind) == (6, 3, {"exact": 3})
    write_values(tmp_path / "test.jsonl", WRITERS[:1])
    against = AuditOptions(against=(str(tmp_path / "test.jsonl"),))
    assert audit_files([tmp_path / "records.jsonl"], against).kept == 0


def test_short_texts_are_never_near_and_punctuation_is_no_text():
    index = Index(near=0.3)
    for number, text in enumerate(("王五走了吗", "？？？")):
        index.add(PlacedText(text, "f", number))
    assert index.find(PlacedText("王五走了呢", "f", 9)) is None
    assert index.find(PlacedText("！！", "f", 9)) is None
    assert index.find(PlacedText("？？？", "f", 9)).kind == "exact"


def test_the_threshold_is_verified_on_the_shingles():
    first, second = "甲乙丙丁戊己庚辛壬癸子丑", "甲乙丙丁戊己庚辛壬癸寅卯"
    # ten shingles each, eight shared: 8 / 12
    index = Index(near=0.66)
    index.add(PlacedText(first, "f", 1))
    assert index.find(PlacedText(second, "f", 2)).score == pytest.approx(0.6667)
    strict = Index(near=0.67)
    strict.add(PlacedText(first, "f", 1))
    assert strict.find(PlacedText(second, "f", 2)) is None
    with pytest.raises(ConfigError, match="near is 1.5"):
        Index(near=1.5)


def test_normalising_folds_width_case_blanks_and_marks():
    assert normalise("《Ａb c》，１２！") == "abc12"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (LAYOFFS, []),
        (named("a", " "), ["text too short"]),
        (named("a", "甲" * 10_001), ["text too long"]),
        (named("a", "公司锟斤拷裁员"), ["damaged characters"]),
        (named("a", "å…¬å\x8f¸裁员"), ["damaged characters"]),
        (named("a", "The company cuts 甲 jobs"), ["not Chinese"]),
        (named("a", "甲 乙", ("甲 ", "人名")), ["blanks around a mention"]),
        (named("a", "甲乙", ("甲", "人名"), ("甲", "人名")), ["entity given twice"]),
        (named("a", "甲乙", ("甲", "人名"), ("甲", "地名")), ["span with two types"]),
        (named("a", "甲乙丙", ("甲乙", "人名"), ("乙丙", "人名")), ["crossing entities"]),
        (named("a", "甲乙丙", ("甲乙", "人各")), ["entity type outside the schema"]),
    ],
)
def test_each_fault_is_named(document, expected):
    assert faults(document, SCHEMA) == expected


def test_faults_of_relations_and_events_are_named():
    relation = LAYOFFS.relations[0]
    twice = msgspec.structs.replace(LAYOFFS, relations=(relation, relation))
    assert faults(twice, SCHEMA) == ["relation given twice"]
    argument = msgspec.structs.replace(LAYOFFS.events[0].arguments[0], role="裁员")
    event = msgspec.structs.replace(LAYOFFS.events[0], arguments=(argument,))
    assert faults(msgspec.structs.replace(LAYOFFS, events=(event,)), SCHEMA) == [
        "role outside the schema"
    ]
    assert faults(msgspec.structs.replace(LAYOFFS, events=(event, event))) == ["event given twice"]
    empty = Document("d", "甲乙", (Entity("人名", "", None, None),))
    assert faults(empty) == ["empty mention"]


def test_the_command_reports_removes_and_checks(files):
    arguments = [
        str(files / "train.jsonl"), "--against", str(files / "test.jsonl"), "--report",
        str(files / "report.json"), "--remove", "-o", str(files / "clean.jsonl"), "--quality",
    ]  # fmt: skip
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    assert result.stderr == "4 items, 2 duplicates (0 with other answers), 2 clean\n"
    assert "       1  near: toy in train.jsonl, also toy in test.jsonl" in result.stdout
    report = json.loads((files / "report.json").read_text(encoding="utf-8"))
    assert report["duplicates"] == {"exact": 0, "normalised": 1, "near": 1}
    assert len((files / "clean.jsonl").read_bytes().splitlines()) == 2
    assert CliRunner().invoke(command, [*arguments[:1], "--remove"]).exit_code == 2


def test_ids_given_twice_are_a_fault_across_files(tmp_path):
    write_values(tmp_path / "one.jsonl", [named("a", "雀巢宣布裁员四千人。")])
    write_values(tmp_path / "two.jsonl", [named("a", "天气很好，适合出游散步晒太阳。")])
    files = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    report = audit_files(files, AuditOptions(quality=True, near=0))
    assert report.faults == {"repeated id": 1}
    assert report.found[0]["file"] == "two.jsonl"


def test_a_faulty_item_does_not_push_out_its_faultless_copy(tmp_path):
    text = "雀巢宣布裁员四千人。"
    documents = [named("a", text, ("雀巢", "人各")), named("a", text, ("雀巢", "机构名"))]
    write_values(tmp_path / "schema.json", [SCHEMA.to_dict()])
    write_values(tmp_path / "docs.jsonl", documents)
    options = AuditOptions(quality=True, schema=str(tmp_path / "schema.json"))
    report = audit_files([tmp_path / "docs.jsonl"], options, tmp_path / "clean.jsonl")
    assert report.faults == {"entity type outside the schema": 1}
    assert report.by_kind == {}
    assert "机构名" in (tmp_path / "clean.jsonl").read_text(encoding="utf-8")


def test_the_strongest_of_the_kinds_asked_for_is_told(tmp_path):
    write_values(tmp_path / "test.jsonl", [named("e1", LONG)])
    write_values(tmp_path / "train.jsonl", [named("t1", LONG), named("t2", LONG + "！")])
    files, against = [tmp_path / "train.jsonl"], (str(tmp_path / "test.jsonl"),)
    near = audit_files(files, AuditOptions(against, kinds=("near",)))
    assert near.by_kind == {"near": 2}
    normalised = audit_files(files, AuditOptions(against, kinds=("normalised",)))
    assert normalised.by_kind == {"normalised": 2}


def test_a_foreign_hit_of_another_kind_hides_none_among_the_own(tmp_path):
    write_values(tmp_path / "test.jsonl", [named("e1", LONG + "！")])
    write_values(tmp_path / "train.jsonl", [named("t1", LONG), named("t2", LONG)])
    options = AuditOptions((str(tmp_path / "test.jsonl"),), kinds=("exact",), within=True)
    report = audit_files([tmp_path / "train.jsonl"], options)
    assert [(found["id"], found["of"]["id"]) for found in report.found] == [("t2", "t1")]


@pytest.mark.parametrize(
    ("task", "labels", "answer", "expected"),
    [
        ("ner", ["人名"], '{"entities":[{"type":"人名","text":"张伟"}]}', []),
        ("ner", ["人名"], '{"entities":[]}', []),
        ("ner", ["人名"], "张伟⟦人名⟧", []),
        ("ner", ["人名"], '{"entities":[{"type":"人名","text":"张', ["answer cut"]),
        ("ner", ["人名"], "抱歉，我无法完成", ["no answer"]),
        ("ner", ["人名"], "", ["no answer"]),
        (
            "ner",
            ["人名"],
            '{"entities":[{"type":"人名","text":"李娜"}]}',
            ["mention not in the text"],
        ),
        (
            "re",
            ["在"],
            '{"relations":[{"type":"在","subject":"张伟","object":"上海"}]}',
            ["mention not in the text"],
        ),
        ("tone", ["x"], "positive", []),
    ],
)
def test_quality_of_records_reads_their_answers_back(tmp_path, task, labels, answer, expected):
    record = {"instruction": "找", "input": "张伟在北京工作。", "output": answer}
    write_values(tmp_path / "records.jsonl", [{**record, "task": task, "schema": labels}])
    report = audit_files([tmp_path / "records.jsonl"], AuditOptions(quality=True, near=0))
    assert list(report.faults) == expected
