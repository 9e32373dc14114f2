"""Impressions: what a person was shown at once, and which of it was clicked."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.shared.errors import DataError

__all__ = ["Impressions"]


@dataclass(frozen=True, eq=False)
class Impressions:
    """Lists of items that people were shown, in order of time.

    Impression ``i`` shows ``items[offsets[i] : offsets[i + 1]]``.

    Args:
        people: int64 of shape (n,), whom each was shown to, indices into a data set's people.
        times: int64 of shape (n,), unix seconds, never decreasing.
        offsets: int64 of shape (n + 1,), where each list begins.
        items: int32 of shape (shown,), indices into a data set's items.
        clicked: bool of shape (shown,), which of them were clicked.

    Raises:
        DataError: the parts do not fit together.
    """

    people: NDArray[np.int64]
    times: NDArray[np.int64]
    offsets: NDArray[np.int64]
    items: NDArray[np.int32]
    clicked: NDArray[np.bool_]

    def __post_init__(self) -> None:
        n = len(self.people)
        fits = (
            len(self.times) == n
            and len(self.offsets) == n + 1
            and self.offsets[0] == 0
            and self.offsets[-1] == len(self.items) == len(self.clicked)
            and not (np.diff(self.offsets) < 0).any()
        )
        if not fits:
            raise DataError(
                f"{n} impressions need {n} times, {n + 1} rising offsets, and items and clicks up "
                f"to the last; got {len(self.times)}, {len(self.offsets)}, {len(self.items)} and "
                f"{len(self.clicked)}"
            )
        if (np.diff(self.times) < 0).any():
            raise DataError("impressions are not in order of time; sort them")

    def __len__(self) -> int:
        """Return n, the number of impressions."""
        return len(self.people)

    def head(self, people: int) -> "Impressions":
        """Return those of the first ``people`` people."""
        return self.where(self.people < people)

    def where(self, chosen: NDArray[np.bool_]) -> "Impressions":
        """Return those that ``chosen``, bool of shape (n,), marks."""
        lengths = np.diff(self.offsets)
        shown = np.repeat(chosen, lengths)
        return Impressions(
            people=self.people[chosen],
            times=self.times[chosen],
            offsets=np.concatenate(([0], np.cumsum(lengths[chosen]))),
            items=self.items[shown],
            clicked=self.clicked[shown],
        )
