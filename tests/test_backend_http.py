"""The HTTP engine against a small server of our own on this machine."""

import json
import os
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count, islice

import pytest

from chinchilla.data.documents import Document
from chinchilla.data.schema import Schema
from chinchilla.engines.constrain import AnswerConstraint
from chinchilla.engines.http import HttpBackend
from chinchilla.engines.http_options import HttpOptions
from chinchilla.engines.open import open_engine
from chinchilla.engines.patience import Patience
from chinchilla.errors import ModelError
from chinchilla.pipeline import ExtractOptions, Extractor
from chinchilla.prompts.messages import Prompt

SCHEMA = Schema.from_dict({"name": "s", "entities": ["人名"]})
ANSWER = '{"entities":[{"type":"人名","text":"张伟"}]}'


def chat(text, reason="stop", **further):
    choice = {"message": {"content": text}, "finish_reason": reason, **further}
    return 200, {"choices": [choice]}


@contextmanager
def server(answer, port=0, protocol="HTTP/1.0"):
    """Serve `answer(body, number)` -> (status, JSON or bytes[, headers]) and note requests.

    Connections are kept alive from HTTP/1.1 on.
    """
    asked = []
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = protocol

        def do_GET(self):
            self.reply(200, {"data": [{"id": "tiny"}]})

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                asked.append((self.path, {**self.headers, "port": self.client_address[1]}, body))
                number = len(asked)
            self.reply(*answer(body, number))

        def reply(self, status, value, headers=None):
            content = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            for name, text in (headers or {}).items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}/v1", asked
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


@contextmanager
def backend(address, name="#tiny", **options):
    made = HttpBackend(address + name, HttpOptions(**options), backoff=0.01)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch):
    for name in ("CHINCHILLA_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def ask(answer, prompts=1, **options):
    with server(answer) as (address, asked), backend(address) as engine:
        given = [Prompt("找出人名", f"文本{i}") for i in range(prompts)]
        return list(engine.generate(given, **options)), asked


def test_a_prompt_is_asked_greedily_as_one_user_turn(monkeypatch):
    monkeypatch.setenv("CHINCHILLA_API_KEY", "secret")
    [answer], [(path, headers, body)] = ask(lambda *_: chat("好"), max_tokens=7)
    assert (answer.text, answer.finish_reason) == ("好", "stop")
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == "Bearer secret"
    assert body == {
        "model": "tiny",
        "messages": [{"role": "user", "content": "找出人名\n文本0"}],
        "max_tokens": 7,
        "temperature": 0,
        "chat_template_kwargs": {"enable_thinking": False, "thinking": False},
    }


def test_answers_keep_the_order_of_the_prompts():
    def answer(body, number):
        time.sleep(0.02 * (number % 3 == 1))
        return chat(body["messages"][-1]["content"][-2:])

    answers, asked = ask(answer, prompts=30)
    assert [a.text for a in answers] == [f"文本{i}"[-2:] for i in range(30)]
    assert len(asked) == 30


def test_prompts_are_taken_as_answers_come():
    with server(lambda body, number: chat(ANSWER)) as (address, _):
        endless = (Prompt("找出", str(i)) for i in count())
        answers = HttpBackend(f"{address}#tiny").generate(endless)
        assert [answer.text for answer in islice(answers, 20)] == [ANSWER] * 20
        answers.close()


def test_a_server_that_is_busy_is_asked_again_when_it_says_so():
    def answer(_, number):
        return (429, {}, {"Retry-After": "0.05"}) if number == 1 else chat("好")

    begin = time.perf_counter()
    [answer], asked = ask(answer)
    assert answer.text == "好"
    assert len(asked) == 2
    assert time.perf_counter() - begin >= 0.05


@pytest.mark.parametrize("zone", ["GMT", "-0000", ""])
def test_a_date_to_ask_again_may_lack_its_zone(zone):
    past = f"Wed, 21 Oct 2015 07:28:00 {zone}".rstrip()
    [answer], asked = ask(
        lambda _, number: (503, {}, {"Retry-After": past}) if number == 1 else chat("好")
    )
    assert (answer.text, len(asked)) == ("好", 2)


def test_an_answer_that_cannot_be_unpacked_is_asked_for_again():
    def answer(_, number):
        return (200, b"no gzip", {"Content-Encoding": "gzip"}) if number == 1 else chat("好")

    [answer], asked = ask(answer)
    assert (answer.text, len(asked)) == ("好", 2)


def test_a_server_that_stays_broken_is_given_up():
    with pytest.raises(ModelError, match="gave up after 5 attempts; status 503: overloaded"):
        ask(lambda *_: (503, {"error": {"message": "overloaded"}}))


def test_a_cut_answer_says_so():
    [answer], _ = ask(lambda *_: chat("半", "length"))
    assert answer.finish_reason == "length"


def test_token_probabilities_come_with_their_ends():
    tokens = [
        {"token": "\\xe5\\xbc", "bytes": [0xE5, 0xBC], "logprob": -0.5},
        {"token": "\\xa0", "bytes": [0xA0], "logprob": -0.25},
        {"token": "伟", "logprob": -1.0},
    ]
    [answer], [(_, _, body)] = ask(
        lambda *_: chat("张伟", logprobs={"content": tokens}), scores=True
    )
    assert body["logprobs"] is True
    assert answer.token_ends == (0, 1, 2)
    assert answer.log_probs == (-0.5, -0.25, -1.0)


def test_the_end_token_closes_the_probabilities_where_a_server_lists_it():
    tokens = [{"token": "好", "logprob": -1.0}, {"token": "<|im_end|>", "logprob": -0.1}]
    [answer], _ = ask(lambda *_: chat("好", logprobs={"content": tokens}), scores=True)
    assert (answer.token_ends, answer.log_probs) == ((1, 1), (-1.0, -0.1))


def test_probabilities_of_another_text_are_left_out():
    tokens = [{"token": "坏", "logprob": -1.0}]
    with pytest.warns(UserWarning, match="gives no token probabilities"):
        [answer], _ = ask(lambda *_: chat("好", logprobs={"content": tokens}), scores=True)
    assert answer.token_ends == answer.log_probs == ()


# The server above writes them as JSON escapes.
@pytest.mark.parametrize(
    ("said", "text"),
    [("甲\ud800乙", "甲\ufffd乙"), ("\ude00\ud83d", "\ufffd\ufffd"), ("\ud83d\ude00", "😀")],
)
def test_halves_of_surrogate_pairs_become_characters(said, text):
    [answer], _ = ask(lambda *_: chat(said))
    assert answer.text == text


def test_probabilities_fit_a_text_with_halves_of_surrogate_pairs():
    pieces = ["甲", "\ud800", "乙", "\ud83d", "\ude00", "丙", "<|im_end|>"]
    tokens = [{"token": piece, "logprob": -float(i)} for i, piece in enumerate(pieces)]
    said = "".join(pieces[:-1])
    [answer], _ = ask(lambda *_: chat(said, logprobs={"content": tokens}), scores=True)
    assert answer.text == "甲\ufffd乙😀丙"
    # A half counts from where it is seen to be one, or with its other half.
    assert answer.token_ends == (1, 1, 3, 3, 4, 5, 5)
    assert answer.log_probs == tuple(-float(i) for i in range(7))


def test_the_bytes_of_a_half_fit_too():
    tokens = [
        {"token": "", "bytes": [0xED, 0xA0], "logprob": -1.0},
        {"token": "", "bytes": [0x80, 0x61], "logprob": -2.0},
    ]
    [answer], _ = ask(lambda *_: chat("\ud800a", logprobs={"content": tokens}), scores=True)
    assert (answer.text, answer.token_ends) == ("\ufffda", (0, 2))


def test_no_server_at_an_address_is_an_error_with_the_address():
    with server(lambda *_: chat("")) as (address, _):
        pass
    with backend(address) as engine, pytest.raises(ModelError, match="no server answers there"):
        list(engine.generate([Prompt("问", "文")]))


def test_a_wrong_key_is_an_error_that_names_the_variables():
    with pytest.raises(ModelError, match="refuses the key .*CHINCHILLA_API_KEY or OPENAI_API_KEY"):
        ask(lambda *_: (401, {"error": {"message": "bad key"}}))


def test_an_unknown_model_is_an_error_that_lists_the_known():
    with pytest.raises(ModelError, match=r"no model 'tiny' \(status 404: not here\); it has tiny"):
        ask(lambda *_: (404, {"error": {"message": "not here"}}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>", "is not JSON"),
        ({"choices": []}, "answers in no form known"),
        ({"error": {"message": "quota exceeded"}}, "answers with an error: quota exceeded"),
    ],
)
def test_an_answer_that_is_no_completion_is_an_error(content, message):
    with pytest.raises(ModelError, match=message):
        ask(lambda *_: (200, content))


@pytest.mark.parametrize("address", ["http:///v1#x", "http://localhost:80x/v1#x"])
def test_an_address_must_be_one(address):
    with pytest.raises(ModelError, match="not an address"):
        HttpBackend(address)


def test_without_a_name_the_only_model_is_asked():
    with server(lambda *_: chat("好")) as (address, asked), backend(address, "") as engine:
        assert next(engine.generate([Prompt("问", "文")])).text == "好"
        assert asked[0][2]["model"] == "tiny"


def test_a_field_that_a_server_does_not_know_is_left_out():
    def answer(body, _):
        if "max_tokens" in body:
            return 400, {"error": {"message": "use max_completion_tokens, not 'max_tokens'"}}
        return chat(str(body["max_completion_tokens"]))

    answers, asked = ask(answer, prompts=2, max_tokens=9)
    assert [a.text for a in answers] == ["9", "9"]
    assert 3 <= len(asked) <= 4


TOO_LONG = "This model's maximum context length is 10 tokens; max_tokens is too large"


def refuses(wanted, status=400):
    """Answer all but the prompts whose text ends as wanted, which are refused at once."""

    def answer(body, _):
        text = body["messages"][-1]["content"]
        if text.endswith(wanted):
            return status, {"error": {"message": TOO_LONG}}
        time.sleep(0.01)
        return chat(text[-2:])

    return answer


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_prompt_is_an_answer_in_its_place(status):
    answers, asked = ask(refuses(("本3", "本20"), status), prompts=24)
    said = [f"文本{i}"[-2:] for i in range(24)]
    said[3] = said[20] = ""
    assert [a.text for a in answers] == said
    assert [i for i, a in enumerate(answers) if a.finish_reason == "refused"] == [3, 20]
    assert answers[3].problem == f"status {status}: {TOO_LONG}"
    # What was said of one prompt leaves the others as they were.
    others = [body for _, _, body in asked if not body["messages"][-1]["content"].endswith("本3")]
    assert sum("max_tokens" not in body for body in others) <= 1


def test_a_server_that_refuses_all_is_an_error_in_its_own_words():
    with pytest.raises(ModelError, match="status 400: This model's maximum"):
        ask(refuses("", 400), prompts=3)


def test_a_first_prompt_that_is_too_large_stops_nothing():
    answers, _ = ask(refuses("本0", 413), prompts=2)
    assert [a.finish_reason for a in answers] == ["refused", "stop"]


@pytest.mark.parametrize("wanted", ["本0", "本2"])
def test_what_is_no_matter_of_one_prompt_stays_an_error(wanted):
    with pytest.raises(ModelError, match="status 401"):
        ask(refuses(wanted, 401), prompts=4)


@pytest.mark.parametrize("status", [400, 403, 422, 500])
def test_a_first_prompt_that_alone_is_refused_is_an_answer(status):
    answers, _ = ask(refuses("本0", status), prompts=4)
    assert [a.finish_reason for a in answers] == ["refused", "stop", "stop", "stop"]


def test_an_only_prompt_that_is_refused_is_an_answer_if_another_would_be_taken():
    [answer], asked = ask(refuses("本0", 400))
    assert answer.finish_reason == "refused"
    assert len(asked) == 2


def test_a_schema_that_a_server_refuses_leaves_the_others_theirs():
    """One schema is refused in every way, after others were taken in the first."""
    schemas = [AnswerConstraint(SCHEMA, "ner", f"文本{i}") for i in range(12)]

    def answer(body, _):
        if body["messages"][-1]["content"].endswith("本9"):
            return 400, {"error": {"message": "json_schema is too complex"}}
        return chat(ANSWER)

    answers, asked = ask(answer, prompts=12, constraints=schemas)
    assert [i for i, a in enumerate(answers) if a.finish_reason == "refused"] == [9]
    ways = [body["response_format"]["type"] for _, _, body in asked if "response_format" in body]
    assert ways.count("json_schema") == 12


def test_a_constraint_is_sent_as_json_schema():
    constraint = AnswerConstraint(SCHEMA, "ner", "张伟来了")
    _, [(_, _, body)] = ask(lambda *_: chat(ANSWER), constraints=[constraint])
    sent = body["response_format"]
    assert sent["type"] == "json_schema"
    assert sent["json_schema"]["schema"] == constraint.json_schema()


def test_servers_without_json_schema_are_told_in_other_ways():
    def answer(body, _):
        if "structured_outputs" in body:
            return chat(ANSWER)
        return 400, {"error": {"message": "response_format is not supported"}}

    _, asked = ask(answer, constraints=[AnswerConstraint(SCHEMA, "ner", "张伟来了")])
    ways = {"response_format", "structured_outputs"}
    assert [ways & set(body) for _, _, body in asked] == [{way} for way in sorted(ways)]


def test_a_server_that_takes_no_constraint_at_all_is_an_error():
    constraint = AnswerConstraint(SCHEMA, "ner", "张伟来了")
    with pytest.raises(ModelError, match="takes no JSON Schema"):
        ask(
            lambda *_: (
                400,
                {"error": {"message": "response_format, structured_outputs: unknown"}},
            ),
            constraints=[constraint],
        )


def test_the_compact_format_is_constrained_by_a_grammar():
    def answer(body, _):
        return chat("张伟⟦人名⟧") if "grammar" in body else (400, UNKNOWN)

    constraint = AnswerConstraint(SCHEMA, "ner", "张伟来了", "compact")
    [said], asked = ask(answer, constraints=[constraint])
    assert said.text == "张伟⟦人名⟧"
    assert not any("response_format" in body for _, _, body in asked)
    assert "MENTION" in asked[-1][2]["grammar"]


UNKNOWN = {"error": {"message": "structured_outputs, response_format or grammar: unknown field"}}
HELD = AnswerConstraint(SCHEMA, "ner", "张伟来了")
WAYS = ["json_schema", "json", "grammar", "top", "ebnf", "json_object"]


def way_of(body):
    form = body.get("response_format", {}).get("type")
    return (
        form
        or next(iter(body.get("structured_outputs", {})), None)
        or ("top" if "grammar" in body else "ebnf" if "ebnf" in body else None)
    )


@pytest.mark.parametrize("followed", WAYS)
def test_a_way_that_is_taken_and_not_followed_is_passed_over_and_told_once(followed):
    def answer(body, _):
        return chat(ANSWER if way_of(body) == followed else "我觉得张伟是人名。")

    with (
        server(answer) as (address, asked),
        backend(address) as engine,
        warnings.catch_warnings(record=True) as told,
    ):
        warnings.simplefilter("always")
        for _ in range(4):
            [said] = engine.generate(prompts(1), constraints=[HELD])
            assert said.text == ANSWER
    assert len(told) == (followed != WAYS[0])
    assert [way_of(body) for _, _, body in asked] == WAYS[: WAYS.index(followed)] + [followed] * 4


def test_a_cut_answer_shows_by_its_beginning_whether_a_way_is_followed():
    def answer(body, _):
        return chat(ANSWER if "structured_outputs" in body else "好的，我来看看，" * 9, "length")

    with (
        server(answer) as (address, asked),
        backend(address) as engine,
        pytest.warns(UserWarning, match="does not follow"),
    ):
        [said] = engine.generate(prompts(1), constraints=[HELD])
    assert (said.text, [way_of(body) for _, _, body in asked]) == (ANSWER, WAYS[:2])


def test_where_no_way_is_followed_answers_are_as_they_are():
    with server(lambda *_: chat("没有")) as (address, asked), backend(address) as engine:
        with pytest.warns(UserWarning, match="takes a constraint and does not follow it"):
            [said] = engine.generate(prompts(1), constraints=[HELD])
        [again] = engine.generate(prompts(1), constraints=[HELD])
    assert (said.text, again.text) == ("没有", "没有")
    assert [way_of(body) for _, _, body in asked] == [*WAYS, None]


@pytest.mark.parametrize("reason", ["stop", "length"])
def test_white_space_without_end_ends_and_is_asked_for_in_another_way(reason):
    def answer(body, number):
        if way_of(body) == "json_schema" and number > 4:
            return chat('{"entities":[' + " " * 40 * (reason == "length"), reason)
        return chat(ANSWER)

    with (
        server(answer) as (address, asked),
        backend(address) as engine,
        pytest.warns(UserWarning, match="does not follow"),
    ):
        answers = [next(engine.generate(prompts(1), constraints=[HELD])).text for _ in range(6)]
    assert answers == [ANSWER] * 6
    assert "\n\n\n\n" in asked[0][2]["stop"]


@pytest.mark.parametrize("status", [400, 500])
def test_a_server_without_a_place_for_the_system_is_told_in_the_user_s_turn(status):
    def answer(body, _):
        if body["messages"][0]["role"] == "system":
            return status, {"error": {"message": "System role not supported"}}
        return chat(ANSWER)

    with server(answer) as (address, asked), backend(address) as engine:
        asking = [Prompt("找出人名", "张伟", "<文本>\n{text}\n</文本>")] * 2
        for one in asking:
            assert next(engine.generate([one])).text == ANSWER
    contents = [body["messages"][-1]["content"] for _, _, body in asked]
    folded = "找出人名\n\n<文本>\n张伟\n</文本>"
    assert contents == ["<文本>\n张伟\n</文本>", folded, folded]


def test_extraction_over_http_gives_offsets():
    with server(lambda *_: chat(ANSWER)) as (address, asked):
        engine = open_engine(address + "#tiny")
        options = ExtractOptions(constrain=True)
        found = Extractor(engine, SCHEMA, options=options).extract("老师张伟来了")
        engine.backend.close()
    assert [(e.text, e.start, e.end) for e in found.entities] == [("张伟", 2, 4)]
    system, user = asked[0][2]["messages"]
    assert "人名" in system["content"]
    assert user == {"role": "user", "content": "<文本>\n老师张伟来了\n</文本>"}


def test_half_of_a_surrogate_pair_becomes_a_mark_with_and_without_probabilities():
    said = '{"entities":[{"type":"人名","text":"\ud800"}]}\ud842\udfb7'
    whole = '{"entities":[{"type":"人名","text":"\ufffd"}]}𠮷'
    tokens = [{"token": character, "logprob": -0.5} for character in said]
    answers, _ = ask(lambda *_: chat(said))
    assert (answers[0].text, answers[0].log_probs) == (whole, ())
    answers, _ = ask(lambda *_: chat(said, logprobs={"content": tokens}), scores=True)
    assert answers[0].text == whole
    assert len(answers[0].log_probs) == len(tokens)
    assert answers[0].token_ends[-1] == len(whole)
    with server(lambda *_: chat(said)) as (address, _):
        engine = open_engine(address + "#tiny")
        assert Extractor(engine, SCHEMA).extract("张伟").issues
        engine.backend.close()


def refusing(text, status=400):
    """Answer each prompt but that about a text."""

    def answer(body, number):
        if text in body["messages"][-1]["content"]:
            return status, {"error": {"message": "the context is too long"}}
        return chat(ANSWER)

    return answer


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_prompt_that_a_server_refuses_is_an_answer_once_it_took_another(status):
    answers, _ = ask(refusing("文本3", status), prompts=6)
    reasons = [answer.finish_reason for answer in answers]
    assert reasons == ["stop"] * 3 + ["refused"] + ["stop"] * 2
    assert answers[3].problem == f"status {status}: the context is too long"


def test_what_a_server_refuses_of_all_prompts_ends_the_run():
    with pytest.raises(ModelError, match="the context is too long"):
        ask(refusing(""), prompts=3)
    for status in (401, 404):
        with pytest.raises(ModelError):
            ask(refusing("文本1", status), prompts=3)


@pytest.mark.filterwarnings("ignore:.*gives no token probabilities")
@pytest.mark.parametrize("options", [{}, {"scores": True}, {"constrain": True}])
def test_a_document_that_was_refused_says_so_and_the_others_are_there(options):
    with server(refusing("李娜")) as (address, _):
        engine = open_engine(address + "#tiny")
        extractor = Extractor(engine, SCHEMA, options=ExtractOptions(**options))
        documents = [
            Document(str(i), text) for i, text in enumerate(["张伟来", "李娜来", "张伟走"])
        ]
        found = list(extractor.stream(documents))
        engine.backend.close()
    assert [len(document.entities) for document in found] == [1, 0, 1]
    (issue,) = found[1].issues
    assert issue.kind == "unanswered"
    assert "no answer for ner at [0, 3): status 400" in issue.detail


def text_of(body):
    return body["messages"][-1]["content"].split("\n")[-1]


def prompts(number):
    return [Prompt("找出人名", f"文本{i}") for i in range(number)]


FAULTS = [
    ((200, b'{"choices": [{"mess'), "which is not JSON"),
    ((200, {"choices": []}), "answers in no form known"),
    ((200, {"error": {"message": "quota exceeded"}}), "answers with an error: quota exceeded"),
    ((403, {"error": {"message": "content policy"}}), "status 403: content policy"),
]


@pytest.mark.parametrize(("fault", "problem"), FAULTS)
def test_a_fault_that_stays_is_an_answer_once_another_prompt_was_answered(fault, problem):
    answers, asked = ask(
        lambda body, _: fault if text_of(body) == "文本2" else chat("好"), prompts=4
    )
    assert [answer.finish_reason for answer in answers] == ["stop", "stop", "refused", "stop"]
    assert answers[2].problem.startswith("after 5 attempts: ")
    assert problem in answers[2].problem
    # It may be asked once more if it was asked before the first answer came.
    assert 5 <= [text_of(body) for _, _, body in asked].count("文本2") <= 6


@pytest.mark.parametrize("fault", [fault for fault, _ in FAULTS])
def test_a_fault_that_passes_leaves_no_trace_even_if_it_came_before_the_first_answer(fault):
    faulty = threading.Event()

    def answer(body, _):
        if text_of(body) == "文本0":
            assert faulty.wait(5)
            time.sleep(0.05)
        elif text_of(body) == "文本2" and not faulty.is_set():
            faulty.set()
            return fault
        return chat("好")

    answers, asked = ask(answer, prompts=4)
    assert [answer.text for answer in answers] == ["好"] * 4
    assert len(asked) == 5


def test_a_document_whose_answer_cannot_be_read_says_so():
    with server(
        lambda body, _: (200, {"choices": []}) if "李娜" in str(body) else chat(ANSWER)
    ) as (address, _):
        engine = open_engine(address + "#tiny")
        engine.backend._patience = Patience(5, 0.01)
        extractor = Extractor(engine, SCHEMA)
        found = list(extractor.stream([Document("0", "张伟来"), Document("1", "李娜来")]))
        engine.backend.close()
    assert len(found[0].entities) == 1
    (issue,) = found[1].issues
    assert "after 5 attempts: answers in no form known" in issue.detail


def test_a_server_that_comes_back_is_asked_again():
    with ThreadPoolExecutor(1) as pool:
        with server(lambda *_: chat("前")) as (address, _):
            engine = HttpBackend(address + "#tiny", backoff=0.01, attempts=10)
            assert [a.text for a in engine.generate(prompts(1))] == ["前"]
        later = pool.submit(lambda: list(engine.generate(prompts(3))))
        time.sleep(0.1)
        with server(lambda *_: chat("后"), port=int(address[:-3].split(":")[-1])):
            assert [answer.text for answer in later.result()] == ["后"] * 3
        engine.close()


def test_a_server_that_stays_away_ends_the_run():
    with server(lambda *_: chat("好")) as (address, _):
        engine = HttpBackend(address + "#tiny", backoff=0.01)
        list(engine.generate(prompts(1)))
    with pytest.raises(ModelError, match="gave up after 5 attempts; no server answers there"):
        list(engine.generate(prompts(1)))
    engine.close()


def wait_for_requests_under_way():
    deadline = time.perf_counter() + 10
    while any(thread.name == "chinchilla-http" for thread in threading.enumerate()):
        assert time.perf_counter() < deadline
        time.sleep(0.01)


def test_nothing_is_waited_for_or_sent_once_a_stream_is_closed():
    def answer(body, _):
        return chat("好") if text_of(body) == "文本0" else (429, {}, {"Retry-After": "20"})

    with server(answer) as (address, asked), backend(address) as engine:
        answers = engine.generate(prompts(40))
        assert next(answers).text == "好"
        begin = time.perf_counter()
        answers.close()
        assert time.perf_counter() - begin < 1
        wait_for_requests_under_way()
        # The first prompt, and those that eight threads had sent by then.
        assert len(asked) <= 9
        # Another stream on the same backend goes on.
        assert next(engine.generate(prompts(1))).text == "好"


def test_a_wrong_key_is_told_while_other_answers_are_still_to_come():
    told = threading.Event()

    def answer(body, _):
        if text_of(body) == "文本0":
            return 401, {"error": {"message": "bad key"}}
        told.wait(5)
        return chat("好")

    begin = time.perf_counter()
    with server(answer) as (address, _), backend(address) as engine:
        with pytest.raises(ModelError, match="refuses the key"):
            list(engine.generate(prompts(20)))
        assert time.perf_counter() - begin < 3
        told.set()
        wait_for_requests_under_way()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_process_has_a_connection_of_its_own_and_leaves_its_parent_his():
    with (
        server(lambda *_: chat("好"), protocol="HTTP/1.1") as (address, asked),
        backend(address) as engine,
    ):
        list(engine.generate(prompts(1)))
        child = os.fork()
        if not child:
            try:
                list(engine.generate(prompts(1)))
                engine.close()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        list(engine.generate(prompts(1)))
    before, forked, after = [headers["port"] for _, headers, _ in asked]
    assert before == after != forked


def test_a_password_in_the_address_is_not_repeated():
    with server(lambda *_: chat("")) as (address, _):
        pass
    guarded = address.replace("//", "//user:p@ss@")
    with backend(guarded) as engine, pytest.raises(ModelError) as raised:
        list(engine.generate(prompts(1)))
    assert str(raised.value).startswith(address.replace("//", "//user:***@") + ": no server")
    with pytest.raises(ModelError, match=r"^http://user:\*\*\*@localhost:80x/v1#m: not an address"):
        HttpBackend("http://user:secret@localhost:80x/v1#m")


@pytest.mark.parametrize("is_refused", [False, True])
def test_a_server_without_probabilities_is_told_once(is_refused):
    def answer(body, _):
        if is_refused and "logprobs" in body:
            return 400, {"error": {"message": "logprobs is not supported"}}
        return chat("好")

    with server(answer) as (address, _), backend(address) as engine:
        message = f"^{address}: gives no token probabilities \\((it refuses|its answers)"
        with pytest.warns(UserWarning, match=message) as told:
            list(engine.generate(prompts(3), scores=True))
        assert [note.filename for note in told] == [__file__]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            list(engine.generate(prompts(3), scores=True))
