"""The best of many scores are those that sorting all would give."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.client.ranking.order import best_places


@given(
    count=st.integers(0, 3000),
    values=st.integers(1, 40),
    k=st.integers(1, 60),
    left_out=st.floats(0, 1),
    seed=st.integers(0, 10**6),
)
def test_the_best_are_those_of_a_stable_sort(
    count: int, values: int, k: int, left_out: float, seed: int
) -> None:
    """Few values make many ties: largest first, ties by place, minus infinity left out."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(values, size=count).astype(np.float32)
    scores[rng.random(count) < left_out] = -np.inf
    order = np.argsort(-scores, kind="stable")
    expected = order[np.isfinite(scores[order])][:k]
    assert best_places(scores, k=k).tolist() == expected.tolist()


@pytest.mark.parametrize("count", [255, 256, 257, 2561])
def test_all_equal_scores_are_by_place(count: int) -> None:
    """Where nothing tells items apart the first places win."""
    assert best_places(np.zeros(count, dtype=np.float32), k=4).tolist() == [0, 1, 2, 3]
