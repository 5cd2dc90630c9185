import msgspec
import pytest

from chinchilla import converters
from chinchilla.errors import InputError


@pytest.fixture
def corpus(tmp_path):
    """Two files of some 40 batches, with a fault now and then."""
    paths = [tmp_path / "first.json", tmp_path / "second.json"]
    for path, size in zip(paths, (3000, 1000), strict=True):
        lines = []
        for i in range(size):
            fact = {
                "predicate": "作者",
                "subject_type": "图书作品",
                "subject": f"第{i}卷",
                "object_type": {"@value": "人物"},
                "object": {"@value": "林清源" if i % 7 else "无此人"},
            }
            record = {
                "text": f"《第{i}卷》是林清源所写，林清源生于一九四九年。",
                "spo_list": [fact],
            }
            lines.append(msgspec.json.encode(record) if i % 100 else b'{"text": "cut')
        path.write_bytes(b"\n".join(lines) + b"\n")
    return paths


def convert(paths, workers, **options):
    report = converters.Report()
    lines = b"".join(converters.convert("duie", paths, report=report, workers=workers, **options))
    return lines, report.to_dict()


def test_workers_change_neither_the_bytes_nor_the_report(corpus):
    lines, report = convert(corpus, 1)
    assert report["documents"] == 3960
    assert {entry["reason"] for entry in report["reasons"]} == {
        "not valid JSON",
        "mention not in the text",
        "one of several occurrences chosen",
    }
    assert convert(corpus, 3) == (lines, report)


def test_workers_judge_a_file_by_all_of_its_shares(tmp_path, corpus):
    wrong = tmp_path / "wrong.json"
    wrong.write_bytes(b'{"tokens": ["a"]}\n' * 4000)
    with pytest.raises(InputError, match="no record of the file could be read") as one:
        convert([corpus[1], wrong], 1)
    with pytest.raises(InputError) as two:
        convert([corpus[1], wrong], 2)
    assert str(two.value) == str(one.value)


def test_a_loss_under_strict_ends_all_workers_with_its_place(corpus):
    report = converters.Report(strict=True)
    with pytest.raises(InputError, match=r"first\.json:1: not valid JSON"):
        list(converters.convert("duie", corpus, report=report, workers=2))


def test_what_is_no_json_lines_is_read_by_one_process(tmp_path):
    path = tmp_path / "boson.txt"
    path.write_text("{{person_name:林清源}}来了\n", encoding="utf-8")
    assert b"".join(converters.convert("boson", [path], workers=4)).count(b"\n") == 1
