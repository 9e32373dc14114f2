"""``sweep.json`` and ``sweep.csv``: every run of a sweep, and means over seeds with intervals."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy import stats

from penchant.shared.errors import ConfigurationError
from penchant.shared.files import write_atomically
from penchant.simulation.report.record import Record
from penchant.simulation.report.summary import BothUnits, Scores, Summary, read_summary
from penchant.simulation.settings import SimulationSettings

__all__ = ["METRICS", "Estimate", "Point", "Run", "Sweep", "gathered", "write_tables"]

# Name to protocol, field and the key of its interval.
METRICS = {
    "full hr@10": ("full", "hr", "hr@10"),
    "full ndcg@10": ("full", "ndcg", "ndcg@10"),
    "sampled99 hr@10": ("sampled99", "hr", "hr@10"),
    "sampled99 ndcg@10": ("sampled99", "ndcg", "ndcg@10"),
}
_CONFIDENCE = 0.95


class Run(Record):
    """One run.

    ``epsilon``, ``cohort`` and ``clip`` are what was asked for: None for no privacy and for the
    recipe's own; ``spent``, ``expected_cohort`` and ``clipping_norm`` are what came of it.
    """

    name: str
    preset: str
    privacy: str
    epsilon: float | None
    spent: float | None
    delta: float | None
    noise_multiplier: float | None
    cohort: int | None
    expected_cohort: float
    clip: float | None
    clipping_norm: float | None
    seed: int
    test: dict[str, float]
    popularity: dict[str, float]


class Estimate(Record):
    """A mean, and its 95% interval: over ``seeds``, or over ``people`` where there is one seed."""

    mean: float
    low: float
    high: float
    over: str


class Point(Record):
    """Runs that differ by their seeds alone."""

    preset: str
    privacy: str
    epsilon: float | None
    cohort: int | None
    clip: float | None
    seeds: list[int]
    test: dict[str, Estimate]


class Sweep(Record):
    """A whole sweep; ``failures`` says why some runs could not be run, by name."""

    dataset: str
    devices: int
    command: str
    points: list[Point]
    runs: list[Run]
    popularity: dict[str, float]  # means over runs
    failures: dict[str, str]


def gathered(
    runs: Mapping[str, SimulationSettings],
    folder: Path,
    *,
    failures: Mapping[str, str],
    command: str,
) -> Sweep:
    """Read the runs of a sweep that have ended and sum them up.

    Args:
        runs: settings by name.
        folder: keeps the runs.
        failures: why some have not ended, by name.
        command: how to run the sweep again.

    Raises:
        ConfigurationError: none has ended.
        DataError: a summary cannot be read.
    """
    done = {name: read_summary(folder / name) for name in runs if name not in failures}
    if not done:
        name, why = next(iter(failures.items()))
        raise ConfigurationError(f"no run of the sweep could be run; {name}: {why}")
    rows = [_run(name, runs[name], summary) for name, summary in done.items()]
    alike: dict[tuple[object, ...], list[Run]] = {}
    for row in rows:
        key = (row.preset, row.privacy, row.epsilon, row.cohort, row.clip)
        alike.setdefault(key, []).append(row)
    first = next(iter(done.values()))
    return Sweep(
        dataset=first.dataset.name,
        devices=first.devices,
        command=command,
        points=[_point(group, done) for group in alike.values()],
        runs=rows,
        popularity={m: float(np.mean([row.popularity[m] for row in rows])) for m in METRICS},
        failures=dict(failures),
    )


def write_tables(sweep: Sweep, folder: Path) -> None:
    """Write ``sweep.json`` and ``sweep.csv``, one row a run, each whole or not at all."""
    write_atomically(folder / "sweep.json", sweep.model_dump_json(indent=2).encode() + b"\n")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    settings = [name for name in Run.model_fields if name not in {"test", "popularity"}]
    writer.writerow([*settings, *METRICS, *(f"popularity {metric}" for metric in METRICS)])
    for run in sweep.runs:
        values = [getattr(run, name) for name in settings]
        writer.writerow([*values, *run.test.values(), *run.popularity.values()])
    write_atomically(folder / "sweep.csv", text.getvalue().encode())


def _run(name: str, settings: SimulationSettings, summary: Summary) -> Run:
    privacy = summary.privacy
    promise = privacy.user if isinstance(privacy, BothUnits) else privacy
    return Run(
        name=name,
        preset=summary.preset,
        privacy=privacy.unit,
        epsilon=settings.epsilon,
        spent=promise.epsilon,
        delta=promise.delta,
        noise_multiplier=promise.noise_multiplier,
        cohort=settings.cohort,
        expected_cohort=summary.cohort.mean_size,
        clip=settings.clip,
        clipping_norm=promise.clipping_norm,
        seed=summary.seed,
        test=_values(summary.test.full, summary.test.sampled99),
        popularity=_values(summary.controls.popularity.full, summary.controls.popularity.sampled99),
    )


def _values(full: Scores, sampled99: Scores) -> dict[str, float]:
    by_protocol = {"full": full, "sampled99": sampled99}
    return {
        name: float(getattr(by_protocol[protocol], field))
        for name, (protocol, field, _) in METRICS.items()
    }


def _point(runs: Sequence[Run], summaries: Mapping[str, Summary]) -> Point:
    first = runs[0]
    return Point(
        preset=first.preset,
        privacy=first.privacy,
        epsilon=first.epsilon,
        cohort=first.cohort,
        clip=first.clip,
        seeds=[run.seed for run in runs],
        test={
            metric: _over_people(metric, first, summaries[first.name])
            if len(runs) == 1
            else _over_seeds([run.test[metric] for run in runs])
            for metric in METRICS
        },
    )


def _over_seeds(values: Sequence[float]) -> Estimate:
    """Return the mean with Student's interval: mean -+ t s / sqrt(n), n - 1 degrees of freedom."""
    mean, count = float(np.mean(values)), len(values)
    error = float(np.std(values, ddof=1)) / math.sqrt(count)
    half = float(stats.t.ppf((1 + _CONFIDENCE) / 2, count - 1)) * error
    return Estimate(mean=mean, low=max(0.0, mean - half), high=min(1.0, mean + half), over="seeds")


def _over_people(metric: str, run: Run, summary: Summary) -> Estimate:
    protocol, _, key = METRICS[metric]
    value = run.test[metric]
    bounds: Mapping[str, list[float]] = getattr(summary.test, protocol).interval or {}
    low, high = bounds.get(key, [value, value])
    return Estimate(mean=value, low=low, high=high, over="people")
