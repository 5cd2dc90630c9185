"""What an OpenAI-compatible endpoint replies: the completion, wherever the server put it.

    {"choices": [{"message": {"content": "…"}, "finish_reason": "stop"}], "usage": {…}}

The answer may also come as parts of `content`, as the arguments of a tool call, or at the end of what
a reasoning parser of the server took for thoughts.
"""

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..decoding.wrappers import answer_of
from .endpoint import RequestFailure, said
from .protocol import Completion, Usage

_CUT = ("length", "max_tokens", "model_length")
_FILTERED = ("content_filter", "safety", "sensitive", "blocklist", "prohibited_content")
_THOUGHTS = ("reasoning_content", "reasoning", "thinking", "reasoning_details")
_NO_SCORES = "its answers hold none"
# Where an answer at the end of thoughts is looked for, in characters, and how many brackets that
# begin none are passed over: each may be read up to the end.
_TAIL, _TRIES = 20_000, 100


@dataclass(frozen=True, slots=True)
class Reply:
    """A completion and its cost; `is_thought` says that the limit cut it before the answer began.

    `no_scores` says why it has no token probabilities.
    """

    completion: Completion
    usage: Usage
    is_thought: bool = False
    no_scores: str = _NO_SCORES


def read_reply(value: Any) -> Reply:
    """Return the completion in the JSON of a reply.

    A completion that a filter of the server withheld is a refused one.

    Raises:
        Failure: the reply holds an error, or is no chat completion.
    """
    error = value.get("error") if isinstance(value, dict) else None
    if error and not value.get("choices"):
        text = _whole(json.dumps({"error": error}, ensure_ascii=False))
        raise RequestFailure(f"answers with an error: {said(text)}", 200, text)
    try:
        choice = value["choices"][0]
        message = choice["message"]
        content, parted = _content(
            message["content"] if _is_bare(message) else message.get("content")
        )
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise RequestFailure(
            f"answers in no form known ({type(error).__name__}: {error})",
            200,
            advice="; expected an OpenAI chat completion",
        ) from None
    return _reply(value, choice, _whole(content), _whole(parted or _thoughts(message)))


def read_models(value: Any) -> dict[str, int | None]:
    """Return the models that a server lists, each with its context in tokens if it tells."""
    rows = value.get("data") if isinstance(value, dict) else None
    found = {}
    for row in rows or ():
        if isinstance(row, dict) and isinstance(row.get("id"), str):
            meta = row.get("meta")
            meta = meta if isinstance(meta, dict) else {}
            context = row.get("max_model_len") or row.get("context_length") or meta.get("n_ctx")
            found[row["id"]] = context if type(context) is int and context > 0 else None
    return found


def _is_bare(message: dict[str, Any]) -> bool:
    """Return whether an answer can only stand in the content."""
    return not any(
        message.get(key) for key in (*_THOUGHTS, "tool_calls", "function_call", "refusal")
    )


def _reply(value: dict[str, Any], choice: dict[str, Any], content: str, thoughts: str) -> Reply:
    message, usage = choice["message"], _usage(value.get("usage"))
    ended = str(choice.get("finish_reason") or "stop").lower()
    if ended in _FILTERED or (message.get("refusal") and not content):
        why = message.get("refusal") or f"its filter withheld the answer ({ended})"
        return Reply(Completion("", "refused", problem=str(why)), usage)
    reason = "length" if ended in _CUT else "stop"
    if content.strip():
        # Cut off in the middle of a thought, in the marks of any model family.
        is_thought = reason == "length" and answer_of(content) is None
        ends, log_probs = _log_probs(choice, content)
        has_tokens = bool((choice.get("logprobs") or {}).get("content"))
        why = "the tokens that it names do not spell its answer" if has_tokens else _NO_SCORES
        return Reply(Completion(content, reason, ends, log_probs), usage, is_thought, why)
    if called := _whole(_called(message)):
        return Reply(Completion(called, reason), usage)
    if answer := _answer_in(thoughts):
        note = "the server put the answer among the model's thoughts"
        return Reply(Completion(answer, reason, problem=note), usage)
    if reason == "length":
        note = "the model thought until the token limit and gave no answer"
        return Reply(Completion("", reason, problem=note), usage, is_thought=True)
    if thoughts.strip():
        note = "the server gave thoughts of the model, and no answer in them or after them"
        return Reply(Completion("", "refused", problem=note), usage)
    return Reply(Completion(content, reason, *_log_probs(choice, content)), usage)


def _content(content: Any) -> tuple[str, str]:
    """Return what is said and what is thought; parts of other kinds are passed over."""
    if content is None or isinstance(content, str):
        return content or "", ""
    if not isinstance(content, list):
        raise TypeError("content is no string")
    spoken: list[str] = []
    thought: list[str] = []
    for part in content:
        if isinstance(part, str):
            spoken.append(part)
        elif isinstance(part, dict) and part.get("type", "text") in ("text", "output_text"):
            spoken.append(str(part.get("text") or ""))
        elif isinstance(part, dict):
            thought.extend(_strings(part.get("thinking") or part.get("reasoning")))
    return "".join(spoken), "".join(thought)


def _thoughts(message: dict[str, Any]) -> str:
    return next((found for key in _THOUGHTS if (found := "".join(_strings(message.get(key))))), "")


def _strings(value: Any) -> Iterator[str]:
    """Yield the texts of a string, of parts, or of a part."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part.get("text") if isinstance(part, dict) else part)


def _called(message: dict[str, Any]) -> str:
    """Return the arguments of tool calls, each of which is an answer, a line each."""
    calls = message.get("tool_calls")
    calls = [call.get("function") for call in calls or () if isinstance(call, dict)]
    answers = []
    for call in [*calls, message.get("function_call")]:
        given = call.get("arguments") if isinstance(call, dict) else None
        if given:
            answers.append(
                given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
            )
    return "\n".join(answers)


def _answer_in(thoughts: str) -> str:
    """Return the answer with which thoughts end, in JSON or in the compact form; empty if none."""
    tail = thoughts[-_TAIL:].rstrip().removesuffix("```").rstrip()
    if tail.endswith("⟧"):
        return tail.rpartition("\n\n")[2]
    decoder, at, found, failed = json.JSONDecoder(), 0, "", 0
    while tail.endswith(("}", "]")) and failed < _TRIES and (at := _next_bracket(tail, at)) >= 0:
        try:
            value, end = decoder.raw_decode(tail, at)
        except (ValueError, RecursionError):
            at, failed = at + 1, failed + 1
            continue
        if end == len(tail) and isinstance(value, dict | list):
            found = tail[at:]
        at = end
    return found


def _next_bracket(text: str, start: int) -> int:
    places = [place for mark in "{[" if (place := text.find(mark, start)) >= 0]
    return min(places, default=-1)


def _usage(value: Any) -> Usage:
    def count(*path: str) -> int:
        found = value
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        return found if type(found) is int and found > 0 else 0

    return Usage(
        requests=1,
        prompt=count("prompt_tokens"),
        completion=count("completion_tokens"),
        cached=count("prompt_tokens_details", "cached_tokens") or count("prompt_cache_hit_tokens"),
        reasoning=count("completion_tokens_details", "reasoning_tokens"),
    )


def _whole(text: str) -> str:
    """Return a text with U+FFFD for halves of surrogate pairs, which JSON can hold."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _log_probs(choice: dict[str, Any], text: str) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return token ends and log-probabilities, empty unless the tokens spell the text."""
    content = (choice.get("logprobs") or {}).get("content") or ()
    ends, log_probs = [], []
    written = ""
    # Bytes of a character, and halves of a pair, may come in several tokens.
    characters = codecs.getincrementaldecoder("utf-8")("surrogatepass")
    pairs = codecs.getincrementaldecoder("utf-16-le")("replace")
    try:
        for i, token in enumerate(content):
            log_probs.append(float(token["logprob"]))
            if i == len(content) - 1 and written == text:
                # Some servers list the end-of-sequence token, by its name.
                ends.append(len(text))
                break
            piece = token.get("bytes")
            said = (
                token["token"].encode("utf-8", "surrogatepass") if piece is None else bytes(piece)
            )
            halves = characters.decode(said).encode("utf-16-le", "surrogatepass")
            written += pairs.decode(halves)
            ends.append(len(written))
    except (KeyError, TypeError, ValueError, AttributeError):
        return (), ()
    return (tuple(ends), tuple(log_probs)) if written == text else ((), ())
