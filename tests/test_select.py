import json
import random

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from chinchilla.cli.data_select import command
from chinchilla.data.documents import Document, Entity
from chinchilla.errors import ConfigError
from chinchilla.files.jsonl import write_values
from chinchilla.instructions.audit import AuditOptions, audit_files
from chinchilla.instructions.rouge import RougeIndex, rouge_l
from chinchilla.instructions.select import SelectOptions, select_files

SIGNS = "山水云风花木金石江海春秋文武明清安宁平和高远方正东南西北天地日月星辰"


def sentence(number, length=30):
    """Return a sentence of its own for each number."""
    return "".join(random.Random(number).choices(SIGNS, k=length))


def record(number, label="人物", text=None, answer=None, **more):
    text = sentence(number) if text is None else text
    said = {"entities": [{"type": label, "text": text[:2]}] if label else []}
    return {
        "instruction": "找出实体",
        "input": text,
        "output": json.dumps(said, ensure_ascii=False) if answer is None else answer,
        "task": "ner",
        "source": "toy",
        "schema": ["人物", "地点"],
        "lang": "zh",
        "template": "zh-v1#0",
        **more,
    }


@pytest.fixture
def select(tmp_path):
    def run(records, total, **options):
        write_values(tmp_path / "all.jsonl", records)
        chosen = tmp_path / "chosen.jsonl"
        report = select_files([tmp_path / "all.jsonl"], SelectOptions(total, **options), chosen)
        return [json.loads(line) for line in chosen.read_bytes().splitlines()], report

    return run


def slow_lcs(first, second):
    row = [0] * (len(second) + 1)
    for a in first:
        before = 0
        for j, b in enumerate(second, 1):
            before, row[j] = row[j], before + 1 if a == b else max(row[j], row[j - 1])
    return row[-1]


@given(st.text("雀巢裁员人𠮷a", max_size=12), st.text("雀巢裁员人𠮷a", max_size=12))
def test_rouge_l_is_that_of_the_longest_common_subsequence(first, second):
    whole = len(first) + len(second)
    expected = 2 * slow_lcs(first, second) / whole if whole else 1.0
    assert rouge_l(first, second) == pytest.approx(expected)


def test_alike_texts_are_found_among_many_within_their_scope():
    index = RougeIndex(0.7)
    for number in range(200):
        index.add(number, sentence(number), "ner")
    changed = sentence(123)[:10] + "雀巢裁员" + sentence(123)[14:]
    # 26 of 30 characters are common: 2 * 26 / 60
    assert index.find(changed, "ner") == (123, pytest.approx(26 / 30))
    assert index.find(changed, "re") is None
    assert index.find("完全没有见过的一句话放在这里", "ner") is None


def test_a_rare_type_comes_before_more_of_a_common_one(select):
    records = [record(i) for i in range(50)] + [record(60, "地点"), record(61, "地点")]
    chosen, report = select(records, 6, rouge=0)
    said = [json.loads(item["output"])["entities"][0]["type"] for item in chosen]
    assert (said.count("地点"), said.count("人物")) == (2, 4)
    assert report.types == (2, 2)
    assert report.left_out == {"others add more": 46}
    assert report.values["type", "ner: 地点"] == (2, 2)


def test_the_same_seed_gives_the_same_lines_and_another_others(select):
    records = [record(i) for i in range(200)]
    first = select(records, 20, rouge=0, seed=1)[0]
    assert select(records, 20, rouge=0, seed=1)[0] == first
    assert select(records, 20, rouge=0, seed=2)[0] != first


def test_what_is_like_a_chosen_text_is_passed_over(select):
    records = [record(1), record(2), record(3, text=sentence(1)[:-1] + "雀")]
    chosen, report = select(records, 3)
    assert len(chosen) == 2
    assert report.left_out == {"like a chosen text by ROUGE-L": 1}
    assert len(select(records, 3, rouge=0)[0]) == 3


def test_limits_hold_for_each_value_of_a_dimension(select):
    records = [record(i, source="甲" if i < 30 else "乙") for i in range(40)]
    chosen, report = select(records, 20, rouge=0, most={"source": 4})
    assert sorted(item["source"] for item in chosen) == ["乙"] * 4 + ["甲"] * 4
    assert report.left_out == {"enough of its source": 32}


def test_at_most_a_share_is_empty(select):
    records = [record(i, None if i % 2 else "人物") for i in range(100)]
    chosen, _ = select(records, 20, rouge=0, empty_rate=0.1)
    assert sum(item["output"] == '{"entities": []}' for item in chosen) == 2


def test_faults_are_left_out_with_their_reason(select):
    good = record(1)
    records = [
        good,
        good,
        {**good, "output": '{"entities": []}'},
        record(2, text="雀巢"),
        record(3, text="雀巢锟斤拷裁员四千人"),
        record(4, answer='{"entities": [{"type": "人物"'),
        record(5, answer=sentence(5)),
    ]
    chosen, report = select(records, 10)
    assert chosen == [good]
    assert report.left_out == {
        "repeated": 1,
        "other answer to the same question": 1,
        "text too short": 1,
        "damaged characters": 1,
        "answer does not read": 1,
        "answer repeats the text": 1,
    }


def test_documents_are_chosen_by_their_annotations(select):
    documents = [
        Document(
            f"d{i}", sentence(i), (Entity("人物" if i else "地点", sentence(i)[:2], 0, 2),)
        ).to_dict()
        for i in range(20)
    ]
    chosen, report = select(documents, 2, floor=1)
    assert {item["entities"][0]["type"] for item in chosen} == {"人物", "地点"}
    assert report.types == (2, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"most": {"typ": 3}}, "unknown dimension 'typ'; did you mean 'type'"),
        ({"most": {"type": 0}}, "type=0; expected 1 or more"),
        ({"rouge": 1.5}, "rouge is 1.5; expected 0 to 1"),
    ],
)
def test_wrong_options_are_named(select, options, message):
    with pytest.raises(ConfigError, match=message):
        select([record(1)], 1, **options)


def test_audit_measures_by_rouge_l_on_request(tmp_path):
    texts = [sentence(1), sentence(2), sentence(1)[:20] + "雀巢裁员" + sentence(1)[24:]]
    write_values(tmp_path / "all.jsonl", [record(i, text=text) for i, text in enumerate(texts)])
    report = audit_files([tmp_path / "all.jsonl"], AuditOptions(measure="rouge-l", near=0.8))
    assert [(found["kind"], found["score"]) for found in report.found] == [
        ("near", pytest.approx(26 / 30, abs=1e-4))
    ]
    with pytest.raises(ConfigError, match="unknown measure 'rouge'; did you mean 'rouge-l'"):
        audit_files([tmp_path / "all.jsonl"], AuditOptions(measure="rouge"))


def test_command_writes_lines_report_and_summary(tmp_path):
    write_values(tmp_path / "all.jsonl", [record(i) for i in range(9)])
    arguments = [str(tmp_path / "all.jsonl"), "-n", "3", "-o", str(tmp_path / "small.jsonl")]
    arguments += ["--report", str(tmp_path / "report.json"), "--most", "type=2"]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    assert result.stderr.endswith(
        "9 read, 2 chosen; they cover 1 of 1 types, a random choice of as many 1\n"
    )
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["values"]["type"] == {"ner: 人物": {"chosen": 2, "available": 9}}
    assert (tmp_path / "small.jsonl").read_bytes().count(b"\n") == 2


def test_the_share_of_empty_answers_is_one_of_what_is_chosen(select):
    records = [record(i, "人物" if i < 18 else None) for i in range(70)]
    # 2 of 20 are a tenth, though 100 were asked for
    assert len(select(records, 100, rouge=0, empty_rate=0.1)[0]) == 18 + 2
    assert len(select(records, 100, rouge=0, empty_rate=1)[0]) == 70
    # 97 * 0.03 / 0.97 = 3, in floats a hair less
    records = [record(i, "人物" if i < 97 else None) for i in range(110)]
    assert len(select(records, 200, rouge=0, empty_rate=0.03)[0]) == 97 + 3


def test_empty_answers_above_the_rate_are_not_said_to_add_less(select):
    chosen, report = select([record(i, None) for i in range(9)], 5, rouge=0)
    assert (chosen, report.left_out) == ([], {"above the rate of empty answers": 9})
    _, report = select([record(i, None) for i in range(9)], 5, rouge=0, empty_rate=1)
    assert report.left_out == {"others add more": 4}
