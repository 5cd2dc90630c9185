"""The service over HTTP: answers, limits, errors, batches, and who may ask."""

import io
import json
import re
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
from fastapi.testclient import TestClient
from serving import HOSTILE, SCHEMA, NamesEngine

from chinchilla.data.documents import Document
from chinchilla.data.issues import ISSUE_KINDS
from chinchilla.data.schema import builtin_schemas, read_schema
from chinchilla.errors import ConfigError, InputError
from chinchilla.options import ExtractOptions
from chinchilla.serve.app import create_app
from chinchilla.serve.errors import RequestError
from chinchilla.serve.settings import ServiceLimits, Settings, is_local, name_models
from chinchilla.serve.uploads import read_upload, safe_name
from chinchilla.serve.worker import Asking, Job, Worker

TEXT = "顾长风在星河科技任职，星河科技裁员。"


@pytest.fixture
def engine(monkeypatch):
    engine = NamesEngine()
    monkeypatch.setattr("chinchilla.engines.open.open_engine", lambda *_, **__: engine)
    return engine


def client_of(settings=None, **headers):
    app = create_app(settings or Settings())
    return TestClient(
        app, base_url="http://localhost", raise_server_exceptions=False, headers=headers
    )


@pytest.fixture
def client(engine):
    with client_of() as client:
        yield client


def ask(client, **body):
    return client.post("/extract", json={"schema": SCHEMA, **body})


def error_of(answer):
    return answer.status_code, answer.json()["error"]["code"]


def test_one_text_gives_a_document_with_exact_offsets(client):
    found = ask(client, text=f"𠮷{TEXT}", scores=True).json()
    document = Document.from_dict(found)
    assert document.entities[0].text == "顾长风"
    assert document.entities[0].span == (1, 4)
    assert document.relations[0].score == 0.5
    assert document.events[0].arguments[0].role == "裁员方"


def test_several_texts_keep_their_ids_and_order(client):
    found = ask(client, texts=[TEXT, {"id": "mine", "text": "北京"}]).json()
    assert [one["id"] for one in found["documents"]] == ["0", "mine"]
    assert ask(client, texts=[]).json() == {"documents": [], "untrained": {}}


def test_a_stream_is_a_document_a_line(client):
    answer = ask(client, texts=["北京", "顾长风"], stream=True)
    assert answer.headers["content-type"] == "application/x-ndjson"
    found = [json.loads(line)["entities"][0]["text"] for line in answer.text.splitlines()]
    assert found == ["北京", "顾长风"]


def test_a_stream_that_breaks_off_says_so_in_its_last_line(engine):
    with client_of(Settings(limits=ServiceLimits(batch=1))) as client:
        lines = ask(client, texts=["北京", "崩溃"], stream=True).text.splitlines()
    assert len(lines) == 2
    assert json.loads(lines[1])["error"]["code"] == "internal"


def test_what_fails_inside_tells_nothing_of_the_inside(client, caplog):
    answer = ask(client, text="崩溃")
    assert error_of(answer) == (500, "internal")
    assert "secret" not in answer.text
    assert "secret" in caplog.text
    assert ask(client, text=TEXT).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": "甲", "texts": ["甲"]},
        {"text": 1},
        {"text": "甲", "tasks": []},
        {"text": "甲", "tasks": ["xx"]},
        {"text": "甲", "model": "../../etc"},
        {"text": "甲", "schema": "../../../etc/passwd"},
        {"text": "甲", "schema": "/etc/passwd"},
        {"text": "甲", "schema": {"entities": 1}},
        {"text": "甲", "schema": {"name": "x"}},
        {"text": "甲", "min_score": 2},
        {"text": "甲", "unknown": 1},
        {"texts": [{"id": "a"}]},
    ],
)
def test_wrong_requests_get_422_with_a_reason(client, body):
    answer = client.post("/extract", json=body)
    assert error_of(answer) == (422, "invalid")
    assert "root:" not in answer.text


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"{", 422),
        (b"\xff\xfe", 422),
        (b'{"text": ' + b"[" * 100_000, 400),
        (b'{"schema": "\\ud800", "text": "x"}', 422),
        (b'{"text": "\\ud800"}', 200),
    ],
)
def test_damaged_json_is_no_failure(client, content, status):
    answer = client.post("/extract", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == status, answer.text
    answer.json()


def test_sizes_beyond_the_limits_get_413(engine):
    limits = ServiceLimits(body=1000, characters=10, texts=2)
    with client_of(Settings(limits=limits)) as client:
        assert error_of(ask(client, text="甲" * 11)) == (413, "too-long")
        assert error_of(ask(client, texts=["甲"] * 3)) == (413, "too-many")
        assert error_of(ask(client, text="x" * 1000)) == (413, "too-large")
        chunks = (b"x" * 100 for _ in range(20))
        assert error_of(client.post("/texts?name=a.txt", content=chunks)) == (413, "too-large")


def test_a_full_queue_gets_503_and_a_slow_answer_504(engine):
    engine.wait = 0.4
    limits = ServiceLimits(queue=1, seconds=0.1)
    with client_of(Settings(limits=limits)) as client:
        assert error_of(ask(client, text="甲")) == (504, "timeout")
        answer = ask(client, text="甲")
        assert error_of(answer) == (503, "busy")
        assert answer.headers["retry-after"]


def test_only_names_of_this_machine_are_served(engine):
    with client_of(Settings(hosts=("facts.example",))) as client:
        for host, status in [
            ("localhost:8000", 200),
            ("127.0.0.1", 200),
            ("[::1]:8000", 200),
            ("facts.example", 200),
            ("evil.example", 421),
            ("", 421),
            ("[", 421),
        ]:
            assert client.get("/health", headers={"host": host}).status_code == status, host


def test_pages_from_elsewhere_are_refused_and_get_no_cors_header(client):
    for origin in ("https://evil.example", "null"):
        answer = client.post("/extract", json={"text": "甲"}, headers={"origin": origin})
        assert error_of(answer) == (403, "origin")
        assert "access-control-allow-origin" not in answer.headers
    own = {"origin": "http://localhost"}
    assert client.post("/extract", json={"text": "甲"}, headers=own).status_code == 200


def test_a_token_is_asked_for_but_not_for_the_page(engine):
    with client_of(Settings(token="s3cret")) as client:
        for given in ({}, {"authorization": "Bearer no"}, {"authorization": "s3cret"}):
            answer = client.get("/schemas", headers=given)
            assert error_of(answer) == (401, "token")
            assert answer.headers["www-authenticate"] == "Bearer"
        right = {"authorization": "Bearer s3cret"}
        assert client.get("/schemas", headers=right).status_code == 200
        for path in ("/", "/health", "/favicon.svg"):
            assert client.get(path).status_code == 200
        for path in ("/metrics", "/about", "/openapi.json", "/assets/../metrics"):
            assert client.get(path).status_code == 401, path


def test_every_answer_carries_a_strict_policy(client):
    for path in ("/", "/health", "/nothing"):
        policy = client.get(path).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
    assert "<script>" not in client.get("/").text
    assert "style=" not in client.get("/").text


@pytest.mark.parametrize("path", ["/../setup.cfg", "/..%2f..%2fsetup.cfg", "/assets/%00", "/.git"])
def test_paths_out_of_the_page_lead_nowhere(client, path):
    assert client.get(path).status_code == 404


def test_schemas_are_listed_and_shown(client):
    assert [one["name"] for one in client.get("/schemas").json()] == list(builtin_schemas())
    assert client.get("/schemas/msra").json() == read_schema("msra").to_dict()
    assert error_of(client.get("/schemas/nothing")) == (404, "unknown")


def test_the_service_counts_by_route_and_not_by_what_is_made_up(client):
    ask(client, text=TEXT)
    client.get("/made-up-by-a-client")
    figures = client.get("/metrics").text
    assert 'chinchilla_requests_total{path="/extract",status="200"} 1.0' in figures
    assert "made-up" not in figures
    assert client.get("/health").json() == {"status": "ok", "waiting": 0}


def test_openapi_tells_the_form_of_a_document(client):
    told = client.get("/openapi.json").json()
    assert "entities" in told["components"]["schemas"]["Document"]["properties"]
    assert client.get("/docs").status_code == 404


def test_files_are_read_as_extract_reads_them(client):
    rows = "text,year\n顾长风,1999\n北京,2000\n".encode("gb18030")
    found = client.post("/texts?name=../../etc/rows.csv", content=rows).json()
    assert [one["text"] for one in found["documents"]] == ["顾长风", "北京"]
    assert found["documents"][0]["id"] == "rows-2"
    assert any("GB18030" in note for note in found["notes"])
    page = b"<p>\xe7\x94\xb2</p><script>x</script>"
    assert client.post("/texts?name=a.html", content=page).json()["documents"][0]["text"] == "甲"
    answer = client.post("/texts?name=a.txt", content=b"\x89PNG\r\n\x1a\n\x00\x00")
    assert error_of(answer) == (422, "invalid")
    assert "/tmp" not in answer.text


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a.txt", "a.txt"),
        ("../../x.csv", "x.csv"),
        ("C:\\a\\新闻 1.jsonl.gz", "新闻_1.jsonl.gz"),
        ("..", "text.txt"),
        ("", "text.txt"),
        ("\x00<b>.html", "_b_.html"),
        ("-", "text.txt"),
        ("x" * 300, "x" * 60 + ".txt"),
    ],
)
def test_a_file_name_cannot_be_a_path(name, safe):
    assert safe_name(name) == safe


def test_more_texts_than_allowed_are_told_of():
    documents, notes = read_upload("a.jsonl", b'{"text": "x"}\n' * 5, ServiceLimits(texts=2))
    assert len(documents) == 2
    assert "first 2" in notes[-1]


def test_exports_hold_facts_and_no_formula(client):
    openpyxl = pytest.importorskip("openpyxl")
    name = "=1+1\x00"
    entity = {"type": HOSTILE, "text": name, "start": 0, "end": 5}
    body = {"documents": [{"id": "a", "text": name, "entities": [entity]}]}
    answer = client.post("/export", json={"form": "xlsx", **body})
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    head, row = book["facts"].iter_rows()
    cell = row[[one.value for one in head].index("mention")]
    assert (cell.value, cell.data_type) == ("=1+1⟨U+0000⟩", "s")
    assert client.post("/export", json={"form": "csv", **body}).text.startswith("\ufeffdocument,")
    page = client.post("/export", json={"form": "html", **body}).text
    assert "<script>" not in page
    entity["end"] = 4
    assert error_of(client.post("/export", json={"form": "csv", **body})) == (422, "invalid")


def test_what_waits_is_read_together_up_to_the_batch(engine):
    worker = Worker({"m": None}, batch=4)
    asking = Asking("m", read_schema(SCHEMA), ("ner",), ExtractOptions())
    engine.wait = 0.2
    read = []
    threads = [threading.Thread(target=lambda: read.append(worker.read(asking, [Document("a", TEXT)])))
               for _ in range(6)]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    worker.close()
    assert len(read) == 6
    assert sum(engine.batches) == 6
    assert max(engine.batches) > 1
    assert max(engine.batches) <= 4


def test_a_small_request_does_not_wait_for_a_large_one(engine):
    worker = Worker({"m": None}, batch=2)
    asking = Asking("m", read_schema(SCHEMA), ("ner",), ExtractOptions())
    order = []
    done = threading.Event()
    engine.wait = 0.02
    many = [Document(str(n), TEXT) for n in range(20)]
    worker.submit(Job(asking, many, lambda _: order.append("large")))
    worker.submit(Job(asking, many[:1], lambda _: (order.append("small"), done.set())))
    assert done.wait(5)
    worker.close()
    assert order.count("large") < 20


def test_requests_that_ask_otherwise_are_read_apart_and_all_answered(client):
    answers = {}

    def one(tasks):
        answers[tasks] = ask(client, text=TEXT, tasks=[tasks]).json()

    threads = [threading.Thread(target=one, args=(task,)) for task in ("ner", "re", "ee")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not answers["re"]["entities"]
    assert answers["ner"]["entities"]


def test_stopping_refuses_what_waits_and_frees_the_model(engine):
    worker = Worker({"m": None}, batch=1)
    asking = Asking("m", read_schema(SCHEMA), ("ner",), ExtractOptions())
    engine.wait = 0.2
    found = []
    worker.submit(Job(asking, [Document("a", TEXT)] * 3, found.append))
    time.sleep(0.1)
    worker.close()
    assert isinstance(found[0], Document)
    assert isinstance(found[-1], RequestError)
    assert engine.is_closed
    with pytest.raises(RequestError, match="stopping"):
        worker.read(asking, [Document("a", TEXT)])


def test_at_most_two_models_stay_loaded(monkeypatch):
    opened = []

    def open_one(name, **_):
        opened.append(NamesEngine(name))
        return opened[-1]

    monkeypatch.setattr("chinchilla.engines.open.open_engine", open_one)
    worker = Worker({name: name for name in "abc"})
    schema = read_schema(SCHEMA)
    for name in "abca":
        worker.read(Asking(name, schema, ("ner",), ExtractOptions()), [Document("x", TEXT)])
    assert [one.name for one in opened] == ["a", "b", "c", "a"]
    assert [one.is_closed for one in opened] == [True, True, False, False]
    worker.close()


def test_settings_are_checked():
    assert name_models(()) == {"mini": None}
    named = name_models(("mini", "runs/a", "http://h/v1#q"))
    assert list(named) == ["mini", "a", "q"]
    with pytest.raises(ConfigError, match="two models are named 'a'"):
        name_models(("x/a", "y/a"))
    with pytest.raises(ConfigError, match="queue is 0"):
        ServiceLimits(queue=0)
    assert is_local("127.0.0.1")
    assert not is_local("0.0.0.0")
    with pytest.raises(InputError, match="cannot be made a folder"):
        create_app(Settings(project=Path("/dev/null/x")))


def test_every_kind_of_issue_has_plain_chinese_words():
    words = Path(__file__).parent.parent / "web" / "src" / "words.ts"
    told = re.findall(r"^  (\w+): \['[^']+', '[^']+'\],$", words.read_text("utf-8"), re.MULTILINE)
    assert set(ISSUE_KINDS) <= set(told)
