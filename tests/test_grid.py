import json
from pathlib import Path

import pytest
from fakes import scripted_engine
from scoring_samples import bare, entities

from chinchilla.data.documents import Document
from chinchilla.errors import ConfigError, ModelError
from chinchilla.evaluate import grid as runner
from chinchilla.evaluate.fingerprint import hash_model
from chinchilla.evaluate.grid import Cell, GridOptions, run_grid
from chinchilla.evaluate.grid_config import PromptSettings, read_grid
from chinchilla.evaluate.grid_table import grid_table
from chinchilla.files.jsonl import read_documents, write_documents
from chinchilla.prompts.prompt import PromptStyle

EXAMPLE = Path(__file__).parents[1] / "configs" / "bench" / "ablations.yaml"
OPTIONS = GridOptions(samples=20)
GOLD = [
    entities(("人名", "张伟", 0), identifier="d1", text="张伟来了"),
    entities(("人名", "李娜", 0), identifier="d2", text="李娜走了"),
]


def person(prompt):
    """The right answer to GOLD: its texts begin with the name."""
    name = {"type": "人名", "text": prompt.input[:2]}
    return json.dumps({"entities": [name]}, ensure_ascii=False)


class Models:
    """Opens scripted engines and keeps the names of those it opened."""

    def __init__(self, answer=person):
        self.answer, self.opened, self.engines = answer, [], []

    def __call__(self, model):
        self.opened.append(model.model)
        if model.model == "broken":
            raise ModelError("broken: holds no model")
        engine = scripted_engine(self.answer, template="zh-v1", format="json")
        self.engines.append(engine)
        return engine

    @property
    def asked(self):
        return sum(len(engine.backend.asked) for engine in self.engines)


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Write a grid and its gold, and return `make(**sections) -> Grid`."""
    monkeypatch.chdir(tmp_path)
    write_documents("gold.jsonl", GOLD)
    Path("schema.yaml").write_text("entities: [人名]\n", encoding="utf-8")

    def write(**sections):
        value = {
            "corpora": {"small": {"gold": "gold.jsonl", "schema": "schema.yaml"}},
            "models": {"one": {"model": "first"}},
            **sections,
        }
        Path("grid.yaml").write_text(json.dumps(value), encoding="utf-8")  # JSON is YAML
        return read_grid("grid.yaml")

    return write


def test_every_mix_of_corpus_model_and_prompt_is_a_cell(make):
    grid = make(
        models={"a": {"model": "x"}, "b": {"model": "y", "prompts": ["own"]}},
        prompts={"own": None, "english": {"lang": "en"}},
    )
    assert grid.cells() == [
        ("small", "a", "own"),
        ("small", "a", "english"),
        ("small", "b", "own"),
    ]


def test_a_cell_holds_figure_command_date_and_hashes(make):
    (cell,) = run_grid(make(), "work", OPTIONS, open_model=Models())
    assert cell.figures["strict"].value == 1
    assert cell.documents == 2
    assert cell.data.startswith("sha256:")
    assert cell.date.endswith("+00:00")
    assert cell.command == (
        "scripts/bench_models grid.yaml --work work --cell small/one/own "
        "--scorer strict --samples 20 --seed 0"
    )
    stored = json.loads(Path("work/small/one/own.json").read_text(encoding="utf-8"))
    assert stored["figures"]["strict"]["low"] == 1
    assert list(read_documents("work/small/one/own.jsonl")) == GOLD


def test_a_finished_cell_is_not_run_again(make):
    grid, again = make(), Models()
    first = run_grid(grid, "work", OPTIONS, open_model=Models())
    assert run_grid(grid, "work", OPTIONS, open_model=again) == first
    assert again.opened == []


def test_changed_data_or_settings_are_asked_again(make):
    run_grid(make(), "work", OPTIONS, open_model=Models())
    write_documents("gold.jsonl", GOLD[:1])
    changed = Models()
    (cell,) = run_grid(make(), "work", OPTIONS, open_model=changed)
    assert (cell.documents, changed.asked) == (1, 1)
    changed = Models()
    run_grid(make(prompts={"own": {"wording": 1}}), "work", OPTIONS, open_model=changed)
    assert changed.asked == 1


def test_another_scorer_needs_no_model(make):
    grid, again = make(), Models()
    run_grid(grid, "work", OPTIONS, open_model=Models())
    (cell,) = run_grid(grid, "work", GridOptions("string", 20), open_model=again)
    assert sorted(cell.figures) == ["strict", "string"]
    assert again.opened == []


def test_a_stopped_run_goes_on_after_its_last_document(make, monkeypatch):
    monkeypatch.setattr(runner, "_TOGETHER", 1)

    def stopped(prompt):
        if prompt.input.startswith("李娜"):
            raise KeyboardInterrupt
        return person(prompt)

    grid, again = make(), Models()
    with pytest.raises(KeyboardInterrupt):
        run_grid(grid, "work", OPTIONS, open_model=Models(stopped))
    (part,) = Path("work/small/one").glob("own.*.part")
    with part.open("ab") as file:
        file.write(b'{"id": "d2", "te')  # as a power cut leaves it
    (cell,) = run_grid(grid, "work", OPTIONS, open_model=again)
    assert (again.asked, cell.documents, cell.figures["strict"].value) == (1, 2, 1)
    assert not part.exists()


def test_one_cells_error_is_kept_and_the_others_go_on(make):
    grid = make(
        models={"bad": {"model": "broken"}, "one": {"model": "first"}},
        corpora={
            "gone": {"gold": "gone.jsonl", "schema": "schema.yaml"},
            "small": {"gold": "gold.jsonl", "schema": "schema.yaml"},
        },
    )
    told = []
    cells = run_grid(grid, "work", OPTIONS, open_model=Models(), done=told.append)
    assert told == cells
    assert [(cell.name, cell.error) for cell in cells] == [
        ("gone/bad/own", "InputError: gone.jsonl: cannot be read (No such file or directory)"),
        ("small/bad/own", "ModelError: broken: holds no model"),
        ("gone/one/own", "InputError: gone.jsonl: cannot be read (No such file or directory)"),
        ("small/one/own", ""),
    ]


def test_a_failed_cell_is_tried_again(make):
    def failing(prompt):
        raise RuntimeError("out of memory")

    grid = make()
    (cell,) = run_grid(grid, "work", OPTIONS, open_model=Models(failing))
    assert cell.error == "RuntimeError: out of memory"
    (cell,) = run_grid(grid, "work", OPTIONS, open_model=Models())
    assert (cell.error, cell.figures["strict"].value) == ("", 1)


def test_an_error_never_replaces_a_result(make):
    grid, again = make(), Models()
    (first,) = run_grid(grid, "work", OPTIONS, open_model=Models())
    Path("gold.jsonl").rename("away.jsonl")
    (failed,) = run_grid(grid, "work", OPTIONS, open_model=again)
    assert failed.error.startswith("InputError: gold.jsonl")
    stored = json.loads(Path("work/small/one/own.error").read_text(encoding="utf-8"))
    assert stored["error"] == failed.error
    Path("away.jsonl").rename("gold.jsonl")
    assert run_grid(grid, "work", OPTIONS, open_model=again) == [first]
    assert again.opened == []
    assert not Path("work/small/one/own.error").exists()


def test_a_scorer_that_does_not_apply_gives_no_figure(make):
    grid = make()
    cells = run_grid(grid, "work", GridOptions("duie", 20), open_model=Models())
    assert cells[0].figures == {"duie": None}
    assert "does not apply" in grid_table(grid, cells, "duie")


def test_macro_scorers_show_macro_f1(make):
    (cell,) = run_grid(make(), "work", GridOptions("cluener", 20), open_model=Models())
    assert (cell.figures["cluener"].name, cell.figures["cluener"].value) == ("macro_f1", 1)


def related():
    """Write gold whose first document has a relation too, which nobody finds."""
    gold = GOLD[0].to_dict() | {"relations": [bare("同事", "张伟", "李娜")]}
    write_documents("gold.jsonl", [Document.from_dict(gold), GOLD[1]])


@pytest.mark.parametrize(("tasks", "recall"), [([], 2 / 3), (["ner"], 1)])
def test_gold_of_tasks_not_asked_for_does_not_count(make, tasks, recall):
    small = {"gold": "gold.jsonl", "schema": "schema.yaml", "tasks": tasks}
    grid = make(corpora={"small": small})
    related()
    (cell,) = run_grid(grid, "work", OPTIONS, open_model=Models())
    assert cell.figures["strict"].recall == pytest.approx(recall)
    (cell,) = run_grid(grid, "work", GridOptions("duie", 20), open_model=Models())
    assert (cell.figures["duie"] is None) == bool(tasks)


def test_figures_of_older_rules_are_made_anew_without_a_model(make):
    grid, again = make(), Models()
    run_grid(grid, "work", OPTIONS, open_model=Models())
    path = Path("work/small/one/own.json")
    stored = json.loads(path.read_text(encoding="utf-8"))
    stored["figures"]["strict"]["low"] = 0
    del stored["figures"]["strict"]["revision"]
    path.write_text(json.dumps(stored), encoding="utf-8")
    (cell,) = run_grid(grid, "work", OPTIONS, open_model=again)
    assert (cell.figures["strict"].low, again.opened) == (1, [])


def test_gold_without_an_item_to_score_is_an_error(make):
    grid = make()
    # An event without trigger and arguments is an annotation, but nothing that strict counts.
    empty = {"id": "d1", "text": "张伟来了", "events": [{"type": "来", "trigger": None}]}
    write_documents("gold.jsonl", [Document.from_dict(empty)])
    silent = Models(lambda prompt: '{"entities": []}')
    (cell,) = run_grid(grid, "work", OPTIONS, open_model=silent)
    assert cell.error == "InputError: gold.jsonl: neither side holds an item that strict scores"


def test_only_the_cells_named_are_run(make):
    grid = make(prompts={"own": {}, "few": {"types_per_prompt": 1}})
    options = GridOptions(samples=20, cells=["small/one/few"])
    assert [c.prompt for c in run_grid(grid, "work", options, open_model=Models())] == ["few"]
    with pytest.raises(ConfigError, match="no cell 'small/one/fex'; did you mean 'small/one/few'"):
        run_grid(grid, "work", GridOptions(cells=["small/one/fex"]))


def test_the_table_has_corpora_across_and_each_cell_below(make):
    grid = make(models={"bad": {"model": "broken"}, "one": {"model": "first"}})
    cells = run_grid(grid, "work", OPTIONS, open_model=Models())
    lines = grid_table(grid, cells).split("\n")
    assert lines[2:6] == [
        "| model | prompt | small |",
        "| --- | --- | --- |",
        "| bad | own | error |",
        "| one | own | 1.0000 [1.0000, 1.0000] |",
    ]
    assert lines[-2] == "- `small/bad/own`: ModelError: broken: holds no model"
    assert any("--cell small/one/own" in line for line in lines)


def test_hashes_are_shortened_and_bars_escaped(make):
    cell = Cell("small", "one", "own", "a | b", "now", data="sha256:" + "0" * 64)
    row = grid_table(make(), [cell]).split("\n")[-2]
    assert "| sha256:000000000000 |" in row
    assert "`a \\| b`" in row


def test_prompts_change_only_what_they_say():
    own = PromptStyle(template="compact-v1", format="compact", window={"ner": 64})
    assert PromptSettings().style(own) == own
    asked = PromptSettings(lang="en", rationale=True).style(own)
    assert (asked.template, asked.format, asked.rationale) == ("en-v1", "json", True)
    assert asked.window == {"ner": 64}
    assert PromptSettings(types_per_prompt=3).options().types_per_prompt == 3


def test_demonstrations_come_from_a_file(make):
    make()
    style = PromptSettings(demonstrations="gold.jsonl").style(PromptStyle())
    assert [shown["id"] for shown in style.demonstrations] == ["d1", "d2"]


def test_all_mistakes_of_a_grid_are_named_at_once(make):
    with pytest.raises(ConfigError) as caught:
        make(
            corpora={"small": {"gold": "g", "shema": "s"}},
            models={"a b": {"model": "x"}},
            prompts={"own": {"types_per_prompt": "many"}},
            promts={},
        )
    assert str(caught.value).split("\n") == [
        "grid.yaml:1: corpora.small: unknown key 'shema'; did you mean 'schema'?",
        "grid.yaml:1: corpora.small: 'schema' is missing",
        "grid.yaml:1: models.a b: expected a name of letters, digits and . _ + -, got 'a b'",
        "grid.yaml:1: prompts.own.types_per_prompt: expected a whole number or null, got 'many'",
        "grid.yaml:1: unknown key 'promts'; did you mean 'prompts'?",
    ]


def test_values_that_cannot_be_are_named(make):
    with pytest.raises(ConfigError) as caught:
        make(
            corpora={"small": {"gold": "g", "schema": "schema.yaml", "tasks": ["nre"]}},
            models={"one": {"model": "x", "prompts": ["owm"]}},
            prompts={"own": {"template": "zh-v1", "lang": "en"}, "two": {"lang": "fr"}},
        )
    assert str(caught.value).split("\n") == [
        "grid.yaml:1: corpora.small.tasks[0]: unknown value 'nre'; did you mean 're'? use ner, re, ee",
        "grid.yaml:1: models.one.prompts: unknown value 'owm'; did you mean 'own'? use own, two",
        "grid.yaml:1: prompts.own: template 'zh-v1' is not in lang 'en'",
        "grid.yaml:1: prompts.two: unknown lang 'fr'; use zh or en",
    ]


def test_the_example_grid_is_read_and_shows_the_ablations():
    grid = read_grid(EXAMPLE)
    models = {model for _, model, _ in grid.cells()}
    assert len(models) == len(grid.models) == 15
    axes = {"glm4-9b-qlora", "qwen2.5-7b-dora", "qwen2.5-7b-cluener-only", "qwen2.5-7b-english"}
    assert axes | {"qwen2.5-7b-rationale", "llama3.1-8b-added-tokens"} <= models
    assert f"scripts/bench_models configs/bench/{EXAMPLE.name}" in EXAMPLE.read_text(
        encoding="utf-8"
    )


def test_a_models_hash_follows_its_files_and_those_of_its_base(tmp_path):
    base, adapter = tmp_path / "base", tmp_path / "adapter"
    for folder in (base, adapter):
        folder.mkdir()
    (base / "config.json").write_text("{}", encoding="utf-8")
    settings = json.dumps({"base_model_name_or_path": str(base)})
    (adapter / "adapter_config.json").write_text(settings, encoding="utf-8")
    first = hash_model(str(adapter))
    assert first.startswith("sha256:")
    (adapter / "README.md").write_text("a card", encoding="utf-8")
    assert hash_model(str(adapter)) == first
    (base / "config.json").write_text("[]", encoding="utf-8")
    assert hash_model(str(adapter)) != first


def test_the_files_of_an_endpoint_are_unseen():
    assert hash_model("http://127.0.0.1:8000/v1#m") == "unseen"
