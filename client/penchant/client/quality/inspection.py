"""Inspection: which observed events are kept, in which form, and which are refused."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from penchant.client.events import Event
from penchant.client.quality.rules import Cleaning, QualityRules, Refusal
from penchant.client.quality.text import clean_text

__all__ = ["Happening", "Inspected", "inspect"]

# What makes two events the same thing: kind, item and text.
Thing = tuple[str, str | None, str | None]


@dataclass(frozen=True, slots=True)
class Happening:
    """What inspection reads of an event that is kept already.

    Attributes:
        time: unix seconds.
        thing: its kind, item and text.
    """

    time: int
    thing: Thing

    @classmethod
    def of(cls, event: Event) -> "Happening":
        """Return what inspection reads of ``event``."""
        return cls(event.time, (event.kind.value, event.item, event.text))


@dataclass(frozen=True)
class Inspected:
    """What inspection found.

    Attributes:
        events: each observed event as it is to be kept, or why it was refused, as they came.
        cleaned: how many events each kind of cleaning changed.
    """

    events: tuple[Event | Refusal, ...]
    cleaned: Counter[Cleaning] = field(default_factory=Counter)


def inspect(
    events: Sequence[Event],
    rules: QualityRules,
    *,
    kept: Callable[[int, int], Iterable[Happening]],
    now: int,
) -> Inspected:
    """Return ``events`` cleaned or refused by ``rules``.

    Args:
        events: what was observed.
        rules: how they are cleaned, and which are refused.
        kept: gives the events kept already from a first to a last time, in order of time.
        now: unix seconds by the clock.
    """
    cleaned: Counter[Cleaning] = Counter()
    found = [_cleaned(event, rules, now=now, cleaned=cleaned) for event in events]
    places = [place for place, event in enumerate(found) if isinstance(event, Event)]
    places.sort(key=lambda place: _time(found[place]))
    if not places:
        return Inspected(tuple(found), cleaned)
    margin = max(rules.burst_seconds, rules.duplicate_seconds)
    first, last = _time(found[places[0]]) - margin, _time(found[places[-1]]) + margin
    earlier = list(kept(first, last))
    duplicates = _Duplicates(earlier, seconds=rules.duplicate_seconds)
    bursts = _Bursts(earlier, events=rules.burst_events, seconds=rules.burst_seconds)
    for place in places:
        event = found[place]
        if not isinstance(event, Event):
            continue
        happening = Happening.of(event)
        if duplicates.has(happening):
            found[place] = Refusal.DUPLICATE
        elif bursts.is_full(happening.time):
            found[place] = Refusal.BURST
        else:
            duplicates.add(happening)
            bursts.add(happening.time)
    return Inspected(tuple(found), cleaned)


def _time(event: Event | Refusal) -> int:
    return event.time if isinstance(event, Event) else 0


def _cleaned(
    event: Event, rules: QualityRules, *, now: int, cleaned: Counter[Cleaning]
) -> Event | Refusal:
    """Return one event cleaned, or why it is refused whatever else was done."""
    changes: dict[str, Any] = {}
    done: set[Cleaning] = set()
    if event.time < rules.earliest_time:
        return Refusal.TOO_EARLY
    if event.time > now + rules.future_seconds:
        changes["time"] = now
        done.add(Cleaning.FUTURE_TIME)
    if event.text is not None:
        if len(event.text) > rules.huge_text:
            return Refusal.HUGE_TEXT
        text, done_to_text = clean_text(event.text, length=rules.long_text)
        done |= done_to_text
        if not text:
            if event.item is None:
                return Refusal.EMPTY_TEXT
            done.add(Cleaning.EMPTY_TEXT)
        if text != event.text:
            changes["text"] = text or None
    cleaned.update(done)
    return replace(event, **changes) if changes else event


class _Duplicates:
    """The times at which each thing happened."""

    def __init__(self, kept: Iterable[Happening], *, seconds: int) -> None:
        self._seconds = seconds
        self._times: dict[Thing, list[int]] = {}
        for happening in kept:
            self.add(happening)

    def add(self, happening: Happening) -> None:
        self._times.setdefault(happening.thing, []).append(happening.time)

    def has(self, happening: Happening) -> bool:
        times = self._times.get(happening.thing, ())
        return any(abs(happening.time - time) < self._seconds for time in times)


class _Bursts:
    """How many events lie within the seconds up to a time; asked in order of time."""

    def __init__(self, kept: Iterable[Happening], *, events: int, seconds: int) -> None:
        self._events = events
        self._seconds = seconds
        self._waiting = deque(happening.time for happening in kept)
        self._recent: deque[int] = deque()

    def add(self, time: int) -> None:
        self._recent.append(time)

    def is_full(self, time: int) -> bool:
        if self._seconds == 0:
            return False
        while self._waiting and self._waiting[0] <= time:
            self._recent.append(self._waiting.popleft())
        while self._recent and self._recent[0] <= time - self._seconds:
            self._recent.popleft()
        return len(self._recent) >= self._events
