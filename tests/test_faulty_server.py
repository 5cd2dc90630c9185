"""`chinchilla extract` of a corpus, against a server with every fault that servers have."""

import json
import re
import threading
import time

import pytest
from click.testing import CliRunner
from test_backend_http import chat, server

from chinchilla.cli.main import cli
from chinchilla.data.issues import unanswered
from chinchilla.files.jsonl import read_documents

pytest.importorskip("httpx")

KEY = "sk-very-secret-0123"
SCHEMA = {"name": "s", "entities": ["人名"]}


@pytest.fixture
def waits(monkeypatch):
    """A clock that does not wait: the seconds that were to be waited."""
    waited = []
    monkeypatch.setattr("tenacity.sleep_using_event", lambda _: waited.append)
    monkeypatch.setenv("CHINCHILLA_API_KEY", f"  {KEY}\n")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return waited


def names(number):
    found = [{"type": "人名", "text": f"张{number}"}]
    return chat(
        json.dumps({"entities": found}), usage={"prompt_tokens": 10, "completion_tokens": 5}
    )


def said(status, text, **headers):
    return status, {"error": {"message": text}}, headers


def number_of(body):
    found = re.search(r"第(\d+)号", body["messages"][-1]["content"].rsplit("<文本>", 1)[-1])
    return int(found[1]) if found else None


# Passing faults by the last digit: of each such document the first requests fail so.
PASSING = {
    1: [said(429, "slow down", **{"Retry-After": "3"})],
    2: [said(429, "too many requests")] * 6,
    3: [said(500, "crashed")],
    4: [(200, b'{"choices": [{"mess')],
    5: [said(503, "busy"), (200, b"<html>bad gateway</html>")],
}
FILTERED, REFUSED, LONG, SLOW, BROKEN = {36, 66}, {0, 77}, {48}, {59}, {88}


def faulty(failing=True):
    left, lock = {}, threading.Lock()

    def answer(body, _):
        number = number_of(body)
        if number is None:
            return chat("好")
        if failing and number in FILTERED:
            return chat("", "content_filter")
        if failing and number in REFUSED:
            return said(400, f"refused by the policy; the key was {KEY}")
        if failing and number in BROKEN:
            return said(500, "always")
        if failing and number in SLOW:
            time.sleep(0.5)
        if number in LONG and len(body["messages"][-1]["content"]) > 150:
            return said(400, "This model's maximum context length is 4096 tokens")
        with lock:
            faults = left.setdefault(number, list(PASSING.get(number % 10, ())))
            if faults:
                return faults.pop(0)
        return names(number)

    return answer


@pytest.fixture
def corpus(tmp_path):
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
    rows = [
        {"id": f"d{i}", "text": f"第{i}号：张{i}来了。" + "无事。" * (80 if i in LONG else 0)}
        for i in range(100)
    ]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (tmp_path / "in.jsonl").write_text(lines, encoding="utf-8")
    return tmp_path


def extract(folder, address, *options):
    words = ["extract", "--schema", folder / "schema.json", "-o", folder / "out.jsonl"]
    words += ["--model", f"{address}#tiny", "--price", "1000,2000", *options]
    return CliRunner().invoke(cli, list(map(str, words)))


def test_each_document_of_a_corpus_is_answered_or_told_once(corpus, waits):
    lost = {f"d{i}" for i in FILTERED | REFUSED | SLOW | BROKEN}
    with server(faulty()) as (address, _):
        result = extract(corpus, address, corpus / "in.jsonl", "--timeout", 0.3, "--parallel", 4)
    assert result.exit_code == 1, result.output
    documents = list(read_documents(corpus / "out.jsonl"))
    assert [document.id for document in documents] == [f"d{i}" for i in range(100)]
    assert {document.id for document in documents if unanswered(document)} == lost
    for i, document in enumerate(documents):
        if document.id not in lost:
            assert f"张{i}" in {entity.text for entity in document.entities}
    # A limit by the minute is waited for; a server that says when is believed.
    assert sum(waits) > 60 * 10
    assert 3.0 in waits
    written = (corpus / "out.jsonl").read_text(encoding="utf-8") + result.output + result.stderr
    assert KEY not in written
    assert "very-secret" not in written
    assert "no answer: d0: no answer for ner at [0, " in result.stderr
    assert "documents without an answer: 6" in result.stderr
    assert re.search(
        r"tokens: [\d,]+ read, [\d,]+ written, in [\d,]+ requests; cost ", result.stderr
    )

    # The same server in good health: they alone are asked again.
    with server(faulty(failing=False)) as (address, asked):
        result = extract(corpus, address, corpus / "in.jsonl", "--retry-failed")
    assert result.exit_code == 0, result.output
    assert {number_of(body) for _, _, body in asked} == {int(name[1:]) for name in lost}
    again = list(read_documents(corpus / "out.jsonl"))
    assert [document.id for document in again] == [document.id for document in documents]
    assert not any(map(unanswered, again))
    for before, after in zip(documents, again, strict=True):
        assert before == after or before.id in lost


def test_a_quota_that_is_used_up_ends_the_run_and_the_next_goes_on(corpus, waits):
    def answer(body, _):
        if number_of(body) == 30:
            return said(429, "You exceeded your current quota, please check your plan")
        return names(number_of(body))

    with server(answer) as (address, asked):
        options = (corpus / "in.jsonl", "--keep-going", "--parallel", 2)
        result = extract(corpus, address, *options)
        assert "has no quota left" in str(result.exception)
        assert len(asked) < 40
        lines = (corpus / "out.jsonl.partial").read_text(encoding="utf-8").splitlines()
        assert len(lines) == 30
    with server(faulty(failing=False)) as (again, asked):
        # The address is another, and so is the run.
        result = extract(corpus, again, *options, "--resume")
        assert "cannot resume" in str(result.exception)
        assert not asked


def test_what_is_done_is_in_the_file_before_the_run_ends(corpus, waits):
    seen = []

    def answer(body, _):
        partial = corpus / "out.jsonl.partial"
        if number_of(body) == 40:
            time.sleep(0.2)
            seen.append(len(partial.read_text(encoding="utf-8").splitlines()))
        return names(number_of(body))

    with server(answer) as (address, _):
        assert extract(corpus, address, corpus / "in.jsonl", "--parallel", 2).exit_code == 0
    assert seen[0] >= 30


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "Missing argument"),
        (("--retry-failed",), "is no file"),
        (("--resume", "--retry-failed"), "leave --resume out"),
        (("--retry-failed", "--format", "csv"), "are for --format jsonl"),
        (("in.jsonl", "--price", "5"), "write it as 0.5,2"),
    ],
)
def test_wrong_usage_is_told(corpus, waits, options, message):
    result = extract(corpus, "http://127.0.0.1:9/v1", *options)
    assert result.exit_code == 2
    assert message in result.stderr
