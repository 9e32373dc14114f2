"""A Ray cluster of two nodes on this machine."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

# A dead node is noticed in ten seconds, not in half a minute, and a busy one is not taken for dead.
WATCHFUL = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 20,
}


@pytest.fixture(scope="session")
def ray_cluster(_importable: None) -> "Iterator[Cluster]":
    """Give a cluster of two nodes with one CPU each."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "_system_config": WATCHFUL}
    )
    try:
        cluster.add_node(num_cpus=1)
        yield cluster
    finally:
        for node in reversed(cluster.list_all_nodes()):  # type: ignore[no-untyped-call]
            cluster.remove_node(node, allow_graceful=False)
        cluster.shutdown()  # type: ignore[no-untyped-call]


@pytest.fixture(scope="session")
def ray_address(ray_cluster: "Cluster") -> str:
    """Give the address of the cluster."""
    return str(ray_cluster.address)
