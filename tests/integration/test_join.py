"""Real devices join a real server: what was simulated is what is deployed."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.integration.reference import SEED, asking, first_people, simulated

from penchant.server.releases.publication import PublicationSettings, publish_embedded
from penchant.shared.catalogue import Precision
from penchant.simulation.world import World

ROUNDS, DEVICES = 5, 3


@pytest.fixture(scope="module")
def world() -> World:
    """The first three people of MovieLens-100K."""
    return asking(first_people(devices=DEVICES, rounds=ROUNDS))


@pytest.fixture
def start_device(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Start devices in processes of their own; returns where each says what it does."""
    started: list[subprocess.Popen[str]] = []

    def start(server: Any, number: int, history: list[tuple[str, int]]) -> Path:
        folder = tmp_path / f"device-{number}"
        folder.mkdir()
        (folder / "history.json").write_text(json.dumps(history))
        said = folder / "said"
        command = [sys.executable, str(Path(__file__).parent / "joined_device.py")]
        command += [str(folder), server.url, str(server.code()), str(SEED), str(number)]
        with said.open("w") as log:
            started.append(
                subprocess.Popen(
                    [*command, str(folder / "history.json")], stdout=log, stderr=log, text=True
                )
            )
        return said

    yield start
    for process in started:
        process.terminate()
    for process in started:
        assert process.wait(300) == 0


def test_three_devices_train_the_ranker_of_the_simulation(
    make_server: Callable[..., Any],
    start_device: Callable[..., Path],
    world: World,
    tmp_path: Path,
) -> None:
    """Five rounds over TLS on MovieLens histories end with the simulation's ranker, to 1e-5.

    What the devices measured is what the simulation's did, the exact means as there is no noise:
    in the first round all of what their people did is new to them, and later there is nothing to
    measure with.
    """
    finished = simulated(world, world.scorer, tmp_path / "simulated")
    expected = finished[-1].state.vector
    moved = np.abs(expected - world.scorer.ranker.vector).max()
    assert moved > 0.1
    server = make_server(
        rounds=world.plan.rounds.model_dump(mode="json", exclude_none=True),
        pace={"minimum_devices": DEVICES},
        catalogue=False,
        seed=SEED,
    )
    shape = world.scorer.ranker.settings
    publish_embedded(
        server.shelf(),
        world.scorer.catalogue,
        encoder=world.encoder.fingerprint,
        settings=PublicationSettings(
            preset=shape.preset,
            dimension=shape.dimension,
            features=shape.features,
            history_length=shape.history_length,
            precision=Precision.FLOAT32,  # as the simulation has them
        ),
    )
    assert server.ranker().model_id == world.scorer.ranker.model_id
    server.start()
    said = []
    for number in range(DEVICES):
        items, times = world.split.training.history(number)
        history = [
            (world.dataset.item_ids[item], int(time))
            for item, time in zip(items, times, strict=True)
        ]
        said.append(start_device(server, number, history))
    try:
        server.wait_for_rounds(ROUNDS)
    except AssertionError:
        pytest.fail("\n".join([server.text(), *(path.read_text() for path in said)]))
    rounds = server.status()["rounds"]
    assert [found["accepted"] for found in rounds] == [DEVICES] * ROUNDS
    measured = finished[0].outcome.measured
    assert measured is not None
    assert rounds[0]["measured"]["devices"] == pytest.approx(DEVICES)
    assert rounds[0]["measured"]["hits"] == pytest.approx(measured.hits, abs=1e-6)
    assert rounds[0]["measured"]["gains"] == pytest.approx(measured.gains, abs=1e-6)
    assert measured.hit_rate is not None
    assert rounds[0]["measured"]["hit_rate"]["mean"] == pytest.approx(measured.hits / DEVICES)
    assert measured.hits > 0
    assert [found["measured"] for found in rounds[1:]] == [None] * (ROUNDS - 1)
    assert [one.outcome.measured for one in finished[1:]] == [None] * (ROUNDS - 1)
    np.testing.assert_allclose(server.ranker().vector, expected, rtol=0, atol=1e-5)
