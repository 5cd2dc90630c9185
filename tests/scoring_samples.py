"""Short ways to write documents, and random ones, for the tests of scoring and reports."""

from hypothesis import strategies as st

from chinchilla.data.documents import Document

TEXT = "鲁迅写了《呐喊》，鲁迅也写了《彷徨》。"


def mention(text, start=None, **more):
    end = None if start is None else start + len(text)
    return {"text": text, "start": start, "end": end, **more}


def document(identifier="d1", text=TEXT, **annotations):
    return Document.from_dict({"id": identifier, "text": text, **annotations})


def entities(*items, identifier="d1", text=TEXT):
    found = [mention(string, start, type=kind) for kind, string, start in items]
    return document(identifier, text, entities=found)


def relation(name="作者", subject=("作品", "呐喊", 5), object=("人物", "鲁迅", 0), **qualifiers):
    def end(item):
        return mention(item[1], item[2], type=item[0])

    return {
        "type": name,
        "subject": end(subject),
        "object": end(object),
        "qualifiers": {key: end(item) for key, item in qualifiers.items()},
    }


def bare(name, subject, object, **qualifiers):
    """A relation of strings without types and offsets."""
    slots = {key: (None, text, None) for key, text in qualifiers.items()}
    return relation(name, (None, subject, None), (None, object, None), **slots)


def event(kind, trigger, *arguments):
    return {
        "type": kind,
        "trigger": trigger and mention(*trigger),
        "arguments": [mention(text, start, role=role) for role, text, start in arguments],
    }


def filled(kind, **roles):
    """An event without trigger whose arguments are strings without offsets."""
    return event(kind, None, *((role, text, None) for role, text in roles.items()))


def figures(score):
    return (score.gold, score.predicted, score.correct)


@st.composite
def document_pairs(draw, *, flat=False):
    """Two documents of one text; with `flat`, entities that never overlap and nothing else."""
    text = draw(st.text("甲乙丙丁𠮷１a\u2028", min_size=2, max_size=12))
    kind = st.sampled_from(["人名", "组织关系-裁员"])

    def span():
        start = draw(st.integers(0, len(text) - 1))
        end = draw(st.integers(start + 1, len(text)))
        return {"text": text[start:end], "start": start, "end": end}

    def several(make, most=3):
        return [make() for _ in range(draw(st.integers(0, most)))]

    def flat_entities():
        cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
        spans = [(a, b) for a, b in zip(cuts, cuts[1:], strict=False) if draw(st.booleans())]
        return [{"type": draw(kind), "text": text[a:b], "start": a, "end": b} for a, b in spans]

    def one():
        if flat:
            return {"entities": flat_entities()}
        ends = {key: {**span(), "type": draw(kind)} for key in ("subject", "object")}
        return {
            "entities": several(lambda: {**span(), "type": draw(kind)}),
            "relations": several(lambda: {"type": draw(kind), **ends}, 1),
            "events": several(
                lambda: {
                    "type": draw(kind),
                    "trigger": draw(st.none() | st.just(span())),
                    "arguments": several(lambda: {**span(), "role": draw(kind)}),
                }
            ),
        }

    return document("d", text, **one()), document("d", text, **one())
