from hypothesis import given
from hypothesis import strategies as st

from chinchilla.converters.columns import join_tokens
from chinchilla.converters.locate import closest_pair, nearest, spans_of
from chinchilla.converters.tags import decode_tags
from chinchilla.data.occurrences import find_all

TEXT = st.text(alphabet="甲乙丙 Ａa《》(*\u2028😀", max_size=30)


def test_occurrences_may_overlap():
    assert find_all("哈哈哈", "哈哈") == [0, 1]


def test_a_name_with_pattern_marks_is_found_as_it_is():
    assert spans_of("歌手A*(b)登台", "A*(b)") == ([(2, 7)], False)


def test_folding_finds_other_case_width_blanks_and_book_marks():
    assert spans_of("歌《Ｂlue Sky》", "《blue sky》") == ([(2, 10)], True)
    assert spans_of("海拔 1200 米", "1200米") == ([(3, 9)], True)


def test_what_is_not_there_has_no_span():
    assert spans_of("甲乙", "丙") == ([], True)
    assert spans_of("甲乙", " ") == ([], True)


def test_nearest_takes_the_left_of_two_equally_close():
    assert nearest([(0, 1), (4, 5)], 2) == (0, 1)


def test_closest_pair_prefers_spans_apart_to_overlapping_ones():
    # 阿里 stands inside 阿里山 at 0 and alone at 9.
    assert closest_pair([(0, 3)], [(0, 2), (9, 11)]) == ((0, 3), (9, 11))
    assert closest_pair([(0, 3)], [(0, 2)]) == ((0, 3), (0, 2))


@given(TEXT, TEXT)
def test_every_span_holds_the_mention_or_its_folding(text, mention):
    spans, is_folded = spans_of(text, mention)
    for start, end in spans:
        assert 0 <= start < end <= len(text)
        assert is_folded or text[start:end] == mention


def test_tag_schemes_read_alike():
    bio = ["B-A", "I-A", "O", "B-B", "B-B"]
    bioes = ["B-A", "E-A", "O", "S-B", "S-B"]
    bmeo = ["B-A", "E-A", "O", "S-B", "S-B"]
    bilou = ["B-A", "L-A", "O", "U-B", "U-B"]
    iob1 = ["I-A", "I-A", "O", "I-B", "B-B"]
    expected = [("A", 0, 2), ("B", 3, 4), ("B", 4, 5)]
    for tags in (bio, bioes, bmeo, bilou):
        assert decode_tags(tags) == (expected, [])
    assert decode_tags(iob1, "iob1") == (expected, [])


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 3), st.sampled_from("AB")), max_size=8))
def test_spans_written_as_tags_read_back(pieces):
    tags, spans = [], []
    for is_entity, size, kind in pieces:
        if is_entity:
            spans.append((kind, len(tags), len(tags) + size))
            tags += [f"B-{kind}", *[f"I-{kind}"] * (size - 1)]
        else:
            tags += ["O"] * size
    assert decode_tags(tags) == (spans, [])


@given(st.lists(st.sampled_from(["甲", "ab", " ", "😀", " c"]), min_size=1, max_size=8))
def test_joined_tokens_keep_their_places(tokens):
    for joiner in ("", " "):
        spans = [("X", i, i + 1) for i in range(len(tokens))]
        text, entities = join_tokens(tokens, spans, joiner)
        assert text == joiner.join(tokens)
        assert [entity.text for entity in entities] == tokens
        assert all(text[entity.start : entity.end] == entity.text for entity in entities)
