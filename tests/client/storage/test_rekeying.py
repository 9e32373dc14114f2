"""Other keys for a device: the data stay, the old keys open nothing, one of them always does."""

import os
from pathlib import Path

import pytest

from penchant.client.storage import (
    DeviceFolder,
    Durability,
    KeyFile,
    KeySource,
    Migration,
    Passphrase,
    RawKey,
    change_keys,
    rekeying,
    wrapping,
)
from penchant.shared.errors import ConfigurationError, StoreError

OLD, NEW = Passphrase("correct horse battery"), Passphrase("a longer stable of horses")
NAMES = ("behaviour", "ledger")
TABLE: Migration = "CREATE TABLE thing (name TEXT)"


@pytest.fixture
def device(tmp_path: Path) -> Path:
    """A device's folder with two databases under the old passphrase, something in each."""
    path = tmp_path / "device"
    for name in NAMES:
        write(path, OLD, name)
    return path


def write(path: Path, keys: KeySource, name: str) -> None:
    """Keep something in the database ``name``."""
    folder = DeviceFolder(path, keys)
    database = folder.database(name, migrations=[TABLE], durability=Durability.KILL)
    with database.transaction():
        database.execute("INSERT INTO thing VALUES (?)", (name,))
    folder.close()


def read(path: Path, keys: KeySource) -> list[str]:
    """Return what both databases keep."""
    folder = DeviceFolder(path, keys)
    try:
        found = []
        for name in NAMES:
            database = folder.database(name, migrations=[TABLE], durability=Durability.KILL)
            found += [str(row[0]) for row in database.execute("SELECT name FROM thing")]
        return found
    finally:
        folder.close()


def test_only_the_new_keys_open(device: Path) -> None:
    """The data are all there under the new passphrase, and the old one is refused."""
    change_keys(device, old=OLD, new=NEW)
    assert read(device, NEW) == list(NAMES)
    with pytest.raises(StoreError, match="locked with another key"):
        read(device, OLD)


def test_another_kind_of_keys_can_take_over(device: Path, tmp_path: Path) -> None:
    """From a passphrase to a key file, and on to another."""
    file = KeyFile(tmp_path / "elsewhere")
    change_keys(device, old=OLD, new=file)
    assert read(device, file) == list(NAMES)
    change_keys(device, old=file, new=NEW)
    assert read(device, NEW) == list(NAMES)


def test_the_wrong_old_keys_change_nothing(device: Path) -> None:
    """Whoever does not have the old passphrase cannot set another."""
    before = {path: path.read_bytes() for path in device.glob("*.key")}
    with pytest.raises(StoreError, match="locked with another key"):
        change_keys(device, old=Passphrase("something else"), new=NEW)
    assert {path: path.read_bytes() for path in device.glob("*.key")} == before


@pytest.mark.parametrize("done", [0, 1])
def test_a_change_cut_short_is_finished_by_doing_it_again(
    device: Path, monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    """With one key file changed and not the other, the same change brings both to the new keys."""
    calls: list[Path] = []

    def cut_short(path: Path, old: KeySource, new: KeySource) -> None:
        if len(calls) == done:
            raise KeyboardInterrupt
        calls.append(path)
        wrapping.rewrap_key(path, old, new)

    monkeypatch.setattr(rekeying, "rewrap_key", cut_short)
    with pytest.raises(KeyboardInterrupt):
        change_keys(device, old=OLD, new=NEW)
    monkeypatch.undo()
    change_keys(device, old=OLD, new=NEW)
    assert read(device, NEW) == list(NAMES)


def test_a_disk_that_is_full_leaves_the_old_keys(
    device: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the new key file cannot be written the old passphrase still opens everything."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(wrapping, "write_atomically", full)
    with pytest.raises(StoreError, match="No space left"):
        change_keys(device, old=OLD, new=NEW)
    monkeypatch.undo()
    assert read(device, OLD) == list(NAMES)


def test_the_old_wrapped_key_is_overwritten_where_it_lay(device: Path, tmp_path: Path) -> None:
    """A second name for the old file's blocks, as a recovery tool would find them, holds noise."""
    path = device / "behaviour.key"
    before = path.read_bytes()
    os.link(path, tmp_path / "blocks")
    change_keys(device, old=OLD, new=NEW)
    left = (tmp_path / "blocks").read_bytes()
    assert len(left) == len(before)
    assert left != before
    assert b"wrapped" not in left


def test_an_open_device_keeps_its_keys(device: Path) -> None:
    """The folder's lock holds here too."""
    folder = DeviceFolder(device, OLD)
    try:
        with pytest.raises(StoreError, match="open in this process"):
            change_keys(device, old=OLD, new=NEW)
    finally:
        folder.close()


def test_where_there_is_no_device_nothing_is_made(tmp_path: Path) -> None:
    """A folder without keys is told, and left empty."""
    with pytest.raises(StoreError, match="holds no key of a device"):
        change_keys(tmp_path, old=OLD, new=NEW)
    assert list(tmp_path.iterdir()) == []


def test_a_key_file_in_the_folder_is_refused(device: Path) -> None:
    """A key beside what it locks would be no key, whether a device is opened or changed."""
    inside = KeyFile(device / "mine.key")
    with pytest.raises(ConfigurationError, match="somewhere else"):
        change_keys(device, old=OLD, new=inside)
    with pytest.raises(ConfigurationError, match="somewhere else"):
        DeviceFolder(device, inside)
    assert read(device, OLD) == list(NAMES)


def test_raw_keys_can_be_changed_too(tmp_path: Path) -> None:
    """Any source of keys will do on either side."""
    for name in NAMES:
        write(tmp_path, RawKey(bytes(32)), name)
    change_keys(tmp_path, old=RawKey(bytes(32)), new=RawKey(bytes(range(32))))
    assert read(tmp_path, RawKey(bytes(range(32)))) == list(NAMES)
