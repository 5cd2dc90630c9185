"""The page in a browser: look, correct, save, teach; hostile text; both languages; accessibility.

Pictures of each view go to the folder that CHINCHILLA_SHOTS names.
"""

import json
import os
import re
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("playwright")
from browsing import AXE, serious, shoot
from playwright import sync_api as playwright
from serving import HOSTILE, NAMES, SCHEMA, NamesEngine, fake_trainer, running

from chinchilla.data.documents import Document, check_offsets
from chinchilla.serve import service, tuning
from chinchilla.serve.app import create_app
from chinchilla.serve.settings import Settings

pytestmark = pytest.mark.slow
TEXT = "𠮷田说：顾长风在北京星河科技大学任职。\n星河科技裁员300人。存疑"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    def open_one(model=None, **_):
        names = NAMES | ({"林晓": ("人名", 0.9)} if model else {})
        return NamesEngine(str(model), names)

    def tuner(*arguments):
        return tuning.Tuner(*arguments, command=fake_trainer(0.4))

    folder = tmp_path_factory.mktemp("project")
    schema = folder / "tiny.json"
    schema.write_text(json.dumps(SCHEMA), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chinchilla.engines.open.open_engine", open_one)
        patch.setattr(service, "Tuner", tuner)
        app = create_app(Settings(project=folder / "p", schema=str(schema)))
        with running(app) as address:
            yield address


@pytest.fixture
def page(browser, address):
    context = browser.new_context(
        locale="zh-CN", viewport={"width": 1280, "height": 900}, accept_downloads=True
    )
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.set_default_timeout(15_000)
    wrong = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.goto(address)
    page.wait_for_selector("#extract")
    yield page
    # No script failed, and the policy refused nothing that the page itself does.
    assert wrong == []
    assert page.evaluate("window.hit") is None
    context.close()


def note(line):
    """Write a figure beside the pictures; no test depends on how fast a machine is."""
    if folder := os.environ.get("CHINCHILLA_SHOTS"):
        (Path(folder) / "notes.txt").write_text(line, encoding="utf-8")


def extract(page, text=TEXT):
    page.fill("#input-text", text)
    page.evaluate("document.querySelector('.status').replaceChildren()")
    page.click("#extract")
    playwright.expect(page.locator(".status")).to_contain_text(re.compile("完成|Done"))


def downloaded(page, selector):
    with page.expect_download() as download:
        page.click(selector)
    return Path(download.value.path()).read_bytes()


def shown_json(page):
    return Document.from_dict(json.loads(downloaded(page, "#download-json")))


def rows(page):
    return page.locator("#panel tbody tr").all_inner_texts()


def choose_text(page, start, end):
    """Select code points of the shown text, as a mouse does."""
    page.wait_for_selector("#annotated[contenteditable]")
    page.evaluate(
        """([start, end]) => {
          const block = document.querySelector('#annotated .block')
          const walker = document.createTreeWalker(block, NodeFilter.SHOW_TEXT)
          const place = (wanted) => {
            let at = 0
            walker.currentNode = block
            while (walker.nextNode()) {
              const points = [...walker.currentNode.data]
              if (at + points.length >= wanted)
                return [walker.currentNode, points.slice(0, wanted - at).join('').length]
              at += points.length
            }
          }
          const range = document.createRange()
          range.setStart(...place(start))
          range.setEnd(...place(end))
          document.querySelector('#annotated').focus()
          getSelection().removeAllRanges()
          getSelection().addRange(range)
        }""",
        [start, end],
    )
    playwright.expect(page.locator("#selected")).not_to_have_text("（未选）")


def test_entities_are_marked_nested_and_behind_astral_characters(page):
    extract(page)
    marks = page.locator("mark.entity")
    assert marks.first.inner_text() == "𠮷田"
    outer = page.locator("mark.entity:has(mark)")
    assert outer.inner_text() == "北京星河科技大学"
    assert [one.inner_text() for one in outer.locator("mark").all()] == ["北京", "星河科技"]
    assert page.locator("#annotated").inner_text().replace("\n", "") == TEXT.replace("\n", "")
    check_offsets(shown_json(page))
    shoot(page, "text")


def test_nothing_to_extract_is_told_in_words(page):
    page.fill("#input-text", TEXT)
    for box in page.locator(".tasks input").all():
        box.uncheck()
    page.click("#extract")
    playwright.expect(page.locator(".status")).to_contain_text("勾选任务")


def test_the_least_score_hides_facts_everywhere(page):
    extract(page)
    assert page.locator("#tab-text .number").inner_text() == "6"
    page.locator("#threshold").fill("0.75")
    playwright.expect(page.locator("#tab-text .number")).to_have_text("4")
    assert "北京" not in page.locator("mark.entity mark").all_inner_texts()
    playwright.expect(page.locator("#tab-relations .number")).to_have_text("0")
    assert {one.text for one in shown_json(page).entities} == {
        "顾长风",
        "北京星河科技大学",
        "星河科技",
    }


def test_relations_events_graph_and_issues_have_views(page):
    extract(page)
    page.click("#tab-relations")
    page.wait_for_selector(".arc path")
    assert page.locator(".arc text").text_content() == "任职"
    assert "北京星河科技大学" in rows(page)[0]
    shoot(page, "relations")
    page.click("#tab-events")
    assert "裁员方" in page.locator(".card").inner_text()
    shoot(page, "events")
    page.click("#tab-graph")
    page.wait_for_selector(".graph canvas")
    shoot(page, "graph")
    page.click("#tab-issues")
    assert "没有返回这个事实" in page.locator(".issue").inner_text()
    shoot(page, "issues")


def test_a_schema_is_edited_in_place(page):
    page.click("#schema-editor > summary")
    page.click("[data-list=entities] > summary")
    page.locator("[data-list=entities] .entry").nth(2).get_by_role("button").click()
    playwright.expect(page.locator("[data-list=entities] .entry")).to_have_count(2)
    page.click("[data-list=entities] .add-type")
    page.locator("[data-list=entities] .entry").nth(2).get_by_label("名称").fill("城市")
    shoot(page, "schema")
    extract(page)
    assert {one.type for one in shown_json(page).entities} == {"人名", "机构名"}
    page.get_by_text("以 JSON 编辑").click()
    page.fill("#schema-json", '{"name": "x", "entities": ["地名"]}')
    page.click("#apply-json")
    extract(page)
    found = shown_json(page)
    assert {one.type for one in found.entities} == {"地名"}
    assert not found.relations
    page.select_option("#schema", "msra")
    playwright.expect(page.locator("[data-list=entities] .entry")).to_have_count(3)
    # Types of one's own begin with none.
    page.select_option("#schema", "+own")
    playwright.expect(page.locator("[data-list=entities] .entry")).to_have_count(0)
    for number, name in enumerate(("人名", "地名", "船")):
        # A slow click leaves the field before it: the button must still be there when it ends.
        page.locator("[data-list=entities] .add-type").click(delay=120)
        entry = page.locator("[data-list=entities] .entry").nth(number)
        entry.get_by_label("名称").fill(name)
        entry.get_by_label("说明").fill(f"一个{name}")
    # All by keyboard: Tab goes on from a changed name, and what was typed stays.
    page.locator("[data-list=entities] .add-type").click()
    page.locator("[data-list=entities] .entry").nth(3).get_by_label("名称").click()
    page.keyboard.type("港口")
    page.keyboard.press("Tab")
    page.wait_for_timeout(100)
    page.keyboard.press("Tab")
    page.keyboard.type("停船的地方")
    page.locator("[data-list=entities] .add-type").click()
    entries = page.locator("[data-list=entities] .entry")
    playwright.expect(entries).to_have_count(5)
    playwright.expect(entries.nth(3).get_by_label("说明")).to_have_value("停船的地方")
    extract(page)
    assert {one.type for one in shown_json(page).entities} == {"人名", "地名"}


def test_mentions_are_marked_retyped_and_deleted_by_mouse_and_keyboard(page):
    extract(page, "𠮷田说：顾长风在北京的蓝田软件任职。")
    page.click("#correct")
    choose_text(page, 11, 15)
    page.keyboard.press("2")
    playwright.expect(page.locator("mark", has_text="蓝田软件")).to_have_count(1)
    page.locator("mark", has_text="北京").click()
    shoot(page, "dialog")
    page.locator("dialog select").select_option("机构名")
    playwright.expect(page.locator("dialog")).to_have_count(0)
    page.get_by_role("button", name="删除 顾长风").click()
    page.fill("#pick-entity", "顾长风")
    page.keyboard.press("Enter")
    playwright.expect(page.locator("mark", has_text="顾长风")).to_have_count(1)
    found = shown_json(page)
    check_offsets(found)
    facts = {(one.text, one.type, one.start) for one in found.entities}
    assert {("蓝田软件", "机构名", 11), ("北京", "机构名", 8), ("顾长风", "人名", 4)} <= facts
    shoot(page, "correct")
    # What is typed into the text changes nothing; undo takes the last step back.
    page.locator("#annotated").click(position={"x": 5, "y": 5})
    page.keyboard.type("abc")
    page.keyboard.press("Delete")
    assert "abc" not in page.locator("#annotated").inner_text()
    page.keyboard.press("Control+z")
    playwright.expect(page.locator("mark", has_text="顾长风")).to_have_count(0)


def test_a_mention_is_marked_with_the_keyboard_alone(page):
    extract(page, "蓝田软件来了")
    page.click("#correct")
    page.locator("#annotated").focus()
    page.keyboard.press("Control+Home")
    for _ in range(4):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    playwright.expect(page.locator("mark")).to_have_text("蓝田软件")


def test_relations_and_events_are_added_and_deleted_by_hand(page):
    extract(page, "顾长风与星河科技，星河科技宣布停产。")
    page.click("#correct")
    page.click("#tab-relations")
    page.select_option("#add-subject", label="顾长风 (人名) 0–3")
    page.select_option("#add-object", label="星河科技 (机构名) 9–13")
    page.click("#add-relation")
    page.wait_for_selector(".arc path")
    page.click("#tab-events")
    page.fill("#pick-event", "停产")
    page.click("#add-event")
    page.fill("#pick-argument-0", "星河科技")
    page.get_by_label("第几处").select_option(index=1)
    page.click("#add-argument-0")
    playwright.expect(page.locator(".card dd")).to_have_count(2)
    shoot(page, "event-added")
    found = shown_json(page)
    check_offsets(found)
    assert found.relations[0].object.span == (9, 13)
    assert found.events[0].arguments[0].span == (9, 13)
    page.get_by_role("button", name="删除 裁员", exact=True).click()
    playwright.expect(page.locator(".card")).to_have_count(0)


def test_corrections_are_saved_taught_compared_and_used(page):
    for n in range(6):
        extract(page, f"林晓写了{n}封信")
        if page.locator("#correct[aria-pressed=true]").count() == 0:
            page.click("#correct")
        page.click("#tab-text")
        page.fill("#pick-entity", "林晓")
        page.click("#add-entity")
        playwright.expect(page.locator("mark")).to_have_text("林晓")
        page.click("#save-gold")
        playwright.expect(page.locator("#save-gold")).to_have_text(f"存为标准答案 ({n + 1})")
    page.click("#tab-project")
    page.click("#tune")
    playwright.expect(page.locator("#tuning-state")).to_have_text("正在学…")
    shoot(page, "teaching")
    playwright.expect(page.locator("#comparison")).to_contain_text("+1.000")
    playwright.expect(page.locator("#model")).to_have_value("tuned-001")
    shoot(page, "taught")
    extract(page, "林晓走了")
    assert shown_json(page).entities[0].text == "林晓"


def test_results_are_copied_and_taken_away(page):
    extract(page)
    page.click("#copy-json")
    playwright.expect(page.locator(".status")).to_have_text("已复制")
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert copied["text"] == TEXT
    assert b"\xe9\xa1\xbe\xe9\x95\xbf\xe9\xa3\x8e" in downloaded(page, "#download-csv")
    assert downloaded(page, "#download-xlsx").startswith(b"PK")
    assert downloaded(page, "#download-html").startswith(b"<!DOCTYPE html>")


def test_a_file_of_many_texts_is_read_and_paged_through(page, tmp_path):
    path = tmp_path / "many.csv"
    path.write_text("text\n顾长风\n北京\n无\n", encoding="utf-8")
    page.set_input_files("#file", str(path))
    playwright.expect(page.locator(".queue")).to_contain_text("3")
    page.click("#extract")
    playwright.expect(page.locator(".status")).to_contain_text("完成")
    assert page.locator("mark").inner_text() == "顾长风"
    page.get_by_role("button", name="下一篇").click()
    playwright.expect(page.locator("mark")).to_have_text("北京")


def test_hostile_text_types_and_names_are_shown_as_text(page, tmp_path):
    schema = {
        **SCHEMA,
        "name": HOSTILE,
        "entities": [HOSTILE, "人名"],
        "events": [{"name": f"裁员{HOSTILE}"}],
    }
    page.click("#schema-editor > summary")
    page.get_by_text("以 JSON 编辑").click()
    page.fill("#schema-json", json.dumps(schema))
    page.click("#apply-json")
    # A file: a field of a form would drop some of these characters.
    path = tmp_path / "<img src=x onerror=hit=1>.txt"
    text = f"顾长风{HOSTILE}存疑\r\n尾"
    path.write_bytes(
        json.dumps({"text": text}).encode() + b"\n" + json.dumps({"text": "二"}).encode()
    )
    path = path.rename(path.with_suffix(".jsonl"))
    page.set_input_files("#file", str(path))
    playwright.expect(page.locator(".queue")).to_be_visible()
    page.click("#extract")
    playwright.expect(page.locator(".status")).to_contain_text("完成")
    page.click("#correct")
    shown = page.locator("#annotated").inner_text()
    assert '<script>window.hit=1</script><img src=x onerror="window.hit=1">' in shown
    assert "\u202e" not in page.locator("body").inner_text()
    signs = page.eval_on_selector_all(".unseen", "all => all.map(one => one.dataset.shown)")
    for sign in ("⟨U+202E⟩", "⟨U+200B⟩", "⟨U+0000⟩", "⟨U+001B⟩", "⟨U+FEFF⟩"):
        assert sign in signs
    page.fill("#pick-entity", "尾")
    page.click("#add-entity")
    page.wait_for_selector("mark >> text=尾")
    for name in ("relations", "events", "graph", "issues", "project"):
        page.click(f"#tab-{name}")
        page.wait_for_timeout(100)
    page.click("#tab-text")
    shoot(page, "hostile")
    # Offsets hold behind what is unseen.
    lines = downloaded(page, "#download-json").decode().splitlines()
    found = Document.from_dict(json.loads(lines[0]))
    assert found.text == text
    check_offsets(found)
    assert page.locator("script").count() == 1
    assert page.locator("#page img").count() == 0


def test_a_long_text_and_a_huge_line_stay_responsive(page):
    extract(page, ("顾长风在北京星河科技大学任职。" * 40 + "\n") * 160 + "长" * 5_000)
    assert page.locator("#count").inner_text() == "101,160 字"
    page.locator("#threshold").fill("0.5")
    # A frame after the change: how long the page was busy.
    busy = page.evaluate(
        """() => new Promise((done) => {
          const begin = performance.now()
          const slider = document.querySelector('#threshold')
          slider.value = 0.6
          slider.dispatchEvent(new Event('input'))
          requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - begin)))
        })"""
    )
    note(f"threshold over 100,000 characters: {busy:.0f} ms")
    page.click("#tab-relations")
    page.click("#tab-text")
    page.wait_for_selector("#annotated .block")
    assert page.locator("#annotated .block").count() > 160
    shoot(page, "long")


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_serious_finding_of_axe(page, language, look):
    page.emulate_media(color_scheme=look)
    if language == "en":
        page.click("#language")
    extract(page)
    assert page.evaluate("document.documentElement.lang") == language
    # By the protocol of the debugger: the page's own policy stays as it is.
    page.evaluate(AXE.read_text(encoding="utf-8"))
    page.click("#schema-editor > summary")
    page.click("[data-list=events] > summary")
    page.click("#correct")
    found = []
    for name in ("text", "relations", "events", "graph", "issues", "project"):
        page.click(f"#tab-{name}")
        page.wait_for_timeout(100)
        shoot(page, f"{language}-{look}-{name}")
        found += [(name, *one) for one in serious(page)]
    assert found == []


def test_both_languages_say_all(page):
    extract(page)
    page.click("#language")
    for name in ("text", "relations", "events", "graph", "issues", "project"):
        page.click(f"#tab-{name}")
        said = page.locator(f"#tab-{name}").inner_text()
        assert not re.search(r"[\u4e00-\u9fff]", said)
    page.reload()
    assert page.evaluate("document.documentElement.lang") == "en"


def test_a_narrow_window_shows_all_without_scrolling_sideways(page):
    page.set_viewport_size({"width": 400, "height": 800})
    extract(page)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 400
    shoot(page, "narrow")
