"""A service whose model is a list of names, for tests of what stands around a model."""

import socket
import sys
import threading
import time
from contextlib import contextmanager

from chinchilla.data.documents import Argument, Entity, Event, Extraction, Issue, Mention, Relation
from chinchilla.engines.protocol import Window

# What the model knows: a name, its type, and how sure it is.
NAMES = {
    "星河科技": ("机构名", 0.9),
    "北京星河科技大学": ("机构名", 0.8),
    "北京": ("地名", 0.4),
    "顾长风": ("人名", 0.95),
    "𠮷田": ("人名", 0.7),
}
# Text that a page must show and not obey.
HOSTILE = (
    '<script>window.hit=1</script><img src=x onerror="window.hit=1">&lt;b&gt;"\'`'
    "\u202e反\u202c\u200b\u2066x\u2069\x00\x07\ufeff\x1b[31m"
)


class NamesEngine:
    """Finds each known name, nested ones too; who stands before 任职 works for who comes after."""

    calibration = None
    trained: dict[str, list[str]] = {}

    def __init__(self, name="names", names=NAMES, wait=0.0):
        self.name, self.names, self.wait = name, names, wait
        self.batches = []
        self.is_closed = False

    def check(self, options):
        pass

    def windows(self, tasks):
        return [Window(tuple(tasks), 1_000_000)]

    def answer(self, questions, options):
        asked = list(questions)
        self.batches.append(len(asked))
        time.sleep(self.wait)
        for question in asked:
            if "崩溃" in question.text:
                raise RuntimeError("a secret of the inside")
            yield self._found(question, options.wants_scores)

    def _found(self, question, scores):
        text, types = question.text, question.schema.entity_by_label
        located = []
        for name, (kind, score) in self.names.items():
            at = text.find(name)
            while at >= 0:
                located.append((at, name, kind, score if scores else None))
                at = text.find(name, at + 1)
        located.sort(key=lambda one: (one[0], -len(one[1])))
        entities = [Entity(k, n, at, at + len(n), s) for at, n, k, s in located]
        relations, events, issues = [], [], []
        people = [one for one in entities if one.type == "人名"]
        places = [one for one in entities if one.type == "机构名"]
        if "任职" in text and people and places and question.schema.relations:
            score = 0.5 if scores else None
            relations.append(Relation("任职", people[0], places[0], {}, score))
        if (at := text.find("裁员")) >= 0 and question.schema.events:
            arguments = tuple(
                Argument("裁员方", one.text, one.start, one.end, one.score) for one in places[:1]
            )
            trigger = Mention("裁员", at, at + 2)
            events.append(Event("裁员", trigger, arguments, 0.6 if scores else None))
        if "存疑" in text:
            issues.append(Issue("withheld", HOSTILE))
        kept = [one for one in entities if one.type in types] if "ner" in question.tasks else []
        return Extraction(tuple(kept), tuple(relations), tuple(events), tuple(issues))

    def settle(self, extraction):
        return extraction

    def close(self):
        self.is_closed = True


SCHEMA = {
    "name": "tiny",
    "entities": [{"name": "人名", "description": "人的名字"}, "机构名", "地名"],
    "relations": [{"name": "任职", "subject": "人名", "object": "机构名"}],
    "events": [{"name": "裁员", "roles": ["裁员方", "时间"]}],
}

# In place of `chinchilla train`: says how far it is, and makes a folder for the model.
TRAINER = """
import sys, time, pathlib, yaml
config = yaml.safe_load(open(sys.argv[1], encoding="utf-8"))
for n in range(1, 4):
    print(f"round {n}: loss 0.5, {n} of at most 3 minutes", flush=True)
    time.sleep(float(sys.argv[2]))
pathlib.Path(config["output"]).mkdir(parents=True)
print("the model is in", config["output"])
"""


def fake_trainer(wait=0.0, code=TRAINER):
    return lambda config: [sys.executable, "-c", code, str(config), str(wait)]


@contextmanager
def running(app):
    """Serve an application on a free port of this machine; yield its address."""
    import uvicorn

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_level="critical", lifespan="on", ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=30)
