"""Whether a release would serve a person worse: within a line of rankers, on what both can tell."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from penchant.client import Device, Event
from penchant.client.join.comparison import serves_worse
from penchant.client.storage import RawKey
from penchant.shared.catalogue import Catalogue
from penchant.shared.features import FeatureMap
from penchant.shared.ranker import Preset, Ranker, RankerSettings
from penchant.shared.scoring import Scorer

ITEMS, MET, MORE = 60, 25, 240
NAMES = [f"i{number}" for number in range(ITEMS + MORE)]
EMBEDDINGS = np.random.default_rng(0).standard_normal((ITEMS + MORE, 12)).astype(np.float32)
FEATURES = FeatureMap.principal(EMBEDDINGS, rank=6)
LIKED = np.where(np.arange(ITEMS + MORE) < MET, 50.0, 0.0).astype(np.float32)


def scorer_of(popularity: NDArray[np.float32], *, line: Scorer | None = None) -> Scorer:
    """A ranker of as many of the items as there are popularities, which are all that it knows."""
    items = len(popularity)
    catalogue = Catalogue.of(NAMES[:items], EMBEDDINGS[:items])
    settings = RankerSettings(
        preset=Preset.COMPACT,
        items=items,
        features=6,
        dimension=3,
        history_length=4,
        catalogue=catalogue.fingerprint,
        continues=None if line is None else line.ranker.model_id,
        family=None if line is None else line.ranker.family,
    )
    ranker = Ranker.initial(settings, FEATURES)
    vector = ranker.vector.copy()
    vector[-items:] = popularity
    return Scorer.bind(ranker.with_vector(vector), catalogue)


@pytest.fixture
def used() -> Scorer:
    """A ranker that places first what the person met."""
    return scorer_of(LIKED[:ITEMS])


@pytest.fixture
def device(used: Scorer, tmp_path: Path) -> Iterator[Device]:
    """The person's device."""
    with Device.open(tmp_path / "data", used, keys=RawKey(bytes(32))) as device:
        device.observe(*(Event(kind="view", item=NAMES[n], time=100 + n) for n in range(MET)))
        yield device


@pytest.mark.parametrize("more", [0, 1, MORE], ids=["the same items", "one more", "many more"])
def test_a_worse_release_of_a_line_is_found_out(device: Device, used: Scorer, more: int) -> None:
    """Its numbers turn the person's likings round, whatever items come with it."""
    line = used if more else None
    assert serves_worse(device, used, scorer_of(-LIKED[: ITEMS + more], line=line))


def test_a_grown_catalogue_is_not_worse(device: Device, used: Scorer) -> None:
    """Five times as many items, some above what the person met: known ones stand as ever."""
    popularity = LIKED.copy()
    popularity[ITEMS:] = 60.0
    offered = scorer_of(popularity, line=used)
    assert not serves_worse(device, used, offered)
    alone, grown = device.local_quality(), device.local_quality(offered)
    assert alone is not None
    assert grown is not None
    assert grown < 0.1 * alone


def test_a_new_line_is_taken(device: Device, used: Scorer) -> None:
    """A ranker that goes on from none has learnt nothing yet, and must be let in to learn."""
    assert not serves_worse(device, used, scorer_of(-LIKED[: ITEMS + 1]))
