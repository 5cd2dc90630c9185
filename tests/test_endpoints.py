"""Servers as they are: thinking, odd replies, budgets, faults and keys, on servers of our own."""

import json
import threading
import time

import pytest
from test_backend_http import ANSWER, ask, backend, chat, prompts, server, text_of

from chinchilla.engines.api_key import hidden, read_key
from chinchilla.engines.endpoint import RequestFailure, shown_address
from chinchilla.engines.http import HttpBackend
from chinchilla.engines.http_options import HttpOptions
from chinchilla.engines.patience import Lanes, Patience
from chinchilla.engines.protocol import Usage
from chinchilla.engines.reply import read_models, read_reply
from chinchilla.engines.request_fields import Fields
from chinchilla.errors import ConfigError, ModelError
from chinchilla.prompts.messages import Prompt


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch):
    for name in ("CHINCHILLA_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def asked_with(answer, count=1, max_tokens=None, name="#tiny", **options):
    with server(answer) as (address, asked), backend(address, name, **options) as engine:
        answers = list(engine.generate(prompts(count), max_tokens=max_tokens))
        return answers, [body for _, _, body in asked], engine


def message(**fields):
    return 200, {"choices": [{"message": fields, "finish_reason": "stop"}]}


def refusal(text, status=400, **headers):
    return status, {"error": {"message": text}}, headers


# --- thinking ---


def thinks_unless(is_off):
    """Answer those that switch thinking off; others think to the limit, of which 4000 suffice."""

    def answer(body, _):
        if is_off(body):
            return chat(ANSWER)
        if body["max_tokens"] >= 4000:
            return chat(f"<think>\n嗯</think>\n{ANSWER}")
        return chat("<think>\n嗯嗯", "length")

    return answer


@pytest.mark.parametrize(
    ("is_off", "requests"),
    [
        (lambda body: not body.get("chat_template_kwargs", {}).get("enable_thinking", True), 1),
        (lambda body: not body.get("chat_template_kwargs", {}).get("thinking", True), 1),
        (lambda body: body.get("reasoning_effort") == "none", 2),
        (lambda body: body.get("reasoning_effort") == "low", 4),
        (lambda body: body.get("enable_thinking") is False, 5),
        (lambda body: body.get("thinking") == {"type": "disabled"}, 6),
    ],
)
def test_thinking_is_switched_off_as_a_server_knows_it(is_off, requests):
    answers, bodies, engine = asked_with(thinks_unless(is_off))
    assert (answers[0].text, len(bodies)) == (ANSWER, requests)
    assert is_off(bodies[-1])
    # What was learned serves the next prompts.
    with server(thinks_unless(is_off)) as (address, asked):
        engine.address = address
        assert next(engine.generate(prompts(1))).text == ANSWER
        assert len(asked) == 1
        engine.close()


def test_a_model_that_cannot_but_think_gets_room():
    [answer], bodies, engine = asked_with(thinks_unless(lambda _: False))
    assert answer.text.endswith(ANSWER)
    assert bodies[-1]["max_tokens"] >= 8192
    assert engine._fields.attempt().room == 8192


def test_an_answer_that_thought_used_up_says_so():
    choice = {"message": {"content": None, "reasoning": "嗯"}, "finish_reason": "length"}
    [answer], bodies, _ = asked_with(lambda *_: (200, {"choices": [choice]}), max_tokens=50)
    assert (bodies[0]["max_tokens"], bodies[-1]["max_tokens"]) == (50, 50 + 32768)
    assert len(bodies) < 15
    assert (answer.text, answer.finish_reason) == ("", "length")
    assert "thought until the token limit" in answer.problem


def test_a_server_that_refuses_the_switch_is_asked_without_it():
    for complaint in (
        "Unrecognized request argument supplied: chat_template_kwargs",
        "Bad Request",
    ):

        def answer(body, _, complaint=complaint):
            return refusal(complaint) if "chat_template_kwargs" in body else chat("好")

        answers, bodies, _ = asked_with(answer, 3)
        assert [a.text for a in answers] == ["好"] * 3
        assert 4 <= len(bodies) <= 6
        assert "reasoning_effort" not in bodies[-1]


def test_a_value_that_is_refused_is_not_a_field_that_is():
    for said, effort in (
        (
            "Unsupported value: 'reasoning_effort' does not support 'none' with this model",
            "minimal",
        ),
        ("Unsupported parameter: 'reasoning_effort' is not known", None),
    ):
        attempt = Fields("http://localhost:11434/v1", "off", {}).attempt()
        assert attempt.body(9, scores=False, held=None)["reasoning_effort"] == "none"
        assert attempt.refuse(400, said)
        # Another way is for models that are seen to think.
        assert set(attempt.body(9, scores=False, held=None)) == {"max_tokens", "temperature"}
        attempt.give_more()
        assert attempt.body(9, scores=False, held=None).get("reasoning_effort") == effort


@pytest.mark.parametrize(
    ("address", "fields"),
    [
        ("https://api.openai.com/v1", {"reasoning_effort": "none"}),
        ("http://localhost:11434/v1", {"reasoning_effort": "none"}),
        ("https://api.deepseek.com/v1", {"thinking": {"type": "disabled"}}),
        ("https://open.bigmodel.cn/api/paas/v4", {"thinking": {"type": "disabled"}}),
        ("https://dashscope.aliyuncs.com/compatible-mode/v1", {"enable_thinking": False}),
        ("https://openrouter.ai/api/v1", {"reasoning": {"enabled": False}}),
        (
            "http://10.0.0.1:8000/v1",
            {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}},
        ),
    ],
)
def test_known_hosts_are_told_in_their_own_way(address, fields):
    body = Fields(address, "off", {}).attempt().body(9, scores=False, held=None)
    assert body == {"max_tokens": 9, "temperature": 0, **fields}


def test_thinking_may_be_asked_for_or_left_to_the_server():
    _, [body], _ = asked_with(lambda *_: chat("好"), thinking="on", max_tokens=10)
    assert body["chat_template_kwargs"]["enable_thinking"] is True
    assert body["max_tokens"] == 10 + 8192
    _, [body], _ = asked_with(lambda *_: chat("好"), thinking="auto")
    assert set(body) == {"model", "messages", "max_tokens", "temperature"}


def test_fields_of_the_user_go_before_ours():
    extra = {"temperature": 0.2, "top_k": 1, "reasoning_effort": "high"}
    _, [body], _ = asked_with(lambda *_: chat("好"), extra_body=extra)
    assert {key: body[key] for key in extra} == extra
    assert "chat_template_kwargs" not in body


@pytest.mark.parametrize(
    "options",
    [
        {"parallel": 0},
        {"timeout": 0},
        {"timeout": float("nan")},
        {"thinking": "no"},
        {"extra_body": [1]},
        {"extra_body": {"stream": True}},
    ],
)
def test_options_that_would_ask_nothing_are_refused(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        HttpOptions(**options)


# --- where answers stand ---


@pytest.mark.parametrize(
    "fields",
    [
        {"content": None, "reasoning_content": ANSWER},
        {"content": "", "reasoning": f"先想一想 {{不对}}。\n```json\n{ANSWER}\n```"},
        {"content": " \n", "thinking": f'草稿 {{"a": [1]}} 好，\n{ANSWER}'},
        {"content": None, "reasoning_details": [{"type": "reasoning.text", "text": ANSWER}]},
    ],
)
def test_an_answer_among_thoughts_is_read_and_told(fields):
    completion = read_reply(message(**fields)[1]).completion
    assert (completion.text, completion.finish_reason) == (ANSWER, "stop")
    assert "among the model's thoughts" in completion.problem


def test_a_compact_answer_among_thoughts_is_read():
    said = "想了一下。\n\n张伟⟦人名⟧"
    assert read_reply(message(content="", reasoning=said)[1]).completion.text == "张伟⟦人名⟧"


def test_thoughts_without_an_answer_are_no_answer():
    for said in (
        "我不知道。",
        f"答案是 {ANSWER}，不过再想想",
        "{" * 5000 + "1}",
        "[" * 9000 + "，]",
    ):
        completion = read_reply(message(content=None, reasoning_content=said)[1]).completion
        assert (completion.text, completion.finish_reason) == ("", "refused")
        assert "no answer in them" in completion.problem


@pytest.mark.parametrize(
    "parts",
    [
        [{"type": "text", "text": ANSWER}],
        [{"type": "thinking", "thinking": [{"type": "text", "text": "嗯"}]}, {"text": ANSWER}],
        [{"type": "output_text", "text": ANSWER[:9]}, {"type": "text", "text": ANSWER[9:]}],
        [ANSWER, {"type": "image_url", "image_url": {}}, {"type": "text", "text": None}, 7],
        [{"type": "thinking", "thinking": f"嗯\n{ANSWER}"}],
    ],
)
def test_the_text_parts_of_a_content_are_joined(parts):
    assert read_reply(message(content=parts)[1]).completion.text == ANSWER


@pytest.mark.parametrize(
    "fields",
    [
        {"tool_calls": [{"type": "function", "function": {"name": "f", "arguments": ANSWER}}]},
        {"tool_calls": [{"function": {"arguments": json.loads(ANSWER)}}], "content": ""},
        {"function_call": {"name": "f", "arguments": ANSWER}, "content": None},
    ],
)
def test_the_arguments_of_a_tool_call_are_an_answer(fields):
    text = read_reply(message(**fields)[1]).completion.text
    assert json.loads(text) == json.loads(ANSWER)


@pytest.mark.parametrize("content", [7, {"text": "好"}, True])
def test_a_content_of_no_known_kind_is_a_failure(content):
    with pytest.raises(RequestFailure, match="in no form known"):
        read_reply(message(content=content)[1])


# --- budgets ---


def test_the_answer_s_length_follows_the_text_unless_it_is_given():
    with server(lambda *_: chat("好")) as (address, asked), backend(address) as engine:
        list(engine.generate([Prompt("问", "文"), Prompt("问", "文" * 1000)]))
        list(engine.generate([Prompt("问", "文" * 1000)], max_tokens=300))
    limits = [body["max_tokens"] for _, _, body in asked]
    assert sorted(limits) == [300, 516, 4512]


@pytest.mark.parametrize(
    "complaint",
    [
        "'max_tokens' or 'max_completion_tokens' is too large: {limit}. This model's maximum context "
        "length is 4096 tokens and your request has 3000 input tokens ({limit} > 4096 - 3000).",
        "This model's maximum context length is 4096 tokens. However, you requested {total} tokens "
        "(3000 in the messages, {limit} in the completion). Please reduce the length.",
        "Requested token count exceeds the model's maximum context length of 4096 tokens. You "
        "requested a total of {total} tokens: 3000 tokens from the input and {limit} for the answer.",
    ],
)
def test_a_limit_beyond_the_context_is_made_to_fit(complaint):
    def answer(body, _):
        limit = body["max_tokens"]
        if limit <= 1096:
            return chat("好")
        return refusal(complaint.format(limit=limit, total=3000 + limit))

    with server(answer) as (address, asked), backend(address) as engine:
        [completion] = engine.generate([Prompt("问", "文" * 2500)])
        assert (completion.text, engine.context) == ("好", 4096)
    assert [body["max_tokens"] for _, _, body in asked] == [10512, 1096]


def test_a_server_s_own_limit_of_answers_is_learned():
    def answer(body, _):
        if body["max_tokens"] <= 8192:
            return chat("好")
        return refusal("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]")

    with server(answer) as (address, asked), backend(address) as engine:
        for _ in range(2):
            assert next(engine.generate([Prompt("问", "文" * 3000)])).text == "好"
    assert [body["max_tokens"] for _, _, body in asked] == [12512, 8192, 8192]


@pytest.mark.parametrize(
    ("status", "complaint"),
    [
        (400, "the request exceeds the available context size, try increasing it"),
        (
            400,
            "This model's maximum context length is 2048 tokens, the prompt has 3000 input tokens",
        ),
        (422, "prompt is too long: 3000 tokens > 2048 maximum"),
        (400, "输入超过最大长度限制"),
        (413, "payload too large"),
    ],
)
def test_a_prompt_that_is_too_long_says_so_apart_and_is_asked_once(status, complaint):
    def answer(body, _):
        return refusal(complaint, status) if text_of(body) == "文本1" else chat("好")

    answers, bodies, _ = asked_with(answer, 3)
    assert [(a.finish_reason, a.is_too_long) for a in answers] == [
        ("stop", False),
        ("refused", True),
        ("stop", False),
    ]
    assert complaint in answers[1].problem
    assert [text_of(body) for body in bodies].count("文本1") <= 2


@pytest.mark.parametrize(
    ("row", "context"),
    [
        ({"max_model_len": 4096}, 4096),
        ({"context_length": 32768}, 32768),
        ({"meta": {"n_ctx": 8192, "n_ctx_train": 131072}}, 8192),
        ({"max_model_len": "many", "meta": 3}, None),
        ({}, None),
    ],
)
def test_the_context_of_a_model_is_read_from_the_list(row, context):
    assert read_models({"data": [{"id": "m", **row}, {"id": 3}, 7]}) == {"m": context}


def test_a_server_that_lists_no_context_has_none():
    engine = HttpBackend("http://127.0.0.1:9/v1#m")
    assert engine.context is None
    with server(lambda *_: chat("好")) as (address, _), backend(address) as engine:
        assert engine.context is None


def test_tokens_are_counted_and_estimated():
    usage = {
        "prompt_tokens": 60,
        "completion_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 40},
        "completion_tokens_details": {"reasoning_tokens": 4},
    }

    def answer(*_):
        status, value = chat("好")
        return status, value | {"usage": usage}

    with server(answer) as (address, _), backend(address) as engine:
        long = Prompt("问" * 20, "文" * 98)
        assert engine.count_tokens(long) > 100
        list(engine.generate([long, long]))
        assert engine.usage == Usage(2, 120, 18, 80, 8)
        assert 55 <= engine.count_tokens(long) <= 65
    broken = {"prompt_tokens": "many", "completion_tokens": None, "prompt_tokens_details": 3}
    assert read_reply(chat("好")[1] | {"usage": broken}).usage == Usage(1)


# --- faults ---


def test_a_filtered_document_is_refused_with_its_reason():
    for reply in (
        chat("", "content_filter"),
        chat("张", "content_filter"),
        message(content=None, refusal="不能回答"),
        refusal("The response was filtered due to the prompt triggering content management policy"),
        refusal("输入内容可能包含敏感信息", 403),
        (500, b"crashed"),
    ):

        def answer(body, _, reply=reply):
            return reply if text_of(body) == "文本0" else chat("好")

        answers, _, _ = asked_with(answer, 3)
        assert [a.finish_reason for a in answers] == ["refused", "stop", "stop"]
        assert answers[0].problem


def test_a_limit_by_the_minute_is_waited_for_longer_than_a_minute():
    class State:
        attempt_number = 0

        class outcome:  # noqa: N801
            @staticmethod
            def exception():
                return failure

    patience, waited = Patience(5, 1.0), []
    failure = RequestFailure("too many", 429, is_passing=True)
    for number in range(1, 100):
        State.attempt_number = number
        if patience.is_over(State):
            break
        waited.append(patience.wait(State))
    assert 60 < sum(waited[:-1]) < sum(waited) < 300
    failure = RequestFailure("too many", 429, wait=7.0, is_passing=True)
    assert patience.wait(State) == 7
    failure = RequestFailure("busy", 503, is_passing=True)
    State.attempt_number = 5
    assert patience.is_over(State)
    failure = RequestFailure("late", is_passing=True, is_late=True)
    State.attempt_number = 2
    assert patience.is_over(State)


def test_a_server_that_names_the_seconds_in_words_is_heard():
    def answer(_, number):
        if number == 1:
            return refusal("Rate limit reached. Please try again in 150ms. See your quota.", 429)
        return chat("好")

    begin = time.perf_counter()
    [answer], bodies, _ = asked_with(answer)
    assert (answer.text, len(bodies)) == ("好", 2)
    assert time.perf_counter() - begin >= 0.15


@pytest.mark.parametrize(
    ("status", "text", "headers"),
    [
        (429, "You exceeded your current quota, please check your plan", {}),
        (402, "Insufficient Balance", {}),
        (403, "账户余额不足", {}),
        (429, "limit by the day", {"Retry-After": "40000"}),
        (400, "Your credit balance is too low to access the API", {}),
    ],
)
def test_a_quota_that_is_used_up_ends_the_run_at_once(status, text, headers):
    def answer(body, _):
        return chat("好") if text_of(body) == "文本0" else refusal(text, status, **headers)

    with pytest.raises(ModelError, match="has no quota left") as raised:
        asked_with(answer, 4)
    assert text in str(raised.value)


def test_a_quota_by_the_minute_is_not_used_up():
    assert not RequestFailure("", 429, "You exceeded your current quota", wait=34.0).is_exhausted
    assert not RequestFailure("", 429, "quota exceeded for requests per minute").is_exhausted


def test_an_answer_that_drips_ends_at_the_timeout():
    def answer(body, _):
        time.sleep(0.4 if text_of(body) == "文本1" else 0)
        return chat("好")

    answers, bodies, engine = asked_with(answer, 3, timeout=0.15, parallel=4)
    assert [a.finish_reason for a in answers] == ["stop", "refused", "stop"]
    assert "no whole answer within 0.15 s" in answers[1].problem
    # Late answers may have waited for others: fewer are asked for at once.
    assert engine._lanes.most == 1


def test_lanes_hold_back_what_is_too_much():
    lanes, under_way, most = Lanes(3), [], []

    def work():
        with lanes.one():
            under_way.append(1)
            most.append(len(under_way))
            time.sleep(0.01)
            under_way.pop()

    threads = [threading.Thread(target=work) for _ in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) <= 3


FAULTS = [
    (429, {"error": {"message": "slow down"}}, {"Retry-After": "0.02"}),
    (429, {"error": {"message": "too many requests"}}),
    (500, {"error": {"message": "crashed"}}),
    (200, b'{"choices": [{"mess'),
    (503, b"<html>bad gateway</html>"),
    (403, {"error": {"message": "gateway"}}),
]


def test_every_prompt_is_answered_once_by_a_server_with_all_faults():
    left = {}
    lock = threading.Lock()

    def answer(body, _):
        text = text_of(body)
        if not text.startswith("文本"):
            return chat("好")
        number = int(text[2:])
        if number == 0 or number % 17 == 5:
            return refusal("filtered by the content policy")
        if number % 23 == 7:
            return refusal("the request exceeds the available context size")
        with lock:
            tries = left.setdefault(number, [FAULTS[number % 6]] if number % 2 else [])
            if tries:
                return tries.pop()
        return chat(text[2:])

    answers, _, _ = asked_with(answer, 100)
    said = [(a.finish_reason, a.text or a.problem) for a in answers]
    for number, (reason, words) in enumerate(said):
        if number == 0 or number % 17 == 5:
            assert (reason, words) == ("refused", "status 400: filtered by the content policy")
        elif number % 23 == 7:
            assert (reason, answers[number].is_too_long) == ("refused", True)
        else:
            assert (reason, words) == ("stop", str(number))


# --- keys ---


def test_a_key_is_trimmed_and_never_shown(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", " sk-secret-0123\n")

    def answer(*_):
        return refusal("Incorrect API key provided: sk-secret-0123", 401)

    with pytest.raises(ModelError) as raised:
        asked_with(answer)
    assert "sk-secret" not in str(raised.value)
    assert "Incorrect API key provided: ***" in str(raised.value)
    _, [(_, headers, _)] = ask(lambda *_: chat("好"))
    assert headers["Authorization"] == "Bearer sk-secret-0123"


@pytest.mark.parametrize(
    ("key", "place"), [("sk-一二", 4), ("sk-ab\ncd", 6), ("“sk-ab”", 1), ("sk\u200b-ab", 3)]
)
def test_a_character_that_no_key_holds_is_named_and_the_key_is_not(monkeypatch, key, place):
    monkeypatch.setenv("CHINCHILLA_API_KEY", key)
    with pytest.raises(ModelError, match=f"CHINCHILLA_API_KEY: character {place} is") as raised:
        read_key()
    assert "ab" not in str(raised.value)


def test_an_empty_key_is_none_and_a_placeholder_hides_no_words(monkeypatch):
    monkeypatch.setenv("CHINCHILLA_API_KEY", " \n")
    assert read_key() == ""
    assert hidden("", "status 400") == "status 400"
    assert hidden("a", "a bad key") == "a bad key"


def test_an_address_is_shown_without_secrets():
    shown = shown_address("https://me:pw@host/v1?api-key=abc&version=2")
    assert shown == "https://me:***@host/v1?api-key=***&version=***"
