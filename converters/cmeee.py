"""CMeEE, nested medical entities: a line per sentence, spans **end inclusive**.

对儿童SARST细胞亚群的研究表明|||3    9    bod|||19    24    dis|||
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from chinchilla.converters.catalogue import document_meta
from chinchilla.converters.columns import schema_types
from chinchilla.converters.located import in_text_order
from chinchilla.converters.record_files import Trial, read_text_lines
from chinchilla.converters.report import Report
from chinchilla.data.documents import Document, Entity


def read(
    paths: Iterable[str | Path], report: Report, *, name: str = "cmeee", encoding: str = "auto"
) -> Iterator[Document]:
    """Yield a document per line; a line without `|||` is a text without gold."""
    types = schema_types(name)
    for path in map(str, paths):
        trial = Trial(path, report, "text|||start    end    type|||…, one sentence a line")
        meta = document_meta(name, path)
        stem = Path(path).stem
        for line, content in read_text_lines(path, report, encoding):
            if not content.strip():
                continue
            text, *pieces = content.split("|||")
            entities: dict[Entity, None] = {}
            is_bad = False
            for piece in pieces:
                if not piece:
                    continue
                try:
                    first, last, label = piece.split()
                    start, end = int(first), int(last) + 1
                except ValueError:
                    trial.fail("malformed span", line, f"{piece!r}; expected start, end, type")
                    is_bad = True
                    break
                if label not in types:
                    report.drop("unknown type", (path, line), f"{label!r}")
                elif not 0 <= start < end <= len(text):
                    what = f"{piece!r} in a text of {len(text)} characters"
                    report.drop("offsets outside the text", (path, line), what)
                else:
                    entities[Entity(types[label], text[start:end], start, end)] = None
            if is_bad:
                continue
            trial.good += 1
            yield Document(f"{name}-{stem}-{line}", text, in_text_order(list(entities)), meta=meta)
        trial.close()
