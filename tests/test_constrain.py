import random
import sys

import pytest
from constrain_samples import CASES, SCHEMA, TASKS, TEXTS, vocabulary
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chinchilla.data.documents import Document, Entity, iter_mentions
from chinchilla.data.schema import Schema
from chinchilla.decoding.decode import decode
from chinchilla.decoding.encode import encode
from chinchilla.engines.constrain import AnswerConstraint, answer_grammar
from chinchilla.engines.constrain.token_bytes import Vocabulary
from chinchilla.engines.constrain.walker import Walker
from chinchilla.errors import ModelError

KINDS = ("byte level", "byte fallback", "words")
texts = st.sampled_from(TEXTS) | st.text('ab雀巢裁员， \n"\\⟦⟧{}[]:<>/think\u2028😀', max_size=12)


def may_write(text, answer, task, form="json"):
    tokens, tokenizer = vocabulary("byte level")
    walker = Walker(AnswerConstraint(SCHEMA, task, text, form), tokens)
    return walker.follow([*tokenizer.encode(answer).ids, 1])


def may_mention(text, mention):
    return may_write(text, f"{mention}⟦人名⟧", "ner", "compact")


@pytest.mark.parametrize("text", ["aab a", "他 a \u3000b", "xyxyz", "<x></think>"])
def test_mentions_are_exactly_the_substrings_without_outer_blanks(text):
    parts = {text[i:j] for i in range(len(text)) for j in range(i, len(text) + 1)}
    for part in parts:
        is_mention = part and part == part.strip() and "</think>" not in part
        assert may_mention(text, part) == bool(is_mention), part
    assert not may_mention(text, text[::-1] + text)


def test_mentions_are_parted_at_characters_that_cannot_be_written():
    tokens = Vocabulary([(i, c.encode()) for i, c in enumerate("⟦⟧人名abc")], [9])
    schema = Schema.from_dict({"name": "s", "entities": ["人名"]})
    walker = Walker(AnswerConstraint(schema, "ner", "ab雀c", "compact"), tokens)
    assert walker.follow([4, 5, 0, 2, 3, 1, 6, 0, 2, 3, 1, 9])
    assert not walker.follow([5, 6])


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
        ("ee", "json", '{"events":[{"type":"裁员","trigger":null,"arguments":[]}]}'),
        ("ee", "json", '{"events":[{"type":"上市","trigger":"上","arguments":[]}]}'),
        ("ner", "compact", ""),
        ("ner", "compact", "雀巢"),
        ("re", "compact", "雀巢⟦作者⟧"),
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


@pytest.mark.parametrize(
    ("task", "form", "opened", "item", "rest"),
    [
        ("ner", "json", '{"entities":[', '{"type":"人名","text":"宣布"}', "]}"),
        ("ner", "compact", "", "宣布⟦人名⟧", ""),
        ("re", "json", '{"relations":[', '{"type":"作者","subject":"雀","object":"人"}', "]}"),
        ("re", "compact", "", "雀巢⟦作者⟧人⟦⟧", ""),
        ("ee", "json", '{"events":[', '{"type":"地震","trigger":null,"arguments":[]}', "]}"),
        ("ee", "compact", "", "宣布⟦裁员⟧雀巢⟦裁员方⟧", ""),
    ],
)
def test_an_item_said_more_often_than_it_can_be_true_ends_the_answer(
    task, form, opened, item, rest
):
    tokens, tokenizer = vocabulary("byte level")
    walker = Walker(AnswerConstraint(SCHEMA, task, TEXTS[0], form), tokens)
    between = "," if form == "json" else "" if task == "ner" else "\n"
    answer = f"{opened}{item}{between}{item}"
    assert walker.follow(tokenizer.encode(answer).ids)
    while not walker.is_over:
        walker.advance(walker.choose([1.0] * 420, 400))
    assert walker.text == answer + rest


def test_an_entity_may_be_said_as_often_as_its_mention_stands_in_the_text():
    tokens, tokenizer = vocabulary("byte level")
    walker = Walker(AnswerConstraint(SCHEMA, "ner", TEXTS[0], "compact"), tokens)
    ids = tokenizer.encode("雀巢⟦人名⟧" * 2 + "宣布⟦人名⟧").ids
    assert all(walker.step(token, 400) for token in ids)


def random_answer(walker, rng, limit, eagerness=0.2):
    """Write an answer of random tokens; return its ids, the end included."""
    while not walker.is_over:
        scores = [rng.random() for _ in range(max(walker.vocabulary.written) + 1)]
        scores[1] = rng.random() < eagerness
        walker.advance(walker.choose(scores, limit - len(walker.tokens)))
    return walker.tokens


def assert_faultless(answer, text, task, form, schema=SCHEMA):
    """Check that all is as asked, but that the last item may be one too many."""
    found = decode(answer, text, schema, form, [task])
    assert {issue.kind for issue in found.issues} <= {"repeated"}
    values = {"筹备", "正式"}
    for _, mention in iter_mentions(found):
        assert mention.start is not None or mention.text in values or found.issues
        assert mention.start is None or text[mention.start : mention.end] == mention.text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("task", "form"), CASES)
@settings(max_examples=12)
@given(text=texts, seed=st.integers(0, 10**6), room=st.sampled_from([0, 3, 40, 400]))
@example(text="我", seed=0, room=400)
def test_random_tokens_always_end_as_a_faultless_answer(kind, task, form, text, seed, room):
    tokens, tokenizer = vocabulary(kind)
    walker = Walker(AnswerConstraint(SCHEMA, task, text, form), tokens)
    limit = walker.least_tokens() + room
    ids = random_answer(walker, random.Random(seed), limit)
    assert len(ids) <= limit
    assert_faultless(tokenizer.decode(ids[:-1]), text, task, form)


def test_labels_that_a_vocabulary_cannot_write_are_left_out():
    tokens = Vocabulary([(i, c.encode()) for i, c in enumerate("⟦⟧人名雀")], [9])
    schema = Schema.from_dict({"name": "s", "entities": ["人名", "地名"]})
    walker = Walker(AnswerConstraint(schema, "ner", "雀巢", "compact"), tokens)
    assert walker.follow([4, 0])
    assert walker.forced() == "人名⟧"


def test_a_vocabulary_that_cannot_write_the_format_is_refused():
    tokens = Vocabulary([(0, b"a")], [1])
    with pytest.raises(ModelError, match="cannot write the json format: no token for '{'"):
        Walker(AnswerConstraint(SCHEMA, "ner", "雀巢"), tokens)


def test_tokens_may_begin_and_end_inside_a_character():
    # 雀 is e9 9b 80, 巢 is e5 b7 a2.
    pieces = [b"\xe9", b"\x9b\x80\xe5\xb7", b"\xa2", b"\xe9\x9b", "⟦".encode(), "⟧".encode()]
    pieces += ["人".encode(), "名".encode(), b"\x9b", b"\x80", b"\xe5", b"\xb7"]
    tokens = Vocabulary(enumerate(pieces), [99])
    schema = Schema.from_dict({"name": "s", "entities": ["人名"]})
    walker = Walker(AnswerConstraint(schema, "ner", "雀巢", "compact"), tokens)

    def allowed(*ids):
        return [t for t in range(len(pieces)) if walker.follow([*ids, t])]

    assert allowed() == [0, 3, 4, 10]
    assert allowed(0) == [1, 8]
    assert allowed(0, 1) == [2]
    assert allowed(0, 1, 2) == [4]


@pytest.mark.parametrize("task", TASKS)
def test_forced_characters_stop_at_the_first_choice(task):
    tokens, _ = vocabulary("byte level")
    walker = Walker(AnswerConstraint(SCHEMA, task, TEXTS[0]), tokens)
    key = {"ner": "entities", "re": "relations", "ee": "events"}[task]
    assert walker.forced() == f'{{"{key}":'


@pytest.mark.parametrize(("task", "form"), CASES)
@pytest.mark.parametrize("text", [*TEXTS, "\ud83d雀", ""])
def test_the_grammar_of_an_answer_is_one_that_servers_can_read(task, form, text):
    llguidance = pytest.importorskip("llguidance")
    grammar = answer_grammar(SCHEMA, task, text, form)
    assert llguidance.LLMatcher.validate_grammar(grammar) == ""


def test_an_answer_may_be_written_anew_from_any_point():
    tokens, tokenizer = vocabulary("byte level")
    walker = Walker(AnswerConstraint(SCHEMA, "ner", TEXTS[0], "compact"), tokens)
    first, other = (tokenizer.encode(f"{word}⟦人名⟧").ids for word in ("宣布", "裁员"))
    assert walker.follow([*first, *first])
    assert walker._must_close()
    assert walker.follow([*first, *other, 1])
    assert walker.is_over
    assert not walker._must_close()
    assert not walker.follow([*first, *other, 1, 5])


def test_a_missing_llguidance_is_named_with_what_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "llguidance", None)
    tokens = Vocabulary([(i, bytes([i])) for i in range(256)], [256])
    with pytest.raises(ModelError, match=r"need llguidance; run: pip install .*\[constrain\]"):
        Walker(AnswerConstraint(SCHEMA, "ner", "雀巢"), tokens)
