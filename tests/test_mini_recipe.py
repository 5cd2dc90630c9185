"""The making of the embedded model on a tiny base: folder of weights, training, thresholds, card."""

import json

import numpy as np
import pytest
from test_mini_reader import CHARS, LABELS, SCHEMA, example

from chinchilla.errors import ConfigError, InputError

torch = pytest.importorskip("torch")

from safetensors.numpy import save_file  # noqa: E402

from chinchilla.data.configuration import read_configuration  # noqa: E402
from chinchilla.engines.open import open_engine  # noqa: E402
from chinchilla.mini.train.loop import trained  # noqa: E402
from chinchilla.mini.train.model_card import write_card  # noqa: E402
from chinchilla.mini.train.original import open_base, pack  # noqa: E402
from chinchilla.mini.train.recipe import TrainingRecipe, chosen, finish, mistakes, train  # noqa: E402
from chinchilla.mini.train.sets import read_catalogue  # noqa: E402
from chinchilla.mini.words import unpack  # noqa: E402
from chinchilla.pipeline import Extractor  # noqa: E402

H = 64


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A folder as of the hub: a BERT encoder of two layers with a unigram tokenizer."""
    folder = tmp_path_factory.mktemp("base")
    pieces = ["<s>", "<pad>", "</s>", "<unk>", *dict.fromkeys(CHARS), "公司", "收购", "雀巢"]
    rng = np.random.default_rng(4)

    def weights(*shape):
        return rng.normal(size=shape).astype(np.float32) / 9

    tensors = {"embeddings.word_embeddings.weight": weights(len(pieces), H)}
    tensors["embeddings.position_embeddings.weight"] = weights(512, H)
    tensors["embeddings.token_type_embeddings.weight"] = weights(2, H)
    linear = {"attention.self.query": (H, H), "attention.self.key": (H, H)}
    linear |= {"attention.self.value": (H, H), "attention.output.dense": (H, H)}
    linear |= {"intermediate.dense": (4 * H, H), "output.dense": (H, 4 * H)}
    norms = ["embeddings.LayerNorm"]
    for k in range(2):
        at = f"encoder.layer.{k}"
        for name, shape in linear.items():
            tensors[f"{at}.{name}.weight"] = weights(*shape)
            tensors[f"{at}.{name}.bias"] = weights(shape[0])
        norms += [f"{at}.attention.output.LayerNorm", f"{at}.output.LayerNorm"]
    for name in norms:
        tensors[f"{name}.weight"] = np.ones(H, np.float32)
        tensors[f"{name}.bias"] = np.zeros(H, np.float32)
    save_file(tensors, folder / "model.safetensors")
    config = {"model_type": "bert", "hidden_size": H, "num_hidden_layers": 2}
    config |= {"num_attention_heads": 4, "intermediate_size": 4 * H, "layer_norm_eps": 1e-12}
    config |= {"max_position_embeddings": 512}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    vocabulary = [[piece, -float(k > 3) * 3] for k, piece in enumerate(pieces)]
    model = {"type": "Unigram", "vocab": vocabulary}
    (folder / "tokenizer.json").write_text(json.dumps({"model": model}), encoding="utf-8")
    return folder


def test_weights_survive_their_packing():
    values = np.random.default_rng(0).normal(size=(64,)).astype(np.float32)
    values[32:] = 0
    error = np.abs(unpack(pack(values)) - values)
    assert error.max() <= np.abs(values).max() / 8
    assert error[32:].max() == 0


def test_a_folder_of_weights_gives_what_a_packed_file_gives(base):
    opened = open_base(base)
    assert opened.shape.layers == 2
    assert opened.tensor("l1.fo.w", 4 * H).shape == (H, 4 * H)
    assert opened.packed("l0.q.w").shape == (H * H // 32, 18)
    assert opened.rows([5, 6]).shape == (2, H)
    assert opened.packed_rows([5, 6]).shape == (2 * H // 32, 18)


def test_no_base_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no config.json; expected"):
        open_base(tmp_path)
    with pytest.raises(InputError, match="no base weights"):
        open_base(tmp_path / "none")


@pytest.mark.slow
def test_a_training_is_resumed_and_ends_in_a_model_with_a_card(base, tmp_path):
    labels = {
        key: {**label, "lang": "zh", "count": 3, "licence": "permissive"}
        for key, label in LABELS.items()
    }
    data = tmp_path / "data"
    data.mkdir()
    for name, value in (("labels", labels), ("groups", {"t": list(labels)})):
        (data / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")
    lines = "".join(json.dumps({**example(), "id": str(k)}) + "\n" for k in range(12))
    for part in ("train", "dev"):
        (data / f"t.{part}.jsonl").write_text(lines, encoding="utf-8")
    told = {"base": str(base), "run": str(tmp_path), "layers": (0, 1), "known": ("t",)}
    said = []
    train(TrainingRecipe(**told, minutes=0.01), said.append)
    first = json.loads((tmp_path / "log.jsonl").read_text("utf-8").splitlines()[-1])
    earlier = tmp_path / "first.pt"
    earlier.write_bytes((tmp_path / "checkpoint.pt").read_bytes())
    train(TrainingRecipe(**told, minutes=first["minutes"] + 0.02, workers=1), said.append)
    last = json.loads((tmp_path / "log.jsonl").read_text("utf-8").splitlines()[-1])
    assert last["steps"] > first["steps"]
    # What two workers read counts together.
    assert first["characters"] / first["steps"] > 1.5 * (
        last["characters"] - first["characters"]
    ) / (last["steps"] - first["steps"])
    a, b = (
        torch.load(path, weights_only=True)["model"]["links.share"]
        for path in (earlier, tmp_path / "checkpoint.pt")
    )
    mean = trained(tmp_path, {str(earlier): 0.25})[0].links.share
    assert not torch.equal(a, b)
    assert torch.allclose(mean, 0.25 * a + 0.75 * b)
    folder = finish(TrainingRecipe(**told, earlier={str(earlier): 0.25}), said.append)
    assert len((folder / "README.md").read_text("utf-8").splitlines()) <= 60
    engine = open_engine(folder)
    assert "收购" in engine.trained["re"]
    assert Extractor(engine, SCHEMA).extract(example()["text"]) is not None
    with pytest.raises(InputError, match="holds no checkpoint"):
        finish(TrainingRecipe(run=str(data)))
    with pytest.raises(InputError, match="no such checkpoint"):
        finish(TrainingRecipe(**told, earlier={"none.pt": 0.5}))
    with pytest.raises(InputError, match="shares of 1 in all"):
        finish(TrainingRecipe(**told, earlier={str(earlier): 1.0}))


def test_corpora_are_chosen_by_licence():
    catalogue = read_catalogue()
    names = chosen(TrainingRecipe(licences=("permissive",)), catalogue)
    assert names
    assert {catalogue.sets[name].licence for name in names} == {"permissive"}
    assert set(chosen(TrainingRecipe(), catalogue)) == set(catalogue.sets)


def test_mistakes_of_a_recipe_are_told_together(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text("base: none.bin\nlicences: [free]\nminutes: 0\n", encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        read_configuration(path, TrainingRecipe, check=mistakes)
    assert all(part in str(error.value) for part in ("base: no such", "'free'", "minutes"))


def test_a_card_is_short_and_says_what_binds_it(tmp_path):
    (tmp_path / "model.bin").write_bytes(b"0" * 2_000_000)
    f1 = {f"set{k}": {"entity": 0.5, "role": 0.25} for k in range(40)}
    figures = {"f1": f1, "error": {"msra entity": 0.02}, "characters": 3_000_000}
    write_card(tmp_path, figures, {"a": "permissive", "b": "research"})
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 60
    assert "2.0 MB" in text
    assert "research only" in text.replace("\n", " ")
    write_card(tmp_path, figures, {"a": "permissive"})
    assert "permissive licences" in (tmp_path / "README.md").read_text(encoding="utf-8")
