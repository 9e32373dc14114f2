"""Robust aggregation: a round's updates, all of them held, by Flower's trimmed mean or Krum.

They look at single updates, so they go neither with secure aggregation, which shows the server
only sums, nor with noise calibrated for a sum of clipped updates: with trimming or choosing, one
person's update decides which of the others count, and moves the result by more than its own share.
"""

import numpy as np
from flwr.serverapp.strategy import FedAvg, FedTrimmedAvg, Krum
from numpy.typing import NDArray

from penchant.server.replies import aggregated
from penchant.server.settings import AggregationName, RoundSettings
from penchant.shared.clipping import clip_to_norm
from penchant.shared.errors import RoundError

__all__ = ["HeldUpdates", "require_room"]

MOST_BYTES = 512 * 2**20  # of updates held at once; aggregating takes some three times as much


class HeldUpdates:
    """A round's clipped updates; memory grows with the cohort.

    Args:
        settings: how rounds are run; ``aggregation`` is not ``sum``.
    """

    def __init__(self, settings: RoundSettings) -> None:
        self._settings = settings
        self._updates: list[NDArray[np.float32]] = []

    @property
    def count(self) -> int:
        """Number of updates added."""
        return len(self._updates)

    def add(self, update: NDArray[np.float32]) -> None:
        """Add an update, float32 (D,), clipped again: a device need not have."""
        norm = self._settings.training.clipping_norm
        # A copy: what comes may be a view of the whole message.
        held = update.copy() if norm is None else clip_to_norm(update, clipping_norm=norm)
        self._updates.append(held)

    def mean(self) -> NDArray[np.float32]:
        """Return the robust mean, float32 (D,).

        Trimmed mean: Yin et al. (2018), "Byzantine-robust distributed learning", definition 2.
        Krum: Blanchard et al. (2017), "Machine learning with adversaries", section 4.
        """
        return aggregated(self._strategy(), self._updates)

    def _strategy(self) -> FedAvg:
        if self._settings.aggregation is AggregationName.KRUM:
            return Krum(num_malicious_nodes=self._settings.assumed_malicious)
        return FedTrimmedAvg(beta=self._settings.trimmed_share)


def require_room(settings: RoundSettings, *, size: int) -> None:
    """Refuse rounds whose updates, of ``size`` numbers each, cannot be held at once.

    Raises:
        RoundError: they are too many, or too large.
    """
    if settings.aggregation is AggregationName.SUM:
        return
    needed = 4 * size * settings.cohort_cap
    if needed > MOST_BYTES:
        raise RoundError(
            f"aggregation {settings.aggregation} holds every update of a round: up to "
            f"{settings.cohort_cap} of {size} numbers are {needed / 2**20:.0f} MiB, and at most "
            f"{MOST_BYTES / 2**20:.0f} may be; lower sampling_probability, or aggregate by sum"
        )
