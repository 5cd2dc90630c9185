"""Constrained decoding: a model can write only answers that parse, fit the schema and the text.

An answer under constraint numbers no occurrence (see `formats`): order alone places its mentions.
llguidance says which tokens may come next; it reads the grammars that are written here.

grammar            the answers to one question as a grammar, for servers too
constraint         what an engine is given with a prompt
token_bytes        a tokenizer's tokens as bytes
walker             one answer token by token: what may come next, and how it ends in time
logits_processor   the same as a logits processor of transformers
stretch            a decoding loop for one prompt that skips what is certain
resume             exact constrained decoding by engines that give no access to their logits
"""

from .constraint import AnswerConstraint, without_roles
from .grammar import answer_grammar

__all__ = ["AnswerConstraint", "answer_grammar", "without_roles"]
