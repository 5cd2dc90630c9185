"""A Label Studio ML backend: predictions with scores for the texts of tasks.

    # model.py of a backend that `label-studio-ml start` runs
    from chinchilla.integrations.label_studio import backend
    NewModel = backend(schema="news")

The labelling configuration names the tags; `configuration` writes one for a schema.
"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from ..data.documents import Document
from ..data.extras import require_extra
from ..data.schema import Schema
from ..files.exports.label_tools import FROM_NAME, TO_NAME, label_studio_results
from ..options import ExtractOptions
from ..pipeline import Extractor


def predict(
    tasks: Iterable[dict[str, Any]],
    extractor: Extractor,
    *,
    key: str = "text",
    from_name: str = FROM_NAME,
    to_name: str = TO_NAME,
) -> list[dict[str, Any]]:
    """Return a prediction for each task: `result`, `score` and `model_version`.

    Args:
        tasks: as Label Studio sends them; a task without a text under `data[key]` has no result.
        extractor: with `ExtractOptions(scores=True)` for scores.
        key: of the text in a task's data.
        from_name: of the Labels tag.
        to_name: of the Text tag.
    """
    texts = [task.get("data", {}).get(key) for task in tasks]
    documents = (
        Document(str(number), text if isinstance(text, str) else "")
        for number, text in enumerate(texts)
    )
    predictions = []
    for document in extractor.stream(documents):
        results, score = label_studio_results(document, None, from_name, to_name)
        version = f"chinchilla {extractor.engine.name}"
        predictions.append({"result": results, "score": score or 0.0, "model_version": version})
    return predictions


def backend(
    model: str | None = None,
    schema: Schema | str | dict[str, Any] | None = None,
    tasks: Sequence[str] | str | None = None,
    *,
    key: str = "text",
) -> type:
    """Return a class for `label-studio-ml`; the model is loaded when the first task comes.

    Raises:
        ModelError: label-studio-ml is not installed.
    """
    require_extra("a Label Studio backend", "label-studio", ("label_studio_ml",))
    from label_studio_ml.model import LabelStudioMLBase

    loaded: list[Extractor] = []
    asked = tasks

    class ChinchillaBackend(LabelStudioMLBase):  # type: ignore[misc]
        """Predicts by one extractor, which all requests of the process share."""

        def predict(self, tasks: list[dict[str, Any]], *_: Any, **__: Any) -> Any:
            """Return a prediction for each task."""
            if not loaded:
                options = ExtractOptions(scores=True)
                loaded.append(Extractor(model, schema, asked, options=options))
            return predict(tasks, loaded[0], key=key)

    return ChinchillaBackend


def configuration(schema: Schema) -> str:
    """Return a labelling configuration with the types of a schema: spans, and relations between them."""
    entities = dict.fromkeys(
        [
            *(t.name for t in schema.entities),
            *(end for t in schema.relations for end in (t.subject, t.object) if end),
            *(t.name for t in schema.events),
        ]
    )
    links = dict.fromkeys(
        [*(t.name for t in schema.relations), *(r.name for t in schema.events for r in t.roles)]
    )
    labels = "".join(f'\n    <Label value="{escape(name)}"/>' for name in entities)
    relations = "".join(f'\n    <Relation value="{escape(name)}"/>' for name in links)
    return (
        f'<View>\n  <Relations>{relations}\n  </Relations>\n  <Labels name="{FROM_NAME}"'
        f' toName="{TO_NAME}">{labels}\n  </Labels>\n  <Text name="{TO_NAME}" value="$text"/>\n</View>\n'
    )
