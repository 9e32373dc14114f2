"""A device's rounds: what they start from, what they leave, and what they refuse."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from penchant.client import Device, Event, EventKind
from penchant.shared.contract import EventPrivacy, LocalTraining, TrainingTask
from penchant.shared.errors import RoundError
from penchant.shared.ranker import Preset
from penchant.shared.scoring import Scorer

OpenDevice = Callable[..., Device]
MakeTraining = Callable[..., LocalTraining]
MakeTask = Callable[..., TrainingTask]
PRIVACY = EventPrivacy(
    sampling_probability=0.5, expected_batch_size=2.0, clipping_norm=1.0, noise_multiplier=2.0
)
UNITS = pytest.mark.parametrize("privacy", [None, PRIVACY], ids=["plain", "event"])
EVENTS = [
    Event(kind=EventKind.VIEW, item="item-3", time=100),
    Event(kind=EventKind.SEARCH, text="jazz music", time=200),
    Event(kind=EventKind.LIKE, item="item-7", time=300),
    Event(kind=EventKind.VIEW, item="item-11", time=400),
]


@pytest.fixture
def device(scorer: Scorer, open_device: OpenDevice) -> Device:
    """A device that has observed a little."""
    device = open_device(scorer)
    device.observe(*EVENTS)
    return device


@UNITS
def test_the_same_task_twice_is_the_same_answer(
    device: Device,
    scorer: Scorer,
    make_task: MakeTask,
    make_training: MakeTraining,
    privacy: EventPrivacy,
) -> None:
    """A repeated message gets the same answer, to the bit, and leaves the same private vector."""
    device.train(make_task(scorer, make_training(), round_number=1))
    task = make_task(scorer, make_training(event_privacy=privacy), round_number=2)
    first = device.train(task)
    left = device.private_vector()
    again = device.train(task)
    assert (first.model_id, first.round_number) == (task.model_id, 2)
    assert first.update.tobytes() == again.update.tobytes()
    assert left.tobytes() == device.private_vector().tobytes()
    assert left.any()


@UNITS
def test_a_later_round_goes_on_from_the_one_before(
    device: Device,
    scorer: Scorer,
    open_device: OpenDevice,
    make_task: MakeTask,
    make_training: MakeTraining,
    privacy: EventPrivacy,
) -> None:
    """Round 5 starts from what round 2 left, on a device opened anew too."""
    training = make_training(event_privacy=privacy)
    device.train(make_task(scorer, training, round_number=2))
    left = device.private_vector()
    device.close()
    still = make_training(rate=0.0, event_privacy=privacy)
    with open_device(scorer) as again:
        again.train(make_task(scorer, still, round_number=5))
        np.testing.assert_array_equal(again.private_vector(), left)
        again.train(make_task(scorer, training, round_number=6))
        assert (again.private_vector() != left).any()


def test_an_event_private_round_starts_from_event_private_rounds(
    device: Device, scorer: Scorer, make_task: MakeTask, make_training: MakeTraining
) -> None:
    """A private vector fitted to the events without noise is never where a private round starts."""
    private = make_training(event_privacy=PRIVACY)
    still = make_training(rate=0.0, event_privacy=PRIVACY)
    device.train(make_task(scorer, make_training(), round_number=1))
    device.train(make_task(scorer, still, round_number=2))
    np.testing.assert_array_equal(device.private_vector(), np.zeros(3))
    device.train(make_task(scorer, private, round_number=3))
    noised = device.private_vector()
    device.train(make_task(scorer, make_training(), round_number=4))
    assert (device.private_vector() != noised).any()
    device.train(make_task(scorer, still, round_number=5))
    np.testing.assert_array_equal(device.private_vector(), noised)


def test_a_task_for_another_ranker_is_refused(
    device: Device, scorer: Scorer, make_task: MakeTask, make_training: MakeTraining
) -> None:
    """A task of another model id is a RoundError that names both, and nothing is trained."""
    task = replace(make_task(scorer, make_training()), model_id="0123456789abcdef")
    with pytest.raises(RoundError, match=f"0123456789abcdef.*{scorer.ranker.model_id}"):
        device.train(task)
    assert not device.private_vector().any()


def test_a_task_of_another_size_is_refused(
    device: Device, scorer: Scorer, make_task: MakeTask, make_training: MakeTraining
) -> None:
    """A task with too few numbers is a RoundError that names both sizes."""
    task = make_task(scorer, make_training())
    size = len(task.vector)
    with pytest.raises(RoundError, match=rf"\({size - 1},\).* has {size}"):
        device.train(replace(task, vector=task.vector[:-1]))


@UNITS
def test_diverging_leaves_the_device_as_it_was(
    device: Device,
    scorer: Scorer,
    make_task: MakeTask,
    make_training: MakeTraining,
    privacy: EventPrivacy,
) -> None:
    """Rates that give NaN are a RoundError; the private vector stays, and the next round works."""
    device.train(make_task(scorer, make_training(event_privacy=privacy), round_number=1))
    left = device.private_vector()
    wild = make_training(rate=1e38, steps=4, event_privacy=privacy)
    with pytest.raises(RoundError, match="not finite"):
        device.train(make_task(scorer, wild, round_number=2))
    np.testing.assert_array_equal(device.private_vector(), left)
    device.train(make_task(scorer, make_training(event_privacy=privacy), round_number=2))
    assert (device.private_vector() != left).any()


def test_training_makes_recommendations_personal(
    make_scorer: Callable[..., Scorer],
    open_device: OpenDevice,
    make_task: MakeTask,
    make_training: MakeTraining,
) -> None:
    """After rounds that hold the ranker, the private vector alone ranks what was liked higher."""
    scorer = make_scorer(Preset.TEXT)
    device = open_device(scorer)
    device.observe(*EVENTS)
    held = dict.fromkeys(
        ["item_projection", "context_projection", "attention", "popularity", "item_residual"], 0.0
    )
    before = device.scores(now=500)
    for number in range(1, 20):
        training = make_training(rates=held | {"private_vector": 0.5})
        result = device.train(make_task(scorer, training, round_number=number))
        assert not result.update.any()
    gain = device.scores(now=500) - before
    assert gain[[3, 7, 11]].mean() > gain.mean() + 0.1


def test_another_release_keeps_the_private_vector(
    device: Device,
    scorer: Scorer,
    open_device: OpenDevice,
    make_task: MakeTask,
    make_training: MakeTraining,
) -> None:
    """New numbers of the same ranker keep who the person is; only another ranker starts anew."""
    device.train(make_task(scorer, make_training()))
    left = device.private_vector()
    device.close()
    with open_device(scorer.with_vector(scorer.ranker.vector * 2)) as updated:
        np.testing.assert_array_equal(updated.private_vector(), left)


def test_an_earlier_round_is_refused(
    device: Device, scorer: Scorer, make_task: MakeTask, make_training: MakeTraining
) -> None:
    """A round before the latest trained one is a RoundError: where it began is forgotten."""
    for round_number in (4, 5):
        device.train(make_task(scorer, make_training(), round_number=round_number))
    left = device.private_vector()
    with pytest.raises(RoundError, match=r"round 4.*round 5"):
        device.train(make_task(scorer, make_training(rate=0.2), round_number=4))
    np.testing.assert_array_equal(device.private_vector(), left)
