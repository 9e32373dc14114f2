"""A list of items that are good and unlike each other: a determinantal point process, greedily."""

import numpy as np
from numpy.typing import NDArray

from penchant.shared.errors import ConfigurationError

__all__ = ["diverse", "require_diversity"]

# What a further item adds to the determinant counts as at least this: duplicates add nothing.
LEAST_VOLUME = 1e-10


def require_diversity(diversity: float) -> None:
    """Check that ``diversity`` is from 0 to 1.

    Raises:
        ConfigurationError: it is not.
    """
    if not 0.0 <= diversity <= 1.0:
        raise ConfigurationError(f"the diversity is {diversity}; it must be from 0 to 1")


def diverse(
    scores: NDArray[np.float32], embeddings: NDArray[np.float32], *, k: int, diversity: float
) -> NDArray[np.int64]:
    """Return the places of ``k`` items that are good and unlike each other, int64, in that order.

    Each next item is the one that raises most

        (1 - diversity) sum_i r_i + diversity log det S

    over the chosen items, r their scores in standard deviations and S their similarities
    (1 + cos) / 2: the greedy maximum a posteriori of a determinantal point process (Chen, Zhang
    and Zhou 2018, "Fast greedy MAP inference for determinantal point process to improve
    recommendation diversity", algorithm 1 and equation 18). Equal gains go to the first place.

    Args:
        scores: float32 (n,), finite.
        embeddings: float32 (n, m), not zero.
        k: at least 1; all n, if there are fewer.
        diversity: from 0, the scores alone, to 1, the similarities alone.
    """
    count = min(k, len(scores))
    if count == 0:
        return np.zeros(0, dtype=np.int64)
    spread = float(scores.std()) or 1.0
    relevance = (scores.astype(np.float64) - scores.max()) / spread
    units = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    volumes = np.ones(len(scores))
    factors = np.zeros((count, len(scores)))
    left = np.ones(len(scores), dtype=np.bool_)
    chosen: list[int] = []
    for step in range(count):
        gains = (1 - diversity) * relevance + diversity * np.log(np.maximum(volumes, LEAST_VOLUME))
        best = int(np.argmax(np.where(left, gains, -np.inf)))
        chosen.append(best)
        left[best] = False
        if volumes[best] > LEAST_VOLUME:
            similarities = (1.0 + units @ units[best]) / 2
            row = similarities - factors[:step].T @ factors[:step, best]
            factors[step] = row / np.sqrt(volumes[best])
            volumes = volumes - factors[step] ** 2
    return np.array(chosen, dtype=np.int64)
