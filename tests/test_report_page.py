import html
import re
import subprocess

import pytest
from browsing import find_browser
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring_samples import document, entities, event, mention

from chinchilla.evaluate.evaluation import Options, evaluate
from chinchilla.evaluate.page import choose_mistakes, render_page
from chinchilla.evaluate.scorers.mistakes import Mistake
from chinchilla.files.segments import Segment, cut_segments, lost_mentions, shown_ranges

HOSTILE = '<script>alert("1")</script>&\'𠮷𠮷'


def located(*items):
    found = document(text="甲乙丙丁戊", entities=[mention(t, s, type="人名") for t, s in items])
    return [(label, entity) for label, entity in zip("abc", found.entities, strict=False)]


def test_segments_join_to_the_shown_text_and_know_what_covers_them():
    nested = located(("甲乙丙", 0), ("乙", 1))
    assert cut_segments("甲乙丙丁戊", nested, [(0, 5)]) == [
        Segment("甲", ("a",), ("a",), 1, (), "a"),
        Segment("乙", ("b",), ("a", "b"), 2, ("b",), "b"),
        Segment("丙", (), ("a",), 1, ("a",), "a"),
        Segment("丁戊"),
    ]


def test_segments_mark_what_is_left_out():
    assert cut_segments("甲乙丙丁戊", located(("丙", 2)), [(1, 4)]) == [
        Segment(""),
        Segment("乙"),
        Segment("丙", ("a",), ("a",), 1, ("a",), "a"),
        Segment("丁"),
        Segment(""),
    ]


def test_segments_cut_between_astral_characters():
    found = document(text="𠮷𠮷田", entities=[mention("𠮷田", 1, type="人名")])
    segments = cut_segments(found.text, [("人名", found.entities[0])], [(0, 3)])
    assert [segment.text for segment in segments] == ["𠮷", "𠮷田"]


@settings(deadline=None)
@given(data=st.data())
def test_segments_are_covered_by_the_mentions_around_them(data):
    text = data.draw(st.text("甲乙𠮷", min_size=1, max_size=12))
    spans = data.draw(
        st.lists(
            st.lists(st.integers(0, len(text)), min_size=2, max_size=2, unique=True).map(sorted)
        )
    )
    found = document(
        text=text,
        entities=[{"type": "人名", "text": text[a:b], "start": a, "end": b} for a, b in spans],
    )
    low, high = sorted(data.draw(st.tuples(*[st.integers(0, len(text))] * 2)))
    labelled = [(str(k), entity) for k, entity in enumerate(found.entities)]
    shown = [s for s in cut_segments(text, labelled, [(low, high)]) if s.text]
    assert "".join(segment.text for segment in shown) == text[low:high]
    at = low
    for segment in shown:
        end = at + len(segment.text)
        around = [str(k) for k, (a, b) in enumerate(spans) if a <= at and end <= b]
        assert list(segment.covers) == around
        assert list(segment.begins) == [k for k in around if spans[int(k)][0] == at]
        # Nothing begins or ends inside a segment.
        assert not any(at < edge < end for span in spans for edge in span)
        at = end


def test_near_mentions_share_a_range_and_far_ones_do_not():
    text = "甲" * 300
    found = document(text=text, entities=[mention("甲", s, type="人名") for s in (50, 100, 250)])
    assert shown_ranges(text, found.entities) == [(10, 141), (210, 291)]


def test_mentions_without_offsets_are_listed():
    assert lost_mentions(located(("子夜", None), ("甲", 0))) == [("a", "子夜")]
    assert shown_ranges("甲" * 300, []) == [(0, 160)]


def test_many_mistakes_are_thinned_evenly_and_rare_kinds_kept():
    def some(kind, count):
        return [Mistake(kind, "entities", f"{kind}{i}", None, None) for i in range(count)]

    mistakes = some("missing", 100) + some("type", 3) + some("spurious", 50)
    chosen = choose_mistakes(mistakes, 23)
    kinds = [mistake.kind for mistake in chosen]
    assert {kind: kinds.count(kind) for kind in kinds} == {"missing": 10, "type": 3, "spurious": 10}
    assert choose_mistakes(mistakes, 1000) == mistakes


@pytest.fixture
def page():
    text = f"{HOSTILE}见鲁迅"
    start = text.index("鲁迅")
    gold = [
        entities((HOSTILE, "𠮷𠮷", text.index("𠮷")), identifier="<d&1>", text=text),
        document("d2", events=[event("出版", ("写", 2), ("作者", "鲁迅", 0))]),
    ]
    predicted = [
        document(
            "<d&1>",
            text,
            entities=[
                mention("𠮷", text.index("𠮷"), type=HOSTILE, score=0.9),
                mention("鲁迅", start, type="人名", score=0.4),
            ],
        ),
        document("d2", events=[event("出版", ("写", 2), ("译者", "鲁迅", 0))]),
    ]
    evaluation = evaluate(
        gold, predicted, Options(samples=0), gold_name="gold.jsonl", predicted_name="<b>.jsonl"
    )
    return render_page(evaluation)


def test_everything_on_the_page_is_escaped(page):
    assert "<script>alert" not in page
    assert page.count("<script>") == 1
    assert html.escape(HOSTILE) in page
    assert "&lt;d&amp;1&gt;" in page
    assert "<title>&lt;b&gt;.jsonl against gold.jsonl</title>" in page


def test_the_page_loads_nothing_from_elsewhere(page):
    assert "default-src 'none'" in page
    assert not re.findall(r"(?:src|href|url|@import)\s*[=(]", page)
    assert "http://" not in page
    assert "https://" not in page


def test_each_mistake_is_an_article_with_both_sides(page):
    articles = re.findall(r"<article .*?</article>", page, re.S)
    kinds = [re.search(r'data-kind="([^"]*)"', article)[1] for article in articles]
    assert kinds == ["boundary", "spurious", "wrong argument"]
    boundary = articles[0]
    gold, predicted = boundary.split('<div class="predicted">')
    assert '">𠮷𠮷</mark>' in gold
    assert '">𠮷</mark>𠮷' in predicted


def visible_articles(dom):
    tags = re.findall(r"<article [^>]*>", dom)
    return [re.search(r'data-kind="([^"]*)"', tag)[1] for tag in tags if " hidden" not in tag]


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        ("", ["boundary", "spurious", "wrong argument"]),
        ("#kind=spurious", ["spurious"]),
        ("#section=arguments", ["wrong argument"]),
        ("#text=d2", ["wrong argument"]),
        ("#text=nothing-like-it", []),
    ],
)
def test_the_browser_filters_by_kind_section_and_text(page, tmp_path, fragment, expected):
    browser = find_browser()
    if browser is None:
        pytest.skip("no chromium or chrome on this machine")
    path = tmp_path / "page.html"
    path.write_text(page, encoding="utf-8")
    done = subprocess.run(
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--dump-dom",
            path.as_uri() + fragment,
        ],
        capture_output=True,
        timeout=120,
        check=True,
    )
    dom = done.stdout.decode()
    assert visible_articles(dom) == expected
    assert f"<output>{len(expected)}</output>" in dom
