"""A device's store outlives the death of its process at any moment."""

import random
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.client.storage.crashes import Say, killed_runs

from penchant.client.storage import DeviceFolder, RawKey, SqliteStore, StoredEvent

KEYS = RawKey(bytes(32))


@contextmanager
def opened(folder: Path) -> Iterator[SqliteStore]:
    """Open the store in a folder."""
    with closing(DeviceFolder(folder, KEYS)) as home:
        yield SqliteStore(home)


def write_for_ever(folder: Path, say: Say) -> None:
    """Add events, delete some, purge and save vectors, and say so once each is acknowledged."""
    rng = random.Random(time.monotonic_ns())
    with opened(folder) as store:
        while True:
            batch = rng.choice([1, 1, 1, 5, 40])
            events = [event_of(rng.getrandbits(32)) for _ in range(batch)]
            ids = store.append(events, interest_state=state_of(store.last_event_id() + batch))
            say("kept " + " ".join(f"{name}:{e.item}" for name, e in zip(ids, events, strict=True)))
            if rng.random() < 0.2:
                chosen = rng.sample(store.event_ids(), k=min(30, store.event_count()))
                say("forgetting " + " ".join(map(str, chosen)))
                store.delete(chosen)
                say("forgot " + " ".join(map(str, chosen)))
                if rng.random() < 0.3:
                    store.purge()
            if rng.random() < 0.2:
                number = (store.latest_round("m") or 0) + 1
                store.save_private_vector(
                    "m", state_of(number), round_number=number, event_private=False
                )
                say(f"trained {number}")


def event_of(number: int) -> StoredEvent:
    """An event all of which follows from one number."""
    return StoredEvent(number % 1000, "view", f"{number}", f"text {number} " * 20, b"e" * 64)


def state_of(number: int) -> bytes:
    """A state that tells which event or round it has seen last."""
    return number.to_bytes(8, "big") * 100


class Record:
    """What the runs have said, and what must therefore be kept."""

    def __init__(self) -> None:
        self.kept: dict[int, str] = {}
        self.going: set[int] = set()
        self.trained = 0
        self.acknowledged = 0

    def hear(self, said: list[str]) -> None:
        """Take down what one run said before it was killed."""
        self.going = set()
        for line in said:
            what, *rest = line.split()
            if what == "kept":
                self.kept |= {int(w.split(":")[0]): w.split(":")[1] for w in rest}
                self.acknowledged += len(rest)
            elif what == "forgetting":
                self.going = {int(word) for word in rest}
            elif what == "forgot":
                self.kept = {n: i for n, i in self.kept.items() if str(n) not in set(rest)}
                self.going = set()
            else:
                self.trained = int(rest[0])

    def check(self, store: SqliteStore) -> None:
        """Check that the store keeps it, and at most one whole step more."""
        found = {event.id: event for event in store.events()}
        missing = self.kept.keys() - found.keys()
        assert missing in (set(), self.going & self.kept.keys()), "acknowledged events are lost"
        extra = found.keys() - self.kept.keys()
        assert len(extra) in (0, 1, 5, 40), "a step was kept in part, or undone forgetting"
        last = store.last_event_id()
        assert extra == set(range(last - len(extra) + 1, last + 1)), "forgotten events are back"
        assert store.interest_state() in (None, state_of(last)), "events and state do not agree"
        for number, event in found.items():
            assert event == event_of(int(event.item or "")), "an event is not as it was"
            assert self.kept.get(number, event.item) == event.item
        latest = store.latest_round("m") or 0
        assert latest in (self.trained, self.trained + 1)
        if latest:
            assert store.private_vector("m") == state_of(latest)
        self.kept = {number: event.item or "" for number, event in found.items()}
        self.trained = latest


def test_200_deaths_lose_nothing_acknowledged(tmp_path: Path) -> None:
    """Killed at 200 random moments of heavy writing, the store opens and keeps what it said."""
    folder = tmp_path / "device"
    record = Record()
    for said in killed_runs(write_for_ever, folder, runs=200, longest=0.02, seed=20, words=6):
        record.hear(said)
        with opened(folder) as store:
            record.check(store)
    assert record.acknowledged > 500, "the runs were too short to tell anything"
    assert record.trained > 10


def destroy_for_ever(folder: Path, say: Say) -> None:
    """Keep three events, destroy everything, and begin anew; say so before and after."""
    with opened(folder) as store:
        while True:
            store.append([event_of(n) for n in range(3)], interest_state=state_of(3))
            say("kept")
            say("destroying")
            store.destroy()
            say("destroyed")


def test_40_deaths_in_destruction_never_lock_the_device(tmp_path: Path) -> None:
    """Killed at 40 random moments of destroying everything and beginning anew, the store opens.

    What was destroyed is gone; what was kept and not being destroyed is there.
    """
    folder = tmp_path / "device"
    allowed = {"kept": {3}, "destroying": {0, 3}, "destroyed": {0, 3}}
    destroyed = 0
    for said in killed_runs(destroy_for_ever, folder, runs=40, longest=0.1, seed=21, words=3):
        with opened(folder) as store:
            if said:
                assert store.event_count() in allowed[said[-1]]
            store.destroy()
        destroyed += said.count("destroyed")
    assert destroyed > 4, "the runs were too short to tell anything"
