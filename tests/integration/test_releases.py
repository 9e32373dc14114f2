"""Releases on their way to a device and on its disk: broken off, damaged, tidied away."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from penchant.client import Device
from penchant.client.join.connection import ServerConnection
from penchant.client.join.releases import Installed, Release
from penchant.client.join.runtime import Runtime
from penchant.client.storage import RawKey
from penchant.shared.errors import ReleaseError
from penchant.shared.releases import load_signing_key
from penchant.shared.scoring import Scorer


@pytest.fixture(scope="module")
def server(make_server: Callable[..., Any]) -> Any:
    """A server with a catalogue that runs no rounds."""
    server = make_server(pace={"minimum_devices": 10_000})
    server.start()
    return server


@pytest.fixture(scope="module")
def membership(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An enrolled device's."""
    return server.enrol(tmp_path_factory.mktemp("member"))


@pytest.fixture
def connection(membership: Any) -> Iterator[ServerConnection]:
    """Its way to the server."""
    with ServerConnection(membership) as connection:
        yield connection


def installed_in(folder: Path, membership: Any) -> Installed:
    """The releases of the device, in a folder."""
    return Installed(folder, load_signing_key(membership.server.signing_key))


def fetched(installed: Installed, connection: ServerConnection) -> Release:
    """The latest release, installed."""
    release = installed.fetch(connection, known=None)
    assert release is not None
    installed.adopt(release)
    return release


def test_a_release_that_broke_off_is_gone_on_with(
    membership: Any, connection: ServerConnection, tmp_path: Path
) -> None:
    """What is there already is not sent again, and the whole is what was signed."""
    whole = connection.get("/v1/releases/catalogue/1").content
    partial = tmp_path / "catalogue" / "000001" / "content.partial"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(whole[:1000])
    asked: list[str] = []
    get = connection.get

    def watched(path: str, *, headers: dict[str, str] | None = None) -> Any:
        asked.append((headers or {}).get("range", ""))
        return get(path, headers=headers)

    connection.get = watched  # type: ignore[method-assign, assignment]
    release = fetched(installed_in(tmp_path, membership), connection)
    assert f"bytes=1000-{len(whole) - 1}" in asked
    assert not any(part.startswith("bytes=0-") and str(len(whole) - 1) in part for part in asked)
    assert not release.scorer.catalogue.held
    assert not partial.exists()


@pytest.mark.parametrize(
    "damaged",
    [
        "catalogue/000001/items/embeddings",
        "catalogue/000001/items/manifest.json",
        "catalogue/000001/items",
        "ranker/000001/content.safetensors",
    ],
)
def test_what_a_disk_damaged_is_fetched_again(
    damaged: str, membership: Any, connection: ServerConnection, tmp_path: Path
) -> None:
    """It is said, nothing damaged is used, and the next fetch is whole."""
    fetched(installed_in(tmp_path, membership), connection)
    path = tmp_path / damaged
    if path.is_dir():
        shutil.rmtree(path)
    else:
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    installed = installed_in(tmp_path, membership)
    with pytest.raises(ReleaseError, match="damaged on this device"):
        installed.current()
    assert installed.current() is None
    again = fetched(installed, connection)
    kept = installed_in(tmp_path, membership).current()
    assert kept is not None
    assert kept.version == again.version


def test_a_joined_device_gets_over_a_damaged_release(membership: Any, tmp_path: Path) -> None:
    """Starting anew it notes the damage, and installs the release once more."""
    folder = tmp_path / "join" / "releases"
    with ServerConnection(membership) as connection:
        fetched(installed_in(folder, membership), connection)
    (folder / "ranker" / "000001" / "content.safetensors").write_bytes(b"x")
    said: list[Any] = []

    def look(now: Any) -> None:
        said.append(now)
        if now.release is not None:
            runtime.stop()

    def open_device(scorer: Scorer) -> Device:
        return Device.open(tmp_path / "data", scorer, keys=RawKey(bytes(32)))

    runtime = Runtime(tmp_path, membership, open_device, on_change=look)
    runtime.run()
    assert any("damaged on this device" in (now.problem or "") for now in said)
    assert runtime.progress.release == 1


def test_a_release_that_is_gone_is_no_error_of_the_server(
    server: Any, connection: ServerConnection
) -> None:
    """A ranker whose file was tidied away between two requests is answered 404, not 500."""
    place = server.shelf().content("ranker", 1)
    hidden = place.with_name("hidden")
    place.rename(hidden)
    try:
        assert connection.get("/v1/releases/ranker/1").status_code == 404
    finally:
        hidden.rename(place)
    assert connection.get("/v1/releases/ranker/1").status_code == 200
