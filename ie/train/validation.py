"""Validation by what counts: extraction F1 of generated answers on a fixed sample."""

import random
from collections.abc import Sequence
from typing import Any

from ..data.documents import Document
from ..decoding.decode import decode
from ..engines.loading import greedy
from ..engines.stops import model_stops
from ..engines.tokens import Tokenizer, answer_text, prompt_ids
from ..evaluate.scorers import score_documents
from .config import EvaluationOptions
from .examples import TrainingRecord, record_task, schema_finder


class Validator:
    """Answers a sample of records and scores the answers by strict spans.

    Under torchrun each process answers its share.
    """

    def __init__(
        self,
        records: Sequence[TrainingRecord],
        tokenizer: Tokenizer,
        options: EvaluationOptions,
        *,
        format: str,
        schema: str | None,
        seed: int,
    ) -> None:
        chosen = random.Random(seed).sample(
            range(len(records)), min(options.generate, len(records))
        )
        self.records = [records[i] for i in sorted(chosen)]
        self.tokenizer = tokenizer
        self.options = options
        self.format = format
        find = schema_finder(schema)
        self.schemas = [find(record) for record in self.records]

    def __call__(self, model: Any) -> dict[str, float]:
        """Return `precision`, `recall` and `f1` of the sample."""
        answers = self.answers(model)
        pairs = []
        for number, record in enumerate(self.records):
            arguments = (record.input, self.schemas[number], self.format, (record_task(record),))
            gold = decode(record.output, *arguments)
            predicted = decode(answers[number], *arguments)
            document = Document(str(number), record.input)
            pairs.append((document.with_extraction(gold), document.with_extraction(predicted)))
        score = score_documents(pairs, "strict").all
        return {"precision": score.precision, "recall": score.recall, "f1": score.f1}

    def answers(self, model: Any) -> list[str]:
        """Generate the answers of the whole sample, in order."""
        import torch.distributed as processes

        shared = processes.is_available() and processes.is_initialized()
        rank, world = (processes.get_rank(), processes.get_world_size()) if shared else (0, 1)
        own = dict(self._share(model, range(rank, len(self.records), world)))
        parts = [own]
        if shared:
            parts = [{} for _ in range(world)]
            processes.all_gather_object(parts, own)
        found = {number: answer for part in parts for number, answer in part.items()}
        return [found[number] for number in range(len(self.records))]

    def _share(self, model: Any, numbers: Sequence[int]) -> list[tuple[int, str]]:
        seq2seq = bool(model.config.is_encoder_decoder)
        asked = [
            (number, prompt_ids(self.tokenizer, self.records[number].prompt, seq2seq=seq2seq))
            for number in numbers
        ]
        asked.sort(key=lambda pair: len(pair[1]))
        results = []
        stops = model_stops(model, self.tokenizer)
        for start in range(0, len(asked), self.options.batch_size):
            batch = asked[start : start + self.options.batch_size]
            new = greedy(model, self.tokenizer, [ids for _, ids in batch], self.options.max_tokens)
            for (number, _), ids in zip(batch, new, strict=True):
                results.append((number, answer_text(self.tokenizer, ids, stops)))
        return results
