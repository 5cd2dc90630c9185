"""The kit inside other libraries, each with the real library."""

import asyncio
import json

import pytest

from chinchilla import ExtractOptions, Extractor, read_schema
from chinchilla.data.documents import Argument, Entity, Event, Extraction, Mention, Relation
from chinchilla.errors import InputError, ModelError
from chinchilla.integrations.lightrag import answer_of, extracting

TEXT = "昨日，星河科技在北京宣布裁员300人。"


@pytest.fixture(scope="module")
def extractor():
    return Extractor(schema="news", tasks="ner", options=ExtractOptions(scores=True))


@pytest.fixture(scope="module")
def wanted(extractor):
    found = extractor.extract(TEXT)
    assert any(entity.text == "北京" for entity in found.entities)
    return found


def test_the_spacy_component(wanted):
    spacy = pytest.importorskip("spacy")
    import chinchilla.integrations.spacy_pipe  # noqa: F401

    nlp = spacy.blank("zh")
    nlp.add_pipe("chinchilla", config={"schema": "news", "tasks": "ner", "scores": True})
    one, none, other = nlp.pipe([TEXT, "", TEXT])
    assert none.ents == ()
    for doc in (one, other, nlp(TEXT)):
        assert [(e.label_, e.text) for e in doc.ents] == [(e.type, e.text) for e in wanted.entities]
        assert len(doc._.chinchilla.entities) == len(wanted.entities)


def test_pandas(extractor, wanted):
    pandas = pytest.importorskip("pandas")
    from chinchilla.integrations.frames import extract_frame

    frame = pandas.DataFrame({"text": ["", TEXT, None]}, index=["a", "b", "c"])
    made = extract_frame(frame, extractor)
    assert set(made["row"]) == {"b"}
    assert list(made["mention"][made["kind"] == "entity"]) == [e.text for e in wanted.entities]
    assert len(extract_frame(frame[:1], extractor)) == 0
    with pytest.raises(InputError, match="did you mean 'text'"):
        extract_frame(frame, extractor, "txt")


def test_pyarrow(extractor, wanted):
    pyarrow = pytest.importorskip("pyarrow")
    from chinchilla.integrations.frames import extract_table

    batch = pyarrow.RecordBatch.from_pydict({"text": ["", TEXT]})
    made = extract_table(batch, extractor).to_pylist()
    assert {row["row"] for row in made} == {1}
    assert [row["mention"] for row in made if row["kind"] == "entity"] == [
        e.text for e in wanted.entities
    ]


def test_datasets(extractor, wanted):
    datasets = pytest.importorskip("datasets")
    from chinchilla.integrations.frames import features_with_facts, mapper

    dataset = datasets.Dataset.from_dict({"text": ["", TEXT]})
    made = dataset.map(
        mapper(extractor), batched=True, batch_size=1, features=features_with_facts(dataset)
    )
    assert made[0]["facts"] == []
    assert [f["mention"] for f in made[1]["facts"] if f["kind"] == "entity"] == [
        e.text for e in wanted.entities
    ]


def test_label_studio_predictions(extractor, wanted):
    from chinchilla.integrations.label_studio import configuration, predict

    full, empty = predict([{"id": 1, "data": {"text": TEXT}}, {"id": 2, "data": {}}], extractor)
    assert [r["value"]["text"] for r in full["result"]] == [e.text for e in wanted.entities]
    assert 0 < full["score"] <= 1
    assert (empty["result"], empty["score"]) == ([], 0.0)
    shown = configuration(read_schema("news"))
    assert '<Label value="人名"/>' in shown
    assert '<Text name="text" value="$text"/>' in shown


def test_the_label_studio_backend():
    pytest.importorskip("label_studio_ml.model")
    from chinchilla.integrations.label_studio import backend, configuration

    made = backend(schema="news", tasks="ner")(label_config=configuration(read_schema("news")))
    (prediction,) = made.predict([{"id": 1, "data": {"text": TEXT}}])
    assert any(r["value"]["text"] == "北京" for r in prediction["result"])


FOUND = Extraction(
    (Entity("机构名", "星河科技", 3, 7), Entity("地名", "北京", 8, 10)),
    (Relation("总部地点", Entity("企业", "星河科技", 3, 7), Entity("地点", "北京", 8, 10)),),
    (Event("裁员", Mention("裁员", 12, 14), (Argument("裁员方", "星河科技", 3, 7),)),),
)


def test_an_answer_for_lightrag_is_in_its_form():
    assert answer_of(TEXT, FOUND).splitlines() == [
        f"entity<|#|>星河科技<|#|>机构名<|#|>{TEXT}",
        f"entity<|#|>北京<|#|>地名<|#|>{TEXT}",
        f"entity<|#|>裁员<|#|>裁员<|#|>{TEXT}",
        f"relation<|#|>星河科技<|#|>北京<|#|>总部地点<|#|>{TEXT}",
        f"relation<|#|>裁员<|#|>星河科技<|#|>裁员方<|#|>{TEXT}",
        "<|COMPLETE|>",
    ]


def test_what_is_no_extraction_goes_to_the_model_named(extractor):
    async def other(prompt, **_):
        return prompt[::-1]

    assert asyncio.run(extracting(extractor, other)("abc")) == "cba"
    with pytest.raises(ModelError, match="otherwise="):
        asyncio.run(extracting(extractor)("abc"))


class _Tokens:
    def encode(self, text):
        return [ord(character) for character in text]

    def decode(self, tokens):
        return "".join(map(chr, tokens))


@pytest.fixture
def rag(tmp_path, monkeypatch):
    """LightRAG's own stores in a folder, with an embedding of no meaning and no network."""
    lightrag = pytest.importorskip("lightrag")
    numpy = pytest.importorskip("numpy")
    from lightrag.utils import EmbeddingFunc, Tokenizer

    async def embed(texts, **_):
        return numpy.array([[1.0, len(text) % 7, len(text) % 11, 1.0] for text in texts])

    def make(model):
        return lightrag.LightRAG(
            working_dir=str(tmp_path / "rag"),
            llm_model_func=model,
            embedding_func=EmbeddingFunc(embedding_dim=4, max_token_size=8192, func=embed),
            tokenizer=Tokenizer("characters", _Tokens()),
            entity_extract_max_gleaning=0,
        )

    return make


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_lightrag_extracts_by_the_kit(rag, extractor):
    async def run():
        store = rag(extracting(extractor))
        await store.initialize_storages()
        await store.ainsert(TEXT)
        labels = await store.chunk_entity_relation_graph.get_all_labels()
        await store.finalize_storages()
        return labels

    assert "北京" in asyncio.run(run())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_lightrag_takes_the_graph(rag, extractor, tmp_path):
    from chinchilla.corpus.graph.build import build_graph, open_graph
    from chinchilla.corpus.graph.forms import write_forms
    from chinchilla.data.documents import Document

    build_graph([Document("d", TEXT).with_extraction(FOUND)], tmp_path)
    with open_graph(tmp_path) as graph:
        write_forms(graph, tmp_path, ["lightrag"])
    kg = json.loads((tmp_path / "lightrag.json").read_text("utf-8"))

    async def run():
        store = rag(extracting(extractor))
        await store.initialize_storages()
        await store.ainsert_custom_kg(kg)
        edge = await store.chunk_entity_relation_graph.get_edge("星河科技", "北京")
        await store.finalize_storages()
        return edge

    assert asyncio.run(run())["keywords"] == "总部地点"
