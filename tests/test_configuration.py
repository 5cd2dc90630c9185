"""Configuration that users write: every fault at once, with file, line, path and near miss."""

from dataclasses import dataclass, field
from typing import Annotated

import pytest
from msgspec import Meta, Struct

from chinchilla.data.configuration import (
    NOT_WRITTEN,
    STANDS_ALONE,
    configure,
    configure_options,
    one_of,
    read_configuration,
)
from chinchilla.data.yaml_file import Content
from chinchilla.errors import ConfigError


@dataclass(frozen=True)
class Part:
    name: Annotated[str, Meta(min_length=1, extra=STANDS_ALONE)]
    size: Annotated[int, Meta(ge=1)] = 1
    label: Annotated[str, NOT_WRITTEN] = ""


class Whole(Struct, frozen=True):
    rate: Annotated[float, Meta(ge=0, lt=1)] = 0.5
    colour: Annotated[str, one_of(["red", "green"])] = "red"
    strict: bool = True
    limit: int | None = None
    files: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    tables: dict[str, float] | str = ""


@dataclass(frozen=True)
class Run:
    whole: Whole = field(default_factory=Whole)
    seed: int = 0


def read(tmp_path, text, *overrides, kind=Whole, name="c.yaml", **options):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_configuration(path, kind, overrides=overrides, **options)


def faults(tmp_path, text, *overrides, **options):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text, *overrides, **options)
    return str(caught.value).replace(f"{tmp_path}/", "").split("\n")


def test_types_say_what_is_read(tmp_path):
    text = "rate: 1e-2\nlimit:\nfiles: a.jsonl\nparts: [甲, {name: 乙, size: 3}]\ntables: {x: 2}\n"
    whole = read(tmp_path, text)
    assert whole == Whole(
        0.01, files=("a.jsonl",), parts=(Part("甲"), Part("乙", 3)), tables={"x": 2}
    )
    assert read(tmp_path, "") == Whole()
    assert read(tmp_path, "parts:\n") == Whole()


def test_all_faults_are_told_at_once_each_with_its_line_and_path(tmp_path):
    text = """\
rate: 1.5
color: red
strict: 'yes'
limit: 2.5
files: [a, 1]
parts:
- 甲
- {name: 乙, size: 0, label: x}
- {size: 2}
- {name: ""}
tables: [1]
"""
    assert faults(tmp_path, text, "colour=gren") == [
        "c.yaml:1: rate: expected a number in [0, 1), got 1.5",
        "c.yaml:2: unknown key 'color'; did you mean 'colour'?",
        "c.yaml:3: strict: expected true or false, got 'yes'",
        "c.yaml:4: limit: expected a whole number, got 2.5",
        "c.yaml:5: files[1]: expected a string, got 1; write it in quotes",
        "c.yaml:8: parts[1] (乙).size: expected a whole number of at least 1, got 0",
        "c.yaml:8: parts[1] (乙): unknown key 'label'; keys are name, size",
        "c.yaml:9: parts[2]: 'name' is missing",
        "c.yaml:10: parts[3] ().name: expected a string, got ''",
        "c.yaml:11: tables: expected a mapping or a string, got [1]",
        "override 'colour=gren': colour: unknown value 'gren'; did you mean 'green'? use red, green",
    ]


def test_lines_of_json_are_known_too(tmp_path):
    text = '{\n\t"rate": 0.5,\n\t"tables": {"x": "many"}\n}'
    assert faults(tmp_path, text, name="c.json") == [
        "c.json:3: tables.x: expected a number, got 'many'"
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "[1]",
            "c.yaml: expected a mapping with rate, colour, strict, limit, files, parts, tables, got [1]",
        ),
        ("limit: yes", "c.yaml:1: limit: expected a whole number or null, got True"),
        ("rate: .nan", "c.yaml:1: rate: expected a number in [0, 1), got nan"),
        (
            "colour: 2024-02-03",
            "c.yaml:1: colour: expected a string, got 2024-02-03; write it in quotes",
        ),
        (
            "1: 2",
            "c.yaml:1: unknown key 1; keys are rate, colour, strict, limit, files, parts, tables",
        ),
        ("limit: &a [*a]", "c.yaml:1: not valid YAML (nested more than 100 deep)"),
    ],
)
def test_what_yaml_makes_of_words_is_told_as_it_was_found(tmp_path, text, fault):
    assert faults(tmp_path, text) == [fault]


def test_a_key_may_have_dashes_but_not_stand_twice():
    assert configure_options(Content("c", {"all-files": 1}), {"all_files": int}) == {"all_files": 1}
    with pytest.raises(ConfigError, match="^c: the key 'all-files' stands twice$"):
        configure_options(Content("c", {"all_files": 1, "all-files": 1}), {"all_files": int})


def test_overrides_reach_into_sections_and_leave_the_rest(tmp_path):
    run = read(tmp_path, "whole: {rate: 0.25}", "whole.limit=3", "seed=2", kind=Run)
    assert run == Run(Whole(rate=0.25, limit=3), 2)
    assert read(tmp_path, "", "whole.tables= ", kind=Run).whole.tables == " "


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        ("seed", "c.yaml: override 'seed': expected key=value, such as a.b=2"),
        ("=1", "c.yaml: override '=1': expected key=value, such as a.b=2"),
        ("seed=[1", "c.yaml: override 'seed=[1': the value is not valid YAML"),
        ("seed.x=1", "c.yaml: override 'seed.x=1': there are no keys in 1, so no 'x'"),
        ("sed=1", "override 'sed=1': unknown key 'sed'; did you mean 'seed'?"),
        ("seed=a", "override 'seed=a': seed: expected a whole number, got 'a'"),
        ("whole=" + "[" * 9999, "the value is not valid YAML"),
    ],
)
def test_an_override_that_cannot_be_is_named(tmp_path, override, fault):
    assert fault in "\n".join(faults(tmp_path, "seed: 1", override, kind=Run))


def test_a_check_is_asked_of_what_could_be_read_and_not_about_what_is_faulty(tmp_path):
    def check(run):
        yield "seed", f"{run.seed} is odd"
        yield ("whole", "rate"), "is low"

    options = {"kind": Run, "check": check}
    text = "seed: 1\nwhole:\n  rate: x\n"
    assert faults(tmp_path, text, **options) == [
        "c.yaml:3: whole.rate: expected a number in [0, 1), got 'x'",
        "c.yaml:1: seed: 1 is odd",
    ]
    lacking = "seed: 1\nwhole: {parts: [{}]}\n"
    assert faults(tmp_path, lacking, **options) == ["c.yaml:2: whole.parts[0]: 'name' is missing"]


def test_of_very_many_faults_the_first_are_told_and_the_rest_counted():
    with pytest.raises(ConfigError) as caught:
        configure(Content("c", {f"k{i}": 1 for i in range(60)}), Whole)
    assert str(caught.value).split("\n")[-1] == "and 10 more"
    assert str(caught.value).count("unknown key") == 50
