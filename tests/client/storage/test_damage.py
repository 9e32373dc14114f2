"""A log whose bits flip: what it still proves is kept, and nothing false is ever read."""

import shutil
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penchant.client.storage import DeviceFolder, RawKey, SqliteStore, StoredEvent
from penchant.shared.errors import StoreError

KEYS = RawKey(bytes(32))
BATCHES = 30


def batch(number: int) -> list[StoredEvent]:
    """Three events of one acknowledged append."""
    return [StoredEvent(number, "view", f"{number}-{n}", "x" * 100, None) for n in range(3)]


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a device as a killed process leaves it: all of its events are in the log."""
    source, copy = tmp_path_factory.mktemp("device"), tmp_path_factory.mktemp("copy") / "device"
    with closing(DeviceFolder(source, KEYS)) as folder:
        store = SqliteStore(folder)
        for number in range(BATCHES):
            store.append(batch(number), interest_state=number.to_bytes(4))
        shutil.copytree(source, copy)
    return copy


def test_the_log_holds_what_was_kept(killed: Path, tmp_path: Path) -> None:
    """Without damage the log gives everything back."""
    shutil.copytree(killed, tmp_path / "device")
    assert (killed / "behaviour.sqlite-wal").stat().st_size > 100_000
    with closing(DeviceFolder(tmp_path / "device", KEYS)) as folder:
        assert len(SqliteStore(folder).events()) == 3 * BATCHES


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_a_flipped_bit_ends_the_log(killed: Path, tmp_path: Path, data: st.DataObject) -> None:
    """A damaged log gives an error, or the transactions before the damage, whole and in order."""
    device = tmp_path / "device"
    shutil.rmtree(device, ignore_errors=True)
    shutil.copytree(killed, device)
    log = device / "behaviour.sqlite-wal"
    content = bytearray(log.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    log.write_bytes(content)
    with closing(DeviceFolder(device, KEYS)) as folder:
        try:
            store = SqliteStore(folder)
        except StoreError as error:
            assert "damaged" in str(error)  # noqa: PT017
            return
        kept = store.events()
        whole = len(kept) // 3
        assert kept == [event for number in range(whole) for event in batch(number)]
        if whole:
            assert store.interest_state() == (whole - 1).to_bytes(4)
        # All before the damage is there: a batch takes less than 40 kB of log.
        assert whole >= place // 40_000 - 1


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(keep=st.floats(0, 1))
def test_a_torn_log_is_cut_at_a_transaction(killed: Path, tmp_path: Path, keep: float) -> None:
    """A log that a power cut left short gives its whole transactions and takes new ones."""
    device = tmp_path / "device"
    shutil.rmtree(device, ignore_errors=True)
    shutil.copytree(killed, device)
    log = device / "behaviour.sqlite-wal"
    content = log.read_bytes()
    log.write_bytes(content[: int(keep * len(content))])
    with closing(DeviceFolder(device, KEYS)) as folder:
        store = SqliteStore(folder)
        whole = len(store.events()) // 3
        assert store.events() == [event for number in range(whole) for event in batch(number)]
        store.append(batch(whole), interest_state=b"after")
    with closing(DeviceFolder(device, KEYS)) as folder:
        assert len(SqliteStore(folder).events()) == 3 * (whole + 1)
