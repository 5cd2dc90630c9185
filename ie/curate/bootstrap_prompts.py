"""What a language model is asked to invent: examples, schemas and wordings, in Chinese.

Engines answer greedily, so that variety comes from the prompts: each draws other types, another topic
and kind of text, and other examples to follow.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..data.documents import Document
from ..data.schema import TASKS, Schema, builtin_schemas, read_schema
from ..decoding.encode import encode
from ..files.jsonl import dumps
from ..prompts.prompt import read_template
from ..prompts.wording import describe_types

EXAMPLES, SCHEMAS, WORDINGS = "examples", "schemas", "wordings"
KINDS = (EXAMPLES, SCHEMAS, WORDINGS)
TEMPLATE = "zh-v1"

_TOPICS = (
    *("银行与保险", "股市与上市公司", "制造业", "房地产", "能源与电力", "农业与粮食", "医院与诊疗"),
    *(
        "药品与疫苗",
        "中医中药",
        "中小学教育",
        "大学与科研",
        "航天",
        "人工智能",
        "手机与电脑",
        "网络安全",
    ),
    *(
        "法院与案件",
        "交通事故",
        "地震与洪水",
        "环境保护",
        "地方政府",
        "国际会谈",
        "体育比赛",
        "电影电视",
    ),
    *(
        "音乐与演出",
        "文学与出版",
        "历史人物",
        "旅游景点",
        "餐饮美食",
        "电商与物流",
        "汽车",
        "劳动与招聘",
    ),
)
_GENRES = (
    *(
        "新闻报道",
        "公司公告",
        "人物简介",
        "百科条目",
        "社交媒体帖子",
        "法律文书",
        "研究摘要",
        "病历记录",
    ),
    *("采访实录", "产品说明", "会议纪要", "客服对话"),
)
_ENDS = {
    "ner": 'entities：类型与原文 {{"type": …, "text": …}}',
    "re": 'relations：关系、主体、客体 {{"type": …, "subject": …, "object": …}}',
    "ee": 'events：类型、触发词、论元 {{"type": …, "trigger": …, "arguments": [{{"role": …, "text": …}}]}}',
}
_EXAMPLE = """请编写 {number} 条{genre}风格的中文文本，主题是“{topic}”，并标出其中的信息。
要标注的类型：
{types}
每条占一行，是一个 JSON 对象：text 是文本（{shortest} 到 {longest} 个字），其余键是标注：
{form}
标注的字句必须逐字出现在 text 里；凡属上述类型的都要标，一个不漏；不要标其他类型。
{shown}不要解释，只输出 JSON。"""
_SCHEMA = """请为“{topic}”领域的{genre}设计一套信息抽取的类型。
参照下面几套的写法，但类型要新，名称用简短的中文名词，每个类型写一句说明：
{shown}
只输出一个 JSON 对象，键是 name、entities、relations、events。"""
_WORDING = """下面是同一个任务（{task}）的几种指令：
{shown}
请再写 {number} 种说法不同、意思相同的指令。每种都必须各含一次 {{types}} 和 {{format}}，不得有其他花括号。
只输出一个 JSON 数组，元素是字符串。"""
_TASKS = {"ner": "实体抽取", "re": "关系抽取", "ee": "事件抽取"}


@dataclass(frozen=True)
class BootstrapJob:
    """What to invent.

    `prompts` are asked for, `each` items in one. Texts have `shortest` to `longest` characters. Of
    examples, `schema` says which types, and `seeds` are shown as examples to follow.
    """

    kind: str
    prompts: int
    schema: Schema | None = None
    seeds: Sequence[Document] = field(default_factory=tuple)
    each: int = 3
    shortest: int = 15
    longest: int = 200
    seed: int = 0
    types: int = 4


@dataclass(frozen=True)
class InventionPrompt:
    """A prompt with what it was made of: labels by task, and ids of the examples shown."""

    id: str
    text: str
    labels: dict[str, list[str]] = field(default_factory=dict)
    shown: tuple[str, ...] = ()
    topic: str = ""


def prompts(job: BootstrapJob) -> list[InventionPrompt]:
    """Return the prompts of a job; the same for the same seed."""
    make = {EXAMPLES: _example, SCHEMAS: _schema, WORDINGS: _wording}[job.kind]
    return [make(job, n, random.Random(f"{job.seed} {job.kind} {n}")) for n in range(job.prompts)]


def _name(job: BootstrapJob, number: int) -> str:
    return f"{job.kind}-{job.seed}-{number}"


def _example(job: BootstrapJob, number: int, draw: random.Random) -> InventionPrompt:
    assert job.schema is not None
    # Types take turns, so that each is asked for as often as any other.
    all_types = [(task, kind) for task in TASKS for kind in job.schema.types(task)]
    first = number * job.types
    chosen = [
        all_types[(first + n) % len(all_types)] for n in range(min(job.types, len(all_types)))
    ]
    labels: dict[str, list[str]] = {}
    for task, kind in chosen:
        labels.setdefault(task, []).append(kind.label)
    described = "\n".join(
        describe_types([kind for its, kind in chosen if its == task], "list", "zh")
        for task in labels
    )
    shown = draw.sample(list(job.seeds), min(2, len(job.seeds)))
    lines = [dumps_example(document, job.schema) for document in shown]
    topic = draw.choice(_TOPICS)
    text = _EXAMPLE.format(
        number=job.each,
        genre=draw.choice(_GENRES),
        topic=topic,
        types=described,
        shortest=job.shortest,
        longest=job.longest,
        form="\n".join(_ENDS[task].format() for task in labels),
        shown="例如：\n" + "\n".join(lines) + "\n" if lines else "",
    )
    return InventionPrompt(_name(job, number), text, labels, tuple(d.id for d in shown), topic)


def dumps_example(document: Document, schema: Schema) -> str:
    """Return a document as an answer should give it: one JSON object with its text first."""
    answer = encode(document, schema, "json")
    return f'{{"text": {dumps(document.text)}, {answer[1:]}'


def _schema(job: BootstrapJob, number: int, draw: random.Random) -> InventionPrompt:
    names = draw.sample(builtin_schemas(), 2)
    shown = []
    for name in names:
        value = read_schema(name).to_dict()
        shown.append(
            dumps(
                {
                    key: value[key][:6] if isinstance(value[key], list) else value[key]
                    for key in value
                }
            )
        )
    topic = draw.choice(_TOPICS)
    text = _SCHEMA.format(topic=topic, genre=draw.choice(_GENRES), shown="\n".join(shown))
    return InventionPrompt(_name(job, number), text, {}, tuple(names), topic)


def _wording(job: BootstrapJob, number: int, draw: random.Random) -> InventionPrompt:
    task = TASKS[number % len(TASKS)]
    known = read_template(TEMPLATE).wordings[task]
    places = draw.sample(range(len(known)), min(3, len(known)))
    shown = "\n".join(dumps(known[n]) for n in places)
    text = _WORDING.format(task=_TASKS[task], shown=shown, number=job.each)
    return InventionPrompt(
        _name(job, number), text, {task: []}, tuple(f"{TEMPLATE}#{n}" for n in places)
    )
