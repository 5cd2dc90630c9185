"""What stands around an answer: reasoning, channels, tool calls and tags.

All but the answer is blanked, so that places in what is left are places in the completion:

    <think>…</think> answer          reasoning, in the marks of any model family
    … </think> answer                its opening mark was part of the prompt
    answer <think>…</think>          an afterthought
    <|channel|>analysis<|message|>…<|end|><|start|>assistant<|channel|>final<|message|>answer
    思考过程：… 最终答案：answer        plain words before the answer
    <answer>answer</answer>          the last of such tags
    <parameter=人名>["张三"]</parameter>    an argument of a tool call: read as {"人名": ["张三"]}
"""

import re
from collections.abc import Iterable

from .formats import OPEN, THOUGHT_TAGS
from .json_scanner import is_strict

_Range = tuple[int, int]
# A model's own tags stand by themselves; behind a quote, a letter or a backslash it is a mention.
_ALONE = r"(?<![\\\"'“‘\w])"
_TAG = rf"(?:\w+:)?(?:{THOUGHT_TAGS})"
_OPENING = (
    rf"{_ALONE}<\s*{_TAG}(?:\s[^<>]*)?>|◁think▷|\[THINK\]|<\|START_THINKING\|>|"
    r"<\|begin_of_thought\|>|<\|channel>\s*(?:thought|thinking|analysis)\b|<unused94>(?:thought)?"
)
_CLOSING = (
    rf"<\s*/\s*{_TAG}\s*>|◁/think▷|\[/THINK\]|<\|END_THINKING\|>|"
    r"<\|end_of_thought\|>|<channel\|>|<unused95>"
)
_THOUGHT = re.compile(rf"(?P<opening>{_OPENING})|(?P<closing>{_CLOSING})", re.I)
_CHANNEL = re.compile(
    r"<\|channel\|>\s*(?P<name>\w+)(?P<header>[^{\[<]{0,200}(?:<\|constrain\|>[^{\[<]{0,50})?)<\|message\|>"
    r"(?P<text>.*?)(?=<\|(?:end|return|call|start|channel)\|>|\Z)",
    re.S,
)
# The same with its special tokens lost, as servers that skip them give it.
_BARE_CHANNEL = re.compile(
    r"assistant\s?(?:final|commentary(?:\s*to=\S+?)?(?:\s*<?\|?constrain\|?>?)?\s*(?:json)?)"
    r"(?=\s*\S)"
)
_ANSWER_TAG = re.compile(
    r"<(?P<end>/?)(?P<tag>answer|output|response|final|final_answer|result|json|tool_calls?)>|"
    r"<\|(?:(?P<begin>begin_of_box|START_RESPONSE|begin_of_solution)|"
    r"end_of_box|END_RESPONSE|end_of_solution)\|>",
    re.I,
)
_PLAIN_WORDS = re.compile(
    r"(?:最终(?:的)?(?:答案|结果|输出|回答|抽取结果|提取结果|json)|"
    r"final (?:answer|output|result|json)|here is my response|my final response)"
    r"(?:\s?(?:is|为|是|如下))?[\s*_：:]*(?:```\w*\s*)?(?=[{\[⟦｛])",
    re.I,
)
_CALL_ARGUMENT = re.compile(
    r"<arg_key>(?P<key>[^<>\"]*)</arg_key>\s*<arg_value>|"
    r"<parameter(?:=|\s+name=)[\"']?(?P<name>[^<>\"']*)[\"']?(?:\s[^<>]*)?>"
)
_CALL_ARGUMENT_END = re.compile(r"</arg_value>|</parameter>")
_SPECIAL_TOKEN = re.compile(r"<[|｜][^<>|｜\n]{1,40}[|｜]>|</s>|<(?:eos|end_of_turn)>")
_ANY = re.compile(
    rf"<\s*/?\s*{_TAG}[\s>]|◁|\[/?THINK\]|<[|｜]|[|｜]>|<unused9|</s>|<eos>|<end_of_turn>|<arg_key|"
    r"<parameter|</|最终|^\s*analysis|assistant\s?(?:final|commentary)|final |my response",
    re.I,
)
# One of these, in lower case, stands in whatever `_ANY` finds; they are looked for first, at a
# twentieth of the cost.
_SIGNS = ("<", "◁", "|>", "｜>", "think]", "最终", "analysis", "assistant", "final ", "my response")
_SAYS = re.compile(r"[^\W_]")


def answer_of(completion: str) -> str | None:
    """Return the completion with all but its answer blanked; None if it only reasons.

    An answer that is nothing but well-formed JSON is left as it is: what looks like a tag there
    stands in a mention.
    """
    if not _has_wrapper(completion) or _is_plain_json(completion):
        return completion
    source = _of_channels(completion)
    source = None if source is None else _without_thought(source)
    if source is None:
        return None
    # Answer tags of this form are still to be read.
    source = _of_tags(source)
    source = _SPECIAL_TOKEN.sub(lambda match: " " * len(match.group()), source)
    return _of_call_arguments(source)


def _has_wrapper(completion: str) -> bool:
    lower = completion.lower()
    for sign in _SIGNS:
        if sign in lower:
            return _ANY.search(completion) is not None
    return False


def _is_plain_json(completion: str) -> bool:
    said = completion.strip()
    return said[:1] in ("{", "[") and said[-1:] in ("}", "]") and is_strict(said)


def _only(source: str, kept: Iterable[_Range]) -> str:
    """Blank all but some ranges; with line ends, which in the compact form part mentions."""
    result, at = [], 0
    for start, end in kept:
        result += ["\n" * (start - at), source[start:end]]
        at = end
    return "".join(result) + "\n" * (len(source) - at)


def _has_answer(text: str) -> bool:
    return "{" in text or "[" in text or "｛" in text or OPEN in text


def _of_channels(source: str) -> str | None:
    """Keep the final message of an answer in channels, else a tool call; None: neither is there."""
    messages = list(_CHANNEL.finditer(source))
    if not messages:
        return _of_bare_channels(source)
    final = [m.span("text") for m in messages if m["name"].lower() == "final"]
    calls = [m.span("text") for m in messages if "to=" in m["header"]]
    comments = [m.span("text") for m in messages if m["name"].lower() == "commentary"]
    for kept in (final, calls, comments):
        if kept and any(source[start:end].strip() for start, end in kept):
            return _only(source, kept)
    return None


def _of_bare_channels(source: str) -> str | None:
    starts = list(_BARE_CHANNEL.finditer(source))
    is_analysis = source.lstrip()[:8].lower() == "analysis"
    if starts and (is_analysis or _has_answer(source[starts[-1].end() :])):
        return _only(source, ((starts[-1].end(), len(source)),))
    return source


def _without_thought(source: str) -> str | None:
    """Blank the reasoning; None if it never ends and nothing stands before it."""
    spoken: list[_Range] = []
    start, inside = 0, False
    for match in _THOUGHT.finditer(source):
        if match["opening"]:
            if not inside:
                spoken.append((start, match.start()))
            inside = True
        else:
            # Without an opening mark, all since the last thought was one.
            inside = False
            start = match.end()
    if not inside:
        spoken.append((start, len(source)))
    if len(spoken) == 1 and spoken[0] == (0, len(source)):
        return source
    for is_answer in (_has_answer, _SAYS.search):
        kept = [span for span in spoken if is_answer(_SPECIAL_TOKEN.sub("", source[slice(*span)]))]
        if kept:
            return _only(source, kept[-1:])
    return None if inside else "\n" * len(source)


def _of_tags(source: str) -> str:
    """Keep what stands in the last answer tag, and what follows the words for a final answer."""
    spans: list[_Range] = []
    opened, is_call = -1, False
    for match in _ANSWER_TAG.finditer(source):
        if match["begin"] or (match["tag"] and not match["end"]):
            opened = match.end()
        elif opened >= 0:
            if _SAYS.search(source, opened, match.start()):
                spans.append((opened, match.start()))
                is_call |= (match["tag"] or "").lower().startswith("tool_call")
            opened = -1
    if spans:
        return _only(source, spans if is_call else spans[-1:])
    words = list(_PLAIN_WORDS.finditer(source))
    return _only(source, ((words[-1].end(), len(source)),)) if words else source


def _of_call_arguments(source: str) -> str:
    """Write named arguments in tags as objects of one key, in the same places."""

    def opened(match: re.Match[str]) -> str:
        key = match["key"] if match["key"] is not None else match["name"]
        # The key stays where it was, or one place before, where one character follows it.
        at = match.start("key" if match["key"] is not None else "name") - match.start()
        rest = len(match.group()) - at - len(key)
        lead = at - 2 - max(2 - rest, 0)
        return " " * lead + '{"' + key + '":' + " " * (rest - 2)

    if "<arg_key>" not in source and "<parameter" not in source:
        return source
    source = _CALL_ARGUMENT.sub(opened, source)
    return _CALL_ARGUMENT_END.sub(lambda match: "}" + " " * (len(match.group()) - 1), source)
