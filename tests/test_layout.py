"""The shape of the project: folders, packages and the one-way direction of imports."""

import ast
import configparser
import graphlib
import importlib
import importlib.util
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
# Every package and top module, lowest first: each imports only those before it. A package inside
# another shares its rank unless it is named. There is no default: a new package must be placed.
RANKS = [
    "errors",
    "configs",
    "data",
    "files",
    "decoding",
    "merge",
    "options",
    "prompts",
    "engines",
    "mini",
    # It knows every engine.
    "engines.open",
    "pipeline",
    "converters",
    "instructions",
    "corpus",
    "integrations",
    "evaluate",
    "train",
    "mini.train",
    "curate",
    "serve",
    "cli",
    "__main__",
]


def _modules(folders=FOLDERS):
    for package, folder in folders.items():
        for path in sorted(folder.rglob("*.py")):
            relative = path.relative_to(folder).with_suffix("")
            parts = [part for part in relative.parts if part != "__init__"]
            yield ".".join([package, *parts]), path


OURS = {name for name, _ in _modules()}


def _imports(name, path, ours=OURS):
    """Yield absolute names of the modules that a module imports, at its top or in a function."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (_place(alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                is_module = inner in ours or _place(inner) != inner
                yield _place(inner if is_module else base)


def _place(name):
    """Return the module behind a public name, or behind the old name of a module that moved."""
    import chinchilla

    head, _, rest = name.partition(".")
    places = {**chinchilla._PLACES, **chinchilla._MOVED}
    return f"chinchilla.{places[rest]}" if head == "chinchilla" and rest in places else name


def _rank(module):
    """Return the place of a module in `RANKS`; None for the package itself, which loads lazily."""
    room = module.removeprefix("chinchilla").removeprefix(".")
    parts = room.split(".")
    for name in (".".join(parts[:2]), parts[0]):
        if name in RANKS:
            return RANKS.index(name)
    assert not room, f"{module} stands in no place of RANKS"
    return None


def _climbing(folders=FOLDERS):
    ours = {name for name, _ in _modules(folders)}
    for name, path in _modules(folders):
        rank = _rank(name)
        for target in _imports(name, path, ours):
            if target.split(".")[0] == "chinchilla":
                other = _rank(target)
                if rank is not None and other is not None and other > rank:
                    yield f"{name} imports {target}"


def test_no_module_imports_a_higher_one():
    assert list(_climbing()) == []


def test_a_planted_import_is_found(tmp_path):
    for name in ("data", "cli"):
        (tmp_path / name).mkdir()
    (tmp_path / "cli" / "main.py").write_text("")
    (tmp_path / "data" / "planted.py").write_text("def f():\n    from ..cli import main\n")
    (tmp_path / "unplaced.py").write_text("")
    with pytest.raises(AssertionError, match="unplaced stands in no place"):
        list(_climbing({"chinchilla": tmp_path}))
    (tmp_path / "unplaced.py").unlink()
    assert list(_climbing({"chinchilla": tmp_path})) == [
        "chinchilla.data.planted imports chinchilla.cli.main"
    ]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("from ..cli import main", "cli.main"),
        ("from ..cli.main import cli", "cli.main"),
        ("from .. import pipeline", "pipeline"),
        ("import chinchilla.pipeline", "pipeline"),
        ("from chinchilla import cli", "cli"),
        ("from chinchilla import Document, Extractor", "pipeline"),
        ("from .. import extract", "pipeline"),
        ("from chinchilla import backend_ct2", "engines.ct2"),
        ("from chinchilla.prompt import build_prompt", "prompts.prompt"),
    ],
)
def test_every_form_of_an_import_is_seen(line, found, tmp_path):
    for name in ("cli/__init__.py", "cli/main.py", "pipeline.py", "data/planted.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(line if "planted" in name else "")
    assert list(_climbing({"chinchilla": tmp_path})) == [
        f"chinchilla.data.planted imports chinchilla.{found}"
    ]


def _check_circles(folders=FOLDERS):
    ours = {name for name, _ in _modules(folders)}
    modules = {
        name: {target for target in _imports(name, path, ours) if target != name}
        for name, path in _modules(folders)
    }
    order = graphlib.TopologicalSorter(
        {
            name: {target for target in targets if target in modules and target != "chinchilla"}
            for name, targets in modules.items()
            if name != "chinchilla"
        }
    )
    order.prepare()


def test_there_is_no_circle():
    _check_circles()


def test_a_planted_circle_is_found(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.py").write_text("from . import b")
    (tmp_path / "data" / "b.py").write_text("def f():\n    from .a import g\n")
    with pytest.raises(graphlib.CycleError):
        _check_circles({"chinchilla": tmp_path})


def test_the_top_of_the_package_holds_stages_only():
    assert len(list((ROOT / "ie").glob("*.py"))) <= 5


def test_nothing_imports_the_folder_name():
    files = [path for _, path in _modules()] + sorted((ROOT / "tests").rglob("*.py"))
    wrong = [
        str(path)
        for path in files
        for target in _imports("tests.x", path)
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


def test_setup_ships_every_file_of_the_packages():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    folders = dict(
        line.split(" = ") for line in config["options"]["package_dir"].strip().splitlines()
    )
    shipped = {
        path
        for package, patterns in config["options.package_data"].items()
        for pattern in patterns.split()
        for path in (ROOT / folders[package]).glob(pattern)
    }
    tracked = subprocess.run(
        ["git", "ls-files", *FOLDERS.values()], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.splitlines()
    assert [
        name for name in tracked if not name.endswith(".py") and ROOT / name not in shipped
    ] == []


@pytest.mark.parametrize("statement", ["import chinchilla", "import chinchilla.cli.main"])
def test_importing_loads_nothing_heavy(statement):
    heavy = ("torch", "transformers", "ray", "ctranslate2", "jieba", "numpy", "datasets", "rich")
    code = f"{statement}; import sys; print([m for m in {heavy!r} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_the_embedded_model_answers_without_what_only_language_models_need():
    spared = ("chinchilla.decoding.decode", "chinchilla.engines.writer", "chinchilla.merge.values")
    code = (
        "import chinchilla, sys; chinchilla.extract('国家主席在北京会见了来宾。'); "
        f"print([m for m in {spared!r} if m in sys.modules])"
    )
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


def test_a_module_that_moved_is_found_by_its_old_name():
    import chinchilla.merge.lexicon

    sys.modules.pop("chinchilla.lexicon", None)
    with pytest.warns(
        DeprecationWarning, match="chinchilla.lexicon is now chinchilla.merge.lexicon"
    ):
        module = importlib.import_module("chinchilla.lexicon")
    assert module is chinchilla.merge.lexicon
    for old in chinchilla._MOVED:
        assert importlib.util.find_spec(f"chinchilla.{chinchilla._MOVED[old]}"), old


def _names(path):
    """Yield the names that a module defines or imports outside functions and classes."""
    todo = list(ast.parse(path.read_text(encoding="utf-8")).body)
    while todo:
        node = todo.pop()
        if not isinstance(node, ast.ClassDef | ast.FunctionDef):
            todo += ast.iter_child_nodes(node)
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]


def test_scripts_import_only_what_is_there():
    paths = dict(_modules())
    missing = []
    for script in sorted((ROOT / "scripts").iterdir()):
        head = script.read_bytes()[:60] if script.is_file() else b""
        if script.suffix != ".py" and b"python" not in head:
            continue
        for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("chinchilla"):
                there = set(_names(paths[node.module])) if node.module in paths else set()
                there |= {
                    name.rpartition(".")[2] for name in OURS if name.startswith(f"{node.module}.")
                }
                there |= (
                    set(importlib.import_module("chinchilla").__all__)
                    if node.module == "chinchilla"
                    else set()
                )
                missing += [
                    f"{script.name}: {node.module}.{a.name}"
                    for a in node.names
                    if a.name not in there
                ]
    assert missing == []
