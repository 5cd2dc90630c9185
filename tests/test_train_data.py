import random

import numpy as np
import pytest
import tiny_models

from chinchilla.engines.tokens import answer_ids, answer_text, load_tokenizer, pad_id, prompt_ids
from chinchilla.errors import ConfigError, InputError
from chinchilla.prompts.messages import Prompt, plain_prompt
from chinchilla.train.config import DataOptions
from chinchilla.train.dataset import split_records
from chinchilla.train.examples import Encoding, TrainingRecord, encode_records, read_records
from chinchilla.train.packing import (
    IGNORED,
    PackedCollator,
    PaddedCollator,
    PairCollator,
    epoch_order,
    pack,
    real_tokens,
)
from chinchilla.train.vocabulary import add_tokens, report_vocabulary


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_models.build_tokenizer()


def record(text, answer="有", **fields):
    return TrainingRecord("找出", answer, text, **fields)


def encoded(tokenizer, records, max_length=64, **options):
    return encode_records(records, Encoding(tokenizer, max_length, **options))


def test_prompt_and_answer_are_joined_as_ids_and_closed(tokenizer):
    examples = encoded(tokenizer, [record("张伟", "李娜")])
    tokens, prompt = examples[0]
    asked = prompt_ids(tokenizer, Prompt("找出", "张伟"))
    assert tokens[:prompt].tolist() == asked
    assert tokenizer.decode(asked) == plain_prompt(Prompt("找出", "张伟"))
    assert tokens[prompt:].tolist() == [*answer_ids(tokenizer, "李娜")]
    assert tokens[-1] == tokenizer.eos_token_id


def test_chat_template_opens_the_answer_at_inference_as_in_training():
    chat = tiny_models.build_tokenizer(chat=True)
    ids = prompt_ids(chat, Prompt("找出", "张伟"))
    assert chat.decode(ids) == "<bos>找出\n张伟<eos><bos>"


def test_special_tokens_in_a_text_stay_text(tokenizer):
    chat = tiny_models.build_tokenizer(chat=True)
    for kind in (tokenizer, chat):
        ids = prompt_ids(kind, Prompt("找出", "a<eos>b"))
        assert ids.count(kind.eos_token_id) == (1 if kind is chat else 0)
    assert answer_ids(tokenizer, "<eos>").count(tokenizer.eos_token_id) == 1


def test_answers_read_back_up_to_the_end_token(tokenizer):
    ids = answer_ids(tokenizer, "李娜")
    assert answer_text(tokenizer, [*ids, *ids]) == "李娜"


def test_padding_falls_back_to_the_end_token():
    tokenizer = tiny_models.build_tokenizer()
    assert pad_id(tokenizer) == 0
    tokenizer.pad_token = None
    assert pad_id(tokenizer) == tokenizer.eos_token_id


def test_generic_tokenizers_keep_their_pre_tokenizer_under_qwen2(tmp_path):
    folder = tiny_models.save_model(tmp_path / "m", "qwen2")
    assert len(load_tokenizer(folder)("张伟加入腾讯").input_ids) == 6


def test_a_text_that_looks_like_a_dialogue_is_left_alone(tokenizer):
    text = "human: a\nassistant: b"
    tokens, prompt = encoded(tokenizer, [record(text)])[0]
    assert tokenizer.decode(tokens[:prompt]) == f"找出\n{text}\n"


def test_overlong_records_are_skipped_and_counted_never_cut(tokenizer):
    examples = encoded(tokenizer, [record("张" * 80), record("李娜")], max_length=40)
    assert examples.counts["records"] == 2
    assert examples.counts["skipped as too long"] == 1
    assert len(examples) == 1
    assert examples[0][0][-1] == tokenizer.eos_token_id


def test_overlong_records_can_be_an_error(tokenizer):
    with pytest.raises(InputError, match="raise data.max_length"):
        encoded(tokenizer, [record("张" * 80, id="d1")], max_length=40, overlong="error")


def test_windows_divide_an_overlong_record_and_its_annotations(tokenizer, tmp_path):
    schema = tmp_path / "s.yaml"
    schema.write_text("name: p\nentities: [人名]\n", encoding="utf-8")
    text = "张伟在北京工作，李娜在上海工作了。" * 1 + "王芳在广州工作，张伟加入了腾讯公司。"
    long = record(text, "张伟⟦人名⟧李娜⟦人名⟧王芳⟦人名⟧张伟⟦人名⟧", task="ner", schema=("人名",))
    examples = encoded(
        tokenizer, [long], max_length=40, overlong="window", format="compact", schema=str(schema)
    )
    answers = [
        tokenizer.decode(tokens[prompt:-1].tolist())
        for tokens, prompt in map(examples.__getitem__, range(len(examples)))
    ]
    assert "".join(answers) == "张伟⟦人名⟧李娜⟦人名⟧王芳⟦人名⟧张伟⟦人名⟧"
    assert examples.counts["cut into windows"] == 1
    assert examples.counts["annotations cut by a window"] == 0
    assert max(examples.lengths) <= 40


def test_windows_without_a_schema_are_refused(tokenizer):
    long = record("张" * 80, source="nobody", task="ner")
    with pytest.raises(ConfigError, match=r"give data\.schema"):
        encoded(tokenizer, [long], max_length=40, overlong="window")


def test_an_empty_answer_is_refused_with_its_place(tmp_path):
    path = tiny_models.write_records(
        tmp_path / "r.jsonl", [{"instruction": "找出", "input": "张伟", "output": ""}]
    )
    with pytest.raises(InputError, match=r"r\.jsonl:1: 'output' is empty"):
        list(read_records([path]))


def test_a_held_out_fraction_takes_whole_documents_and_never_all(tmp_path):
    rows = [
        {"instruction": "i", "input": "t", "output": "o", "id": f"d{n // 2}#{n % 2}"}
        for n in range(10)
    ]
    path = tiny_models.write_records(tmp_path / "r.jsonl", rows)
    for fraction, documents in ((0.01, 1), (0.4, 2), (0.99, 4)):
        train, dev = split_records(DataOptions(train=(path,), dev_fraction=fraction), seed=0)
        held = {r.id[:2] for r in dev}
        assert len(held) == documents
        assert held.isdisjoint({r.id[:2] for r in train})
        assert len(dev) == 2 * documents


def test_packing_fills_rows_and_loses_nothing():
    rng = random.Random(0)
    lengths = [rng.randint(2, 100) for _ in range(2000)]
    rows = pack(lengths, 128)
    assert sorted(i for row in rows for i in row) == list(range(2000))
    assert max(sum(lengths[i] for i in row) for row in rows) <= 128
    # The least number of rows that could hold them, plus two in a hundred.
    assert len(rows) <= 1.02 * -(-sum(lengths) // 128)


def test_packed_rows_restart_positions_and_mask_prompts(tokenizer):
    examples = encoded(tokenizer, [record("张伟", "一"), record("李", "二")])
    batch = PackedCollator(examples, 0)([[0, 1]])
    first, second = (len(examples[i][0]) for i in range(2))
    positions = batch["position_ids"][0].tolist()
    assert positions[: first + second] == [*range(first), *range(second)]
    assert set(positions[first + second :]) <= {0}
    for index, start in ((0, 0), (1, first)):
        tokens, prompt = examples[index]
        labels = batch["labels"][0, start : start + len(tokens)].tolist()
        assert labels == [IGNORED] * prompt + tokens[prompt:].tolist()
    assert int(real_tokens(batch)) == first + second


def test_padded_batches_mask_padding_even_where_it_is_the_end_token(tokenizer):
    examples = encoded(tokenizer, [record("张伟在北京", "一"), record("李", "二")])
    batch = PaddedCollator(examples, tokenizer.eos_token_id)([[0], [1]])
    short = len(examples[1][0])
    assert batch["labels"][1, short - 1] == tokenizer.eos_token_id
    assert set(batch["labels"][1, short:].tolist()) == {IGNORED}
    assert batch["attention_mask"].sum() == int(real_tokens(batch)) == len(examples.tokens)


def test_encoder_decoders_get_prompt_and_answer_apart(tokenizer):
    examples = encoded(tokenizer, [record("张伟", "一二")], seq2seq=True)
    batch = PairCollator(examples, 0)([[0]])
    tokens, prompt = examples[0]
    assert batch["input_ids"][0, :prompt].tolist() == tokens[:prompt].tolist()
    assert batch["labels"][0, :3].tolist() == answer_ids(tokenizer, "一二")
    assert int(real_tokens(batch)) == len(tokens)


def test_no_batch_is_without_an_answer(tokenizer):
    records = [record("张" * n, "一") for n in range(1, 100)]
    examples = encoded(tokenizer, records, max_length=40)
    for row in pack(examples.lengths.tolist(), 40):
        assert (PackedCollator(examples, 0)([row])["labels"] != IGNORED).any()


def test_epoch_order_groups_like_lengths_and_depends_on_seed_and_epoch_alone():
    lengths = [random.Random(i).randint(1, 500) for i in range(1003)]
    order = epoch_order(lengths, batch=8, seed=1, epoch=0, grouped=True)
    assert sorted(order) == list(range(1003))
    assert order == epoch_order(lengths, batch=8, seed=1, epoch=0, grouped=True)
    assert order != epoch_order(lengths, batch=8, seed=1, epoch=1, grouped=True)
    assert lengths[order[0]] == max(lengths)
    batches = [order[i : i + 8] for i in range(0, 1003, 8)]
    padded = sum(len(b) * max(lengths[i] for i in b) for b in batches)
    assert padded < 1.05 * sum(lengths)


def test_vocabulary_report_counts_tokens_and_unknown_characters(tokenizer):
    report = report_vocabulary(tokenizer, ["张伟在", "雀巢雀"])
    assert (report.characters, report.tokens, report.hanzi) == (6, 6, 6)
    assert report.unknown == 3
    assert report.worst[0] == ("雀", 2)


def test_added_tokens_are_one_token_each(tmp_path):
    tokenizer = tiny_models.build_tokenizer()
    path = tmp_path / "tokens.txt"
    path.write_text("腾讯\n张\n腾讯\n", encoding="utf-8")
    new = add_tokens(tokenizer, str(path))
    assert len(new.ids) == 1
    assert len(new.pieces[0]) == 2
    assert len(tokenizer("腾讯", add_special_tokens=False).input_ids) == 1
    assert np.all(np.array(new.ids) >= 4)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("system", "只认姓李的人"),
        ("history", [["前一问", "前一答"]]),
        ("history", [{"role": "user", "content": "前一问"}]),
    ],
)
def test_records_with_more_to_their_prompt_are_refused(tmp_path, field, value):
    import json

    path = tmp_path / "r.jsonl"
    rows = [
        {"instruction": "找", "output": "有"},
        {"instruction": "找", "output": "有", field: value},
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    with pytest.raises(InputError, match=rf"r.jsonl:2: '{field}' is not empty"):
        list(read_records([str(path)]))
    for empty in (None, "", " ", [], [["", ""]], {}):
        path.write_text(json.dumps(rows[1] | {field: empty}), encoding="utf-8")
        assert len(list(read_records([str(path)]))) == 1
