"""Histories of people, drawn at random over a scorer's catalogue."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from penchant.client.events import EventKind
from penchant.shared.history import History
from penchant.shared.scoring import Scorer

# Every kind of event that is learnt to be expected: all but dislikes.
TARGETED = [kind.number for kind in EventKind if kind is not EventKind.DISLIKE]


@pytest.fixture(scope="session")
def make_history() -> Callable[..., History]:
    """Make the history of views of catalogue rows, -1 for free text, at irregular times."""

    def make(scorer: Scorer, rows: Sequence[int], *, seed: int = 0) -> History:
        rng = np.random.default_rng(seed)
        items = np.array(rows, dtype=np.int64)
        features = scorer.features[items].copy()
        texts = rng.standard_normal(features.shape).astype(np.float32)
        features[items < 0] = texts[items < 0]
        return History(
            features=features,
            items=items,
            kinds=rng.choice(TARGETED, len(items)),
            times=np.cumsum(rng.integers(0, 100_000, len(items))),
        )

    return make
