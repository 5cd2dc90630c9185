"""Facility location against an exhaustive search, and the command beside a random choice."""

import itertools
import json
import random

import numpy as np
import pytest
from click.testing import CliRunner

from chinchilla.cli.data_select import command
from chinchilla.curate.facility import choose
from chinchilla.curate.select import coverage, select_by_facility
from chinchilla.curate.vectors import ngrams, reader_vectors, tfidf, unit_vectors
from chinchilla.data.documents import Document, Entity
from chinchilla.errors import ConfigError
from chinchilla.files.jsonl import write_documents
from chinchilla.instructions.select import SelectOptions

SIGNS = "山水云风花木金石江海春秋文武明清安宁平和高远方正东南西北天地日月星辰"


def vectors(number, seed=0, width=4):
    found = np.random.default_rng(seed).random((number, width)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def value(vectors, chosen):
    return float((vectors @ vectors[list(chosen)].T).max(1).sum())


@pytest.mark.parametrize("seed", range(4))
def test_the_greedy_choice_is_near_the_best(seed):
    some = vectors(12, seed)
    chosen = choose(some, [()] * 12, 3)
    best = max(value(some, trio) for trio in itertools.combinations(range(12), 3))
    assert value(some, chosen) >= (1 - 1 / np.e) * best
    # Step by step it is the greedy choice.
    taken = []
    for _ in range(3):
        rest = [n for n in range(12) if n not in taken]
        taken.append(max(rest, key=lambda n: (round(value(some, [*taken, n]), 4), -n)))
    assert value(some, chosen) == pytest.approx(value(some, taken), rel=1e-3)


def test_floors_come_first_and_quality_counts():
    some = vectors(40, 1)
    types = [["常见"] for _ in range(40)]
    types[7], types[11] = ["罕见"], ["罕见", "常见"]
    chosen = choose(some, types, 5, floor=2)
    assert {7, 11} <= set(chosen)
    # One of each of six types before a second of any.
    kinds = [[f"类{n % 6}"] for n in range(40)]
    assert {n % 6 for n in choose(some, kinds, 6, floor=3)} == set(range(6))
    quality = [1.0] * 40
    best = choose(some, types, 1)[0]
    quality[best] = 0.1
    assert choose(some, types, 1, quality=quality) != [best]
    assert choose(some, types, 40) == list(range(40))


def test_vectors_are_the_same_everywhere():
    found = unit_vectors(["雀巢裁员", "雀巢裁员了", "天气很好", ""])
    assert found.shape == (4, 1024)
    near = found @ found.T
    assert near[0, 1] > 0.7 > 0.2 > near[0, 2]
    assert float(near[3, 3]) == 0
    assert ngrams("Ａb，c", (2,)) == ["ab", "bc"]
    assert tfidf(["雀巢"]).sum() == pytest.approx(3 * np.log(2), rel=1e-5)


def corpus(path, number=400):
    """Mostly the same few sentences of one type; now and then something else."""
    draw = random.Random(3)
    stock = ["".join(draw.choices(SIGNS, k=20)) for _ in range(12)]
    documents = []
    for n in range(number):
        is_rare = n % 10 == 0
        base = "".join(draw.choices(SIGNS, k=20)) if is_rare else draw.choice(stock)
        text = base[:18] + "".join(draw.choices(SIGNS, k=4))
        kind = f"类{n // 40}" if is_rare else "常见"
        documents.append(Document(f"d{n}", text, (Entity(kind, text[:2], 0, 2),)))
    write_documents(path, documents)


def test_a_choice_covers_more_than_a_random_one(tmp_path):
    path, output, report = (tmp_path / name for name in ("all.jsonl", "few.jsonl", "report.json"))
    corpus(path)
    options = ["-n", "40", "-o", str(output), "--by", "facility", "--compare-random"]
    done = CliRunner().invoke(
        command, [str(path), *options, "--report", str(report)], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    told = json.loads(report.read_bytes())
    assert told["covered"]["items"] == told["at_random"]["items"] == 40
    assert told["covered"]["types"] == told["all"]["types"] == 11
    for what in ("types", "bigrams", "trigrams"):
        assert told["covered"][what] > told["at_random"][what]
    assert "at random" in done.output
    first = output.read_bytes()
    lines = path.read_bytes().splitlines()
    assert set(first.splitlines()) <= set(lines)
    CliRunner().invoke(command, [str(path), *options, "--force"], catch_exceptions=False)
    assert output.read_bytes() == first
    done = CliRunner().invoke(command, [str(path), *options, "--force", "--most", "type=3"])
    assert "--most is for --by coverage" in done.output


def test_vectors_of_any_function_are_taken(tmp_path):
    corpus(tmp_path / "all.jsonl", 60)
    asked = []

    def embed(texts):
        asked.extend(texts)
        return vectors(len(texts))

    output = tmp_path / "few.jsonl"
    found = select_by_facility([tmp_path / "all.jsonl"], SelectOptions(5), output, embed=embed)
    assert (found.read, found.chosen) == (60, 5)
    assert 0 < len(asked) <= 60
    assert coverage([]).items == 0


def test_vectors_of_the_embedded_model_tell_topics_apart():
    sports = ["国家队三比一战胜日本队，夺得冠军。", "中锋受伤，教练换上了年轻的前锋。"]
    money = ["央行下调了存款准备金率。", "公司第三季度净利润增长两成。"]
    embed = reader_vectors("mini")
    found = unit_vectors([*sports, *money], embed)
    alike = found @ found.T
    assert alike[0, 1] > max(alike[0, 2], alike[0, 3])
    assert alike[2, 3] > max(alike[2, 0], alike[2, 1])
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert embed(["", "长" * 900]).shape == (2, found.shape[1])


def test_a_choice_by_the_embedded_model_is_the_same_each_time(tmp_path):
    corpus(tmp_path / "all.jsonl", 40)
    chosen = []
    for vectors_of in (["--vectors", "mini"], ["--vectors", "mini"], []):
        output = tmp_path / f"{len(chosen)}.jsonl"
        options = ["-n", "8", "--by", "facility", *vectors_of, "-o", str(output), "--quiet"]
        done = CliRunner().invoke(command, [str(tmp_path / "all.jsonl"), *options])
        assert done.exit_code == 0, done.output
        chosen.append(output.read_bytes())
    assert chosen[0] == chosen[1]
    assert chosen[0] != chosen[2]


def test_vectors_of_a_language_model_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="vectors come from mini"):
        reader_vectors("http://localhost:1/v1#none")
    options = ["-n", "1", "--vectors", "mini", "-o", str(tmp_path / "few.jsonl")]
    done = CliRunner().invoke(command, [str(tmp_path / "all.jsonl"), *options])
    assert "--vectors is for --by facility" in done.output
