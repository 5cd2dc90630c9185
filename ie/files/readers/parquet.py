"""Parquet, a row at a time, by pyarrow."""

from collections.abc import Iterator
from typing import Any

import msgspec

from ...data.documents import Document
from ...errors import InputError
from .rows import from_row, text_column
from .source import Found, Source, made

_ROWS = 1024


def read_parquet(source: Source) -> Iterator[Found]:
    """Yield each row."""
    import pyarrow
    import pyarrow.parquet as parquet

    try:
        file = parquet.ParquetFile(source.file())
        schema = file.schema_arrow
        strings = [
            field.name
            for field in schema
            if pyarrow.types.is_string(field.type) or pyarrow.types.is_large_string(field.type)
        ]
        key = text_column(schema.names, source, strings)
        number = 0
        for batch in file.iter_batches(batch_size=_ROWS):
            for row in batch.to_pylist():
                number += 1
                yield made(_from_row, row, key, source, number)
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"{source.name}: not a Parquet file ({error})") from None


def _from_row(row: dict[str, Any], column: str, source: Source, number: int) -> Document:
    text = row[column]
    if not isinstance(text, str | None):
        raise InputError(
            f"{source.name}:{number}: {column!r} is {type(text).__name__}, expected text; "
            "name the right one with --column"
        )
    # Dates, decimals and the like become what they are in JSON.
    plain = msgspec.to_builtins({**row, column: text or ""}, enc_hook=str)
    return from_row(plain, column, source, {"file": source.name, "row": number}, number)
