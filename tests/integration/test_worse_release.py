"""A release that serves a person worse, or breaks with what was learnt, is not installed."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.integration.waiting import wait_for

from penchant.client import LAB, Device, DeviceSettings, Event, KeyFile, Purpose
from penchant.client.join import Runtime
from penchant.client.join.connection import ServerConnection
from penchant.client.join.looks import Looks
from penchant.client.join.membership import releases_folder
from penchant.client.join.releases import Installed
from penchant.server.releases.publication import PublicationSettings, publish_embedded
from penchant.shared.catalogue import Catalogue
from penchant.shared.errors import ReleaseError
from penchant.shared.ranker import Ranker
from penchant.shared.releases import load_signing_key
from penchant.shared.scoring import Scorer

ITEMS, THEMES = 60, 6


def themes() -> Catalogue:
    """Items of some themes, alike within each."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((THEMES, 16))
    raw = centres[np.arange(ITEMS) % THEMES] + 0.2 * rng.standard_normal((ITEMS, 16))
    embeddings = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
    return Catalogue.of([f"i{number}" for number in range(ITEMS)], embeddings)


@pytest.fixture
def open_device(tmp_path: Path) -> Callable[[Scorer], Device]:
    """Open one person's device."""

    def open_device(scorer: Scorer) -> Device:
        return Device.open(
            tmp_path / "data",
            scorer,
            keys=KeyFile(tmp_path / "key"),
            settings=DeviceSettings(participation=LAB, quality=None),
        )

    return open_device


def started(make_server: Callable[..., Any]) -> Any:
    """Start a server that has published the themes and runs no round."""
    server = make_server(pace={"minimum_devices": 1000}, catalogue=False)
    shape = PublicationSettings(dimension=5, features=8, history_length=5)
    publish_embedded(server.shelf(), themes(), encoder="test", settings=shape)
    server.start()
    return server


def test_the_last_good_release_stays(
    make_server: Callable[..., Any], open_device: Callable[[Scorer], Device], tmp_path: Path
) -> None:
    """A ranker that ranks the person's likings last is declined; one that is as good is taken."""
    server = started(make_server)
    membership = server.enrol(tmp_path)
    runtime = Runtime(
        tmp_path, membership, open_device, looks=Looks(soon=0.2, first=0.2, longest=0.2)
    )
    key = load_signing_key(membership.server.signing_key)
    installed = Installed(releases_folder(tmp_path), key)
    ranker, catalogue = server.ranker(), themes().fingerprint
    unpopular = ranker.vector.copy()
    unpopular[8 * 5 :][::THEMES] = -10.0  # popularity of the very items that this person likes
    bad = ranker.with_vector(unpopular)
    with open_device(Scorer.bind(ranker, themes())) as device:
        views = [Event(kind="view", item=f"i{THEMES * n}", time=1000 + n) for n in range(10)]
        device.observe(*views)
        device.consent(Purpose.TRAIN_RANKER)
        good = device.local_quality()
    with open_device(Scorer.bind(bad, themes())) as device:
        worse = device.local_quality()
    assert good is not None
    assert worse is not None
    assert worse < 0.5 * good
    runtime.start()
    try:
        wait_for(lambda: runtime.progress.release == 1)
        server.shelf().publish_ranker(bad, catalogue=catalogue, round_number=1)
        wait_for(lambda: "worse" in (runtime.progress.problem or ""))
        kept = installed.current()
        assert kept is not None
        assert kept.version == 1
        better = ranker.with_vector((1.01 * ranker.vector).astype(np.float32))
        server.shelf().publish_ranker(better, catalogue=catalogue, round_number=2)
        wait_for(lambda: runtime.progress.release == 3)
    finally:
        runtime.stop()
    assert runtime.progress.doing == "stopped"
    assert not any(thread.name == "penchant-join" for thread in threading.enumerate())
    # Without a network the device ranks with the last good one.
    server.end()
    kept = installed.current()
    assert kept is not None
    assert kept.version == 3
    with open_device(kept.scorer) as device:
        assert device.recommend(k=1, exclude_seen=False)[0].item in {
            f"i{THEMES * n}" for n in range(10)
        }


def test_a_release_of_the_family_in_another_space_is_declined(
    make_server: Callable[..., Any], tmp_path: Path
) -> None:
    """It is said once, though the server signed it; what was in use stays, a later one is taken."""
    server = started(make_server)
    membership = server.enrol(tmp_path)
    installed = Installed(
        releases_folder(tmp_path), load_signing_key(membership.server.signing_key)
    )
    ranker, catalogue = server.ranker(), themes().fingerprint
    narrow = replace(ranker.settings, dimension=2, family=ranker.family, continues=ranker.model_id)
    vector = np.zeros(narrow.size, dtype=np.float32)
    with ServerConnection(membership) as connection:
        first = installed.fetch(connection, known=None)
        assert first is not None
        installed.adopt(first)
        other = Ranker(narrow, ranker.feature_map, vector)
        server.shelf().publish_ranker(other, catalogue=catalogue, round_number=1)
        with pytest.raises(ReleaseError, match="dimension 2 where that has 5"):
            installed.fetch(connection, known=first)
        assert installed.fetch(connection, known=first) is None
        kept = installed.current()
        assert kept is not None
        assert kept.version == first.version
        server.shelf().publish_ranker(ranker, catalogue=catalogue, round_number=2)
        later = installed.fetch(connection, known=first)
        assert later is not None
        assert later.version == 3
