"""A fleet's database that is made once: making its tables takes most of a second."""

from pathlib import Path

import pytest

from penchant.server.fleet.flower_adapter import FleetState


@pytest.fixture(scope="session")
def empty_fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a fleet without devices; copy it."""
    path = tmp_path_factory.mktemp("fleet") / "fleet.sqlite"
    FleetState(path).close()
    return path
