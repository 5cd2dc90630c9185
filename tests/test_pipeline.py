"""From texts to extractions: windows, questions, order, laziness, offsets in the whole text."""

import re
from itertools import count, islice
from pathlib import Path

import pytest
from fakes import scripted_engine
from hypothesis import given
from hypothesis import strategies as st

from chinchilla import Document, Extraction, Extractor, decode, encode, extract
from chinchilla.data import document_queue
from chinchilla.data.documents import check_offsets
from chinchilla.decoding.confidence import Calibration
from chinchilla.engines.open import open_engine
from chinchilla.engines.protocol import Completion
from chinchilla.errors import ConfigError, InputError, ModelError, SchemaError
from chinchilla.merge.lexicon import read_lexicon
from chinchilla.options import ExtractOptions

SCHEMA = {
    "name": "test",
    "entities": ["人名", "地名"],
    "relations": ["丈夫"],
    "events": [{"name": "会见", "roles": ["主体"]}],
}


def name_every_capital(prompt):
    """Say each capital letter of the text as a 人名, in order."""
    return "".join(f"{letter}⟦人名⟧" for letter in re.findall("[A-Z]", prompt.input)) or "⟦⟧"


def name_every_stem(prompt):
    """Say each 甲 and 乙 of the text as a 人名, in order: no part of a word, as a letter may be."""
    return "".join(f"{one}⟦人名⟧" for one in re.findall("[甲乙]", prompt.input)) or "⟦⟧"


def test_each_task_is_asked_with_the_types_of_the_schema():
    engine = scripted_engine(lambda prompt: "⟦⟧")
    Extractor(engine, SCHEMA).extract("甲会见了乙")
    assert [p.instruction for p in engine.backend.asked] == [
        "实体⟦人名⟧⟦地名⟧",
        "关系⟦丈夫⟧",
        "事件⟦会见⟧",
    ]


def test_answers_become_one_extraction_with_offsets():
    said = {
        "实": "甲⟦人名⟧",
        "关": "乙⟦丈夫⟧甲⟦⟧",
        "事": "会见⟦会见⟧甲⟦主体⟧",
    }
    engine = scripted_engine(lambda prompt: said[prompt.instruction[0]])
    result = Extractor(engine, SCHEMA).extract("甲会见了乙")
    assert result.to_dict() == {
        "entities": [{"type": "人名", "text": "甲", "start": 0, "end": 1}],
        "relations": [
            {
                "type": "丈夫",
                "subject": {"type": None, "text": "乙", "start": 4, "end": 5},
                "object": {"type": None, "text": "甲", "start": 0, "end": 1},
            }
        ],
        "events": [
            {
                "type": "会见",
                "trigger": {"text": "会见", "start": 1, "end": 3},
                "arguments": [{"role": "主体", "text": "甲", "start": 0, "end": 1}],
            }
        ],
        "issues": [],
    }


@given(st.text(alphabet="甲乙，。人在\u2028\r\n😀Ｃ《》 ", max_size=120), st.integers(4, 40))
def test_windows_lose_and_invent_nothing(text, size):
    engine = scripted_engine(name_every_stem, window={"ner": size})
    whole = scripted_engine(name_every_stem)
    (document,) = Extractor(engine, SCHEMA, ["ner"]).stream([Document("d", text)])
    check_offsets(document)
    assert document.entities == Extractor(whole, SCHEMA, ["ner"]).extract(text).entities


def test_types_are_split_over_prompts_and_their_answers_united():
    engine = scripted_engine(
        lambda prompt: "甲⟦人名⟧" if "人名" in prompt.instruction else "京⟦地名⟧",
        types_per_prompt={"ner": 1},
    )
    result = Extractor(engine, SCHEMA, ["ner"]).extract("甲在京")
    assert [(e.type, e.start) for e in result.entities] == [("人名", 0), ("地名", 2)]


def test_two_step_events_ask_for_the_arguments_of_each_trigger():
    def answer(prompt):
        if prompt.instruction.startswith("论元"):
            return "会见⟦会见⟧甲⟦主体⟧"
        return "会见⟦会见⟧"

    engine = scripted_engine(answer, template="compact-v2", steps=2)
    result = Extractor(engine, SCHEMA, ["ee"]).extract("甲会见了乙")
    assert len(engine.backend.asked) == 2
    assert [(a.role, a.start) for a in result.events[0].arguments] == [("主体", 0)]


def test_the_second_step_keeps_the_place_of_the_trigger_it_asked_about():
    text = "甲会见乙，丙会见丁，戊会见己"

    def answer(prompt):
        if prompt.instruction.startswith("论元"):
            who = {"1": "甲", "2": "丙", "3": "戊"}[prompt.instruction[-2]]
            return f"会见⟦会见⟧{who}⟦主体⟧"
        return "会见⟦会见⟧⟦#2⟧\n会见⟦会见⟧"

    engine = scripted_engine(answer, template="compact-v2", steps=2)
    result = Extractor(engine, SCHEMA, ["ee"]).extract(text)
    assert [(e.trigger.start, e.arguments[0].text) for e in result.events] == [
        (6, "丙"),
        (11, "戊"),
    ]


def test_a_trigger_that_is_listed_twice_is_asked_about_once():
    def answer(prompt):
        if prompt.instruction.startswith("论元"):
            return "会见⟦会见⟧甲⟦主体⟧\n会见⟦会见⟧丙⟦主体⟧"
        return "会见⟦会见⟧\n会见⟦会见⟧\n座谈⟦会见⟧"

    engine = scripted_engine(answer, template="compact-v2", steps=2)
    result = Extractor(engine, SCHEMA, ["ee"]).extract("甲和丙会见了乙")
    # Once for triggers, once for each of two.
    assert len(engine.backend.asked) == 3
    assert [e.arguments[0].text for e in result.events if e.trigger.text == "会见"] == [
        "甲",
        "丙",
    ] * 2
    told = {issue.detail: issue.where for issue in result.issues}
    assert told["'会见' as '会见' is repeated"] == ""
    # The event of the first step that this was said of is gone.
    assert told["'座谈' is not in the text"] == ""


def test_an_event_or_argument_that_is_said_again_is_told_and_left_out():
    said = "会见⟦会见⟧甲⟦主体⟧甲⟦主体⟧\n会见⟦会见⟧甲⟦主体⟧\n会见⟦会见⟧甲⟦主体⟧\n会见⟦会见⟧丙⟦主体⟧"
    result = Extractor(scripted_engine(lambda _: said), SCHEMA, ["ee"]).extract("甲和丙会见了乙")
    assert [[a.text for a in event.arguments] for event in result.events] == [["甲"], ["丙"]]
    assert [issue.detail for issue in result.issues] == [
        "'会见' as '会见' is repeated",
        "'甲' as '主体' of one event is repeated",
    ]


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda e: e(SCHEMA, ()), SchemaError, "no tasks; name some of ner, re, ee"),
        (lambda e: e(["人名"]), SchemaError, "the schema is a list; expected a Schema"),
        (lambda e: e("x" * 5000), SchemaError, "neither a built-in schema nor a file"),
        (lambda e: decode("{}", "甲", SCHEMA, tasks=["nre"]), SchemaError, "unknown task 'nre'"),
        (lambda e: decode("{}", "甲", "msra", tasks="re"), SchemaError, "nothing for task 're'"),
        (lambda e: encode(Document("d", "甲"), SCHEMA, tasks=[]), SchemaError, "no tasks"),
        (lambda e: e(SCHEMA).extract(0.5), InputError, "'text': its text is a float"),
        (
            lambda e: ExtractOptions(lexicon="w.txt"),
            ConfigError,
            "lexicon is a str; .*read_lexicon",
        ),
        (lambda e: Extractor("127.0.0.1:8000/v1#m"), ModelError, "no such model; .*http://host/v1"),
        (lambda e: Extractor(Path("none/such")), ModelError, "none/such"),
    ],
)
def test_what_a_caller_gives_wrong_is_named(call, error, told):
    engine = scripted_engine(lambda _: "⟦⟧")
    with pytest.raises(error, match=told):
        call(lambda schema, tasks=None: Extractor(engine, schema, tasks))


def test_what_a_caller_gives_in_other_forms_is_taken():
    engine = scripted_engine(lambda _: "甲⟦人名⟧")
    extractor = Extractor(engine, Path("msra"), (task for task in ["ner"]))
    assert len(extractor.extract("甲").entities) == 1


@pytest.mark.parametrize("step", [1, 2])
def test_a_refused_step_of_two_is_told_in_an_issue(step):
    def answer(prompt):
        if (2 if prompt.instruction.startswith("论元") else 1) == step:
            return Completion("", "refused", problem="too long")
        return "会见⟦会见⟧"

    engine = scripted_engine(answer, template="compact-v2", steps=2)
    result = Extractor(engine, SCHEMA, ["ee"]).extract("甲会见了乙")
    trigger = ", trigger '会见'" if step == 2 else ""
    detail = f"no answer for ee at [0, 5){trigger}: too long"
    assert [issue.to_dict() for issue in result.issues] == [
        {"kind": "unanswered", "detail": detail}
    ]
    assert not result.events


def test_a_refused_window_leaves_what_the_others_say():
    def answer(prompt):
        if "B" in prompt.input:
            return Completion("", "refused", problem="too long")
        return name_every_capital(prompt)

    engine = scripted_engine(answer, window={"ner": 4})
    result = Extractor(engine, SCHEMA, ["ner"]).extract("A甲乙。B甲乙。C甲乙。")
    assert [entity.text for entity in result.entities] == ["A", "C"]
    assert [issue.detail[:24] for issue in result.issues] == ["no answer for ner at [4,"]


def test_stream_is_lazy_and_keeps_order_ids_and_meta():
    taken = []

    def documents():
        for i in range(1000):
            taken.append(i)
            yield Document(str(i), "A" + "甲" * 499, meta={"n": i})

    stream = Extractor(scripted_engine(name_every_capital), SCHEMA, ["ner"]).stream(documents())
    first = next(stream)
    assert (first.id, first.meta, len(first.entities)) == ("0", {"n": 0}, 1)
    assert len(taken) < 1000
    assert [document.id for document in stream] == [str(i) for i in range(1, 1000)]


def test_documents_come_while_further_ones_are_read_also_where_nothing_is_asked():
    def documents():
        for i in count():
            yield Document(str(i), " " if i % 3 else f"A{i}")

    extractor = Extractor(scripted_engine(name_every_capital), SCHEMA, ["ner"])
    found = list(islice(extractor.stream(documents()), 10))
    assert [document.id for document in found] == [str(i) for i in range(10)]
    assert [len(document.entities) for document in found] == [1, 0, 0] * 3 + [1]
    blank = [Document(str(i), " ") for i in range(3)]
    assert [document.id for document in extractor.stream(blank)] == ["0", "1", "2"]


def test_documents_of_which_nothing_is_asked_do_not_pile_up(monkeypatch):
    monkeypatch.setattr(document_queue, "_MOST_WAITING", 2000)
    taken = []

    def documents():
        for i in range(100):
            taken.append(i)
            yield Document(str(i), " " if i % 10 else "A")

    stream = Extractor(scripted_engine(name_every_capital), SCHEMA, ["ner"]).stream(documents())
    for i, document in enumerate(stream):
        assert document.id == str(i)
        assert len(document.entities) == (i % 10 == 0)
        assert len(taken) < i + 14
    assert len(taken) == 100


@pytest.mark.parametrize("style", [{}, {"template": "compact-v2", "steps": 2}])
def test_documents_read_before_a_failure_are_answered_before_it_is_told(style):
    def documents():
        yield from (Document(str(i), "A会见了B") for i in range(5))
        raise InputError("rows.jsonl:6: not valid JSON")

    stream = Extractor(scripted_engine(lambda prompt: "⟦⟧", **style), SCHEMA).stream(documents())
    assert [document.id for document in islice(stream, 5)] == list("01234")
    with pytest.raises(InputError, match="rows.jsonl:6"):
        next(stream)


def test_half_of_a_surrogate_pair_is_refused_after_the_documents_before_it():
    documents = [Document("a", "A"), Document("b", "見\ud842")]
    stream = Extractor(scripted_engine(name_every_capital), SCHEMA, ["ner"]).stream(documents)
    assert next(stream).id == "a"
    with pytest.raises(InputError, match=r"document 'b': half of a surrogate pair .* at 1;"):
        next(stream)


def test_an_engine_that_answers_too_few_prompts_is_an_error():
    engine = scripted_engine(name_every_capital)
    generate = engine.backend.generate
    engine.backend.generate = lambda prompts, **more: islice(generate(prompts, **more), 2)
    documents = [Document(str(i), "A") for i in range(6)]
    with pytest.raises(ModelError, match="left prompts without an answer"):
        list(Extractor(engine, SCHEMA, ["ner"]).stream(documents))


def test_two_steps_keep_the_order_of_the_documents():
    def answer(prompt):
        if prompt.instruction.startswith("论元"):
            return "会见⟦会见⟧甲⟦主体⟧"
        return "会见⟦会见⟧" if "会见" in prompt.input else "⟦⟧"

    texts = ["甲会见了乙", "乙", "丙会见了甲", " ", "甲"]
    engine = scripted_engine(answer, template="compact-v2", steps=2)
    documents = [Document(str(i), text) for i, text in enumerate(texts)]
    found = list(Extractor(engine, SCHEMA, ["ee"]).stream(documents))
    assert [(d.id, len(d.events)) for d in found] == [
        ("0", 1),
        ("1", 0),
        ("2", 1),
        ("3", 0),
        ("4", 0),
    ]


def test_a_cut_completion_is_an_issue_and_what_it_said_is_kept():
    engine = scripted_engine(lambda prompt: Completion("甲⟦人名⟧乙⟦人", "length"))
    result = Extractor(engine, SCHEMA, ["ner"]).extract("甲和乙")
    assert [entity.text for entity in result.entities] == ["甲"]
    assert "truncated" in [issue.kind for issue in result.issues]


def test_issues_of_a_window_count_from_the_start_of_the_document():
    engine = scripted_engine(
        lambda prompt: "上海分公司⟦机构名⟧" if "上海" in prompt.input else "⟦⟧", window={"ner": 20}
    )
    result = Extractor(engine, "msra").extract("今天天气很好。" * 4 + "上海、北京分公司都裁员。")
    [issue] = result.issues
    assert "'上海' at [28, 30) and '分公司' at [33, 36)" in issue.detail


def test_blank_documents_do_not_pile_up_where_all_must_be_known_first(monkeypatch):
    monkeypatch.setattr(document_queue, "_MOST_WAITING", 2000)
    taken = []

    def documents():
        for i in range(100):
            taken.append(i)
            yield Document(str(i), " ")

    options = ExtractOptions(constrain=True)
    stream = Extractor(scripted_engine(name_every_capital), SCHEMA, options=options)
    assert next(stream.stream(documents())).id == "0"
    assert len(taken) < 50


def test_text_of_blanks_asks_nothing():
    engine = scripted_engine(name_every_capital)
    assert Extractor(engine, SCHEMA).extract(" \n\u3000") == Extraction()
    assert engine.backend.asked == []
    engine = scripted_engine(name_every_capital, window={"ner": 10})
    blanks = " " * 40
    result = Extractor(engine, SCHEMA, "ner").extract(f"A{blanks}B{blanks}")
    assert [(entity.start, entity.end) for entity in result.entities] == [(0, 1), (41, 42)]
    assert all(prompt.input.strip() for prompt in engine.backend.asked)


def test_types_the_model_never_met_are_named():
    engine = scripted_engine(name_every_capital, trained={"ner": ["人名"], "re": ["丈夫"]})
    extractor = Extractor(engine, SCHEMA)
    assert extractor.untrained() == {"ner": ["地名"], "ee": ["会见"]}
    assert extractor.untrained_notes()[0] == (
        "scripted was not trained on 1 of 2 types asked for (ner: 地名); "
        "expect little or nothing for them"
    )


def test_python_is_warned_of_types_the_embedded_model_never_met():
    with pytest.warns(UserWarning, match=r"mini was not trained on 1 of 1 types .*菜名"):
        extract("今天吃鱼香肉丝", {"name": "dishes", "entities": ["菜名"]})


def test_a_task_the_schema_does_not_declare_is_refused():
    engine = scripted_engine(name_every_capital)
    with pytest.raises(SchemaError, match="'msra' declares nothing for task 'ee'; it declares ner"):
        Extractor(engine, "msra", ["ee"])
    with pytest.raises(SchemaError, match="unknown task 'rel'; tasks are ner, re, ee"):
        Extractor(engine, "msra", ["rel"])


def test_scores_come_from_token_probabilities_and_filter():
    # 甲⟦人名⟧ has log-probabilities 0 and 0: score 1. 乙⟦人名⟧ has -2 and 0: exp(-1) = 0.368.
    said = Completion("甲⟦人名⟧乙⟦人名⟧", "stop", (1, 5, 6, 10, 10), (0.0, 0.0, -2.0, 0.0, 0.0))
    engine = scripted_engine(lambda prompt: said)
    plain = Extractor(engine, SCHEMA, ["ner"]).extract("甲和乙")
    assert [entity.score for entity in plain.entities] == [None, None]
    scored = Extractor(engine, SCHEMA, ["ner"], options=ExtractOptions(scores=True))
    assert [e.score for e in scored.extract("甲和乙").entities] == pytest.approx(
        [1.0, 0.3679], abs=1e-4
    )
    strict = Extractor(engine, SCHEMA, ["ner"], options=ExtractOptions(min_score=0.5))
    assert [entity.text for entity in strict.extract("甲和乙").entities] == ["甲"]


def test_a_lexicon_adds_to_what_the_model_says(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("丙 10 人名\n", encoding="utf-8")
    engine = scripted_engine(lambda prompt: "甲⟦人名⟧")
    options = ExtractOptions(lexicon=read_lexicon(path))
    result = Extractor(engine, SCHEMA, ["ner"], options=options).extract("甲和丙")
    assert [(e.text, e.status) for e in result.entities] == [("甲", "exact"), ("丙", "lexicon")]


@pytest.mark.parametrize(
    "options",
    [
        {"min_score": float("nan")},
        {"min_score": 1.5},
        {"types_per_prompt": 0},
    ],
)
def test_numbers_that_would_leave_out_everything_are_refused(options):
    with pytest.raises(ConfigError, match=f"{next(iter(options))} is .*; expected"):
        ExtractOptions(**options)


def test_a_calibration_asks_for_scores():
    assert ExtractOptions(calibration=Calibration(2.0)).wants_scores


@pytest.mark.parametrize("model", [None, "http://127.0.0.1:9/v1#m"])
def test_what_cannot_be_quantised_is_told(model):
    with pytest.raises(ConfigError, match="quantisation is int8, but it is no transformers model"):
        open_engine(model, quantisation="int8")
