"""How well penchant recommends on MovieLens-100K: the mean of several seeds, with intervals.

    python benchmarks/quality.py [--seeds 5] [--only full,user,...] [--json FILE]

Sections: ``full``: the preset without privacy; ``central``: the same ranker trained centrally,
tuned on validation; ``user``: user-level privacy, epsilon 8, delta 1e-4, at 943 people;
``unseen``: the preset ``text`` and TF-IDF, tuned on validation, on items that were in nobody's
training; ``unseen_full``: the preset ``full`` there (not by default); ``leak``: devices that train
alone with shuffled texts; ``large``: a synthetic population of 100,000, with user-level privacy at
epsilon 4 and without (a quarter of an hour of processor time a seed; not by default).

A figure is the mean over seeds; its interval is Student's, at 95%, over seeds. A seed draws
cohorts, batches, negatives, noise and, in ``unseen``, who and what is kept from training.
"""

import argparse
import json
import logging
import platform
import tempfile
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from scipy.stats import t as student

from penchant.server.checkpoints import RoundState
from penchant.shared.randomness import SeededRandomness
from penchant.simulation.controls import tune
from penchant.simulation.controls.central import CentralRanker
from penchant.simulation.controls.content import TextSimilarity
from penchant.simulation.evaluation import Evaluation
from penchant.simulation.fidelity import simulated_devices
from penchant.simulation.isolation import IsolatedDevices, sample_people
from penchant.simulation.ranking import VectorTable
from penchant.simulation.run import DEVICE_STREAM, ISOLATION_STREAM, SERVER_STREAM
from penchant.simulation.settings import SimulationSettings
from penchant.simulation.training import FinishedRound, train_federated
from penchant.simulation.trial import Judges, Trial
from penchant.simulation.world import World, prepare

LARGE = "synthetic:devices=1e5,texts=movielens-100k"
Figures = dict[str, float]


def metrics(evaluation: Evaluation, name: str) -> Figures:
    """Return an evaluation's HR@10 and NDCG@10 by every protocol, flat."""
    return {
        f"{name}_{protocol}_{metric.replace('@', '')}": scores[metric]
        for protocol, scores in evaluation.as_dict().items()
        for metric in ("hr@10", "ndcg@10")
    }


def world_of(seed: int, **flags: object) -> World:
    """Return what a run with these settings starts from."""
    return prepare(SimulationSettings.parse({"seed": seed, **flags}), tell=lambda _: None)


def trained(world: World, seed: int, test: Callable[[Trial], Figures]) -> Figures:
    """Train a world's ranker, as ``penchant simulate`` does, and test it."""
    randomness, rounds = SeededRandomness(seed), list[FinishedRound]()
    with (
        tempfile.TemporaryDirectory() as folder,
        simulated_devices(
            world,
            SimulationSettings().fidelity,
            Path(folder),
            randomness=randomness.spawn(DEVICE_STREAM),
        ) as devices,
    ):
        train_federated(
            world.scorer,
            RoundState.initial(world.scorer.ranker.vector),
            devices,
            world.plan,
            randomness=randomness.spawn(SERVER_STREAM),
            on_cohort=lambda *_: None,
            on_reply=lambda _: None,
            on_round=rounds.append,
        )
        return test(trial_of(world, seed, rounds[-1].state.vector, devices.private_vectors))


def trial_of(world: World, seed: int, vector: np.ndarray, vectors: VectorTable) -> Trial:
    """Return what a ranker of these numbers is tested with."""
    judges = Judges(world, seed)
    validation, test = judges.of("validation", 0), judges.of("test", 1)
    ranker = world.scorer.with_vector(vector)
    return Trial.of(ranker, vectors, judges, validation=validation, test=test)


def tested(trial: Trial, *, name: str) -> Figures:
    """Return the ranker's figures at the main test."""
    judge = next(iter(trial.tests.values()))
    return metrics(judge.evaluate(judge.ranking(trial.scorer, trial.vectors)), name)


def full(seed: int) -> Figures:
    """The preset full, without privacy."""
    return trained(world_of(seed, preset="full"), seed, partial(tested, name="full"))


def user(seed: int) -> Figures:
    """User-level privacy at 943 people."""
    flags = {"preset": "compact", "privacy": "user", "epsilon": 8.0, "delta": 1e-4}
    return trained(world_of(seed, **flags), seed, partial(tested, name="user_epsilon8"))


def central(seed: int) -> Figures:
    """The same ranker as full's, trained centrally."""
    world = world_of(seed, preset="full")
    trial = trial_of(world, seed, world.scorer.ranker.vector, np.zeros((943, 1)))
    control = CentralRanker(world.scorer, world.scorer.catalogue)
    tuned = tune(control, trial.material, world.split, trial.validation.evaluate)
    judge = next(iter(trial.tests.values()))
    score = partial(tuned.fitted.score, world.split, stage="test")
    return metrics(judge.evaluate(score), "central")


def unseen(seed: int) -> Figures:
    """The preset text on items never seen in training, beside TF-IDF."""

    def test(trial: Trial) -> Figures:
        figures: Figures = {}
        control = TextSimilarity()
        tuned = tune(control, trial.material, trial.validation.split, trial.validation.evaluate)
        plain = control.fit(trial.material, {"of": "words", "latest": "all"})
        for name, judge in trial.tests.items():
            for title, fitted in (("tfidf", tuned.fitted), ("tfidf_mean", plain)):
                score = partial(fitted.score, judge.split, stage="test")
                figures |= metrics(judge.evaluate(score), f"{title}_{_short(name)}")
        return figures | every_group(trial, name="text")

    return trained(world_of(seed, preset="text", protocol="cold-start"), seed, test)


def unseen_full(seed: int) -> Figures:
    """The preset full on items never seen in training."""
    world = world_of(seed, preset="full", protocol="cold-start")
    return trained(world, seed, partial(every_group, name="full"))


def every_group(trial: Trial, *, name: str) -> Figures:
    """Return the ranker's figures of new and known people and items, apart."""
    figures: Figures = {}
    for group, judge in trial.tests.items():
        found = judge.evaluate(judge.ranking(trial.scorer, trial.vectors))
        figures |= metrics(found, f"{name}_{_short(group)}")
    return figures


def _short(group: str) -> str:
    return group.replace(" people, ", "_").replace(" items", "")


def leak(seed: int) -> Figures:
    """A hundred devices that train alone, with texts that tell nothing; chance is 0.1."""
    world = world_of(seed, preset="full")
    judge = Judges(world, seed).of("test", 1)
    alone = IsolatedDevices(
        world.scorer,
        world.split.training,
        world.plan,
        judge.contexts,
        SeededRandomness(seed).spawn(ISOLATION_STREAM),
        shuffled=True,
    )
    sample = judge.of_people(sample_people(world.split.people))
    return metrics(sample.evaluate(alone.score), "alone_shuffled")


def large(seed: int) -> Figures:
    """A synthetic population of 100,000, without privacy and at epsilon 4."""
    flags = {"dataset": LARGE, "preset": "compact"}
    private = {"privacy": "user", "epsilon": 4.0}
    return trained(world_of(seed, **flags), seed, partial(tested, name="large_none")) | trained(
        world_of(seed, **flags, **private), seed, partial(tested, name="large_epsilon4")
    )


SECTIONS = {
    "full": full,
    "user": user,
    "central": central,
    "unseen": unseen,
    "unseen_full": unseen_full,
    "leak": leak,
    "large": large,
}


def main() -> None:
    """Run the sections and print, and perhaps write, their figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default="full,user,central,unseen,leak")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    logging.getLogger("flwr").setLevel(logging.WARNING)
    by_name: dict[str, list[float]] = {}
    for section in arguments.only.split(","):
        for seed in range(arguments.seeds):
            for name, value in SECTIONS[section](seed).items():
                by_name.setdefault(name, []).append(value)
    figures = dict(_figures(by_name))
    _print(by_name)
    if arguments.json:
        about = {
            "seeds": arguments.seeds,
            "machine": platform.platform(),
            "penchant": version("penchant"),
            "torch": version("torch"),
        }
        arguments.json.write_text(json.dumps(about | figures, indent=2) + "\n")


def _figures(by_name: dict[str, list[float]]) -> list[tuple[str, float]]:
    figures = []
    for name, values in by_name.items():
        mean, half = _mean(values)
        figures += [(name, mean), (f"{name}_low", mean - half), (f"{name}_high", mean + half)]
    return figures


def _mean(values: list[float]) -> tuple[float, float]:
    """Return the mean and half the width of its 95% interval; 0 for one value."""
    mean = float(np.mean(values))
    if len(values) == 1:
        return mean, 0.0
    quantile = student.ppf(0.975, len(values) - 1)
    return mean, float(quantile * np.std(values, ddof=1) / np.sqrt(len(values)))


def _print(by_name: dict[str, list[float]]) -> None:
    table = Table(title="Test, mean over seeds", title_justify="left")
    for heading in ("", "mean", "95% interval"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, values in by_name.items():
        mean, half = _mean(values)
        table.add_row(name, f"{mean:.4f}", f"{mean - half:.4f} to {mean + half:.4f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
