"""Predictions for documents by models that did not learn from them: k folds, each tuned on the rest.

`fit` is any way to make a model of documents; `tuned_reader` is that of the embedded model.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ..data.documents import Document
from ..data.extras import require_extra
from ..data.schema import Schema
from ..errors import ConfigError
from ..options import ExtractOptions
from ..pipeline import Extractor

Predict = Callable[[Sequence[Document]], Iterable[Document]]
Fit = Callable[[Sequence[Document], int], Predict]


def predictor(model: str | Path | None, schema: Schema) -> Predict:
    """Return predictions with scores of any engine, as it is."""
    extractor = Extractor(model, schema, options=ExtractOptions(scores=True))
    return lambda documents: extractor.stream(documents)


def folded(count: int, folds: int, seed: int) -> list[int]:
    """Return the fold of each of `count` documents: even sizes, drawn by the seed."""
    places = list(range(count))
    random.Random(seed).shuffle(places)
    result = [0] * count
    for n, place in enumerate(places):
        result[place] = n % folds
    return result


def fold_predictions(
    documents: Sequence[Document], fit: Fit, *, folds: int = 5, seed: int = 0
) -> list[Document]:
    """Return a prediction for each document, in order, of the model of the other folds.

    Raises:
        ConfigError: fewer folds than two, or fewer documents than folds.
    """
    if not 2 <= folds <= len(documents):
        raise ConfigError(
            f"{folds} folds of {len(documents)} documents; expected 2 to the number of documents"
        )
    fold_of = folded(len(documents), folds, seed)
    result: list[Document] = list(documents)
    for fold in range(folds):
        rest = [d for d, its in zip(documents, fold_of, strict=True) if its != fold]
        places = [n for n, its in enumerate(fold_of) if its == fold]
        predict = fit(rest, fold)
        for n, said in zip(places, predict([documents[n] for n in places]), strict=True):
            result[n] = said
    return result


def tuned_reader(base: Path, schema: Schema, folder: Path, *, minutes: float = 8) -> Fit:
    """Return how the embedded model is tuned for a fold; a fold that was tuned before is not again.

    Args:
        base: a folder with a reader that can be tuned.
        schema: the types asked for.
        folder: where `fold0`, `fold1`… are written.
        minutes: the most that tuning of one fold takes.
    """
    require_extra("tuning the embedded model", "train", ["torch"])

    def fit(documents: Sequence[Document], fold: int) -> Predict:
        from ..mini.train.tuning_options import BaseOptions, TuneConfig, TuningOptions
        from ..mini.train.tuning_run import Data, run

        out = folder / f"fold{fold}"
        done = folder / f"fold{fold}.done"
        if not done.is_file():
            aside = max(1, len(documents) // 5)
            config = TuneConfig(
                model=BaseOptions(str(base)),
                training=TuningOptions(minutes=minutes, seed=fold + 1),
                output=str(out),
            )
            data = Data(list(documents[aside:]), list(documents[:aside]), schema)
            run(config, data, force=True, report=lambda line: None)
            done.touch()
        return predictor(out, schema)

    return fit


def keep_ids(documents: Iterable[Document], predicted: Iterable[Document]) -> Iterator[Document]:
    """Yield predictions in the order of the documents, matched by id and text.

    Raises:
        ConfigError: a document has no prediction, or one of another text.
    """
    by_id = {said.id: said for said in predicted}
    for document in documents:
        said = by_id.get(document.id)
        if said is None or said.text != document.text:
            raise ConfigError(
                f"no prediction for document {document.id!r} with the same text; "
                "predict the very file that is audited"
            )
        yield said
