"""Label Studio exports: tasks with spans and relations, in the forms of its releases.

    [{"id": 1, "data": {"text": "雀巢裁员"}, "annotations": [{"result": [
      {"id": "a", "type": "labels", "value": {"start": 0, "end": 2, "text": "雀巢", "labels": ["机构名"]}},
      {"type": "relation", "from_id": "a", "to_id": "b", "labels": ["任职"]}]}]}]

Before 1.0 `annotations` were `completions`; JSON-MIN has neither: the spans stand beside the text.
Of several annotations the ground truth is read, else the one changed last. Tasks that nobody
annotated (cancelled, skipped, predictions only) are left out and counted. Browsers count an emoji as
two; see `offsets`. The option `key` names the text's field in `data`; spans of other fields are left
out. Of several labels of a span or relation the first is kept.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from chinchilla.converters.catalogue import document_id, document_meta
from chinchilla.converters.linked import Linked
from chinchilla.converters.offsets import UTF16, Given, choose_reading, count_holding
from chinchilla.converters.record_files import read_objects
from chinchilla.converters.report import Report
from chinchilla.data.documents import Document

_ANNOTATIONS = ("annotations", "completions")
# What a form that was filled in without marking spans leaves behind.
_NO_SPANS = (
    "choices",
    "textarea",
    "rating",
    "number",
    "taxonomy",
    "datetime",
    "pairwise",
    "ranker",
)
# Keys of JSON-MIN that say that somebody annotated the task.
_DONE = ("annotation_id", "annotator", "completed_by", "lead_time")

Record = dict[str, Any]


def read(
    paths: Iterable[str | Path],
    report: Report,
    *,
    name: str = "label-studio",
    encoding: str = "auto",
    key: str = "text",
) -> Iterator[Document]:
    """Yield a document per annotated task; what is left out of it is counted."""

    def text_of(task: Record) -> str:
        data = _data(task)
        text = data.get(key)
        if not isinstance(text, str):
            raise LookupError(f"no text under data.{key}; its keys are {', '.join(data)}")
        return text

    for path in map(str, paths):
        meta = document_meta(name, path)
        records = read_objects(
            path,
            report,
            Record,
            expected=f'[{{"data": {{"{key}": …}}, "annotations": [{{"result": […]}}]}}]',
            encoding=encoding,
            check=text_of,
        )
        for place, ordinal, task in records:
            linked = Linked(text_of(task), report, place, UTF16)
            results = _results(task, linked)
            if results is None:
                continue
            if not _read(_of_the_text(results, task, key, linked), linked):
                report.drop("task whose spans are of a kind not read", place, _kinds(results))
                continue
            linked.settle()
            yield linked.document(document_id(task.get("id"), name, path, ordinal), meta)


def _data(task: Record) -> Record:
    """Return the fields of a task: JSON-MIN and the oldest releases have no `data`."""
    data = task.get("data")
    return data if isinstance(data, dict) else task


def _results(task: Record, linked: Linked) -> list[Record] | None:
    """Return the results of the annotation that counts, or None after counting why there is none."""
    if not any(key in task for key in _ANNOTATIONS) and "data" not in task:
        return _of_json_min(task, linked)
    annotations = next((found for key in _ANNOTATIONS if (found := _dicts(task.get(key)))), [])
    kept = [one for one in annotations if not _is_cancelled(one)]
    if not kept or _is_cancelled(task):
        linked.report.drop(_why_none(task, annotations), linked.place, f"task {task.get('id')}")
        return None
    if len(kept) > 1:
        what = f"{len(kept)} annotations"
        linked.report.drop("further annotation of one task", linked.place, what)
    # Of equals the later one, as releases append.
    best = max(range(len(kept)), key=lambda i: (*_rank(kept[i]), i))
    results = kept[best].get("result")
    return _dicts(results)


def _is_cancelled(item: Record) -> bool:
    return any(item.get(key) is True for key in ("was_cancelled", "skipped", "cancelled"))


def _rank(annotation: Record) -> tuple[bool, str]:
    """Return what makes an annotation count: that it is the truth, then when it was changed."""
    is_truth = any(annotation.get(key) is True for key in ("ground_truth", "honeypot"))
    changed = (annotation.get(key) for key in ("updated_at", "created_at"))
    return is_truth, str(next((one for one in changed if one), ""))


def _why_none(task: Record, annotations: list[Record]) -> str:
    if annotations:
        return "task cancelled or skipped"
    if task.get("predictions"):
        return "task with predictions only"
    if any(task.get(key) for key in _ANNOTATIONS):
        return "task whose annotations are not in the file"
    return "task without an annotation"


def _of_json_min(task: Record, linked: Linked) -> list[Record] | None:
    """Return spans of JSON-MIN as results: lists of `{start, end, labels}` under any key."""
    results = [
        {"id": f"{key} {number}", "type": "labels", "value": value}
        for key, values in task.items()
        for number, value in enumerate(_dicts(values))
        if "start" in value and "end" in value
    ]
    if not results and not any(key in task for key in _DONE):
        linked.report.drop("task without an annotation", linked.place, f"keys {', '.join(task)}")
        return None
    return results


def _dicts(value: Any) -> list[Record]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _given(result: Record) -> Given | None:
    """Return the span of a result, or None where it has none that counts characters."""
    value = result.get("value")
    if not isinstance(value, dict):
        return None
    # Of a marked-up text: `start` and `end` are paths into it.
    place = value.get("globalOffsets", value)
    start, end = (place.get(key) for key in ("start", "end")) if isinstance(place, dict) else (0, 0)
    if type(start) is not int or type(end) is not int:
        return None
    text = value.get("text")
    return Given(start, end, text if isinstance(text, str) else None)


def _labels(result: Record) -> list[str]:
    """Return the labels of a span (under its type's name) or of a relation."""
    value = result.get("value")
    holder = value if isinstance(value, dict) else result
    kind = str(result.get("type"))
    given = holder.get(kind) or holder.get("labels") or result.get("labels")
    given = [given] if isinstance(given, str) else given
    return [str(label) for label in given] if isinstance(given, list) else []


def _of_the_text(results: list[Record], task: Record, key: str, linked: Linked) -> list[Record]:
    """Leave out the spans of other objects than the text, told by `to_name` or by their texts."""
    data = _data(task)
    by_name: dict[str, list[Given]] = {}
    for result in results:
        given = _given(result)
        if given is not None and _is_span(result):
            by_name.setdefault(str(result.get("to_name") or key), []).append(given)
    others = {name for name in by_name if name != key and isinstance(data.get(name), str)}
    ours = [name for name in by_name if name not in others]
    if len(ours) > 1:
        best = key if key in ours else max(ours, key=lambda name: _share(linked, by_name[name]))
        others.update(name for name in ours if name != best)
    kept = []
    for result in results:
        if str(result.get("to_name") or key) in others and _is_span(result):
            what = f"{result.get('to_name')!r}, the text is {key!r}"
            linked.report.drop("span of another field", linked.place, what)
            continue
        kept.append(result)
    return kept


def _share(linked: Linked, spans: list[Given]) -> float:
    reading = choose_reading(linked.text, spans, UTF16)
    return count_holding(linked.text, spans, reading) / len(spans)


def _is_span(result: Record) -> bool:
    return str(result.get("type", "")).lower().endswith("labels")


def _kinds(results: list[Record]) -> str:
    return ", ".join(Counter(str(result.get("type")) for result in results))


def _read(results: list[Record], linked: Linked) -> bool:
    """Gather spans and relations; return False if there were spans, and none could be read."""
    read = unread = 0
    for result in results:
        if _is_span(result):
            given = _given(result)
            if given is None:
                unread += 1
                linked.report.drop("span without offsets", linked.place, repr(result)[:80])
                continue
            read += 1
            _add_span(result, given, linked)
        elif result.get("type") == "relation":
            _add_link(result, linked)
        else:
            kind = str(result.get("type"))
            reason = "answer beside the spans left out"
            if kind not in _NO_SPANS:
                reason = "result of a kind not read"
            linked.report.note(reason, linked.place, kind)
    return bool(read or not unread)


def _add_span(result: Record, given: Given, linked: Linked) -> None:
    labels = _labels(result)
    if not labels:
        what = f"[{given.start}, {given.end})"
        linked.report.drop("span without a label", linked.place, what)
        return
    linked.add_span(str(result.get("id") or ""), labels[0], *given)
    _drop_further("span", labels, linked)


def _add_link(result: Record, linked: Linked) -> None:
    labels = _labels(result)
    ends = str(result.get("from_id")), str(result.get("to_id"))
    if result.get("direction") == "left":
        ends = ends[::-1]
    kind = labels[0] if labels else "relation"
    linked.add_link(kind, *ends)
    if result.get("direction") == "bi":
        linked.add_link(kind, *ends[::-1])
    _drop_further("relation", labels, linked)


def _drop_further(what: str, labels: list[str], linked: Linked) -> None:
    for label in labels[1:]:
        linked.report.drop(f"further label of one {what}", linked.place, label)
