"""A device whose ranker goes on over another catalogue: what was learnt of the person stays."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from penchant.client import Device, DeviceSettings, Event, EventKind
from penchant.client.learnt import Relearning
from penchant.client.participation import LAB
from penchant.client.storage import RawKey
from penchant.shared.catalogue import Catalogue
from penchant.shared.contract import LocalTraining, TrainingTask
from penchant.shared.errors import ReleaseError, RoundError
from penchant.shared.ranker import Preset, Ranker
from penchant.shared.scoring import Scorer

OpenDevice = Callable[..., Device]
MakeTraining = Callable[..., LocalTraining]
MakeTask = Callable[..., TrainingTask]
NOW = 5000


def events(*items: int, start: int = 100) -> list[Event]:
    """Views of items, one after the other."""
    return [
        Event(kind=EventKind.VIEW, item=f"item-{item}", time=start + number)
        for number, item in enumerate(items)
    ]


def gone_on(scorer: Scorer, *, drop: int = 3, add: int = 5) -> Scorer:
    """Return a ranker that goes on from another, with fewer of its items and some new ones."""
    ranker, catalogue = scorer.ranker, scorer.catalogue
    fresh = np.random.default_rng(9).standard_normal((add, catalogue.dimension)).astype(np.float32)
    names = [*catalogue.items[drop:], *(f"new-{number}" for number in range(add))]
    changed = Catalogue.of(names, np.concatenate([catalogue.embeddings[drop:], fresh]))
    settings = replace(
        ranker.settings,
        items=len(changed),
        catalogue=changed.fingerprint,
        continues=ranker.model_id,
        family=ranker.family,
    )
    popularity = np.append(ranker.arrays["popularity"][drop:], np.zeros(add, dtype=np.float32))
    arrays = {**ranker.arrays, "popularity": popularity}
    vector = np.concatenate([arrays[name].ravel() for name in settings.shapes()])
    rounds = np.array([4] * (len(changed) - add) + [0] * add, dtype=np.int32)
    return Scorer.bind(Ranker(settings, ranker.feature_map, vector, rounds), changed)


@pytest.fixture(params=[Preset.TEXT, Preset.COMPACT])
def scorer(request: pytest.FixtureRequest, make_scorer: Callable[..., Scorer]) -> Scorer:
    """The ranker before."""
    return make_scorer(request.param)


def trained(device: Device, task: TrainingTask) -> np.ndarray:
    """Train a round; return the private vector that it left."""
    device.train(task)
    return device.private_vector()


def test_the_private_vector_goes_on(
    scorer: Scorer, open_device: OpenDevice, make_task: MakeTask, make_training: MakeTraining
) -> None:
    """It is what it was, new items are ranked with it, and rounds go on from it."""
    device, later = open_device(scorer), gone_on(scorer)
    device.observe(*events(3, 7, 11, 4))
    learnt = trained(device, make_task(scorer, make_training(), round_number=4))
    assert learnt.any()
    device.install(later)
    np.testing.assert_array_equal(device.private_vector(), learnt)
    found = {one.item for one in device.recommend(k=32, now=NOW, exclude_seen=False)}
    assert {"new-0", "new-4", "item-3"} < found
    assert "item-2" not in found
    with pytest.raises(RoundError, match="this device has"):
        device.train(make_task(scorer, make_training(), round_number=5))
    with pytest.raises(RoundError, match="trained round 4 already"):
        device.train(make_task(later, make_training(), round_number=3))
    after = trained(device, make_task(later, make_training(rate=0.01), round_number=5))
    assert 0 < np.linalg.norm(after - learnt) < 0.5 * np.linalg.norm(learnt)


def test_another_family_starts_from_nothing(
    scorer: Scorer, open_device: OpenDevice, make_task: MakeTask, make_training: MakeTraining
) -> None:
    """Vectors of rankers in other spaces mean nothing to one another."""
    device, later = open_device(scorer), gone_on(scorer)
    device.observe(*events(3, 7, 11, 4))
    trained(device, make_task(scorer, make_training(), round_number=1))
    shape = replace(later.ranker.settings, family=None, continues=None)
    device.install(Scorer.bind(replace(later.ranker, settings=shape), later.catalogue))
    assert not device.private_vector().any()


def of_another_space(scorer: Scorer, what: str) -> Scorer:
    """Return a ranker that claims to go on from another, with ``what`` changed all the same."""
    ranker, shape = scorer.ranker, gone_on(scorer, drop=0, add=0).ranker.settings
    feature_map = ranker.feature_map
    if what == "dimension":
        shape = replace(shape, dimension=2)
    else:
        feature_map = replace(feature_map, **{what: 2 * getattr(feature_map, what)})
    vector = np.full(shape.size, 0.1, dtype=np.float32)
    return Scorer.bind(Ranker(shape, feature_map, vector), scorer.catalogue)


@pytest.mark.parametrize("what", ["dimension", "mean", "basis"])
def test_a_ranker_of_the_family_in_another_space_is_refused(
    what: str,
    scorer: Scorer,
    open_device: OpenDevice,
    make_task: MakeTask,
    make_training: MakeTraining,
) -> None:
    """Whoever signed it; the device goes on with the ranker in use and what it has learnt."""
    device = open_device(scorer)
    device.observe(*events(3, 7, 11, 4))
    learnt = trained(device, make_task(scorer, make_training(), round_number=1))
    before = device.recommend(k=5, now=NOW)
    with pytest.raises(ReleaseError, match="says that it goes on from the one in use"):
        device.install(of_another_space(scorer, what))
    assert device.scorer is scorer
    np.testing.assert_array_equal(device.private_vector(), learnt)
    assert device.recommend(k=5, now=NOW) == before
    assert trained(device, make_task(scorer, make_training(), round_number=2)).any()


def test_a_private_vector_of_another_length_is_as_none(
    scorer: Scorer,
    open_device: OpenDevice,
    make_task: MakeTask,
    make_training: MakeTraining,
) -> None:
    """A device that is opened with such a ranker, or has it already, ranks, trains and forgets."""
    device = open_device(scorer)
    device.observe(*events(3, 7, 11, 4))
    assert trained(device, make_task(scorer, make_training(), round_number=1)).any()
    device.close()
    other = of_another_space(scorer, "dimension")
    device = open_device(other)
    np.testing.assert_array_equal(device.private_vector(), np.zeros(2, dtype=np.float32))
    assert len(device.recommend(k=5, now=NOW)) == 5
    left = trained(device, make_task(other, make_training(), round_number=2))
    assert left.shape == (2,)
    assert left.any()
    assert device.forget(item="item-7").private_vector is Relearning.REPLAYED


@pytest.mark.parametrize("recorded", [True, False])
def test_what_earlier_rounds_learnt_of_forgotten_events_goes(
    recorded: bool,
    scorer: Scorer,
    open_device: OpenDevice,
    make_task: MakeTask,
    make_training: MakeTraining,
) -> None:
    """Before the first round over the later catalogue: nothing of them is left."""
    device = open_device(
        scorer, settings=DeviceSettings(participation=LAB, recorded_rounds=recorded)
    )
    ids = device.observe(*events(3, 7, 11, 4))
    trained(device, make_task(scorer, make_training(), round_number=1))
    device.install(gone_on(scorer))
    later = device.observe(*events(9, start=900))
    if recorded:
        assert device.forget(event=later[0]).private_vector is Relearning.UNTOUCHED
        assert device.private_vector().any()
    assert device.forget(event=ids[1]).private_vector is Relearning.RESET
    assert not device.private_vector().any()


def test_rounds_of_the_ranker_in_use_are_done_again(
    scorer: Scorer, open_device: OpenDevice, make_task: MakeTask, make_training: MakeTraining
) -> None:
    """Without those of the earlier catalogue, which are as if they had never been."""
    later, task = gone_on(scorer), make_task
    forgetful, other = open_device(scorer, name="one"), open_device(later, name="two")
    for device in (forgetful, other):
        ids = device.observe(*events(3, 7, 11, 4))
    forgetful.train(task(scorer, make_training(), round_number=1))
    forgetful.install(later)
    forgetful.train(task(later, make_training(), round_number=2))
    assert forgetful.forget(event=ids[1]).private_vector is Relearning.REPLAYED
    (record,) = forgetful._store.trained_rounds()
    assert record.number == 2
    # What a device that never was in the earlier rounds would have, by the same draws.
    other.forget(event=ids[1])
    other._store.save_trained_round(record)
    other._store.save_private_vector(
        record.model, bytes(12), round_number=2, event_private=record.event_private
    )
    others = other.observe(*events(9, start=900))
    other._learner.relearn([0, *(id for id in others if id is not None)])
    np.testing.assert_array_equal(other.private_vector(), forgetful.private_vector())


def test_an_answer_of_an_earlier_catalogue_is_given_again_and_learnt_once(
    scorer: Scorer, open_device: OpenDevice, make_task: MakeTask, make_training: MakeTraining
) -> None:
    """A task that comes again after the catalogue changed leaves the private vector alone."""
    device, later = open_device(scorer), gone_on(scorer, drop=5, add=5)
    device.observe(*events(3, 7, 11, 6))
    task = make_task(scorer, make_training(), round_number=1)
    first = device.train(task)
    learnt = device.private_vector()
    device.install(later)
    assert device.train(task).update.tobytes() == first.update.tobytes()
    np.testing.assert_array_equal(device.private_vector(), learnt)


def test_items_that_leave_go_on_to_count(scorer: Scorer, open_device: OpenDevice) -> None:
    """Interests and profile are what they were, to 1e-5; what is forgotten is forgotten."""
    device, later = open_device(scorer), gone_on(scorer)
    ids = device.observe(*events(3, 0, 11, 2))
    before = device.scores(now=NOW)
    state = device._memory.state.means()
    device.install(later)
    np.testing.assert_allclose(
        device.scores(now=NOW)[: len(scorer.catalogue) - 3], before[3:], rtol=1e-5, atol=1e-5
    )
    device.forget(event=ids[2])
    for found, kept in zip(device._memory.state.means(), state, strict=True):
        assert not np.array_equal(found, kept)
    assert [event.item for event in device._store.events() if event.embedding is not None] == [
        "item-0",
        "item-2",
    ]
    # As if the third had never been, and the catalogue had not changed.
    other = open_device(scorer, name="other")
    other.observe(*(event for event in events(3, 0, 11, 2) if event.item != "item-11"))
    for found, expected in zip(
        device._memory.state.means(), other._memory.state.means(), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_items_of_another_encoder_count_for_nothing(scorer: Scorer, tmp_path: Path) -> None:
    """What they were embedded as means nothing there; the device goes on with the others."""
    narrow = np.eye(6, 5, dtype=np.float32)
    names = [f"item-{number}" for number in range(6)]
    other = Scorer.untrained(Catalogue.of(names, narrow), dimension=2)
    with Device.open(tmp_path / "device", scorer, keys=RawKey(bytes(32))) as device:
        device.observe(*events(3, 0, 11, 2))
        device.install(gone_on(scorer))
        device.install(other)
        assert {one.item for one in device.recommend(k=9, now=NOW)} == {
            "item-1",
            "item-4",
            "item-5",
        }
