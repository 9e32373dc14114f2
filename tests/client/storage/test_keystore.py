"""The operating system's key store: a real one where it is installed, and the ways it fails."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from penchant.client.storage import DeviceFolder, OsKeyStore, SqliteStore, StoredEvent
from penchant.shared.errors import StoreError

EVENT = StoredEvent(10, "view", "a", None, None)
UNLOCK = (
    'printf secret | gnome-keyring-daemon --unlock --components=secrets >/dev/null && exec "$@"'
)
USE = """
import json, sys
from contextlib import closing
from pathlib import Path
import keyring
from penchant.client.storage import DeviceFolder, OsKeyStore, SqliteStore, StoredEvent
from penchant.shared.errors import StoreError

def opened():
    return closing(DeviceFolder(path, OsKeyStore("penchant-test")))

path = Path(sys.argv[1])
with opened() as folder:
    SqliteStore(folder).append([StoredEvent(10, "view", "a", None, None)], interest_state=b"")
identity = json.loads((path / "behaviour.key").read_text())["identity"]
key = keyring.get_password("penchant-test", identity)
with opened() as folder:
    print(len(bytes.fromhex(key)), len(SqliteStore(folder).events()))
keyring.delete_password("penchant-test", identity)
with opened() as folder:
    try:
        SqliteStore(folder)
    except StoreError as error:
        print(error)
keyring.set_password("penchant-test", identity, key)
with opened() as folder:
    store = SqliteStore(folder)
    print(len(store.events()))
    store.destroy()
    print(len(store.events()), keyring.get_password("penchant-test", identity))
"""


@pytest.mark.skipif(
    not (shutil.which("gnome-keyring-daemon") and shutil.which("dbus-run-session")),
    reason="needs gnome-keyring and dbus",
)
def test_a_real_key_store_keeps_and_loses_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With GNOME Keyring: keys are kept there, a lost one is told, destruction deletes it there."""
    for name in ("HOME", "XDG_RUNTIME_DIR", "XDG_DATA_HOME"):
        (tmp_path / name).mkdir(mode=0o700)
        monkeypatch.setenv(name, str(tmp_path / name))
    command = [sys.executable, "-c", USE, str(tmp_path / "device")]
    done = subprocess.run(
        ["dbus-run-session", "--", "sh", "-c", UNLOCK, "sh", *command],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    kept, lost, back, destroyed = done.stdout.splitlines()
    assert kept == "32 1"
    assert "has no entry" in lost
    assert back == "1"
    assert destroyed == "0 None"


class Shelf(KeyringBackend):
    """A key store in memory, which can be locked or forgetful."""

    priority = 1.0

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.entries: dict[tuple[str, str], str] = {}
        self.locked = False
        self.forgetful = False

    def get_password(self, service: str, username: str) -> str | None:
        """Return an entry."""
        self._require_unlocked()
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep an entry."""
        self._require_unlocked()
        if not self.forgetful:
            self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        """Delete an entry."""
        self._require_unlocked()
        del self.entries[service, username]

    def _require_unlocked(self) -> None:
        if self.locked:
            raise KeyringLocked("the collection is locked")


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    """A key store that keyring uses for the time of the test."""
    before = keyring.get_keyring()
    made = Shelf()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


def open_store(path: Path) -> list[StoredEvent]:
    """Open a store with the default key source, add an event if there is none, return them all."""
    with closing(DeviceFolder(path, OsKeyStore())) as folder:
        store = SqliteStore(folder)
        if not store.event_count():
            store.append([EVENT], interest_state=b"")
        return store.events()


def test_a_locked_key_store_is_told_and_nothing_is_lost(shelf: Shelf, tmp_path: Path) -> None:
    """While the key store is locked the store cannot be made or opened; afterwards it can."""
    shelf.locked = True
    with pytest.raises(StoreError, match="cannot be written: the collection is locked"):
        open_store(tmp_path)
    shelf.locked = False
    assert open_store(tmp_path) == [EVENT]
    shelf.locked = True
    with pytest.raises(StoreError, match="cannot be read: the collection is locked; unlock it"):
        open_store(tmp_path)
    shelf.locked = False
    assert open_store(tmp_path) == [EVENT]


def test_a_key_store_that_keeps_nothing_is_told(shelf: Shelf, tmp_path: Path) -> None:
    """A key store that accepts a key and does not have it afterwards is found out at once."""
    shelf.forgetful = True
    with pytest.raises(StoreError, match="does not keep what it is given"):
        open_store(tmp_path)
    assert not (tmp_path / "behaviour.sqlite").exists()


def test_databases_have_entries_of_their_own(shelf: Shelf, tmp_path: Path) -> None:
    """Two devices of one user share no entry, and destroying one leaves the other's."""
    for name in ("one", "two"):
        open_store(tmp_path / name)
    assert len(shelf.entries) == 2
    with closing(DeviceFolder(tmp_path / "one", OsKeyStore())) as folder:
        folder.destroy("behaviour")
    assert len(shelf.entries) == 1
    assert open_store(tmp_path / "two") == [EVENT]


def test_a_key_store_locked_at_destruction_destroys_all_the_same(
    shelf: Shelf, tmp_path: Path
) -> None:
    """The wrapped key goes first; the entry, useless by then, goes when the store next opens."""
    open_store(tmp_path)
    with closing(DeviceFolder(tmp_path, OsKeyStore())) as folder:
        store = SqliteStore(folder)
        shelf.locked = True
        with pytest.raises(StoreError, match="cannot delete an entry"):
            store.destroy()
    shelf.locked = False
    (old,) = shelf.entries
    with closing(DeviceFolder(tmp_path, OsKeyStore())) as folder:
        assert SqliteStore(folder).events() == []
    assert old not in shelf.entries
