"""Populations: real devices that have seen the training events and nothing else."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from flwr.app import Context, RecordDict

from penchant.shared.contract import TrainingTask
from penchant.shared.randomness import SeededRandomness
from penchant.simulation.grid import DEVICE_KEY
from penchant.simulation.population import Population
from penchant.simulation.world import World


def population_of(made: World, folder: Path) -> Population:
    """Return a population that has observed its training events."""
    made_population = Population(
        folder, made.split.training, made.scorer, randomness=SeededRandomness(0)
    )
    made_population.observe_training()
    return made_population


def context_of(device: int) -> Context:
    """Return the context of a message for ``device``."""
    return Context(
        run_id=1,
        node_id=1,
        node_config={DEVICE_KEY: device},
        state=RecordDict(),
        run_config={},
    )


def test_devices_know_training_events_only(world: Callable[..., World], tmp_path: Path) -> None:
    """Every device holds its person's training events: as many, and none held out."""
    made = world()
    population = population_of(made, tmp_path)
    for person in range(len(population)):
        with population.open(person) as device:
            assert device.event_count() == len(made.split.training.history(person)[0])
            best = {found.item for found in device.recommend(k=made.split.training.n_items)}
        held_out = made.split.training.item_ids[made.split.test_items[person]]
        assert held_out in best


def test_observing_again_changes_nothing(world: Callable[..., World], tmp_path: Path) -> None:
    """A resumed population does not observe its events twice, and finds its vectors again."""
    made = world()
    population = population_of(made, tmp_path)
    task = TrainingTask(
        made.scorer.ranker.model_id, 1, made.plan.rounds.training, made.scorer.ranker.vector
    )
    with population.training(context_of(7)) as device:
        device.train(task)
    assert np.abs(population.private_vectors[7]).max() > 0
    again = population_of(made, tmp_path)
    np.testing.assert_array_equal(again.private_vectors, population.private_vectors)
    with again.open(7) as device:
        assert device.event_count() == len(made.split.training.history(7)[0])
