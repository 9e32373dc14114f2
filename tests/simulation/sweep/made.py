"""Runs of a sweep that were made, not run: what noise costs in them is known."""

import numpy as np

from penchant.simulation.evaluation import Evaluation, Ranks
from penchant.simulation.settings import SimulationSettings
from penchant.simulation.sweep.losses import LossTable
from penchant.simulation.sweep.records import METRICS, Estimate, Extrapolation, Point, Run, Sweep

__all__ = ["made_run", "made_settings", "made_sweep", "made_test"]

CANDIDATES = 1000


def made_test(hit_rate: float, *, people: int, seed: int, first: int = 0) -> Evaluation:
    """An evaluation in which a share ``hit_rate`` of people has its item first, others last.

    The same seed decides alike: whoever is served at a low rate is served at every higher one.
    """
    served = np.random.default_rng(seed).random(people) < hit_rate
    ranks = {
        protocol: Ranks(
            np.where(served, 0, candidates - 1),
            np.zeros(people, np.int64),
            np.full(people, candidates),
        )
        for protocol, candidates in (("full", CANDIDATES), ("sampled99", 100))
    }
    return Evaluation("test", np.arange(first, first + people), ranks, 10)


def made_run(
    *, epsilon: float | None, devices: int, noise_multiplier: float | None, seed: int = 0
) -> Run:
    """A run at the user level; its metrics stand in its test."""
    return Run(
        name=f"eps{epsilon}-people{devices}-seed{seed}",
        preset="compact",
        privacy="none" if epsilon is None else "user",
        epsilon=epsilon,
        spent=epsilon,
        delta=None if epsilon is None else 1e-6,
        noise_multiplier=noise_multiplier,
        devices=devices,
        evaluated=devices,
        cohort=None,
        expected_cohort=devices / 2,
        clip=None,
        clipping_norm=1.0,
        seed=seed,
        test=dict.fromkeys(METRICS, 0.1),
        popularity=dict.fromkeys(METRICS, 0.05),
    )


def made_settings(run: Run) -> SimulationSettings:
    """The settings that such a run would have."""
    return SimulationSettings.parse(
        {
            "preset": run.preset,
            "privacy": run.privacy,
            "epsilon": run.epsilon,
            "delta": run.delta,
            "seed": run.seed,
        }
    )


def made_sweep(losses: LossTable, extrapolations: list[Extrapolation], **changes: object) -> Sweep:
    """The sweep that such losses are of."""
    plain = Estimate(mean=0.1, low=0.08, high=0.12, over="people")
    private = {loss.run.name: loss.run for of in losses.values() for loss in of.values()}
    free = {
        run.devices: made_run(epsilon=None, devices=run.devices, noise_multiplier=None)
        for run in private.values()
    }
    runs = [*free.values(), *private.values()]
    fields: dict[str, object] = {
        "dataset": "synthetic:items=2000",
        "devices": max(free),
        "command": "penchant sweep --out there",
        "points": [
            Point(
                **run.model_dump(
                    include={"preset", "privacy", "epsilon", "devices", "cohort", "clip"}
                ),
                seeds=[run.seed],
                test=dict.fromkeys(METRICS, plain),
                loss={m: of[run.name].estimate for m, of in losses.items() if run.name in of},
            )
            for run in runs
        ],
        "runs": runs,
        "popularity": dict.fromkeys(METRICS, 0.05),
        "failures": {},
        "extrapolations": extrapolations,
    }
    return Sweep(**(fields | changes))  # type: ignore[arg-type]
