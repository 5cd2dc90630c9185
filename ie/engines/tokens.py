"""Token ids of prompts and answers: the one place where training and inference tokenise.

Prompt and answer are tokenised apart and joined as ids, so that no token straddles their border
and the ids a model is trained to continue are the ids it is asked with.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import ModelError
from ..prompts.messages import Prompt, chat_turns, plain_prompt
from .hub import hub_options
from .stops import cut_at, stop_ids

# A tokenizer that does not know says some 10^30.
_UNBOUNDED = 10_000_000
# A word of the system, to find in what a template renders.
_WORD = "qzsystemzq"
# The name of a note of transformers.
_LONG_NOTE = "sequence-length-is-longer-than-the-maximum"
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
            tokenizer: Tokenizer = PreTrainedTokenizerFast.from_pretrained(model)
        else:
            options = {"trust_remote_code": trust_remote_code, **hub_options(model)}
            tokenizer = AutoTokenizer.from_pretrained(model, **options)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{model}: no usable tokenizer ({error_line(error)})") from None
    if not tokenizer.chat_template:
        tokenizer.chat_template = _template_beside(Path(model))
    # Each engine tells of prompts that are too long, and of which; transformers would of the first.
    getattr(tokenizer, "deprecation_warnings", {})[_LONG_NOTE] = True
    return tokenizer


def has_chat_template(folder: Path) -> bool:
    """Return whether a model's folder holds a chat template, in any of the files for it."""
    if (folder / "chat_template.jinja").is_file() or _template_beside(folder):
        return True
    return bool(_read_object(folder / "tokenizer_config.json").get("chat_template"))


def prompt_ids(
    tokenizer: Tokenizer, prompt: Prompt, *, seq2seq: bool = False, thinking: bool = False
) -> list[int]:
    """Return the ids to ask a model with.

    With a chat template: the turns of the prompt and the opening of the answer's turn, with thinking
    switched off or on. A template without a place for the system's words gets them in the user's turn.
    Otherwise the plain prompt with the tokenizer's own opening token; `seq2seq` keeps the
    end-of-sequence token that encoders expect. Special tokens spelt out in the prompt stay text.
    """
    if tokenizer.chat_template:
        turns = chat_turns(prompt)
        if len(turns) > 1 and not _has_system(tokenizer, str(tokenizer.chat_template)):
            turns = chat_turns(prompt, has_system=False)
        return _chat_ids(tokenizer, turns, thinking=thinking)
    ids: list[int] = tokenizer(plain_prompt(prompt), split_special_tokens=True).input_ids
    if not seq2seq and ids and ids[-1] == tokenizer.eos_token_id:
        ids.pop()
    return ids


def model_context(tokenizer: Tokenizer, *configs: Any) -> int | None:
    """Return how many tokens a model reads, prompt and answer together; None if nothing tells.

    Of `configs`, mappings or objects, the one that names positions is right: those of a tokenizer
    may be fewer, of an older model, or far more, where it does not know.
    """
    for config in configs:
        values = config if isinstance(config, dict) else vars(config) if config else {}
        for name in ("max_position_embeddings", "n_positions", "n_ctx", "seq_length"):
            if type(values.get(name)) is int and values[name] > 0:
                return int(values[name])
    length = getattr(tokenizer, "model_max_length", None)
    return int(length) if length and length < _UNBOUNDED else None


def answer_ids(tokenizer: Tokenizer, answer: str) -> list[int]:
    """Return the ids of an answer, always closed by the end-of-sequence token.

    Raises:
        ModelError: the tokenizer has no end-of-sequence token.
    """
    if tokenizer.eos_token_id is None:
        raise ModelError("the tokenizer has no end-of-sequence token: a model could never stop")
    encoded = tokenizer(answer, add_special_tokens=False, split_special_tokens=True)
    return [*encoded.input_ids, tokenizer.eos_token_id]


def answer_text(tokenizer: Tokenizer, ids: list[int], stops: Sequence[int] = ()) -> str:
    """Return the text of generated ids, up to the first that ends an answer; see `stops`."""
    ids, _ = cut_at(ids, stops or stop_ids(tokenizer))
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


@lru_cache(maxsize=8)
def _has_system(tokenizer: Tokenizer, _template: str) -> bool:
    """Return whether the chat template says what the system says."""
    from jinja2 import TemplateError

    turns = [{"role": "system", "content": _WORD}, {"role": "user", "content": "?"}]
    try:
        return _WORD in tokenizer.apply_chat_template(turns, tokenize=False)
    except (TemplateError, ValueError, TypeError, KeyError):
        return False


def _chat_ids(tokenizer: Tokenizer, turns: list[dict[str, str]], *, thinking: bool) -> list[int]:
    rest: str = tokenizer.apply_chat_template(
        turns,
        add_generation_prompt=True,
        tokenize=False,
        # DeepSeek's templates call it otherwise than Qwen's and GLM's.
        enable_thinking=thinking,
        thinking=thinking,
    )
    ids: list[int] = []
    for content in (turn["content"].strip() for turn in turns):
        # A text that quotes "<|im_end|>" must not close its own turn.
        if any(token in content for token in tokenizer.all_special_tokens) and content in rest:
            head, _, rest = rest.partition(content)
            ids += tokenizer(head, add_special_tokens=False).input_ids
            ids += tokenizer(content, add_special_tokens=False, split_special_tokens=True).input_ids
    return ids + list(tokenizer(rest, add_special_tokens=False).input_ids)


def _template_beside(folder: Path) -> Any:
    """Return the template of `chat_template.json`, which transformers reads for processors only."""
    return _read_object(folder / "chat_template.json").get("chat_template")


def _read_object(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    value = json.loads(path.read_text(encoding="utf-8"))
    return value if isinstance(value, dict) else {}


def _is_generic(folder: Path) -> bool:
    name = _read_object(folder / "tokenizer_config.json").get("tokenizer_class")
    return (folder / "tokenizer.json").is_file() and name in (
        "TokenizersBackend",
        "PreTrainedTokenizerFast",
    )


def error_line(error: Exception) -> str:
    """Return the first line of what an error says, or its name."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
