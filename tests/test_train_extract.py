"""From documents to records, a model, its CTranslate2 form, and back to the documents."""

import json
import random

import pytest
import tiny_models
from record_samples import build_records

torch = pytest.importorskip("torch")
pytest.importorskip("ctranslate2")

from chinchilla import Extractor  # noqa: E402
from chinchilla.data.documents import Document, Entity  # noqa: E402
from chinchilla.data.schema import read_schema  # noqa: E402
from chinchilla.files.jsonl import write_values  # noqa: E402
from chinchilla.instructions.build_options import BuildOptions  # noqa: E402
from chinchilla.prompts.prompt import PromptStyle  # noqa: E402
from chinchilla.train.config import (  # noqa: E402
    DataOptions,
    ModelOptions,
    TrackingOptions,
    TrainConfig,
    TrainingOptions,
)
from chinchilla.train.export import export_model  # noqa: E402
from chinchilla.train.loop import train  # noqa: E402

PEOPLE = ("张伟", "李娜", "王芳", "欧阳明", "赵小刚", "孙丽", "周建国", "吴敏")
FIRMS = ("腾讯", "百度", "华为公司", "东方钢铁", "远大集团", "中山医院", "新华书店", "北海渔业")


def documents():
    """Return 64 invented sentences; who joins which firm is drawn at random."""
    rng = random.Random(0)
    made = []
    for number in range(64):
        person, firm = rng.choice(PEOPLE), rng.choice(FIRMS)
        text = rng.choice(
            (f"{person}加入{firm}。", f"{firm}聘请{person}。", f"{person}离开了{firm}。")
        )
        entities = [
            Entity(kind, name, text.index(name), text.index(name) + len(name))
            for kind, name in (("人名", person), ("机构名", firm))
        ]
        entities.sort(key=lambda entity: entity.start)
        made.append(Document(f"d{number}", text, tuple(entities)))
    return made


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
def test_a_tiny_model_learns_64_records_and_extract_gives_their_annotations_back(tmp_path):
    schema = read_schema({"name": "people", "entities": ["人名", "机构名"]})
    style = PromptStyle("compact-v1", "compact")
    gold = documents()
    records = list(build_records(gold, lambda document: schema, BuildOptions(style)))
    assert len(records) == 64
    write_values(tmp_path / "records.jsonl", records)
    (tmp_path / "chinchilla.json").write_text(json.dumps(style.to_dict()), encoding="utf-8")
    letters = "".join(r.instruction + r.input + r.output for r in records) + "\n"
    config = TrainConfig(
        output=str(tmp_path / "run"),
        method="full",
        model=ModelOptions(
            base=tiny_models.save_model(tmp_path / "base", alphabet=letters, hidden=64)
        ),
        data=DataOptions(train=(str(tmp_path / "records.jsonl"),), max_length=192),
        training=TrainingOptions(
            max_steps=120, batch_size=4, accumulation=1, learning_rate=5e-3, warmup=0.05
        ),
        tracking=TrackingOptions(log_every=40, save_every=1000),
    )
    train(config)
    export_model(tmp_path / "run", tmp_path / "ct2", ct2="float32")
    extractor = Extractor(str(tmp_path / "ct2"), schema=schema)
    found = list(extractor.stream(Document(d.id, d.text) for d in gold))
    spans = [[(e.type, e.start, e.end) for e in document.entities] for document in found]
    assert spans == [[(e.type, e.start, e.end) for e in document.entities] for document in gold]
