"""Retention: what is too old, or one too many, is forgotten without being asked."""

import time as clock
from collections.abc import Callable, Sequence

from penchant.client.storage.store import Store

__all__ = ["Retention"]

DAY_SECONDS = 86_400


class Retention:
    """Has a device forget events past its limits.

    The age is looked at when the device is opened and then once a day, as events come. When there
    are too many events, a tenth of the limit goes at once with those, so that what forgetting
    costs is paid once in many events. The clock is the system's: one that is set far ahead makes
    everything too old.

    Args:
        store: the events.
        forget: forgets the events with the ids it is given.
        days: keep events for this many days; None for ever.
        most: keep this many events, the latest ones; None for all.
    """

    def __init__(
        self,
        store: Store,
        forget: Callable[[Sequence[int]], object],
        *,
        days: float | None,
        most: int | None,
    ) -> None:
        self._store = store
        self._forget = forget
        self._days = days
        self._most = most
        self._count: int | None = None
        self._next_look = 0.0

    def enforce(self, *, added: int = 0) -> bool:
        """Forget what is past the limits; tell whether there was anything.

        Args:
            added: how many events were added since it was last called.

        Raises:
            StoreError: the store cannot be written.
        """
        now = clock.time()
        ids = {*self._too_old(now), *self._too_many(added)}
        if ids:
            self.recount()
            self._forget(sorted(ids))
        if now >= self._next_look:
            self._next_look = now + DAY_SECONDS
        return bool(ids)

    def recount(self) -> None:
        """Count the events again when next asked: some were forgotten elsewhere."""
        self._count = None

    def _too_old(self, now: float) -> list[int]:
        if self._days is None or now < self._next_look:
            return []
        return self._store.event_ids(before=int(now - self._days * DAY_SECONDS))

    def _too_many(self, added: int) -> list[int]:
        if self._most is None:
            return []
        if self._count is None:
            self._count = self._store.event_count()
        else:
            self._count += added
        if self._count <= self._most:
            return []
        return self._store.event_ids(beyond=self._most - self._most // 10)
