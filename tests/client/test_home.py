"""Tests of what a device is opened with, written down."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from penchant.client import Event
from penchant.client.home import HOME_FILE, Home, KeyChoice
from penchant.shared.catalogue import Catalogue
from penchant.shared.errors import ConfigurationError, StoreError
from penchant.shared.ranker import Ranker
from penchant.shared.scoring import Scorer

PASSPHRASE = "correct horse battery"


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    """Three items on disk."""
    Catalogue.write(
        tmp_path / "items",
        ["a", "b", "c"],
        embeddings=np.eye(3, 4, dtype=np.float32),
        precision="float32",
    )
    return tmp_path / "items"


def never() -> str:
    """Stand where no passphrase may be asked for."""
    raise AssertionError("a passphrase was asked for")


def test_what_was_written_opens_the_same_device(catalogue: Path, tmp_path: Path) -> None:
    """A command starts anew each time, and finds what the one before it left."""
    home = Home(catalogue=catalogue, keys=KeyChoice.FILE, key_file=tmp_path / "key")
    folder = tmp_path / "device"
    home.write(folder)
    with home.open(folder, ask_passphrase=never) as device:
        device.observe(Event(kind="view", item="a"))
    with Home.read(folder).open(folder, ask_passphrase=never) as device:
        assert device.event_count() == 1


def test_a_passphrase_is_asked_for_and_must_be_right(catalogue: Path, tmp_path: Path) -> None:
    """It is written nowhere, and another one opens nothing."""
    home, folder = Home(catalogue=catalogue, keys=KeyChoice.PASSPHRASE), tmp_path / "device"
    home.write(folder)
    home.open(folder, ask_passphrase=lambda: PASSPHRASE).close()
    assert PASSPHRASE not in (folder / HOME_FILE).read_text()
    with pytest.raises(StoreError):
        home.open(folder, ask_passphrase=lambda: PASSPHRASE + "!")


def test_keys_that_were_given_before_ask_for_nothing(catalogue: Path, tmp_path: Path) -> None:
    """Whoever opens a device again and again asks, and derives, once."""
    home, folder = Home(catalogue=catalogue, keys=KeyChoice.PASSPHRASE), tmp_path / "device"
    home.write(folder)
    keys = home.key_source(lambda: PASSPHRASE)
    for _ in range(2):
        home.open(folder, ask_passphrase=never, keys=keys).close()


def test_a_key_file_is_kept_apart_from_what_it_locks(catalogue: Path, tmp_path: Path) -> None:
    """A key beside the data would be no key."""
    folder = tmp_path / "device"
    home = Home(catalogue=catalogue, keys=KeyChoice.FILE, key_file=folder / "key")
    with pytest.raises(ConfigurationError, match="somewhere else"):
        home.write(folder)
    with pytest.raises(ConfigurationError, match="key file"):
        Home(catalogue=catalogue, keys=KeyChoice.FILE).write(folder)
    assert not folder.exists()


def test_a_folder_is_one_devices(catalogue: Path, tmp_path: Path) -> None:
    """A second device in the folder would end the first."""
    home = Home(catalogue=catalogue)
    home.write(tmp_path / "device")
    with pytest.raises(ConfigurationError, match="already"):
        home.write(tmp_path / "device")


@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"catalogue": "x", "keys": "none"}'])
def test_another_folder_is_refused(content: bytes | None, tmp_path: Path) -> None:
    """What is no home says how one is made, or what is wrong with it."""
    if content is not None:
        (tmp_path / HOME_FILE).write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"device init|cannot be read"):
        Home.read(tmp_path)


def released(folder: Path, *items: str) -> tuple[Ranker, Path]:
    """A server's release: a ranker, and the folder of its catalogue."""
    embeddings = np.eye(len(items), 4, dtype=np.float32)
    Catalogue.write(folder, items, embeddings=embeddings, precision="float32")
    catalogue = Catalogue.open(folder)
    return Scorer.untrained(catalogue, dimension=2).ranker, folder


def test_a_release_over_its_items_is_used(catalogue: Path, tmp_path: Path) -> None:
    """The next command ranks with it; one over other items is not the app's."""
    home = Home(catalogue=catalogue, keys=KeyChoice.FILE, key_file=tmp_path / "key")
    folder = tmp_path / "device"
    home.write(folder)
    home.use_release(folder, *released(tmp_path / "foreign", "x", "y", "z"))
    assert Home.read(folder) == home
    ranker, items = released(tmp_path / "same", "a", "b", "c")
    home.use_release(folder, ranker, items)
    with Home.read(folder).open(folder, ask_passphrase=never) as device:
        assert device.scorer.ranker.vector.tobytes() == ranker.vector.tobytes()
        assert Home.read(folder).catalogue == catalogue


def test_a_release_over_a_changed_catalogue_is_followed(catalogue: Path, tmp_path: Path) -> None:
    """From then on the next command ranks its items, wherever the release went; once each."""
    home = Home(catalogue=catalogue, keys=KeyChoice.FILE, key_file=tmp_path / "key")
    folder = tmp_path / "device"
    home.write(folder)
    home.use_release(folder, *released(tmp_path / "first", "a", "b", "c"))
    for name, items in (("second", "abde"), ("third", "bdef")):
        Home.read(folder).use_release(folder, *released(tmp_path / name, *items))
        shutil.rmtree(tmp_path / name)
        with Home.read(folder).open(folder, ask_passphrase=never) as device:
            assert list(device.scorer.catalogue.items) == list(items)
            assert len(device.recommend(k=9)) == 4
        assert len(list(folder.glob("served-*"))) == 1


def test_a_release_that_cannot_be_kept_changes_nothing(catalogue: Path, tmp_path: Path) -> None:
    """The home stays as it was, and can be opened."""
    home = Home(catalogue=catalogue, keys=KeyChoice.FILE, key_file=tmp_path / "key")
    folder = tmp_path / "device"
    home.write(folder)
    home.use_release(folder, *released(tmp_path / "first", "a", "b", "c"))
    before = Home.read(folder)
    ranker, items = released(tmp_path / "second", "a", "b", "d")
    with pytest.raises(StoreError, match="cannot be kept"):
        before.use_release(folder, ranker, items / "absent")
    assert Home.read(folder) == before
    before.open(folder, ask_passphrase=never).close()
