"""A block of devices trained together gives what each of them gives by itself."""

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from penchant.client import EventKind
from penchant.client.training.rounds import train_round
from penchant.shared.contract import EventPrivacy, LearningRates, LocalTraining, TrainingTask
from penchant.shared.history import History
from penchant.shared.randomness import SeededRandomness
from penchant.shared.ranker import Preset, RankerSettings
from penchant.simulation.cohort.block import Block, BlockTraining, Constants, Histories
from penchant.simulation.cohort.engine import train_block

ITEMS, FEATURES, DIMENSION, LENGTH, ROUND = 50, 12, 6, 4, 3
RATES = LearningRates(
    private_vector=0.2,
    item_projection=0.3,
    context_projection=0.2,
    attention=0.5,
    popularity=0.8,
    item_residual=0.4,
)
NO_NOISE = 1e-12


def make_constants(preset: Preset, *, items: int = ITEMS, seed: int = 0) -> Constants:
    """A catalogue of random features."""
    rng = np.random.default_rng(seed)
    shape = RankerSettings(
        preset=preset,
        items=items,
        features=FEATURES,
        dimension=DIMENSION,
        history_length=LENGTH,
    )
    features = rng.standard_normal((items, FEATURES)).astype(np.float32)
    return Constants(shape, features, SeededRandomness(11).spawn(1))


def make_block(lengths: list[int], *, items: int = ITEMS, seed: int = 0) -> Block:
    """Devices with random histories, which may meet an item again, and random vectors."""
    rng = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    times = np.concatenate([np.cumsum(rng.integers(0, 90_000, n)) for n in lengths])
    histories = Histories(offsets, rng.integers(0, items, int(offsets[-1])), times.astype(np.int64))
    devices = np.sort(rng.choice(10_000, len(lengths), replace=False)).astype(np.int64)
    vectors = rng.standard_normal((len(lengths), DIMENSION)).astype(np.float32)
    return Block(devices, histories, vectors)


def make_task(
    constants: Constants,
    *,
    steps: int = 1,
    examples: int = 7,
    negatives: int = 15,
    clipping_norm: float | None = None,
    event_privacy: EventPrivacy | None = None,
    rates: LearningRates = RATES,
) -> TrainingTask:
    """A round over a ranker of random numbers."""
    vector = np.random.default_rng(5).standard_normal(constants.settings.size) * 0.3
    training = LocalTraining(
        steps=steps,
        examples=examples,
        negatives=negatives,
        rates=rates,
        clipping_norm=clipping_norm,
        event_privacy=event_privacy,
    )
    return TrainingTask("0" * 16, ROUND, training, vector.astype(np.float32))


def event_privacy(noise_multiplier: float = NO_NOISE) -> EventPrivacy:
    """DP-SGD whose clipping is active."""
    return EventPrivacy(
        sampling_probability=0.4,
        expected_batch_size=5.0,
        clipping_norm=0.8,
        noise_multiplier=noise_multiplier,
    )


def one_by_one(
    constants: Constants, task: TrainingTask, block: Block
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """The sum of updates and the private vectors that the devices' own training gives."""
    total = np.zeros(constants.settings.size)
    vectors = []
    histories = block.histories
    for row, device in enumerate(block.devices):
        own = slice(histories.offsets[row], histories.offsets[row + 1])
        items = histories.items[own]
        trained = train_round(
            task,
            settings=constants.settings,
            item_features=constants.features,
            history=History(
                features=constants.features[items],
                items=items,
                kinds=np.full(len(items), EventKind.VIEW.number),
                times=histories.times[own],
            ),
            private_vector=block.private_vectors[row],
            randomness=constants.randomness.spawn(int(device), task.round_number),
        )
        total += trained.update
        vectors.append(trained.private_vector)
    return total, np.stack(vectors)


def assert_same(constants: Constants, task: TrainingTask, block: Block) -> BlockTraining:
    """Together and one by one, training gives the same to 1e-5 of the largest number."""
    total, vectors = one_by_one(constants, task, block)
    found = train_block(constants, task, block)
    assert found.succeeded.all()
    np.testing.assert_allclose(found.private_vectors, vectors, rtol=0, atol=1e-5)
    largest = max(1.0, float(np.abs(total).max()))
    np.testing.assert_allclose(found.total, total, rtol=0, atol=1e-5 * largest)
    return found


LENGTHS = [9, 0, 1, 30, 5, 7, 2, 16]
KINDS = list(product(Preset, [1, 3], [None, 0.5], [False, True]))


@pytest.mark.parametrize(("preset", "steps", "norm", "private"), KINDS)
def test_a_block_trains_as_its_devices_do(
    preset: Preset, steps: int, norm: float | None, private: bool
) -> None:
    """Every preset, number of steps, clipping and privacy gives each device's own numbers."""
    constants = make_constants(preset)
    task = make_task(
        constants,
        steps=steps,
        clipping_norm=norm,
        event_privacy=event_privacy() if private else None,
    )
    found = assert_same(constants, task, make_block(LENGTHS))
    assert np.abs(found.total).max() > 0.01
