"""Translation by stubs: one that reorders words loses nothing; those that spoil marks lose what is counted."""

import itertools
import json
import random
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from fakes import ScriptedBackend
from rapidfuzz.distance import Levenshtein

from chinchilla.cli.data import command as group
from chinchilla.curate.translate.carry import sentences
from chinchilla.curate.translate.engine import EngineTranslator
from chinchilla.curate.translate.glossary import Glossary, Terms, read_glossary
from chinchilla.curate.translate.marks import put_marks, take_marks
from chinchilla.curate.translate.methods import METHODS, Projector
from chinchilla.curate.translate.protocol import Aligned
from chinchilla.curate.translate.quality import Bounds
from chinchilla.curate.translate.run import TranslationPlan, translate_files
from chinchilla.data.documents import Argument, Document, Entity, Event, Mention, Relation
from chinchilla.errors import ConfigError, InputError
from chinchilla.files.jsonl import dumps, read_documents

PEOPLE = {"Alice Munro": "爱丽丝·门罗", "Bob": "鲍勃", "Carol King": "卡罗尔·金"}
FIRMS = {"Acme": "顶峰公司", "Blue River Bank": "蓝河银行"}
PLACES = {"Paris": "巴黎", "New York": "纽约"}
WORDS = {"works for": "任职于", "in": "在", "yesterday": "昨天", "joined": "加入了", ".": "。"}
DICTIONARY = PEOPLE | FIRMS | PLACES | WORDS
_PHRASES = re.compile("|".join(sorted(map(re.escape, DICTIONARY), key=len, reverse=True)))
_GROUP = re.compile(r"<([a-z])>(.*?)</\1>|" + _PHRASES.pattern)


class Reordering:
    """Knows every phrase, and says them backwards; what is marked stays together, marks and all."""

    name = "reordering"

    def translate(self, texts):
        return [self._said(text) for text in texts]

    def _said(self, text):
        parts = []
        for match in _GROUP.finditer(text):
            if match[1]:
                parts.append(f"<{match[1]}>{self._said(match[2])}</{match[1]}>")
            else:
                parts.append(DICTIONARY[match[0]])
        return "".join(reversed(parts))


class Scoring(Reordering):
    """It finds a translation the likelier the nearer it is to its own."""

    def score(self, source, targets):
        own = self._said(source)
        return [-float(Levenshtein.distance(own, target)) for target in targets]


class Aligning(Reordering):
    """It tells which phrase each phrase comes from."""

    def align(self, source, target):
        sources = [match.span() for match in _PHRASES.finditer(source)]
        ends = [*itertools.accumulate(len(DICTIONARY[source[a:b]]) for a, b in reversed(sources))]
        targets = list(zip([0, *ends], ends, strict=False))
        count = len(sources)
        weights = [[float(s == count - 1 - t) for s in range(count)] for t in range(count)]
        return Aligned(sources, targets, weights)


def invoke(*arguments):
    result = CliRunner().invoke(group, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return result


def mentions(document):
    return [(one.text, one.start) for one in document.entities]


def document(number):
    draw = random.Random(number)
    person, firm, place = (draw.choice(list(names)) for names in (PEOPLE, FIRMS, PLACES))
    text = f"yesterday {person} joined {firm} in {place} ."
    second = " Bob works for Acme ." if number % 2 else ""

    def at(name):
        start = text.find(name)
        return name, start, start + len(name)

    entities = [Entity("Peop", *at(person)), Entity("Org", *at(firm)), Entity("Loc", *at(place))]
    relation = Relation("Work_For", entities[0], entities[1])
    event = Event("Joining", Mention(*at("joined")), (Argument("Who", *at(person)),))
    return Document(f"d{number}", text + second, tuple(entities), (relation,), (event,))


GLOSSARY = Glossary(
    {"Peop": "人名", "Org": "机构名", "Loc": "地名"},
    {"Work_For": "任职"},
    {"Joining": "加入"},
    {"Who": "加入者"},
)


@pytest.fixture
def run(tmp_path):
    def translated(translator, method="auto", count=12, **more):
        output = tmp_path / f"{method}.jsonl"
        plan = TranslationPlan(method, GLOSSARY, **more.pop("plan", {}))
        documents = [document(n) for n in range(count)]
        found = translate_files(documents, output, translator, plan, force=True, **more)
        aside = output.with_name(f"{output.name}.aside.jsonl")
        rows = [json.loads(line) for line in aside.read_text("utf-8").splitlines()]
        return found, list(read_documents(output)), rows

    return translated


@pytest.mark.parametrize(
    ("translator", "method"),
    [
        *((Scoring(), method) for method in METHODS),
        (Aligning(), "alignment"),
        (Reordering(), "auto"),
    ],
)
def test_a_translator_that_reorders_words_loses_no_mention(run, translator, method):
    found, documents, aside = run(translator, method)
    assert (found.documents, found.kept, found.lost, aside) == (12, 12, 0, [])
    assert found.mentions == sum(found.methods.values()) == 12 * 4
    assert found.given == found.carried == found.written
    first = documents[0]
    source = document(0)
    assert [(e.type, e.text) for e in first.entities] == [
        (GLOSSARY.entities[e.type], DICTIONARY[e.text]) for e in source.entities
    ]
    (relation,), (event,) = first.relations, first.events
    assert (relation.type, relation.subject.type) == ("任职", "人名")
    assert (event.type, event.trigger.text, event.arguments[0].role) == ("加入", "加入了", "加入者")
    assert first.meta["lang"] == "zh"
    told = first.meta["translation"]
    assert (told["source"], told["model"], told["lost"]) == (source.text, "reordering", 0)
    assert told["quality"]["mentions"] == 1


class Spoiling(Reordering):
    """Spoils every mark of letter a in one way."""

    def __init__(self, spoil):
        self.spoil = spoil

    def translate(self, texts):
        return [self.spoil(text) for text in super().translate(texts)]


SPOILT = {
    "mark dropped": lambda t: t.replace("<a>", "").replace("</a>", ""),
    "mark doubled": lambda t: t.replace("<a>", "<a><a>"),
    "mark changed": lambda t: t.replace("<a>", "<an>").replace("</a>", "</an>"),
    "marks around nothing": lambda t: re.sub("<a>(.*?)</a>", r"\1<a></a>", t),
    "marks turned around": lambda t: re.sub("<a>(.*?)</a>", r"</a>\1<a>", t),
}


@pytest.mark.parametrize("reason", SPOILT)
def test_every_loss_of_a_mark_is_counted(run, reason):
    found, documents, aside = run(Spoiling(SPOILT[reason]), "markers")
    # The first place of each document is marked with an a; those with two sentences have it once too.
    assert found.losses == {reason: 12}
    assert found.methods == {"markers": 36}
    assert (found.kept, documents, len(aside)) == (0, [], 12)
    assert f"lost: {reason}" in aside[0]["reasons"]
    assert aside[0]["source"]["id"] == "d0"
    if reason == "mark changed":
        assert "marks left in the translation" in aside[0]["reasons"]
        return
    found, documents, _ = run(Spoiling(SPOILT[reason]), "markers", plan={"keeps_partial": True})
    assert found.kept == 12
    assert found.given["entity", "人名"] == 12
    assert sum(found.carried.values()) < sum(found.given.values())


def test_blanks_capitals_and_width_do_not_cost_a_mark():
    found = take_marks("< a >甲</ A>乙＜ｂ＞丙＜/b＞", ["a", "b"])
    assert found.text == "甲乙丙"
    assert found.spans == {"a": (0, 1), "b": (2, 3)}


def test_nested_mentions_are_marked_and_crossing_ones_are_not():
    text = "Bank of China in China"
    marked = put_marks(text, [(0, 13), (8, 13), (5, 16), (0, 22)])
    assert marked.text == "<c><a>Bank of <b>China</b></a> in China</c>"
    assert marked.reasons == {2: "crosses another mention"}
    assert take_marks(marked.text, ["a", "b", "c"]) == (
        text,
        {"a": (0, 13), "b": (8, 13), "c": (0, 22)},
        {},
    )
    assert put_marks("x" * 40, [(n, n + 1) for n in range(27)]).reasons == {
        26: "more mentions than marks"
    }


def test_one_name_has_one_translation(run):
    class Fickle(Reordering):
        def __init__(self):
            self.asked = []

        def translate(self, texts):
            self.asked += texts
            return super().translate(texts)

    translator = Fickle()
    run(translator, "glossary", count=20)
    names = [text for text in translator.asked if text in DICTIONARY]
    assert len(names) == len(set(names))
    terms = Terms(translator, {"Bob": "老鲍"})
    terms.learn(["Bob", "Paris"])
    assert (terms.of("Bob"), terms.of("Paris"), terms.of("?")) == ("老鲍", "巴黎", "")


def test_the_second_listing_of_a_name_takes_the_second_place():
    said = Projector(Reordering(), "glossary").project([("Bob joined Bob", [(0, 3), (11, 14)])])
    assert said[0].text == "鲍勃加入了鲍勃"
    assert [found.span for found in said[0].found] == [(0, 2), (5, 7)]
    lost = Projector(Reordering(), "glossary").project([("Bob in ?", [(0, 3), (7, 8)])])
    assert [found.reason for found in lost[0].found] == ["", "mention translated to nothing"]


def test_sentences_end_where_no_mention_does():
    text = 'Mr. Smith of "Yahoo! Inc" left. He is J. P. Smith.\nNext'
    start = text.find("Yahoo")
    doc = Document("d", text, (Entity("Org", "Yahoo! Inc", start, start + 10),))
    assert [(s.text, s.after) for s in sentences(doc)] == [
        ('Mr. Smith of "Yahoo! Inc" left.', ""),
        ("He is J. P. Smith.", "\n"),
        ("Next", ""),
    ]


def test_quality_sets_aside_with_a_reason(tmp_path):
    def aside(said, back=None, **bounds):
        class Says:
            name = "says"

            def __init__(self, answer):
                self.answer = answer

            def translate(self, texts):
                return [self.answer for _ in texts]

        doc = Document("d", "the cat sat on the mat in the hall")
        found = translate_files(
            [doc], tmp_path / "o.jsonl", Says(said), TranslationPlan(bounds=Bounds(**bounds)),
            reverse=Says(back) if back else None, force=True,
        )  # fmt: skip
        return list(found.reasons)

    assert aside("猫坐在大厅的垫子上") == []
    assert aside("") == ["empty translation"]
    assert aside("猫") == ["length out of proportion"]
    assert aside("猫坐 on the mat 上") == ["alphabet left over"]
    assert aside("猫坐在</b>大厅的垫子上") == ["marks left in the translation"]
    assert aside("猫坐在大厅的垫子上", "the cat sat on a mat in the hall") == []
    assert aside("猫坐在大厅的垫子上", "quick dogs jump") == ["round trip too far off"]
    assert aside("猫坐在大厅的垫子上", "the cat sat on", least=0.99) == ["quality below the least"]


def test_a_killed_run_goes_on_and_gives_the_same_bytes(tmp_path):
    documents = [document(n) for n in range(21)]

    class Dying(Reordering):
        def __init__(self, lives):
            self.lives = lives

        def translate(self, texts):
            self.lives -= 1
            if not self.lives:
                raise KeyboardInterrupt
            return super().translate(texts)

    whole, cut = tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"
    translate_files(documents, whole, Reordering(), chunk=4)
    with pytest.raises(KeyboardInterrupt):
        translate_files(documents, cut, Dying(7), chunk=4)
    partial = tmp_path / "cut.jsonl.journal.partial"
    lines = partial.read_bytes().splitlines(keepends=True)
    assert 0 < len(lines) < 21
    # Killed in the middle of a chunk, and of a line.
    partial.write_bytes(b"".join(lines[:-2]) + lines[-1][:30])
    with pytest.raises(InputError, match="pass --resume"):
        translate_files(documents, cut, Reordering(), chunk=4)
    with pytest.raises(InputError, match="asked otherwise"):
        translate_files(
            documents, cut, Reordering(), TranslationPlan("markers"), chunk=4, resume=True
        )
    translate_files(documents, cut, Reordering(), chunk=4, resume=True)
    assert cut.read_bytes() == whole.read_bytes()
    assert not list(tmp_path.glob("*.journal*"))


def test_a_method_that_needs_scores_says_so():
    with pytest.raises(ConfigError, match="gives no scores"):
        Projector(Reordering(), "constrained")
    with pytest.raises(ConfigError, match="did you mean 'markers'"):
        Projector(Reordering(), "marker")


def test_a_language_model_translates():
    backend = ScriptedBackend(lambda prompt: f" 译：{prompt.input} ")
    translator = EngineTranslator("stub", backend)
    assert translator.translate(["Bob", " ", "Paris"]) == ["译：Bob", "", "译：Paris"]
    assert "简体中文" in backend.asked[0].instruction
    assert "<a>…</a>" in backend.asked[0].instruction


def test_the_glossary_is_read_with_all_its_faults(tmp_path):
    path = tmp_path / "names.yaml"
    path.write_text("entities: {Peop: 人名}\nterms: {Associated Press: 美联社}\n", "utf-8")
    assert read_glossary(path).terms == {"Associated Press": "美联社"}
    path.write_text("entity: {Peop: 人名}\n", "utf-8")
    with pytest.raises(ConfigError, match="did you mean 'entities'"):
        read_glossary(path)


class Copying:
    """Translates word by word, names never the same way twice, but copies what is no English."""

    name = "copying"
    copies_terms = True

    def __init__(self):
        self.asked = []

    def translate(self, texts):
        self.asked += texts
        return [re.sub("[A-Za-z]+", lambda m: "词" + str(len(self.asked)), text) for text in texts]


def test_a_translator_that_copies_terms_gets_them_in_the_source():
    text = "Bob of Blue River Bank met Alice."
    spans = [(0, 3), (7, 22), (7, 17), (27, 32)]
    one = Copying()
    (projected,) = Projector(one, "glossary").project([(text, spans)])
    assert one.asked[-1].endswith(" met 词4.")
    assert " of 词4 词4 词4 met" in one.asked[-1]
    assert [found.span is not None for found in projected.found] == [True] * 4
    other = Copying()
    Projector(other, "alignment").project([(text, spans)])
    assert other.asked[-1] == text


def test_auto_takes_no_place_that_shares_nothing_with_the_mention():
    class Guessing(Scoring):
        def translate(self, texts):
            return [
                {"Bob joined Acme": "他到了那里", "Bob": "鲍勃", "Acme": "顶峰"}.get(t, "")
                for t in texts
            ]

    sentence = [("Bob joined Acme", [(0, 3), (11, 15)])]
    assert all(one.span for one in Projector(Guessing(), "constrained").project(sentence)[0].found)
    assert not any(one.span for one in Projector(Guessing()).project(sentence)[0].found)


@pytest.mark.parametrize("method", ["markers", "glossary", "auto"])
def test_another_tool_translates_what_it_is_given(run, tmp_path, method):
    given, asked, told, output = (str(tmp_path / name) for name in ("d", "asked", "told", "out"))
    documents = [document(n) for n in range(6)]
    Path(given).write_text("".join(dumps(one) + "\n" for one in documents), encoding="utf-8")
    invoke("translate", given, "--method", method, "--prompts", asked)
    lines = [json.loads(line) for line in Path(asked).read_text(encoding="utf-8").splitlines()]
    said = Reordering().translate([line["text"] for line in lines])
    answers = [{"id": line["id"], "translation": s} for line, s in zip(lines, said, strict=True)]
    Path(told).write_text("".join(dumps(one) + "\n" for one in answers), encoding="utf-8")
    result = invoke("translate", given, "--method", method, "--completions", told, "-o", output)
    assert "lacks" not in result.stderr
    _, direct, _ = run(Reordering(), method, 6)
    translated = list(read_documents(output))
    assert [one.text for one in translated] == [one.text for one in direct]
    assert [mentions(one) for one in translated] == [mentions(one) for one in direct]


def test_lines_that_are_missing_or_wrong_are_told(tmp_path):
    given, told = tmp_path / "d", tmp_path / "told"
    given.write_text(dumps(document(1)) + "\n")
    told.write_text('{"id": "00000000", "translation": "无"}\n')
    output = str(tmp_path / "out")
    command = ["translate", str(given), "--method", "markers", "--completions", str(told)]
    result = invoke(*command, "-o", output)
    assert "lacks" in result.stderr
    assert "empty translation" in Path(f"{output}.aside.jsonl").read_text(encoding="utf-8")
    told.write_text('{"id": 3, "translation": "无"}\n')
    with pytest.raises(InputError, match="told:1: expected"):
        invoke(*command, "-o", output, "--force")
