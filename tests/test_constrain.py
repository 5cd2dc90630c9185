import random

import pytest
from constrain_samples import CASES, SCHEMA, TASKS, TEXTS, vocabulary
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chinchilla.data.documents import Document, Entity, iter_mentions
from chinchilla.data.schema import Schema
from chinchilla.decoding.decode import decode
from chinchilla.decoding.encode import encode
from chinchilla.engines.constrain import AnswerConstraint
from chinchilla.engines.constrain.substrings import ROOT, Substrings
from chinchilla.engines.constrain.token_tree import Vocabulary
from chinchilla.engines.constrain.walker import Walker
from chinchilla.errors import ModelError

KINDS = ("byte level", "byte fallback", "words")
texts = st.sampled_from(TEXTS) | st.text('ab雀巢裁员， \n"\\⟦⟧{}[]:<>/think\u2028😀', max_size=12)


def write(automaton, text):
    state = automaton.start
    for character in text:
        state = automaton.step(state, character)
        if state is None:
            return None
    return state


def may_write(text, answer, task, form="json"):
    automaton = AnswerConstraint(SCHEMA, task, text, form).automaton()
    state = write(automaton, answer)
    return state is not None and automaton.accepts(state)


def spelt(substrings):
    found = set()

    def visit(state, word):
        if substrings.ends[state]:
            found.add(word)
        for character, after in substrings.edges[state].items():
            visit(after, word + character)

    visit(ROOT, "")
    return found


@given(texts)
def test_substrings_spell_exactly_the_substrings_without_outer_blanks(text):
    found = Substrings(text)
    expected = {text[i:j] for i in range(len(text)) for j in range(i + 1, len(text) + 1)}
    expected = {word for word in expected if word == word.strip()}
    if "<" not in text:
        assert spelt(found) == expected
    assert len(spelt(found)) == found.mentions


def test_substrings_are_parted_at_characters_that_cannot_be_written():
    assert spelt(Substrings("ab雀c", "abc".__contains__)) == {"a", "b", "ab", "c"}


def test_a_closing_thought_mark_is_no_mention():
    assert "</think>" not in spelt(Substrings("<x></think>"))
    assert "</think" in spelt(Substrings("<x></think>"))


@pytest.mark.parametrize(
    ("task", "answer"),
    [
        ("ner", '{"entities":[]}'),
        ("ner", '{"entities":[{"type":"人名","text":"雀巢"},{"type":"人名","text":"雀巢"}]}'),
        ("ner", '{"entities": [{"type": "机\\"构\\\\⟦名", "text": "裁员"}]}'),
        ("re", '{"relations":[{"type":"作者","subject":"雀巢","object":"人"}]}'),
        (
            "re",
            '{"relations":[{"type":"作者","subject":"雀","object":"人",'
            '"qualifiers":{"地点":"巢","inWork":"4000"}}]}',
        ),
        (
            "ee",
            '{"events":[{"type":"裁员","trigger":"裁员","arguments":[{"role":"裁员方","text":"雀巢"},'
            '{"role":"环节","text":"筹备"}]},{"type":"地震","trigger":null,"arguments":[]}]}',
        ),
    ],
)
def test_json_answers_of_the_schema_can_be_written(task, answer):
    assert may_write(TEXTS[0], answer, task)


@pytest.mark.parametrize(
    ("task", "answer"),
    [
        ("ner", "⟦⟧"),
        ("ner", "雀巢⟦人名⟧雀巢⟦人名⟧"),
        ("re", "雀巢⟦作者⟧人⟦⟧巢⟦地点⟧\n雀巢⟦导演⟧裁员⟦⟧"),
        ("ee", "裁员⟦裁员⟧雀巢⟦裁员方⟧筹备⟦环节⟧\n⟦上市⟧雀巢⟦公司⟧\n⟦地震⟧"),
    ],
)
def test_compact_answers_of_the_schema_can_be_written(task, answer):
    assert may_write(TEXTS[0], answer, task, "compact")


@pytest.mark.parametrize(
    ("task", "form", "answer"),
    [
        ("ner", "json", '{"entities":[{"type":"地名","text":"雀巢"}]}'),
        ("ner", "json", '{"entities":[{"type":"人名","text":"雀雀"}]}'),
        ("ner", "json", '{"entities":[{"type":"人名","text":""}]}'),
        ("ner", "json", '{"entities":[{"type":"人名","text":"\\u96c0"}]}'),
        ("ner", "json", '{"entities":[],"entities":[]}'),
        ("ner", "json", '{"entities": [{"type":"人名"'),
        (
            "ner",
            "json",
            '{"entities":[{"type":"人名","text":"宣布"},{"type":"人名","text":"宣布"}]}',
        ),
        ("ee", "json", '{"events":[{"type":"裁员","trigger":null,"arguments":[]}]}'),
        ("ee", "json", '{"events":[{"type":"上市","trigger":"上","arguments":[]}]}'),
        ("ner", "compact", ""),
        ("ner", "compact", "雀巢"),
        ("ner", "compact", "宣布⟦人名⟧宣布⟦人名⟧"),
        ("re", "compact", "雀巢⟦作者⟧"),
        ("re", "compact", "雀巢⟦作者⟧人⟦⟧\n雀巢⟦作者⟧人⟦⟧"),
        ("re", "compact", "雀巢⟦作者⟧人⟦⟧\n"),
        ("ee", "compact", "裁员⟦裁员⟧别的⟦环节⟧"),
        ("ee", "compact", "雀巢⟦上市⟧"),
    ],
)
def test_other_answers_cannot_be_written(task, form, answer):
    assert not may_write(TEXTS[0], answer, task, form)


def test_marks_within_a_mention_are_written_escaped_and_in_one_way_only():
    text = '他"说\\⟦a⟧\n好'
    entity = Entity("人名", text, 0, len(text))
    document = Document("d", text, (entity,))
    for form in ("json", "compact"):
        answer = encode(document, SCHEMA, form, ["ner"])
        assert may_write(text, answer, "ner", form)
        assert decode(answer, text, SCHEMA, form, ["ner"]).entities == (entity,)
    assert not may_write(text, '{"entities":[{"type":"人名","text":"他"说"}]}', "ner")
    assert not may_write(text, "他⟦a⟧⟦人名⟧", "ner", "compact")


def test_the_distance_is_that_of_a_way_to_the_end():
    automaton = AnswerConstraint(SCHEMA, "re", TEXTS[0], "json").automaton()
    begun, rest = '{"relations":[{"type":"作者","sub', 'ject":"4","object":"4"}]}'
    assert automaton.distance(write(automaton, begun)) == len(rest)
    assert automaton.accepts(write(automaton, begun + rest))


def random_answer(walker, rng, limit, eagerness=0.2):
    """Write an answer of random tokens; return its ids, the end included."""
    position, ids = walker.start, []
    while True:
        allowed = walker.allowed(position, limit - len(ids))
        assert allowed, "no token may follow"
        if 1 in allowed and rng.random() < eagerness:
            return [*ids, 1]
        token = rng.choice(allowed)
        ids.append(token)
        if token == 1:
            return ids
        position = walker.advance(position, token)


def assert_faultless(answer, text, task, form, schema=SCHEMA):
    found = decode(answer, text, schema, form, [task])
    assert found.issues == ()
    values = {"筹备", "正式"}
    for _, mention in iter_mentions(found):
        assert mention.start is not None or mention.text in values
        assert mention.start is None or text[mention.start : mention.end] == mention.text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("task", "form"), CASES)
@settings(max_examples=12)
@given(text=texts, seed=st.integers(0, 10**6), room=st.sampled_from([0, 3, 40, 400]))
@example(text="我", seed=0, room=400)
def test_random_tokens_always_end_as_a_faultless_answer(kind, task, form, text, seed, room):
    tokens, tokenizer = vocabulary(kind)
    if kind == "words" and form == "json" and task == "ee":
        assert tokens.can_write("{")
    automaton = AnswerConstraint(SCHEMA, task, text, form).automaton(tokens.can_write)
    walker = Walker(automaton, tokens)
    limit = walker.least_tokens() + room
    ids = random_answer(walker, random.Random(seed), limit)
    assert len(ids) <= limit
    assert_faultless(tokenizer.decode(ids[:-1]), text, task, form)


def test_labels_that_a_vocabulary_cannot_write_are_left_out():
    tokens = Vocabulary([(i, c.encode()) for i, c in enumerate("⟦⟧人名雀")], [9])
    schema = Schema.from_dict({"name": "s", "entities": ["人名", "地名"]})
    automaton = AnswerConstraint(schema, "ner", "雀巢", "compact").automaton(tokens.can_write)
    state = write(automaton, "雀⟦")
    assert automaton.ways(state) == ["人"]


def test_a_vocabulary_that_cannot_write_the_format_is_refused():
    tokens = Vocabulary([(0, b"a")], [1])
    with pytest.raises(ModelError, match="cannot write the json format: no token for '{'"):
        AnswerConstraint(SCHEMA, "ner", "雀巢").automaton(tokens.can_write)


def test_tokens_may_begin_and_end_inside_a_character():
    # 雀 is e9 9b 80, 巢 is e5 b7 a2.
    pieces = [b"\xe9", b"\x9b\x80\xe5\xb7", b"\xa2", b"\xe9\x9b", "⟦".encode(), "⟧".encode()]
    pieces += ["人".encode(), "名".encode(), b"\x9b", b"\x80", b"\xe5", b"\xb7"]
    tokens = Vocabulary(enumerate(pieces), [99])
    schema = Schema.from_dict({"name": "s", "entities": ["人名"]})
    automaton = AnswerConstraint(schema, "ner", "雀巢", "compact").automaton(tokens.can_write)
    walker = Walker(automaton, tokens)
    assert walker.allowed(walker.start, 100) == [0, 3, 4, 10]
    first = walker.advance(walker.start, 0)
    assert walker.allowed(first, 100) == [1, 8]
    second = walker.advance(first, 1)
    assert walker.allowed(second, 100) == [2]
    assert walker.allowed(walker.advance(second, 2), 100) == [4]


@pytest.mark.parametrize("task", TASKS)
def test_forced_characters_stop_at_the_first_choice(task):
    tokens, _ = vocabulary("byte level")
    automaton = AnswerConstraint(SCHEMA, task, TEXTS[0]).automaton(tokens.can_write)
    walker = Walker(automaton, tokens)
    forced, position = walker.forced(walker.start)
    assert forced == {"ner": '{"entities":', "re": '{"relations":', "ee": '{"events":'}[task]
    assert len(automaton.ways(position.state)) == 2
