"""`chinchilla data`: everything done to corpora and instruction records."""

import click

from .main import LazyGroup

# Command -> (module in .commands, one-sentence help shown without importing it).
COMMANDS = {
    "list": ("data_list", "List the data sets of the catalogue, with their licences."),
    "convert": (
        "data_convert",
        "Turn the files of a corpus into documents, one JSON object a line.",
    ),
    "export": ("data_export", "Write documents as files of annotation tools and other libraries."),
    "build": ("data_build", "Turn documents into instruction records, mixed as asked."),
    "schema": ("data_schema", "Make a schema file of what documents hold."),
    "translate": ("data_translate", "Translate annotated documents into Chinese."),
    "bootstrap": ("data_bootstrap", "Let a model invent examples, schemas and wordings, checked."),
    "label": ("data_label", "Write texts with predictions for an annotation tool."),
    "stats": ("data_stats", "Count sources, types, lengths and negatives."),
    "audit": ("data_audit", "Find duplicates, leaks and faulty annotations, and mend them."),
    "select": ("data_select", "Choose a small, diverse set that covers every type."),
}


@click.group(cls=LazyGroup, places=COMMANDS)
def command() -> None:
    """Convert, build, list and inspect corpora and instruction records."""
