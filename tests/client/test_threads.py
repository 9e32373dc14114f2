"""One device, several threads: they take turns, and training lets the others go first."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from penchant.client import LAB, Device, DeviceSettings, Event, Purpose
from penchant.client.training import rounds
from penchant.client.training.rounds import train_round
from penchant.shared.contract import TrainingTask
from penchant.shared.errors import ConsentError, RoundError
from penchant.shared.scoring import Scorer

SETTINGS = DeviceSettings(participation=LAB, quality=None)
LONGEST = 60.0


@pytest.fixture
def scorer(make_scorer: Callable[..., Scorer]) -> Scorer:
    """A ranker over thirty items."""
    return make_scorer()


@pytest.fixture
def task(scorer: Scorer, make_task: Any, make_training: Any) -> TrainingTask:
    """The task of one round."""
    made: TrainingTask = make_task(scorer, make_training())
    return made


class Halt:
    """Stops training in its middle, until it is told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()
        monkeypatch.setattr(rounds, "train_round", self._train)

    def _train(self, *arguments: Any, **named: Any) -> Any:
        self.reached.set()
        assert self.go_on.wait(LONGEST)
        return train_round(*arguments, **named)


@pytest.fixture
def halt(monkeypatch: pytest.MonkeyPatch) -> Halt:
    """Training that stops in its middle."""
    return Halt(monkeypatch)


def views(first: int, count: int) -> list[Event]:
    """Views of items, one after the other in time."""
    return [Event(kind="view", item=f"item-{n % 30}", time=1000 + n) for n in range(first, count)]


def test_threads_leave_what_one_thread_would(open_device: Any, scorer: Scorer) -> None:
    """Eight threads observe, ask and forget; state and ranking are those of the events alone."""
    device: Device = open_device(scorer, settings=SETTINGS)
    device.observe(*views(0, 10))

    def use(number: int) -> list[int | None]:
        ids = []
        for n in range(25):
            ids += device.observe(
                Event(kind="view", item=f"item-{(7 * number + n) % 30}", time=2000 + 100 * n)
            )
            device.recommend(k=3)
            device.private_vector()
            if n % 10 == 9:
                assert device.forget(event=ids[n - 5]).events == 1
        return ids

    with ThreadPoolExecutor(8) as pool:
        ids = [found for ids in pool.map(use, range(8)) for found in ids]
    assert len(set(ids)) == 8 * 25
    assert device.event_count() == 10 + 8 * 23
    alone: Device = open_device(scorer, name="alone", settings=SETTINGS)
    for event in device.export()["events"]:
        alone.observe(Event(kind=event["kind"], item=event["item"], time=event["time"]))
    assert [r.item for r in device.recommend(k=30)] == [r.item for r in alone.recommend(k=30)]


def test_an_app_goes_on_while_a_round_is_trained(
    open_device: Any, scorer: Scorer, task: TrainingTask, halt: Halt
) -> None:
    """Events and recommendations do not wait; the round learns from what was there before."""
    device: Device = open_device(scorer, settings=SETTINGS)
    device.observe(*views(0, 10))
    with ThreadPoolExecutor(1) as pool:
        training = pool.submit(device.train, task)
        assert halt.reached.wait(LONGEST)
        device.observe(*views(10, 13))
        assert len(device.recommend(k=3)) == 3
        assert device.eligibility().eligible
        halt.go_on.set()
        result = training.result(LONGEST)
    assert device.event_count() == 13
    again = device.train(task)
    assert again.update.tobytes() == result.update.tobytes()


def test_what_is_forgotten_while_it_is_learnt_from_does_not_leave(
    open_device: Any, scorer: Scorer, task: TrainingTask, halt: Halt
) -> None:
    """The update is dropped, nothing is debited, and the private vector has seen nothing."""
    device: Device = open_device(scorer, settings=SETTINGS)
    device.observe(*views(0, 10))
    for condition in ({"item": "item-3"}, {"everything": True}):
        halt.reached.clear()
        halt.go_on.clear()
        with ThreadPoolExecutor(1) as pool:
            training = pool.submit(device.train, task)
            assert halt.reached.wait(LONGEST)
            assert device.forget(**condition).events > 0
            halt.go_on.set()
            with pytest.raises(RoundError, match="forgotten while"):
                training.result(LONGEST)
    assert not device.private_vector().any()
    assert device.export()["ledger"] == []


def test_consent_taken_back_while_a_round_is_trained_counts(
    open_device: Any, scorer: Scorer, task: TrainingTask, halt: Halt
) -> None:
    """The update in the making does not leave."""
    device: Device = open_device(scorer, settings=SETTINGS)
    device.observe(*views(0, 10))
    with ThreadPoolExecutor(1) as pool:
        training = pool.submit(device.train, task)
        assert halt.reached.wait(LONGEST)
        device.revoke(Purpose.TRAIN_RANKER)
        halt.go_on.set()
        with pytest.raises(ConsentError):
            training.result(LONGEST)


def test_another_ranker_is_installed_in_an_open_device(
    open_device: Any, make_scorer: Callable[..., Scorer], make_task: Any, make_training: Any
) -> None:
    """It ranks and trains as a device that was opened with it; ledger and consent go on."""
    first, second = make_scorer(seed=0), make_scorer(seed=1)
    device: Device = open_device(first, settings=SETTINGS)
    device.observe(*views(0, 10))
    device.train(make_task(first, make_training()))
    quality = device.local_quality(second)
    device.install(second)
    assert device.scorer is second
    assert device.local_quality() == quality
    device.train(make_task(second, make_training()))
    assert len(device.export()["ledger"]) == 2
    scores, vector = device.scores(now=5000), device.private_vector()
    device.close()
    fresh: Device = open_device(second, settings=SETTINGS)
    np.testing.assert_array_equal(fresh.scores(now=5000), scores)
    np.testing.assert_array_equal(fresh.private_vector(), vector)
