"""The kinds of issue, each with what it means and what a person should do; and how issues quote.

This table is the only list of kinds: `ISSUE_KINDS`, the scorers' rates and the documentation
(`issue_table`) come from it.
"""

from typing import NamedTuple

from .documents import Document, Extraction


class IssueKind(NamedTuple):
    """A kind of issue: its name in the JSON, what happened, and what a person should do."""

    name: str
    meaning: str
    to_do: str


UNANSWERED = "unanswered"
KINDS = (
    IssueKind(
        UNANSWERED,
        "The model gave no answer for the text or a part of it: the server refused it, filtered it or "
        "failed at it.",
        "See the reason in the detail; ask again with `--retry-failed`.",
    ),
    IssueKind(
        "unparsable",
        "An answer, or an item of it, could not be read.",
        "Look at the detail. If it is frequent, use a larger model or constrained decoding.",
    ),
    IssueKind(
        "truncated",
        "The answer breaks off; its complete items are kept.",
        "Give the answer more tokens, or use smaller windows.",
    ),
    IssueKind(
        "unread",
        "A part beside an item was not understood; the item is kept without it.",
        "Nothing, unless you need that part: declare it as a role or a qualifier.",
    ),
    IssueKind(
        "unknown_type",
        "The model named a type that the schema does not declare; the item is left out.",
        "Declare the type or an alias if you want it, or ask again with `near_miss`.",
    ),
    IssueKind(
        "unknown_role",
        "The model named a role or qualifier that its type does not declare; it is left out.",
        "Declare the role or an alias if you want it, or ask again with `near_miss`.",
    ),
    IssueKind(
        "out_of_schema",
        "A fact does not fit its declaration: an end is missing or of another type, a value is not "
        "in the list, or there are two values where one fits.",
        "Check the fact by hand; correct the schema if the fact is right.",
    ),
    IssueKind(
        "ungrounded",
        "The mention is not in the text, so it has no offsets.",
        "Do not trust the mention: models invent names, or word them anew.",
    ),
    IssueKind(
        "folded",
        "The mention was found once width, case, spaces, marks and variants of characters "
        "were set aside.",
        "Nothing: the text's own wording is given.",
    ),
    IssueKind(
        "fuzzy",
        "The mention is not in the text, but a string that differs in few characters is; "
        "that one is given.",
        "Check that both are the same name.",
    ),
    IssueKind(
        "ambiguous",
        "The string stands in the text several times, and which one is meant was not clear; "
        "a likely one was chosen.",
        "Check the offsets if they matter.",
    ),
    IssueKind(
        "repeated",
        "The same fact was given again, or more often than it stands in the text; it is kept once.",
        "Nothing.",
    ),
    IssueKind(
        "merged",
        "Two windows told of one event by different triggers; one trigger is kept.",
        "Nothing, unless you count triggers.",
    ),
    IssueKind(
        "empty_value",
        "The model wrote a word for nothing (无, 未提及, N/A) as a value; nothing is returned for it.",
        "Nothing.",
    ),
    IssueKind(
        "withheld",
        "The model is too unsure of the fact; it is not returned.",
        "Check the fact by hand if you want to miss less.",
    ),
)
ISSUE_KINDS = tuple(kind.name for kind in KINDS)


def unanswered(value: Document | Extraction) -> str:
    """Return why a text, or a part of it, has no answer; empty if it has one."""
    return next((issue.detail for issue in value.issues if issue.kind == UNANSWERED), "")


def issue_table() -> str:
    """Return the kinds as a Markdown table for the documentation."""
    rows = [f"| `{kind.name}` | {kind.meaning} | {kind.to_do} |" for kind in KINDS]
    return "\n".join(["| kind | meaning | what to do |", "|---|---|---|", *rows, ""])


def excerpt(text: str, length: int = 80) -> str:
    """Return the beginning of a text for a message, safe to write as UTF-8."""
    short = text if len(text) <= length else text[:length] + "…"
    return short.encode("utf-8", "replace").decode()
