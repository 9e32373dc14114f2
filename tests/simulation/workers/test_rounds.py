"""Whole rounds of federated training, wherever their blocks are trained."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.simulation.workers.mortal import Mortal, train_or_die

from penchant.server.checkpoints import RoundState
from penchant.shared.randomness import SeededRandomness
from penchant.simulation.cohort import grid
from penchant.simulation.cohort.block import Constants
from penchant.simulation.cohort.engine import train_block
from penchant.simulation.cohort.population import CohortPopulation
from penchant.simulation.training import FinishedRound, train_federated
from penchant.simulation.workers import choose_workers
from penchant.simulation.world import World

MakeWorld = Callable[..., World]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 8 devices, so that each round has several."""
    monkeypatch.setattr(grid, "BLOCK_SIZE", 8)


def trained(
    made: World, folder: Path, *, processes: int = 1, ray: str | None = None, dies: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.float32], list[int]]:
    """Return the ranker, the private vectors and the updates counted in each round.

    Args:
        made: the world.
        folder: where vectors live, and where a worker leaves word that it has died.
        processes: how many train.
        ray: the cluster that trains instead.
        dies: a worker kills itself in the middle of round 2.
    """
    rounds: list[FinishedRound] = []
    randomness = SeededRandomness(3)
    scorer = made.scorer
    constants = Constants(scorer.ranker.settings, scorer.features, randomness.spawn(1))
    mortal = Mortal(constants, folder / "died", round_number=2)
    with (
        choose_workers(train_or_die, mortal, processes=processes, ray=ray)
        if dies
        else choose_workers(train_block, constants, processes=processes, ray=ray)
    ) as workers:
        population = CohortPopulation(folder / "vectors", made.split.training, scorer, workers)
        train_federated(
            scorer,
            RoundState.initial(scorer.ranker.vector),
            population,
            made.plan,
            randomness=randomness.spawn(0),
            on_cohort=lambda *_: None,
            on_reply=lambda _: None,
            on_round=rounds.append,
        )
        vectors = population.private_vectors[np.arange(len(population))]
    assert (folder / "died").exists() is dies
    return rounds[-1].state.vector, vectors, [finished.outcome.accepted for finished in rounds]


@pytest.mark.parametrize("kind", ["processes", "Ray"])
def test_rounds_do_not_depend_on_who_trains(
    world: MakeWorld, request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    """One process, or two or a cluster of two nodes of which a worker is killed: the same bits.

    The ranker and every private vector are the same, and each device is counted once.
    """
    made = world(preset="compact", privacy="user", epsilon=8.0, delta=1e-4, rounds=3, cohort=30)
    ray = request.getfixturevalue("ray_address") if kind == "Ray" else None
    alone = trained(made, tmp_path / "alone")
    elsewhere = trained(made, tmp_path / kind, processes=2, ray=ray, dies=True)
    np.testing.assert_array_equal(elsewhere[0], alone[0])
    np.testing.assert_array_equal(elsewhere[1], alone[1])
    assert elsewhere[2] == alone[2]
