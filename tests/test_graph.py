"""Names brought together over documents, what keeps them apart, and the forms a graph leaves in."""

import csv
import json
import runpy
from pathlib import Path

import pytest
from click.testing import CliRunner
from corpus_fakes import FakeEngine

from chinchilla import pipeline
from chinchilla.cli.main import cli
from chinchilla.corpus.graph.build import build_graph, open_graph
from chinchilla.corpus.graph.decisions import Decisions, Edit, Edits, read_edits
from chinchilla.corpus.graph.forms import FORMS, write_forms
from chinchilla.corpus.graph.names import (
    ORGANISATION,
    PERSON,
    is_abbreviation,
    is_part_of_person,
    is_short_for,
    kind_of,
    take_apart,
)
from chinchilla.corpus.graph.page import render_page
from chinchilla.corpus.graph.tables import table_rows
from chinchilla.data.documents import Argument, Document, Entity, Event, Mention, Relation
from chinchilla.errors import ConfigError, InputError
from chinchilla.files.jsonl import write_documents


def entity(text, type_, mention, nth=0):
    start = -1
    for _ in range(nth + 1):
        start = text.index(mention, start + 1)
    return Entity(type_, mention, start, start + len(mention))


def document(name, text, *mentions, relations=(), events=()):
    """A document with mentions `(type, text)` or `(type, text, occurrence)`, relations by their numbers."""
    found = tuple(entity(text, *mention) for mention in mentions)
    facts = tuple(
        Relation(kind, found[s], found[o], score=score) for s, kind, o, score in relations
    )
    return Document(name, text, found, facts, tuple(events))


def graph(tmp_path, documents, decisions=None):
    build_graph(documents, tmp_path / "graph", decisions, force=True)
    return open_graph(tmp_path / "graph")


def names(store):
    """Return the names of each entity, sorted."""
    return sorted(sorted(json.loads(row[4])) for row in table_rows(store, "entities"))


def reasons(store):
    return {row[2]: row[4] for row in table_rows(store, "merges")}


BYTE = document(
    "d1",
    "北京字节跳动科技有限公司（以下简称“字节”）宣布，字节跳动收购了小鸟公司。该公司总裁张一鸣满意。",
    ("机构名", "北京字节跳动科技有限公司"),
    ("机构名", "字节", 1),
    ("机构名", "字节跳动", 1),
    ("机构名", "小鸟公司"),
    ("机构名", "该公司"),
    ("人名", "张一鸣"),
    relations=[(4, "董事长", 5, 0.5)],
)
TRADITIONAL = document("d2", "字節跳動的張一鳴", ("机构名", "字節跳動"), ("人名", "張一鳴"))


@pytest.mark.parametrize(
    ("text", "kind", "core"),
    [
        ("华为技术有限公司", ORGANISATION, "华为技术"),
        ("中国平安保险（集团）股份有限公司", ORGANISATION, "中国平安保险"),
        ("阿里巴巴集团", ORGANISATION, "阿里巴巴"),
        ("Apple Inc.", ORGANISATION, "apple"),
        ("Zinc", ORGANISATION, "zinc"),
        ("公司", ORGANISATION, "公司"),
        ("中国公司", ORGANISATION, "中国公司"),
        ("馬雲先生", PERSON, "马云"),
        ("总统拜登", PERSON, "拜登"),
        ("王先生", PERSON, "王"),
        ("先生", PERSON, "先生"),
        ("北京市", "place", "北京市"),
        ("“蛟龙号”", "", "蛟龙号"),
    ],
)
def test_a_name_is_taken_apart(text, kind, core):
    assert take_apart(text, kind).core == core


def test_short_names_fit_full_ones():
    assert is_short_for("字节跳动", "北京字节跳动科技")
    assert not is_short_for("跳动", "北京字节跳动科技")
    assert not is_short_for("中国", "中国移动通信")
    assert not is_short_for("长城", "长城医院")
    assert is_abbreviation("北大", "北京大学")
    assert is_abbreviation("中石油", "中国石油天然气")
    assert not is_abbreviation("北京", "北京大学")
    assert not is_abbreviation("清华", "北京大学")
    assert not is_abbreviation("中行", "中国人民银行上海总部")
    assert is_part_of_person("鲁哈尼", "哈桑-鲁哈尼")
    assert [kind_of(t) for t in ("人物", "企业/品牌", "GPE", "人数", None)] == [
        *("person", "organisation", "place", "", "")
    ]


def test_names_of_one_company_are_one_entity(tmp_path):
    with graph(tmp_path, [BYTE, TRADITIONAL]) as store:
        assert names(store) == [
            ["北京字节跳动科技有限公司", "字節跳動", "字节", "字节跳动"],
            ["小鸟公司"],
            ["张一鸣", "張一鳴"],
        ]
        assert reasons(store) == {
            "字节": "declared",
            "字节跳动": "short-name",
            "字節跳動": "elsewhere",
            "该公司": "reference",
            "張一鳴": "characters",
        }
        ((_, _, subject, kind, _, object_, mentions, documents, *_),) = table_rows(store, "facts")
        assert (subject, kind, object_, mentions, documents) == (
            *("小鸟公司", "董事长", "张一鸣"),
            *(1, 1),
        )


@pytest.mark.parametrize(
    ("reason", "alone"),
    [
        ("declared", "阿波"),
        ("short-name", "字节跳动"),
        ("elsewhere", "字節跳動"),
        ("characters", "張一鳴"),
    ],
)
def test_a_reason_can_be_refused(tmp_path, reason, alone):
    declared = document(
        "d3", "大海集团（简称“阿波”）与阿波", ("机构名", "大海集团"), ("机构名", "阿波", 1)
    )
    with graph(tmp_path, [BYTE, TRADITIONAL, declared]) as store:
        assert ["大海集团", "阿波"] in names(store)
    with graph(tmp_path, [BYTE, TRADITIONAL, declared], Decisions([reason])) as store:
        assert any(alone in some and len(some) <= 2 for some in names(store))
        assert reason not in reasons(store).values()


def test_reasons_are_those_there_are():
    with pytest.raises(ConfigError, match="did you mean 'short-name'"):
        Decisions(["short-nam"])


def test_one_short_name_of_two_companies_stays_apart(tmp_path):
    documents = [
        document(
            "a", "长城汽车股份有限公司即长城", ("公司", "长城汽车股份有限公司"), ("公司", "长城", 1)
        ),
        document(
            "b", "长城证券股份有限公司即长城", ("公司", "长城证券股份有限公司"), ("公司", "长城", 1)
        ),
        document("c", "长城大涨", ("公司", "长城")),
    ]
    with graph(tmp_path, documents) as store:
        assert names(store) == [
            ["长城"],
            ["长城", "长城汽车股份有限公司"],
            ["长城", "长城证券股份有限公司"],
        ]
        assert len([row for row in table_rows(store, "homonyms") if row[0] == "长城"]) == 3
    both = document(
        *("d", "长城汽车股份有限公司、长城证券股份有限公司与长城"),
        *[("公司", "长城汽车股份有限公司"), ("公司", "长城证券股份有限公司"), ("公司", "长城", 2)],
    )
    with graph(tmp_path, [both]) as store:
        assert len(names(store)) == 3


def test_the_same_string_with_another_kind_is_another_thing(tmp_path):
    documents = [
        document("a", "苹果发布手机", ("公司", "苹果")),
        document("b", "苹果很甜", ("水果", "苹果")),
        document("c", "苹果裁员", ("机构名", "苹果")),
    ]
    with graph(tmp_path, documents) as store:
        assert sorted(row[2] for row in table_rows(store, "entities")) in (
            ["公司", "水果"],
            ["机构名", "水果"],
        )
    with graph(tmp_path, documents, Decisions(["type"])) as store:
        assert len(names(store)) == 3


def test_titles_and_surnames(tmp_path):
    documents = [
        document("a", "王芳到了，王女士说好", ("人名", "王芳"), ("人名", "王女士")),
        document("b", "王女士走了", ("人名", "王女士")),
        document(
            "c", "唐纳德·特朗普，特朗普总统", ("人名", "唐纳德·特朗普"), ("人名", "特朗普总统")
        ),
        document("d", "特朗普来了", ("人名", "特朗普")),
    ]
    with graph(tmp_path, documents) as store:
        assert names(store) == [
            ["唐纳德·特朗普", "特朗普", "特朗普总统"],
            ["王女士"],
            ["王女士", "王芳"],
        ]


def test_places_are_one_with_and_without_their_form_unless_there_are_two(tmp_path):
    documents = [
        document("a", "北京市与北京", ("地名", "北京市"), ("地名", "北京", 1)),
        document(
            "b",
            "吉林省吉林市在吉林",
            *[("地名", n) for n in ("吉林省", "吉林市")],
            ("地名", "吉林", 2),
        ),
    ]
    with graph(tmp_path, documents) as store:
        assert names(store) == [["北京", "北京市"], ["吉林"], ["吉林市"], ["吉林省"]]


def test_a_letter_stands_for_its_place_where_that_is_one(tmp_path):
    documents = [
        document("d1", "中俄与巴以", *(("地名", letter) for letter in "中俄巴以")),
        document("d2", "中国和巴西，巴方", ("地名", "中国"), ("地名", "巴西"), ("地名", "巴", 1)),
        document(
            "d3", "巴方与巴基斯坦、巴西", ("地名", "巴"), ("地名", "巴基斯坦"), ("地名", "巴西")
        ),
    ]
    with graph(tmp_path, documents) as store:
        assert names(store) == [
            *(["中", "中国"], ["以"], ["俄"], ["巴"], ["巴"], ["巴", "巴西"], ["巴基斯坦"])
        ]
        assert set(reasons(store).values()) == {"place-letter"}
        assert "俄罗斯" in [row[1] for row in table_rows(store, "entities")]


@pytest.mark.parametrize(
    ("kind", "alike", "unlike"),
    [
        (
            "时间",
            ["2024年5月", "端午节", "上世纪90年代"],
            ["今天", "3日", "5月3日", "10年", "2000多年"],
        ),
        ("机构名", ["国务院", "湖人队"], ["市委", "法院", "委员会", "公安局", "中国队"]),
    ],
)
def test_what_another_document_means_otherwise_is_another_thing_there(
    tmp_path, kind, alike, unlike
):
    documents = [
        document(name, "。".join([*alike, *unlike]), *((kind, text) for text in [*alike, *unlike]))
        for name in ("d1", "d2")
    ]
    with graph(tmp_path, documents) as store:
        assert names(store) == sorted([one] for one in [*alike, *unlike, *unlike])


def test_a_company_with_its_form_is_no_abbreviation(tmp_path):
    text = "中国人民银行上海总部与中海集团、中国船舶工会"
    bodies = ("中国人民银行上海总部", "中海集团", "中国船舶工会")
    with graph(tmp_path, [document("d1", text, *(("机构名", name) for name in bodies))]) as store:
        assert len(names(store)) == 3


def test_an_argument_leads_to_the_name_that_it_ends_with(tmp_path):
    text = "国务院总理李强在法国巴黎会见德国总理默茨、法国总统马克龙"
    found = (
        *(
            ("机构名", "国务院"),
            ("人名", "李强"),
            ("地名", "巴黎"),
            ("人名", "默茨"),
            ("人名", "马克龙"),
        ),
        ("职位", "总理"),
    )
    said = {
        "主体": "国务院总理李强",
        "地点": "法国巴黎",
        "对象": "德国总理默茨、法国总统马克龙",
        "词": "会见德国总理",
    }
    places = {role: text.index(words) for role, words in said.items()}
    arguments = tuple(
        Argument(role, words, places[role], places[role] + len(words))
        for role, words in said.items()
    )
    event = Event("会见", Mention("会见", 12, 14), arguments)
    with graph(tmp_path, [document("d1", text, *found, events=[event])]) as store:
        query = (
            "SELECT a.role, m.text FROM said_arguments a JOIN said_mentions m ON m.n = a.mention"
        )
        assert list(store.rows(query)) == [("主体", "李强"), ("地点", "巴黎")]


def test_a_reference_without_a_company_before_it_is_a_thing_of_its_document(tmp_path):
    documents = [document(name, "公司宣布裁员", ("机构名", "公司")) for name in "ab"]
    with graph(tmp_path, documents) as store:
        assert names(store) == [["公司"], ["公司"]]


def test_edits_split_and_merge(tmp_path):
    documents = [
        BYTE,
        document("d3", "抖音与王伟", ("机构名", "抖音"), ("人名", "王伟")),
        document("d4", "王伟", ("人名", "王伟")),
    ]
    edits = Edits(
        merge=(Edit(("字节跳动", "抖音")),),
        split=(Edit(("字节", "北京字节跳动科技有限公司")), Edit(("王伟",), documents=("d4",))),
    )
    with graph(tmp_path, documents, Decisions(edits=edits)) as store:
        found = names(store)
    assert ["北京字节跳动科技有限公司", "字节跳动", "抖音"] in found
    assert ["字节"] in found
    assert found.count(["王伟"]) == 2


def test_faults_of_edits_are_told_together(tmp_path):
    path = tmp_path / "edits.yaml"
    path.write_text("merge:\n- {names: [甲]}\nsplit:\n- {names: [乙]}\n- {nams: [乙]}\n", "utf-8")
    with pytest.raises(ConfigError) as caught:
        read_edits(path)
    assert "did you mean 'names'" in str(caught.value)
    path.write_text("merge:\n- {names: [甲]}\nsplit:\n- {names: [乙]}\n", "utf-8")
    with pytest.raises(ConfigError) as caught:
        read_edits(path)
    assert len(str(caught.value).splitlines()) == 2


TEXT = "甲公司<b>收购</b>乙公司"


def acquisitions():
    trigger = Mention("收购", *(TEXT.index("收购") + at for at in (0, 2)))
    ends = [entity(TEXT, "企业", name) for name in ("甲公司", "乙公司")]
    arguments = tuple(
        Argument(role, e.text, e.start, e.end)
        for role, e in zip(("收购方", "被收购方"), ends, strict=True)
    )
    for name, score in (("x1", 0.25), ("x2", 0.75)):
        yield Document(
            *(name, TEXT, tuple(ends), (Relation("收购", *ends, {"地点": ends[1]}, score=score),)),
            (Event("收购", trigger, arguments, score), Event("收购", trigger)),
        )


def test_facts_and_events_are_counted_with_their_places(tmp_path):
    with graph(tmp_path, acquisitions()) as store:
        (fact,) = table_rows(store, "facts")
        # Scores 0.25 and 0.75: the best is 0.75, the mean 0.5.
        assert fact[6:] == (2, 2, 0.75, 0.5)
        assert [row[1:] for row in table_rows(store, "fact_mentions")] == [
            ("x1", "甲公司", 0, 3, "乙公司", 12, 15, 0.25),
            ("x2", "甲公司", 0, 3, "乙公司", 12, 15, 0.75),
        ]
        assert [row[2] for row in table_rows(store, "qualifiers")] == ["地点", "地点"]
        # With both arguments it is one event; what has none may be another each time.
        assert [row[2:4] for row in table_rows(store, "events")] == [(2, 2), (1, 1), (1, 1)]
        assert len(list(table_rows(store, "event_arguments"))) == 4


def test_the_same_documents_give_the_same_tables_in_any_order(tmp_path):
    documents = [BYTE, TRADITIONAL, *acquisitions()]
    with graph(tmp_path, documents) as store:
        first = [list(table_rows(store, name)) for name in ("entities", "facts", "events")]
    with graph(tmp_path, documents[::-1]) as store:
        second = [list(table_rows(store, name)) for name in ("entities", "facts", "events")]
    assert first[:2] == second[:2]


def test_an_id_that_stands_twice_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(InputError, match="'d1' stands twice"):
        build_graph([BYTE, BYTE], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_in_the_text_is_kept(tmp_path):
    ends = Entity("企业", "甲", None, None), Entity("人物", "乙", None, None)
    with graph(tmp_path, [Document("d", "", (), (Relation("r", *ends),))]) as store:
        assert write_forms(store, tmp_path / "out", FORMS) == []
        assert len(list(table_rows(store, "fact_mentions"))) == 1


def test_the_page_is_escaped_and_loads_nothing(tmp_path):
    evil = "</script><img src=x onerror=alert(1)>"
    named = document("d", f"{evil}在此", ("机构名", evil))
    with graph(tmp_path, [named, BYTE]) as store:
        page = render_page(store)
    assert "<img" not in page
    assert page.count("</script>") == 2
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    assert evil in data["names"]


@pytest.fixture
def written(tmp_path):
    with graph(tmp_path, [BYTE, TRADITIONAL, *acquisitions()]) as store:
        assert write_forms(store, tmp_path, FORMS) == []
    return tmp_path


def test_networkx_reads_the_graphml(written):
    networkx = pytest.importorskip("networkx")
    read = networkx.read_graphml(written / "graph.graphml", force_multigraph=True)
    assert {data["name"] for _, data in read.nodes(data=True)} >= {"小鸟公司", "甲公司"}
    assert sorted(data["type"] for *_, data in read.edges(data=True)) == sorted(
        ["收购", "收购方", "董事长", "被收购方"]
    )


def test_pyoxigraph_reads_and_asks_the_triples(written):
    pyoxigraph = pytest.importorskip("pyoxigraph")
    store = pyoxigraph.Store()
    store.load(path=str(written / "graph.nt"))
    asked = "SELECT ?n WHERE { ?s <urn:chinchilla:relation:收购> ?o . ?o <http://www.w3.org/2000/01/rdf-schema#label> ?n }"
    assert [row["n"].value for row in store.query(asked)] == ["乙公司"]


def test_workbook_and_parquet_are_read_by_their_libraries(written):
    openpyxl = pytest.importorskip("openpyxl")
    pytest.importorskip("pyarrow")
    import pyarrow.parquet

    book = openpyxl.load_workbook(written / "graph.xlsx", read_only=True)
    assert next(book["facts"].values)[:4] == ("id", "subject", "subject_name", "type")
    table = pyarrow.parquet.read_table(written / "facts.parquet")
    assert table.num_rows == len(list(book["facts"].values)) - 1


def test_neo4j_files_have_its_headers_and_no_dangling_end(written):
    read = {}
    for name in ("entities", "events", "facts", "roles"):
        with (written / "neo4j" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            read[name] = list(csv.DictReader(file))
    nodes = {row["id:ID"] for name in ("entities", "events") for row in read[name]}
    edges = [row for name in ("facts", "roles") for row in read[name]]
    assert {row[end] for row in edges for end in (":START_ID", ":END_ID")} <= nodes
    assert all(row[":TYPE"] for row in edges)
    assert all(row[":LABEL"].startswith("Entity;") for row in read["entities"])


# As graphrag 3.3 has them in `graphrag.data_model.schemas`.
GRAPHRAG = {
    "entities": "id human_readable_id title type description text_unit_ids frequency degree",
    "relationships": (
        "id human_readable_id source target description weight combined_degree text_unit_ids"
    ),
    "text_units": (
        "id human_readable_id text n_tokens document_id entity_ids relationship_ids covariate_ids"
    ),
    "documents": "id human_readable_id title text text_unit_ids creation_date raw_data",
}


@pytest.mark.parametrize("name", GRAPHRAG)
def test_graphrag_tables_have_its_columns(written, name):
    pytest.importorskip("pyarrow")
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(written / "graphrag" / f"{name}.parquet")
    assert table.column_names == GRAPHRAG[name].split()
    assert table.num_rows > 0


@pytest.mark.parametrize("name", GRAPHRAG)
def test_the_columns_are_those_of_the_installed_graphrag(name):
    package = pytest.importorskip("graphrag")
    # By its path: the package around it wants all that GraphRAG runs on.
    schemas = runpy.run_path(str(Path(package.__file__).parent / "data_model" / "schemas.py"))
    assert schemas[f"{name.upper()}_FINAL_COLUMNS"] == GRAPHRAG[name].split()


def test_names_and_pieces_of_the_retrieval_forms_fit_together(written):
    kg = json.loads((written / "lightrag.json").read_text("utf-8"))
    labels = [item["entity_name"] for item in kg["entities"]]
    assert len(labels) == len(set(labels))
    sources = {item["source_id"] for item in kg["chunks"]}
    for item in (*kg["entities"], *kg["relationships"]):
        assert item["source_id"] in sources
    for item in kg["relationships"]:
        assert {item["src_id"], item["tgt_id"]} <= set(labels)


def test_homonyms_and_loops_in_lightrags_form(tmp_path):
    documents = [
        document("a", "苹果收购苹果", ("公司", "苹果"), relations=[(0, "收购", 0, None)]),
        document("b", "苹果很甜", ("水果", "苹果")),
    ]
    with graph(tmp_path, documents) as store:
        (note,) = write_forms(store, tmp_path, ["lightrag"])
    assert "1 facts of an entity about itself" in note
    kg = json.loads((tmp_path / "lightrag.json").read_text("utf-8"))
    assert sorted(item["entity_name"] for item in kg["entities"]) == ["苹果", "苹果（2）"]
    assert kg["relationships"] == []


def test_a_finished_run_becomes_a_graph(tmp_path, monkeypatch):
    """`extract -o RUN/`, then `graph RUN`, once to tables and a page and once to another form."""
    monkeypatch.setattr(pipeline, "open_engine", lambda *_, **__: FakeEngine())
    rows = [json.dumps({"id": str(n), "text": f"第{n}天他在北京"}) for n in range(5)]
    (tmp_path / "rows.jsonl").write_text("\n".join(rows), encoding="utf-8")

    def chinchilla(*arguments):
        done = CliRunner().invoke(cli, [str(one) for one in arguments])
        assert done.exit_code == 0, done.output
        return done.output

    folder, made = tmp_path / "run", tmp_path / "graph"
    asked = ("--schema", "msra", "--shard-size", 2, "-o", f"{folder}/")
    chinchilla("extract", tmp_path / "rows.jsonl", *asked)
    assert "5 documents, 1 entities" in chinchilla("graph", folder, "-o", made)
    with (made / "entities.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [(row["name"], row["documents"]) for row in csv.DictReader(file)] == [("北京", "5")]
    assert "北京" in (made / "page.html").read_text(encoding="utf-8")
    chinchilla("graph", folder, "-o", tmp_path / "other", "--to", "lightrag,graphml")
    (entity,) = json.loads((tmp_path / "other/lightrag.json").read_text("utf-8"))["entities"]
    assert entity["entity_name"] == "北京"
    assert (tmp_path / "other/graph.graphml").exists()


def test_the_command_writes_a_graph_and_then_other_forms_of_it(tmp_path):
    facts = tmp_path / "facts.jsonl"
    write_documents(facts, [BYTE, TRADITIONAL])
    run = CliRunner().invoke
    folder = str(tmp_path / "graph")
    done = run(cli, ["graph", str(facts), "-o", folder, "--no-merge", "elsewhere"])
    assert done.exit_code == 0, done.output
    assert "2 documents, 4 entities, 1 facts" in done.output
    done = run(cli, ["graph", folder, "-o", str(tmp_path / "other"), "--to", "rdf"])
    assert done.exit_code == 0, done.output
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["graph.nt"]
    assert run(cli, ["graph", str(facts), "-o", folder]).exit_code == 1
    assert run(cli, ["graph", folder, "-o", folder, "--no-merge", "title"]).exit_code == 2
    assert run(cli, ["graph", str(facts), "-o", folder, "--to", "pdf"]).exit_code == 2
