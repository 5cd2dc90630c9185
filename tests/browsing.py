"""A browser for tests of pages, and what they ask of it."""

import os
import shutil
from pathlib import Path

AXE = Path(__file__).parent / "data" / "axe.min.js"


def find_browser():
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return next(filter(None, map(shutil.which, names)), None)


def shoot(page, name):
    """Take a picture, if CHINCHILLA_SHOTS names a folder for pictures."""
    if folder := os.environ.get("CHINCHILLA_SHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.wait_for_timeout(250)
        page.screenshot(path=f"{folder}/{name}.png")


def serious(page):
    """Return the serious findings of axe; it must be in the page."""
    result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        (one["id"], one["nodes"][0]["html"][:200])
        for one in result["violations"]
        if one["impact"] in ("serious", "critical")
    ]
