"""Devices that train alone: at chance with shuffled texts, and a planted leak is caught."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from penchant.client.training import examples, plain
from penchant.shared.history import History
from penchant.shared.randomness import SeededRandomness
from penchant.simulation.evaluation import Evaluation, chance, leak_suspected
from penchant.simulation.isolation import IsolatedDevices, sample_people
from penchant.simulation.judge import Judge
from penchant.simulation.world import World


def trained_alone(made: World, *, shuffled: bool) -> Evaluation:
    """Return what devices that train alone achieve on the test items."""
    judge = Judge.of(
        made.split,
        "test",
        history_length=made.plan.recipe.history_length,
        rng=np.random.default_rng(2),
    )
    devices = IsolatedDevices(
        made.scorer,
        made.split.training,
        made.plan,
        judge.contexts,
        SeededRandomness(5),
        shuffled=shuffled,
    )
    return judge.evaluate(devices.score)


def suspected(evaluation: Evaluation) -> bool:
    """Return the verdict of the check for leaks."""
    return leak_suspected(
        evaluation.hits("sampled99"),
        len(evaluation.people),
        chance=chance(k=10, candidates=100),
    )


@pytest.fixture(scope="module")
def full(world: Callable[..., World]) -> World:
    """The full preset, for as many rounds as its recipe has."""
    return world(preset="full")


def test_no_leak_is_found_in_penchant(full: World) -> None:
    """Alone and with texts that tell nothing, a device is at chance: nothing else reaches it."""
    assert not suspected(trained_alone(full, shuffled=True))


def test_planted_leak_is_caught(full: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The published leak, negatives that never are the held-out item, raises the alarm."""
    honest = examples.known_items
    by_training = {
        full.split.training.history(person)[0].tobytes(): full.split.test_items[person]
        for person in full.split.people
    }

    def leaking(history: History) -> NDArray[np.int64]:
        held_out = by_training[history.items.astype(np.int32).tobytes()]
        return np.append(honest(history), held_out)

    monkeypatch.setattr(plain, "known_items", leaking)
    evaluation = trained_alone(full, shuffled=True)
    assert suspected(evaluation)
    assert evaluation.hits("sampled99") >= 0.9 * len(evaluation.people)


def test_texts_alone_help_a_device(full: World) -> None:
    """With its real texts a device alone beats chance: tastes are planted along them."""
    assert trained_alone(full, shuffled=False).as_dict()["sampled99"]["hr@10"] > 0.2


def test_people_are_sampled_evenly() -> None:
    """At most 100 people train alone, the first and the last among them, none twice."""
    everybody = np.arange(943)
    sample = sample_people(everybody)
    assert len(np.unique(sample)) == 100
    assert (sample[0], sample[-1]) == (0, 942)
    np.testing.assert_array_equal(sample_people(np.arange(7)), np.arange(7))
