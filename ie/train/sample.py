"""The prompts on which an export is verified, and what the answers to them are worth."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from ..data.documents import Document
from ..data.schema import Schema, read_schema
from ..decoding.decode import decode
from ..errors import ConfigError
from ..evaluate.scorers import score_documents
from ..files.jsonl import write_values
from ..prompts.messages import Prompt
from ..prompts.prompt import PromptStyle, render_prompt
from .examples import TrainingRecord, read_records, record_task, schema_finder

SAMPLE_FILE = "sample.jsonl"
SAMPLE_SIZE = 16
# Answers are compared up to so many tokens.
_MOST_TOKENS = 512
# Invented, for a model of which no records are at hand.
_TEXTS = (
    "张伟二〇一九年在北京加入腾讯。",
    "雀巢裁员4000人，涉及欧洲和亚洲的工厂。",
    "昨日，星河科技在上海宣布收购远山软件，交易金额为3.2亿元。",
    "《归途》由顾长风执导，李若兰、周一鸣主演，2021年5月上映。",
    "这里没有什么值得一提的事情。",
    "患者因发热、咳嗽三天入院，给予头孢曲松静脉滴注。",
    "东海大学校长王立军昨天会见了来访的德国专家。",
    "台风“海燕”在广东沿海登陆，造成12人受伤，三条公路中断。",
)
_TYPES = {"ner": "msra", "re": "duie", "ee": "fewfc"}


class Sample:
    """Records to ask, with the schemas that read their answers; without outputs nothing is scored."""

    def __init__(self, records: Sequence[TrainingRecord], style: PromptStyle, schema: str | None):
        self.records = list(records)
        self.format = style.format
        self.schemas: list[Schema] | None = None
        if all(record.output for record in self.records):
            try:
                find = schema_finder(schema)
                self.schemas = [find(record) for record in self.records]
            except ConfigError:
                self.schemas = None

    @property
    def prompts(self) -> list[Prompt]:
        """What is asked."""
        return [record.prompt for record in self.records]

    def answer_tokens(self, tokenizer: Any) -> int:
        """Return how many tokens an answer may have: as the longest right one, and some more."""
        longest = max(
            (len(tokenizer(r.output).input_ids) for r in self.records if r.output), default=0
        )
        return min(_MOST_TOKENS, longest + 32)

    def f1(self, answers: Sequence[str]) -> float | None:
        """Return the strict F1 of answers, None where nothing says what is right."""
        if self.schemas is None:
            return None
        pairs = []
        for number, record in enumerate(self.records):
            rest = (record.input, self.schemas[number], self.format, (record_task(record),))
            document = Document(str(number), record.input)
            gold = document.with_extraction(decode(record.output, *rest))
            pairs.append((gold, document.with_extraction(decode(answers[number], *rest))))
        return score_documents(pairs, "strict").all.f1


def write_sample(records: Sequence[TrainingRecord], run: Path) -> None:
    """Keep some records in a run folder, evenly spaced, for the export of its model."""
    step = max(1, len(records) // SAMPLE_SIZE)
    write_values(run / SAMPLE_FILE, list(records[::step])[:SAMPLE_SIZE])


def find_sample(
    run: Path, records: str | Path | None, schema: str | None, style: PromptStyle
) -> Sample:
    """Return the records named, those that the run kept, or invented texts.

    Raises:
        InputError: the file named holds no records.
    """
    kept = run / SAMPLE_FILE
    if records is not None:
        return Sample(list(islice(read_records([str(records)]), SAMPLE_SIZE)), style, schema)
    if kept.is_file():
        chosen = list(read_records([str(kept)]))
        return Sample(chosen, style, schema or _schema_of(run))
    return Sample(_invented(style), style, None)


def _schema_of(run: Path) -> str | None:
    """Return the schema that a run was told, as far as it is still there."""
    value: Any = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    schema = value.get("data", {}).get("schema") if isinstance(value, dict) else None
    return schema if schema and (Path(schema).is_file() or "/" not in schema) else None


def _invented(style: PromptStyle) -> list[TrainingRecord]:
    """Return prompts as the model's style asks, each about an invented text."""
    tasks = [task for task in _TYPES if not style.trained or task in style.trained]
    made = []
    for number, text in enumerate(_TEXTS):
        task = (tasks or ["ner"])[number % len(tasks or ["ner"])]
        prompt = render_prompt(task, read_schema(_TYPES[task]), text, style)
        made.append(TrainingRecord(prompt.instruction, "", prompt.input, task=task))
    return made
