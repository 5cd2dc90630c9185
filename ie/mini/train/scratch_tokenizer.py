"""A character tokenizer for models trained from scratch: one token a character or a label.

Characters outside the vocabulary fall back to their UTF-8 bytes, so that every text survives
encode and decode unchanged. Labels such as `⟦人名⟧` are one token each; the label of a type never
met in training is spelt out in characters.
"""

from collections.abc import Iterable
from typing import Any

PAD, EOS = "<pad>", "</s>"


def build_tokenizer(characters: Iterable[str], labels: Iterable[str]) -> Any:
    """Return a `tokenizers.Tokenizer` over these characters and label tokens.

    Ids: 0 padding, 1 end of sequence, 2-257 bytes, then characters in the given order, then
    labels in the given order.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

    vocabulary = {PAD: 0, EOS: 1}
    for byte in range(256):
        vocabulary[f"<0x{byte:02X}>"] = len(vocabulary)
    for character in characters:
        vocabulary.setdefault(character, len(vocabulary))
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], byte_fallback=True))
    # One piece a character: the model caches pieces, and whole lines would fill its cache.
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens([AddedToken(PAD, special=True), AddedToken(EOS, special=True)])
    tokenizer.add_tokens([AddedToken(label, normalized=False) for label in dict.fromkeys(labels)])
    return tokenizer


def save_tokenizer(tokenizer: Any, folder: str) -> None:
    """Save for transformers and for CTranslate2's converter, which read the same files."""
    from transformers import PreTrainedTokenizerFast

    kind: Any = PreTrainedTokenizerFast
    wrapped = kind(
        tokenizer_object=tokenizer, pad_token=PAD, eos_token=EOS, clean_up_tokenization_spaces=False
    )
    wrapped.save_pretrained(folder)
