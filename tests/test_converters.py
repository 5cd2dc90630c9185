import json
import re
from collections import Counter

import golden_converters
import pytest
from click.testing import CliRunner

from chinchilla import converters
from chinchilla.cli.data_convert import command
from chinchilla.data.documents import Document, Entity, check_offsets
from chinchilla.data.schema import builtin_schemas, read_schema
from chinchilla.errors import ConfigError, InputError
from chinchilla.files.jsonl import read_documents

SAMPLES = list(golden_converters.samples())


def _file(tmp_path, content, name="sample.txt"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def _read(name, path, **options):
    report = converters.Report()
    documents = list(converters.read(name, [path], report=report, **options))
    return documents, {reason: entry.count for reason, entry in report.reasons.items()}


@pytest.mark.parametrize(("name", "path"), SAMPLES, ids=[f"{n}-{p.name}" for n, p in SAMPLES])
def test_sample_converts_to_what_was_reviewed(name, path):
    lines = golden_converters.expectation(path).read_text(encoding="utf-8").split("\n")[:-1]
    assert golden_converters.converted(name, path) == [json.loads(line) for line in lines]


@pytest.mark.parametrize(("name", "path"), SAMPLES, ids=[f"{n}-{p.name}" for n, p in SAMPLES])
def test_offsets_fit_and_ids_differ(name, path):
    documents, _ = _read(name, path) if name not in ("spans", "pairs", "iree") else ([], {})
    for document in documents:
        check_offsets(document)
    assert len({document.id for document in documents}) == len(documents)


def test_every_corpus_converter_has_a_sample():
    assert {name for name, _ in SAMPLES} >= set(golden_converters.CONVERTERS)
    missing = {"token-spans"}  # the generic name of conll04's reader
    assert set(golden_converters.GENERIC) - {name for name, _ in SAMPLES} == missing


@pytest.mark.parametrize(
    "name", [n for n in golden_converters.CONVERTERS if n in builtin_schemas()]
)
def test_converted_types_are_those_of_the_schema(name):
    schema = read_schema(name)
    paths = [path for sample, path in SAMPLES if sample == name]
    for document in (document for path in paths for document in _read(name, path)[0]):
        assert {item.type for item in document.entities} <= {item.name for item in schema.entities}
        assert {item.type for item in document.events} <= {item.name for item in schema.events}
        if name != "duie1":  # its bare triples are made from DuIE 2.0's facts
            known = {item.name for item in schema.relations}
            assert {item.type for item in document.relations} <= known


def test_the_forms_of_msra_give_equal_records():
    forms = {
        path.name: [(d.text, d.entities) for d in _read("msra", path)[0]]
        for name, path in SAMPLES
        if name == "msra"
    }
    assert set(forms) == {
        "characters.txt",
        "blank_crlf.txt",
        "numbers.txt",
        "segments.txt",
        "tokens.jsonl",
    }
    first = forms.pop("characters.txt")
    assert all(form == first for form in forms.values())
    assert first[0][1][1] == Entity("地名", "青石镇", 6, 9)


def test_msra_segments_split_at_the_last_slash(tmp_path):
    path = _file(tmp_path, "比分3/1/o 青石队/nt 胜/o \n")
    documents, _ = _read("msra", path)
    assert documents[0].text == "比分3/1青石队胜"
    assert documents[0].entities == (Entity("机构名", "青石队", 5, 8),)


def test_neighbours_of_one_type_stay_two_mentions(tmp_path):
    path = _file(tmp_path, "甲\tB-PER\n乙\tB-PER\n")
    assert [e.text for e in _read("msra", path)[0][0].entities] == ["甲", "乙"]


def test_a_unicode_line_separator_ends_no_line(tmp_path):
    path = _file(tmp_path, '{"text": "甲\u2028乙", "label": {"name": {"乙": [[2, 2]]}}}\n')
    assert _read("cluener", path)[0][0].text == "甲\u2028乙"


def test_gb18030_reads_by_option(tmp_path):
    path = _file(tmp_path, "云岭大学/nt 开学/o\n".encode("gb18030"))
    documents, faults = _read("msra", path, encoding="gb18030")
    assert (documents[0].text, faults) == ("云岭大学开学", {})


def test_reading_is_lazy(tmp_path):
    path = _file(tmp_path, '{"text": "甲"}\n{"text": "乙"}\n')
    documents = converters.read("duie", [path, tmp_path / "missing.json"])
    assert next(documents).text == "甲"


def test_pairs_denied_in_the_corpus_are_kept_as_negatives(tmp_path):
    path = _file(tmp_path, "幽兰\t天\tunknown\t幽兰向天\n")
    documents, _ = _read("sanwen", path)
    assert documents[0].relations == ()
    assert documents[0].meta["negatives"] == [
        {
            "subject": {"text": "幽兰", "start": 0, "end": 2},
            "object": {"text": "天", "start": 3, "end": 4},
        }
    ]


def test_an_option_of_names_takes_a_single_one(tmp_path):
    path = _file(tmp_path, "-D- O\n\n-甲 O\n")
    assert [d.text for d in _read("columns", path, skip="-D-")[0]] == ["-甲"]
    path = _file(tmp_path, "甲\t乙\tno\t甲乙\n乙\t丙\tunknown\t乙丙\n")
    documents, _ = _read("pairs", path, negative="unknown")
    assert [[r.type for r in d.relations] for d in documents] == [["no"], []]


def test_canonical_finre_keeps_one_direction_of_each_fact():
    folder = golden_converters.DATA / "finre"
    plain, _ = _read("finre", folder / "sample.txt")
    kept, faults = _read("finre", folder / "sample.txt", canonical=True)
    # 3 facts stand in both directions; the lone 被持股 is turned round, not lost.
    assert sum(len(d.relations) for d in plain) - sum(len(d.relations) for d in kept) == 3
    assert faults["same fact in both directions folded"] == 3
    types = Counter(relation.type for document in kept for relation in document.relations)
    assert not [name for name in types if name.startswith("被")]
    assert types["持股"] == 2


def test_enum_value_outside_the_text_is_no_fault(tmp_path):
    record = {
        "id": "1",
        "text": "星河集团计划上市",
        "event_list": [
            {
                "event_type": "公司上市",
                "trigger": "上市",
                "arguments": [{"role": "环节", "argument": "筹备上市"}],
            }
        ],
    }
    path = _file(tmp_path, json.dumps(record))
    documents, faults = _read("duee-fin", path)
    argument = documents[0].events[0].arguments[0]
    assert (argument.text, argument.span, documents[0].issues, faults) == ("筹备上市", None, (), {})


def test_an_id_of_cluener_is_kept(tmp_path):
    path = _file(tmp_path, '{"id": 17, "text": "甲"}\n{"text": "乙"}\n')
    assert [d.id for d in _read("cluener", path)[0]] == ["17", "cluener-sample-2"]


def test_title_is_the_first_line_unless_switched_off(tmp_path):
    path = _file(tmp_path, '{"id": "1", "title": "公告", "text": "正文"}\n')
    assert _read("duee-fin", path)[0][0].text == "公告\n正文"
    assert _read("duee-fin", path, title=False)[0][0].text == "正文"


def test_aliases_of_duee_arguments_are_kept():
    documents, _ = _read("duee", golden_converters.DATA / "duee" / "sample.json")
    assert documents[0].meta["aliases"] == {"events[0].arguments[0]": ["星河"]}


def test_source_language_and_licence_can_be_given(tmp_path):
    path = _file(tmp_path, "甲 B-PER\n来 O\n")
    documents, _ = _read("columns", path, source="mine", lang="zh", licence="CC0")
    assert documents[0].id == "mine-sample-1"
    assert documents[0].meta == {
        "source": "mine",
        "file": "sample.txt",
        "lang": "zh",
        "licence": "CC0",
    }


def test_unknown_converter_and_option_name_the_near_miss(tmp_path):
    with pytest.raises(InputError, match="no converter 'clunner'; did you mean 'cluener'"):
        converters.read("clunner", [])
    with pytest.raises(ConfigError, match="unknown key 'canonicl'; did you mean 'canonical'"):
        converters.read("finre", [], canonicl=True)


READER = """
from chinchilla.data import Document, Entity

def read(paths, report, *, name="toy", last=2):
    for i, path in enumerate(paths):
        yield Document(f"{name}-{i}", "甲乙丙", (Entity("人名", "甲乙", 0, last),))
"""


def test_a_reader_by_path_is_a_converter(tmp_path):
    path = _file(tmp_path, READER, "toy.py")
    documents, _ = _read(f"{path}:read", "any")
    assert documents[0].entities == (Entity("人名", "甲乙", 0, 2),)


def test_a_foreign_reader_is_held_to_its_offsets(tmp_path):
    path = _file(tmp_path, READER, "toy.py")
    with pytest.raises(InputError, match="entities\\[0\\] is '甲乙' but the text at"):
        _read(f"{path}:read", "any", last=3)


def test_a_path_without_the_function_says_so(tmp_path):
    path = _file(tmp_path, READER, "toy.py")
    with pytest.raises(InputError, match="has no function 'reed'"):
        converters.read(f"{path}:reed", [])
    with pytest.raises(InputError, match="no such file; a converter by path"):
        converters.read(f"{tmp_path}/none.py:read", [])


def test_an_entry_point_is_a_converter(monkeypatch):
    class Point:
        name = "toy"

        @staticmethod
        def load():
            return lambda paths, report: iter([Document("1", "甲")])

    monkeypatch.setattr(converters.registry, "entry_points", lambda group: [Point()])
    assert "toy" in converters.names()
    assert [d.text for d in converters.read("toy", ["x"])] == ["甲"]


def _run(*arguments):
    return CliRunner().invoke(command, [str(item) for item in arguments])


def test_command_writes_documents_report_and_summary(tmp_path):
    sample = golden_converters.DATA / "duie" / "sample.json"
    out, faults = tmp_path / "docs.jsonl", tmp_path / "faults.json"
    done = _run("duie", sample, "-o", out, "--report", faults)
    assert done.exit_code == 0, done.output
    assert done.stdout == ""
    assert "duie: 13 documents, 0 entities, 14 relations, 0 events in" in done.stderr
    assert len(list(read_documents(out))) == 13
    report = json.loads(faults.read_text(encoding="utf-8"))
    assert (report["documents"], report["relations"]) == (13, 14)
    repeated = next(item for item in report["reasons"] if item["reason"] == "repeated fact")
    assert repeated["outcome"] == "dropped"
    assert repeated["examples"] == [{"where": f"{sample}:9", "what": "星河集团 董事长"}]


def test_command_writes_to_standard_output_and_is_quiet():
    done = _run("duee", golden_converters.DATA / "duee" / "sample.json", "--quiet")
    assert done.stdout.count("\n") == 15
    assert done.stderr == ""


def test_command_takes_options_from_a_mapping_file():
    folder = golden_converters.DATA / "spans"
    done = _run("spans", folder / "sample.jsonl", "--mapping", folder / "options.yaml", "--quiet")
    assert '"type":"人名","text":"林晓舟"' in done.stdout


def test_command_sets_options(tmp_path):
    path = _file(tmp_path, "Tom B-PER\nran O\n")
    done = _run("columns", path, "--set", "joiner= ", "--set", "types={PER: person}", "--quiet")
    assert json.loads(done.stdout)["text"] == "Tom ran"
    assert json.loads(done.stdout)["entities"][0]["type"] == "person"


def test_command_overwrites_only_when_told(tmp_path):
    sample = golden_converters.DATA / "duee" / "sample.json"
    out = _file(tmp_path, "mine", "docs.jsonl")
    done = _run("duee", sample, "-o", out)
    assert isinstance(done.exception, InputError)
    assert out.read_text() == "mine"
    assert _run("duee", sample, "-o", out, "--force").exit_code == 0


def test_command_leaves_nothing_behind_on_an_error(tmp_path):
    path = _file(tmp_path, "no JSON")
    done = _run("duee", path, "-o", tmp_path / "docs.jsonl")
    assert isinstance(done.exception, InputError)
    assert [item.name for item in tmp_path.iterdir()] == ["sample.txt"]


def test_command_says_when_a_file_holds_no_annotation(tmp_path):
    done = _run(
        "cluener", _file(tmp_path, '{"text": "甲", "spo_list": []}'), "-o", tmp_path / "out"
    )
    assert "no annotation in any record: is it a file of this corpus" in done.stderr


@pytest.mark.parametrize(
    ("name", "option", "value", "expected"),
    [
        ("spans", "fields", ["text"], "a mapping"),
        ("spans", "types", ["ORG"], "a mapping"),
        ("spans", "types", "foo", "a mapping"),
        ("spans", "types", {1: "ORG"}, "a string"),
        ("spans", "inclusive", "no", "true or false"),
        ("pairs", "canonical", "maybe", "true or false"),
        ("pairs", "order", "head", "a list of strings"),
        ("pairs", "negative", 3, "a string or a list of strings"),
        ("columns", "joiner", 2, "a string"),
        ("columns", "source", 2020, "a string"),
    ],
)
def test_an_option_of_another_type_is_named(name, option, value, expected):
    with pytest.raises(ConfigError) as caught:
        converters.read(name, ["none"], **{option: value})
    message = rf"converter '{name}': {option}.*: expected {expected}( or .*)?, got "
    assert re.match(message, str(caught.value))


@pytest.mark.parametrize("name", ["name", "paths", "report", "encoding"])
def test_command_refuses_options_that_are_its_own(tmp_path, name):
    result = _run("columns", _file(tmp_path, "甲\tO\n"), "--set", f"{name}=x")
    assert isinstance(result.exception, ConfigError)
    assert f"{name!r} is no option of a converter" in str(result.exception)


def test_command_names_an_option_that_is_no_yaml(tmp_path):
    result = _run("columns", _file(tmp_path, "甲\tO\n"), "--set", "types={a")
    assert isinstance(result.exception, ConfigError)
    assert "override 'types={a': the value is not valid YAML" in str(result.exception)


def test_ids_that_general_events_repeats_are_told_apart(tmp_path):
    path = _file(tmp_path, '{"id": "a", "text": "甲"}\n' * 3 + '{"id": "b", "text": "乙"}\n')
    report = converters.Report()
    lines = b"".join(converters.convert("general_events", [path], report=report)).splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["a", "a-2", "a-3", "b"]
    assert report.reasons["repeated id"].count == 2
    assert report.reasons["repeated id"].examples[0][0].endswith(":2")
