"""Language models as engines: answers that are cut off, and prompts that do not fit."""

import re

import pytest
from fakes import scripted_engine

from chinchilla import Extractor
from chinchilla.engines.protocol import Completion
from chinchilla.errors import ConfigError
from chinchilla.options import ExtractOptions

SCHEMA = {"name": "s", "entities": ["人名"], "relations": ["丈夫"], "events": [{"name": "会见"}]}
NAMES = [a + b + c for a in "赵钱孙李周" for b in "明国建" for c in "华军伟"]


def reader(room):
    """Names every name of the list, and is cut off after so many."""

    def answer(prompt):
        found = re.findall("|".join(NAMES), prompt.input)
        said = "".join(f"{name}⟦人名⟧" for name in found[:room]) or "⟦⟧"
        return Completion(said, "length" if len(found) > room else "stop")

    return answer


@pytest.mark.parametrize("joint", ["、", "", "和", "。\n", " "])
@pytest.mark.parametrize("room", [50, 20, 12])
def test_what_is_cut_off_is_asked_again_in_halves(joint, room):
    text = joint.join(NAMES)
    engine = scripted_engine(reader(room))
    found = Extractor(engine, SCHEMA, "ner").extract(text)
    assert {entity.text for entity in found.entities} == set(NAMES)
    assert all(text[entity.start : entity.end] == entity.text for entity in found.entities)
    assert found.issues == ()
    assert (len(engine.backend.asked) == 1) == (room == 50)


def test_a_model_that_never_ends_is_not_asked_for_ever():
    engine = scripted_engine(lambda _: Completion("赵明华⟦人名⟧", "length"))
    found = Extractor(engine, SCHEMA, "ner").extract("、".join(NAMES))
    assert len(engine.backend.asked) < 60
    assert {issue.kind for issue in found.issues} >= {"truncated"}


@pytest.mark.parametrize("circle", ["，", "赵明华⟦人名⟧", "在北京工作" * 10])
def test_a_model_that_goes_round_in_circles_is_asked_once_more_at_most(circle):
    engine = scripted_engine(lambda _: Completion(circle * 300, "length"))
    Extractor(engine, SCHEMA, "ner").extract("、".join(NAMES))
    assert len(engine.backend.asked) <= 4


@pytest.mark.parametrize("task", ["ner", "re", "ee"])
def test_a_text_too_long_for_the_model_is_read_in_parts(task):
    sizes = []

    def answer(prompt):
        sizes.append(len(prompt.input))
        if len(prompt.input) > 100:
            return Completion("", "refused", problem="too long", is_too_long=True)
        return "⟦⟧"

    text = "甲和乙在北京见了面，" * 50
    found = Extractor(scripted_engine(answer), SCHEMA, task).extract(text)
    assert found.issues == ()
    assert sizes[0] == 500
    assert sum(size for size in sizes if size <= 100) >= 500


def test_a_prompt_that_never_fits_is_told():
    said = Completion("", "refused", problem="the prompt has 900 tokens", is_too_long=True)
    found = Extractor(scripted_engine(lambda _: said), SCHEMA, "ner").extract("甲和乙" * 40)
    assert {issue.kind for issue in found.issues} == {"unanswered"}
    assert "the prompt has 900 tokens" in found.issues[0].detail


def test_the_most_tokens_are_what_the_user_says():
    seen = []
    engine = scripted_engine(lambda _: "⟦⟧")
    generate = engine.backend.generate

    def noting(prompts, *, max_tokens, **more):
        seen.append(max_tokens)
        return generate(prompts, **more)

    engine.backend.generate = noting
    Extractor(engine, SCHEMA, "ner", options=ExtractOptions(max_tokens=77)).extract("甲")
    assert seen == [77]
    with pytest.raises(ConfigError, match="max_tokens is 0; expected at least 1"):
        ExtractOptions(max_tokens=0)
