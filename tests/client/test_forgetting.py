"""Forgetting equals never having observed."""

import builtins
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from numpy.typing import NDArray
from tests.client.conftest import agreed

from penchant.client import (
    LAB,
    Device,
    DeviceSettings,
    Event,
    EventKind,
    Ewma,
    HalfLives,
    InterestPolicy,
    Taxonomy,
    Window,
)
from penchant.client.learnt import Relearning
from penchant.client.storage import RawKey
from penchant.shared.contract import EventPrivacy, LocalTraining, TrainingTask
from penchant.shared.errors import ConfigurationError, StoreError
from penchant.shared.randomness import SeededRandomness
from penchant.shared.ranker import Preset
from penchant.shared.scoring import Scorer
from penchant.shared.texts import TextEncoder

MakeScorer = Callable[..., Scorer]
MakeTask = Callable[..., TrainingTask]
MakeTraining = Callable[..., LocalTraining]

NAMES = ["jazz", "opera", "chess", "knitting", "volcanoes"]
TEXTS = ["jazz", "opera jazz", "chess", "knitting chess volcanoes", "volcanoes"]
NOW = 10_000_000
DAY = 86_400
KEYS = RawKey(bytes(32))
PRIVACY = EventPrivacy(
    sampling_probability=0.5, expected_batch_size=2.0, clipping_norm=1.0, noise_multiplier=1.0
)
POLICIES: list[InterestPolicy] = [HalfLives(), Ewma(), Window(short_length=2, long_length=4)]

times = st.integers(0, 20).map(lambda day: day * DAY)
events = st.builds(
    Event,
    kind=st.sampled_from([EventKind.VIEW, EventKind.LIKE, EventKind.DISLIKE, EventKind.PURCHASE]),
    item=st.integers(0, 9).map("item-{}".format),
    time=times,
) | st.builds(Event, kind=st.just(EventKind.SEARCH), text=st.sampled_from(TEXTS), time=times)


def chosen(policy: InterestPolicy) -> DeviceSettings:
    """Settings of a device in these tests."""
    return DeviceSettings(
        interest_policy=policy,
        taxonomy=Taxonomy.of(NAMES),
        quality=None,
        participation=LAB,
        durable=False,
    )


@dataclass
class Past:
    """What was done with a device, in order, and which of its events still count."""

    steps: list[tuple[str, Any]] = field(default_factory=list)
    remaining: dict[int, Event] = field(default_factory=dict)

    def replay(self, device: Device) -> None:
        """Do the same with another device that has never seen what was forgotten."""
        for kind, value in self.steps:
            if kind == "observe":
                device.observe(*(self.remaining[i] for i in value if i in self.remaining))
            elif kind == "edit":
                tag, weight, mute = value
                device.edit_interest(tag, weight=weight, mute=mute)
            else:
                device.train(value)


def of_tag(event: Event, tag: str, scorer: Scorer, encoder: TextEncoder) -> bool:
    """Whether an event belongs to a tag, by the rule as it is stated."""
    if event.item is None:
        embedding = encoder.encode([str(event.text)])[0]
    else:
        (row,) = scorer.catalogue.positions([event.item])
        embedding = scorer.catalogue.rows(np.array([row]))[0]
    logits = 20.0 * encoder.encode(NAMES).astype(np.float64) @ embedding
    shares = np.exp(logits) / np.exp(logits).sum()
    return bool(shares[NAMES.index(tag)] >= 0.5 * shares.max())


def require_same(one: Device, other: Device) -> None:
    """Check that two devices tell and recommend the same, to 1e-6."""
    np.testing.assert_allclose(one.private_vector(), other.private_vector(), rtol=0, atol=1e-6)
    scores = one.scores(now=NOW), other.scores(now=NOW)
    muted = scores[0] < -1e5
    np.testing.assert_array_equal(muted, scores[1] < -1e5)
    np.testing.assert_allclose(scores[0][~muted], scores[1][~muted], rtol=1e-6, atol=1e-6)
    ranked = one.recommend(k=30, now=NOW), other.recommend(k=30, now=NOW)
    assert {r.item for r in ranked[0]} == {r.item for r in ranked[1]}
    theirs = {r.item: r.score for r in ranked[1]}
    for mine, its in zip(*ranked, strict=True):
        assert mine.item == its.item or abs(theirs[mine.item] - its.score) <= 1e-6
    told = [{i.tag: i for i in device.interests(k=len(NAMES))} for device in (one, other)]
    assert told[0].keys() == told[1].keys()
    for tag, interest in told[0].items():
        assert interest.share == pytest.approx(told[1][tag].share, abs=1e-6)
        spoken = [e.contribution for e in interest.evidence]
        assert spoken == pytest.approx([e.contribution for e in told[1][tag].evidence], abs=1e-4)
    assert one.interest_edits() == other.interest_edits()
    assert one.event_count() == other.event_count()


def test_forgetting_equals_never_having_observed(
    make_scorer: MakeScorer,
    encoder: TextEncoder,
    make_task: MakeTask,
    make_training: MakeTraining,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Over random sequences of calls a device is one that observed only what remains, to 1e-6.

    Interests with their evidence, scores, recommendations, private vector; observing late events,
    edits, rounds with and without event-level privacy, reopening, every way of forgetting.
    """
    scorer = make_scorer(Preset.TEXT)

    class Machine(RuleBasedStateMachine):
        @initialize(policy=st.sampled_from(POLICIES))
        def begin(self, policy: InterestPolicy) -> None:
            self.policy = policy
            self.folder = tmp_path_factory.mktemp("device")
            self.past = Past()
            self.round = 0
            self.device = self.open("device")

        def open(self, name: str) -> Device:
            device = Device.open(
                self.folder / name,
                scorer,
                keys=KEYS,
                encoder=encoder,
                settings=chosen(self.policy),
                randomness=SeededRandomness(3),
            )
            return agreed(device)

        def teardown(self) -> None:
            if hasattr(self, "device"):
                self.compare()
                self.device.close()

        @rule(observed=st.lists(events, min_size=1, max_size=5))
        def observe(self, observed: list[Event]) -> None:
            ids = self.device.observe(*observed)
            for number, event in zip(ids, observed, strict=True):
                assert number is not None
                assert number not in self.past.remaining
                self.past.remaining[number] = event
            self.past.steps.append(("observe", ids))

        @rule(
            tag=st.sampled_from(NAMES),
            weight=st.none() | st.sampled_from([0.0, 0.5, -1.0]),
            mute=st.booleans(),
        )
        def edit(self, tag: str, weight: float | None, mute: bool) -> None:
            self.device.edit_interest(tag, weight=weight, mute=mute)
            self.past.steps.append(("edit", (tag, weight, mute)))

        @rule(private=st.booleans())
        def train(self, private: bool) -> None:
            self.round += 1
            training = make_training(rate=0.3, event_privacy=PRIVACY if private else None)
            task = make_task(scorer, training, round_number=self.round)
            self.device.train(task)
            self.past.steps.append(("train", task))

        @rule(
            before=st.lists(events, min_size=2, max_size=4),
            after=st.lists(events, min_size=1, max_size=3),
            private=st.booleans(),
        )
        def live(self, before: list[Event], after: list[Event], private: bool) -> None:
            """Train between two sets of events: the round must not see the later ones."""
            self.observe(before)
            self.train(private)
            self.observe(after)

        def forgotten(self, gone: Sequence[int], **condition: Any) -> None:
            result = self.device.forget(**condition)
            assert result.events == len(gone)
            for number in gone:
                del self.past.remaining[number]

        @precondition(lambda self: self.past.remaining)
        @rule(data=st.data())
        def forget_event(self, data: st.DataObject) -> None:
            number = data.draw(st.sampled_from(sorted(self.past.remaining)))
            self.forgotten([number], event=number)

        @rule(item=st.integers(0, 9).map("item-{}".format))
        def forget_item(self, item: str) -> None:
            gone = [i for i, event in self.past.remaining.items() if event.item == item]
            self.forgotten(gone, item=item)

        @rule(before=times)
        def forget_before(self, before: int) -> None:
            gone = [i for i, event in self.past.remaining.items() if event.time < before]
            self.forgotten(gone, before=before)

        @rule(tag=st.sampled_from(NAMES))
        def forget_tag(self, tag: str) -> None:
            gone = [
                i for i, event in self.past.remaining.items() if of_tag(event, tag, scorer, encoder)
            ]
            self.forgotten(gone, tag=tag)

        @rule()
        def forget_everything(self) -> None:
            self.forgotten(list(self.past.remaining), everything=True)
            self.past = Past()
            # The ledger outlives it: consent has to be given anew, and rounds answered stay so.
            agreed(self.device)

        @rule()
        def look(self) -> None:
            self.device.recommend(now=NOW)
            self.device.interests()

        @rule()
        def reopen(self) -> None:
            self.device.close()
            self.device = self.open("device")

        @rule()
        def compare(self) -> None:
            with contextlib.ExitStack() as stack:
                name = f"other-{len(list(self.folder.iterdir()))}"
                other = stack.enter_context(self.open(name))
                self.past.replay(other)
                require_same(self.device, other)

        @invariant()
        def counts(self) -> None:
            if hasattr(self, "device"):
                assert self.device.event_count() == len(self.past.remaining)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=40,
            stateful_step_count=15,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("privacy", [None, PRIVACY], ids=["plain", "event"])
def test_rounds_see_what_they_saw_and_no_more(
    make_scorer: MakeScorer,
    encoder: TextEncoder,
    make_task: MakeTask,
    make_training: MakeTraining,
    tmp_path: Path,
    privacy: EventPrivacy | None,
) -> None:
    """A round done again learns neither from the forgotten event nor from what came after it."""
    scorer = make_scorer(Preset.TEXT)
    vectors = []
    for name, forgets in (("one", True), ("other", False)):
        with Device.open(
            tmp_path / name,
            scorer,
            keys=KEYS,
            encoder=encoder,
            settings=chosen(POLICIES[0]),
            randomness=SeededRandomness(3),
        ) as device:
            agreed(device)
            for number in (1, 2):
                base = 10 * number
                device.observe(view(f"item-{base + 1}", base + 5), view(f"item-{base + 2}", base))
                if forgets:
                    device.observe(view("item-0", base + 1))
                task = make_task(scorer, make_training(event_privacy=privacy), round_number=number)
                device.train(task)
            device.observe(view("item-5", 1), view("item-6", 99))
            if forgets:
                assert device.forget(item="item-0").private_vector is Relearning.REPLAYED
            vectors.append(device.private_vector())
    assert vectors[0].any()
    np.testing.assert_array_equal(vectors[0], vectors[1])


def view(item: str, time: int) -> Event:
    """A view of an item."""
    return Event(kind=EventKind.VIEW, item=item, time=time)


OBSERVED = [
    view("item-1", 1 * DAY),
    Event(kind=EventKind.SEARCH, text="jazz secret", time=2 * DAY),
    view("item-3", 3 * DAY),
    view("item-1", 4 * DAY),
]


@pytest.fixture
def scorer(make_scorer: MakeScorer) -> Scorer:
    """A scorer that trains quickly."""
    return make_scorer(Preset.TEXT)


@pytest.fixture
def open_here(
    tmp_path: Path, scorer: Scorer, encoder: TextEncoder
) -> Callable[..., contextlib.AbstractContextManager[Device]]:
    """Open the same device again and again."""

    def opener(**changes: Any) -> Device:
        given: dict[str, Any] = {
            "taxonomy": Taxonomy.of(NAMES),
            "participation": LAB,
            "durable": False,
        }
        device = Device.open(
            tmp_path / "device",
            scorer,
            keys=KEYS,
            encoder=encoder,
            settings=DeviceSettings(**given | changes),
            randomness=SeededRandomness(0),
        )
        return agreed(device)

    return opener


OpenHere = Callable[..., Device]


@pytest.mark.parametrize(
    "condition",
    [
        {},
        {"event": 1, "item": "item-1"},
        {"everything": True, "before": 5},
        {"tag": "nothing like it"},
    ],
)
def test_a_condition_is_just_one(open_here: OpenHere, condition: dict[str, Any]) -> None:
    """None, two, or an unknown tag: a clear error, and nothing is forgotten."""
    with open_here() as device:
        device.observe(*OBSERVED)
        with pytest.raises(ConfigurationError, match=r"give just one|no tag"):
            device.forget(**condition)
        assert device.event_count() == 4


def test_forgetting_says_what_it_did(
    open_here: OpenHere, scorer: Scorer, make_task: MakeTask, make_training: MakeTraining
) -> None:
    """How many events went, and what became of the private vector."""
    with open_here() as device:
        ids = device.observe(*OBSERVED)
        assert device.forget(event=999).events == 0
        device.train(make_task(scorer, make_training(), round_number=1))
        left = device.private_vector()
        later = device.observe(view("item-5", 9 * DAY))
        forgotten = device.forget(event=later[0])
        assert (forgotten.events, forgotten.private_vector) == (1, Relearning.UNTOUCHED)
        np.testing.assert_array_equal(device.private_vector(), left)
        forgotten = device.forget(item="item-1")
        assert (forgotten.events, forgotten.private_vector) == (2, Relearning.REPLAYED)
        assert (device.private_vector() != left).any()
        assert device.forget(event=ids[0]).events == 0
        forgotten = device.forget(everything=True)
        assert (forgotten.events, forgotten.private_vector) == (2, Relearning.RESET)
        assert not device.private_vector().any()


def test_unrecorded_rounds_are_reset(
    open_here: OpenHere, scorer: Scorer, make_task: MakeTask, make_training: MakeTraining
) -> None:
    """Where rounds are not recorded, forgetting leaves nothing of what was learnt."""
    with open_here(recorded_rounds=False) as device:
        device.observe(*OBSERVED)
        device.train(make_task(scorer, make_training(), round_number=1))
        assert device.private_vector().any()
        assert device.forget(item="item-3").private_vector is Relearning.RESET
        assert not device.private_vector().any()


def test_a_device_without_training_is_reset(
    open_here: OpenHere,
    scorer: Scorer,
    make_task: MakeTask,
    make_training: MakeTraining,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where torch is no longer installed, what rounds learnt of forgotten events goes with them."""
    with open_here() as device:
        device.observe(*OBSERVED)
        device.train(make_task(scorer, make_training(), round_number=1))
        real = builtins.__import__

        def without_torch(name: str, *rest: Any, **more: Any) -> Any:
            if name == "torch" or name.startswith("penchant.client.training"):
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            return real(name, *rest, **more)

        monkeypatch.setattr(builtins, "__import__", without_torch)
        assert device.forget(item="item-3").private_vector is Relearning.RESET
        assert not device.private_vector().any()
        assert device.event_count() == 3


def test_a_failing_replay_is_a_round_that_never_was(
    open_here: OpenHere, scorer: Scorer, make_task: MakeTask, make_training: MakeTraining
) -> None:
    """A round that diverges on what remains leaves nothing, and forgetting goes on."""
    with open_here() as device:
        device.observe(*OBSERVED)
        device.train(make_task(scorer, make_training(), round_number=1))
        (record,) = device._store.trained_rounds()
        wild = make_task(scorer, make_training(rate=1e38, steps=4), round_number=1)
        from dataclasses import replace

        from penchant.shared.codec import encode_task

        device._store.save_trained_round(replace(record, task=encode_task(wild)))
        assert device.forget(item="item-3").private_vector is Relearning.REPLAYED
        assert not device.private_vector().any()
        assert device._store.trained_rounds() == []


def test_a_failed_forgetting_forgets_nothing(
    open_here: OpenHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error in between leaves events, interests and ranking as they were."""
    with open_here() as device:
        device.observe(*OBSERVED)
        before = device.scores(now=NOW), device.interests()

        def fail(*_: object) -> None:
            raise StoreError("the disk is full")

        monkeypatch.setattr(device._learner, "relearn", fail)
        with pytest.raises(StoreError, match="full"):
            device.forget(item="item-1")
        monkeypatch.undo()
        assert device.event_count() == 4
        np.testing.assert_array_equal(device.scores(now=NOW), before[0])
        assert device.interests() == before[1]
    with open_here() as device:
        assert device.interests() == before[1]


def test_what_was_refused_does_not_come_back(open_here: OpenHere) -> None:
    """A duplicate was not kept; forgetting the first of the two forgets both."""
    with open_here() as device:
        ids = device.observe(view("item-1", 5), view("item-1", 5))
        assert ids == [1, None]
        device.forget(event=1)
        assert device.event_count() == 0


def all_bytes(folder: Path) -> bytes:
    """Everything in the files of a folder."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_nothing_of_it_stays_in_the_files(
    make_scorer: MakeScorer, encoder: TextEncoder, tmp_path: Path
) -> None:
    """In a plain store, which only a test opens, a forgotten event's bytes are gone at once."""
    from penchant.client.storage import Database, Durability, SqliteStore
    from penchant.client.storage.folder import DeviceFolder

    class PlainFolder(DeviceFolder):
        def database(self, name: str, *, migrations: Any, durability: Durability) -> Database:
            opened = Database.open(
                tmp_path / f"{name}.sqlite", None, migrations=migrations, durability=durability
            )
            self._databases[name] = opened
            return opened

    home = PlainFolder(tmp_path, KEYS)
    device = Device(
        home,
        SqliteStore(home),
        make_scorer(Preset.TEXT),
        encoder=encoder,
        settings=DeviceSettings(taxonomy=Taxonomy.of(NAMES)),
        randomness=SeededRandomness(0),
    )
    with device:
        device.observe(*OBSERVED, *(view("item-9", 10 * DAY + n) for n in range(50)))
        assert b"jazz secret" in all_bytes(tmp_path)
        embedding: NDArray[np.float32] = encoder.encode(["jazz secret"])[0]
        assert embedding.tobytes() in all_bytes(tmp_path)
        assert device.forget(before=3 * DAY).events == 2
        assert b"secret" not in all_bytes(tmp_path)
        assert embedding.tobytes() not in all_bytes(tmp_path)
        assert b"item-9" in all_bytes(tmp_path)


def test_forgetting_everything_destroys_the_key(open_here: OpenHere, tmp_path: Path) -> None:
    """After forgetting everything an earlier copy of the files opens with no key that is left."""
    folder = tmp_path / "device"
    with open_here() as device:
        device.observe(*OBSERVED)
        device.edit_interest("jazz", mute=True)
    kept = (folder / "behaviour.sqlite").read_bytes()
    with open_here() as device:
        device.forget(everything=True)
        assert device.event_count() == 0
        assert device.interest_edits() == []
        assert device.interests() == []
        assert device.health().refused == {}
        assert device.observe(view("item-1", 5)) == [1]
    (folder / "behaviour.sqlite").write_bytes(kept)
    for extra in folder.glob("behaviour.sqlite-*"):
        extra.unlink()
    with pytest.raises(StoreError, match="does not open with its key"):
        open_here()
