"""What local training starts from and what it leaves."""

from dataclasses import dataclass

import numpy as np

from penchant.shared.errors import ConfigurationError, DataError
from penchant.simulation.bilinear.examples import Examples
from penchant.simulation.bilinear.items import FloatArray, Items

__all__ = ["Trained", "require_positive", "require_state"]


@dataclass(frozen=True, eq=False)
class Trained:
    """The outcome of a cohort's local training.

    Attributes:
        update: float32 (k + 1, d), the sum over devices of their changes of the shared weights;
            its last row is that of the bias.
        private_vectors: float32 (n, d), the devices' new private vectors.
    """

    update: FloatArray
    private_vectors: FloatArray


def require_state(
    items: Items, examples: Examples, weights: FloatArray, private_vectors: FloatArray
) -> None:
    """Refuse weights and private vectors that do not fit the items and the examples.

    Raises:
        DataError: a shape is wrong or a number is not finite.
    """
    features = items.features.shape[1]
    if weights.ndim != 2 or len(weights) != features:
        raise DataError(
            f"the weights have shape {weights.shape}; for items of {features - 1} features they "
            f"must be ({features}, dimension), the last row being the bias"
        )
    expected = (examples.devices, weights.shape[1])
    if private_vectors.shape != expected:
        raise DataError(
            f"the private vectors have shape {private_vectors.shape}; {examples.devices} devices "
            f"and weights of shape {weights.shape} need {expected}"
        )
    for name, array in (("weights", weights), ("private vectors", private_vectors)):
        if array.dtype != np.float32:
            raise DataError(f"the {name} are {array.dtype}; they must be float32")
        if not np.isfinite(array).all():
            raise DataError(f"the {name} must be finite; training that led to them has diverged")


def require_positive(**values: float) -> None:
    """Refuse values that are not above 0 and finite.

    Raises:
        ConfigurationError: one is not; it is named.
    """
    for name, value in values.items():
        if not 0 < value < float("inf"):
            raise ConfigurationError(
                f"{name.replace('_', ' ')} is {value}; it must be finite and above 0"
            )
