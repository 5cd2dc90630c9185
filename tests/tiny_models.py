"""Tiny random models of many families with a character tokenizer, built on the spot."""

import json
from pathlib import Path

ALPHABET = (
    "张伟李娜王芳在北京上海广州的腾讯百度华为工作了加入公司一二三四五六七八九十年"
    '，。、：；（）{}[]":,⟦⟧_- \n找出中人名机构实体类型只输出没有则列表为空每条行格式提及请从文本抽取'
    "abcdefghijklmnopqrstuvwxyz0123456789…"
)
SPECIAL = ("<pad>", "<eos>", "<unk>", "<bos>")
CAUSAL = ("qwen2", "llama", "bloom", "gpt_neox", "opt", "glm4", "internlm3", "mistral", "qwen3")
SEQ2SEQ = ("t5", "mt5")


def build_tokenizer(*, chat: bool = False, alphabet: str = ALPHABET):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = [*SPECIAL, *dict.fromkeys(alphabet)]
    inner = Tokenizer(
        models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>")
    )
    inner.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    inner.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",
        eos_token="<eos>",
        unk_token="<unk>",
        bos_token="<bos>",
    )
    if chat:
        tokenizer.chat_template = (
            "{% for m in messages %}<bos>{{ m.content }}<eos>{% endfor %}"
            "{% if add_generation_prompt %}<bos>{% endif %}"
        )
    return tokenizer


def build_model(family: str, vocabulary: int, *, hidden: int = 32, layers: int = 2):
    import torch
    import transformers as t

    torch.manual_seed(0)
    shared = {"vocab_size": vocabulary, "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 3}
    usual = {
        **shared,
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "max_position_embeddings": 2048,
    }
    gated = {**usual, "intermediate_size": 2 * hidden, "num_key_value_heads": 1}
    coder = {
        "vocab_size": vocabulary,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "decoder_start_token_id": 0,
        "d_model": hidden,
        "d_kv": hidden // 2,
        "d_ff": 2 * hidden,
        "num_layers": layers,
        "num_heads": 2,
    }
    head = {"head_dim": hidden // 2}
    if family == "qwen2":
        return t.Qwen2ForCausalLM(t.Qwen2Config(**gated, tie_word_embeddings=True))
    if family == "qwen3":
        return t.Qwen3ForCausalLM(t.Qwen3Config(**gated, **head))
    if family == "llama":
        return t.LlamaForCausalLM(t.LlamaConfig(**gated))
    if family == "mistral":
        return t.MistralForCausalLM(t.MistralConfig(**gated, **head, sliding_window=None))
    if family == "glm4":
        return t.Glm4ForCausalLM(t.Glm4Config(**gated, **head))
    if family == "internlm3":
        config = t.AutoConfig.for_model("internlm3", **gated, **head)
        return t.AutoModelForCausalLM.from_config(config)
    if family == "gpt_neox":
        return t.GPTNeoXForCausalLM(t.GPTNeoXConfig(**usual, intermediate_size=2 * hidden))
    if family == "opt":
        config = t.OPTConfig(**usual, ffn_dim=2 * hidden, word_embed_proj_dim=hidden)
        return t.OPTForCausalLM(config)
    if family == "bloom":
        return t.BloomForCausalLM(
            t.BloomConfig(**shared, hidden_size=hidden, n_layer=layers, n_head=2)
        )
    if family == "t5":
        return t.T5ForConditionalGeneration(
            t.T5Config(**coder, feed_forward_proj="gated-gelu", tie_word_embeddings=True)
        )
    if family == "mt5":
        return t.MT5ForConditionalGeneration(t.MT5Config(**coder))
    raise ValueError(family)


def save_model(
    folder: Path,
    family: str = "qwen2",
    *,
    chat: bool = False,
    alphabet: str = ALPHABET,
    **shape: int,
) -> str:
    """Save a tiny model with its tokenizer and return the folder's name."""
    tokenizer = build_tokenizer(chat=chat, alphabet=alphabet)
    build_model(family, len(tokenizer), **shape).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


PEOPLE = ("张伟", "李娜", "王芳")
PLACES = ("北京", "上海", "广州")
FIRMS = ("腾讯", "百度", "华为")


def people_records(count: int) -> list[dict[str, object]]:
    """Return records that ask for people and firms in invented sentences."""
    records = []
    for i in range(count):
        person, place, firm = PEOPLE[i % 3], PLACES[i // 3 % 3], FIRMS[i // 9 % 3]
        text = f"{person}{'一二三四五六七八九十'[i // 27 % 10]}年在{place}加入{firm}。"
        found = [{"type": "人名", "text": person}, {"type": "机构名", "text": firm}]
        answer = {"entities": found}
        records.append(
            {
                "instruction": "找出人名、机构名",
                "input": text,
                "output": json.dumps(answer, ensure_ascii=False, separators=(",", ":")),
                "id": f"d{i}#0",
                "task": "ner",
                "source": "invented",
                "schema": ["人名", "机构名"],
                "lang": "zh",
            }
        )
    return records


def write_records(path: Path, records: list[dict[str, object]]) -> str:
    text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    path.write_text(text, encoding="utf-8")
    return str(path)
