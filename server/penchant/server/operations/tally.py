"""Counts of what was refused, gathered in memory and written down now and then.

A flood must not become as many writes.
"""

import threading
from collections import Counter

from penchant.server.operations.records import Records

__all__ = ["Tally"]


class Tally:
    """Counts by reason, over the life of a server's folder.

    Args:
        records: where they are kept.
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._new: Counter[str] = Counter()

    def add(self, reason: str) -> None:
        """Count one, from any thread."""
        with self._lock:
            self._new[reason] += 1

    def flush(self) -> None:
        """Write down what is new.

        Raises:
            StoreError: it cannot be written; it is kept for the next time.
        """
        with self._writing:
            with self._lock:
                new, self._new = self._new, Counter()
            if not new:
                return
            try:
                self._records.refused(new)
            except BaseException:
                with self._lock:
                    self._new.update(new)
                raise

    def counts(self) -> dict[str, int]:
        """Return all counts, the new ones included."""
        with self._writing:  # what is being written is in neither place
            counts = Counter(self._records.refusals())
            with self._lock:
                counts.update(self._new)
        return dict(sorted(counts.items()))
