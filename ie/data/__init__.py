"""Documents and schemas: what texts hold and what is asked of them."""

from .documents import Argument, Document, Entity, Event, Extraction, Issue, Mention, Relation

__all__ = ["Argument", "Document", "Entity", "Event", "Extraction", "Issue", "Mention", "Relation"]
