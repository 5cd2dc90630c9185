"""Label Studio exports (JSON): tasks with spans and relations of the first annotation not cancelled.

    [{"id": 1, "data": {"text": "雀巢裁员"}, "annotations": [{"result": [
      {"id": "a", "type": "labels", "value": {"start": 0, "end": 2, "text": "雀巢", "labels": ["机构名"]}},
      {"type": "relation", "from_id": "a", "to_id": "b", "labels": ["任职"]}]}]}]

A span's text is compared with the task's: browsers count an emoji as two, and such offsets are
repaired and counted. Of several labels of a span or relation the first is kept. The option `key`
names the text's field in `data`.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from chinchilla.converters.catalogue import document_id, document_meta
from chinchilla.converters.linked import Linked
from chinchilla.converters.located import Locator
from chinchilla.converters.report import Report
from chinchilla.converters.source import read_objects
from chinchilla.data.documents import Document


class _Value(msgspec.Struct, gc=False):
    start: int | None = None
    end: int | None = None
    text: str | None = None
    labels: list[str] = []


class _Result(msgspec.Struct, gc=False):
    id: str = ""
    type: str = ""
    value: _Value | None = None
    from_id: str = ""
    to_id: str = ""
    labels: list[str] = []


class _Annotation(msgspec.Struct, gc=False):
    result: list[_Result] = []
    was_cancelled: bool = False


class _Task(msgspec.Struct, gc=False):
    data: dict[str, Any]
    id: int | str | None = None
    annotations: list[_Annotation] = []


def read(
    paths: Iterable[str | Path],
    report: Report,
    *,
    name: str = "label-studio",
    encoding: str = "utf-8",
    key: str = "text",
) -> Iterator[Document]:
    """Yield a document per task; further annotations of a task are counted and left out."""

    def text_of(task: _Task) -> str:
        text = task.data.get(key)
        if not isinstance(text, str):
            raise LookupError(f"no text under data.{key}; its keys are {', '.join(task.data)}")
        return text

    for path in map(str, paths):
        meta = document_meta(name, path)
        stem = Path(path).stem
        records = read_objects(
            [path],
            report,
            _Task,
            expected=f'[{{"data": {{"{key}": …}}, "annotations": [{{"result": […]}}]}}]',
            encoding=encoding,
            check=text_of,
        )
        for place, ordinal, task in records:
            linked = Linked(Locator(text_of(task), report, place))
            kept = [item for item in task.annotations if not item.was_cancelled]
            if len(kept) > 1:
                report.drop("further annotation of one task", place, f"{len(kept)} annotations")
            for result in kept[0].result if kept else []:
                _add(result, linked)
            for result in kept[0].result if kept else []:
                if result.type == "relation":
                    label = result.labels[0] if result.labels else "relation"
                    linked.add_link(label, result.from_id, result.to_id)
                    _drop_further("relation", result.labels, linked)
            identifier = document_id(task.id, name, stem, ordinal)
            yield linked.document(identifier, meta)


def _add(result: _Result, linked: Linked) -> None:
    value = result.value
    if value is None or value.start is None or value.end is None:
        return
    if not value.labels:
        what = f"[{value.start}, {value.end})"
        linked.locator.report.drop("span without a label", linked.locator.place, what)
        return
    linked.add_span(result.id, value.labels[0], value.start, value.end, value.text)
    _drop_further("span", value.labels, linked)


def _drop_further(what: str, labels: list[str], linked: Linked) -> None:
    for label in labels[1:]:
        linked.locator.report.drop(f"further label of one {what}", linked.locator.place, label)
