"""The script that trains a translator: its examples, and a tiny model all the way to a translation."""

import itertools
import json
import random
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from chinchilla.cli.data_translate import command
from chinchilla.curate.translate.ct2 import (
    CT2Translator,
    is_translator,
    parts_of,
    piece_places,
)
from chinchilla.curate.translate.marks import has_remains, take_marks
from chinchilla.curate.translate.methods import Projector
from chinchilla.curate.translate.start import associations, begin_as_dictionary, plainest
from chinchilla.data.documents import Document, Entity
from chinchilla.errors import ModelError
from chinchilla.files.jsonl import write_documents

SCRIPT = Path(__file__).parent.parent / "scripts" / "train_translator"
LEXICON = {"Tom": {"汤姆"}, "Paris": {"巴黎"}, "tea": {"喝茶"}, "in": {"在"}}
PAIRS = [(f"Tom drinks {n} cups of tea in Paris.", f"汤姆在巴黎喝茶{n}杯。") for n in range(60)]


@pytest.fixture(scope="module")
def script():
    loader = SourceFileLoader("train_translator", str(SCRIPT))
    spec = spec_from_loader("train_translator", loader)
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_examples_carry_the_same_marks_on_both_sides(script):
    batches = script.Examples(PAIRS, LEXICON, 1).batches(400, 0)
    pairs = [pair for batch in itertools.islice(batches, 60) for pair in batch]
    marked = [pair for pair in pairs if "<a>" in pair[0]]
    assert 0.2 < len(marked) / len(pairs) < 0.6
    for source, target in marked:
        letters = [x for x in "abcd" if f"<{x}>" in source]
        sides = [take_marks(text, letters) for text in (source, target)]
        assert not sides[0].reasons
        assert not sides[1].reasons
        for letter in letters:
            name, said = (side.text[slice(*side.spans[letter])] for side in sides)
            assert said in LEXICON[name]
    renamed = [pair for pair in pairs if not has_remains(pair[0]) and "Tom" not in pair[0]]
    assert any(source.split()[0] in target for source, target in renamed)


def test_a_run_that_goes_on_draws_what_the_whole_run_draws(script):
    whole = list(itertools.islice(script.Examples(PAIRS, LEXICON, 1).batches(400, 0), 50))
    later = list(itertools.islice(script.Examples(PAIRS, LEXICON, 1).batches(400, 30), 20))
    assert later == whole[30:]


def test_places_of_pieces():
    assert piece_places(["▁Tom", "▁in", "▁Par", "is"], "Tom in  Paris") == [
        (0, 3), (4, 6), (8, 11), (11, 13),
    ]  # fmt: skip
    assert piece_places(["▁", "ＡＢ", "c"], "ABc") == [(0, 0), (0, 2), (2, 3)]


def test_a_text_is_cut_at_blanks():
    assert parts_of("Tom drinks tea in Paris .", 12) == ["Tom drinks", "tea in Paris", "."]
    assert parts_of("a verylongword b", 5) == ["a", "verylongword", "b"]
    assert parts_of(" Tom  drinks ", 0) == [" Tom  drinks "]
    assert parts_of(" ", 0) == parts_of(" ", 9) == []


def test_a_folder_without_pieces_says_what_to_copy(tmp_path):
    (tmp_path / "model.bin").touch()
    assert not is_translator(tmp_path)
    with pytest.raises(ModelError, match="--copy_files source.spm target.spm"):
        CT2Translator(tmp_path)


def test_what_goes_with_what():
    pytest.importorskip("scipy")
    words = ["the", "cat", "dog", "house", "猫", "狗", "房子", "。", "."]

    class Words:
        def get_vocab_size(self):
            return len(words)

        def encode_batch(self, texts, add_special_tokens):
            return [SimpleNamespace(ids=[words.index(w) for w in text.split()]) for text in texts]

    pairs = [("the cat .", "猫 。"), ("the dog .", "狗 。"), ("the cat the house .", "猫 房子 。")]
    table = associations(pairs, {"dog": {"狗"}}, Words()).toarray()
    best = {words[n]: words[row.argmax()] for n, row in enumerate(table) if row.any()}
    assert best == {"the": "。", "cat": "猫", "dog": "狗", "house": "房子", ".": "。"}
    assert plainest({"小狗", "狗", "犬"}) == "犬"


@pytest.mark.slow
def test_a_model_begins_as_a_dictionary_that_goes_from_left_to_right():
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    sparse = pytest.importorskip("scipy.sparse")
    torch.manual_seed(0)
    words = 60
    config = transformers.T5Config(
        vocab_size=2 * words, d_model=128, d_kv=64, num_heads=2, d_ff=64, num_layers=1,
        num_decoder_layers=1, feed_forward_proj="gated-gelu", tie_word_embeddings=True,
        decoder_start_token_id=0, pad_token_id=0,
    )  # fmt: skip
    model = transformers.T5ForConditionalGeneration(config).eval()
    # Words 1 to 59 of one language mean 61 to 119 of the other.
    ours = list(range(1, words))
    table = sparse.csr_matrix(
        ([1.0] * len(ours), (ours, [n + words for n in ours])),
        (2 * words, 2 * words),
        dtype="float32",
    )
    begin_as_dictionary(model, table)
    source = torch.tensor([random.Random(n).sample(ours, 8) for n in range(20)])
    logits = model(input_ids=source, labels=source + words).logits
    # The last word written says which comes next; the first has none before it.
    meant = logits[:, 1:, words:].argmax(-1) + words
    assert (meant == source[:, 1:] + words).float().mean() > 0.7


@pytest.mark.slow
def test_a_tiny_model_is_trained_converted_and_used(tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    texts = tmp_path / "pairs.tsv"
    texts.write_text("".join(f"{a}\t{b}\n" for a, b in PAIRS), "utf-8")
    words = tmp_path / "words.tsv"
    words.write_text("".join(f"{w}\t\t{min(m)}\n" for w, m in LEXICON.items()), "utf-8")
    small = ["--steps", "6", "--width", "64", "--layers", "1", "1", "--vocabulary", "420"]
    small += ["--held", "2", "--threads", "1", "--warmup", "2", "--batch", "800"]
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        training = [sys.executable, SCRIPT, texts, words, "-o", folder, *small]
        done = subprocess.run(training, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "held out" in done.stdout
    one, two = ((folder / "model.bin").read_bytes() for folder in folders)
    assert one == two
    translator = CT2Translator(folders[0])
    assert is_translator(folders[0])
    assert "licences" in translator.licence
    source = PAIRS[0][0]
    said = translator.translate([source, ""])
    assert said[1] == ""
    scores = translator.score(source, [PAIRS[0][1], PAIRS[1][1], "<a>汤姆</a>"])
    assert all(score < 0 for score in scores)
    aligned = translator.align(source, PAIRS[0][1])
    assert len(aligned.weights) == len(aligned.targets)
    assert aligned.targets[-1][1] == len(PAIRS[0][1])
    assert {len(row) for row in aligned.weights} == {len(aligned.sources)}
    for method in ("constrained", "alignment", "markers", "auto"):
        (projected,) = Projector(translator, method).project([(source, [(0, 3), (27, 32)])])
        for found in projected.found:
            assert (found.span is None) == bool(found.reason)

    source = Document("d1", PAIRS[0][0], (Entity("Peop", "Tom", 0, 3),))
    write_documents(tmp_path / "en.jsonl", [source])
    output = tmp_path / "zh.jsonl"
    options = ["-o", str(output), "--model", str(folders[0]), "--method", "constrained"]
    done = CliRunner().invoke(command, [str(tmp_path / "en.jsonl"), *options])
    assert done.exit_code == 0, done.output
    assert "licences" in done.output
    assert "note: types that keep their names" in done.output
    aside = output.with_name("zh.jsonl.aside.jsonl")
    rows = [*output.read_bytes().splitlines(), *aside.read_bytes().splitlines()]
    assert [json.loads(row)["id"] for row in rows] == ["d1"]
