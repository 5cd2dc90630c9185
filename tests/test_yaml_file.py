"""YAML that users write: mistakes are told with file and line."""

import pytest

from chinchilla.data.yaml_file import read_yaml
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
        read_yaml(path, "configs")
    assert str(caught.value).startswith(f"{path}{message}")


def test_what_is_no_repetition_is_read(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(
        '\ufeff1: a\n"1": &x {b: 1}\nc: {<<: *x, b: 2}\nd: [*x, *x]\n', encoding="utf-8"
    )
    assert read_yaml(path, "configs") == {
        1: "a",
        "1": {"b": 1},
        "c": {"b": 2},
        "d": [{"b": 1}, {"b": 1}],
    }
    path.write_text("", encoding="utf-8")
    assert read_yaml(path, "configs") is None
