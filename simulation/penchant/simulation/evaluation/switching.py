"""How soon recommendations follow a person who switches from one theme to another."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from penchant.client import Device, Event, EventKind

__all__ = ["Switch", "events_to_follow", "frozen_top", "switch_between"]

TOP = 10
HOUR = 3600


@dataclass(frozen=True)
class Switch:
    """What a person does, and when it is theirs to be followed.

    Attributes:
        before: item ids of the old theme, in the order they are seen.
        after: item ids of the new theme alone, in the order they are seen.
        theme: ids of every item of the new theme.
        start: unix seconds of the first event; one follows each hour.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    theme: frozenset[str]
    start: int = 1_000_000_000

    def past(self) -> list[Event]:
        """Return the events up to the switch."""
        return [self._event(place, item) for place, item in enumerate(self.before)]

    def next(self, number: int) -> Event:
        """Return event ``number`` after the switch, from 0."""
        return self._event(len(self.before) + number, self.after[number])

    def _event(self, place: int, item: str) -> Event:
        return Event(kind=EventKind.VIEW, item=item, time=self.start + place * HOUR)


def switch_between(
    old: Collection[str],
    new: Collection[str],
    *,
    before: int,
    after: int,
    rng: np.random.Generator,
) -> Switch:
    """Return a switch between two themes, of items drawn at random without repetition.

    Args:
        old: item ids of the old theme; those of the new theme too are not seen.
        new: item ids of the new theme.
        before: events before the switch.
        after: events after it.
        rng: draws the items.
    """
    only_old, only_new = sorted(set(old) - set(new)), sorted(set(new) - set(old))
    return Switch(
        tuple(rng.choice(only_old, before, replace=False).tolist()),
        tuple(rng.choice(only_new, after, replace=False).tolist()),
        frozenset(new),
    )


def events_to_follow(device: Device, switch: Switch, *, share: float = 0.5) -> int | None:
    """Return how many events after the switch the new theme has ``share`` of the top 10.

    Args:
        device: one that has observed nothing.
        switch: what the person does.
        share: of the top 10 recommendations, seen items left out.

    Returns:
        The number of events, from 0, or None if all of the switch's are not enough.
    """
    device.observe(*switch.past())
    for number in range(len(switch.after) + 1):
        if _share(device, switch, seen=(), number=number) >= share:
            return number
        if number < len(switch.after):
            device.observe(switch.next(number))
    return None


def frozen_top(device: Device, switch: Switch) -> list[float]:
    """Return the new theme's share of the top 10 after each event, for a profile that stands still.

    The device observes nothing after the switch; what the person sees is left out all the same.
    """
    device.observe(*switch.past())
    return [
        _share(device, switch, seen=switch.after[:number], number=number)
        for number in range(len(switch.after) + 1)
    ]


def _share(device: Device, switch: Switch, *, seen: Sequence[str], number: int) -> float:
    now = switch.start + (len(switch.before) + number) * HOUR
    ranked = [r.item for r in device.recommend(k=TOP + len(seen), now=now)]
    top = [item for item in ranked if item not in seen][:TOP]
    return sum(item in switch.theme for item in top) / len(top)
