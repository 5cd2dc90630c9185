"""The scorers by name, and the one loop that runs any of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

from ...data.documents import Document
from ...errors import ConfigError, near_miss
from .counts import Result, summarise
from .exact import score_boundary, score_strict, score_string, score_string_set
from .lic import Aliases, score_duee, score_duee_fin, score_duie
from .pairing import Pair
from .published import (
    score_cluener,
    score_doc2edag,
    score_gplinker,
    score_iepile,
    score_role_slots,
    score_uie_offset_multimatch,
    score_uie_offset_normal,
    score_uie_offset_set,
    score_uie_string_multimatch,
    score_uie_string_normal,
    score_uie_string_set,
)
from .scorer import Arithmetic, Scorer, Tally
from .sequence import score_seqeval, score_seqeval_bmes, score_seqeval_strict

_SECTIONS = ("entities", "relations", "triggers", "arguments")
_OURS = "ours"
_UIE = "universal-ie/UIE c88dd08, uie/extraction/scorer.py"
_SEQEVAL = "seqeval 1.2.2"
_EITHER_SIDE = "types of gold or predictions"


def _units(unit: str, *sections: str) -> dict[str, str]:
    return dict.fromkeys(sections or _SECTIONS, unit)


def _tags(name: str, tally: Callable[[Document, Document], Tally], tags: str) -> Scorer:
    return Scorer(
        name,
        tally,
        f"chunks of {tags}, one tag a code point; of entities that overlap the longest",
        f"{_SEQEVAL}, {'get_entities' if name == 'seqeval' else 'mode strict'}",
        _units("chunks of tags", "entities"),
        ("entities",),
        over=_EITHER_SIDE,
        arithmetic=Arithmetic(either_side=True),
    )


def _uie(name: str, tally: Callable[[Document, Document], Tally]) -> Scorer:
    _, by, mode = name.split("-")
    how = {
        "set": "each once",
        "normal": "gold matched once",
        "multimatch": "gold matched any number of times",
    }
    unit = f"{'distinct' if mode == 'set' else 'listed'} {'spans' if by == 'offset' else 'strings'}"
    units = _units(unit, *_SECTIONS, "relation ends")
    if mode != "set":
        units["events"] = "whole events"
    place = "offsets" if by == "offset" else "strings"
    rule = f"types and {place}, {how[mode]}; events without a trigger are left out"
    return Scorer(name, tally, rule, f"{_UIE}, mode {mode}", units)


SCORERS = {
    scorer.name: scorer
    for scorer in (
        Scorer(
            "strict",
            score_strict,
            "types and offsets, of relations end types and qualifiers too, each item once",
            _OURS,
            _units("distinct spans"),
        ),
        Scorer(
            "boundary",
            score_boundary,
            "offsets without entity types and roles, each item once",
            _OURS,
            _units("distinct spans"),
        ),
        Scorer(
            "string",
            score_string,
            "types and strings without end types and qualifiers, gold matched once",
            _OURS,
            _units("listed strings"),
        ),
        Scorer(
            "string-set",
            score_string_set,
            "types and strings without end types and qualifiers, each item once",
            _OURS,
            _units("distinct strings"),
        ),
        _tags("seqeval", score_seqeval, "BIO tags"),
        _tags("seqeval-strict", score_seqeval_strict, "IOB2 tags"),
        _tags("seqeval-bmes", score_seqeval_bmes, "IOBES tags"),
        Scorer(
            "cluener",
            score_cluener,
            "macro: distinct strings of each type; micro: listed spans, right if gold has them",
            "CLUEbenchmark/CLUENER2020 2e8fccd, score.py (macro) and ner_metrics.py (micro)",
            _units("listed spans; macro: distinct strings", "entities"),
            ("entities",),
            lead="macro",
        ),
        Scorer(
            "duie",
            score_duie,
            "predicate, subject and every slot of the object as strings, up to the aliases",
            "Baidu, KG/DuIE_Baseline 46593e1, re_official_evaluation.py",
            _units("facts of strings", "relations"),
            ("relations",),
            once_a_text=True,
        ),
        Scorer(
            "duee",
            score_duee,
            "best F1 of characters with a gold argument of the type and role; recall is capped",
            "after the task description of LIC2020, for which no program was released",
            _units("arguments by their characters", "arguments"),
            ("events",),
        ),
        Scorer(
            "duee-fin",
            score_duee_fin,
            "each gold event takes the predicted one that shares most (role, string)",
            "after the task description of LIC2021, for which no program was released",
            _units("distinct strings of matched events", "arguments"),
            ("events",),
        ),
        Scorer(
            "doc2edag",
            score_doc2edag,
            "each predicted event takes the gold one with most equal roles; a role's last string",
            "dolphin-zs/Doc2EDAG da4f4bc, dee/dee_metric.py",
            _units("role slots", "arguments"),
            ("events",),
            over="event types, in each over roles",
            arithmetic=Arithmetic(either_side=True),
        ),
        Scorer(
            "role-slots",
            score_role_slots,
            "as doc2edag, but a role holds all its strings and is right if one is shared",
            _OURS,
            _units("role slots", "arguments"),
            ("events",),
            over="event types, in each over roles",
            arithmetic=Arithmetic(either_side=True),
        ),
        Scorer(
            "gplinker",
            score_gplinker,
            "relations by BERT's words; arguments by offsets; whole events; sums start at 1e-10",
            "bojone/GPLinker 461fb1f, duie_v1.py and duee_v1.py",
            {
                "relations": "distinct triples of words",
                "arguments": "distinct spans",
                "events": "whole events",
            },
            ("relations", "events"),
            arithmetic=Arithmetic(start=1e-10),
        ),
        Scorer(
            "iepile",
            score_iepile,
            "types and strings, gold matched once, figures rounded to 0.01 %",
            "zjunlp/IEPile 933918d, ie2instruction/eval_func.py, mode normal",
            _units("listed strings"),
            arithmetic=Arithmetic(decimals=2),
        ),
        _uie("uie-offset-set", score_uie_offset_set),
        _uie("uie-offset-normal", score_uie_offset_normal),
        _uie("uie-offset-multimatch", score_uie_offset_multimatch),
        _uie("uie-string-set", score_uie_string_set),
        _uie("uie-string-normal", score_uie_string_normal),
        _uie("uie-string-multimatch", score_uie_string_multimatch),
    )
}


def duie_scorer(aliases: Aliases) -> Scorer:
    """Return the DuIE scorer with an alias dictionary: lower-case name to its other names."""
    return replace(SCORERS["duie"], tally=partial(score_duie, aliases=aliases))


def find_scorers(names: Sequence[str], gold: Sequence[Document]) -> list[Scorer]:
    """Return the scorers of these names; `all` stands for those that apply to the gold.

    Raises:
        ConfigError: a name is unknown, or nothing is named or applies.
    """
    found: dict[str, Scorer] = {}
    for name in names:
        if name == "all":
            found.update({s.name: s for s in SCORERS.values() if s.applies(gold)})
        elif name in SCORERS:
            found[name] = SCORERS[name]
        else:
            raise ConfigError(
                f"unknown scorer {name!r}{near_miss(name, SCORERS)}; "
                f"scorers are {', '.join(SCORERS)}, all"
            )
    if not found:
        why = "the gold documents hold no annotation" if names else "no scorer is named"
        raise ConfigError(f"nothing to score by: {why}; scorers are {', '.join(SCORERS)}, all")
    return list(found.values())


def score_documents(pairs: Iterable[Pair], scorer: Scorer | str = "strict") -> Result:
    """Score paired documents by one scorer; see `pair_documents`.

    Raises:
        ConfigError: no scorer has that name.
    """
    if isinstance(scorer, str):
        scorer = find_scorers([scorer], [])[0]
    return summarise(scorer, tally_documents(pairs, scorer))


def tally_documents(pairs: Iterable[Pair], scorer: Scorer) -> list[Tally]:
    """Return the tally of every pair, in order."""
    if not scorer.once_a_text:
        return [scorer.tally(gold, predicted) for gold, predicted in pairs]
    pairs = list(pairs)
    last = {gold.text: i for i, (gold, _) in enumerate(pairs)}
    return [
        scorer.tally(gold, predicted) if last[gold.text] == i else {}
        for i, (gold, predicted) in enumerate(pairs)
    ]
