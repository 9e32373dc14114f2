"""Tests of item features."""

import numpy as np
import pytest
from numpy.typing import NDArray

from penchant.shared.errors import ConfigurationError
from penchant.shared.features import FeatureMap


@pytest.fixture
def embeddings() -> NDArray[np.float32]:
    """Thirty embeddings whose directions differ in spread."""
    rng = np.random.default_rng(2)
    return (rng.normal(size=(30, 8)) * np.arange(8, 0, -1) + 5.0).astype(np.float32)


@pytest.mark.parametrize("rank", [1, 3, 8])
def test_features_are_centred_and_of_mean_squared_norm_1(
    embeddings: NDArray[np.float32], rank: int
) -> None:
    """Features have mean 0 and mean squared norm 1, uncorrelated, largest spread first."""
    feature_map = FeatureMap.principal(embeddings, rank=rank)
    features = feature_map.apply(embeddings)
    assert features.shape == (30, rank)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features.mean(axis=0), 0.0, atol=1e-5)
    assert np.mean(np.sum(features**2, axis=1)) == pytest.approx(1.0, rel=1e-5)
    spreads = features.T @ features / 30
    np.testing.assert_allclose(spreads, np.diag(np.diag(spreads)), atol=1e-5)
    assert (np.diff(np.diag(spreads)) <= 1e-6).all()
    assert feature_map.rank == rank


def test_basis_is_orthogonal_with_one_scale(embeddings: NDArray[np.float32]) -> None:
    """All directions are scaled by the same number, so lengths and angles keep their ratios."""
    feature_map = FeatureMap.principal(embeddings, rank=8)
    products = feature_map.basis.T @ feature_map.basis
    np.testing.assert_allclose(products, np.eye(8) * products[0, 0], atol=1e-6)
    features = feature_map.apply(embeddings)
    distances = [
        np.linalg.norm(vectors[3] - vectors[7]) / np.linalg.norm(vectors[1] - vectors[2])
        for vectors in (features, embeddings)
    ]
    assert distances[0] == pytest.approx(distances[1], rel=1e-4)


def test_signs_do_not_depend_on_the_order_of_items(embeddings: NDArray[np.float32]) -> None:
    """A singular vector's sign is arbitrary; the map fixes it, so that machines agree."""
    first = FeatureMap.principal(embeddings, rank=5)
    other = FeatureMap.principal(embeddings[::-1], rank=5)
    np.testing.assert_allclose(first.basis, other.basis, atol=1e-5)
    largest = np.abs(first.basis).argmax(axis=0)
    assert (first.basis[largest, np.arange(5)] > 0).all()


def test_one_embedding_is_mapped_as_many_are(embeddings: NDArray[np.float32]) -> None:
    """The map takes a single embedding, and any stack of them."""
    feature_map = FeatureMap.principal(embeddings, rank=2)
    features = feature_map.apply(embeddings)
    np.testing.assert_allclose(feature_map.apply(embeddings[4]), features[4], rtol=1e-5)
    stacked = feature_map.apply(embeddings.reshape(5, 6, 8))
    np.testing.assert_allclose(stacked.reshape(30, 2), features, rtol=1e-5, atol=1e-6)


def test_features_can_be_shorter(embeddings: NDArray[np.float32]) -> None:
    """All by one number: directions stay as they are."""
    whole = FeatureMap.principal(embeddings, rank=3).apply(embeddings)
    short = FeatureMap.principal(embeddings, rank=3, length=0.2).apply(embeddings)
    np.testing.assert_allclose(short, 0.2 * whole, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("rank", [-1, 0, 9])
def test_ranks_out_of_range_are_refused(embeddings: NDArray[np.float32], rank: int) -> None:
    """The error gives the rank and what would do."""
    with pytest.raises(ConfigurationError, match=rf"rank is {rank}; .* 1 to 8"):
        FeatureMap.principal(embeddings, rank=rank)


def test_items_that_do_not_differ_are_refused() -> None:
    """A catalogue of one text over and over has no principal directions."""
    embeddings = np.tile(np.array([0.1, 0.7, 0.3], dtype=np.float32), (17, 1))
    with pytest.raises(ConfigurationError, match="must differ"):
        FeatureMap.principal(embeddings, rank=1)
