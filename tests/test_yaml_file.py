"""YAML that users write: mistakes are told with file and line."""

import pytest

from chinchilla.data.yaml_file import read_content
from chinchilla.errors import ConfigError


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("model:\n  base: a\n  base: b\n", ":3: not valid YAML (the key 'base' stands twice)"),
        ("a: [1\n", ":2: not valid YAML ("),
    ],
)
def test_a_wrong_line_is_named(tmp_path, content, message):
    path = tmp_path / "c.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_content(path, "configs")
    assert str(caught.value).startswith(f"{path}{message}")


def test_what_is_no_repetition_is_read(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(
        '\ufeff1: a\n"1": &x {b: 1}\nc: {<<: *x, b: 2}\nd: [*x, *x]\n', encoding="utf-8"
    )
    assert read_content(path, "configs").value == {
        1: "a",
        "1": {"b": 1},
        "c": {"b": 2},
        "d": [{"b": 1}, {"b": 1}],
    }
    path.write_text("", encoding="utf-8")
    assert read_content(path, "configs").value is None


BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{f'*a{i - 1}, ' * 9}]\n" for i in range(1, 12))
MERGED = "a0: &a0 {x: 1}\n" + "".join(
    f"a{i}: &a{i}\n  <<: [{f'*a{i - 1}, ' * 9}]\n" for i in range(1, 12)
)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("c.yaml", "a: " + "[" * 100_000, ":1: not valid YAML (nested more than 100 deep)"),
        ("c.yaml", "{a: " * 100_000, ":1: not valid YAML (nested more than 100 deep)"),
        ("c.yaml", "".join(" " * i + "a:\n" for i in range(200)), ":101: not valid YAML (nested"),
        ("c.yaml", "a: &a\n  b: *a\n", ":1: not valid YAML (nested more than 100 deep)"),
        ("c.yaml", BOMB, ":1: not valid YAML (its aliases make over 200,000 values)"),
        ("c.yaml", MERGED, ":1: not valid YAML (its aliases make over 200,000 values)"),
        ("c.json", "[" * 100_000, ": not valid JSON (nested more than 100 deep)"),
        ("c.json", '{"a":\n' * 101 + "1" + "}" * 101, ":101: not valid JSON (nested more than 100"),
    ],
    ids=["lists", "mappings", "blocks", "itself", "aliases", "merged", "JSON", "objects"],
)
def test_what_would_cost_without_bound_is_refused(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_content(path)
    assert str(caught.value).startswith(f"{path}{message}")
