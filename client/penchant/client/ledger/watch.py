"""Watching over a ledger: what its witnesses and the clock know better makes it wait."""

import time
from collections.abc import Callable, Sequence

from penchant.client.ledger.journal import Journal
from penchant.client.ledger.settings import BudgetSettings
from penchant.client.ledger.witness import Mark, Witness

__all__ = ["Watch"]

# How often the latest time is written down when nothing else is.
TIME_STEP = 6 * 3600


class Watch:
    """Compares a ledger with its witnesses and the clock, and tells them how far it has come.

    Args:
        journal: the ledger's database.
        settings: the budget.
        witnesses: who else knows how far it had come.
        clock: gives unix seconds.
    """

    def __init__(
        self,
        journal: Journal,
        settings: BudgetSettings,
        witnesses: Sequence[Witness] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._journal = journal
        self._settings = settings
        self._witnesses = tuple(witnesses)
        self._clock = clock
        self._told: list[Mark | None] = [None] * len(self._witnesses)

    def now(self) -> int:
        """Return the time, unix seconds; it never goes back."""
        return max(int(self._clock()), self._journal.latest_time() or 0)

    def notice(self) -> None:
        """Compare the ledger with its witnesses and the clock, and wait if they do not fit."""
        mark, latest = self._journal.mark(), self._journal.latest_time()
        seen = [witness.read() for witness in self._witnesses]
        known = [found for found in seen if found is not None]
        clock = int(self._clock())
        newest = max([clock, latest or 0, *(found.time for found in known)])
        reasons = []
        for witness, found in zip(self._witnesses, seen, strict=True):
            if found is None:
                if witness.lasting and latest is not None:
                    reasons.append("what was written down outside of it is gone")
            elif found.count > mark.count:
                reasons.append("it was deleted, or put back to an earlier state")
            elif self._journal.head(found.count) != found.head:
                reasons.append("it is not the ledger that was here before")
        clock_back = newest - clock > self._settings.clock_tolerance
        until = newest + self._settings.window
        if clock_back and self._journal.freeze()[0] < until:
            reasons.append("the clock was set back")
        with self._journal.transaction():
            if reasons:
                self._journal.add_freeze(
                    number=1 + max([mark.count, *(found.count for found in known)]),
                    time=newest,
                    until=until,
                    reason="; ".join(dict.fromkeys(reasons)),
                )
            elif latest is None or newest - latest > TIME_STEP:
                self._journal.tell_time(newest)

    def tell_witnesses(self) -> None:
        """Tell each witness how far the ledger has come, if it does not know."""
        mark = self._journal.mark()
        for place, witness in enumerate(self._witnesses):
            if self._told[place] != mark:
                witness.write(mark)
                self._told[place] = mark
