"""Flower's server optimisers behind a step: mean update in, change of the ranker out."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from flwr.serverapp.strategy import FedAdam, FedAvg
from numpy.typing import NDArray

from penchant.server.replies import NAME, aggregated
from penchant.server.settings import OptimiserName, OptimiserSettings
from penchant.shared.contract import LearningRates
from penchant.shared.ranker import RankerSettings

__all__ = ["Moments", "ServerOptimiser"]


@dataclass(frozen=True, eq=False)
class Moments:
    """FedAdam's memory between rounds; both zero at the start and under FedAvg.

    Attributes:
        first: float32 (D,).
        second: float32 (D,).
    """

    first: NDArray[np.float32]
    second: NDArray[np.float32]

    @classmethod
    def zero(cls, size: int) -> Self:
        """Return the moments before the first round, for D = ``size`` numbers."""
        return cls(np.zeros(size, dtype=np.float32), np.zeros(size, dtype=np.float32))


class ServerOptimiser:
    """A Flower strategy used for what it does to a mean update.

    Flower's FedAdam has one rate for all; it is run at rate 1 and its step is multiplied by the
    rate of each group of numbers, which is the same as a rate for each.

    Args:
        settings: which optimiser, and its rates.
        ranker: shape of what is optimised.
        rounds: how many the rates fall over.
    """

    def __init__(self, settings: OptimiserSettings, ranker: RankerSettings, *, rounds: int) -> None:
        self._settings = settings
        self._rates = _rates_by_number(settings.rates, ranker)
        self._rounds = rounds

    def step(
        self, mean_update: NDArray[np.float32], moments: Moments, *, round_number: int
    ) -> tuple[NDArray[np.float32], Moments]:
        """Return the change of the ranker and the next moments.

        Args:
            mean_update: float32 (D,), with noise if there is any.
            moments: what the rounds before left.
            round_number: from 1.
        """
        strategy = self._strategy(moments)
        unit_step = aggregated(strategy, [mean_update], round_number=round_number)
        step = unit_step * self._rates * self._schedule(round_number)
        return step.astype(np.float32), self._moments(strategy, moments)

    def _strategy(self, moments: Moments) -> FedAvg:
        if self._settings.name is OptimiserName.FEDAVG:
            return FedAvg()
        strategy = FedAdam(
            eta=1.0,
            beta_1=self._settings.beta_1,
            beta_2=self._settings.beta_2,
            tau=self._settings.tau,
        )
        # From zero, "the new arrays" that Flower returns are the step itself.
        strategy.current_arrays = {NAME: np.zeros_like(moments.first)}
        strategy.m_t = {NAME: moments.first}
        strategy.v_t = {NAME: moments.second}
        return strategy

    def _moments(self, strategy: FedAvg, before: Moments) -> Moments:
        if not isinstance(strategy, FedAdam) or strategy.m_t is None or strategy.v_t is None:
            return before
        return Moments(strategy.m_t[NAME].astype(np.float32), strategy.v_t[NAME].astype(np.float32))

    def _schedule(self, round_number: int) -> float:
        if self._rounds == 1:
            return 1.0
        progress = (round_number - 1) / (self._rounds - 1)
        return 1.0 - (1.0 - self._settings.final_rate) * progress


def _rates_by_number(rates: LearningRates, ranker: RankerSettings) -> NDArray[np.float32]:
    return np.concatenate(
        [np.full(shape, rates.of(name)).ravel() for name, shape in ranker.shapes().items()]
    ).astype(np.float32)
