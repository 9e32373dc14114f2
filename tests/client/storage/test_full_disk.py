"""A disk that is full: told in plain words, and nothing that was kept is lost."""

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from penchant.client.storage import DeviceFolder, Durability, RawKey, SqliteStore, StoredEvent
from penchant.shared.errors import StoreError

KEYS = RawKey(bytes(32))
DISK_BYTES = 3 * 2**20
MOST_EVENTS = 100_000


def event(number: int) -> StoredEvent:
    """An event of some three kilobytes."""
    return StoredEvent(number, "view", f"item-{number}", "x" * 3000, None)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of three mebibytes, where the system lets us mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    size = f"size={DISK_BYTES}"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "none", disk], check=False)
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    yield disk
    subprocess.run(["umount", disk], check=True)


def fill_up(disk: Path) -> None:
    """Leave not a byte on the disk."""
    with (disk / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):
        while ballast.write(bytes(4096)):
            pass


def fill(store: SqliteStore) -> int:
    """Add events until one is refused; return how many were kept."""
    for number in range(MOST_EVENTS):
        try:
            store.append([event(number)], interest_state=number.to_bytes(4))
        except StoreError as error:
            assert "disk is full" in str(error)  # noqa: PT017
            return number
    raise AssertionError("the disk was never full")


@pytest.mark.parametrize("durability", list(Durability))
def test_a_full_disk_is_told_and_loses_nothing(small_disk: Path, durability: Durability) -> None:
    """Events are kept until the disk is full; then an error, everything there, here and reopened.

    With room again the same store goes on.
    """
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(100_000))
    with closing(DeviceFolder(small_disk / "device", KEYS)) as folder:
        store = SqliteStore(folder, durability=durability)
        kept = fill(store)
        assert kept > 50
        assert store.events() == [event(number) for number in range(kept)]
        ballast.unlink()
        store.append([event(kept)], interest_state=kept.to_bytes(4))
    with closing(DeviceFolder(small_disk / "device", KEYS)) as folder:
        store = SqliteStore(folder, durability=durability)
        assert store.events() == [event(number) for number in range(kept + 1)]
        assert store.interest_state() == kept.to_bytes(4)


def test_a_full_disk_still_reads_and_destroys(small_disk: Path) -> None:
    """A store on a disk with no byte left is opened and read, and destroyed for good."""
    device = small_disk / "device"
    with closing(DeviceFolder(device, KEYS)) as folder:
        kept = fill(SqliteStore(folder))
    fill_up(small_disk)
    with closing(DeviceFolder(device, KEYS)) as folder:
        store = SqliteStore(folder)
        assert store.events() == [event(number) for number in range(kept)]
        with pytest.raises(StoreError, match="disk is full"):
            store.append([event(kept)] * 50, interest_state=b"")
        store.destroy()
        assert store.events() == []


def test_a_disk_too_small_for_a_store_is_told(small_disk: Path) -> None:
    """Where not even an empty store fits, opening is an error, and opens once there is room."""
    fill_up(small_disk)
    device = small_disk / "device"
    for _ in range(2):
        with pytest.raises(StoreError):
            open_and_close(device)
    (small_disk / "ballast").unlink()
    open_and_close(device)


def open_and_close(device: Path) -> None:
    """Open a store once."""
    folder = DeviceFolder(device, KEYS)
    with closing(folder):
        SqliteStore(folder)


LIMITED = """
import resource, sys
from contextlib import closing
from pathlib import Path
from penchant.client.storage import DeviceFolder, RawKey, SqliteStore, StoredEvent
from penchant.shared.errors import StoreError

with closing(DeviceFolder(Path(sys.argv[1]), RawKey(bytes(32)))) as folder:
    store = SqliteStore(folder)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
    for number in range(10_000):
        try:
            event = StoredEvent(number, "view", f"item-{number}", "x" * 3000, None)
            store.append([event], interest_state=number.to_bytes(4))
        except StoreError as error:
            print(number, error)
            break
"""


def test_a_file_that_may_not_grow_is_told_and_loses_nothing(tmp_path: Path) -> None:
    """At the limit of a file's size an append is an error; a later process finds all before it."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=True
    )
    kept, reason = done.stdout.split(maxsplit=1)
    assert "check the disk and its free space" in reason
    with closing(DeviceFolder(tmp_path, KEYS)) as folder:
        store = SqliteStore(folder)
        assert store.events() == [event(number) for number in range(int(kept))]
        store.append([event(int(kept))], interest_state=b"")
