"""A device and its ledger: consent, preview, budget and report through the device itself."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from penchant.client import (
    LAB,
    Device,
    DeviceSettings,
    Event,
    EventKind,
    KeySource,
    ParticipationPolicy,
    Purpose,
)
from penchant.client.storage import RawKey
from penchant.shared.codec import encode_result
from penchant.shared.contract import EventPrivacy, LocalTraining, TrainingTask
from penchant.shared.errors import BudgetError, ConsentError
from penchant.shared.randomness import SystemRandomness
from penchant.shared.ranker import Preset
from penchant.shared.scoring import Scorer

KEYS: KeySource = RawKey(bytes(32))
PRIVACY = EventPrivacy(
    sampling_probability=0.5, expected_batch_size=2.0, clipping_norm=1.0, noise_multiplier=2.0
)
# So many that some are no items of the person's: those alone would leave nothing to learn.
NEGATIVES = 200
MakeTask = Callable[..., TrainingTask]
MakeTraining = Callable[..., LocalTraining]


@pytest.fixture
def ranker(make_scorer: Callable[..., Scorer]) -> Scorer:
    """A small ranker."""
    return make_scorer(Preset.COMPACT)


@pytest.fixture
def device(ranker: Scorer, tmp_path: Path) -> Iterator[Device]:
    """A device with the default policy and the system's randomness, and nothing agreed to."""
    with open_one(ranker, tmp_path / "device") as opened:
        opened.observe(
            *(Event(kind=EventKind.VIEW, item=f"item-{n}", time=100 + 60 * n) for n in range(25))
        )
        yield opened


@pytest.fixture
def task(ranker: Scorer, make_task: MakeTask, make_training: MakeTraining) -> TrainingTask:
    """A task that the default budget has room for."""
    return protected(make_task(ranker, make_training(clipping_norm=1.0, negatives=NEGATIVES)))


def open_one(scorer: Scorer, folder: Path, policy: ParticipationPolicy | None = None) -> Device:
    """Open a device."""
    settings = DeviceSettings(participation=policy or ParticipationPolicy())
    return Device.open(folder, scorer, keys=KEYS, settings=settings, randomness=SystemRandomness())


def protected(task: TrainingTask) -> TrainingTask:
    """The task with the server's noise that the default budget wants."""
    return TrainingTask(
        task.model_id, task.round_number, task.training, task.vector, noise_multiplier=4.0
    )


def agree(device: Device) -> None:
    """Agree to everything."""
    for purpose in Purpose:
        device.consent(purpose)


def test_nothing_leaves_without_consent(device: Device, task: TrainingTask) -> None:
    """A task is refused, and nothing is learnt from it, until the person agrees to both parts."""
    needed = [Purpose.TRAIN_RANKER, Purpose.TRUST_SERVER]
    for purpose in needed:
        with pytest.raises(ConsentError, match=purpose.name):
            device.train(task)
        device.consent(purpose)
    assert not device.private_vector().any()
    assert device.train(task).update.any()
    assert [receipt.purpose for receipt in device.consents()] == needed


def test_the_preview_is_what_leaves(device: Device, ranker: Scorer, task: TrainingTask) -> None:
    """Byte for byte, with the system's randomness, over closing and opening.

    Until it leaves, nothing is learnt from it and nothing debited.
    """
    preview = device.preview(task)
    assert preview.refusal is not None
    assert device.privacy().contributions == 0
    assert not device.private_vector().any()
    agree(device)
    folder = device._home.path
    device.close()
    with open_one(ranker, folder) as again:
        assert again.preview(task).message == preview.message
        assert encode_result(again.train(task)) == preview.message
        assert again.private_vector().any()
        assert again.privacy().contributions == 1
        assert encode_result(again.train(task)) == preview.message
        assert again.privacy().contributions == 1


def test_an_unpaid_round_leaves_nothing_behind(
    device: Device, ranker: Scorer, make_task: MakeTask, make_training: MakeTraining
) -> None:
    """A previewed round that is never sent does not move where later rounds start from."""
    agree(device)
    still = make_training(rate=0.0, event_privacy=PRIVACY, clipping_norm=1.0)
    moving = make_training(event_privacy=PRIVACY, clipping_norm=1.0)
    device.preview(protected(make_task(ranker, moving, round_number=1)))
    device.train(protected(make_task(ranker, still, round_number=2)))
    np.testing.assert_array_equal(device.private_vector(), np.zeros(3))


def test_the_default_budget_holds(
    device: Device,
    ranker: Scorer,
    task: TrainingTask,
    make_task: MakeTask,
    make_training: MakeTraining,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Too little noise, too soon: refused, and said in the report and the eligibility."""
    agree(device)
    weak = make_task(ranker, make_training(clipping_norm=1.0))
    with pytest.raises(BudgetError, match="noise of multiplier 0"):
        device.train(weak)
    device.train(task)
    training = make_training(clipping_norm=1.0, negatives=NEGATIVES)
    later = protected(make_task(ranker, training, round_number=2))
    with pytest.raises(BudgetError, match="7 days apart"):
        device.train(later)
    assert "sent 1 update of at most 10" in str(device.privacy())
    eligibility = device.eligibility()
    assert not eligibility.eligible
    assert "waiting" in [one.name for one in eligibility.conditions if not one.met]
    later_on = time.time() + 8 * 86_400
    monkeypatch.setattr(device._participant.ledger._watch, "_clock", lambda: later_on)
    assert device.train(later).update.any()


def test_wiping_the_device_means_waiting(
    device: Device, ranker: Scorer, task: TrainingTask
) -> None:
    """A new device in the folder of one that has contributed waits for a window."""
    agree(device)
    device.train(task)
    folder = device._home.path
    device.close()
    for file in folder.iterdir():
        file.unlink()
    with open_one(ranker, folder) as new:
        agree(new)
        with pytest.raises(BudgetError, match="deleted, or put back"):
            new.train(task)
        assert new.privacy().waits_until is not None


def test_revoking_refuses_what_is_in_the_making(
    device: Device, task: TrainingTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Consent that is taken back while a round trains: its update does not leave."""
    agree(device)
    learn = device._learner.learn

    def learn_and_revoke(task: TrainingTask, *, measured: bool) -> object:
        learnt = learn(task, measured=measured)
        device.revoke(Purpose.TRAIN_RANKER)
        return learnt

    monkeypatch.setattr(device._learner, "learn", learn_and_revoke)
    with pytest.raises(ConsentError):
        device.train(task)
    assert device.privacy().contributions == 0
    assert not device.private_vector().any()


def test_forgetting_holds_back_what_was_made_from_it(device: Device, task: TrainingTask) -> None:
    """After an event is forgotten, an answer that saw it is neither sent nor sent again."""
    agree(device)
    device.train(task)
    device.forget(item="item-3")
    with pytest.raises(BudgetError, match="no longer kept"):
        device.train(task)
    assert device.privacy().contributions == 1


def test_forgetting_everything_spares_the_ledger(
    device: Device, ranker: Scorer, task: TrainingTask, make_task: MakeTask
) -> None:
    """Deleting all data takes consent back and gives no budget back, now or after opening anew."""
    agree(device)
    device.train(task)
    device.forget(everything=True)
    other = protected(make_task(ranker, task.training, round_number=2))
    with pytest.raises(ConsentError):
        device.train(other)
    folder = device._home.path
    device.close()
    with open_one(ranker, folder) as again:
        assert not any(receipt.holds for receipt in again.consents())
        assert again.privacy().contributions == 1
        agree(again)
        with pytest.raises(BudgetError, match="7 days apart"):
            again.train(other)


def test_a_ranking_device_makes_no_ledger(ranker: Scorer, tmp_path: Path) -> None:
    """Where nothing is ever asked of it, a device keeps no ledger and no witness."""
    with open_one(ranker, tmp_path / "quiet", LAB) as device:
        device.observe(Event(kind=EventKind.VIEW, item="item-1", time=100))
        device.recommend(k=3)
    assert not list((tmp_path / "quiet").glob("ledger*"))
