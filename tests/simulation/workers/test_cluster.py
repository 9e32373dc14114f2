"""A Ray cluster: how it is joined and left, and that a node may be lost."""

import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.simulation.workers import work

from penchant.shared.errors import ConfigurationError, MissingExtraError, WorkerError
from penchant.simulation.workers import choose_workers

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster


def descendants(process: int) -> set[int]:
    """Return the living processes that descend from ``process``."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(parent, []).append(int(path.parent.name))
    found, left = set[int](), [process]
    while left:
        new = children.get(left.pop(), [])
        found.update(new)
        left += new
    return {each for each in found if work.lives(each)}


def test_lost_node_changes_nothing(ray_cluster: "Cluster", tmp_path: Path) -> None:
    """Tasks of a node that is gone in the middle of a run are done again by the others."""
    node = ray_cluster.add_node(num_cpus=1)
    name = str(node.node_id)

    def here() -> list[str]:
        return [note for note in work.noted(tmp_path, "begun") if note.endswith(name)]

    def lose_node() -> None:
        try:
            work.wait_for(here)
        finally:
            ray_cluster.remove_node(node, allow_graceful=False)
            (tmp_path / "go").touch()

    loss = threading.Thread(target=lose_node)
    loss.start()
    try:
        with choose_workers(work.hold, tmp_path, ray=str(ray_cluster.address)) as workers:
            results = list(workers.run(True, range(8)))
    finally:
        loss.join()
    assert here()
    assert len(results) == 8
    for task, result in enumerate(results):
        np.testing.assert_array_equal(result, np.full(60_000, task))


def test_leaving_a_cluster_leaves_it_running(ray_address: str) -> None:
    """A cluster that was there before is there afterwards, for the next."""
    for _ in range(2):
        with choose_workers(work.process, None, ray=ray_address) as workers:
            assert len(list(workers.run(None, [0]))) == 1


def test_local_cluster_ends_with_its_workers(tmp_path: Path) -> None:
    """No process of a cluster that was started for a run is left when the run has ended."""
    # In a process of its own: Ray does not let one leave a cluster for another and come back.
    with subprocess.Popen([sys.executable, work.__file__, "local", str(tmp_path)]) as caller:
        work.wait_for(lambda: caller.poll() is not None or work.noted(tmp_path, "begun"))
        started = descendants(caller.pid)
        (tmp_path / "go").touch()
        assert caller.wait(work.PATIENCE) == 0
    workers = [int(note.split("-")[1]) for note in work.noted(tmp_path, "begun")]
    assert workers
    assert len(started) > len(workers)
    work.wait_for(lambda: not any(work.lives(each) for each in {*started, *workers}))


def test_address_where_nothing_listens_is_an_error() -> None:
    """A cluster that is not there is told at once, with the way to start one."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(WorkerError, match=rf"no Ray cluster listens at {address}"):
            choose_workers(work.process, None, ray=address)


@pytest.mark.parametrize("address", ["", "head", "ray://head:10001", "head:port", "http://h:1"])
def test_what_is_no_address_is_refused(address: str) -> None:
    """An address of another form is told of, with the forms there are."""
    with pytest.raises(ConfigurationError, match="HOST:PORT or one of auto, local"):
        choose_workers(work.process, None, ray=address)


def test_second_connection_is_an_error_and_harms_nothing(ray_address: str) -> None:
    """A process is part of one cluster at a time; asking for another leaves the first alone."""
    with choose_workers(work.process, None, ray=ray_address) as workers:
        with pytest.raises(WorkerError, match="connected to a Ray cluster already"):
            choose_workers(work.process, None, ray=ray_address)
        assert len(list(workers.run(None, [0]))) == 1


def test_missing_ray_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, only asking for Ray fails, and says what to install."""
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "penchant.simulation.workers.cluster", raising=False)
    with pytest.raises(MissingExtraError, match=r"penchant\[ray\]"):
        choose_workers(work.process, None, ray="auto")
