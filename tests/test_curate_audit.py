"""A corpus with twenty faults of each kind: every rule finds its own, and nothing in the clean half."""

import json
import random

import pytest
from click.testing import CliRunner

from chinchilla.cli.data_audit import command
from chinchilla.curate.audit import Audit, Audited, audit_documents
from chinchilla.curate.decisions import undo
from chinchilla.curate.repair import mended, without
from chinchilla.curate.rules import RuleLimits, find_suspects
from chinchilla.curate.suspects import RULES
from chinchilla.data.documents import Document, Entity
from chinchilla.data.schema import read_schema
from chinchilla.errors import InputError

SCHEMA = read_schema(
    {
        "name": "planted",
        "entities": [{"name": "人名", "aliases": ["PER"]}, "机构名"],
        "relations": [{"name": "任职", "subject": "人名", "object": "机构名"}],
        "events": [{"name": "裁员", "roles": ["裁员方", "人数"]}],
    }
)
MANY = 20
SURNAMES, SIGNS = "赵钱孙李周吴郑王冯陈", "山水云风花木金石江海春秋文武明清安宁平和"


def clean(number):
    """A faultless document of its own for each number, with all kinds of annotation."""
    draw = random.Random(number)
    person = draw.choice(SURNAMES) + "".join(draw.choices(SIGNS, k=2))
    firm = "".join(draw.choices(SIGNS, k=4)) + "公司"
    tail = "".join(draw.choices(SIGNS, k=12))
    count = f"{draw.randint(100, 999)}人"
    text = f"{person}出任{firm}总裁后，{firm}宣布裁员{count}，iPhone 15 pro 的{tail}没有变化。"
    at = text.find

    def mention(label, string, start):
        return {**label, "text": string, "start": start, "end": start + len(string)}

    second = text.find(firm, at(firm) + 1)
    return {
        "id": f"d{number}",
        "text": text,
        "entities": [
            mention({"type": "人名"}, person, 0),
            mention({"type": "机构名"}, firm, at(firm)),
            mention({"type": "机构名"}, firm, second),
        ],
        "relations": [
            {
                "type": "任职",
                "subject": mention({"type": "人名"}, person, 0),
                "object": mention({"type": "机构名"}, firm, at(firm)),
            }
        ],
        "events": [
            {
                "type": "裁员",
                "trigger": mention({}, "裁员", at("裁员")),
                "arguments": [
                    mention({"role": "裁员方"}, firm, second),
                    mention({"role": "人数"}, count, at(count)),
                ],
            }
        ],
    }


def moved(entity, by):
    entity["start"] += by
    entity["end"] += by


def at_border(d, start, end):
    d["entities"][0] |= {"text": d["text"][start:end], "start": start, "end": end}


def add(d, **more):
    d["entities"].append({**d["entities"][0], **more})


def cut(d):
    place = d["text"].find("iPhone") + 2
    add(d, text="hone", start=place, end=place + 4)


def cross(d):
    start = d["entities"][1]["start"]
    add(d, text=d["text"][start - 2 : start + 2], start=start - 2, end=start + 2)


def insert(d, string):
    d["text"] += string


PLANTED = {
    "span mismatch": lambda d: moved(d["entities"][1], 1),
    "empty mention": lambda d: add(d, text="", start=None, end=None),
    "blank at a border": lambda d: add(
        d, text=" 15", start=(p := d["text"].find(" 15")), end=p + 3
    ),
    "border inside a word": cut,
    "crossing": cross,
    "two types": lambda d: add(d, type="机构名"),
    "given twice": lambda d: add(d),
    "unlocated": lambda d: add(d, start=None, end=None),
    "not in the text": lambda d: add(d, text="查无此人", start=None, end=None),
    "type outside the schema": lambda d: d["entities"][0].update(type="PER"),
    "ends outside the schema": lambda d: d["relations"][0]["object"].update(type="人名"),
    "role outside the schema": lambda d: d["events"][0]["arguments"][0].update(role="地点"),
    "subject is object": lambda d: d["relations"].append(
        {**d["relations"][0], "subject": {**d["relations"][0]["object"], "type": None}}
    ),
    "long mention": lambda d: (
        insert(d, "甲" * 80),
        add(d, text="甲" * 70, start=len(d["text"]) - 70, end=len(d["text"])),
    ),
    "damaged characters": lambda d: insert(d, "锟斤拷"),
    "not Chinese": lambda d: d.update(
        text=f"{d['id']} only English words here", entities=[], relations=[], events=[]
    ),
    "text too short": lambda d: d.update(text="。", entities=[], relations=[], events=[]),
    "text too long": lambda d: insert(d, "".join(random.Random(d["id"]).choices(SIGNS, k=201))),
    "untranslated": lambda d: insert(d, "，which was announced on the same day"),
    "markup left": lambda d: insert(d, "&nbsp;"),
}


def planted():
    """Return lines, and the rule that each must be told for ("" for a faultless one)."""
    lines, rules = [], []
    number = 0
    for rule, damage in PLANTED.items():
        for _ in range(MANY):
            whole, broken = clean(number), clean(number + 1)
            number += 2
            damage(broken)
            lines += [whole, broken]
            rules += ["", rule]
    for n in range(MANY):
        again = clean(2 * n)
        lines.append(again | {"id": f"again{n}"})
        rules.append("duplicate")
        lines.append(again | {"id": f"other{n}", "relations": []})
        rules.append("annotated in two ways")
        lines.append(clean(number) | {"id": "d0"})
        rules.append("repeated id")
        near = clean(100 + 2 * n)
        near["text"] += "呀"
        lines.append(near | {"id": f"near{n}"})
        rules.append("near duplicate")
        number += 1
    return lines, rules


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    lines, rules = planted()
    path = tmp_path_factory.mktemp("planted") / "docs.jsonl"
    path.write_text("".join(json.dumps(d, ensure_ascii=False) + "\n" for d in lines), "utf-8")
    return path, rules


def test_every_rule_finds_all_of_its_own_and_nothing_else(corpus):
    pytest.importorskip("datasketch")
    path, rules = corpus
    found = [
        {one.rule for one in audited.suspects}
        for audited in audit_documents([path], Audit(SCHEMA, RuleLimits(longest=200), near=0.9))
    ]
    # Twenty short texts are one text, and so said before.
    also = {"text too short": {"duplicate"}}
    for rule, told in zip(rules, found, strict=True):
        assert rule in told if rule else not told, (rule, told)
        assert told - also.get(rule, set()) <= {rule}, (rule, told)
    assert len(set(rules) - {""}) == len(RULES) - 1  # all but what a model says


def test_borders_of_latin_words_and_numbers():
    def inside(text, mention):
        start = text.find(mention)
        entity = Entity("物", mention, start, start + len(mention))
        return [one.rule for one in find_suspects(Document("d", text, (entity,)))]

    assert inside("共计1,234.5元整的账", "1,234") == ["border inside a word"]
    assert inside("买了iPhone15手机壳", "iPhone") == []
    assert inside("第12、34名是他们", "12") == []
    assert inside("增长３０％的收入", "３") == ["border inside a word"]


def test_repairs_that_have_one_answer_only():
    text = "张三见了李四，李四走了。"

    def of(*entities):
        return Document("d", text, tuple(Entity(*one) for one in entities))

    fixed = mended(of(("PER", "张三", 1, 3), ("人名", "李四", 5, 7)), SCHEMA)
    # 李四 stands at 4 and at 7: the nearer place is the one meant.
    assert [(e.type, *e.span) for e in fixed.entities] == [("人名", 0, 2), ("人名", 4, 6)]
    assert mended(of(("人名", "李四", None, None))).entities[0].start is None
    tie = Document("d", "李四和李四", (Entity("人名", "李四", None, None),))
    assert mended(tie) is tie


def test_keys_of_others_outlive_a_repair(tmp_path):
    path, output = tmp_path / "docs.jsonl", tmp_path / "clean.jsonl"
    line = '{"text": "张三来了", "split": "train", "entities": [{"type": "人名", "text": "张三", "start": 1, "end": 3}]}'
    path.write_text(f"{line}\n\n", "utf-8")
    options = ["--fix", "--near", "0", "-o", str(output)]
    done = CliRunner().invoke(command, [str(path), *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    first, blank = output.read_text("utf-8").split("\n")[:2]
    mended_line = json.loads(first)
    assert (mended_line["meta"], mended_line["entities"][0]["start"], blank) == (
        {"split": "train"},
        0,
        "",
    )
    undo(tmp_path / "clean.jsonl.log.jsonl", output, tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == path.read_bytes()


def test_what_is_left_without_suspects():
    document = Document.from_dict(clean(1))
    found = find_suspects(document, SCHEMA)
    assert found == []
    (wrong,) = find_suspects(
        Document.from_dict(clean(1) | {"relations": [clean(1)["relations"][0] | {"type": "同学"}]}),
        SCHEMA,
    )
    left = without(document, [wrong])
    assert (len(left.entities), left.relations, len(left.events)) == (3, (), 1)


def test_fix_and_drop_are_logged_and_can_be_undone(corpus, tmp_path):
    path, _ = corpus
    output, log, again = tmp_path / "clean.jsonl", tmp_path / "log.jsonl", tmp_path / "again.jsonl"
    schema = tmp_path / "schema.yaml"
    schema.write_text(json.dumps(SCHEMA.to_dict(), ensure_ascii=False), "utf-8")
    options = ["--fix", "--drop", "0.8", "--schema", str(schema), "--near", "0", "-o", str(output)]
    options += ["--log", str(log), "--html", str(tmp_path / "page.html")]
    options += ["--report", str(tmp_path / "report.json")]
    done = CliRunner().invoke(command, [str(path), *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    left = [one for one in audit_documents([output], Audit(SCHEMA))]
    assert {s.rule for one in left if isinstance(one, Audited) for s in one.suspects} <= {
        *("crossing", "two types", "unlocated", "not in the text", "ends outside the schema"),
        *("subject is object", "long mention", "untranslated", "markup left"),
        *("annotated in two ways", "repeated id"),
    }
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert report["rules"]["crossing"] == MANY
    assert len(report["found"]) == report["suspects"]
    assert (tmp_path / "page.html").read_text("utf-8").count("<article ") == report["suspects"] + 1
    undo(log, output, again)
    assert again.read_bytes() == path.read_bytes()
    done = CliRunner().invoke(
        command, [str(output), "--undo", str(log), "-o", str(again), "--force"]
    )
    assert done.exit_code == 0, done.output
    assert again.read_bytes() == path.read_bytes()
    output.write_bytes(output.read_bytes().replace("公司".encode(), "集团".encode()))
    with pytest.raises(InputError, match="not what"):
        undo(log, output, again, force=True)
    empty = tmp_path / "empty.jsonl"
    empty.write_bytes(b"")
    with pytest.raises(InputError, match="ends before line"):
        undo(log, empty, again, force=True)
