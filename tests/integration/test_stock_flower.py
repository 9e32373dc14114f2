"""penchant's apps on a stock SuperLink and stock SuperNodes, started with ``flwr run``."""

import io
import os
import shutil
import socket
import subprocess
import sys
import time
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tomli_w
from flwr.cli.build import build_fab_from_disk
from tests.integration.reference import SEED, first_people, simulated

from penchant.client import LAB, DeviceSettings, Event, EventKind, Purpose
from penchant.client.home import Home, KeyChoice
from penchant.server.releases.publication import PublicationSettings, publish_embedded
from penchant.server.releases.shelf import Shelf
from penchant.server.service.certificates import load_private_signing_key
from penchant.server.service.folder import ServerFolder
from penchant.shared.catalogue import Catalogue
from penchant.shared.scoring import Scorer
from penchant.simulation.world import World

APP = Path(__file__).parents[2] / "deploy" / "flower"
ROUNDS, DEVICES = 2, 2
PATIENCE = 600.0


@pytest.fixture(scope="module")
def world() -> World:
    """The first two people of MovieLens-100K."""
    return first_people(devices=DEVICES, rounds=ROUNDS)


def server_folder(world: World, catalogue: Catalogue, path: Path) -> ServerFolder:
    """A server's folder with the simulation's constants and initial ranker."""
    folder = ServerFolder(path)
    path.mkdir()
    fields = {
        "pace": {"interval": 0.0, "minimum_devices": DEVICES},
        "rounds": world.plan.rounds.model_dump(mode="json", exclude_none=True),
    }
    folder.configuration_path.write_text(tomli_w.dumps(fields))
    folder.prepare()
    shape = world.scorer.ranker.settings
    publish_embedded(
        shelf_of(folder),
        catalogue,
        encoder=world.encoder.fingerprint,
        settings=PublicationSettings(
            preset=shape.preset,
            dimension=shape.dimension,
            features=shape.features,
            history_length=shape.history_length,
        ),
    )
    return folder


def shelf_of(folder: ServerFolder) -> Shelf:
    """The releases of a server's folder."""
    return Shelf(folder.releases, load_private_signing_key(folder.signing_key))


def make_device(world: World, home: Home, folder: Path, *, number: int) -> None:
    """Make a device that has observed its person's training events."""
    home.write(folder)
    settings = DeviceSettings(quality=None, recorded_rounds=False, participation=LAB)
    items, times = world.split.training.history(number)
    with home.open(folder, ask_passphrase=str, settings=settings) as device:
        for purpose in Purpose:
            device.consent(purpose)
        device.observe(
            *(
                Event(kind=EventKind.VIEW, item=world.dataset.item_ids[item], time=int(time))
                for item, time in zip(items, times, strict=True)
            )
        )


@pytest.fixture
def flower(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Start Flower's own commands with this Python; returns where one writes what it says."""
    commands = tmp_path / "commands"
    commands.mkdir()
    for entry in distribution("flwr").entry_points.select(group="console_scripts"):
        script = commands / entry.name
        name = entry.attr.split(".")[0]
        script.write_text(
            f"#!{sys.executable}\nimport sys\nfrom {entry.module} import {name}\n"
            f"sys.exit({entry.attr}())\n"
        )
        script.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{commands}:{os.environ['PATH']}",
        "FLWR_HOME": str(tmp_path / "flwr"),
        "FLWR_TELEMETRY_ENABLED": "0",
        "FLWR_DISABLE_UPDATE_CHECK": "1",
        "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
        "OMP_NUM_THREADS": "1",
    }
    started: list[subprocess.Popen[bytes]] = []

    def start(*command: str, wait: bool = False, cwd: Path = tmp_path) -> Path:
        said = tmp_path / f"{command[0]}-{len(started)}.log"
        with said.open("wb") as log:
            process = subprocess.Popen(
                [str(commands / command[0]), *command[1:]],
                stdout=log,
                stderr=log,
                env=environment,
                cwd=cwd,
            )
        started.append(process)
        if wait:
            assert process.wait(PATIENCE) == 0, said.read_text()
        return said

    yield start
    for process in reversed(started):
        process.terminate()
    for process in started:
        process.wait(PATIENCE)


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on, no two of them the same."""
    with ExitStack() as held:
        listening = [
            held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [int(one.getsockname()[1]) for one in listening]


def wait_for(condition: Callable[[], bool], logs: list[Path]) -> None:
    """Wait until something is so; fail with what was said if it never is."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            pytest.fail("\n".join(path.read_text() for path in logs))
        time.sleep(0.2)


def is_healthy(port: int) -> bool:
    """Whether a SuperLink answers."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", timeout=5).is_success
    except httpx.HTTPError:
        return False


def seeded_app(folder: Path) -> Path:
    """The app of ``deploy/flower``, its device drawing from a simulation's streams."""
    shutil.copytree(APP, folder)
    shutil.copy(Path(__file__).parent / "seeded_app" / "seeded_device.py", folder)
    fields: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text())
    app = fields["tool"]["flwr"]["app"]
    app["components"]["clientapp"] = "seeded_device:app"
    app["fab-include"] = ["*.py"]
    (folder / "pyproject.toml").write_text(tomli_w.dumps(fields))
    return folder


def test_flwr_run_trains_the_ranker_of_the_simulation(
    world: World, flower: Callable[..., Path], tmp_path: Path
) -> None:
    """Rounds on a stock SuperLink and SuperNodes end with the simulation's ranker, to 1e-5."""
    Catalogue.write(
        tmp_path / "catalogue",
        world.split.training.item_ids,
        embeddings=world.scorer.catalogue.embeddings,
        precision="float32",
    )
    catalogue = Catalogue.open(tmp_path / "catalogue")
    folder = server_folder(world, catalogue, tmp_path / "server")
    found = shelf_of(folder).ranker()
    assert found is not None
    scorer = Scorer.bind(found[1], catalogue)
    expected = simulated(world, scorer, tmp_path / "simulated")[-1].state.vector
    assert np.abs(expected - scorer.ranker.vector).max() > 0.05
    scorer.ranker.save(tmp_path / "ranker")
    home = Home(
        catalogue=tmp_path / "catalogue",
        ranker=tmp_path / "ranker",
        keys=KeyChoice.FILE,
        key_file=tmp_path / "keys",
    )
    port, *others = free_ports(1 + DEVICES)
    logs = [flower("flower-superlink", "--insecure", "--host", "127.0.0.1", "--port", str(port))]
    wait_for(lambda: is_healthy(port), logs)
    for number in range(DEVICES):
        device = tmp_path / f"device-{number}"
        make_device(world, home, device, number=number)
        node = f'device="{device}" lab=true seed={SEED} number={number}'
        arguments = ["--superlink", f"127.0.0.1:{port}", "--port", str(others[number])]
        logs.append(flower("flower-supernode", "--insecure", *arguments, "--node-config", node))
    app = seeded_app(tmp_path / "app")
    (tmp_path / "flwr" / "config.toml").write_text(
        f'[superlink]\ndefault = "here"\n[superlink.here]\naddress = "127.0.0.1:{port}"\n'
        "insecure = true\n"
    )
    run = f'folder="{folder.path}"'
    logs.append(flower("flwr", "run", ".", "--run-config", run, cwd=app, wait=True))

    def released() -> int:
        latest = shelf_of(folder).ranker()
        return 0 if latest is None else latest[0].round_number

    wait_for(lambda: released() == ROUNDS, logs)
    latest = shelf_of(folder).ranker()
    assert latest is not None
    np.testing.assert_allclose(latest[1].vector, expected, rtol=0, atol=1e-5)


def test_the_bundle_holds_no_code() -> None:
    """What is sent to nodes names the apps that are installed there, and brings none."""
    bundle = zipfile.ZipFile(io.BytesIO(build_fab_from_disk(APP)))
    assert set(bundle.namelist()) == {"pyproject.toml", "README.md", ".info/CONTENT"}
