"""Drift of a trained ranker: each profile is what a device would rank by, and no more."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.simulation.conftest import make_world

from penchant.client import Device, DeviceSettings, Event, EventKind
from penchant.client.storage import RawKey
from penchant.client.training.rounds import train_round
from penchant.shared.catalogue import Catalogue
from penchant.shared.contract import TrainingTask
from penchant.shared.history import History
from penchant.shared.randomness import SeededRandomness
from penchant.shared.scoring import Scorer
from penchant.simulation.drift.ranked import follow_ranker, meanings
from penchant.simulation.drift.runs import LEAST, RunDrift
from penchant.simulation.drift.switches import Switched, joined
from penchant.simulation.drift.vectors import Span, VectorTraining, trained_vectors
from penchant.simulation.settings import SimulationSettings
from penchant.simulation.world import World

NAMES = tuple(meanings(every=20))
SETTINGS: dict[str, object] = {"rounds": 12, "cohort": 20}
HOUR = 3600


@pytest.fixture(scope="module")
def world() -> World:
    """The planted world, with a ranker that ranks by the texts of recent events."""
    made, rng = make_world(**SETTINGS), np.random.default_rng(1)
    themes = np.arange(made.dataset.n_items) % 4
    raw = rng.standard_normal((4, 24))[themes] + 0.5 * rng.standard_normal((len(themes), 24))
    embeddings = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
    catalogue = Catalogue.of(made.dataset.item_ids, embeddings)
    return replace(made, scorer=Scorer.untrained(catalogue, dimension=16))


@pytest.fixture(scope="module")
def training(world: World) -> VectorTraining:
    """How the devices of a run would train: every other round of 12."""
    found = VectorTraining.of(world.plan, randomness=SeededRandomness(3))
    assert found.rounds == 6
    return found


def walk(rng: np.random.Generator, *, events: int, at: int) -> Switched:
    """Somebody who meets items at random, one an hour."""
    return Switched(rng.permutation(160)[:events], np.arange(events) * HOUR, at)


def history_of(person: Switched, span: Span, scorer: Scorer) -> History:
    """Some events of a person."""
    items, times = person.items[slice(*span)], person.times[slice(*span)]
    kinds = np.full(len(items), EventKind.VIEW.number)
    return History(scorer.features_of(items), items, kinds, times)


def test_vectors_are_trained_by_the_devices_own_rule(
    world: World, training: VectorTraining
) -> None:
    """Round after round they are those of ``train_round`` on the same events, to rounding."""
    scorer, rng = world.scorer, np.random.default_rng(1)
    people = [walk(rng, events=40, at=20), walk(rng, events=50, at=25)]
    spans = [[(0, 10), (0, 30)], [(25, 45)]]
    found = trained_vectors(people, spans, scorer, training)
    assert [list(some) for some in found] == spans
    for number, (row, span) in enumerate([(0, (0, 10)), (0, (0, 30)), (1, (25, 45))]):
        person, vector = people[row], found[row][span]
        expected = np.zeros(16, dtype=np.float32)
        for round_number in range(1, training.rounds + 1):
            ranker = scorer.ranker
            trained = train_round(
                TrainingTask(ranker.model_id, round_number, training.local, ranker.vector),
                settings=ranker.settings,
                item_features=scorer.features,
                history=history_of(person, span, scorer),
                private_vector=expected,
                randomness=training.randomness.spawn(number, round_number),
            )
            assert not trained.update.any()
            expected = trained.private_vector
        np.testing.assert_allclose(vector, expected, atol=1e-5)
        assert np.linalg.norm(vector) > 0.01


def test_device_ranks_as_a_device(world: World, training: VectorTraining, tmp_path: Path) -> None:
    """Before any training NDCG is that of a real device's scores, with and without interests."""
    scorer = world.scorer
    person = walk(np.random.default_rng(2), events=16, at=8)
    found = follow_ranker([person], scorer, training, every=100, before=5, after=5)
    for name, weight in (("device", 0.0), ("no training since", 0.0), ("interest state", 1.0)):
        settings = DeviceSettings(durable=False, lasting_weight=weight)
        folder = tmp_path / name
        with Device.open(folder, scorer, keys=RawKey(bytes(32)), settings=settings) as device:
            gains = _gains_of(device, person, scorer)
        np.testing.assert_allclose(found.gains[NAMES.index(name), 0], gains[3:13], atol=1e-6)
    assert (found.gains > 0).any()


def _gains_of(device: Device, person: Switched, scorer: Scorer) -> list[float]:
    """NDCG@10 of each event by the scores of a device that has observed those before it."""
    gains = []
    for number, (item, time) in enumerate(
        zip(person.items.tolist(), person.times.tolist(), strict=True)
    ):
        scores = device.scores(now=time)
        others = np.delete(scores, person.items[: number + 1])
        rank = 1 + int((others > scores[item]).sum())
        gains.append(1 / np.log2(rank + 1) if rank <= 10 else 0.0)
        device.observe(Event(kind=EventKind.VIEW, item=scorer.catalogue.items[item], time=time))
    return gains


def test_followers_follow_and_static_does_not(world: World, training: VectorTraining) -> None:
    """After a planted change of theme everything that learns comes back, and static never."""
    people = joined(world.dataset, world.scorer.catalogue.embeddings, before=10, after=10)
    once = replace(training, rounds=1)
    found = follow_ranker(people, world.scorer, once, every=3, before=10, after=10)
    starts = dict(zip(NAMES, np.nanmean(found.gains[:, :, :10], axis=(1, 2)), strict=True))
    ends = dict(zip(NAMES, np.nanmean(found.gains[:, :, 15:], axis=(1, 2)), strict=True))
    assert starts["static"] == starts["device"] == starts["no training since"] > 0.05
    assert starts["told"] == starts["device"]
    for name in ("device", "no training since", "interest state", "retrained", "told"):
        assert ends[name] > 0.05
    assert ends["static"] < 0.01
    assert ends["device"] > ends["retrained"]


def test_told_knows_nothing_from_before_the_switch(world: World, training: VectorTraining) -> None:
    """After it, it ranks as it would had the person only begun there."""
    person = walk(np.random.default_rng(9), events=40, at=20)
    anew = Switched(person.items[20:], person.times[20:], at=0)
    both = follow_ranker([person], world.scorer, training, every=5, before=0, after=20)
    alone = follow_ranker([anew], world.scorer, training, every=5, before=0, after=20)
    told, device = both.gains[NAMES.index("told"), 0], alone.gains[NAMES.index("device"), 0]
    # Fewer items are candidates, those met before the switch being none: it can only stand higher.
    assert (told >= device - 1e-6).all()
    assert (device > 0).any()


def test_nothing_is_known_of_what_comes_later(world: World, training: VectorTraining) -> None:
    """Predictions up to an event are the same, whatever comes after it."""
    rng = np.random.default_rng(4)
    person = walk(rng, events=40, at=20)
    changed = np.concatenate([person.items[:30], rng.permutation(person.items[30:])])
    other = Switched(changed, person.times, person.at)
    one, two = (
        follow_ranker([some], world.scorer, training, every=5, before=20, after=20)
        for some in (person, other)
    )
    np.testing.assert_array_equal(one.gains[:, :, :30], two.gains[:, :, :30])
    assert (one.gains != two.gains).any()


def run_drift(world: World, **changes: object) -> RunDrift:
    """The drift of a run over the planted world."""
    settings = SimulationSettings.parse({"dataset": "planted", **SETTINGS, **changes})
    return RunDrift.of(world, settings, world.scorer)


def test_people_who_did_not_train_are_followed_if_there_are(world: World, tmp_path: Path) -> None:
    """A run of the first few leaves the others; of a run of all, everybody may be followed."""
    some = world.split.training.head(28)
    few = replace(world, split=replace(world.split, training=some))
    left = run_drift(few).measured(tmp_path, people=40, before=5, after=5, every=5, seed=0)
    assert (left.trained_on, left.people) == (False, 12)
    everybody = run_drift(world).measured(tmp_path, people=40, before=5, after=5, every=5, seed=0)
    assert (everybody.trained_on, everybody.people) == (True, 40)
    assert everybody.subject == "trained ranker"
    assert f"--run {tmp_path} --people 40 --before 5" in everybody.command


def test_in_brief_it_takes_what_windows_the_data_have(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fourteen events each are enough for the shortest window; few people or many items, none."""
    found = run_drift(world).in_brief(tmp_path)
    assert found is not None
    assert (found.before, found.after, found.people) == (5, 10, 40)
    again = run_drift(world).in_brief(tmp_path)
    assert again == found
    few = replace(world, dataset=world.dataset.head(LEAST - 1))
    assert run_drift(few).in_brief(tmp_path) is None
    monkeypatch.setattr("penchant.simulation.drift.runs.ITEMS_AT_MOST", 159)
    assert run_drift(world).in_brief(tmp_path) is None
