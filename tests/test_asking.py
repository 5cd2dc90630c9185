"""How general models are asked: prompts made of the schema, examples, further passes, two steps."""

import json
import re
from dataclasses import replace

import pytest
from fakes import ScriptedBackend, scripted_engine
from record_samples import LAYOFFS, WRITERS, build_records
from record_samples import SCHEMA as RECORDS

from chinchilla import Document, Extractor
from chinchilla.data.documents import Entity, Event, Mention
from chinchilla.data.examples import GoldExamples
from chinchilla.data.schema import Schema, read_schema
from chinchilla.decoding.decode import decode
from chinchilla.decoding.encode import encode
from chinchilla.engines.open import open_engine
from chinchilla.engines.prefilter import Prefiltered
from chinchilla.engines.protocol import Completion
from chinchilla.engines.writer import Writer
from chinchilla.errors import ConfigError, InputError
from chinchilla.instructions.build_options import BuildOptions
from chinchilla.instructions.demonstrations import Pool
from chinchilla.instructions.records import Resources
from chinchilla.options import ExtractOptions
from chinchilla.prompts.messages import chat_turns
from chinchilla.prompts.prompt import GENERAL, PromptStyle, render_prompt
from chinchilla.train.examples import TrainingRecord

SCHEMA = Schema.from_dict({"name": "s", "entities": ["人名", "机构名"]})
MANY = Schema.from_dict(
    {"name": "m", "events": [{"name": f"类{i}", "roles": ["时间", "地点"]} for i in range(40)]}
)
PEOPLE = ["赵明华", "钱国军", "孙建伟", "李明军"]


def general(answer, **style):
    return Writer("scripted", ScriptedBackend(answer), replace(GENERAL, **style))


def names(found):
    return json.dumps({"entities": [{"type": "人名", "text": one} for one in found]})


# --- what a prompt holds ---


@pytest.mark.parametrize("name", ["msra", "duie", "duee", "duee-fin", "cmeee", "news"])
def test_the_answers_shown_are_answers_to_the_texts_shown(name):
    schema = read_schema(name)
    for task in schema.tasks:
        instruction = render_prompt(task, schema, "", GENERAL).instruction
        shown = re.findall(r"<文本>\n(.*)\n</文本>\n(.*)", instruction)
        assert len(shown) == 2
        for text, answer in shown:
            found = decode(answer, text, schema, "json", [task])
            assert {issue.kind for issue in found.issues} <= {"ungrounded"}, found.issues
            assert "\n" not in answer
        assert shown[1][1].endswith(":[]}")
        assert decode(shown[0][1], shown[0][0], schema, "json", [task]) != decode(
            shown[1][1], shown[1][0], schema, "json", [task]
        )


def test_a_form_has_the_keys_that_its_types_need_and_no_others():
    schema = Schema.from_dict(
        {
            "name": "s",
            "relations": ["作者", {"name": "获奖", "qualifiers": {"onDate": "Date"}}],
            "events": [
                {
                    "name": "公告",
                    "trigger": False,
                    "roles": [{"name": "态", "values": ["甲", "乙"]}],
                }
            ],
        }
    )
    relations = render_prompt("re", schema, "", GENERAL).instruction
    assert '"qualifiers":{"onDate":"片段"}' in relations
    assert "onDate（日期）" in relations
    assert (
        'qualifiers":{'
        not in render_prompt("re", schema.select("re", ["作者"]), "", GENERAL).instruction
    )
    events = render_prompt("ee", schema, "", GENERAL).instruction
    assert '"trigger":null' in events
    assert '"trigger":"' not in events
    assert "态：只能是 甲/乙 之一" in events
    assert "不必出现原词" in events


def test_the_text_stands_alone_in_the_user_s_turn():
    prompts = [render_prompt("ner", SCHEMA, text, GENERAL) for text in ("甲", "乙")]
    system, user = chat_turns(prompts[0])
    assert system == chat_turns(prompts[1])[0]
    assert (system["role"], user["content"]) == ("system", "<文本>\n甲\n</文本>")
    [one] = chat_turns(prompts[0], has_system=False)
    assert one["content"] == f"{system['content']}\n\n{user['content']}"


def test_a_record_asks_in_the_turns_of_its_template():
    prompt = render_prompt("ner", SCHEMA, "甲", GENERAL)
    record = TrainingRecord(prompt.instruction, "{}", prompt.input, template="zh-v3#0")
    assert record.prompt == prompt
    assert not replace_template(record, "zh-v1#0").prompt.frame
    assert not replace_template(record, {"other": "tool"}).prompt.frame


@pytest.mark.parametrize("template", ["zh-v1", "zh-v3"])
@pytest.mark.parametrize("task", ["ner", "re", "ee"])
def test_records_ask_as_extraction_does(template, task):
    style = PromptStyle(template, window={task: 400})
    options = BuildOptions(style, tasks=(task,))
    for row in build_records([LAYOFFS, *WRITERS], lambda _: RECORDS, options):
        record = TrainingRecord(row.instruction, row.output, row.input, template=row.template)
        engine = Writer("scripted", ScriptedBackend(lambda _: "{}"), style)
        Extractor(engine, RECORDS, [task]).extract(row.input)
        assert engine.backend.asked == [record.prompt]


def test_shots_of_records_take_the_place_of_the_made_up_examples():
    options = BuildOptions(PromptStyle("zh-v3"), tasks=("ner",), shots=2)
    resources = Resources(pool=Pool(WRITERS))
    for row in build_records(WRITERS, lambda _: RECORDS, options, None, resources):
        assert "今天天气" not in row.instruction
        assert row.instruction.count("</文本>\n{") == 2


def replace_template(record, template):
    return TrainingRecord(record.instruction, record.output, record.input, template=template)


def test_what_the_user_says_besides_is_in_every_prompt():
    asked = general(lambda _: '{"entities":[]}')
    options = ExtractOptions(instructions="不要职务")
    Extractor(asked, SCHEMA, options=options).extract("甲")
    assert "补充要求：不要职务" in asked.backend.asked[0].instruction


def test_many_types_are_asked_for_in_parts():
    schema = Schema.from_dict({"name": "s", "entities": [f"类{i}" for i in range(40)]})
    engine = general(lambda _: '{"entities":[]}')
    Extractor(engine, schema).extract("甲")
    counts = [len(re.findall(r"\n类\d", p.instruction)) for p in engine.backend.asked]
    assert counts == [16, 16, 8]


# --- examples ---


def gold(text, *found):
    entities = [Entity("人名", one, text.find(one), text.find(one) + len(one)) for one in found]
    return Document(text[:4], text, entities=tuple(entities))


GOLD = [
    gold("法院判处李明军有期徒刑。", "李明军"),
    gold("球队昨晚赢了比赛，钱国军得分。", "钱国军"),
    gold("法院今天休息。"),
    gold("股市收盘上涨。"),
]


def test_the_examples_most_like_a_text_are_shown_one_of_them_empty():
    examples = GoldExamples(GOLD, 2)
    near = examples.near("法院判处赵明华死刑。", "ner", SCHEMA)
    assert [document.text for document in near] == ["法院今天休息。", "法院判处李明军有期徒刑。"]
    # No task was annotated of which the others say nothing: they are no examples of an empty answer.
    assert GoldExamples(GOLD, 2).near("法院", "re", SCHEMA) == []


def test_no_text_is_shown_with_its_own_answer():
    examples = GoldExamples(GOLD, 4)
    for document in GOLD:
        for asked in (document.text, document.text[:5], "前文。" + document.text):
            assert document not in examples.near(asked, "ner", SCHEMA)


@pytest.mark.parametrize("template", ["zh-v1", "zh-v3"])
def test_examples_are_in_the_prompt_with_their_answers(template):
    engine = general(lambda _: '{"entities":[]}', template=template)
    options = ExtractOptions(examples=GoldExamples(GOLD))
    Extractor(engine, SCHEMA, options=options).extract("法院判处赵明华死刑。")
    [prompt] = engine.backend.asked
    assert encode(GOLD[0], SCHEMA, "json", "ner") in prompt.instruction
    assert "今天天气" not in prompt.instruction


def test_examples_that_are_all_too_long_are_an_error():
    with pytest.raises(InputError, match="at most 300 characters"):
        GoldExamples([gold("长" * 400)])


# --- passes ---


def test_a_further_pass_is_told_what_was_found_and_adds_to_it():
    def answer(prompt):
        told = re.findall("|".join(PEOPLE), prompt.after)
        left = [one for one in PEOPLE if one not in told]
        return names(left[:2])

    for passes in (1, 2, 3):
        engine = general(answer)
        found = Extractor(engine, SCHEMA, options=ExtractOptions(passes=passes)).extract(
            "、".join(PEOPLE)
        )
        assert {e.text for e in found.entities} == set(PEOPLE[: 2 * passes])
        assert len(engine.backend.asked) == passes
        assert found.issues == ()
    assert engine.backend.asked[1].instruction == engine.backend.asked[0].instruction


def test_what_got_no_answer_is_not_asked_further():
    engine = general(lambda _: Completion("", "refused", problem="filtered"))
    found = Extractor(engine, SCHEMA, options=ExtractOptions(passes=3)).extract("甲")
    assert len(engine.backend.asked) == 1
    assert [issue.kind for issue in found.issues] == ["unanswered"]


@pytest.mark.parametrize(
    ("engine", "options"),
    [
        (scripted_engine(str, template="zh-v1", format="json"), {"passes": 2}),
        (scripted_engine(str), {"instructions": "不要职务"}),
        (scripted_engine(str), {"examples": GoldExamples(GOLD)}),
    ],
)
def test_what_a_model_was_not_taught_to_be_asked_is_refused(engine, options):
    with pytest.raises(ConfigError, match="scripted: "):
        Extractor(engine, SCHEMA, options=ExtractOptions(**options))


def test_the_embedded_model_is_asked_in_no_words():
    with pytest.raises(ConfigError, match="instructions"):
        Extractor(None, "msra", options=ExtractOptions(instructions="不要职务"))


# --- two steps ---


def test_a_large_event_schema_is_asked_for_types_and_then_for_the_roles_of_those_found():
    def answer(prompt):
        is_first = "论元留空" in prompt.instruction
        arguments = [] if is_first else [{"role": "时间", "text": "昨天"}]
        events = [{"type": "类3", "trigger": "打", "arguments": arguments}]
        if is_first:
            events.append({"type": "类30", "trigger": "闹", "arguments": []})
        return json.dumps({"events": events})

    engine = general(answer)
    found = Extractor(engine, MANY).extract("昨天又打又闹")
    first, second = engine.backend.asked
    assert first.instruction.count("\n类") == 40
    assert "角色" not in first.instruction
    assert re.findall(r"\n(类\d+)", second.instruction) == ["类3", "类30"]
    assert [(e.type, [a.text for a in e.arguments]) for e in found.events] == [
        ("类3", ["昨天"]),
        ("类30", []),
    ]


def test_nothing_found_is_not_asked_about_and_small_schemas_are_asked_once():
    for schema in (MANY, MANY.select("ee", ["类1", "类2"])):
        engine = general(lambda _: '{"events":[]}')
        Extractor(engine, schema).extract("甲")
        assert len(engine.backend.asked) == 1


# --- budgets ---


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("context", [None, 4096])
def test_a_perfect_reader_keeps_its_recall_on_texts_full_of_names(indent, context):
    people = [a + b + c for a in "赵钱孙李周吴郑" for b in "明国建" for c in "华军伟强"][:70]
    text = "、".join(people) * 3

    class Backend(ScriptedBackend):
        """Two tokens for three characters, and no answer beyond its limit or the context."""

        def generate(self, prompts, *, max_tokens=None, **_):
            from chinchilla.engines.budget import fitting, too_long, wanted

            for prompt in prompts:
                self.asked.append(prompt)
                size = len(prompt.instruction + prompt.framed)
                limit = fitting(wanted(prompt, max_tokens), size, context)
                if not limit:
                    yield too_long(size, context)
                    continue
                found = re.findall("|".join(people), prompt.input)
                said = json.dumps(
                    {"entities": [{"type": "人名", "text": one} for one in found]},
                    ensure_ascii=False,
                    indent=indent,
                )
                yield Completion(said[:limit], "stop" if len(said) <= limit else "length")

    backend = Backend(None)
    backend.context = context
    found = Extractor(Writer("perfect", backend, GENERAL), SCHEMA).extract(text)
    assert len({(e.start, e.end) for e in found.entities}) == 210
    assert not [issue for issue in found.issues if issue.kind in ("truncated", "unparsable")]


@pytest.mark.parametrize(
    ("context", "tokens", "size"),
    [(None, 1, 2000), (2048, 1, 409), (2048, 3, 200), (None, 3, 800), (131072, 0.6, 2000)],
)
def test_windows_follow_the_context_and_the_tokens_of_a_character(context, tokens, size):
    engine = general(str)
    engine.backend.context = context
    engine.backend.count_tokens = lambda prompt: round(tokens * len(prompt.input))
    assert engine.windows(["ner"])[0].size == size
    # What a server is learned to count later does not change the windows of a run.
    engine.backend.count_tokens = lambda prompt: 9 * len(prompt.input)
    assert engine.windows(["ner"])[0].size == size
    taught = replace(engine, style=PromptStyle("zh-v1", window={"ner": 512}))
    assert taught.windows(["ner"])[0].size == 512


# --- the style of a model that is served ---


def test_an_address_says_which_prompt_it_gets_unless_its_style_is_told(tmp_path):
    pytest.importorskip("httpx")
    engine = open_engine("http://127.0.0.1:9/v1#some")
    assert engine.style == GENERAL
    assert "zh-v3" in Extractor(engine, "msra").note
    file = tmp_path / "chinchilla.json"
    file.write_text(json.dumps({"template": "zh-v2", "window": {"ner": 300}}), encoding="utf-8")
    for options in ({"style": file}, {"style": tmp_path}):
        engine = open_engine("http://127.0.0.1:9/v1#some", **options)
        assert (engine.style.template, engine.style.window) == ("zh-v2", {"ner": 300})
        assert engine.note == ""
    # Servers call a model by its folder unless they are told another name.
    assert open_engine(f"http://127.0.0.1:9/v1#{tmp_path}").style.template == "zh-v2"


def test_a_style_that_is_not_there_is_an_error(tmp_path, monkeypatch):
    pytest.importorskip("httpx")
    with pytest.raises(ConfigError, match="holds no style"):
        open_engine("http://127.0.0.1:9/v1#some", style=tmp_path)
    with pytest.raises(ConfigError, match="leave style out"):
        open_engine(None, style=tmp_path)


def test_the_style_of_a_hub_repository_is_read_there(tmp_path, monkeypatch):
    from chinchilla.engines.model_files import find_style, read_style

    asked = []

    def download(model, name, *, local_files_only):
        asked.append((model, name, local_files_only))
        if model != "me/tuned":
            raise OSError("no such file")
        return str(tmp_path / name)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    (tmp_path / "chinchilla.json").write_text('{"template": "zh-v2"}', encoding="utf-8")
    assert read_style("me/tuned").template == "zh-v2"
    assert read_style("me/plain") == GENERAL
    # What a server is said to run is looked up on this machine alone.
    assert find_style("me/tuned", is_cached=True) is not None
    assert asked[-1] == ("me/tuned", "chinchilla.json", True)


# --- a first reader ---


class FirstReader:
    """Finds people by a list, and is unsure of what follows 疑似."""

    name, calibration = "first", None
    trained = {"ner": ("人名", "机构名"), "ee": ("会见",)}

    def windows(self, tasks):
        from chinchilla.engines.protocol import Window

        return [Window(tuple(tasks), 40)]

    def answer(self, questions, options):
        for question in questions:
            text = question.text
            people = [
                Entity("人名", p, text.find(p), text.find(p) + 3) for p in PEOPLE if p in text
            ]
            events = [Event("会见", Mention("会见", 0, 2))] if "会见" in text else []
            assert len(text) <= 40
            document = Document("d", text, entities=tuple(people), events=tuple(events))
            if "疑似" in text:
                from chinchilla.data.documents import Issue

                document = replace_issues(document, Issue("withheld", "海星 | 机构名: too unsure"))
            yield document.extraction

    def check(self, options):
        pass

    def close(self):
        pass


def replace_issues(document, issue):
    return Document(document.id, document.text, document.entities, (), document.events, (issue,))


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("今天天气很好。", []),
        ("赵明华来了。", ["人名"]),
        ("疑似海星公司。", ["机构名"]),
        ("无事。" * 30 + "赵明华来了。疑似海星公司。", ["人名", "机构名"]),
    ],
)
def test_a_model_is_asked_of_what_a_first_reader_finds_plausible(text, types):
    writer = general(lambda _: names(["赵明华"]))
    found = Extractor(Prefiltered(FirstReader(), writer), SCHEMA).extract(text)
    asked = [re.findall(r"\n(人名|机构名)", p.instruction) for p in writer.backend.asked]
    assert asked == ([types] if types else [])
    assert [e.text for e in found.entities] == ["赵明华"] * ("人名" in types)


def test_types_that_the_first_reader_never_met_are_always_asked_for():
    schema = Schema.from_dict(
        {"name": "s", "entities": ["人名", "药物"], "events": [{"name": "会见", "roles": ["谁"]}]}
    )
    writer = general(lambda p: '{"events":[]}' if "trigger" in p.instruction else names([]))
    Extractor(Prefiltered(FirstReader(), writer), schema).extract("今天天气很好。")
    [prompt] = writer.backend.asked
    assert "\n药物" in prompt.instruction
    assert "\n人名" not in prompt.instruction


def test_the_embedded_model_is_no_model_to_filter_for():
    with pytest.raises(ConfigError, match="prefilter is for language models"):
        open_engine(None, prefilter=True)
