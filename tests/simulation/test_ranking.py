"""Scores of many people at once are each device's own."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.client import Event, EventKind
from penchant.shared.randomness import SeededRandomness
from penchant.simulation.datasets import Dataset
from penchant.simulation.population import Population
from penchant.simulation.ranking import Contexts, score_people
from penchant.simulation.split import Stage, leave_one_out
from penchant.simulation.world import World


@given(st.integers(0, 10**6), st.integers(1, 6), st.sampled_from(["validation", "test"]))
def test_contexts_are_the_latest_of_the_histories(seed: int, length: int, stage: Stage) -> None:
    """For everybody evaluated: latest first, with the age at the moment of the held-out item."""
    rng = np.random.default_rng(seed)
    people = np.sort(rng.integers(5, size=30))
    split = leave_one_out(
        Dataset.from_events(
            "small", item_ids=[str(item) for item in range(8)], item_texts=["text"] * 8,
            person_ids=[str(person) for person in range(5)], people=people,
            items=rng.integers(8, size=30), times=rng.integers(10**6, size=30),
        )
    )  # fmt: skip
    split = split.of_people(split.people[::2])
    contexts = Contexts.of(split, stage=stage, history_length=length)
    moments = split.validation_times if stage == "validation" else split.test_times
    for row, person in enumerate(split.people.tolist()):
        items, times = (values[::-1][:length] for values in split.history(person, stage=stage))
        known = ~contexts.missing[row]
        assert contexts.items[row, known].tolist() == items.tolist()
        assert known.tolist() == [True] * len(items) + [False] * (length - len(items))
        ages = np.log1p((moments[person] - times) / 3600)
        np.testing.assert_allclose(contexts.ages[row, known], ages, rtol=1e-5, atol=1e-7)
        assert not contexts.ages[row, ~known].any()


@pytest.mark.parametrize("stage", ["validation", "test"])
@pytest.mark.parametrize(
    ("preset", "has_kinds"), [("full", False), ("full", True), ("text", False), ("compact", False)]
)
def test_scores_are_those_of_the_devices(
    world: Callable[..., World], tmp_path: Path, preset: str, has_kinds: bool, stage: Stage
) -> None:
    """Vectorised evaluation gives what every device itself would rank by, for every preset."""
    made = world(preset=preset)
    split, settings = made.split, made.scorer.ranker.settings
    if has_kinds:
        drawn = np.random.default_rng(8).choice([0, 2, 5], made.dataset.n_events).astype(np.int8)
        split = leave_one_out(replace(made.dataset, kinds=drawn))
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
                last = 0 if split.validation_kinds is None else split.validation_kinds[person]
                event = Event(
                    kind=list(EventKind)[last],
                    item=split.training.item_ids[item],
                    time=int(time),
                )
                device.observe(event)
            expected.append(device.scores(now=int(moments[person])))
    contexts = Contexts.of(split, stage=stage, history_length=settings.history_length)
    np.testing.assert_allclose(
        score_people(scorer, vectors, contexts), np.stack(expected), rtol=1e-5, atol=1e-5
    )
