"""Self-instruct: what a model invents is kept only if the decoder grounds it and nothing is like it."""

import json
import random

import pytest
from click.testing import CliRunner

from chinchilla.cli.data_bootstrap import command
from chinchilla.curate.bootstrap import bootstrap, read_completions, write_prompts, write_template
from chinchilla.curate.bootstrap_prompts import BootstrapJob, prompts
from chinchilla.data.documents import Document, Entity
from chinchilla.data.schema import read_schema
from chinchilla.errors import ConfigError
from chinchilla.files.jsonl import read_documents, write_values
from chinchilla.prompts.prompt import PromptStyle, read_template, render_prompt

SCHEMA = read_schema({"name": "own", "entities": ["人名", "机构名", "地名"], "relations": ["任职"]})
SEEDS = (Document("s1", "王五在北京大学教书育人三十年。", (Entity("人名", "王五", 0, 2),)),)
SIGNS = "山水云风花木金石江海春秋文武明清安宁平和高远方正东南西北"


def job(**more):
    return BootstrapJob("examples", **{"prompts": 6, "schema": SCHEMA, "seeds": SEEDS, **more})


def example(number, **entity):
    words = "".join(random.Random(number).choices(SIGNS, k=20))
    text = f"张三昨天到达{words}，停留了两天。"
    return {"text": text, "entities": [{"type": "人名", "text": "张三", **entity}]}


def lines(*values):
    return "\n".join(json.dumps(value, ensure_ascii=False) for value in values)


@pytest.fixture
def run(tmp_path):
    def invented(said, **more):
        output = tmp_path / "new.jsonl"
        counts = bootstrap(
            more.pop("job", job()),
            output,
            lambda texts: [said] * len(texts),
            model="stub",
            near=None,
            force=True,
            **more,
        )
        return counts, output

    return invented


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("", "no completion"),
        ("我不知道怎么写。", "not readable"),
        (lines({"entities": []}), "no text"),
        (lines(example(1, text="李四")), "decoder: ungrounded"),
        (lines(example(1, type="动物")), "decoder: unknown_type"),
        (lines({"text": example(1)["text"], "entities": []}), "nothing annotated"),
        (lines({"text": "张三来了。", "entities": []}), "too short"),
        (lines(example(1) | {"text": "张三" + "远" * 300}), "too long"),
        (lines(example(1) | {"text": "张三 went to the market and came back"}), "not Chinese"),
        (
            lines(example(1) | {"text": "张三" + "来到了锟斤拷城里看望他的朋友们。"}),
            "rule: damaged characters",
        ),
        (lines(example(1) | {"text": "王五在北京大学教书育人三十载。张三。"}), "like one before"),
    ],
)
def test_what_is_not_sound_is_refused_with_its_reason(run, said, reason):
    counts, output = run(said, job=job(prompts=1, types=4))
    assert (counts.kept, dict(counts.refused)) == (0, {reason: 1})
    (row,) = [json.loads(s) for s in output.with_name("new.jsonl.refused.jsonl").open("rb")]
    assert (row["prompt"], row["reason"]) == ("examples-0-0", reason)


def test_sound_examples_are_documents_with_their_provenance(run):
    fenced = f"好的，以下是结果：\n```json\n{lines(example(1), example(2))}\n```"
    counts, output = run(fenced, job=job(prompts=2))
    # What the second prompt brought was there already.
    assert (counts.prompts, counts.kept, dict(counts.refused)) == (2, 2, {"like one before": 2})
    first, second = read_documents(output)
    assert (first.id, first.entities) == ("examples-0-0-0", (Entity("人名", "张三", 0, 2),))
    told = first.meta["bootstrap"]
    assert (told["model"], told["prompt"], told["shown"]) == ("stub", "examples-0-0", ["s1"])
    assert second.id == "examples-0-0-1"
    in_a_list, _ = run(json.dumps([example(5), example(6)]), job=job(prompts=1))
    assert in_a_list.kept == 2


def test_types_take_turns_and_prompts_are_of_the_seed():
    asked = prompts(job(prompts=4, types=2))
    labels = [[label for some in one.labels.values() for label in some] for one in asked]
    assert labels == [["人名", "机构名"], ["地名", "任职"], ["人名", "机构名"], ["地名", "任职"]]
    assert asked == prompts(job(prompts=4, types=2)) != prompts(job(prompts=4, types=2, seed=1))
    assert SEEDS[0].text in asked[0].text
    assert "主体" in asked[1].text


def test_schemas_are_checked_and_new(run):
    good = {"name": "招标", "entities": ["招标人", "投标人"], "relations": [], "events": []}
    said = lines(
        good,
        {**good, "name": "again"},
        {"entities": ["甲类"]},
        {"entities": ["X", "Y"]},
        {"entity": 1},
    )
    counts, output = run(said, job=BootstrapJob("schemas", 1))
    assert counts.kept == 1
    assert dict(counts.refused) == {
        "like one before": 1,
        "fewer than two types": 1,
        "names of types are no short Chinese names": 1,
        next(reason for reason in counts.refused if reason.startswith("no schema")): 1,
    }
    value = json.loads(output.read_text("utf-8"))
    assert [kind.name for kind in read_schema(value["schema"]).entities] == ["招标人", "投标人"]


def test_wordings_become_a_template(run, tmp_path):
    words = "把文章里属于下面各类的名称统统挑出来，原样抄下：\n{types}\n{format}"
    known = read_template("zh-v1").wordings["ner"][0]
    counts, output = run(
        json.dumps([words, known, "没有槽位的一句指令而已", words + "{x}"]),
        job=BootstrapJob("wordings", 1),
    )
    assert counts.kept == 1
    assert counts.refused["like one before"] == 1
    assert counts.refused["slots are not {types} and {format}, once each"] == 2
    path = tmp_path / "own.yaml"
    assert write_template(path, output) == {"ner": 1, "re": 0, "ee": 0}
    prompt = render_prompt("ner", SCHEMA, "文", PromptStyle(str(path)))
    assert prompt.instruction.startswith("把文章里属于下面各类的名称")
    (tmp_path / "bad.yaml").write_text(
        "lang: zh\nformat: json\ntypes: list\nner: [x]\nre: []\nee: [x]\n"
    )
    with pytest.raises(ConfigError, match="no slot") as error:
        read_template(str(tmp_path / "bad.yaml"))
    assert "has no wording" in str(error.value)


def test_near_duplicates_are_found_by_minhash_too(tmp_path):
    pytest.importorskip("datasketch")
    first, second = example(3), example(3)
    second["text"] = second["text"].replace("两天", "三天")
    counts = bootstrap(
        job(prompts=1), tmp_path / "o.jsonl", lambda texts: [lines(first, second)],
        model="stub", rouge=0.999, near=0.6,
    )  # fmt: skip
    assert (counts.kept, dict(counts.refused)) == (1, {"like one before": 1})


def test_a_killed_run_goes_on_and_gives_the_same_bytes(tmp_path):
    def complete(texts):
        return [lines(example(sum(map(ord, text)))) for text in texts]

    calls = []

    def dies(texts):
        calls.append(len(texts))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return complete(texts)

    many = job(prompts=20)
    whole, cut = tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"
    bootstrap(many, whole, complete, model="stub", near=None)
    with pytest.raises(KeyboardInterrupt):
        bootstrap(many, cut, dies, model="stub", near=None)
    bootstrap(many, cut, complete, model="stub", near=None, resume=True)
    assert calls == [8, 8]
    assert cut.read_bytes() == whole.read_bytes()
    assert len(whole.read_bytes().splitlines()) > 15


def test_completions_come_from_a_file(tmp_path):
    seeds, asked, said = tmp_path / "seeds.jsonl", tmp_path / "asked.jsonl", tmp_path / "said.jsonl"
    write_values(seeds, SEEDS)
    schema = tmp_path / "own.yaml"
    schema.write_text(json.dumps(SCHEMA.to_dict()), "utf-8")
    plain = [str(seeds), "--schema", str(schema), "-n", "3", "--near", "0"]
    done = CliRunner().invoke(command, [*plain, "--prompts", str(asked)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in asked.read_bytes().splitlines()]
    assert len(rows) == 3
    write_values(
        said, [{"id": row["id"], "completion": lines(example(n))} for n, row in enumerate(rows[1:])]
    )
    output = tmp_path / "new.jsonl"
    done = CliRunner().invoke(
        command, [*plain, "--completions", str(said), "-o", str(output)], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    assert "refused: no completion" in done.output
    assert [d.meta["bootstrap"]["prompt"] for d in read_documents(output)] == [
        "examples-0-1",
        "examples-0-2",
    ]
    assert write_prompts(asked, job(), force=True) == 6
    assert read_completions(said, job())(["?"]) == [""]
