"""Corrected documents are kept whole, and the model learns from them in a process of its own."""

import json
import time

import pytest

pytest.importorskip("fastapi")
from fastapi.testclient import TestClient
from serving import SCHEMA, NamesEngine, fake_trainer

from chinchilla.data.documents import Document
from chinchilla.data.schema import read_schema
from chinchilla.errors import InputError
from chinchilla.serve import service, tuning
from chinchilla.serve.app import create_app
from chinchilla.serve.project import Project, set_aside, united
from chinchilla.serve.settings import Settings

TINY = read_schema(SCHEMA)


def gold(id="a", text="顾长风在星河科技任职", kind="人名"):
    entity = {"type": kind, "text": text[:3], "start": 0, "end": 3, "score": 0.5}
    return Document.from_dict({"id": id, "text": text, "entities": [entity]})


def test_a_document_is_saved_once_without_what_a_model_said_of_itself(tmp_path):
    project = Project(tmp_path / "p")
    assert project.save(gold(), TINY) == 1
    assert project.save(gold("b"), TINY) == 2
    assert project.save(gold("a", "王小明来了"), TINY) == 2
    first, second = project.documents()
    assert (first.id, first.text, second.id) == ("a", "王小明来了", "b")
    assert first.entities[0].score is None
    assert project.schema() == TINY
    assert project.remove("a") == 1
    with pytest.raises(InputError, match="no document 'a'"):
        project.remove("a")


def test_what_does_not_fit_is_refused_and_nothing_is_written(tmp_path):
    project = Project(tmp_path / "p")
    with pytest.raises(InputError, match="not in the schema: 恐龙"):
        project.save(gold(kind="恐龙"), TINY)
    wrong = {"id": "a", "text": "甲乙", "events": [{"type": "裁员", "trigger": None, "arguments": [
        {"role": "无此角色", "text": "甲", "start": 0, "end": 1}]}]}  # fmt: skip
    with pytest.raises(InputError, match="裁员/无此角色"):
        project.save(Document.from_dict(wrong), TINY)
    assert [path.name for path in (tmp_path / "p").iterdir()] == ["models"]


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    project = Project(tmp_path)
    project.save(gold(), TINY)
    before = (tmp_path / "gold.jsonl").read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="No space"):
        project.save(gold("b"), TINY)
    assert (tmp_path / "gold.jsonl").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "gold.jsonl",
        "models",
        "schema.json",
    ]


def test_schemas_of_saved_documents_are_united():
    other = read_schema({"name": "o", "entities": [{"name": "人名", "description": "新"}, "船"]})
    both = united(TINY, other)
    assert [item.name for item in both.entities] == ["人名", "机构名", "地名", "船"]
    assert both.entities[0].description == "新"
    assert both.relations == TINY.relations


def test_a_quarter_is_kept_aside_by_text():
    documents = [gold(str(n), f"第{n}篇的文本") for n in range(8)]
    learnt, aside = set_aside(documents)
    assert (len(learnt), len(aside)) == (6, 2)
    assert {one.id for one in learnt} | {one.id for one in aside} == {one.id for one in documents}
    again = set_aside([gold(f"x{n}", one.text) for n, one in enumerate(documents)])
    assert [one.text for one in again[1]] == [one.text for one in aside]


@pytest.mark.parametrize(
    ("line", "done"),
    [
        ("round 3: loss 0.5, F1 0.812, 2.0 of at most 8 minutes", 0.25),
        ("12/40", 0.3),
        ("nothing", None),
        ("1/0", None),
        ("... of .", None),
    ],
)
def test_progress_is_read_from_what_the_process_says(line, done):
    assert tuning.read_progress(["1/2", line] if done else [line]) == done


@pytest.fixture
def make_client(tmp_path, monkeypatch):
    def open_one(model=None, **_):
        # A tuned model knows a name more.
        names = {"顾长风": ("人名", 0.9)} | ({"林晓": ("人名", 0.9)} if model else {})
        return NamesEngine(str(model), names)

    monkeypatch.setattr("chinchilla.engines.open.open_engine", open_one)

    def make(wait=0.0, **trainer):
        def tuner(*arguments):
            return tuning.Tuner(*arguments, command=fake_trainer(wait, **trainer))

        monkeypatch.setattr(service, "Tuner", tuner)
        app = create_app(Settings(project=tmp_path / "p"))
        return TestClient(app, base_url="http://localhost", raise_server_exceptions=False)

    return make


def save_some(client, count=6):
    for n in range(count):
        text = f"林晓写了{n}封信"
        entity = {"type": "人名", "text": "林晓", "start": 0, "end": 2}
        body = {"document": {"id": str(n), "text": text, "entities": [entity]}, "schema": SCHEMA}
        answer = client.put("/project/documents", json=body)
        assert answer.json() == {"documents": n + 1}


def wait_for(client, *states):
    for _ in range(400):
        status = client.get("/project/tune").json()
        if status["state"] in states:
            return status
        time.sleep(0.02)
    raise AssertionError(status)


def test_teaching_compares_and_the_new_model_is_used_at_once(make_client, tmp_path):
    with make_client() as client:
        assert client.post("/project/tune").json()["error"]["code"] == "too-few"
        save_some(client)
        assert client.post("/project/tune").json()["state"] == "training"
        status = wait_for(client, "done", "failed")
        result = status["result"]
        assert (result["learnt"], result["aside"]) == (5, 1)
        assert result["before"]["entities"]["f1"] == 0
        assert result["after"]["entities"]["f1"] == 1
        assert status["progress"] == 1
        assert client.get("/about").json()["models"] == ["mini", "tuned-001"]
        body = {"text": "林晓", "schema": SCHEMA, "model": "tuned-001"}
        assert client.post("/extract", json=body).json()["entities"][0]["text"] == "林晓"
    folder = tmp_path / "p" / "models" / "tuned-001"
    assert "round 3" in (folder / "train.log").read_text(encoding="utf-8")
    # The folder tells all that a run by hand needs, and a new service knows the model.
    assert "base: mini" in (folder / "train.yaml").read_text(encoding="utf-8")
    assert len((folder / "train.jsonl").read_text(encoding="utf-8").splitlines()) == 5
    with make_client() as client:
        assert client.get("/about").json()["models"] == ["mini", "tuned-001"]


def test_a_training_that_fails_says_why_and_another_may_start(make_client):
    code = "import sys; print('error: the corpus is too small'); sys.exit(1)"
    with make_client(code=code) as client:
        save_some(client)
        client.post("/project/tune")
        status = wait_for(client, "failed")
        assert status["message"] == "the training ended with 1: error: the corpus is too small"
        assert client.get("/about").json()["models"] == ["mini"]
        assert client.post("/project/tune").status_code == 200
        wait_for(client, "failed")


def test_a_training_can_be_stopped_and_only_one_runs(make_client):
    with make_client(wait=30) as client:
        save_some(client)
        client.post("/project/tune")
        assert client.post("/project/tune").json()["error"]["code"] == "tuning"
        client.delete("/project/tune")
        assert wait_for(client, "stopped", "failed", "done")["state"] == "stopped"


def test_stopping_the_service_ends_a_training(make_client):
    with make_client(wait=30) as client:
        save_some(client)
        client.post("/project/tune")
        tuner = client.app.state.service.tuner
    assert tuner.status()["state"] == "stopped"


def test_saved_documents_are_listed_shown_and_removed(make_client):
    with make_client() as client:
        save_some(client, 2)
        assert [one["id"] for one in client.get("/project").json()["documents"]] == ["0", "1"]
        assert client.get("/project/document", params={"id": "1"}).json()["text"] == "林晓写了1封信"
        assert client.get("/project/document", params={"id": "../x"}).status_code == 404
        lines = client.get("/project/files/gold.jsonl").text.splitlines()
        assert json.loads(lines[0])["id"] == "0"
        for name in ("..%2fsetup.cfg", "train.log", "models"):
            assert client.get(f"/project/files/{name}").status_code == 404
        assert client.delete("/project/document", params={"id": "1"}).json() == {"documents": 1}
        wrong = {
            "document": {"id": "x", "text": "甲", "entities": [{"type": "人名"}]},
            "schema": SCHEMA,
        }
        assert client.put("/project/documents", json=wrong).status_code == 422


def test_without_a_project_there_is_nothing_to_save_in():
    with TestClient(create_app(), base_url="http://localhost") as client:
        assert client.get("/project").status_code == 404
        assert client.get("/about").json()["project"] is False


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_comparison_that_fails_or_is_stopped_leaves_the_models_as_they_were(
    make_client, monkeypatch, is_stopped
):
    with make_client() as client:
        save_some(client)
        tuner = client.app.state.service.tuner

        def predict(*_):
            if not is_stopped:
                raise InputError("no room")
            tuner.stop()
            return [Document.from_dict({"id": "x", "text": "x"})]

        monkeypatch.setattr(tuner, "_predict", predict)
        monkeypatch.setattr(tuning, "score", lambda *_: {})
        client.post("/project/tune")
        status = wait_for(client, "failed", "stopped", "done")
        assert status["state"] == ("stopped" if is_stopped else "failed")
        assert status.get("message") == (None if is_stopped else "no room")
        assert "result" not in status
        assert client.get("/about").json()["models"] == ["mini"]
    with make_client() as client:
        assert client.get("/about").json()["models"] == ["mini"]


def test_a_training_that_the_system_kills_says_so(make_client):
    with make_client(code="import os; os.kill(os.getpid(), 9)") as client:
        save_some(client)
        client.post("/project/tune")
        assert wait_for(client, "failed")["message"] == (
            "the training was killed; memory may be short"
        )
