"""A device's folder: one process, several databases, and their destruction."""

import os
import signal
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from penchant.client.storage import (
    Database,
    DeviceFolder,
    Durability,
    RawKey,
    SqliteStore,
    StoredEvent,
)
from penchant.shared.errors import StoreError

KEYS = RawKey(bytes(32))
EVENT = StoredEvent(10, "view", "a", None, None)
HOLDER = """
import sys, time
from pathlib import Path
from penchant.client.storage import DeviceFolder, RawKey, SqliteStore, StoredEvent
folder = DeviceFolder(Path(sys.argv[1]), RawKey(bytes(32)))
store = SqliteStore(folder)
store.append([StoredEvent(10, "view", "a", None, None)], interest_state=b"")
print("ready", flush=True)
time.sleep(60)
"""


def test_one_process_has_a_folder_until_it_dies(tmp_path: Path) -> None:
    """Another process is refused with the holder's id; a killed holder lets go, losing nothing."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "ready\n"
            with pytest.raises(StoreError, match=f"in use by process {holder.pid};"):
                DeviceFolder(tmp_path, KEYS)
        finally:
            os.kill(holder.pid, signal.SIGKILL)
    with closing(DeviceFolder(tmp_path, KEYS)) as folder:
        assert SqliteStore(folder).events() == [EVENT]


def test_one_device_of_a_process_has_a_folder(tmp_path: Path) -> None:
    """The same process is refused too while it has the folder, and told that it is its own."""
    with (
        closing(DeviceFolder(tmp_path, KEYS)),
        pytest.raises(StoreError, match="open in this process already"),
    ):
        DeviceFolder(tmp_path, KEYS)
    DeviceFolder(tmp_path, KEYS).close()


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701])
def test_a_folder_that_was_there_is_closed_to_others(tmp_path: Path, mode: int) -> None:
    """Names and sizes of a device's files are nobody else's business."""
    tmp_path.chmod(mode)
    DeviceFolder(tmp_path, KEYS).close()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_a_folder_of_everybody_is_refused(tmp_path: Path) -> None:
    """One such as /tmp is not closed to those who use it, nor used."""
    tmp_path.chmod(0o1777)
    with pytest.raises(StoreError, match="others write to; give the device one of its own"):
        DeviceFolder(tmp_path, KEYS)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o1777
    assert list(tmp_path.iterdir()) == []


def open_ledger(folder: DeviceFolder) -> Database:
    """Open a second database of the folder."""
    return folder.database(
        "ledger", migrations=["CREATE TABLE debit (rho REAL)"], durability=Durability.POWER_CUT
    )


def test_everything_destroyed_leaves_the_ledger(tmp_path: Path) -> None:
    """Destruction takes the store, its key and its log; the ledger and its key are untouched."""
    with closing(DeviceFolder(tmp_path, KEYS)) as folder:
        store, ledger = SqliteStore(folder), open_ledger(folder)
        ledger.execute("INSERT INTO debit VALUES (0.5)")
        store.append([EVENT], interest_state=b"state")
        old_key = (tmp_path / "behaviour.key").read_bytes()
        old = {file: file.read_bytes() for file in tmp_path.glob("behaviour.sqlite*")}
        store.destroy()
        assert store.events() == []
        assert store.interest_state() is None
        assert store.append([EVENT], interest_state=b"state") == [1]
    with closing(DeviceFolder(tmp_path, KEYS)) as folder:
        assert SqliteStore(folder).events() == [EVENT]
        assert open_ledger(folder).execute("SELECT rho FROM debit") == [(0.5,)]
    assert (tmp_path / "behaviour.key").read_bytes() != old_key
    for file, content in old.items():
        file.write_bytes(content)
    with closing(DeviceFolder(tmp_path, KEYS)) as folder, pytest.raises(StoreError):
        SqliteStore(folder)


@pytest.mark.parametrize("step", ["key", "database"])
def test_a_destruction_cut_short_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """A crash after the key's destruction, or half through the files', never locks the device."""
    with closing(DeviceFolder(tmp_path, KEYS)) as folder:
        store = SqliteStore(folder)
        store.append([EVENT], interest_state=b"state")
        unlink = Path.unlink

        def die(path: Path, missing_ok: bool = False) -> None:
            at_key = path.name == "behaviour.sqlite" if step == "key" else path.suffix == ".key"
            if at_key:
                raise KeyboardInterrupt
            unlink(path, missing_ok=missing_ok)

        monkeypatch.setattr(Path, "unlink", die)
        with pytest.raises(KeyboardInterrupt):
            store.destroy()
        monkeypatch.undo()
    with closing(DeviceFolder(tmp_path, KEYS)) as folder:
        store = SqliteStore(folder)
        assert store.events() == []
        store.append([EVENT], interest_state=b"state")
    with closing(DeviceFolder(tmp_path, KEYS)) as folder:
        assert SqliteStore(folder).events() == [EVENT]
