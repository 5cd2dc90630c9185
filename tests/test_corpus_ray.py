"""Runs on a real Ray cluster of two nodes, of which a worker dies, and then a node."""

import os
from pathlib import Path

import pytest
from corpus_fakes import FakeEngine
from test_corpus_run import TEXTS, content, write_rows

from chinchilla.corpus.run import Run, RunOptions
from chinchilla.corpus.work import Recipe
from chinchilla.errors import ConfigError, ModelError

ray = pytest.importorskip("ray")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def cluster():
    from ray.cluster_utils import Cluster

    patch = pytest.MonkeyPatch()
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    small = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=small)
    del small["include_dashboard"]
    second = cluster.add_node(**small)
    patch.setenv("RAY_ADDRESS", cluster.address)
    yield cluster, second
    ray.shutdown()
    cluster.shutdown()
    patch.undo()


def run(folder, rows, model, show=None, **options):
    job = Run(
        folder,
        [str(rows)],
        Recipe(model, "msra"),
        options=RunOptions(shard_size=5, **options),
        **({"show": show} if show else {}),
    )
    return job()


def test_a_cluster_gives_what_one_process_gives_though_a_worker_and_a_node_are_lost(
    cluster, tmp_path
):
    rows = write_rows(tmp_path / "rows.jsonl", [*TEXTS[:7], "死在北京", *["慢在北京"] * 30])
    engine = FakeEngine(folder=str(tmp_path), seconds=0.1)
    (tmp_path / "died").touch()
    run(tmp_path / "straight", rows, FakeEngine(folder=str(tmp_path)))
    (tmp_path / "died").unlink()
    with pytest.raises(ConfigError, match="the Ray cluster has 2 CPU, 0 GPU; a worker needs"):
        run(tmp_path / "gpus", rows, engine, engine="ray", gpus=1)
    run(tmp_path / "run", rows, engine, engine="ray")
    assert (tmp_path / "died").exists()
    assert content(tmp_path / "run") == content(tmp_path / "straight")
    losing = Losing(*cluster)
    run(tmp_path / "lost", rows, engine, losing.show, engine="ray", workers=2)
    assert losing.is_lost
    assert content(tmp_path / "lost") == content(tmp_path / "straight")


class Losing:
    """Takes a node away once some documents are done."""

    def __init__(self, cluster, node):
        self.cluster, self.node = cluster, node
        self.done, self.is_lost = 0, False

    def show(self, total):
        return self

    def __enter__(self):
        return self.advance

    def __exit__(self, *error):
        pass

    def advance(self, number=1, *, before=False):
        self.done += number
        if self.done >= 10 and not self.is_lost:
            self.is_lost = True
            self.cluster.remove_node(self.node, allow_graceful=False)


def test_without_a_cluster_it_is_told_how_to_start_one(tmp_path, monkeypatch):
    if ray.is_initialized():
        ray.shutdown()
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    monkeypatch.setattr(ray, "init", _nobody)
    rows = write_rows(tmp_path / "rows.jsonl", TEXTS)
    with pytest.raises(ModelError, match="no Ray cluster answers .* ray start --head"):
        run(tmp_path / "run", rows, FakeEngine(), engine="ray")


def _nobody(**options):
    raise ConnectionError("nobody there")
