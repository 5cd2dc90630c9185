"""The files of a run's shards, as JSON Lines or Parquet: documents to bytes and back."""

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from ..data.documents import Document
from ..data.extras import require_extra
from ..errors import InputError
from ..files.jsonl import read_documents

FORMS = ("jsonl", "parquet")
# Documents of a Parquet file that are read at once.
_READ_AT_ONCE = 256
_encoder = msgspec.json.Encoder()


def shard_name(number: int, form: str) -> str:
    """Return the name of the file of a shard."""
    return f"{number:07d}.{form}"


def check_form(form: str) -> None:
    """Refuse a form that needs what is not installed.

    Raises:
        ModelError: names the extra.
    """
    if form == "parquet":
        require_extra("writing Parquet", "files", ("pyarrow",))


def encode_shard(documents: Sequence[Document], form: str) -> bytes:
    """Return the content of a file with these documents; the same documents give the same bytes.

    In Parquet, columns are those of the JSON: `entities`, `relations`, `events` and `issues` are lists of
    structs, `qualifiers` is a map, and `meta` a string of JSON.
    """
    if form == "jsonl":
        return _encoder.encode_lines(documents)
    import pyarrow
    import pyarrow.parquet

    rows = [_row(document) for document in documents]
    sink = pyarrow.BufferOutputStream()
    table = pyarrow.Table.from_pylist(rows, schema=_columns())
    pyarrow.parquet.write_table(table, sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content


def read_shard(path: Path) -> Iterator[Document]:
    """Yield the documents of a file, in order and lazily.

    Raises:
        InputError: the file is missing, or not what it should be.
    """
    if path.suffix == ".jsonl":
        yield from read_documents(path)
        return
    check_form("parquet")
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(_READ_AT_ONCE):
                yield from map(_document, batch.to_pylist(maps_as_pydicts="strict"))
    except (OSError, pyarrow.ArrowException, msgspec.ValidationError) as error:
        raise InputError(f"{path}: no shard of a run ({error})") from None


def _row(document: Document) -> dict[str, Any]:
    plain = document.to_dict()
    return {**plain, "meta": json.dumps(plain.get("meta", {}), ensure_ascii=False)}


def _document(row: dict[str, Any]) -> Document:
    plain: dict[str, Any] = _without_nothing(row)
    return msgspec.convert({**plain, "meta": json.loads(row["meta"])}, Document)


# Keys whose null says something; others stand for what is absent.
_SAYING = frozenset(("start", "end", "type", "trigger"))


def _without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_nothing(item)
            for key, item in value.items()
            if item is not None or key in _SAYING
        }
    return [_without_nothing(item) for item in value] if isinstance(value, list) else value


@lru_cache(maxsize=1)
def _columns() -> Any:
    """Return the schema of the Parquet files."""
    import pyarrow as pa

    text = pa.string()
    place = [("text", text), ("start", pa.int64()), ("end", pa.int64()), ("score", pa.float64())]
    mention = pa.struct([*place, ("status", text)])
    entity = pa.struct([("type", text), *place, ("status", text)])
    argument = pa.struct([("role", text), *place, ("status", text)])
    relation = pa.struct(
        [
            *(("type", text), ("subject", entity), ("object", entity)),
            *(("qualifiers", pa.map_(text, entity)), ("score", pa.float64())),
        ]
    )
    event = pa.struct(
        [
            *(("type", text), ("trigger", mention)),
            *(("arguments", pa.list_(argument)), ("score", pa.float64())),
        ]
    )
    issue = pa.struct([("kind", text), ("detail", text), ("where", text)])
    lists = {"entities": entity, "relations": relation, "events": event, "issues": issue}
    return pa.schema(
        [
            *(("id", text), ("text", text)),
            *((name, pa.list_(kind)) for name, kind in lists.items()),
            ("meta", text),
        ]
    )
