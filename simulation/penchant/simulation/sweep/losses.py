"""What a budget costs: the share of a metric that is lost, person by person against no privacy.

Two runs over the same people and with the same seed differ by the noise alone, so the share that is
lost is known much better than either metric.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from penchant.shared.metrics import FloatArray
from penchant.simulation.evaluation import Evaluation, Ranks
from penchant.simulation.settings import SimulationSettings
from penchant.simulation.sweep.records import METRICS, Estimate, Run
from penchant.simulation.sweep.resampling import Means

__all__ = ["Loss", "LossTable", "estimated", "measured_losses"]

_TAILS = (2.5, 97.5)


@dataclass(frozen=True, eq=False)
class Loss:
    """What the privacy of some runs that differ by their seeds alone costs by one metric.

    Attributes:
        run: the first of them.
        settings: of it.
        share: the share of the metric that is lost; below 0, if there is a gain.
        resampled: float64 (R,), the same over resampled people and seeds.
        over: what the resamples are over.
        above_chance: share of the metric without privacy that lies above chance.
    """

    run: Run
    settings: SimulationSettings
    share: float
    resampled: FloatArray
    over: str
    above_chance: float

    @property
    def epsilon(self) -> float:
        """The budget; a run without one loses nothing."""
        return float(self.run.epsilon or math.inf)

    @property
    def noise(self) -> float:
        """The server's noise in the mean update, in clipping norms; user level only."""
        return float(self.run.noise_multiplier or 0.0) / self.run.expected_cohort

    @property
    def estimate(self) -> Estimate:
        """The share with its interval."""
        return estimated(self.share, self.resampled, over=self.over)


# By metric, and by the name of the first run of those that differ by their seeds alone.
LossTable: TypeAlias = Mapping[str, Mapping[str, Loss]]


def estimated(value: float, resampled: FloatArray, *, over: str) -> Estimate:
    """Return a value with the 95% percentile interval of its resamples, float64 (R,)."""
    low, high = np.percentile(resampled, _TAILS)
    return Estimate(mean=value, low=float(low), high=float(high), over=over)


def measured_losses(
    points: Sequence[Sequence[Run]],
    settings: Mapping[str, SimulationSettings],
    tests: Mapping[str, Evaluation],
) -> LossTable:
    """Return what privacy costs wherever runs without it are otherwise alike.

    Args:
        points: runs that differ by their seeds alone, together.
        settings: of each run, by name.
        tests: ranks of each run, by name.
    """
    runs = {run.name: run for runs in points for run in runs}
    means = Means.of(
        tests,
        {name: run.seed for name, run in runs.items()},
        {metric: (protocol, key) for metric, (protocol, _, key) in METRICS.items()},
        rng=np.random.default_rng(0),
    )
    free = {_others(runs[0]): runs for runs in points if runs[0].epsilon is None}
    lost: dict[str, dict[str, Loss]] = {metric: {} for metric in METRICS}
    for private in points:
        first = private[0]
        beside = free.get(_others(first), ())
        seeds = {run.seed for run in private} & {run.seed for run in beside}
        if first.epsilon is None or not seeds:
            continue
        names, without = ([r.name for r in rs if r.seed in seeds] for rs in (private, beside))
        for metric, of in means.items():
            (kept, kept_each), (whole, whole_each) = of.over(names), of.over(without)
            # Where nobody is served without privacy there is nothing to lose.
            if whole and whole_each.all():
                lost[metric][first.name] = Loss(
                    run=first,
                    settings=settings[first.name],
                    share=1 - kept / whole,
                    resampled=1 - kept_each / whole_each,
                    over="people" if len(seeds) == 1 else "people and seeds",
                    above_chance=1 - _chance(tests[without[0]], metric) / whole,
                )
    return lost


def _others(run: Run) -> tuple[object, ...]:
    """Return what runs have in common that differ by budget and seed alone."""
    return (run.preset, run.devices, run.cohort, run.clip)


def _chance(test: Evaluation, metric: str) -> float:
    """Return the mean metric of a ranker that knows nothing: everything is tied."""
    protocol, _, key = METRICS[metric]
    candidates = test.ranks[protocol].candidates
    tied = Ranks(np.zeros_like(candidates), candidates - 1, candidates)
    nothing = Evaluation(test.stage, test.people, {protocol: tied}, test.k)
    return float(nothing.values(protocol)[key].mean())
