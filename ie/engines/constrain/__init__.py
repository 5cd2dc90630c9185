"""Constrained decoding: a model can write only answers that parse, fit the schema and the text.

An answer under constraint numbers no occurrence (see `formats`): order alone places its mentions.

substrings   which mentions a text holds (a suffix automaton)
memory       what an answer has said so far, and what it may still name
spelling     the option trees of the two written forms
automaton    the answer as an automaton over characters
vocabulary   a tokenizer's tokens as text and bytes
walker       which tokens the automaton lets through
processor    the same as a logits processor of transformers
stretch      a decoding loop for one prompt that skips what is certain
resume       exact constrained decoding by engines that give no access to their logits
"""

from .constraint import AnswerConstraint, without_roles

__all__ = ["AnswerConstraint", "without_roles"]
