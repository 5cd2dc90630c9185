import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_models
from fakes import scripted_engine
from scoring_samples import entities

from chinchilla.data.schema import read_schema
from chinchilla.engines.protocol import Completion
from chinchilla.engines.writer import Writer
from chinchilla.errors import ConfigError
from chinchilla.files.tables import format_table

SCRIPTS = Path(__file__).parent.parent / "scripts"
spec = importlib.util.spec_from_file_location("engine_parity", SCRIPTS / "engine_parity.py")
engine_parity = sys.modules["engine_parity"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(engine_parity)
ParityOptions, Variant = engine_parity.ParityOptions, engine_parity.Variant
check_parity, make_missing = engine_parity.check_parity, engine_parity.make_missing
variants_of = engine_parity.variants_of

SCHEMA = read_schema({"name": "s", "entities": ["人名", "机构名"]})
OPTIONS = ParityOptions(SCHEMA, samples=20)
GOLD = [
    entities(("人名", "张伟", 0), identifier="d1", text="张伟来了"),
    entities(("人名", "李娜", 0), identifier="d2", text="李娜走了"),
]


def answering(name, **answers):
    """An engine that gives each text its answer, in the JSON form."""

    def answer(prompt):
        return answers[prompt.input[:2]]

    engine = scripted_engine(answer, template="zh-v1", format="json")
    return Writer(name, engine.backend, engine.style)


def person(text):
    return json.dumps({"entities": [{"type": "人名", "text": text}]}, ensure_ascii=False)


def in_tokens(text, ends, log_probs, reason="stop"):
    return Completion(text, reason, ends, log_probs)


def test_equal_engines_agree_wholly():
    one = answering("one", 张伟=person("张伟"), 李娜=person("李娜"))
    two = answering("two", 张伟=person("张伟"), 李娜=person("李娜"))
    found = check_parity(GOLD, [one, two], OPTIONS)
    (agreement,) = found.agreements
    assert (agreement.same_answers, agreement.prompts) == (2, 2)
    assert agreement.token_share == agreement.same_share == 1
    assert (found.f1, agreement.f1, agreement.difference) == (1, 1, 0)


def test_characters_are_counted_up_to_the_first_difference_where_there_are_no_tokens():
    one = answering("one", 张伟=person("张伟"), 李娜=person("李娜"))
    two = answering("two", 张伟=person("张伟"), 李娜=person("李四"))
    (agreement,) = check_parity(GOLD, [one, two], OPTIONS).agreements
    # Each answer is 44 characters and the end mark; in the second, 39 stand before 娜/四 differ:
    # {"entities": [{"type": "人名", "text": "李 has 39 characters.
    assert len(person("张伟")) == 44
    assert person("李娜").index("娜") == 39
    assert (agreement.tokens, agreement.equal_tokens, agreement.unit) == (90, 84, "characters")
    assert agreement.same_answers == 1
    # Of gold 2, predicted 2 (李四 is not in the text and never matches), 1 right: F1 1/2.
    assert (agreement.f1, agreement.difference) == (0.5, -0.5)


def test_tokens_are_those_of_the_engine_and_their_probabilities_are_compared():
    text, other = person("张伟"), person("张华")
    ends, sure = (20, 39, 44, 44), (-0.1, -0.2, -0.3, -0.4)
    one = answering("one", 张伟=in_tokens(text, ends, sure), 李娜=in_tokens("", (0,), (-0.5,)))
    two = answering(
        "two",
        张伟=in_tokens(other, ends, (-0.1, -0.5, -0.3, -0.4)),
        李娜=in_tokens("", (0,), (-0.7,)),
    )
    (agreement,) = check_parity(GOLD, [one, two], OPTIONS).agreements
    # The second token ends with 张, 伟 stands in the third token: 2 of 4 equal, and the one end mark of the other.
    assert (agreement.tokens, agreement.equal_tokens, agreement.unit) == (5, 3, "tokens")
    # |0.1-0.1| + |0.2-0.5| + |0.5-0.7| = 0.5 over 3.
    assert agreement.log_probability == pytest.approx(0.5 / 3)
    assert agreement.greatest == pytest.approx(0.3)


def test_answers_cut_by_a_limit_are_compared_up_to_the_shorter():
    one = answering("one", 张伟=Completion("[[[[", "length"), 李娜=person("李娜"))
    two = answering("two", 张伟=Completion("[[", "length"), 李娜=person("李娜"))
    (agreement,) = check_parity(GOLD, [one, two], OPTIONS).agreements
    assert (agreement.same_answers, agreement.tokens - agreement.equal_tokens) == (2, 0)


def test_an_answer_that_goes_on_where_the_other_ends_differs():
    one = answering("one", 张伟="[]", 李娜=person("李娜"))
    two = answering("two", 张伟="[]]", 李娜=person("李娜"))
    (agreement,) = check_parity(GOLD, [one, two], OPTIONS).agreements
    assert (agreement.same_answers, agreement.tokens - agreement.equal_tokens) == (1, 1)


def test_all_are_asked_in_the_style_of_the_first():
    one = answering("one", 张伟=person("张伟"), 李娜=person("李娜"))
    two = scripted_engine(lambda prompt: "", template="compact-v1", format="compact")
    check_parity(GOLD, [one, two], OPTIONS)
    assert two.backend.asked == one.backend.asked


def test_table_and_json_hold_every_variant():
    one = answering("one", 张伟=person("张伟"), 李娜=person("李娜"))
    two = answering("two", 张伟=person("张伟"), 李娜="无")
    found = check_parity(GOLD, [one, two], OPTIONS)
    lines = format_table(found.table()).split("\n")
    assert lines[0] == "parity with one, 2 documents, strict"
    assert [line.split()[0] for line in lines[1:]] == ["variant", "one", "two"]
    plain = json.loads(json.dumps(found.to_dict()))
    assert plain["agreements"][0]["same_answer_share"] == 0.5


def test_one_variant_is_nothing_to_compare():
    with pytest.raises(ConfigError, match="two variants or more, got 1"):
        check_parity(GOLD, [answering("one")], OPTIONS)


def test_folders_become_variants_the_adapter_first():
    assert variants_of(adapter="a", ct2="c") == [
        Variant("adapter", "a"),
        Variant("ct2 float32", "c", "float32"),
        Variant("ct2 int8", "c", "int8"),
    ]


def test_nothing_to_convert_is_said(tmp_path):
    with pytest.raises(ConfigError, match="name an adapter or a merged model"):
        make_missing(tmp_path, ct2="c")


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
def test_an_adapter_its_merge_and_its_conversion_agree(tmp_path):
    pytest.importorskip("torch")
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = tiny_models.save_model(tmp_path / "base")
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(base),
        LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False),
    )
    model.save_pretrained(tmp_path / "adapter")
    tiny_models.build_tokenizer().save_pretrained(tmp_path / "adapter")
    folders = make_missing(tmp_path / "made", adapter=str(tmp_path / "adapter"))
    found = check_parity(GOLD, variants_of(**folders), OPTIONS)
    by_name = {one.variant: one for one in found.agreements}
    assert list(by_name) == ["merged", "ct2 float32", "ct2 int8"]
    for name in ("merged", "ct2 float32"):
        assert (by_name[name].unit, by_name[name].prompts) == ("tokens", 2)
        assert by_name[name].token_share == 1
        assert by_name[name].log_probability < 1e-4
    assert by_name["ct2 int8"].tokens > 0


def test_the_script_finds_its_module():
    command = [sys.executable, str(SCRIPTS / "check_parity"), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "--ct2" in done.stdout
