"""A device and the measures it is asked for: predict, then learn; agreed to, or nothing."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from penchant.client import LAB, Device, DeviceSettings, Event, EventKind, Purpose
from penchant.client.behaviour import history_of
from penchant.client.ledger.settings import BudgetSettings
from penchant.shared.catalogue import Catalogue
from penchant.shared.codec import decode_result, encode_result, encode_task
from penchant.shared.contract import MEASURE_SIZE, LocalTraining, TrainingResult, TrainingTask
from penchant.shared.errors import ConsentError, RoundError
from penchant.shared.measures import measure_of, nothing_measured, unscaled
from penchant.shared.newitems import ranked
from penchant.shared.ranker import Preset, Ranker
from penchant.shared.scoring import Scorer

OpenDevice = Callable[..., Device]
MakeTask = Callable[..., TrainingTask]
MakeTraining = Callable[..., LocalTraining]
EVENTS = [Event(kind=EventKind.VIEW, item=f"item-{n}", time=100 + 60 * n) for n in range(8)]
LATER = [
    Event(kind=EventKind.SEARCH, text="jazz music", time=2000),
    Event(kind=EventKind.LIKE, item="item-30", time=2100),
    Event(kind=EventKind.VIEW, item="item-3", time=2200),
    Event(kind=EventKind.DISLIKE, item="item-31", time=2300),
    Event(kind=EventKind.VIEW, item="item-32", time=2400),
    *(Event(kind=EventKind.VIEW, item=f"item-{n}", time=3000 + n) for n in range(14, 28)),
]
NEW = ["item-30", "item-32", *(f"item-{n}" for n in range(14, 28))]


@pytest.fixture
def ranker(make_scorer: Callable[..., Scorer]) -> Scorer:
    """A ranker of some forty items, so that not everything is among the first ten."""
    return make_scorer(Preset.TEXT, items=45)


@pytest.fixture
def device(ranker: Scorer, open_device: OpenDevice) -> Device:
    """A device under the lab policy, all agreed to, that has observed a little."""
    device = open_device(ranker)
    device.observe(*EVENTS)
    return device


@pytest.fixture
def make_asking(
    ranker: Scorer, make_task: MakeTask, make_training: MakeTraining
) -> Callable[..., TrainingTask]:
    """Make a task that asks for a measure, of a ranker that was moved since the release."""

    def make(round_number: int = 1, **training: object) -> TrainingTask:
        task = make_task(ranker, make_training(clipping_norm=1.0, **training))
        moved = np.random.default_rng(round_number).permutation(task.vector)
        return replace(task, round_number=round_number, vector=moved, measure_noise_multiplier=8.0)

    return make


def expected(device: Device, task: TrainingTask, vector: np.ndarray, new: list[str]) -> list[float]:
    """The measure of the task's ranker on the events on ``new`` items."""
    scorer = ranked(device.scorer.with_vector(task.vector))
    events = device._store.events()
    mask = np.array([event.item in new for event in events])
    return list(measure_of(scorer, history_of(events, scorer), vector, new=mask).tolist())


def measure_in(result: TrainingResult) -> list[float]:
    """The measure of a result."""
    assert result.measure is not None
    return list(result.measure.tolist())


def test_the_ranker_that_was_given_is_measured_before_it_is_learnt_from(
    device: Device, make_asking: Callable[..., TrainingTask]
) -> None:
    """First on all events, from a vector of zeros; then on those that came since, and no other.

    The vector it is measured with is the one that the rounds before left, and not what this round
    makes of the events that are foretold.
    """
    task = make_asking(1)
    items = [f"item-{n}" for n in range(8)]
    found = measure_in(device.train(task))
    assert found == expected(device, task, np.zeros(3, dtype=np.float32), items)
    assert found[2] > 0
    left = device.private_vector()
    assert left.any()

    device.observe(*LATER)
    task = make_asking(2, rate=2.0, steps=30)
    found = measure_in(device.train(task))
    assert found == expected(device, task, left, NEW)
    hits, gains, weight = unscaled(np.array(found))
    assert 0 < gains < hits < 1
    assert weight == pytest.approx(1)
    assert (device.private_vector() != left).any()


def test_without_new_events_there_is_nothing_to_measure(
    device: Device, make_asking: Callable[..., TrainingTask]
) -> None:
    """Zeros; the measure is paid for all the same, for its absence would tell as much."""
    device.train(make_asking(1))
    assert measure_in(device.train(make_asking(2))) == [0, 0, 0]
    assert device.privacy().measures == 2
    device.observe(*LATER)
    assert any(measure_in(device.train(make_asking(3))))


def test_events_that_a_round_without_measures_learnt_from_are_not_new(
    device: Device, make_asking: Callable[..., TrainingTask]
) -> None:
    """Whoever was trained on first is not foretold later."""
    device.train(replace(make_asking(1), measure_noise_multiplier=None))
    assert measure_in(device.train(make_asking(2))) == [0, 0, 0]


def test_a_task_that_does_not_ask_gets_no_measure(
    device: Device,
    ranker: Scorer,
    open_device: OpenDevice,
    make_asking: Callable[..., TrainingTask],
) -> None:
    """Its answer is what it was before there were measures, and so is the one that measures."""
    asking = make_asking(1)
    plain = replace(asking, measure_noise_multiplier=None)
    result = device.train(plain)
    assert result.measure is None
    settings = replace(device._settings, recorded_rounds=False)
    updates = []
    for number, task in enumerate([plain, asking]):
        other = open_device(ranker, name=f"other-{number}", settings=settings)
        other.observe(*EVENTS)
        updates.append(other.train(task).update.tobytes())
    assert updates[0] == updates[1]


def test_without_consent_to_it_zeros_go_along(
    device: Device, make_asking: Callable[..., TrainingTask]
) -> None:
    """The update leaves, and only it is debited; what was missed is not measured later."""
    device.revoke(Purpose.MEASURE_RANKER)
    result = device.train(make_asking(1))
    assert result.update.any()
    assert measure_in(result) == nothing_measured().tolist()
    assert (device.privacy().contributions, device.privacy().measures) == (1, 0)
    device.consent(Purpose.MEASURE_RANKER)
    assert measure_in(device.train(make_asking(2))) == [0, 0, 0]


def test_the_preview_shows_the_measure(
    device: Device, make_asking: Callable[..., TrainingTask]
) -> None:
    """Its bytes are a part with a meaning; what is previewed is what leaves, to the byte."""
    task = make_asking(1)
    preview = device.preview(task)
    part = preview.parts[-1]
    assert (part.name, part.numbers, part.size) == ("measure", MEASURE_SIZE, 12)
    assert "foretold what you did" in part.meaning
    assert sum(one.size for one in preview.parts) == preview.size
    result = device.train(task)
    assert encode_result(result) == preview.message
    kept = decode_result(preview.message, size=device.shared_numbers)
    assert measure_in(kept) == measure_in(result)
    assert encode_result(device.train(task)) == preview.message
    device.revoke(Purpose.MEASURE_RANKER)
    assert "no measure leaves" in device.preview(make_asking(2)).parts[-1].meaning


def test_forgetting_holds_back_a_measure_made_from_it(
    device: Device, make_asking: Callable[..., TrainingTask]
) -> None:
    """A measure in a preview is made anew without the event; rounds are done again unmeasured."""
    device.train(make_asking(1))
    device.observe(*LATER)
    left = device.private_vector()
    task = make_asking(2)
    shown = decode_result(device.preview(task).message, size=device.shared_numbers)
    device.forget(item="item-32")
    found = measure_in(device.train(task))
    assert found == expected(device, task, left, [item for item in NEW if item != "item-32"])
    assert found != measure_in(shown)
    device.forget(item="item-3")
    assert device.private_vector().any()
    assert device.privacy().measures == 2


def test_rounds_that_were_recorded_by_the_contract_before_are_done_again(
    device: Device, make_asking: Callable[..., TrainingTask]
) -> None:
    """Forgetting replays rounds whose tasks are messages of version 2 as well as of version 3."""
    device.train(replace(make_asking(1), measure_noise_multiplier=None))
    device.train(make_asking(2))
    records = device._store.trained_rounds()
    assert [record.task[4] for record in records] == [2, 3]
    assert records[1].task == encode_task(make_asking(2))
    assert device.forget(item="item-3").private_vector == "replayed"


def as_before_measures(device: Device) -> None:
    """Make a device's store what the version before measures left: without a watermark."""
    assert device._store.value("learnt_up_to") is not None
    device._store.save_value("learnt_up_to", None)


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("forgetting", [True, False])
def test_what_was_learnt_before_measures_were_known_is_not_measured(
    recorded: bool,
    forgetting: bool,
    ranker: Scorer,
    open_device: OpenDevice,
    make_asking: Callable[..., TrainingTask],
) -> None:
    """A store of an earlier version has no watermark: records tell it, or else all is known.

    Also where what tells it is forgotten first. What is done later is measured as ever.
    """
    device = open_device(
        ranker, settings=DeviceSettings(participation=LAB, recorded_rounds=recorded)
    )
    device.observe(*EVENTS)
    device.train(replace(make_asking(1), measure_noise_multiplier=None))
    as_before_measures(device)
    if forgetting:
        device.forget(item="item-2")
    assert measure_in(device.train(make_asking(2))) == [0, 0, 0]
    device.observe(*LATER)
    assert any(measure_in(device.train(make_asking(3))))
    assert measure_in(device.train(make_asking(4))) == [0, 0, 0]


def test_what_came_after_the_last_recorded_round_is_new(
    device: Device, make_asking: Callable[..., TrainingTask]
) -> None:
    """To a store of an earlier version that keeps records of its rounds, too."""
    device.train(replace(make_asking(1), measure_noise_multiplier=None))
    as_before_measures(device)
    device.observe(*LATER)
    left = device.private_vector()
    task = make_asking(2)
    assert measure_in(device.train(task)) == expected(device, task, left, NEW)


def test_a_device_killed_after_the_debit_measures_nothing_twice(
    device: Device, make_asking: Callable[..., TrainingTask], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a paid answer measured is new to no other one, also if the answer is dropped."""

    class KilledError(BaseException):
        pass

    def killed(_learnt: object) -> None:
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(device._learner, "keep", killed)
        with pytest.raises(KilledError):
            device.train(make_asking(1))
    assert device.privacy().measures == 1
    device.revoke(Purpose.MEASURE_RANKER)
    device.consent(Purpose.MEASURE_RANKER)
    assert measure_in(device.train(make_asking(2))) == [0, 0, 0]


def test_what_is_refused_leaves_its_events_to_be_measured(
    device: Device, make_asking: Callable[..., TrainingTask], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only an answer that is paid for makes events known."""

    def full(*_: object, **__: object) -> None:
        raise ConsentError("taken back")

    with monkeypatch.context() as patched:
        patched.setattr(device._participant.ledger, "_require_admitted", full)
        with pytest.raises(ConsentError):
            device.train(make_asking(1))
    assert any(measure_in(device.train(make_asking(2))))


def test_a_previewed_task_of_another_catalogue_costs_nothing(
    device: Device, ranker: Scorer, make_asking: Callable[..., TrainingTask]
) -> None:
    """A device that has moved on refuses it, debits nothing, and measures its events once."""
    old = make_asking(1)
    device.preview(old)
    items, embeddings = ranker.catalogue.items, ranker.catalogue.embeddings
    changed = Catalogue.of([*items[1:], "new"], np.concatenate([embeddings[1:], embeddings[:1]]))
    shape = replace(
        ranker.ranker.settings,
        catalogue=changed.fingerprint,
        continues=ranker.ranker.model_id,
        family=ranker.ranker.family,
    )
    later = Ranker(shape, ranker.ranker.feature_map, ranker.ranker.vector)
    device.install(Scorer.bind(later, changed))
    for ask in (device.train, device.preview):
        with pytest.raises(RoundError, match="install the release the server trains"):
            ask(old)
    assert device.privacy().contributions_ever == 0
    assert not device.private_vector().any()
    found = device.train(replace(make_asking(2), model_id=later.model_id))
    assert any(measure_in(found))
    assert (device.privacy().contributions, device.privacy().measures) == (1, 1)


def test_agreeing_to_measures_makes_no_device_ineligible(
    ranker: Scorer, open_device: OpenDevice, make_asking: Callable[..., TrainingTask]
) -> None:
    """With room for the update only it takes part, and its answer holds zeros."""
    policy = replace(LAB, budget=BudgetSettings(refuse_epsilon=1.2, warn_epsilon=1.0), lab=False)
    device = open_device(ranker, settings=DeviceSettings(participation=policy))
    device.observe(*EVENTS)
    (budget,) = (one for one in device.eligibility().conditions if one.name == "budget")
    assert budget.met
    assert device.privacy().contributions_left == 1
    task = replace(make_asking(1), noise_multiplier=4.0, measure_noise_multiplier=4.0)
    result = device.train(task)
    assert measure_in(result) == [0, 0, 0]
    assert (device.privacy().contributions, device.privacy().measures) == (1, 0)
    (budget,) = (one for one in device.eligibility().conditions if one.name == "budget")
    assert not budget.met
