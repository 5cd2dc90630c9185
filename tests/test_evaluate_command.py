import dataclasses
import html
import json
import math
import sys
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner
from fakes import scripted_engine
from scoring_samples import bare, document, entities, event, mention

from chinchilla.cli.evaluate import command
from chinchilla.cli.main import cli
from chinchilla.data.documents import Document
from chinchilla.decoding.confidence import Calibration
from chinchilla.engines.protocol import Completion
from chinchilla.errors import InputError
from chinchilla.files.jsonl import read_documents, write_documents

GOLD = [
    entities(("人名", "鲁迅", 0), ("作品", "呐喊", 5)),
    entities(("人名", "甲", 0), identifier="d2", text="甲来了"),
]
FOUND = [
    entities(("人名", "鲁迅", 0)),
    entities(("人名", "甲", 0), identifier="d2", text="甲来了"),
]


@pytest.fixture
def files(tmp_path):
    def write(**documents):
        for name, content in documents.items():
            write_documents(tmp_path / f"{name}.jsonl", content)
        return [str(tmp_path / f"{name}.jsonl") for name in documents]

    return write


def run(*arguments):
    return CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)


def test_the_table_is_aligned_with_hanzi_as_two_columns(files):
    done = run(*files(gold=GOLD, found=FOUND), "--samples", 0)
    assert done.exit_code == 0
    # Entities: 3 gold, 2 predicted, both right: P = 1, R = 2/3, F1 = 4/5.
    assert done.stdout.split("\n\n")[0] == "\n".join(
        [
            "strict, 2 documents: types and offsets, of relations end types and qualifiers too, "
            "each item once",
            "section   type                     gold  predicted  correct       P       R      F1",
            "entities                              3          2        2  1.0000  0.6667  0.8000",
            "entities  macro over 2 gold types                            0.5000  0.5000  0.5000",
            "entities  人名                        2          2        2  1.0000  1.0000  1.0000",
            "entities  作品                        1          0        0  0.0000  0.0000  0.0000",
            "all                                   3          2        2  1.0000  0.6667  0.8000",
        ]
    )
    assert done.stderr == ""


def test_all_scorers_tell_their_rules_units_and_sources_everywhere(files, tmp_path):
    out, page = tmp_path / "out.json", tmp_path / "page.html"
    paths = files(gold=GOLD, found=FOUND)
    options = ("--scorer", "all", "--samples", 0, "--json", out, "--html", page)
    shown = run(*paths, *options).stdout
    told = json.loads(out.read_text(encoding="utf-8"))["predictions"][0]["scorers"]
    written = page.read_text(encoding="utf-8")
    for name, scorer in told.items():
        line = next(line for line in shown.split("\n") if line.startswith(f"{name} "))
        (section,) = scorer["sections"].values()
        assert section["unit"] in line
        over = section["macro"]["over"] if section["macro"] else ""
        for words in (section["unit"], scorer["rule"], scorer["source"], over):
            assert words in shown
            assert html.escape(words) in written
    assert (
        "types of gold or predictions" in told["seqeval"]["sections"]["entities"]["macro"]["over"]
    )


def test_one_document_is_shown_without_an_interval(files, tmp_path):
    out = tmp_path / "out.json"
    done = run(*files(gold=GOLD[:1], found=FOUND[:1]), "--json", out)
    assert done.stdout.startswith("strict, 1 document: ")
    assert "95 %" not in done.stdout
    assert json.loads(out.read_text(encoding="utf-8"))["predictions"][0]["intervals"] == {}


def test_a_scorer_of_what_neither_side_holds_is_told(files):
    done = run(*files(gold=GOLD, found=FOUND), "--scorer", "strict,duie", "--samples", 0)
    assert done.stderr == "note: duie: neither side holds relations\n"


def test_standard_input_can_be_read_once_only():
    done = run("-", "-")
    assert (done.exit_code, "only one input can be '-'" in done.stderr) == (2, True)


def test_other_wordings_of_an_odd_form_are_told(files):
    gold = [document(events=[event("出版", None)], meta={"aliases": ["周树人"]})]
    with pytest.raises(
        InputError, match=r"document 'd1': meta\.aliases: .* expected lists of names"
    ):
        run(*files(gold=gold, found=gold), "--scorer", "duee")


def test_scores_that_are_no_probabilities_are_not_calibrated(files, tmp_path):
    scored = [document(entities=[mention("鲁迅", 0, type="人名", score=7.5)]), FOUND[1]]
    paths = files(gold=GOLD, found=scored)
    assert run(*paths, "--samples", 0).exit_code == 0
    with pytest.raises(InputError, match=r"or one is not between 0 and 1"):
        run(*paths, "--samples", 0, "--calibrate", tmp_path / "fit.json")


@pytest.mark.parametrize("option", ["--samples", "--seed"])
def test_numbers_below_zero_are_wrong_usage(files, option):
    done = run(*files(gold=GOLD, found=FOUND), option, -5)
    assert done.exit_code == 2
    assert "-5 is not in the range x>=0" in done.stderr


def test_json_has_every_figure_unrounded(files, tmp_path):
    out = tmp_path / "out.json"
    done = run(*files(gold=GOLD, found=FOUND), "--scorer", "all", "--json", out, "--quiet")
    assert done.stdout == ""
    report = json.loads(out.read_text(encoding="utf-8"))
    found = report["predictions"][0]
    assert found["scorers"]["strict"]["sections"]["entities"]["micro"]["recall"] == 2 / 3
    assert set(found["scorers"]) >= {"strict", "string", "seqeval", "cluener", "iepile"}
    assert "duie" not in found["scorers"]  # there is no relation in gold
    assert set(found) >= {"intervals", "rates", "parts", "mistakes", "calibration"}
    assert found["mistakes"] == {"entities": {"missing": 1}}


def test_several_predictions_are_compared_with_the_first(files, tmp_path):
    out = tmp_path / "out.json"
    paths = files(gold=GOLD, found=FOUND, best=GOLD)
    done = run(*paths, "--samples", 20, "--json", out)
    assert "(first) against" in done.stdout
    comparison = json.loads(out.read_text(encoding="utf-8"))["comparisons"][paths[2]]["all"]
    assert comparison["first"] == pytest.approx(0.8)
    assert comparison["difference"] == pytest.approx(0.2)
    assert comparison["p_value"] == pytest.approx(1)  # one document differs: 2 of 2 swaps


def test_without_samples_outputs_are_compared_without_a_test(files, tmp_path):
    out = tmp_path / "out.json"
    paths = files(gold=GOLD, found=FOUND, best=GOLD)
    done = run(*paths, "--samples", 0, "--json", out)
    assert done.stdout.splitlines()[-1].split() == ["all", "0.8000", "1.0000", "+0.2000", "-", "-"]
    comparison = json.loads(out.read_text(encoding="utf-8"))["comparisons"][paths[2]]["all"]
    assert [comparison[key] for key in ("low", "high", "p_value", "samples")] == [None] * 3 + [0]


def test_what_holds_no_item_has_no_interval_to_show(files):
    nothing = [document()]
    done = run(*files(gold=nothing, found=nothing, best=nothing), "--samples", 20)
    assert "nan" not in done.stdout
    assert done.stdout.splitlines()[-1].split()[-2:] == ["-", "1.0000"]


def test_seeds_are_summarised(files, tmp_path):
    out = tmp_path / "out.json"
    paths = files(gold=GOLD, found=FOUND, best=GOLD)
    run(*paths, "--seeds", "--samples", 0, "--json", out)
    assert json.loads(out.read_text(encoding="utf-8"))["spread"]["all"]["f1"]["mean"] == 0.9


def test_training_documents_divide_seen_from_unseen(files, tmp_path):
    out = tmp_path / "out.json"
    gold, found, train = files(gold=GOLD, found=FOUND, train=FOUND[:1])
    done = run(gold, found, "--train", train, "--json", out)
    assert "strict by mention in training" in done.stdout
    parts = json.loads(out.read_text(encoding="utf-8"))["predictions"][0]["parts"]
    assert parts["mention in training"]["seen"]["all"]["gold"] == 1
    assert parts["type in training"]["unseen"]["all"]["gold"] == 1


def test_aliases_reach_the_duie_scorer(files, tmp_path):
    aliases = tmp_path / "aliases.txt"
    aliases.write_text("大甲\t小甲\n小甲\t大甲\n", encoding="utf-8")
    gold, found = files(
        gold=[document(relations=[bare("丈夫", "小甲", "乙")])],
        found=[document(relations=[bare("丈夫", "大甲", "乙")])],
    )
    common = (gold, found, "--scorer", "duie", "--samples", 0)
    assert " 0.0000" in run(*common).stdout.split("\n\n")[0]
    assert " 0.0000" not in run(*common, "--aliases", aliases).stdout.split("\n\n")[0]


def test_a_schema_resolves_aliases_of_types(files, tmp_path):
    schema = tmp_path / "schema.yaml"
    schema.write_text("entities: [{name: 人名, aliases: [PER]}]\n", encoding="utf-8")
    gold, found = files(gold=[entities(("人名", "鲁迅", 0))], found=[entities(("PER", "鲁迅", 0))])
    out = tmp_path / "out.json"
    run(gold, found, "--schema", schema, "--json", out, "--quiet")
    found = json.loads(out.read_text(encoding="utf-8"))["predictions"][0]
    assert found["scorers"]["strict"]["all"]["f1"] == 1
    assert found["rates"]["undeclared_items"] == 0


def test_calibrate_writes_a_temperature(files, tmp_path):
    out = tmp_path / "t.json"
    scored = [document(entities=[mention("鲁迅", 0, type="人名", score=0.9)]), FOUND[1]]
    done = run(*files(gold=GOLD, found=scored), "--calibrate", out)
    assert "calibration of 1 scores" in done.stdout
    assert json.loads(out.read_text(encoding="utf-8"))["temperature"] > 0


def test_calibrate_without_scores_says_so(files, tmp_path):
    with pytest.raises(InputError, match="no prediction has a score to calibrate"):
        run(*files(gold=GOLD, found=FOUND), "--calibrate", tmp_path / "t.json")


def test_html_is_written(files, tmp_path):
    out = tmp_path / "page.html"
    run(*files(gold=GOLD, found=FOUND), "--html", out, "--quiet")
    assert out.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_existing_files_are_refused_before_any_work(files, tmp_path):
    out = tmp_path / "out.json"
    out.write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="exists; pass --force"):
        run("missing.jsonl", "missing.jsonl", "--json", out)
    run(*files(gold=GOLD, found=FOUND), "--json", out, "--force", "--quiet")
    assert out.read_text(encoding="utf-8") != "mine"


def test_wrong_pairs_name_the_files_and_ids(files):
    gold, found = files(gold=GOLD, found=FOUND[:1])
    with pytest.raises(InputError, match=r"found\.jsonl: lacks 1 of 2 gold ids: 'd2'"):
        run(gold, found)


def test_an_empty_file_is_an_error(files):
    gold, found = files(gold=GOLD, found=[])
    with pytest.raises(InputError, match=r"found\.jsonl: holds no document"):
        run(gold, found)


@pytest.mark.parametrize("more", [[], ["found.jsonl", "--model", "mini"]])
def test_predictions_or_a_model_must_be_named_and_not_both(more):
    done = run("gold.jsonl", *more)
    assert done.exit_code == 2
    assert "--model, and not both" in done.stderr


def test_a_model_sees_the_texts_and_not_the_gold(files, monkeypatch, tmp_path):
    asked = {}

    class Extractor:
        def __init__(self, model, schema, tasks, **_):
            asked.update(model=model, schema=schema, tasks=tasks)

        def stream(self, documents):
            for item in documents:
                assert not item.entities
                yield entities(("人名", "鲁迅", 0)) if item.id == "d1" else item

    module = ModuleType("chinchilla.pipeline")
    module.Extractor = Extractor
    monkeypatch.setitem(sys.modules, "chinchilla.pipeline", module)
    out = tmp_path / "out.json"
    related = document(
        "d3", entities=[mention("鲁迅", 0, type="人名")], relations=[bare("作者", "呐喊", "鲁迅")]
    )
    (gold,) = files(gold=[*GOLD, related])
    options = ("--model", "some/model", "--schema", "msra", "--tasks", "ner")
    monkeypatch.setattr("chinchilla.data.schema.read_schema", lambda name: None)
    run(gold, *options, "--json", out, "--quiet")
    assert asked == {"model": "some/model", "schema": "msra", "tasks": ("ner",)}
    score = json.loads(out.read_text(encoding="utf-8"))["predictions"][0]["scorers"]["strict"]
    # The relation was not asked for, so it is not missing.
    assert (score["all"]["gold"], score["all"]["correct"]) == (4, 1)
    assert list(score["sections"]) == ["entities"]


def test_a_model_is_calibrated_on_the_scores_that_it_gives_itself(files, monkeypatch, tmp_path):
    answer = "鲁迅⟦人名⟧"
    said = Completion(answer, "stop", (len(answer),), (math.log(0.9),))
    engine = scripted_engine(lambda prompt: said)
    engine = dataclasses.replace(engine, calibration=Calibration(9.0))
    monkeypatch.setattr("chinchilla.pipeline.open_engine", lambda name, **_: engine)
    schema = tmp_path / "schema.yaml"
    schema.write_text("entities: [人名, 作品]\n", encoding="utf-8")
    fit, out = tmp_path / "fit.json", tmp_path / "out.json"
    (gold,) = files(gold=GOLD[:1])
    run(gold, "--model", "some/model", "--schema", schema, "--calibrate", fit, "--json", out)
    (row,) = [b for b in json.loads(fit.read_text(encoding="utf-8"))["bins"] if b["count"]]
    assert row["confidence"] == pytest.approx(0.9)


def mixed(name, relations=()):
    """A document with an entity, an event and the relations given."""
    return document(
        entities=[mention(name, 0, type="人名")],
        relations=list(relations),
        events=[event("出版", ("写", 2), ("作者", "鲁迅", 0))],
    )


@pytest.mark.parametrize(
    ("tasks", "counts", "mistakes"),
    [
        # Gold: an entity, a relation, a trigger and an argument; the relation was not found.
        ([], (4, 4, 3), {"entities": {"spurious": 1}, "relations": {"missing": 1}}),
        (["--tasks", "re"], (1, 0, 0), {"relations": {"missing": 1}}),
        (["--tasks", "ner, ee"], (3, 4, 3), {"entities": {"spurious": 1}}),
        (["--tasks", "ee"], (2, 2, 2), {}),
    ],
)
def test_only_the_tasks_named_are_scored(files, tmp_path, tasks, counts, mistakes):
    out, page = tmp_path / "out.json", tmp_path / "page.html"
    gold = mixed("鲁迅", [bare("作者", "呐喊", "鲁迅")])
    extra = mention("呐喊", 5, type="作品")
    found = mixed("鲁迅").to_dict()
    found["entities"].append(extra)
    paths = files(gold=[gold], found=[Document.from_dict(found)])
    run(*paths, *tasks, "--samples", 0, "--json", out, "--html", page, "--quiet")
    report = json.loads(out.read_text(encoding="utf-8"))["predictions"][0]
    score = report["scorers"]["strict"]["all"]
    assert (score["gold"], score["predicted"], score["correct"]) == counts
    assert report["mistakes"] == mistakes
    assert ("spurious" in page.read_text(encoding="utf-8")) == ("entities" in mistakes)


def test_scorers_of_tasks_not_named_do_not_apply(files):
    gold = [mixed("鲁迅", [bare("作者", "呐喊", "鲁迅")])]
    shown = run(*files(gold=gold, found=gold), "--scorer", "all", "--tasks", "ner").stdout
    assert "cluener" in shown
    assert "duie" not in shown


def test_unknown_tasks_are_wrong_usage(files):
    done = run(*files(gold=GOLD, found=FOUND), "--tasks", "ner,nre")
    assert done.exit_code == 2
    assert "unknown task 'nre'" in done.stderr


def test_documents_read_back_score_as_those_in_memory(files):
    events = [document(events=[event("出版", ("写", 2), ("作者", "鲁迅", 0))])]
    (path,) = files(gold=events)
    assert list(read_documents(path)) == events


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--json", "x", "--html", "x"), "--html and --json are the same file: x"),
        (("--json", "p.jsonl"), "--json and an input are the same file: p.jsonl"),
    ],
)
def test_outputs_that_would_write_over_each_other_are_refused(tmp_path, monkeypatch, options, told):
    monkeypatch.chdir(tmp_path)
    for name in ("g.jsonl", "p.jsonl"):
        Path(name).write_text('{"id": "1", "text": "甲"}\n', encoding="utf-8")
    result = CliRunner().invoke(command, ["g.jsonl", "p.jsonl", "--force", *options])
    assert (result.exit_code, told in result.output) == (2, True)


@pytest.mark.parametrize(
    ("command", "option"),
    [(("build", "d.jsonl"), "manifest"), (("convert", "msra", "d"), "report")],
)
def test_a_report_must_not_be_written_over_the_output(command, option):
    result = CliRunner().invoke(cli, ["data", *command, "-o", "x", f"--{option}", "x"])
    assert (result.exit_code, f"--{option} and --output are the same" in result.output) == (2, True)
