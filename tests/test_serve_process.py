"""The command itself: it starts, answers with the embedded model, and ends when it is told to."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection

import pytest
from click.testing import CliRunner

pytest.importorskip("fastapi")
from chinchilla.cli.main import cli
from chinchilla.errors import ConfigError, ModelError


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def ask(port, path, body=None):
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Content-Type": "application/json", "Authorization": "Bearer s3cret"}
    try:
        connection.request("POST" if body else "GET", path, body and json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


@pytest.mark.slow
def test_a_request_under_way_is_answered_before_the_service_ends(tmp_path):
    token = tmp_path / "token"
    token.write_text("s3cret\n", encoding="utf-8")
    port = free_port()
    command = [sys.executable, "-m", "chinchilla", "serve", "--port", str(port), "--quiet",
               "--token-file", str(token), "--project", str(tmp_path / "p")]  # fmt: skip
    with subprocess.Popen(command) as process:
        try:
            for _ in range(300):
                try:
                    assert ask(port, "/health")[0] == 200
                    break
                except OSError:
                    time.sleep(0.1)
            text = "昨日，星河科技在北京宣布裁员300人。"
            assert ask(port, "/extract", {"text": text})[1]["text"] == text
            answers = []
            long = {"texts": [text] * 40, "schema": "msra"}
            thread = threading.Thread(target=lambda: answers.append(ask(port, "/extract", long)))
            thread.start()
            time.sleep(0.3)
            process.send_signal(signal.SIGTERM)
            thread.join()
            assert process.wait(timeout=40) in (0, -signal.SIGTERM)
            assert answers[0][0] == 200
            assert len(answers[0][1]["documents"]) == 40
        finally:
            process.kill()


def test_serve_says_what_to_install_and_what_a_token_is(monkeypatch, tmp_path):
    empty = tmp_path / "token"
    empty.write_text(" \n", encoding="utf-8")
    result = CliRunner().invoke(cli, ["serve", "--token-file", str(empty)])
    assert isinstance(result.exception, ConfigError)
    assert "holds no token" in str(result.exception)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    result = CliRunner().invoke(cli, ["serve"])
    assert isinstance(result.exception, ModelError)
    assert "chinchilla-ie[serve]" in str(result.exception)
