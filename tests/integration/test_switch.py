"""A person who switches theme, on MovieLens-100K with the real encoder."""

from pathlib import Path

import numpy as np
import pytest

from penchant.client import Device, DeviceSettings
from penchant.client.storage import RawKey
from penchant.shared.catalogue import Catalogue
from penchant.shared.encoding import CachedEncoder, Encoder
from penchant.shared.encoding.builder import ensure_bundle
from penchant.shared.scoring import Scorer
from penchant.simulation.datasets.registry import load
from penchant.simulation.evaluation.switching import events_to_follow, frozen_top, switch_between

PAIRS = [
    ("Comedy", "Horror"),
    ("Horror", "Romance"),
    ("Romance", "Sci-Fi"),
    ("Sci-Fi", "Children's"),
    ("Children's", "Thriller"),
    ("Thriller", "Comedy"),
]


@pytest.fixture(scope="module")
def films() -> dict[str, str]:
    """The text of each film, its genres at the end."""
    data = load("movielens-100k")
    return dict(zip(data.item_ids, data.item_texts, strict=True))


@pytest.fixture(scope="module")
def scorer(films: dict[str, str]) -> Scorer:
    """A ranker that has learnt nothing, over the films as MiniLM embeds them."""
    encoder = CachedEncoder(Encoder.open(ensure_bundle("minilm")))
    return Scorer.untrained(Catalogue.of(list(films), encoder.encode(list(films.values()))))


def of_genre(films: dict[str, str], genre: str) -> list[str]:
    """Return the films of a genre."""
    return [item for item, text in films.items() if genre in text.rpartition(". ")[2].split(", ")]


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_recommendations_follow_a_switch_of_theme(
    films: dict[str, str], scorer: Scorer, tmp_path: Path, old: str, new: str
) -> None:
    """Within 8 events the new theme has half of the top 10; a frozen profile never, in 50.

    Seeds 0 to 2 are three people who draw other films.
    """
    chosen = DeviceSettings(durable=False)
    for seed in range(3):
        switch = switch_between(
            of_genre(films, old),
            of_genre(films, new),
            before=40,
            after=50,
            rng=np.random.default_rng(seed),
        )
        keys = RawKey(bytes(32))
        folder = tmp_path / str(seed)
        with Device.open(folder / "live", scorer, keys=keys, settings=chosen) as device:
            events = events_to_follow(device, switch)
        with Device.open(folder / "frozen", scorer, keys=keys, settings=chosen) as device:
            frozen = frozen_top(device, switch)
        assert events is not None
        assert 0 < events <= 8
        assert len(frozen) == 51
        assert max(frozen) < 0.5
