"""Local training of a block of devices: what ``train_round`` does on each, for all at once."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from penchant.shared.contract import TrainingTask
from penchant.shared.randomness import SeededRandomness
from penchant.shared.ranker import RankerSettings
from penchant.simulation.cohort.block import Block, BlockTraining, Constants
from penchant.simulation.cohort.chunks import cut
from penchant.simulation.cohort.draws import Draws, draw_events, draw_examples
from penchant.simulation.cohort.eventsteps import train_events_apart, train_events_together
from penchant.simulation.cohort.onestep import train_one_step
from penchant.simulation.cohort.ownrankers import train_own_rankers
from penchant.simulation.cohort.start import Start
from penchant.simulation.cohort.streams import seeded_generators

__all__ = ["train_block"]

BLOCK_NOISE_KEY = 1  # below the stream (device, round) of the block's first device


def train_block(constants: Constants, task: TrainingTask, block: Block) -> BlockTraining:
    """Return what training ``task`` on each device of ``block`` gives.

    Args:
        constants: of the run.
        task: of the round.
        block: at least one device.
    """
    settings, training = constants.settings, task.training
    start = _start(constants, task)
    generators = _generators(constants.randomness, block.devices, task.round_number)
    privacy = training.event_privacy
    if privacy is None:
        draws = draw_examples(block.histories, generators, training, items=settings.items)
    else:
        draws = draw_events(
            block.histories,
            generators,
            training,
            sampling_probability=privacy.sampling_probability,
            items=settings.items,
        )
    together = training.steps == 1 and training.clipping_norm is None
    chunks = cut(
        block.histories,
        draws,
        items=settings.items,
        length=settings.history_length if privacy is None else 0,  # those have no context
        numbers=_numbers(settings, draws, together=together, noisy=privacy is not None),
    )
    if privacy is None and together:
        return train_one_step(start, block, chunks, rates=training.rates)
    if privacy is None:
        return train_own_rankers(start, block, chunks, training=training)
    streams = (
        constants.randomness.spawn(int(device), task.round_number) for device in block.devices
    )
    if together:
        noise = next(streams).spawn(BLOCK_NOISE_KEY)
        return train_events_together(
            start, block, chunks, training=training, privacy=privacy, noise=noise
        )
    return train_events_apart(
        start, block, chunks, training=training, privacy=privacy, streams=list(streams)
    )


def _generators(
    randomness: SeededRandomness, devices: NDArray[np.int64], round_number: int
) -> Iterator[np.random.Generator]:
    """Yield each device's stream (device, round), good until the next is asked for."""
    path = [np.full(len(devices), part) for part in randomness.key]
    paths = np.column_stack([*path, devices, np.full(len(devices), round_number)])
    return seeded_generators(randomness.seed, paths)


@lru_cache(maxsize=1)
def _start(constants: Constants, task: TrainingTask) -> Start:
    """Return the round's start, which its blocks share; arguments are told by identity."""
    return Start.of(constants.settings, constants.features, task.vector)


def _numbers(settings: RankerSettings, draws: Draws, *, together: bool, noisy: bool) -> int:
    """Return about how many numbers the largest array of one device has."""
    steps, examples = (int(size) for size in draws.places.shape[1:])
    negatives = int(draws.negatives.shape[2])
    if noisy:
        return (examples + negatives) * settings.features if together else settings.size
    if together:
        return examples * negatives
    met = steps * (negatives + examples * (1 + settings.history_length))
    return max(examples * negatives, min(met, settings.items) * settings.features)
