"""Token ids of prompts and answers: the one place where training and inference tokenise.

Prompt and answer are tokenised apart and joined as ids, so that no token straddles their border
and the ids a model is trained to continue are the ids it is asked with.
"""

import json
from pathlib import Path
from typing import Any

from ..errors import ModelError
from ..prompts.messages import Prompt
from ..prompts.prompt import plain_prompt

# A transformers tokenizer; typed loosely because the base install does not have transformers.
Tokenizer = Any


def load_tokenizer(model: str, *, trust_remote_code: bool = False) -> Tokenizer:
    """Load the tokenizer of a model folder or hub id.

    A folder saved with a generic fast tokenizer is loaded as just that: `AutoTokenizer` goes by
    the model type and, for qwen2 among others, would silently swap its pre-tokenizer.

    Raises:
        ModelError: transformers is missing or there is no usable tokenizer.
    """
    try:
        from transformers import AutoTokenizer, PreTrainedTokenizerFast
    except ImportError:
        raise ModelError(
            "tokenizers of transformers are not installed; run: pip install 'chinchilla-ie[train]'"
        ) from None
    try:
        if _is_generic(Path(model)):
            return PreTrainedTokenizerFast.from_pretrained(model)
        return AutoTokenizer.from_pretrained(model, trust_remote_code=trust_remote_code)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{model}: no usable tokenizer ({_first_line(error)})") from None


def prompt_ids(tokenizer: Tokenizer, prompt: Prompt, *, seq2seq: bool = False) -> list[int]:
    """Return the ids to ask a model with.

    With a chat template: one user turn and the opening of the answer's turn, thinking switched
    off. Otherwise the plain prompt with the tokenizer's own opening token; `seq2seq` keeps the
    end-of-sequence token that encoders expect. Special tokens spelt out in the prompt stay text.
    """
    if tokenizer.chat_template:
        return _chat_ids(tokenizer, plain_prompt(prompt).rstrip("\n"))
    ids: list[int] = tokenizer(plain_prompt(prompt), split_special_tokens=True).input_ids
    if not seq2seq and ids and ids[-1] == tokenizer.eos_token_id:
        ids.pop()
    return ids


def answer_ids(tokenizer: Tokenizer, answer: str) -> list[int]:
    """Return the ids of an answer, always closed by the end-of-sequence token.

    Raises:
        ModelError: the tokenizer has no end-of-sequence token.
    """
    if tokenizer.eos_token_id is None:
        raise ModelError("the tokenizer has no end-of-sequence token: a model could never stop")
    encoded = tokenizer(answer, add_special_tokens=False, split_special_tokens=True)
    return [*encoded.input_ids, tokenizer.eos_token_id]


def answer_text(tokenizer: Tokenizer, ids: list[int]) -> str:
    """Return the text of generated ids, up to the first end-of-sequence token."""
    if tokenizer.eos_token_id in ids:
        ids = ids[: ids.index(tokenizer.eos_token_id)]
    text: str = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return text


def pad_id(tokenizer: Tokenizer) -> int:
    """Return the id to pad with: the tokenizer's own, or the end-of-sequence one.

    Padding is always masked, so sharing the end-of-sequence id is safe.

    Raises:
        ModelError: the tokenizer has neither.
    """
    for value in (tokenizer.pad_token_id, tokenizer.eos_token_id):
        if value is not None:
            return int(value)
    raise ModelError("the tokenizer has neither a padding nor an end-of-sequence token")


def _chat_ids(tokenizer: Tokenizer, content: str) -> list[int]:
    rendered: str = tokenizer.apply_chat_template(
        [{"role": "user", "content": content}],
        add_generation_prompt=True,
        tokenize=False,
        enable_thinking=False,
    )
    ids: list[int]
    if not any(token in content for token in tokenizer.all_special_tokens):
        ids = tokenizer(rendered, add_special_tokens=False).input_ids
        return ids
    # A text that quotes "<|im_end|>" must not close its own turn.
    inner = content.strip()
    head, _, tail = rendered.rpartition(inner)
    ids = tokenizer(head, add_special_tokens=False).input_ids
    ids += tokenizer(inner, add_special_tokens=False, split_special_tokens=True).input_ids
    return ids + list(tokenizer(tail, add_special_tokens=False).input_ids)


def _is_generic(folder: Path) -> bool:
    config = folder / "tokenizer_config.json"
    if not (config.is_file() and (folder / "tokenizer.json").is_file()):
        return False
    name = json.loads(config.read_text(encoding="utf-8")).get("tokenizer_class")
    return name in ("TokenizersBackend", "PreTrainedTokenizerFast")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
