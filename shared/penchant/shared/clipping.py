"""User-level clipping: a device's whole update is scaled down to a norm bound."""

import math

import numpy as np
from numpy.typing import NDArray

from penchant.shared.errors import PrivacyError

__all__ = ["clip_to_norm"]


def clip_to_norm(update: NDArray[np.float32], *, clipping_norm: float) -> NDArray[np.float32]:
    """Return ``update`` scaled so that its Euclidean norm is at most ``clipping_norm``.

    McMahan et al. (2018), "Learning differentially private recurrent language models", eq. for
    flat clipping: update * min(1, C / ||update||). The direction is kept; an update that fits
    comes back unchanged.

    Args:
        update: float32, any shape; finite.
        clipping_norm: C, above 0; infinity leaves every update as it is.

    Raises:
        PrivacyError: ``clipping_norm`` is not above 0.

    Example:
        >>> clip_to_norm(np.array([3.0, 4.0], dtype=np.float32), clipping_norm=1.0).tolist()
        [0.6000000238418579, 0.800000011920929]
    """
    if not clipping_norm > 0:
        raise PrivacyError(
            f"clipping_norm is {clipping_norm}; it must be above 0, or infinity for no clipping"
        )
    norm = math.sqrt(float(np.vdot(update.astype(np.float64), update)))
    if norm <= clipping_norm:
        return update
    # The factor can be too small for float32 to hold exactly; the product is not.
    return (update.astype(np.float64) * (clipping_norm / norm)).astype(np.float32)
