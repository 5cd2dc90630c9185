"""The audit of documents as the command runs it: predictions, report, page, cleaned file and log."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from chinchilla.instructions.derive import derive_schema

from ..data.documents import Document, check_offsets
from ..data.schema import Schema
from ..errors import ConfigError, InputError
from ..files.html import Palette
from ..files.jsonl import (
    dumps,
    encode_batches,
    read_documents,
    write_bytes,
    write_documents,
)
from ..files.resumable import after, write_partial
from .audit import (
    Audit,
    Audited,
    Summary,
    audit_documents,
    parse_unchecked,
    read_unchecked,
    write_audited,
)
from .audit_page import MOST_SHOWN, audited_html, page_begin, page_finish
from .cleaner import by_line, model_suspects
from .folds import Predict, fold_predictions, keep_ids, predictor, tuned_reader
from .suspects import Suspect


@dataclass(frozen=True)
class Places:
    """What an audit writes; None: not. The log goes with the output."""

    output: str | None = None
    log: str | None = None
    report: str | None = None
    html: str | None = None
    force: bool = False


@dataclass(frozen=True)
class AuditModel:
    """Whose predictions are compared: those of a file, or of a model, written to that file.

    With `folds`, the model is a folder of the embedded kind that is tuned for each fold.
    """

    model: str | None = None
    predictions: str | None = None
    folds: int = 0


def run_audit(
    inputs: Sequence[str | Path],
    audit: Audit,
    places: Places,
    model: AuditModel | None = None,
    advance: Callable[[int], None] = lambda number: None,
) -> Summary:
    """Audit documents and write what is asked for; see `audit.audit_documents`.

    Raises:
        ConfigError: what is asked does not go together.
        InputError: a line is no document, or an output exists.
        ModelError: the model or cleanlab is missing.
    """
    told = _told(inputs, audit.schema, model, advance) if model else {}
    summary, rows, palette = Summary(), [], Palette()
    shown = 0
    with ExitStack() as stack:

        def opened(path: str | None) -> IO[bytes] | None:
            return stack.enter_context(write_bytes(path, force=places.force)) if path else None

        output, log, page = opened(places.output), opened(places.log), opened(places.html)
        if page:
            page.write(page_begin("chinchilla data audit").encode())
        for one in audit_documents(inputs, audit, told):
            write_audited(one, output, log)
            if not isinstance(one, Audited):
                continue
            summary.add(one)
            rows += one.rows() if places.report else []
            if page and shown < MOST_SHOWN:
                articles = [*audited_html(one, palette)][: MOST_SHOWN - shown]
                shown += len(articles)
                page.write("".join(articles).encode("utf-8", "replace"))
            advance(1)
        if page:
            page.write(page_finish(summary, shown).encode())
    if places.report:
        rows.sort(key=lambda row: -row["certainty"])
        with write_bytes(places.report, force=places.force) as file:
            file.write(dumps({**summary.to_dict(), "found": rows}).encode() + b"\n")
    return summary


def _told(
    inputs: Sequence[str | Path],
    schema: Schema | None,
    model: AuditModel,
    advance: Callable[[int], None],
) -> dict[int, list[Suspect]]:
    """Return what a model says against the documents whose offsets hold, by line."""
    documents, lines = [], []
    for line, file, number, content in read_unchecked(inputs):
        if not content.strip():
            continue
        document = parse_unchecked(content, file, number)
        if _is_sound(document):
            documents.append(document)
            lines.append(line)
    if len({document.id for document in documents}) < len(documents):
        # Predictions are matched by id.
        raise ConfigError("two documents have one id; run without --model and mend that first")
    predicted = list(_predicted(documents, schema, model, advance))
    return by_line(model_suspects(documents, predicted), lines)


def _is_sound(document: Document) -> bool:
    try:
        check_offsets(document)
    except InputError:
        return False
    return bool(document.text)


def _predicted(
    documents: Sequence[Document],
    schema: Schema | None,
    model: AuditModel,
    advance: Callable[[int], None],
) -> Iterator[Document]:
    path = model.predictions
    if path and (Path(path).is_file() or model.model is None):
        return keep_ids(documents, read_documents(path))
    asked = schema or derive_schema(documents)
    if model.folds:
        base = Path(model.model or "")
        folder = Path(f"{path or 'audit'}.folds")
        folder.mkdir(parents=True, exist_ok=True)
        fit = tuned_reader(base, asked, folder)
        found = fold_predictions(documents, fit, folds=model.folds)
        if path:
            write_documents(path, found)
        return iter(found)
    predict = predictor(model.model, asked)
    if path is None:
        return _counted(predict(documents), advance)
    write_predictions(path, documents, predict, {"model": str(model.model)}, advance)
    return keep_ids(documents, read_documents(path))


def _counted(documents: Iterable[Document], advance: Callable[[int], None]) -> Iterator[Document]:
    for document in documents:
        yield document
        advance(1)


def write_predictions(
    path: str,
    documents: Sequence[Document],
    predict: Predict,
    run: dict[str, str],
    advance: Callable[[int], None] = lambda number: None,
) -> None:
    """Write predictions as JSON Lines; a run that was stopped goes on where it was."""
    with write_partial(path, resume=True, run=run) as (file, done):
        rest = list(after(documents, done))
        for batch, written in encode_batches(predict(rest), 16):
            file.write(written)
            file.flush()
            advance(len(batch))
