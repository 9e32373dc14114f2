"""Means of metrics over people and seeds, and over both drawn again and again.

Intervals are percentiles of a bootstrap that draws people and seeds with replacement, each once for
all runs, so that what runs have in common cancels in their ratio (Owen, The pigeonhole bootstrap,
Annals of Applied Statistics 1(2), 2007). With one seed it is over people alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from penchant.shared.metrics import FloatArray
from penchant.simulation.evaluation import Evaluation

__all__ = ["Means"]

_RESAMPLES = 500


@dataclass(frozen=True, eq=False)
class Means:
    """Means of one metric over people, of many runs, and the same over resampled people.

    Attributes:
        plain: a run's mean, by its name.
        resampled: float64 (R,), the means over R resamples, by name.
        seeds: of each run, by name.
        draws: float64 (R,), how often each seed is in each resample, by seed.
    """

    plain: Mapping[str, float]
    resampled: Mapping[str, FloatArray]
    seeds: Mapping[str, int]
    draws: Mapping[int, FloatArray]

    @classmethod
    def of(
        cls,
        tests: Mapping[str, Evaluation],
        seeds: Mapping[str, int],
        metrics: Mapping[str, tuple[str, str]],
        *,
        rng: np.random.Generator,
        resamples: int = _RESAMPLES,
    ) -> dict[str, "Means"]:
        """Return the means of each metric.

        Args:
            tests: the ranks of a run, by its name.
            seeds: of each run, by name.
            metrics: protocol and key in ``Evaluation.values`` of each metric, by name.
            rng: of the resamples.
            resamples: R.
        """
        tables = {
            name: np.stack([test.values(p)[key] for p, key in metrics.values()], axis=1)
            for name, test in tests.items()
        }
        everybody = np.unique(np.concatenate([test.people for test in tests.values()]))
        places = {n: np.searchsorted(everybody, test.people) for n, test in tests.items()}
        resampled = {name: np.empty((resamples, len(metrics))) for name in tests}
        for row in range(resamples):
            drawn = rng.integers(everybody.size, size=everybody.size)
            counts = np.bincount(drawn, minlength=everybody.size).astype(np.float64)
            for name, table in tables.items():
                weights = counts[places[name]]
                resampled[name][row] = weights @ table / max(1.0, weights.sum())
        kinds = sorted(set(seeds.values()))
        drawn_seeds = rng.multinomial(len(kinds), [1 / len(kinds)] * len(kinds), size=resamples)
        draws = {seed: drawn_seeds[:, column] for column, seed in enumerate(kinds)}
        return {
            metric: cls(
                plain={name: float(table[:, column].mean()) for name, table in tables.items()},
                resampled={name: values[:, column] for name, values in resampled.items()},
                seeds=seeds,
                draws={seed: counts.astype(np.float64) for seed, counts in draws.items()},
            )
            for column, metric in enumerate(metrics)
        }

    def over(self, names: Sequence[str]) -> tuple[float, FloatArray]:
        """Return the mean over runs that differ by seed, and over resampled people and seeds.

        Args:
            names: of the runs; not empty.
        """
        weights = np.stack([self.draws[self.seeds[name]] for name in names], axis=1)
        # Where a resample has none of these seeds, all of them stand for it.
        weights[weights.sum(axis=1) == 0] = 1.0
        values = np.stack([self.resampled[name] for name in names], axis=1)
        means = (weights * values).sum(axis=1) / weights.sum(axis=1)
        return float(np.mean([self.plain[name] for name in names])), means
