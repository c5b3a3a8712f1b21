"""A batch on a real Ray cluster of several node processes, one of which is killed while it works."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.batch.course import BatchOptions, run_batch
from agent.batch.task import Choices, Outcome, Sign

pytest.importorskip("ray", reason="Ray is not installed; pip install 'deposition[ray]' brings it")

REPOSITORIES = 6


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DEPOSITION_CACHE", str(tmp_path / "cache"))
    for number in range(REPOSITORIES):
        repo = tmp_path / "shelf" / f"r{number}"
        repo.mkdir(parents=True)
        (repo / "README.md").write_text(f"# Tool {number}\n\nIt adds {number}.\n")
        (repo / "tool.py").write_text(f"def add(a):\n    return a + {number}\n\n\nprint(add(1))\n")
    return tmp_path / "shelf"


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head that does no work, and two workers, each with a cache of its own as on a machine of its own."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for number in range(2):
        made.add_node(num_cpus=1, env_vars={"DEPOSITION_CACHE": str(tmp_path / f"node{number}")}, wait=True)
    yield made
    made.shutdown()


def texts(out: Path) -> dict[str, str]:
    return {path.parent.name: path.read_text() for path in sorted(out.glob("*/ANSWERS.md"))}


def test_a_cluster_gives_what_one_machine_gives_though_a_node_dies(shelf: Path, cluster: Any, tmp_path: Path) -> None:
    chosen = Choices(only=("1.1",), double="tests.doubles:slow")
    local = run_batch(BatchOptions((str(shelf),), str(tmp_path / "local"), chosen, workers=1))
    ended: list[str] = []
    lost: list[str] = []
    doomed = next(iter(cluster.worker_nodes))

    def listen(message: Sign | Outcome) -> None:
        ended.extend([message.slug] if isinstance(message, Outcome) else [])
        if (
            len(ended) == 2 and not lost
        ):  # each machine has sent one: none dies with a whole result that it has not sent
            cluster.remove_node(doomed, allow_graceful=False)
            lost.append(message.slug)

    options = BatchOptions((str(shelf),), str(tmp_path / "ray"), chosen, 1, "ray", cluster.address)
    result = run_batch(options, listen)
    assert lost and not result.failed and len(result.done) == REPOSITORIES
    assert texts(tmp_path / "ray") == texts(tmp_path / "local")
    assert sorted(local.done) == sorted(result.done)
    assert not [path for node in range(2) for path in (tmp_path / f"node{node}" / "staged").glob("*/*/answers.json")]
    again = run_batch(options)
    assert sorted(again.unchanged) == sorted(result.done)
