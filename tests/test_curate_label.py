"""Texts go out to annotation tools with predictions, and come back as gold by the converters."""

import json
import random
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from chinchilla.cli.data_label import command
from chinchilla.converters import Report, read
from chinchilla.curate.label import Sampling, label_files, sample, uncertainty
from chinchilla.curate.tasks import doccano_line, label_studio_config, label_studio_task
from chinchilla.data.documents import Document, Entity, Issue, Relation
from chinchilla.data.schema import read_schema
from chinchilla.errors import ConfigError

SIGNS = "山水云风花木金石江海春秋文武明清安宁平和高远方正东南西北"


def text(number):
    return "".join(random.Random(number).choices(SIGNS, k=24))


def scored(number, *scores):
    words = text(number)
    entities = [
        Entity("人名", words[i * 3 : i * 3 + 2], i * 3, i * 3 + 2, s) for i, s in enumerate(scores)
    ]
    return Document(f"d{number}", words, tuple(entities))


PREDICTED = Document(
    "d1",
    "😀张三任职于顶峰公司。",
    (Entity("人名", "张三", 1, 3, 0.9), Entity("机构名", "顶峰公司", 6, 10, 0.6)),
    (Relation("任职", Entity("人名", "张三", 1, 3), Entity("机构名", "顶峰公司", 6, 10)),),
)


def test_uncertainty():
    # 1 - |2·0.9 - 1| = 0.2 and 1 - |2·0.5 - 1| = 1
    assert uncertainty(scored(1, 0.9, 0.5)) == pytest.approx(0.6)
    assert uncertainty(scored(1, 0.5, 0.5, 0.5, 1.0, 1.0)) == pytest.approx(1.0)
    assert uncertainty(scored(1)) == 0.3
    assert uncertainty(Document("d", "文", issues=(Issue("withheld", "?"),))) == 0.8


def test_the_least_sure_are_taken_and_alike_ones_passed_over():
    pool = [scored(n, n / 100) for n in range(50, 100)]
    twin = Document("twin", pool[0].text + "。", pool[0].entities)
    chosen = sample([twin, *pool], Sampling(10, random_rate=0))
    assert [d.id for d in chosen[1:]] == [f"d{n}" for n in range(51, 60)]
    assert chosen[0].id in ("twin", "d50")
    mixed = sample(pool, Sampling(10, random_rate=0.5))
    assert [d.id for d in mixed[:5]] == [f"d{n}" for n in range(50, 55)]
    assert len({d.id for d in mixed}) == 10
    assert sample(pool, Sampling(10)) == sample(pool, Sampling(10))
    assert sample(pool, Sampling(10, "random")) != sample(pool, Sampling(10, "random", seed=1))
    assert len(sample(pool, Sampling(100, "random"))) == 50
    with pytest.raises(ConfigError, match="did you mean 'random'"):
        sample(pool, Sampling(10, "randm"))


def test_a_task_of_label_studio_comes_back_as_gold(tmp_path):
    task = label_studio_task(PREDICTED, "mini")
    (prediction,) = task["predictions"]
    # The emoji counts as two.
    assert prediction["result"][0]["value"] == {
        "start": 2, "end": 4, "text": "张三", "labels": ["人名"],
    }  # fmt: skip
    # A person accepts the prediction.
    task["annotations"] = [{"result": prediction["result"]}]
    (tmp_path / "export.json").write_text(json.dumps([task]), "utf-8")
    report = Report()
    (back,) = read("label-studio", [tmp_path / "export.json"], report=report)
    assert [(e.type, e.span) for e in back.entities] == [("人名", (1, 3)), ("机构名", (6, 10))]
    assert [(r.type, r.subject.text, r.object.text) for r in back.relations] == [
        ("任职", "张三", "顶峰公司")
    ]


def test_a_line_of_doccano_comes_back_as_gold(tmp_path):
    line = json.dumps(doccano_line(PREDICTED, "mini"))
    (tmp_path / "export.jsonl").write_text(line + "\n", "utf-8")
    (back,) = read("doccano", [tmp_path / "export.jsonl"])
    assert [(e.type, e.span) for e in back.entities] == [("人名", (1, 3)), ("机构名", (6, 10))]
    assert len(back.relations) == 1


def test_ends_of_relations_are_spans_too():
    bare = Document("d", PREDICTED.text, (), PREDICTED.relations)
    line = doccano_line(bare, "mini")
    assert [span["label"] for span in line["entities"]] == ["人名", "机构名"]
    assert line["relations"][0] | {"id": 1} == {"id": 1, "from_id": 1, "to_id": 2, "type": "任职"}


def test_the_interface_names_all_types():
    schema = read_schema({"name": "s", "entities": ["人名", '"<&'], "relations": ["任职"]})
    view = ElementTree.fromstring(label_studio_config(schema))
    assert [label.get("value") for label in view.iter("Label")] == ["人名", '"<&']
    assert [label.get("value") for label in view.iter("Relation")] == ["任职"]


def test_a_killed_run_goes_on_and_gives_the_same_bytes(tmp_path):
    documents = [Document(f"d{n}", text(n)) for n in range(50)]

    def predict(some):
        return [scored(int(d.id[1:]), 0.5 + int(d.id[1:]) / 100) for d in some]

    def dies(some):
        if some[0].id == "d16":
            raise KeyboardInterrupt
        return predict(some)

    whole, cut = tmp_path / "whole.json", tmp_path / "cut.json"
    label_files(documents, whole, predict, Sampling(10), chunk=16)
    with pytest.raises(KeyboardInterrupt):
        label_files(documents, cut, dies, Sampling(10), chunk=16)
    label_files(documents, cut, predict, Sampling(10), chunk=16, resume=True)
    assert cut.read_bytes() == whole.read_bytes()
    assert len(json.loads(whole.read_bytes())) == 10


def test_the_command(tmp_path):
    path, output = tmp_path / "news.txt", tmp_path / "tasks.json"
    path.write_text("国家主席在北京会见了来宾。\n王小明任职于星河科技公司。\n", "utf-8")
    options = ["--lines", "-n", "2", "-o", str(output), "--config", str(tmp_path / "labels.xml")]
    done = CliRunner().invoke(
        command, [str(path), *options, "--schema", "msra"], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    tasks = json.loads(output.read_bytes())
    assert {task["data"]["text"][:2] for task in tasks} == {"国家", "王小"}
    assert "2 texts, 2 to be labelled" in done.output
    assert "人名" in (tmp_path / "labels.xml").read_text("utf-8")
