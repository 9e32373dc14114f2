"""From the runs of a sweep to ``sweep.json`` and ``sweep.csv``."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy import stats

from penchant.shared.errors import ConfigurationError
from penchant.shared.files import write_atomically
from penchant.simulation.datasets.synthetic import PopulationSettings
from penchant.simulation.evaluation import read_ranks
from penchant.simulation.report.summary import (
    BothUnits,
    Scores,
    Summary,
    has_summary,
    read_summary,
)
from penchant.simulation.settings import SimulationSettings
from penchant.simulation.sweep.extrapolation import extrapolated
from penchant.simulation.sweep.losses import LossTable, measured_losses
from penchant.simulation.sweep.records import METRICS, Estimate, Point, Run, Sweep

__all__ = ["gathered", "write_tables"]

_CONFIDENCE = 0.95


def gathered(
    runs: Mapping[str, SimulationSettings],
    folder: Path,
    *,
    failures: Mapping[str, str],
    command: str,
) -> Sweep:
    """Read the runs of a sweep that have ended and sum them up; the others are counted.

    Args:
        runs: settings by name.
        folder: keeps the runs.
        failures: why some have not ended, by name.
        command: how to run the sweep again.

    Raises:
        ConfigurationError: none has ended.
        DataError: a summary cannot be read.
    """
    done = {name: read_summary(folder / name) for name in runs if has_summary(folder / name)}
    if not done and failures:
        name, why = next(iter(failures.items()))
        raise ConfigurationError(f"no run of the sweep could be run; {name}: {why}")
    if not done:
        raise ConfigurationError(f"none of the sweep's {len(runs)} runs has ended")
    rows = [_run(name, runs[name], summary) for name, summary in done.items()]
    points = _points(rows)
    lost = measured_losses(points, runs, {name: read_ranks(folder / name) for name in done})
    extrapolations, why_not = extrapolated(lost)
    return Sweep(
        dataset=_dataset({summary.dataset.name for summary in done.values()}),
        devices=max(row.devices for row in rows),
        command=command,
        points=[_point(group, done, lost) for group in points],
        runs=rows,
        popularity={m: float(np.mean([row.popularity[m] for row in rows])) for m in METRICS},
        failures=dict(failures),
        left=len(runs) - len(done) - len(failures),
        extrapolations=extrapolations,
        not_extrapolated=why_not,
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


def _dataset(names: set[str]) -> str:
    """Name the data of all runs; generated populations of several sizes by what they share."""
    if len(names) == 1:
        return names.pop()
    return PopulationSettings.parse(min(names)).of_size(None).name


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
        devices=summary.devices,
        evaluated=summary.evaluated_people or summary.devices,
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


def _points(rows: Sequence[Run]) -> list[list[Run]]:
    """Return the runs that differ by their seeds alone, together."""
    alike: dict[tuple[object, ...], list[Run]] = {}
    for row in rows:
        key = (row.preset, row.privacy, row.epsilon, row.devices, row.cohort, row.clip)
        alike.setdefault(key, []).append(row)
    return list(alike.values())


def _point(runs: Sequence[Run], summaries: Mapping[str, Summary], lost: LossTable) -> Point:
    first = runs[0]
    return Point(
        preset=first.preset,
        privacy=first.privacy,
        epsilon=first.epsilon,
        devices=first.devices,
        cohort=first.cohort,
        clip=first.clip,
        seeds=[run.seed for run in runs],
        test={
            metric: _over_people(metric, first, summaries[first.name])
            if len(runs) == 1
            else _over_seeds([run.test[metric] for run in runs])
            for metric in METRICS
        },
        loss={metric: of[first.name].estimate for metric, of in lost.items() if first.name in of},
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
