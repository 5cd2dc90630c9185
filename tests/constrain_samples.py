"""A schema, texts and tokenizers for tests of constrained decoding."""

from functools import cache

from chinchilla.data.schema import Schema
from chinchilla.engines.constrain.token_bytes import read_vocabulary

SCHEMA = Schema.from_dict(
    {
        "name": "样例",
        "entities": ["人名", {"name": '机"构\\⟦名', "aliases": ["ORG"]}],
        "relations": [
            {"name": "作者", "qualifiers": {"inWork": None, "地点": None}},
            {"name": "导演", "object": "人名"},
        ],
        "events": [
            {"name": "裁员", "roles": ["裁员方", {"name": "环节", "values": ["筹备", "正式"]}]},
            {"name": "上市", "trigger": False, "roles": ["公司", "时间"]},
            {"name": "地震", "trigger": False},
        ],
    }
)
TEXTS = (
    "雀巢宣布裁员4000人，雀巢又裁员。",
    '她说："好\\的"⟦甲⟧\n下一行\t完 ',
    "我",
    " ",
    "先<think>再</think> 好",
    "aa aa  aa\x0b\x01 nan null",
    "😀与𠮷野家，ẞé\u2028。",
)
TASKS = ("ner", "re", "ee")
CASES = [(task, form) for task in TASKS for form in ("json", "compact")]


@cache
def byte_level_tokenizer():
    """A byte-level BPE with few merges: tokens end inside characters and span brackets."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=["<pad>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    answers = ['{"entities":[{"type":"人名","text":"雀巢"},{"type":"人名","text":"她"}]}'] * 9
    answers += ['{"relations": [{"type": "作者", "subject": "好"}]}', "雀巢⟦作者⟧裁员⟦⟧\n雀"] * 9
    tokenizer.train_from_iterator([*TEXTS, *answers], trainer)
    return tokenizer


@cache
def byte_fallback_tokenizer():
    """The tokenizer of models trained from scratch: characters, bytes and whole labels."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

    names = ["<pad>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    names += "雀巢宣布裁员她说好的甲下一行先再人名{}[]:,"
    vocabulary = {name: i for i, name in enumerate(dict.fromkeys(names))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in names[:2]])
    tokenizer.add_tokens(
        [AddedToken(label, normalized=False) for label in ("⟦⟧", "⟦作者⟧", "⟦人名⟧")]
    )
    return tokenizer


@cache
def word_tokenizer():
    """A vocabulary of characters without bytes: it cannot write every text."""
    from tiny_models import build_tokenizer

    return build_tokenizer().backend_tokenizer


@cache
def vocabulary(kind):
    tokenizer = {
        "byte level": byte_level_tokenizer,
        "byte fallback": byte_fallback_tokenizer,
        "words": word_tokenizer,
    }[kind]()
    return read_vocabulary(tokenizer, [1]), tokenizer
