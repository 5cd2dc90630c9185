"""The pages that commands write, in a browser: hostile text is text, one look, both languages."""

import pytest

pytest.importorskip("playwright")
from browsing import AXE, serious, shoot
from serving import HOSTILE

from chinchilla.corpus.graph.build import build_graph, open_graph
from chinchilla.corpus.graph.page import render_page as graph_page
from chinchilla.corpus.run_page import run_page
from chinchilla.corpus.shards import FailedText
from chinchilla.curate.audit import Audit, Summary, audit_documents
from chinchilla.curate.audit_page import audited_html, page_begin, page_finish
from chinchilla.data.documents import Argument, Document, Entity, Event, Issue, Mention, Relation
from chinchilla.data.schema import read_schema
from chinchilla.evaluate.evaluation import evaluate
from chinchilla.evaluate.page import render_page
from chinchilla.files.html import Palette
from chinchilla.files.jsonl import write_documents
from chinchilla.files.rendering import render_documents
from chinchilla.instructions.stats import count_files
from chinchilla.instructions.stats_report import stats_page

pytestmark = pytest.mark.slow
NAME = f"顾长风{HOSTILE}"
TEXT = f"{NAME}在星河科技任职。{'长' * 20_000}"
PERSON = Entity(HOSTILE, NAME, 0, len(NAME))
COMPANY = Entity("机构名", "星河科技", len(NAME) + 1, len(NAME) + 5)


def hostile():
    trigger = Mention("任职", len(NAME) + 5, len(NAME) + 7)
    event = Event(f"任职{HOSTILE}", trigger, (Argument(HOSTILE, "星河科技", *COMPANY.span),))
    relation = Relation(HOSTILE, PERSON, COMPANY, {HOSTILE: COMPANY})
    issues = (Issue("withheld", HOSTILE, HOSTILE),)
    return Document(HOSTILE, TEXT, (PERSON, COMPANY), (relation,), (event,), issues)


def facts(folder):
    return b"".join(render_documents([hostile()], "html")).decode()


def report(folder):
    gold = Document(HOSTILE, TEXT, (Entity("人名", "顾长风", 0, 3),))
    return render_page(evaluate([gold], [hostile()], gold_name=HOSTILE, predicted_name=HOSTILE))


def graph(folder):
    build_graph([hostile()], folder / "graph")
    with open_graph(folder / "graph") as store:
        return graph_page(store)


def audit(folder):
    # A name of a file can hold all but a slash and NUL.
    path = folder / HOSTILE.replace("/", "").replace("\0", "")
    write_documents(path, [hostile()])
    schema = read_schema({"name": HOSTILE, "entities": ["机构名"]})
    parts, summary, palette = [page_begin(HOSTILE)], Summary(), Palette()
    for one in audit_documents([path], Audit(schema)):
        summary.add(one)
        parts += audited_html(one, palette)
    assert len(parts) > 1
    return "".join([*parts, page_finish(summary, len(parts) - 1)])


def stats(folder):
    path = folder / "docs.jsonl"
    write_documents(path, [hostile()])
    return stats_page(count_files([path]))


def run(folder):
    report = {
        "documents": 200,
        "entities": 2,
        "relations": 1,
        "events": 1,
        "issues": {"withheld": 1},
    }
    failures = [FailedText(HOSTILE, "parse", HOSTILE, HOSTILE)]
    return b"".join(run_page(HOSTILE, report, failures, [hostile()])).decode()


@pytest.mark.parametrize("made", [facts, report, graph, audit, stats, run])
def test_a_written_page_shows_hostile_text_and_looks_like_the_others(browser, tmp_path, made):
    path = tmp_path / "page.html"
    path.write_text(made(tmp_path), encoding="utf-8")
    page = browser.new_page(viewport={"width": 1100, "height": 800}, color_scheme="light")
    wrong = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("request", lambda asked: wrong.append(asked.url) if asked.url[:5] != "file:" else None)
    page.goto(path.as_uri())
    shown = page.locator("body").inner_text()
    assert "<script>window.hit=1</script><img src=x" in shown
    for unseen in "\u202e\u202c\u2066\u200b\ufeff\x00\x07\x1b":
        assert unseen not in page.content()
    assert "⟨U+202E⟩" in shown
    assert "⟨U+200B⟩" in shown
    assert page.locator("img").count() == 0
    assert page.evaluate("window.hit") is None
    assert page.evaluate("document.documentElement.scrollWidth") <= 1100
    # One head: language and light are changed without a script.
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(246, 247, 249)"
    assert "English" in page.locator("header").inner_text()
    shoot(page, f"file-{made.__name__}")
    page.locator("label", has_text="English").click()
    page.locator("label", has_text="Light or dark").click()
    assert page.evaluate(ground) == "rgb(20, 24, 30)"
    assert "中文" in page.locator("header").inner_text()
    shoot(page, f"file-{made.__name__}-dark")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    assert serious(page) == []
    assert wrong == []
    page.close()
