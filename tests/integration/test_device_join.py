"""``device.join``: an app's open device takes part in rounds while the app goes on."""

import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from penchant.client import (
    LAB,
    Catalogue,
    Device,
    DeviceSettings,
    Event,
    KeyFile,
    Purpose,
    Recommendation,
    Scorer,
)
from penchant.client.join import Progress
from penchant.shared.errors import ConfigurationError, RemoteError

DOCS = Path(__file__).parents[2] / "docs" / "device.md"
THREAD = "penchant-join"


@pytest.fixture(scope="module")
def server(make_server: Callable[..., Any]) -> Any:
    """A server that runs two rounds of whoever is there."""
    server = make_server(rounds={"rounds": 2}, pace={"minimum_devices": 1})
    server.start()
    return server


@pytest.fixture
def items() -> Catalogue:
    """The items that the app brings: the server's, by other embeddings."""
    embeddings = np.random.default_rng(1).standard_normal((12, 8)).astype(np.float32)
    return Catalogue.of([f"item-{number}" for number in range(12)], embeddings)


@pytest.fixture
def device(items: Catalogue, tmp_path: Path) -> Iterator[Device]:
    """An app's device, open."""
    with Device.open(
        tmp_path / "device",
        Scorer.untrained(items),
        keys=KeyFile(tmp_path / "key"),
        settings=DeviceSettings(participation=LAB, quality=None),
    ) as device:
        device.observe(*(Event(kind="view", item=f"item-{n}", time=1000 + n) for n in range(8)))
        yield device


def joining() -> list[threading.Thread]:
    """Threads that take part in rounds."""
    return [thread for thread in threading.enumerate() if thread.name == THREAD]


def test_the_example_of_the_documentation_runs(server: Any, device: Device) -> None:
    """As it stands there: the app observes and ranks, rounds are trained, releases installed."""
    (code,) = (
        block
        for block in re.findall(r"```python\n(.*?)```", DOCS.read_text(), flags=re.S)
        if "device.join(" in block
    )
    numbers = count(2000)
    shown: list[list[Recommendation]] = []

    def next_events() -> list[Event]:
        return [Event(kind="view", item=f"item-{n % 8}", time=n) for n in [next(numbers)]]

    before = device.scorer
    names = {
        "device": device,
        "url": server.url,
        "code": str(server.code()),
        "next_events": next_events,
        "show": shown.append,
    }
    exec(compile(code, str(DOCS), "exec"), names)
    joined: Any = names["joined"]
    assert joined.progress.rounds >= 1
    assert joined.progress.doing == "stopped"
    assert joined.progress.problem is None
    assert not joined.running
    assert not joining()
    assert shown
    assert all(len(found) == 3 for found in shown)
    assert device.scorer is not before
    assert device.scorer.ranker.model_id == server.ranker().model_id
    assert len(device.export()["ledger"]) == joined.progress.rounds
    assert device.event_count() == 8 + len(shown)
    # It goes on alone, and may join again without a code.
    device.observe(Event(kind="view", item="item-1", time=9000))
    with device.join(server.url) as again, pytest.raises(ConfigurationError, match="already"):
        device.join(server.url)
    assert again.node == joined.node


def test_what_cannot_be_joined_is_said_at_once(server: Any, device: Device) -> None:
    """No code, no code that is one, another server: an error, and no thread."""
    with pytest.raises(ConfigurationError, match="joined no server yet"):
        device.join(server.url)
    with pytest.raises(ConfigurationError, match="24 characters"):
        device.join(server.url, code="x")
    with pytest.raises(RemoteError, match="cannot be reached"):
        device.join("https://127.0.0.1:1", code=str(server.code()))
    invitation = f"{server.url}#{server.code()}"
    with device.join(invitation) as joined:
        assert joined.server == server.url
        assert joined.running
    with pytest.raises(ConfigurationError, match="has joined"):
        device.join("https://127.0.0.1:1")
    assert not joining()


def test_closing_the_device_ends_it(server: Any, device: Device) -> None:
    """No thread is left, and the folder can be opened again."""
    device.consent(Purpose.TRAIN_RANKER)
    joined = device.join(server.url, code=str(server.code()))
    device.close()
    assert not joined.running
    assert not joining()


class OtherEncoder:
    """An encoder of another model, with embeddings as long."""

    dimension = 8
    fingerprint = "other"

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return embeddings of unit norm, float32 (n, 8)."""
        return np.tile(np.eye(1, 8, dtype=np.float32), (len(texts), 1))


def test_items_of_another_encoder_are_not_installed(
    server: Any, items: Catalogue, tmp_path: Path
) -> None:
    """Texts and items would not be comparable: the device stays as it is, and says why."""
    with Device.open(
        tmp_path / "device",
        Scorer.untrained(items),
        keys=KeyFile(tmp_path / "key"),
        encoder=OtherEncoder(),
        settings=DeviceSettings(participation=LAB),
    ) as device:
        before = device.scorer
        ended = threading.Event()

        def look(now: Progress) -> None:
            if now.doing == "stopped by an error":
                ended.set()

        joined = device.join(server.url, code=str(server.code()), on_change=look)
        assert ended.wait(300)
        assert "encoder" in (joined.progress.problem or "")
        assert device.scorer is before
        device.recommend(k=1)


PROGRAM = """
import sys
from pathlib import Path
from penchant.client import LAB, Device, DeviceSettings, Event, KeyFile, Purpose, Scorer, Catalogue
import numpy as np

folder = Path(sys.argv[1])
items = Catalogue.of(["a", "b"], np.eye(2, 8, dtype=np.float32))
device = Device.open(
    folder / "device", Scorer.untrained(items), keys=KeyFile(folder / "key"),
    settings=DeviceSettings(participation=LAB),
)
assert not {"torch", "flwr", "opacus", "httpx"} & set(sys.modules)
joined = device.join(sys.argv[2])
assert joined.running
print(joined.node)
"""


def test_a_program_that_just_ends_ends_cleanly(server: Any, tmp_path: Path) -> None:
    """Nobody stopped it: the interpreter still exits at once, with nothing to say."""
    invitation = f"{server.url}#{server.code()}"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), invitation],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip().isdigit()
