"""Ridge regression in blocks: against its normal equations, and against leaving examples out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from penchant.shared.regression import Block, Regression

STRENGTHS = [0.01, 0.1, 1.0, 10.0, 100.0]


def examples(count: int, features: int, targets: int, *, seed: int) -> Block:
    """Return targets that follow features, with noise."""
    rng = np.random.default_rng(seed)
    found = rng.standard_normal((count, features)) + 5
    told = found @ rng.standard_normal((features, targets)) + rng.standard_normal((count, targets))
    return found.astype(np.float32), told.astype(np.float32)


def in_blocks(block: Block, *, size: int) -> list[Block]:
    """Return examples cut up."""
    features, targets = block
    starts = range(0, len(features), size)
    return [(features[start : start + size], targets[start : start + size]) for start in starts]


def solved(block: Block, new: NDArray[np.float32], *, strength: float) -> NDArray[np.float64]:
    """Return ridge regression with a mean that is not shrunk, by the normal equations."""
    features, targets = (part.astype(np.float64) for part in block)
    about = features - features.mean(axis=0)
    gram = about.T @ about + strength * np.eye(features.shape[1])
    weights = np.linalg.solve(gram, about.T @ (targets - targets.mean(axis=0)))
    predicted: NDArray[np.float64] = (new - features.mean(axis=0)) @ weights + targets.mean(axis=0)
    return predicted


@settings(max_examples=30, deadline=None)
@given(
    count=st.integers(2, 40),
    features=st.integers(1, 8),
    size=st.integers(1, 41),
    strength=st.sampled_from(STRENGTHS),
    seed=st.integers(0, 99),
)
def test_it_solves_the_normal_equations(
    count: int, features: int, size: int, strength: float, seed: int
) -> None:
    """However examples are cut up, and whether or not there are more of them than features."""
    block = examples(count, features, 3, seed=seed)
    new = examples(5, features, 1, seed=seed + 100)[0]
    regression = Regression.of(in_blocks(block, size=size))
    np.testing.assert_allclose(
        regression.predicted(new, strength=strength),
        solved(block, new, strength=strength),
        rtol=1e-6,
        atol=1e-6,
    )


def test_spreads_are_those_of_targets_and_predictions() -> None:
    """Both are Frobenius norms about the mean."""
    features, targets = examples(30, 6, 2, seed=1)
    regression = Regression.of(in_blocks((features, targets), size=7))
    predicted = regression.predicted(features, strength=3.0)
    for found, of in (
        (regression.spread, targets),
        (regression.predicted_spread(strength=3.0), predicted),
    ):
        assert found == pytest.approx(np.linalg.norm(of - of.mean(axis=0)), rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_the_best_strength_predicts_what_is_left_out(seed: int) -> None:
    """It is the one that leaving each example out in turn finds, by doing it."""
    block = examples(14, 10, 1, seed=seed)
    features, targets = block
    losses = []
    for strength in STRENGTHS:
        errors = [
            solved(
                (np.delete(features, row, axis=0), np.delete(targets, row, axis=0)),
                features[row : row + 1],
                strength=strength,
            )
            - targets[row]
            for row in range(len(features))
        ]
        losses.append(np.square(errors).sum())
    pieces = in_blocks(block, size=4)
    found = Regression.of(pieces).best_strength(pieces, strengths=STRENGTHS)
    assert found == STRENGTHS[int(np.argmin(losses))]
