"""``drift.json``: metrics by event since the switch, and how many events recovery takes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from penchant.shared.files import write_atomically
from penchant.simulation.drift.prequential import Prequential
from penchant.simulation.report.record import Record, read_if_there

__all__ = ["DRIFT_FILE", "Drift", "Followed", "Mean", "read_drift", "summed_up", "write_json"]

DRIFT_FILE = "drift.json"

STEP = 5  # events that are averaged: one alone is mostly noise
RECOVERED = 0.9
TOLD = "told"  # the profile that is told of the switch
RESAMPLES = 500


class Mean(Record):
    """A mean over people and its 95% bootstrap interval."""

    mean: float
    low: float
    high: float


class Followed(Record):
    """One profile.

    ``hr`` and ``ndcg`` have one mean for each step of 5 events, in the order of ``Drift.steps``.
    ``level`` is NDCG@10 before the switch, ``fallen`` right after it. ``recovery`` is how many
    events after the switch NDCG@10 is back at 90% of the profile's own level, over 5 events: None
    if it is not within the events that were followed. ``recovery_range`` is its 95% bootstrap
    interval over people, whose end is None alike. ``caught_up`` and ``caught_up_range`` are the
    same against 90% of what ``told`` has over the same 5 events, which is the most to ask.
    """

    name: str
    meaning: str  # what it is, in words
    hr: list[Mean]
    ndcg: list[Mean]
    level: Mean
    fallen: Mean
    recovery: int | None
    recovery_range: tuple[int | None, int | None]
    caught_up: int | None
    caught_up_range: tuple[int | None, int | None]


class Drift(Record):
    """A whole evaluation. ``steps`` has the first event of each, from 0 at the switch.

    ``trained_on`` says of a trained ranker whether it learnt from these people's events, and is
    None of interest states, which learn from nobody else.
    """

    dataset: str
    subject: Literal["interest state", "trained ranker"]
    trained_on: bool | None = None
    people: int
    switches: str  # planted, or joined
    before: int
    after: int
    steps: list[int]
    profiles: list[Followed]
    command: str


def summed_up(
    found: Prequential,
    *,
    meanings: Mapping[str, str],
    trained_on: bool | None = None,
    dataset: str,
    switches: str,
    command: str,
    rng: np.random.Generator,
) -> Drift:
    """Return the means over people, with bootstrap intervals.

    Args:
        found: metrics of every event.
        meanings: what each profile is, by name.
        trained_on: of a trained ranker, whether it learnt from these people's events.
        dataset: its name.
        switches: what kind of switches they are.
        command: how to run it again.
        rng: draws people for the bootstrap, the same for every profile.
    """
    people, events = found.hits.shape[1:]
    drawn = rng.integers(people, size=(RESAMPLES, people))
    weights = np.stack([np.bincount(draw, minlength=people) for draw in drawn]).astype(float)
    weights = np.concatenate([np.ones((1, people)), weights])
    told = _windows(found.gains[found.names.index(TOLD), :, found.before :], weights)
    profiles = []
    for name, hits, gains in zip(found.names, found.hits, found.gains, strict=True):
        hr, gain = _step_means(hits, weights), _step_means(gains, weights)
        first = found.before // STEP
        level = _mean_over(gains[:, : found.before], weights)
        windows = _windows(gains[:, found.before :], weights)
        recovery, recovery_range = _first_back(windows, level[:, None])
        caught_up, caught_up_range = _first_back(windows, told)
        profiles.append(
            Followed(
                name=name,
                meaning=meanings[name],
                hr=[_interval(column) for column in hr.T],
                ndcg=[_interval(column) for column in gain.T],
                level=_interval(level),
                fallen=_interval(gain[:, first]),
                recovery=recovery,
                recovery_range=recovery_range,
                caught_up=caught_up,
                caught_up_range=caught_up_range,
            )
        )
    return Drift(
        dataset=dataset,
        subject="interest state" if trained_on is None else "trained ranker",
        trained_on=trained_on,
        people=people,
        switches=switches,
        before=found.before,
        after=events - found.before,
        steps=list(range(-found.before, events - found.before, STEP)),
        profiles=profiles,
        command=command,
    )


def write_json(drift: Drift, folder: Path) -> Path:
    """Write ``drift.json``, whole or not at all, and return its path."""
    path = folder / DRIFT_FILE
    write_atomically(path, drift.model_dump_json(indent=2).encode() + b"\n")
    return path


def read_drift(folder: Path) -> Drift | None:
    """Read ``drift.json``; None if there is none.

    Raises:
        DataError: it cannot be read, or is not valid; the error names the fields.
    """
    return read_if_there(Drift, folder / DRIFT_FILE)


def _by_event(
    values: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return sums and counts of each event by resample, float64 (B, events)."""
    there = ~np.isnan(values)
    return weights @ np.where(there, values, 0.0), weights @ there


def _mean_over(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    sums, counts = _by_event(values, weights)
    return np.asarray(sums.sum(axis=1) / np.maximum(counts.sum(axis=1), 1))


def _step_means(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of each 5 events by resample, float64 (B, steps)."""
    return np.stack(
        [
            _mean_over(values[:, start : start + STEP], weights)
            for start in range(0, values.shape[1], STEP)
        ],
        axis=1,
    )


def _windows(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of 5 events from each on by resample, float64 (B, events - 4)."""
    sums, counts = (
        np.lib.stride_tricks.sliding_window_view(a, STEP, axis=1).sum(axis=2)
        for a in _by_event(values, weights)
    )
    return np.asarray(sums / np.maximum(counts, 1))


def _first_back(
    windows: NDArray[np.float64], level: NDArray[np.float64]
) -> tuple[int | None, tuple[int | None, int | None]]:
    """Return the first event from which 5 reach 90% of a level, and its interval."""
    back = (windows >= RECOVERED * level) & (level > 0)
    events = np.where(back.any(axis=1), back.argmax(axis=1), np.inf)
    low = np.quantile(events[1:], 0.025, method="lower")
    high = np.quantile(events[1:], 0.975, method="higher")
    return _told(events[0]), (_told(low), _told(high))


def _told(events: float) -> int | None:
    return None if np.isinf(events) else int(events)


def _interval(resampled: NDArray[np.float64]) -> Mean:
    low, high = np.quantile(resampled[1:], [0.025, 0.975])
    return Mean(mean=float(resampled[0]), low=float(low), high=float(high))
