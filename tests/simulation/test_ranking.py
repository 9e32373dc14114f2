"""Scores of many people at once are each device's own."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from penchant.client import Event
from penchant.shared.randomness import SeededRandomness
from penchant.simulation.population import Population
from penchant.simulation.ranking import Contexts, score_people
from penchant.simulation.split import Stage
from penchant.simulation.world import World


@pytest.mark.parametrize("stage", ["validation", "test"])
@pytest.mark.parametrize("preset", ["full", "text", "compact"])
def test_scores_are_those_of_the_devices(
    world: Callable[..., World], tmp_path: Path, preset: str, stage: Stage
) -> None:
    """Vectorised evaluation gives what every device itself would rank by, for every preset."""
    made = world(preset=preset)
    split, settings = made.split, made.scorer.ranker.settings
    rng = np.random.default_rng(3)
    vector = (made.scorer.ranker.vector + rng.normal(0, 0.3, settings.size)).astype(np.float32)
    scorer = made.scorer.with_vector(vector)
    population = Population(tmp_path, split.training, scorer, randomness=SeededRandomness(0))
    population.observe_training()
    vectors = rng.normal(size=(len(population), settings.dimension)).astype(np.float32)
    moments = split.validation_times if stage == "validation" else split.test_times
    expected = []
    for person in range(len(population)):
        with population.open(person) as device:
            device._store.save_private_vector(
                scorer.ranker.model_id,
                vectors[person].tobytes(),
                round_number=1,
                event_private=False,
            )
            for item, time in list(zip(*split.history(person, stage=stage), strict=True))[
                device.event_count() :
            ]:
                event = Event(kind="view", item=split.training.item_ids[item], time=int(time))
                device.observe(event)
            expected.append(device.scores(now=int(moments[person])))
    contexts = Contexts.of(split, stage=stage, history_length=settings.history_length)
    np.testing.assert_allclose(
        score_people(scorer, vectors, contexts), np.stack(expected), rtol=1e-5, atol=1e-5
    )
