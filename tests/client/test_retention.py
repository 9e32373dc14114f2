"""Retention: limits on age and number hold, at the cost of rare work."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.client import Device, DeviceSettings, Event
from penchant.client.retention import DAY_SECONDS, Retention
from penchant.client.storage import DeviceFolder, Durability, RawKey, SqliteStore, StoredEvent
from penchant.shared.errors import ConfigurationError
from penchant.shared.scoring import Scorer
from penchant.shared.texts import TextEncoder

NOW = 1_700_000_000


@settings(max_examples=60)
@given(
    most=st.integers(1, 30),
    batches=st.lists(st.lists(st.integers(0, 50), min_size=1, max_size=40), max_size=6),
)
def test_the_latest_events_are_kept(
    tmp_path_factory: pytest.TempPathFactory, most: int, batches: list[list[int]]
) -> None:
    """After every append at most the limit is kept, at least nine tenths of it, all the latest."""
    with closing(DeviceFolder(tmp_path_factory.mktemp("device"), RawKey(bytes(32)))) as folder:
        store = SqliteStore(folder, durability=Durability.NOTHING)
        retention = Retention(store, store.delete, days=None, most=most)
        retention.enforce()
        for batch in batches:
            before = store.events()
            added = [StoredEvent(time, "view", "a", None, None) for time in batch]
            store.append(added, interest_state=b"")
            every = sorted([*before, *added], key=lambda event: event.time)
            assert retention.enforce(added=len(added)) == (len(every) > most)
            kept = store.events()
            assert kept == every[len(every) - len(kept) :]
            assert min(len(every), most - most // 10) <= len(kept) <= most


class Clock:
    """A clock that is set by hand."""

    now = float(NOW)

    def time(self) -> float:
        """Return unix seconds."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that retention reads."""
    made = Clock()
    monkeypatch.setattr(time, "time", made.time)
    return made


def test_old_events_go_within_a_day(clock: Clock, tmp_path: Path) -> None:
    """On opening, and once a day after, what is older than the limit is forgotten in one call."""
    calls = []

    def forget(ids: Sequence[int]) -> None:
        calls.append(list(ids))
        store.delete(ids)

    with closing(DeviceFolder(tmp_path, RawKey(bytes(32)))) as folder:
        store = SqliteStore(folder)
        ages = [40, 31, 30.5, 29.5, 1]
        events = [
            StoredEvent(int(NOW - days * DAY_SECONDS), "view", "a", None, None) for days in ages
        ]
        store.append(events, interest_state=b"")
        retention = Retention(store, forget, days=30, most=None)
        assert retention.enforce()
        assert calls == [[1, 2, 3]]
        clock.now += DAY_SECONDS - 1
        assert not retention.enforce(added=1)
        clock.now += 1
        assert retention.enforce(added=1)
        assert calls == [[1, 2, 3], [4]]
        assert [event.id for event in store.events()] == [5]


def test_without_limits_nothing_is_forgotten(clock: Clock, tmp_path: Path) -> None:
    """With no limit given, events stay however many and however old."""
    with closing(DeviceFolder(tmp_path, RawKey(bytes(32)))) as folder:
        store = SqliteStore(folder)
        store.append([StoredEvent(0, "view", "a", None, None)] * 1000, interest_state=b"")
        retention = Retention(store, store.delete, days=None, most=None)
        clock.now += 10_000 * DAY_SECONDS
        assert not retention.enforce()
        assert store.event_count() == 1000


def test_a_device_with_limits_is_one_that_never_saw_more(
    make_scorer: Callable[..., Scorer], encoder: TextEncoder, tmp_path: Path
) -> None:
    """Interests and recommendations of a device with limits are those of what it still keeps."""
    now = int(time.time())
    recent = [Event(kind="view", item=f"item-{n % 7}", time=now - 1000 + n) for n in range(30)]
    old = [Event(kind="like", item="item-20", time=now - 100 * DAY_SECONDS + n) for n in range(9)]
    scorer = make_scorer()
    unlimited = DeviceSettings(quality=None)
    limited = DeviceSettings(quality=None, retention_days=30, most_events=20)
    with open_device(tmp_path / "a", scorer, encoder, unlimited) as device:
        device.observe(*old, *recent[:15])
    with open_device(tmp_path / "a", scorer, encoder, limited) as device:
        assert device.event_count() == 15
        for event in recent[15:]:
            device.observe(event)
        kept = device.event_count()
        assert 18 <= kept <= 20
        with open_device(tmp_path / "b", scorer, encoder, unlimited) as other:
            other.observe(*recent[-kept:])
            assert device.recommend(k=30, now=now) == other.recommend(k=30, now=now)
            for mine, theirs in zip(device.interests(k=5), other.interests(k=5), strict=True):
                assert mine.tag == theirs.tag
                assert mine.share == pytest.approx(theirs.share, abs=1e-6)


def open_device(
    folder: Path, scorer: Scorer, encoder: TextEncoder, chosen: DeviceSettings
) -> Device:
    """Open a device."""
    return Device.open(folder, scorer, keys=RawKey(bytes(32)), encoder=encoder, settings=chosen)


@pytest.mark.parametrize(
    "limits", [{"retention_days": 0.0}, {"retention_days": float("nan")}, {"most_events": 0}]
)
def test_limits_that_keep_nothing_are_refused(limits: dict[str, Any]) -> None:
    """A limit of zero is a mistake."""
    with pytest.raises(ConfigurationError, match="it must be"):
        DeviceSettings(**limits)
