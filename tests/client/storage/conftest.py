"""Stores in folders of their own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from penchant.client.storage import DeviceFolder, Durability, RawKey, SqliteStore


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[Callable[..., SqliteStore]]:
    """Open the store in the test's folder again and again; opening closes the one before."""
    folders: list[DeviceFolder] = []

    def opener(*, durability: Durability = Durability.KILL) -> SqliteStore:
        for folder in folders:
            folder.close()
        folders[:] = [DeviceFolder(tmp_path / "device", RawKey(bytes(32)))]
        return SqliteStore(folders[0], durability=durability)

    yield opener
    for folder in folders:
        folder.close()


@pytest.fixture
def store(open_store: Callable[..., SqliteStore]) -> SqliteStore:
    """A new, empty store."""
    return open_store()
