"""The shape of the project: folders, packages and the one-way direction of imports."""

import ast
import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = {
    "chinchilla": ROOT / "ie",
    "chinchilla.converters": ROOT / "converters",
    "chinchilla.instructions": ROOT / "instructions",
    "chinchilla.configs": ROOT / "configs",
}
# Higher rooms may import lower ones. A module or sub-package not named here is in the middle.
LEVELS = [
    {"errors"},
    {"data", "backend"},
    {"schema", "jsonl", "text", "yaml_file"},
    set(),
    {"pipeline", "engines"},
    {"train", "export", "report"},
    {"commands", "cli", "__main__"},
]
MIDDLE = 3


def _modules():
    for package, folder in FOLDERS.items():
        for path in sorted(folder.rglob("*.py")):
            relative = path.relative_to(folder).with_suffix("")
            parts = [part for part in relative.parts if part != "__init__"]
            yield ".".join([package, *parts]), path


def _top_level_imports(name, path):
    """Yield absolute names of modules imported when the module is."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            yield ".".join([*base, *([node.module] if node.module else [])])


def _level(module):
    parts = module.split(".")
    if parts[1:2] in (["converters"], ["instructions"], ["configs"]):
        return MIDDLE
    room = parts[1] if len(parts) > 1 else ""
    return next((i for i, rooms in enumerate(LEVELS) if room in rooms), MIDDLE)


def test_no_module_imports_a_higher_one():
    wrong = [
        f"{name} imports {target}"
        for name, path in _modules()
        for target in _top_level_imports(name, path)
        if target.startswith("chinchilla.") and _level(target) > _level(name)
    ]
    assert wrong == []


def test_nothing_imports_the_folder_name():
    files = [path for _, path in _modules()] + sorted((ROOT / "tests").rglob("*.py"))
    wrong = [
        str(path)
        for path in files
        for target in _top_level_imports("tests.x", path)
        if target == "ie" or target.startswith("ie.")
    ]
    assert wrong == []


def test_setup_lists_every_package():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    listed = set(config["options"]["packages"].split())
    found = {
        ".".join([package, *path.parent.relative_to(folder).parts])
        for package, folder in FOLDERS.items()
        for path in folder.rglob("__init__.py")
    }
    assert listed == found


@pytest.mark.parametrize("statement", ["import chinchilla", "import chinchilla.cli"])
def test_importing_loads_nothing_heavy(statement):
    heavy = ("torch", "transformers", "ray", "ctranslate2", "jieba", "numpy", "datasets", "rich")
    code = f"{statement}; import sys; print([m for m in {heavy!r} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_public_names_are_sorted_and_resolve():
    import chinchilla

    assert chinchilla.__all__ == sorted(chinchilla.__all__)
    assert all(getattr(chinchilla, name) is not None for name in chinchilla.__all__)


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_the_readme_imports_public_names(name):
    import chinchilla

    text = (ROOT / name).read_text(encoding="utf-8")
    names = re.findall(r"^from chinchilla import (.*)$", text, re.MULTILINE)
    assert "ExtractOptions" in names[0]
    assert {part for line in names for part in line.split(", ")} <= set(chinchilla.__all__)
