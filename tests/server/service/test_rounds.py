"""Rounds over a real mailbox, and what is recorded of one whose recording was cut short."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
from flwr.app import Message
from flwr.clientapp import ClientApp

from penchant.client.join.flower_adapter import answer
from penchant.server.fleet.flower_adapter import FleetState
from penchant.server.fleet.grid import FleetGrid
from penchant.server.operations.records import Records
from penchant.server.releases.publication import PublicationSettings, publish_embedded
from penchant.server.releases.shelf import Shelf
from penchant.server.service.certificates import load_private_signing_key
from penchant.server.service.folder import ServerFolder
from penchant.server.service.outcomes import keep_outcome, kept_outcome
from penchant.server.service.rounds import Rounds
from penchant.server.strategy import RoundOutcome
from penchant.shared import flower
from penchant.shared.catalogue import Catalogue
from penchant.shared.codec import decode_task, encode_result
from penchant.shared.contract import TrainingResult
from penchant.shared.errors import DataError, StoreError
from penchant.shared.randomness import SeededRandomness

ITEMS, DEVICES = 5, 3
RATES = dict.fromkeys(
    (
        "private_vector",
        "item_projection",
        "context_projection",
        "attention",
        "popularity",
        "item_residual",
    ),
    1.0,
)


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
            "reply_timeout": 60.0,
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
    publish_embedded(
        shelf_of(made),
        Catalogue.of([str(n) for n in range(ITEMS)], np.eye(ITEMS, 4, dtype=np.float32)),
        encoder="none",
        settings=PublicationSettings(dimension=2, features=2),
    )
    return made


def shelf_of(folder: ServerFolder) -> Shelf:
    """The server's releases."""
    return Shelf(folder.releases, load_private_signing_key(folder.signing_key))


@pytest.fixture
def grid(folder: ServerFolder) -> Iterator[FleetGrid]:
    """A grid of devices that answer at once, each with the same update."""
    with closing(FleetState(folder.fleet)) as state:
        nodes = [state.register(bytes([k]), label="") for k in range(DEVICES)]
        app, size = ClientApp(), shelf_of(folder).ranker()
        assert size is not None
        update = np.full(size[1].settings.size, 0.01, dtype=np.float32)

        @app.train()
        def train(message: Message, _context: object) -> Message:
            task = decode_task(flower.unpack(message.content), size=len(update))
            result = TrainingResult(task.model_id, task.round_number, update)
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


def test_an_outcome_is_kept_whole(tmp_path: Path) -> None:
    """What is written is read again; nothing is None, and a damaged file is told."""
    path = tmp_path / "outcome.json"
    assert kept_outcome(path) is None
    outcome = RoundOutcome(3, 10, 7, 2, False, {"malformed": 2})
    keep_outcome(path, outcome)
    found = kept_outcome(path)
    assert found == outcome
    assert found is not None
    assert found.reasons == {"malformed": 2}
    path.write_bytes(b"{")
    with pytest.raises(DataError, match="remove it"):
        kept_outcome(path)
