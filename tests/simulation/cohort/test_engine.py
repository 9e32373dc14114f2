"""A block of devices trained together gives what each of them gives by itself."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import chi2

from penchant.client import EventKind
from penchant.client.training.rounds import train_round
from penchant.shared.contract import EventPrivacy, LearningRates, LocalTraining, TrainingTask
from penchant.shared.errors import RoundError
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


@given(
    lengths=st.lists(st.integers(0, 12), min_size=1, max_size=6),
    preset=st.sampled_from(list(Preset)),
    steps=st.integers(1, 2),
    norm=st.sampled_from([None, 0.1, 10.0]),
    private=st.booleans(),
    negatives=st.sampled_from([1, 6, 8, 40]),
    examples=st.integers(1, 9),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60)
def test_any_histories_train_as_their_devices_do(
    lengths: list[int],
    preset: Preset,
    steps: int,
    norm: float | None,
    private: bool,
    negatives: int,
    examples: int,
    seed: int,
) -> None:
    """Whatever the histories, over a catalogue so small that draws repeat or take every item."""
    constants = make_constants(preset, items=8)
    task = make_task(
        constants,
        steps=steps,
        examples=examples,
        negatives=negatives,
        clipping_norm=norm,
        event_privacy=event_privacy() if private else None,
    )
    assert_same(constants, task, make_block(lengths, items=8, seed=seed))


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("norm", [None, 0.5])
def test_the_parts_of_a_block_add_up(norm: float | None, private: bool) -> None:
    """A block gives the sum of what its devices give in blocks of one; order is no matter."""
    constants = make_constants(Preset.FULL)
    privacy = event_privacy() if private else None
    task = make_task(constants, clipping_norm=norm, event_privacy=privacy)
    whole = make_block(LENGTHS)
    histories, offsets = whole.histories, whole.histories.offsets
    total = np.zeros(constants.settings.size)
    for row in range(len(LENGTHS)):
        own = slice(offsets[row], offsets[row + 1])
        one = Block(
            whole.devices[[row]],
            Histories(np.array([0, LENGTHS[row]]), histories.items[own], histories.times[own]),
            whole.private_vectors[[row]],
        )
        total += train_block(constants, task, one).total
    np.testing.assert_allclose(train_block(constants, task, whole).total, total, atol=1e-5)


def test_a_device_that_overflows_fails_alone() -> None:
    """It is left out of the sum and keeps its private vector; the others train as ever."""
    constants = make_constants(Preset.TEXT)
    for norm in (None, 0.5):
        task = make_task(constants, clipping_norm=norm)
        block = make_block(LENGTHS)
        rest = block.private_vectors.copy()
        block.private_vectors[3] = 3e38
        found = train_block(constants, task, block)
        assert found.succeeded.tolist() == [row != 3 for row in range(len(LENGTHS))]
        np.testing.assert_array_equal(found.private_vectors[3], block.private_vectors[3])
        lengths = [0 if row == 3 else length for row, length in enumerate(LENGTHS)]
        kept = np.repeat(np.arange(len(LENGTHS)), LENGTHS) != 3
        quiet = Histories(
            np.concatenate([[0], np.cumsum(lengths)]),
            block.histories.items[kept],
            block.histories.times[kept],
        )
        expected = train_block(constants, task, Block(block.devices, quiet, rest))
        np.testing.assert_allclose(found.total, expected.total, atol=1e-6)
        others = np.arange(len(LENGTHS)) != 3
        np.testing.assert_allclose(
            found.private_vectors[others], expected.private_vectors[others], atol=1e-6
        )


def test_a_device_that_overflows_is_one_that_fails_by_itself() -> None:
    """Its own training raises, as it does in device fidelity."""
    constants = make_constants(Preset.TEXT)
    block = make_block([5])
    block.private_vectors[:] = 3e38
    with np.errstate(all="ignore"), pytest.raises(RoundError, match="not finite"):
        one_by_one(constants, make_task(constants), block)


NOISE = 1.7


def noise_of(
    constants: Constants, block: Block, seed: int, *, together: bool
) -> NDArray[np.float64]:
    """What noise adds to the summed update and to all private vectors, in standard deviations."""
    seeded = replace(constants, randomness=SeededRandomness(seed).spawn(1))

    def result(noise_multiplier: float) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        task = make_task(seeded, event_privacy=event_privacy(noise_multiplier))
        if together:
            found = train_block(seeded, task, block)
            return found.total.astype(np.float64), found.private_vectors
        return one_by_one(seeded, task, block)

    noisy, clean = result(NOISE), result(NO_NOISE)
    privacy = event_privacy(NOISE)
    unit = NOISE * privacy.clipping_norm / privacy.expected_batch_size
    shapes = constants.settings.shapes()
    rates = np.concatenate(
        [np.full(int(np.prod(shape)), RATES.of(name)) for name, shape in shapes.items()]
    )
    shared = (noisy[0] - clean[0]) / (rates * unit * np.sqrt(len(block.devices)))
    private = (noisy[1] - clean[1]) / (RATES.private_vector * unit)
    return np.concatenate([shared, private.ravel().astype(np.float64)])


@pytest.mark.parametrize(("together", "runs"), [(True, 600), (False, 120)])
def test_noise_has_the_same_law_together_and_one_by_one(together: bool, runs: int) -> None:
    """Noise on the sum and on all private vectors is standard normal, all of it independent.

    Three chi-squared tests over runs with fixed seeds, each with a false-alarm rate of 1e-4: of
    the means, of the variances and of all correlations.
    """
    constants = make_constants(Preset.COMPACT, items=8)
    block = make_block([6, 0, 9], items=8)
    drawn = np.stack([noise_of(constants, block, seed, together=together) for seed in range(runs)])
    numbers = drawn.shape[1]
    assert numbers == constants.settings.size + block.private_vectors.size
    assert chi2.sf(runs * np.square(drawn.mean(axis=0)).sum(), numbers) > 1e-4
    squares = np.square(drawn).sum()
    assert 1e-4 / 2 < chi2.sf(squares, numbers * runs) < 1 - 1e-4 / 2
    correlations = np.triu(drawn.T @ drawn / runs, 1)
    pairs = numbers * (numbers - 1) // 2
    assert chi2.sf(runs * np.square(correlations).sum(), pairs) > 1e-4


def test_a_device_that_clips_its_noisy_update_draws_all_of_its_noise() -> None:
    """With event and user privacy together, noise on or not, each device's numbers are its own."""
    constants = make_constants(Preset.FULL)
    task = make_task(constants, steps=2, clipping_norm=0.3, event_privacy=event_privacy(1.0))
    assert_same(constants, task, make_block(LENGTHS))
