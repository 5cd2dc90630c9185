"""The files of a run: shards in both forms, and reading a run."""

import pytest

from chinchilla import Document
from chinchilla.corpus.disk import write_whole
from chinchilla.corpus.manifest import MANIFEST, Manifest, Written
from chinchilla.corpus.reading import SHARDS, read_run
from chinchilla.corpus.shard_files import encode_shard, read_shard, shard_name
from chinchilla.data.documents import Argument, Entity, Event, Issue, Mention, Relation
from chinchilla.errors import InputError

FULL = Document(
    "a",
    "《归途》由顾长风执导，2024年上映。",
    (Entity("人物", "顾长风", 5, 8, 0.5), Entity(None, "归途", 1, 3)),
    (
        Relation("导演", Entity("影视作品", "归途", 1, 3), Entity("人物", "顾长风", 5, 8)),
        Relation(
            "上映时间",
            Entity("影视作品", "归途", 1, 3),
            Entity("Date", "2024年", 11, 16, None, "folded"),
            {"地点": Entity("地点", "中国", None, None)},
            0.25,
        ),
    ),
    (
        Event("上映", Mention("上映", 16, 18), (Argument("片名", "归途", 1, 3, 1.0),), 0.75),
        Event("上映", None),
    ),
    (Issue("ungrounded", "'中国'", "relations[1]"), Issue("repeated", "x")),
    {"file": "a.txt", "line": 1, "deep": {"列": [1, None, "二"]}},
)
DOCUMENTS = [FULL, Document("b", ""), Document("c", "北京\u2028上海", meta={"x": None})]


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_a_shard_is_read_as_it_was_written(form, tmp_path):
    if form == "parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / shard_name(3, form)
    write_whole(path, [encode_shard(DOCUMENTS, form)])
    assert list(read_shard(path)) == DOCUMENTS
    assert path.read_bytes() == encode_shard(DOCUMENTS, form)
    assert [one.name for one in tmp_path.iterdir()] == [f"0000003.{form}"]


def test_what_is_no_parquet_file_is_told(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "0000000.parquet"
    path.write_bytes(b"no")
    with pytest.raises(InputError, match="no shard of a run"):
        list(read_shard(path))


def test_a_run_is_read_in_order_and_only_when_it_is_finished(tmp_path):
    with pytest.raises(InputError, match="holds no run"):
        list(read_run(tmp_path))
    (tmp_path / SHARDS).mkdir()
    manifest = Manifest(tmp_path / MANIFEST)
    manifest.begin({"shard format": "jsonl"}, [])
    for number in (1, 0):
        content = encode_shard([Document(f"{number}", "文")], "jsonl")
        write_whole(tmp_path / SHARDS / shard_name(number, "jsonl"), [content])
        manifest.add(Written(number, "done", 1, "", len(content), 0, {}), [])
    with pytest.raises(InputError, match="not finished"):
        list(read_run(tmp_path))
    assert len(list(read_run(tmp_path, unfinished=True))) == 2
    manifest.finish({"documents": 2})
    assert [document.id for document in read_run(tmp_path)] == ["0", "1"]


def test_a_file_that_is_no_manifest_is_told(tmp_path):
    (tmp_path / MANIFEST).write_text("这不是数据库" * 100, encoding="utf-8")
    with pytest.raises(InputError, match="no manifest of a run"):
        list(read_run(tmp_path))
