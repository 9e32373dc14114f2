"""A diverse list is the greedy maximum of the determinantal point process."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from penchant.client.ranking.diversity import LEAST_VOLUME, diverse, require_diversity
from penchant.shared.errors import ConfigurationError

Floats = NDArray[np.float32]


def pool(seed: int, items: int, dimension: int) -> tuple[Floats, Floats]:
    """Scores and embeddings, as float32."""
    rng = np.random.default_rng(seed)
    embeddings = rng.standard_normal((items, dimension))
    return rng.standard_normal(items).astype(np.float32), embeddings.astype(np.float32)


def objective(scores: Floats, embeddings: Floats, chosen: list[int], diversity: float) -> float:
    """The formula, from the whole determinant."""
    wide = embeddings.astype(np.float64)
    units = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    similarities = (1 + units @ units.T) / 2
    determinant = np.linalg.slogdet(similarities[np.ix_(chosen, chosen)])[1]
    relevance = scores.astype(np.float64)[chosen].sum() / scores.std()
    return float((1 - diversity) * relevance + diversity * determinant)


@given(
    seed=st.integers(0, 10**6),
    items=st.integers(2, 14),
    k=st.integers(1, 6),
    diversity=st.floats(0.0, 1.0),
)
def test_each_step_is_the_best_there_is(seed: int, items: int, k: int, diversity: float) -> None:
    """No other next item would have raised the objective more; items differ."""
    scores, embeddings = pool(seed, items, dimension=8)
    chosen = diverse(scores, embeddings, k=k, diversity=diversity).tolist()
    assert len(set(chosen)) == len(chosen) == min(k, items)
    for step, best in enumerate(chosen):
        before = chosen[:step]
        gained = {
            item: objective(scores, embeddings, [*before, item], diversity)
            for item in range(items)
            if item not in before
        }
        assert gained[best] >= max(gained.values()) - 1e-4


@given(seed=st.integers(0, 10**6), k=st.integers(1, 20))
def test_without_diversity_the_scores_decide(seed: int, k: int) -> None:
    """At 0 the list is the best by score, ties by place."""
    scores, embeddings = pool(seed, 20, dimension=4)
    scores = np.round(scores)
    expected = np.argsort(-scores, kind="stable")[:k].tolist()
    assert diverse(scores, embeddings, k=k, diversity=0.0).tolist() == expected


def test_duplicates_wait() -> None:
    """Of three copies of the best item one is taken before all that are unlike it."""
    _, embeddings = pool(3, 6, dimension=8)
    embeddings[1] = embeddings[2] = embeddings[0]
    scores = np.array([1.0, 0.99, 0.98, 0.6, 0.5, 0.4], dtype=np.float32)
    assert set(diverse(scores, embeddings, k=4, diversity=0.5).tolist()) == {0, 3, 4, 5}
    assert len(diverse(scores, embeddings, k=6, diversity=1.0)) == 6


def test_more_items_than_directions() -> None:
    """Where the volume is used up the scores decide, and all items come."""
    scores, embeddings = pool(5, 40, dimension=2)
    chosen = diverse(scores, embeddings, k=40, diversity=0.5)
    assert sorted(chosen.tolist()) == list(range(40))
    assert LEAST_VOLUME > 0


def test_equal_scores_and_one_item() -> None:
    """Equal scores have no spread to divide by; one item is a list of one."""
    _, embeddings = pool(1, 5, dimension=8)
    equal = np.ones(5, dtype=np.float32)
    assert diverse(equal, embeddings, k=1, diversity=0.5).tolist() == [0]
    assert diverse(equal[:1], embeddings[:1], k=3, diversity=1.0).tolist() == [0]
    assert diverse(equal[:0], embeddings[:0], k=3, diversity=1.0).tolist() == []


@pytest.mark.parametrize("diversity", [-0.1, 1.1, float("nan")])
def test_diversity_is_a_share(diversity: float) -> None:
    """What is not from 0 to 1 is refused."""
    with pytest.raises(ConfigurationError, match="must be from 0 to 1"):
        require_diversity(diversity)
