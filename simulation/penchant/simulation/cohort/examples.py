"""Training examples of many devices as tensors of one shape."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from penchant.shared.scoring import log_hours
from penchant.simulation.cohort.block import Histories
from penchant.simulation.cohort.draws import Draws

__all__ = ["Examples"]


@dataclass(frozen=True, eq=False)
class Examples:
    """One step's examples of n devices, as rows of item tables.

    Attributes:
        targets: int64 (n, B), the events to predict.
        weights: float32 (n, B), 1 / the device's number of examples; 0 where it has fewer than B.
        context: int64 (n, B, L), the events before, latest first; any row where ``missing``.
        missing: bool (n, B, L), where there is no event so far back.
        ages: float32 (n, B, L), log(1 + hours) from each context event to the target.
        negatives: int64 (n, N).
        excluded: bool (n, N), negatives that the device's person is known to like.
        kinds: int64 (n, B, L), numbers of the context's kinds; None where all are views.
    """

    targets: Tensor
    weights: Tensor
    context: Tensor
    missing: Tensor
    ages: Tensor
    negatives: Tensor
    excluded: Tensor
    kinds: Tensor | None = None

    @classmethod
    def of(
        cls,
        histories: Histories,
        draws: Draws,
        rows: NDArray[np.int64],
        *,
        step: int,
        length: int,
        items: int,
    ) -> "Examples":
        """Return the examples of one step; table rows are catalogue rows.

        Args:
            histories: events of a block.
            draws: what its devices drew.
            rows: int64 (n,), places in the block of the devices wanted, in the order wanted.
            step: which step, from 0.
            length: L, how many earlier events an event is predicted from.
            items: J.
        """
        places, counts = draws.places[rows, step], draws.counts[rows, step, None]
        present = np.arange(places.shape[1]) < counts
        # Where there is no example any event will do, even of another device: its weight is 0.
        events = np.where(present, histories.offsets[rows, None] + places, 0)
        lags = np.arange(1, length + 1)
        missing = (places[..., None] < lags) | ~present[..., None]
        before = np.where(missing, events[..., None], events[..., None] - lags)
        known, times = _never_empty(histories.items), _never_empty(histories.times)
        seconds = times[events][..., None] - times[before]
        ages = log_hours(seconds)
        weights = np.where(present, 1 / np.maximum(counts, 1), 0)
        negatives = draws.negatives[rows, step]
        kinds = None if histories.kinds is None else _never_empty(histories.kinds)[before]
        return cls(
            targets=torch.from_numpy(known[events]),
            weights=torch.from_numpy(weights.astype(np.float32)),
            context=torch.from_numpy(known[before]),
            missing=torch.from_numpy(missing),
            ages=torch.from_numpy(ages.astype(np.float32)),
            negatives=torch.from_numpy(negatives),
            excluded=torch.from_numpy(_liked(histories, rows, negatives, items=items)),
            kinds=None if kinds is None else torch.from_numpy(kinds),
        )

    def part(self, devices: slice, *, largest: int) -> "Examples":
        """Return the examples of some devices, which have at most ``largest`` each."""
        some = slice(largest)
        return Examples(
            targets=self.targets[devices, some],
            weights=self.weights[devices, some],
            context=self.context[devices, some],
            missing=self.missing[devices, some],
            ages=self.ages[devices, some],
            negatives=self.negatives[devices],
            excluded=self.excluded[devices],
            kinds=None if self.kinds is None else self.kinds[devices, some],
        )


def _never_empty(values: NDArray[np.int64]) -> NDArray[np.int64]:
    return values if len(values) else np.zeros(1, dtype=np.int64)


def _liked(
    histories: Histories,
    rows: NDArray[np.int64],
    negatives: NDArray[np.int64],
    *,
    items: int,
) -> NDArray[np.bool_]:
    """Return which negatives, int64 (n, N), are among the events of their device, bool."""
    met = np.zeros((len(histories.offsets) - 1, items), dtype=np.bool_)
    met[histories.rows, histories.items] = True
    return met[rows[:, None], negatives]
