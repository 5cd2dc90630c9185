"""A user's lexicon: add, force, forbid; words and patterns; marked with its origin."""

from pathlib import Path

import pytest

from chinchilla.data.documents import Entity, Extraction, Issue
from chinchilla.data.schema import read_schema
from chinchilla.errors import InputError
from chinchilla.merge.lexicon import Entry, Lexicon, read_lexicon

TEXT = "雀巢中国与雀巢在中国和New York设厂，代码600000.SH"


def found(lexicon: Lexicon, *entities: Entity) -> list[tuple[str | None, str, str]]:
    result = lexicon.apply(TEXT, Extraction(entities))
    for entity in result.entities:
        assert entity.start is not None
        assert TEXT[entity.start : entity.end] == entity.text
    return [(entity.type, entity.text, entity.status) for entity in result.entities]


def test_added_words_stand_wherever_nothing_overlaps() -> None:
    lexicon = Lexicon([Entry("雀巢", "机构名")])
    assert found(lexicon) == [("机构名", "雀巢", "lexicon"), ("机构名", "雀巢", "lexicon")]
    predicted = Entity("机构名", "雀巢中国", 0, 4)
    assert found(lexicon, predicted) == [
        ("机构名", "雀巢中国", "exact"),
        ("机构名", "雀巢", "lexicon"),
    ]


def test_forced_words_replace_what_overlaps_them_and_say_so() -> None:
    lexicon = Lexicon([Entry("雀巢中国", "机构名", "force")])
    extraction = Extraction((Entity("地名", "中国", 2, 4), Entity("地名", "中国", 8, 10)))
    result = lexicon.apply(TEXT, extraction)
    assert [(e.type, e.span) for e in result.entities] == [("机构名", (0, 4)), ("地名", (8, 10))]
    assert [issue.detail for issue in result.issues] == [
        "'中国' as '地名' at [2, 4) overlaps a forced entry in the lexicon"
    ]


def test_a_forced_word_that_the_model_found_stays_the_models() -> None:
    lexicon = Lexicon([Entry("雀巢中国", "机构名", "force")])
    assert found(lexicon, Entity("机构名", "雀巢中国", 0, 4, 0.9)) == [
        ("机构名", "雀巢中国", "exact")
    ]


def test_forbidden_words_leave_with_an_issue_and_paths_follow() -> None:
    lexicon = Lexicon([Entry("中国", "地名", "forbid")])
    extraction = Extraction(
        (Entity("地名", "中国", 2, 4), Entity("机构名", "中国", 8, 10)),
        issues=(Issue("ambiguous", "x", "entities[1]"),),
    )
    result = lexicon.apply(TEXT, extraction)
    assert [e.type for e in result.entities] == ["机构名"]
    assert result.issues[0] == Issue("ambiguous", "x", "entities[0]")
    assert result.issues[1].detail == "'中国' as '地名' at [2, 4) is forbidden in the lexicon"
    assert found(Lexicon([Entry("中国", None, "forbid")]), *extraction.entities) == []


def test_the_longest_word_wins_and_latin_words_are_whole() -> None:
    lexicon = Lexicon(
        [
            Entry("雀巢", "机构名"),
            Entry("雀巢中国", "机构名"),
            Entry("Yor", "地名"),
        ]
    )
    assert [text for _, text, _ in found(lexicon)] == ["雀巢中国", "雀巢"]


def test_patterns_add_and_forbid() -> None:
    pattern = Entry(r"\d{6}\.(?:SH|SZ)", "证券代码", "add", is_pattern=True)
    assert found(Lexicon([pattern])) == [("证券代码", "600000.SH", "lexicon")]
    forbid = Entry(r"\d{6}.*", None, "forbid", is_pattern=True)
    assert found(Lexicon([forbid]), Entity("证券代码", "600000.SH", 23, 32)) == []


def test_a_file_is_a_jieba_dictionary_with_marks(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text(
        "# 词典\n雀巢 100 机构名\n王芳 人名\nNew York 3 地名\n!雀巢中国 机构名\n-中国\n"
        "-香港 地名\n/\\d{6}\\.SH/ 证券代码\n!/A+/ 机构名\n\n",
        encoding="utf-8",
    )
    assert read_lexicon(path).entries == (
        Entry("雀巢", "机构名"),
        Entry("王芳", "人名"),
        Entry("New York", "地名"),
        Entry("雀巢中国", "机构名", "force"),
        Entry("中国", None, "forbid"),
        Entry("香港", "地名", "forbid"),
        Entry(r"\d{6}\.SH", "证券代码", "add", True),
        Entry("A+", "机构名", "force", True),
    )


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        ("!星河科技 100 公司 # 科技", Entry("星河科技", "公司", "force")),
        ("-中国\t#", Entry("中国", None, "forbid")),
        ("C# 语言 # C# 与 C", Entry("C#", "语言")),
        ("房间 #3 地名", Entry("房间 #3", "地名")),
        (r"/第 # \d+/ 编号", Entry(r"第 # \d+", "编号", "add", True)),
        (r"/第 # \d+/ 编号 # 如 a/b", Entry(r"第 # \d+", "编号", "add", True)),
        (r"/\d+/\d+/日期 # 月/日", Entry(r"\d+/\d+", "日期", "add", True)),
        ("-/A+/ # 注", Entry("A+", None, "forbid", True)),
    ],
)
def test_a_comment_may_follow_an_entry(tmp_path: Path, line: str, entry: Entry) -> None:
    path = tmp_path / "words.txt"
    path.write_text(line, encoding="utf-8")
    assert read_lexicon(path).entries == (entry,)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("雀巢", "words.txt:1: '雀巢' has no entity type; write it last: 雀巢 机构名"),
        ("雀巢 # 机构名", "words.txt:1: '雀巢' has no entity type"),
        ("/[/ 机构名", "words.txt:1: not a regular expression"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "words.txt"
    path.write_text(line, encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_lexicon(path)
    assert message in str(error.value)


SCHEMA = read_schema(
    {
        "name": "s",
        "entities": [{"name": "机构名", "aliases": ["ORG"]}, "产品名"],
        "relations": [{"name": "在", "subject": "机构名", "object": "地名"}],
    }
)


def test_types_are_checked_against_the_schema_and_named_as_there(tmp_path: Path) -> None:
    path = tmp_path / "lexicon.txt"
    path.write_text("雀巢 ORG\n宁波 地名\n-中国\n/\\d+/ 产品名\n", encoding="utf-8")
    lexicon = read_lexicon(path).for_schema(SCHEMA)
    assert [entry.type for entry in lexicon.entries] == ["机构名", "地名", None, "产品名"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "产品名 星环二号",
            r"lexicon.txt:2: type '星环二号' is not in the schema; .*星环二号 产品名;",
        ),
        ("雀巢 机构", r"lexicon.txt:2: type '机构' is not in the schema; did you mean '机构名'"),
        ("-雀巢 公司", r"type '公司' is not in the schema; entity types are 机构名, 产品名, 地名"),
        ("!/a+/ 公司", "type '公司' is not in the schema"),
    ],
)
def test_a_type_that_is_not_in_the_schema_is_named_with_its_line(
    tmp_path: Path, line: str, message: str
) -> None:
    path = tmp_path / "lexicon.txt"
    path.write_text(f"# 一行\n{line}\n", encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_lexicon(path).for_schema(SCHEMA)


def test_all_wrong_types_are_told_at_once_but_not_without_end(tmp_path: Path) -> None:
    path = tmp_path / "lexicon.txt"
    path.write_text("".join(f"词{i} 类{i}\n" for i in range(9)), encoding="utf-8")
    with pytest.raises(InputError, match=r"(?s)lexicon.txt:1.*lexicon.txt:5.*and 4 more"):
        read_lexicon(path).for_schema(SCHEMA)


def test_a_schema_without_types_of_entities_takes_any(tmp_path: Path) -> None:
    lexicon = Lexicon([Entry("雀巢", "公司")])
    assert lexicon.for_schema(read_schema({"name": "e", "events": ["会见"]})) is lexicon


def test_a_lexicon_of_another_encoding_is_read(tmp_path: Path) -> None:
    path = tmp_path / "lexicon.txt"
    path.write_bytes("张伟华 人名\r\n雀巢公司 机构名\r\n".encode("utf-16"))
    assert [entry.word for entry in read_lexicon(path).entries] == ["张伟华", "雀巢公司"]
