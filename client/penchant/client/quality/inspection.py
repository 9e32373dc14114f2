"""Inspection: which observed events are kept, in which form, and which are refused."""

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
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
        cleanings: what was put right in those to be kept, by their place; none where nothing was.
    """

    events: tuple[Event | Refusal, ...]
    cleanings: Mapping[int, Collection[Cleaning]] = field(default_factory=dict)

    @property
    def cleaned(self) -> Counter[Cleaning]:
        """How many of the events to be kept each kind of cleaning changed."""
        return Counter(kind for kinds in self.cleanings.values() for kind in kinds)


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
    found: list[Event | Refusal] = []
    cleanings: dict[int, Collection[Cleaning]] = {}
    for place, event in enumerate(events):
        cleaner, done = _cleaned(event, rules, now=now)
        found.append(cleaner)
        if done:
            cleanings[place] = done
    places = [place for place, event in enumerate(found) if isinstance(event, Event)]
    places.sort(key=lambda place: _time(found[place]))
    if not places:
        return Inspected(tuple(found))
    margin = max(rules.burst_seconds, rules.duplicate_seconds)
    first, last = _time(found[places[0]]) - margin, _time(found[places[-1]]) + margin
    earlier = list(kept(first, last))
    duplicates = _Duplicates(earlier, seconds=rules.duplicate_seconds)
    bursts = _Bursts(earlier, events=rules.burst_events, seconds=rules.burst_seconds)
    for place in places:
        kept_event = found[place]
        if not isinstance(kept_event, Event):
            continue
        happening = Happening.of(kept_event)
        if duplicates.has(happening):
            found[place] = Refusal.DUPLICATE
        elif bursts.is_full(happening.time):
            found[place] = Refusal.BURST
        else:
            duplicates.add(happening)
            bursts.add(happening.time)
    for place in [place for place in cleanings if not isinstance(found[place], Event)]:
        del cleanings[place]
    return Inspected(tuple(found), cleanings)


def _time(event: Event | Refusal) -> int:
    return event.time if isinstance(event, Event) else 0


def _cleaned(
    event: Event, rules: QualityRules, *, now: int
) -> tuple[Event | Refusal, set[Cleaning]]:
    """Return one event cleaned, or why it is refused, and what was put right."""
    changes: dict[str, Any] = {}
    done: set[Cleaning] = set()
    if event.time < rules.earliest_time:
        return Refusal.TOO_EARLY, done
    if event.time > now + rules.future_seconds:
        changes["time"] = now
        done.add(Cleaning.FUTURE_TIME)
    if event.text is not None:
        if len(event.text) > rules.huge_text:
            return Refusal.HUGE_TEXT, set()
        text, done_to_text = clean_text(event.text, length=rules.long_text)
        done |= done_to_text
        if not text:
            if event.item is None:
                return Refusal.EMPTY_TEXT, set()
            done.add(Cleaning.EMPTY_TEXT)
        if text != event.text:
            changes["text"] = text or None
    return (replace(event, **changes) if changes else event), done


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
