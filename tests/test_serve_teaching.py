"""Teaching with the real trainer, over HTTP: documents of a type that nobody has, learnt in a minute."""

import time

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("torch")
from fastapi.testclient import TestClient

from chinchilla.serve import service, tuning
from chinchilla.serve.app import create_app
from chinchilla.serve.settings import Settings

pytestmark = pytest.mark.slow
TYPE = "灵石"
SCHEMA = {"name": "stones", "entities": [{"name": TYPE}]}
SENTENCES = (
    "守门人把{}交给了掌柜。",
    "昨夜{}忽然发光，众人都看见了。",
    "库房里少了{}，账上没有记。",
    "他用三袋米换来{}。",
)
NAMES = ("赤霄七号", "玄霜十二号", "青冥三号", "白露九号", "紫电五号")


def stones():
    """Yield texts, each with one name of a stone, and where it begins."""
    for number in range(16):
        sentence = SENTENCES[number % len(SENTENCES)]
        yield sentence.format(NAMES[number % len(NAMES)]), sentence.index("{"), number


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("teaching") / "p"

    def tuner(*arguments):
        # The real trainer; few rounds, so that a test may wait for it.
        command = lambda config: [*tuning.train_command(config), "training.rounds=3"]  # noqa: E731
        return tuning.Tuner(*arguments, command=command)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "Tuner", tuner)
        app = create_app(Settings(project=folder))
        with TestClient(app, base_url="http://localhost") as client:
            yield client


def follow(client, *states):
    """Ask how it goes until it is as wanted; yield each status."""
    for _ in range(1200):
        status = client.get("/project/tune").json()
        yield status
        if status["state"] in states:
            return
        time.sleep(0.25)
    raise AssertionError(status)


def test_the_model_learns_what_was_corrected_and_is_used_at_once(client):
    for text, start, number in stones():
        name = NAMES[number % len(NAMES)]
        entity = {"type": TYPE, "text": name, "start": start, "end": start + len(name)}
        document = {"id": str(number), "text": text, "entities": [entity]}
        answer = client.put("/project/documents", json={"document": document, "schema": SCHEMA})
        assert answer.json() == {"documents": number + 1}
    assert client.post("/project/tune").json()["state"] == "training"
    told = list(follow(client, "done", "failed", "stopped"))
    assert told[-1]["state"] == "done", told[-1]
    assert any(0 < (one["progress"] or 0) < 1 for one in told)
    result = told[-1]["result"]
    assert (result["learnt"], result["aside"]) == (12, 4)
    before, after = (result[key]["entities"]["f1"] for key in ("before", "after"))
    assert after > before
    assert client.get("/about").json()["models"] == ["mini", "tuned-001"]
    body = {"text": "守门人把丹阳八号交给了伙计。", "schema": SCHEMA, "model": "tuned-001"}
    assert [one["text"] for one in client.post("/extract", json=body).json()["entities"]] == [
        "丹阳八号"
    ]


def test_a_real_training_that_is_stopped_leaves_the_models_as_they_were(client):
    models = client.get("/about").json()["models"]
    assert client.post("/project/tune").json()["model"] == "tuned-002"
    for status in follow(client, "done", "failed"):
        if status["lines"]:
            break
    client.delete("/project/tune")
    assert list(follow(client, "stopped", "failed", "done"))[-1]["state"] == "stopped"
    assert client.get("/about").json()["models"] == models
