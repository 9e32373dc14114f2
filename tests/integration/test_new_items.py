"""A catalogue that changes under a running server: new items are ranked at once, and well.

People like one theme each. What training would settle at is planted: a projection that fits the
known items' vectors as well as it can, and so fits their noise too.
"""

import threading
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
from tests.integration.waiting import wait_for

from penchant.client import LAB, Device, DeviceSettings, Event, Purpose
from penchant.client.join import Runtime
from penchant.client.join.looks import Looks
from penchant.client.storage import RawKey
from penchant.server.releases.publication import PublicationSettings, publish_embedded
from penchant.shared.catalogue import Catalogue
from penchant.shared.contract import LearningRates
from penchant.shared.newitems import extended
from penchant.shared.ranker import Preset, Ranker, split_vector
from penchant.shared.scoring import Scorer

THEMES, OLD, NEW, GONE, WIDTH = 6, 90, 36, 6, 64
LEARNT_ROUNDS, NOW = 6, 50_000
RATES = dict.fromkeys(LearningRates.model_fields, 0.2)
TRAINING = {"steps": 1, "examples": 4, "negatives": 4, "rates": RATES, "clipping_norm": 1.0}


def item_embeddings() -> Any:
    """Embeddings of items whose themes are what most tells them apart, float32 (126, 64)."""
    rng = np.random.default_rng(0)
    raw = 0.09 * rng.standard_normal((OLD + NEW, WIDTH))
    raw[:, :THEMES] += 0.6 * np.eye(THEMES)[np.arange(OLD + NEW) % THEMES]
    return (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)


def catalogue_of(start: int, stop: int) -> Catalogue:
    """Items of one list; item n is of theme n % 6."""
    names = [f"i{number}" for number in range(start, stop)]
    return Catalogue.of(names, item_embeddings()[start:stop])


def learnt(ranker: Ranker) -> Ranker:
    """Return the ranker of the first catalogue as training would leave it."""
    rng = np.random.default_rng(1)
    features = ranker.feature_map.apply(item_embeddings()[:OLD])
    themes = np.eye(THEMES)[np.arange(OLD) % THEMES]
    wanted = 2 * (themes - themes.mean(axis=0)) + 0.8 * rng.standard_normal((OLD, THEMES))
    vector = ranker.vector.copy()
    arrays = split_vector(ranker.settings, vector)
    arrays["item_projection"][:] = np.linalg.lstsq(features, wanted, rcond=None)[0]
    if "context_projection" in arrays:
        arrays["context_projection"][:] = np.linalg.lstsq(features, themes, rcond=None)[0]
    rounds = np.full(OLD, LEARNT_ROUNDS, dtype=np.int32)
    return replace(ranker, vector=vector, item_rounds=rounds)


def views(theme: int) -> list[Event]:
    """What a person did who likes one theme."""
    liked = range(THEMES + theme, THEMES * 7, THEMES)
    return [Event(kind="view", item=f"i{item}", time=1000 + item) for item in liked]


def gain(order: list[str], *, theme: int) -> float:
    """NDCG@10 of a list of new items, where those of the theme are what is sought."""
    worth = 1 / np.log2(np.arange(10) + 2)
    hits = np.array([int(item[1:]) % THEMES == theme for item in order[:10]])
    return float((worth * hits).sum() / worth[: NEW // THEMES].sum())


NEW_ITEMS = [f"i{number}" for number in range(OLD, OLD + NEW)]


@pytest.fixture
def open_device(tmp_path: Path) -> Iterator[Callable[..., Device]]:
    """Open people's devices."""
    opened = []

    def opener(scorer: Scorer, *, theme: int = 0) -> Device:
        device = Device.open(
            tmp_path / f"person-{theme}",
            scorer,
            keys=RawKey(bytes(32)),
            settings=DeviceSettings(participation=LAB, quality=None),
        )
        opened.append(device)
        device.observe(*views(theme))
        for purpose in Purpose:
            device.consent(purpose)
        return device

    yield opener
    for device in opened:
        device.close()


def joined(device: Device, server: Any, folder: Path, *, seconds: float) -> Runtime:
    """Enrol an open device; it looks for a release so many seconds after whatever happens."""

    @contextmanager
    def lent(scorer: Scorer) -> Iterator[Device]:
        if device.scorer is not scorer:
            device.install(scorer)
        yield device

    looks = Looks(soon=seconds, first=seconds, longest=seconds)
    return Runtime(folder, server.enrol(folder), lent, looks=looks)


def run_until(server: Any, rounds: int) -> None:
    """Let a running server go on until it has finished so many rounds."""
    configuration = server.folder.configuration_path
    fields = tomllib.loads(configuration.read_text())
    fields["rounds"]["rounds"] = rounds
    configuration.write_text(tomli_w.dumps(fields))
    server.process.send_signal(1)
    server.wait_for_rounds(rounds)


@pytest.mark.parametrize("preset", [Preset.FULL, Preset.COMPACT])
def test_new_items_are_ranked_at_once_and_rounds_go_on(
    preset: Preset,
    make_server: Callable[..., Any],
    open_device: Callable[..., Device],
    tmp_path: Path,
) -> None:
    """Publish, train, publish more items and fewer, train on: a joined device follows.

    Before another round is trained it recommends new items of the person's theme, and ranks new
    items better than their plain projections do; what it learnt of the person goes on.
    """
    server = make_server(catalogue=False, rounds={"rounds": 1, "training": TRAINING})
    shape = PublicationSettings(preset=preset, dimension=THEMES, features=WIDTH, history_length=5)
    first, second = catalogue_of(0, OLD), catalogue_of(GONE, OLD + NEW)
    publish_embedded(server.shelf(), first, encoder="test", settings=shape)
    server.shelf().publish_ranker(
        learnt(server.ranker()), catalogue=first.fingerprint, round_number=0
    )
    server.start()
    device = open_device(Scorer.untrained(first))

    runtime = joined(device, server, tmp_path / "member", seconds=0.2)
    runtime.start()
    try:
        server.wait_for_rounds(1)
        wait_for(lambda: device.scorer.ranker.item_rounds is not None)
        before = server.ranker()
        wait_for(lambda: runtime.progress.release == 3)
        of_person = device.private_vector()
        assert of_person.any()

        made = publish_embedded(
            server.shelf(), second, encoder="test", settings=PublicationSettings()
        )
        assert made.new_items == NEW
        wait_for(lambda: len(device.scorer.catalogue) == len(second))
        assert device.scorer.ranker.settings.continues == before.model_id
        np.testing.assert_array_equal(device.private_vector(), of_person)
        best = device.recommend(NEW_ITEMS, k=3, now=NOW)
        assert all(int(one.item[1:]) % THEMES == 0 for one in best)
        assert any(one.item in NEW_ITEMS for one in device.recommend(k=10, now=NOW))

        run_until(server, 3)
        wait_for(lambda: runtime.progress.rounds == 3)
    finally:
        runtime.stop()
    assert not any(thread.name == "penchant-join" for thread in threading.enumerate())
    after = server.ranker()
    assert after.item_rounds.tolist() == [LEARNT_ROUNDS + 3] * (OLD - GONE) + [2] * NEW
    assert not np.array_equal(after.vector, before.vector)
    assert not np.array_equal(device.private_vector(), of_person)


@pytest.mark.parametrize("preset", list(Preset))
def test_new_items_are_ranked_better_than_by_projection(
    preset: Preset, make_server: Callable[..., Any], open_device: Callable[..., Device]
) -> None:
    """For people of all themes, by the numbers of the simulation's cold start to 1e-5."""
    server = make_server(catalogue=False)
    shape = PublicationSettings(
        preset=preset, dimension=THEMES, features=WIDTH, history_length=5, precision="float32"
    )
    first, second = catalogue_of(0, OLD), catalogue_of(0, OLD + NEW)
    publish_embedded(server.shelf(), first, encoder="test", settings=shape)
    ranker = learnt(server.ranker())
    server.shelf().publish_ranker(ranker, catalogue=first.fingerprint, round_number=0)
    evaluated = extended(Scorer.bind(ranker, first), second)
    publish_embedded(
        server.shelf(), second, encoder="test", settings=PublicationSettings(precision="float32")
    )
    released = Scorer.bind(server.ranker(), second)
    gains = []
    for theme in range(THEMES):
        device = open_device(released, theme=theme)
        history = device._memory.history()
        profile = evaluated.profile(device.private_vector(), history, now=NOW)
        np.testing.assert_allclose(
            device.scores(now=NOW), evaluated.scores(profile), rtol=1e-5, atol=1e-5
        )
        plain = evaluated.features[OLD:] @ ranker.arrays["item_projection"] @ profile
        projected = [NEW_ITEMS[place] for place in np.argsort(-plain)]
        ours = [one.item for one in device.recommend(NEW_ITEMS, k=10, now=NOW)]
        gains.append([gain(ours, theme=theme), gain(projected, theme=theme)])
    # The seed is fixed: 1.00 and 0.74 or 0.75.
    mean, by_projection = np.mean(gains, axis=0)
    assert mean > by_projection + 0.1


def test_a_task_of_a_catalogue_not_seen_yet_has_a_device_look_at_once(
    make_server: Callable[..., Any], open_device: Callable[..., Device], tmp_path: Path
) -> None:
    """A device that would look hours later answers the first round of a new catalogue all the same.

    With noise a round is never void: it would be paid for, and move the ranker by noise alone.
    """
    server = make_server(catalogue=False, rounds={"rounds": 1, "training": TRAINING})
    shape = PublicationSettings(
        preset=Preset.COMPACT, dimension=THEMES, features=WIDTH, history_length=5
    )
    first, second = catalogue_of(0, OLD), catalogue_of(GONE, OLD + NEW)
    publish_embedded(server.shelf(), first, encoder="test", settings=shape)
    server.start()
    device = open_device(Scorer.untrained(first))

    runtime = joined(device, server, tmp_path / "member", seconds=36_000.0)
    runtime.start()
    try:
        server.wait_for_rounds(1)
        wait_for(lambda: runtime.progress.rounds == 1)
        publish_embedded(server.shelf(), second, encoder="test", settings=PublicationSettings())
        run_until(server, 2)
        wait_for(lambda: runtime.progress.rounds == 2)
    finally:
        runtime.stop()
    assert runtime.progress.refused == 0
    assert len(device.scorer.catalogue) == len(second)
