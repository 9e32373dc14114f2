"""A small catalogue, rankers over it, and an encoder whose similarity is shared words."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from penchant.client import LAB, Device, DeviceSettings, Purpose
from penchant.client.storage import RawKey
from penchant.shared.catalogue import Catalogue
from penchant.shared.contract import EventPrivacy, LearningRates, LocalTraining, TrainingTask
from penchant.shared.features import FeatureMap
from penchant.shared.randomness import SeededRandomness
from penchant.shared.ranker import Preset, Ranker, RankerSettings
from penchant.shared.scoring import Scorer

DIMENSION = 24
ITEMS = 30


class WordEncoder:
    """A bag of words: each word is a fixed random direction, a text the sum of its words."""

    dimension = DIMENSION
    fingerprint = "words"

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return embeddings of unit norm, float32 (n, m)."""
        sums = np.array([sum(self._word(word) for word in text.split()) for text in texts])
        embeddings: NDArray[np.float64] = sums / np.linalg.norm(sums, axis=1, keepdims=True)
        return embeddings.astype(np.float32)

    def _word(self, word: str) -> NDArray[np.float64]:
        seed = hashlib.sha256(word.encode()).digest()[:8]
        return np.random.default_rng(int.from_bytes(seed)).standard_normal(DIMENSION)


def agreed(device: Device) -> Device:
    """The device, with consent to everything."""
    for purpose in Purpose:
        device.consent(purpose)
    return device


@pytest.fixture(scope="session")
def encoder() -> WordEncoder:
    """A small but real text encoder."""
    return WordEncoder()


@pytest.fixture(scope="session")
def make_scorer() -> Callable[..., Scorer]:
    """Make a scorer of a ranker that has learnt something (seeded normal numbers)."""

    def make(
        preset: Preset = Preset.FULL, *, seed: int = 0, items: int = ITEMS, history_length: int = 4
    ) -> Scorer:
        rng = np.random.default_rng(seed)
        embeddings = rng.standard_normal((items, DIMENSION))
        embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
        catalogue = Catalogue.of(
            [f"item-{number}" for number in range(items)], embeddings.astype(np.float32)
        )
        settings = RankerSettings(
            preset=preset, items=items, features=6, dimension=3, history_length=history_length
        )
        feature_map = FeatureMap.principal(catalogue.embeddings, rank=6)
        vector = 0.3 * rng.standard_normal(settings.size)
        return Scorer.bind(Ranker(settings, feature_map, vector.astype(np.float32)), catalogue)

    return make


@pytest.fixture(params=list(Preset))
def scorer(request: pytest.FixtureRequest, make_scorer: Callable[..., Scorer]) -> Scorer:
    """A scorer of each preset in turn."""
    return make_scorer(request.param)


@pytest.fixture
def open_device(tmp_path: Path, encoder: WordEncoder) -> Iterator[Callable[..., Device]]:
    """Open a device with the word encoder, and close it after the test."""
    opened = []

    def opener(
        scorer: Scorer,
        *,
        name: str = "device",
        seed: int = 0,
        settings: DeviceSettings = DeviceSettings(participation=LAB),  # noqa: B008 - frozen
    ) -> Device:
        device = Device.open(
            tmp_path / name,
            scorer,
            keys=RawKey(bytes(32)),
            encoder=encoder,
            settings=settings,
            randomness=SeededRandomness(seed),
        )
        opened.append(agreed(device))
        return device

    yield opener
    for device in opened:
        device.close()


@pytest.fixture(scope="session")
def make_training() -> Callable[..., LocalTraining]:
    """Make a round's constants; one rate for all numbers unless ``rates`` are given."""

    def make(
        *,
        rate: float = 0.1,
        rates: dict[str, float] | None = None,
        steps: int = 2,
        examples: int = 8,
        negatives: int = 10,
        clipping_norm: float | None = None,
        event_privacy: EventPrivacy | None = None,
    ) -> LocalTraining:
        even = dict.fromkeys(LearningRates.model_fields, rate)
        return LocalTraining(
            steps=steps,
            examples=examples,
            negatives=negatives,
            rates=LearningRates(**(even | (rates or {}))),
            clipping_norm=clipping_norm,
            event_privacy=event_privacy,
        )

    return make


@pytest.fixture(scope="session")
def make_task() -> Callable[..., TrainingTask]:
    """Make the task of training a scorer's own ranker."""

    def make(scorer: Scorer, training: LocalTraining, *, round_number: int = 1) -> TrainingTask:
        ranker = scorer.ranker
        return TrainingTask(ranker.model_id, round_number, training, ranker.vector)

    return make
