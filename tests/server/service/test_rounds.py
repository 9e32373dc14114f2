"""Rounds over a real mailbox, and what is recorded of one whose recording was cut short."""

import json
import math
import threading
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
from flwr.app import Message
from flwr.clientapp import ClientApp

from penchant.client.join.flower_adapter import answer
from penchant.server.checkpoints import load_checkpoint
from penchant.server.fleet.flower_adapter import FleetState
from penchant.server.fleet.grid import FleetGrid
from penchant.server.measures import Measured
from penchant.server.operations.records import Records
from penchant.server.outcome import RoundOutcome
from penchant.server.releases.publication import PublicationSettings, publish_embedded
from penchant.server.releases.shelf import Shelf
from penchant.server.service.certificates import load_private_signing_key
from penchant.server.service.folder import ServerFolder
from penchant.server.service.outcomes import keep_outcome, kept_outcome
from penchant.server.service.rounds import Rounds
from penchant.shared import flower
from penchant.shared.catalogue import Catalogue
from penchant.shared.codec import decode_task, encode_result
from penchant.shared.contract import LearningRates, TrainingResult
from penchant.shared.errors import DataError, StoreError
from penchant.shared.gaussian import gaussian_epsilon, gaussian_rho, joint_noise_multiplier
from penchant.shared.randomness import SeededRandomness, SystemRandomness
from penchant.shared.ranker import Ranker

ITEMS, DEVICES = 5, 3
MEASURE = (np.array([0.5, 0.25, 1.0]) / math.sqrt(3)).astype(np.float32)
RATES = dict.fromkeys(LearningRates.model_fields, 1.0)


@pytest.fixture
def folder(tmp_path: Path) -> ServerFolder:
    """The folder of a server of two rounds of everybody, with a catalogue."""
    configuration: dict[str, Any] = {
        "pace": {"interval": 0.0, "minimum_devices": DEVICES},
        "rounds": {
            "rounds": 2,
            "population": DEVICES,
            "sampling_probability": 1.0,
            "minimum_cohort": 1,
            "reply_timeout": 600.0,
            "training": {
                "steps": 1,
                "examples": 1,
                "negatives": 1,
                "rates": RATES,
                "clipping_norm": 1.0,
            },
            "optimiser": {"name": "fedavg", "rates": RATES},
        },
    }
    made = ServerFolder(tmp_path / "server")
    made.path.mkdir()
    made.configuration_path.write_text(tomli_w.dumps(configuration))
    made.prepare()
    publish(made, "first")
    return made


def publish(folder: ServerFolder, name: str, *, items: int = ITEMS, anew: bool = False) -> None:
    """Publish a catalogue whose items are named after it, with others before if there are more."""
    names = [f"{name} {n}" for n in range(items)]
    publish_embedded(
        shelf_of(folder),
        Catalogue.of(names[ITEMS:] + names[:ITEMS], np.eye(items, 4, dtype=np.float32)),
        encoder="none",
        settings=PublicationSettings(dimension=2, features=2, anew=anew),
    )


def configure(folder: ServerFolder, **sections: dict[str, Any]) -> None:
    """Change settings in the folder's configuration."""
    found = tomllib.loads(folder.configuration_path.read_text())
    for name, changes in sections.items():
        found[name] = {**found.get(name, {}), **changes}
    folder.configuration_path.write_text(tomli_w.dumps(found))


def shelf_of(folder: ServerFolder) -> Shelf:
    """The server's releases."""
    return Shelf(folder.releases, load_private_signing_key(folder.signing_key))


@pytest.fixture
def grid(folder: ServerFolder) -> Iterator[FleetGrid]:
    """A grid of devices that answer at once, each with the same update, and measure if asked."""
    with closing(FleetState(folder.fleet)) as state:
        nodes = [state.register(bytes([k]), label="") for k in range(DEVICES)]
        app = ClientApp()

        @app.train()
        def train(message: Message, _context: object) -> Message:
            update = np.full(ranker_of(folder).settings.size, 0.01, dtype=np.float32)
            task = decode_task(flower.unpack(message.content), size=len(update))
            asked = task.measure_noise_multiplier is not None
            measure = MEASURE if asked else None
            result = TrainingResult(task.model_id, task.round_number, update, measure)
            return Message(flower.pack(encode_result(result)), reply_to=message)

        def reply(announced: list[int]) -> None:
            for node in announced:
                task = state.take(node)
                assert task is not None
                _, asked = state.answer(node, answer(task, app, node=node).data)
                made.replied(asked)

        def announce(announced: list[int]) -> None:
            threading.Thread(target=reply, args=(announced,)).start()

        made = FleetGrid(state, state.begin(), on_messages=announce, on_late=lambda: None)
        assert list(made.get_node_ids()) == nodes
        yield made


def test_a_round_is_recorded_though_recording_was_cut_short(
    folder: ServerFolder, grid: FleetGrid, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the ranker kept and the record not, the round is not run again, and recorded later."""
    with closing(Records(folder.records)) as records:

        def begin() -> Rounds:
            return Rounds(folder, records, shelf_of(folder), grid, randomness=SeededRandomness(0))

        def full(*_: object, **__: object) -> None:
            raise StoreError("the disk is full")

        with monkeypatch.context() as patched:
            patched.setattr(records, "finish_round", full)
            with pytest.raises(StoreError, match="full"):
                begin().run_to_the_end()
        assert [one.finished for one in records.rounds()] == [None]
        begin().run_to_the_end()
        done = records.rounds()
    assert [(one.number, one.accepted, one.attempts) for one in done] == [
        (1, DEVICES, 1),
        (2, DEVICES, 1),
    ]
    assert all(one.finished is not None for one in done)


def numbers(records: Records) -> list[tuple[int, int]]:
    """Each round's number and how often it was begun."""
    return [(one.number, one.attempts) for one in records.rounds()]


def test_a_catalogue_published_again_refunds_nothing(folder: ServerFolder, grid: FleetGrid) -> None:
    """Rounds are counted over all catalogues; an earlier one's ranker goes on from where it was."""
    configure(folder, rounds={"noise_multiplier": 4.0})
    spent: list[float] = []
    with closing(Records(folder.records)) as records:
        for turn, name in enumerate(["first", "second", "first"], start=1):
            configure(folder, rounds={"rounds": 2 * turn})
            if turn > 1:
                publish(folder, name)
            before = ranker_of(folder).vector
            rounds = Rounds(
                folder, records, shelf_of(folder), grid, randomness=SeededRandomness(turn)
            )
            rounds.run_to_the_end()
            assert rounds.standing.round_number == 2 * turn
            assert rounds.standing.epsilon is not None
            spent.append(rounds.standing.epsilon)
            assert not np.array_equal(ranker_of(folder).vector, before)
        assert numbers(records) == [(number, 1) for number in range(1, 7)]
    assert spent[0] < spent[1] < spent[2]


def ranker_of(folder: ServerFolder) -> Ranker:
    """The latest ranker released."""
    found = shelf_of(folder).ranker()
    assert found is not None
    return found[1]


def test_a_catalogue_published_again_goes_on_with_what_was_learnt(
    folder: ServerFolder, grid: FleetGrid
) -> None:
    """Its ranker is released as it stood, though publishing released one that knows nothing."""
    with closing(Records(folder.records)) as records:

        def run() -> None:
            rounds = Rounds(folder, records, shelf_of(folder), grid, randomness=SeededRandomness(0))
            rounds.run_to_the_end()

        run()
        learnt = ranker_of(folder).vector
        publish(folder, "second")
        run()
        publish(folder, "first")
        assert not np.array_equal(ranker_of(folder).vector, learnt)
        run()
        np.testing.assert_array_equal(ranker_of(folder).vector, learnt)


def test_rounds_go_on_over_a_catalogue_that_has_grown(
    folder: ServerFolder, grid: FleetGrid, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with the round that ran while it was published, whose ranker was never released.

    The new item is new until it was in half of the rounds; nothing is run twice or refunded.
    """
    configure(folder, rounds={"noise_multiplier": 4.0})
    with closing(Records(folder.records)) as records:

        def run(rounds: int) -> None:
            configure(folder, rounds={"rounds": rounds})
            begun = Rounds(folder, records, shelf_of(folder), grid, randomness=SeededRandomness(0))
            begun.run_to_the_end()

        run(1)
        old, kept = ranker_of(folder), records.finish_round
        made: list[Ranker] = []

        def while_it_is_published(number: int, **outcome: Any) -> None:
            publish(folder, "first", items=ITEMS + 1)
            made.append(ranker_of(folder))
            kept(number, **outcome)

        with monkeypatch.context() as patched:
            patched.setattr(records, "finish_round", while_it_is_published)
            run(2)
        (published,), carried = made, ranker_of(folder)
        assert published.settings.continues == old.model_id
        state = load_checkpoint(folder.checkpoint(old.model_id), model_id=old.model_id)
        assert carried.item_rounds is not None
        assert carried.item_rounds.tolist() == [0] + [2] * ITEMS
        for name, learnt in old.with_vector(state.vector).arrays.items():
            found = carried.arrays[name]
            np.testing.assert_array_equal(found[1:] if name == "popularity" else found, learnt)
            assert not np.array_equal(learnt, old.arrays[name])
        assert carried.arrays["popularity"][0] == published.arrays["popularity"][0]
        run(3)
        assert ranker_of(folder).new_items.tolist() == [0]
        run(4)
        trained = ranker_of(folder)
        assert trained.item_rounds is not None
        assert trained.item_rounds.tolist() == [2] + [4] * ITEMS
        assert trained.new_items.tolist() == []
        assert trained.model_id == carried.model_id
        assert numbers(records) == [(number, 1) for number in range(1, 5)]


def run_until(
    folder: ServerFolder, records: Records, grid: FleetGrid, *, rounds: int
) -> float | None:
    """Run rounds, up to so many over all catalogues; return what they have cost."""
    configure(folder, rounds={"rounds": rounds})
    begun = Rounds(folder, records, shelf_of(folder), grid, randomness=SeededRandomness(0))
    begun.run_to_the_end()
    return begun.standing.epsilon


def back_anew(folder: ServerFolder) -> None:
    """Return to the first catalogue with a ranker that has learnt nothing."""
    publish(folder, "first", anew=True)


def back_going_on(folder: ServerFolder) -> None:
    """Return to the first catalogue with what was learnt since."""
    publish(folder, "first")


def back_by_another(folder: ServerFolder) -> None:
    """Return to the first catalogue's ranker as it stood, from one that cannot be gone on with."""
    publish(folder, "second")
    publish(folder, "first")


@pytest.mark.parametrize("back", [back_anew, back_going_on, back_by_another])
def test_a_catalogue_rolled_back_and_published_again_loses_no_round(
    folder: ServerFolder, grid: FleetGrid, back: Callable[[ServerFolder], None]
) -> None:
    """However it was rolled back: the ranker goes on from the one in use, not from where it stood.

    Rounds are numbered and paid for over all catalogues.
    """
    configure(folder, rounds={"noise_multiplier": 4.0})
    with closing(Records(folder.records)) as records:
        spent = [run_until(folder, records, grid, rounds=2)]
        publish(folder, "first", items=ITEMS + 1)
        spent.append(run_until(folder, records, grid, rounds=4))
        stale = ranker_of(folder)
        back(folder)
        spent.append(run_until(folder, records, grid, rounds=8))
        learnt = ranker_of(folder)
        publish(folder, "first", items=ITEMS + 1)
        published = ranker_of(folder)
        assert run_until(folder, records, grid, rounds=8) == spent[-1]
        found = ranker_of(folder)
        assert found.settings.continues == learnt.model_id
        np.testing.assert_array_equal(found.vector, published.vector)
        np.testing.assert_array_equal(found.arrays["popularity"][1:], learnt.arrays["popularity"])
        assert not np.array_equal(found.vector, stale.vector)
        spent.append(run_until(folder, records, grid, rounds=9))
        assert ranker_of(folder).model_id == found.model_id
        assert numbers(records) == [(number, 1) for number in range(1, 10)]
    costs = [cost for cost in spent if cost is not None]
    assert len(costs) == len(spent)
    assert costs == sorted(set(costs))


def test_what_was_dropped_does_not_come_back(folder: ServerFolder, grid: FleetGrid) -> None:
    """Of the same catalogue and shape: published anew, a ranker begins with nothing and stays so.

    Nor does it come back by way of another catalogue. What it has cost stays spent.
    """
    configure(folder, rounds={"noise_multiplier": 4.0})
    with closing(Records(folder.records)) as records:
        spent = run_until(folder, records, grid, rounds=3)
        dropped = ranker_of(folder)
        publish(folder, "first", anew=True)
        assert run_until(folder, records, grid, rounds=3) == spent
        begun = ranker_of(folder)
        assert begun.untrained
        assert begun.family != dropped.family
        np.testing.assert_array_equal(
            begun.vector, Ranker.initial(begun.settings, begun.feature_map).vector
        )
        run_until(folder, records, grid, rounds=4)
        learnt = ranker_of(folder)
        assert learnt.item_rounds is not None
        assert learnt.item_rounds.tolist() == [1] * ITEMS
        back_by_another(folder)
        run_until(folder, records, grid, rounds=4)
        np.testing.assert_array_equal(ranker_of(folder).vector, learnt.vector)
        assert numbers(records) == [(number, 1) for number in range(1, 5)]


def test_an_unrecorded_round_is_not_lost_to_a_new_catalogue(
    folder: ServerFolder, grid: FleetGrid, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kept, not recorded, and then another catalogue: its cost counts, and it is not run again."""
    configure(folder, rounds={"rounds": 3})
    with closing(Records(folder.records)) as records:

        def full(*_: object, **__: object) -> None:
            raise StoreError("the disk is full")

        with monkeypatch.context() as patched:
            patched.setattr(records, "finish_round", full)
            with pytest.raises(StoreError, match="full"):
                Rounds(
                    folder, records, shelf_of(folder), grid, randomness=SeededRandomness(0)
                ).run_to_the_end()
        publish(folder, "second")
        Rounds(
            folder, records, shelf_of(folder), grid, randomness=SeededRandomness(0)
        ).run_to_the_end()
        assert numbers(records) == [(1, 1), (2, 1), (3, 1)]
        assert records.rounds()[0].accepted == DEVICES


def test_after_rounds_without_noise_there_is_no_budget_to_keep(
    folder: ServerFolder, grid: FleetGrid
) -> None:
    """A trial's folder cannot become one for people: rounds with noise are refused there."""
    with closing(Records(folder.records)) as records:
        Rounds(
            folder, records, shelf_of(folder), grid, randomness=SeededRandomness(0)
        ).run_to_the_end()
        configure(folder, rounds={"rounds": 9, "noise_multiplier": 4.0})
        reason = Rounds(
            folder, records, shelf_of(folder), grid, randomness=SeededRandomness(0)
        ).run_to_the_end()
        assert "new folder" in reason
        assert numbers(records) == [(1, 1), (2, 1)]


def test_a_smaller_delta_counts_at_once(folder: ServerFolder, grid: FleetGrid) -> None:
    """A budget read again is judged anew, before another round is begun."""
    configure(
        folder,
        rounds={"rounds": 3, "noise_multiplier": 4.0},
        privacy={"epsilon": 6.0, "delta": 1e-3},
    )
    with closing(Records(folder.records)) as records:
        rounds = Rounds(folder, records, shelf_of(folder), grid, randomness=SeededRandomness(0))
        rounds.run_to_the_end()
        before = rounds.standing.epsilon
        configure(folder, rounds={"rounds": 9}, privacy={"epsilon": 0.5, "delta": 1e-12})
        rounds.reload()
        assert "budget is spent" in rounds.run_to_the_end()
        after = rounds.standing.epsilon
        assert before is not None
        assert after is not None
        assert after > before
        assert len(records.rounds()) == 3


def test_asking_for_measures_counts_from_the_round_that_asks(
    folder: ServerFolder, grid: FleetGrid
) -> None:
    """Turned on between two rounds: measures are recorded, with noise, and the pair is paid for.

    Epsilon is that of one release at multiplier 4 and one at that of 4 and 8 together.
    """
    configure(folder, rounds={"rounds": 1, "noise_multiplier": 4.0}, privacy={"delta": 1e-6})
    with closing(Records(folder.records)) as records:
        rounds = Rounds(folder, records, shelf_of(folder), grid, randomness=SystemRandomness())
        rounds.run_to_the_end()
        configure(folder, rounds={"rounds": 2, "evaluate": True})
        rounds.reload()
        rounds.run_to_the_end()
        first, second = records.rounds()
    assert first.measured is None
    assert second.measured is not None
    assert second.measured.deviation == pytest.approx(8 * math.sqrt(3))
    assert second.measured.devices != pytest.approx(DEVICES, abs=1e-6)
    joint = joint_noise_multiplier(4.0, 8.0)
    assert json.loads(second.mechanism)["noise_multiplier"] == pytest.approx(joint)
    rho = gaussian_rho(noise_multiplier=4.0) + gaussian_rho(noise_multiplier=joint)
    assert second.epsilon == pytest.approx(gaussian_epsilon(rho, delta=1e-6), rel=1e-2)


def test_measures_outlive_a_record_that_was_cut_short(
    folder: ServerFolder, grid: FleetGrid, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kept beside the checkpoint and recorded later, they are those of that round, not new ones."""
    configure(folder, rounds={"rounds": 1, "noise_multiplier": 4.0, "evaluate": True})
    with closing(Records(folder.records)) as records:

        def full(*_: object, **__: object) -> None:
            raise StoreError("the disk is full")

        def begin() -> Rounds:
            return Rounds(folder, records, shelf_of(folder), grid, randomness=SystemRandomness())

        with monkeypatch.context() as patched:
            patched.setattr(records, "finish_round", full)
            with pytest.raises(StoreError, match="full"):
                begin().run_to_the_end()
        kept = kept_outcome(folder.outcome)
        begin().run_to_the_end()
        (found,) = records.rounds()
    assert kept is not None
    assert found.measured == kept[1].measured
    assert found.measured is not None


def test_a_round_on_record_is_never_begun_again(tmp_path: Path) -> None:
    """Its cost would be forgotten; a checkpoint older than the records is told."""
    with closing(Records(tmp_path / "records.sqlite")) as records:
        records.begin_round(1, mechanism={})
        records.begin_round(1, mechanism={})
        records.finish_round(1, accepted=1, rejected=0, void=False, epsilon=1.0)
        with pytest.raises(StoreError, match="on record as ended"):
            records.begin_round(1, mechanism={})


def test_an_outcome_is_kept_whole(tmp_path: Path) -> None:
    """What is written is read again; nothing is None, and a damaged file is told."""
    path = tmp_path / "outcome.json"
    assert kept_outcome(path) is None
    measured = Measured(0.5, 0.25, 6.5, deviation=1.5)
    outcome = RoundOutcome(3, 10, 7, 2, False, {"malformed": 2}, measured)
    keep_outcome(path, outcome, model_id="a ranker")
    found = kept_outcome(path)
    assert found == ("a ranker", outcome)
    assert found is not None
    assert found[1].reasons == {"malformed": 2}
    assert found[1].measured == measured
    older = json.loads(path.read_bytes())
    del older["measured"]
    path.write_text(json.dumps(older))
    assert kept_outcome(path) == ("a ranker", replace(outcome, measured=None))
    for damage in (b"{", b"[]", b'{"model_id": "a ranker"}', b'{"round_number": 1}'):
        path.write_bytes(damage)
        with pytest.raises(DataError, match="remove it"):
            kept_outcome(path)
