"""From runs over some populations to others: how many devices a budget needs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from penchant.simulation.recipes import retuned
from penchant.simulation.sweep.losses import Loss, LossTable, estimated
from penchant.simulation.sweep.noise import NoiseCurve
from penchant.simulation.sweep.records import Check, Estimate, Extrapolation, Forecast, Need
from penchant.simulation.sweep.schedule import MOST_DEVICES, NoiseSchedule

__all__ = ["SHARES", "extrapolated"]

SHARES = (0.01, 0.02, 0.05, 0.1)  # that a budget may cost
_REFITS = 200
_SIZES_A_DECADE = 8
# No loss counts as known better than this: the curve itself is no nearer to the truth.
_LEAST_ERROR = 0.005
_TAILS = (0.025, 0.975)


def extrapolated(lost: LossTable) -> tuple[list[Extrapolation], str | None]:
    """Read losses over several populations beyond them, for each metric and set of other settings.

    Returns:
        The extrapolations; and why there are none, where there are several populations.
    """
    lines: dict[tuple[str, tuple[object, ...]], list[Loss]] = {}
    for metric, losses in lost.items():
        for loss in losses.values():
            run = loss.run
            others = (run.preset, run.privacy, run.cohort, run.clip)
            lines.setdefault((metric, others), []).append(loss)
    found, why_not = [], None
    for (metric, _), line in lines.items():
        sizes = sorted({loss.run.devices for loss in line})
        if len(sizes) == 1:
            continue
        fitted = {loss.noise for loss in line if loss.run.devices < sizes[-1]}
        if line[0].run.privacy != "user":
            why_not = (
                "devices add noise of their own to what they keep, which more devices do not "
                "average out; only the user level is extrapolated"
            )
        elif retuned(line[0].settings.preset, line[0].settings.privacy):
            why_not = (
                f"with privacy {line[0].run.preset} is trained by another recipe than without, so "
                "noise is not all that it loses"
            )
        elif min(loss.above_chance for loss in line) <= max(SHARES):
            why_not = "without privacy the ranker is hardly above chance: there is little to lose"
        elif len(fitted) < 2:
            why_not = (
                "without the largest population, on which the curve is checked, there are fewer "
                "than 2 different noises; sweep over more budgets or populations"
            )
        else:
            found.append(_extrapolation(line, metric=metric))
    return found, None if found else why_not


def _extrapolation(measured: Sequence[Loss], *, metric: str) -> Extrapolation:
    """Fit the curve of noise to losses, check it on the largest population, and read it."""
    first = measured[0].run
    populations = sorted({m.run.devices for m in measured})
    fit = _Fit.of(measured)
    schedules = {
        epsilon: NoiseSchedule.of(
            next(m.settings for m in measured if m.epsilon == epsilon),
            {m.run.devices: m.noise for m in measured if m.epsilon == epsilon},
        )
        for epsilon in sorted({m.epsilon for m in measured})
    }
    return Extrapolation(
        preset=first.preset,
        privacy=first.privacy,
        cohort=first.cohort,
        clip=first.clip,
        metric=metric,
        half=fit.curve.half,
        slope=fit.curve.slope,
        most=fit.curve.most,
        populations=populations,
        checks=_checks(measured, largest=populations[-1]),
        forecasts=[
            Forecast(
                epsilon=epsilon,
                devices=size,
                noise=schedule.at(size),
                loss=fit.loss(schedule.at(size)),
            )
            for epsilon, schedule in schedules.items()
            for size in _sizes(populations)
        ],
        needs=[
            _need(fit, schedule, epsilon=epsilon, share=share)
            for epsilon, schedule in schedules.items()
            for share in SHARES
        ],
    )


@dataclass(frozen=True, eq=False)
class _Fit:
    """The curve, and those of resampled people and seeds."""

    curve: NoiseCurve
    resampled: Sequence[NoiseCurve]
    over: str

    @classmethod
    def of(cls, measured: Sequence[Loss]) -> "_Fit":
        noise = np.array([m.noise for m in measured])
        losses = np.array([m.share for m in measured])
        each = np.stack([m.resampled for m in measured], axis=1)
        errors = np.sqrt(each.var(axis=0) + _LEAST_ERROR**2)
        largest = max(measured, key=lambda m: m.run.devices)
        most = largest.above_chance
        curve = NoiseCurve.fitted(noise, losses, errors, most=most)
        return cls(
            curve,
            [
                NoiseCurve.fitted(noise, row, errors, most=most, start=curve)
                for row in each[:_REFITS]
            ],
            largest.over,
        )

    def loss(self, noise: float) -> Estimate:
        at = np.array([noise])
        return estimated(
            float(self.curve.loss(at)[0]),
            np.array([curve.loss(at)[0] for curve in self.resampled]),
            over=self.over,
        )


def _checks(measured: Sequence[Loss], *, largest: int) -> list[Check]:
    fit = _Fit.of([m for m in measured if m.run.devices < largest])
    return [
        Check(epsilon=m.epsilon, devices=largest, forecast=fit.loss(m.noise), measured=m.estimate)
        for m in sorted(measured, key=lambda m: m.epsilon)
        if m.run.devices == largest
    ]


def _need(fit: _Fit, schedule: NoiseSchedule, *, epsilon: float, share: float) -> Need:
    devices = schedule.least(fit.curve.noise_at(share))
    each = sorted(schedule.least(curve.noise_at(share)) for curve in fit.resampled)
    # An order statistic, since the upper ones may be infinite.
    low, high = (each[round(tail * (len(each) - 1))] for tail in _TAILS)
    return Need(
        epsilon=epsilon,
        loss=share,
        devices=_whole(devices),
        low=_whole(low),
        high=_whole(high),
        place=schedule.place(devices),
    )


def _whole(devices: float) -> int | None:
    return None if math.isinf(devices) else math.ceil(devices)


def _sizes(populations: Sequence[int]) -> list[int]:
    """Return sizes to read the curve at: evenly spaced, to a million or ten times the largest."""
    last = min(MOST_DEVICES, max(10 * populations[-1], 10**6))
    decades = math.log10(last / populations[0])
    sizes = np.geomspace(populations[0], last, 1 + math.ceil(decades * _SIZES_A_DECADE))
    return sorted({*populations, *(round(size) for size in sizes)})
