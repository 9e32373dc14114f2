"""What a simulation of some people ends with: a deployed run of the same people must match it."""

from dataclasses import replace
from pathlib import Path

from penchant.server.checkpoints import RoundState
from penchant.shared.randomness import SeededRandomness
from penchant.shared.scoring import Scorer
from penchant.simulation.population import Population
from penchant.simulation.settings import SimulationSettings
from penchant.simulation.training import FinishedRound, train_federated
from penchant.simulation.world import World, prepare

__all__ = ["SEED", "asking", "first_people", "simulated"]

SEED = 3
SERVER_STREAM, DEVICE_STREAM = 0, 1


def first_people(*, devices: int, rounds: int) -> World:
    """Return the first people of MovieLens-100K, all of whom take part in every round."""
    settings = SimulationSettings.parse(
        {"devices": devices, "preset": "compact", "rounds": rounds, "cohort": devices}
    )
    return prepare(settings, tell=lambda _line: None)


def asking(world: World) -> World:
    """Return the world with rounds that ask devices for measures."""
    rounds = world.plan.rounds.model_copy(update={"evaluate": True})
    return replace(world, plan=replace(world.plan, rounds=rounds))


def simulated(world: World, scorer: Scorer, folder: Path) -> list[FinishedRound]:
    """Return the rounds of a simulation of these people.

    Args:
        world: the people.
        scorer: the ranker they begin with.
        folder: an absent one, for their devices.
    """
    seeds = SeededRandomness(SEED)
    folder.mkdir()
    devices = Population(
        folder, world.split.training, scorer, randomness=seeds.spawn(DEVICE_STREAM)
    )
    devices.observe_training()
    finished: list[FinishedRound] = []
    train_federated(
        scorer,
        RoundState.initial(scorer.ranker.vector),
        devices,
        world.plan,
        randomness=seeds.spawn(SERVER_STREAM),
        on_cohort=lambda _number, _size: None,
        on_reply=lambda _count: None,
        on_round=finished.append,
    )
    assert len(finished) == world.plan.rounds.rounds
    return finished
