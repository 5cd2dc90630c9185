"""Where an answer ends: the tokens that a tokenizer, a model's settings or a chat template name.

They need not agree. GLM-4, Llama 3, Gemma and Phi end a turn with another token than the tokenizer's
end of sequence, and only the model's settings, or only the template, know of it.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

# A turn of the assistant to find in what a template renders, and one that follows.
_ANSWER, _NEXT = "qzanswerzq", "qznextzq"


def stop_ids(tokenizer: Any, *settings: Any) -> list[int]:
    """Return the ids of all tokens that end an answer, the tokenizer's own first.

    `settings` are objects or mappings that may have an `eos_token_id`: a model's configuration, its
    generation settings.
    """
    found = [getattr(tokenizer, "eos_token_id", None)]
    for value in settings:
        named = value.get("eos_token_id") if isinstance(value, dict) else None
        named = getattr(value, "eos_token_id", named)
        found += named if isinstance(named, list | tuple) else [named]
    found += template_stops(tokenizer)
    return list(dict.fromkeys(i for i in found if type(i) is int and i >= 0))


def model_stops(model: Any, tokenizer: Any) -> list[int]:
    """Return the ids of all tokens that end an answer of a transformers model."""
    return stop_ids(tokenizer, getattr(model, "generation_config", None), model.config)


def folder_settings(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield what the files of a model's folder say of the model, as far as they are there."""
    for name in ("generation_config.json", "config.json"):
        try:
            value = json.loads((folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(value, dict):
            yield value


def template_stops(tokenizer: Any) -> list[int]:
    """Return the special token with which the chat template follows an answer, if there is one.

    Templates that close no turn begin the next one with it.
    """
    if not getattr(tokenizer, "chat_template", None):
        return []
    asked = {"role": "user", "content": "?"}
    turns = [asked, {"role": "assistant", "content": _ANSWER}, asked | {"content": _NEXT}]
    from jinja2 import TemplateError

    for messages in (turns[:2], turns):
        try:
            rendered = tokenizer.apply_chat_template(messages, tokenize=False)
        except (TemplateError, ValueError, TypeError, KeyError):
            continue  # some templates take only what their model was trained for
        after = rendered.rpartition(_ANSWER)[2].partition(_NEXT)[0]
        if found := _first_special(tokenizer, after):
            return [found]
    return []


def cut_at(ids: list[int], stops: Iterable[int]) -> tuple[list[int], bool]:
    """Return the ids before the first stop, and whether there is one."""
    ends = set(stops)
    for place, token in enumerate(ids):
        if token in ends:
            return ids[:place], True
    return ids, False


def _first_special(tokenizer: Any, text: str) -> int | None:
    special = set(tokenizer.all_special_ids) | _added(tokenizer)
    ids = tokenizer(text, add_special_tokens=False).input_ids if text.strip() else ()
    return next((token for token in ids if token in special), None)


def _added(tokenizer: Any) -> set[int]:
    known = getattr(tokenizer, "added_tokens_decoder", {})
    return {token for token, added in known.items() if getattr(added, "special", False)}
