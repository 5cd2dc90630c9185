"""The frame of the pages that commands write: one look, two languages, nothing loaded from elsewhere.

The looks are `page.css`, which the page of `chinchilla serve` is built with too. Language and light are
changed by two boxes and rules of CSS: a page without a script of its own has none.
"""

import base64
from functools import cache
from hashlib import sha256
from importlib import resources

from .html import html_text, word


@cache
def _style() -> str:
    return resources.files("chinchilla.files").joinpath("page.css").read_text(encoding="utf-8")


def page_head(title: str, *, style: str = "", script: str = "") -> str:
    """Return how a page begins, with further rules of CSS; `page_end` with the same script ends it.

    The policy lets this script run and no other.
    """
    allowed = f"; script-src 'sha256-{_digest(script)}'" if script else ""
    return (
        '<!DOCTYPE html>\n<html lang="zh">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="'
        f"default-src 'none'; style-src 'unsafe-inline'{allowed}\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html_text(title)}</title>\n<style>\n{_style()}{style}</style>\n</head>\n"
        f'<body>\n<header class="top"><h1>{html_text(title)}</h1><div class="row">'
        f"{_box('english', _LANGUAGES)}{_box('dark', word('light or dark'))}</div></header>\n"
        '<main class="page">\n'
    )


def page_end(script: str = "") -> str:
    """Return how a page ends."""
    told = f"<script>{script}</script>\n" if script else ""
    return f"</main>\n{told}</body>\n</html>\n"


# Each language is offered in its own words.
_LANGUAGES = '<span lang="zh">English</span><span lang="en">中文</span>'


def _box(name: str, label: str) -> str:
    return (
        f'<label class="button"><input type="checkbox" class="hidden" id="{name}">{label}</label>'
    )


def _digest(script: str) -> str:
    return base64.b64encode(sha256(script.encode()).digest()).decode()
