"""Privacy of Gaussian noise without subsampling, in closed form; light enough for any device.

A Gaussian mechanism of sensitivity C and noise of standard deviation sigma * C satisfies
rho-zCDP with rho = 1 / (2 sigma^2) (Bun and Steinke, 2016, "Concentrated differential privacy:
simplifications, extensions, and lower bounds", proposition 1.6), and rho adds up over releases
(lemma 1.7), adaptive ones included. What several such mechanisms release together is, in its
privacy loss, exactly one Gaussian mechanism of noise multiplier 1 / sqrt(2 rho) (Dong, Roth and Su,
2022, "Gaussian differential privacy", corollary 3.3), so that epsilon at a delta needs no bound.
"""

import math

from penchant.shared.errors import PrivacyError

__all__ = [
    "default_delta",
    "gaussian_delta",
    "gaussian_epsilon",
    "gaussian_rho",
    "joint_noise_multiplier",
]

# From here on Mills' ratio is 1 / x (1 - 1 / x^2 + 3 / x^4 - 15 / x^6) to the last digit.
LARGE = 30.0


def default_delta(population: int) -> float:
    """Return the delta used where none is given: min(1e-6, N^-1.1) for N people.

    Example:
        >>> default_delta(943)
        1e-06
    """
    return min(1e-6, math.pow(population, -1.1))


def gaussian_rho(*, noise_multiplier: float, releases: int = 1) -> float:
    """Return rho of zCDP after ``releases`` of one noise multiplier, infinite without noise.

    Example:
        >>> gaussian_rho(noise_multiplier=4.0, releases=10)
        0.3125
    """
    if noise_multiplier < 0 or math.isnan(noise_multiplier):
        raise PrivacyError(f"noise multiplier is {noise_multiplier}; it must be at least 0")
    if noise_multiplier == 0:
        return math.inf if releases else 0.0
    ratio = 1.0 / noise_multiplier  # squared last: 1e-200 squared would be 0 to divide by
    return releases * ratio * ratio / 2.0


def joint_noise_multiplier(*noise_multipliers: float) -> float:
    """Return the multiplier of the one Gaussian mechanism that several on the same record make.

    Scaled to unit noise, what they release together is one vector that a record moves by at most
    (sigma_1^-2 + sigma_2^-2 + ...)^1/2; that is one mechanism of multiplier
    (sigma_1^-2 + sigma_2^-2 + ...)^-1/2, also where one draw of a cohort is for all of them.
    Without noise in one of them there is none: 0.

    Example:
        >>> round(joint_noise_multiplier(4.0, 8.0), 4)
        3.5777
    """
    rho = math.fsum(gaussian_rho(noise_multiplier=sigma) for sigma in noise_multipliers)
    return 1.0 / math.sqrt(2.0 * rho) if rho else math.inf


def gaussian_delta(rho: float, *, epsilon: float) -> float:
    """Return the least delta at ``epsilon`` of Gaussian releases that add up to ``rho``.

    Balle and Wang (2018), "Improving the Gaussian mechanism for differential privacy", theorem 8,
    with sensitivity / standard deviation mu = sqrt(2 rho):
    delta = Phi(mu / 2 - epsilon / mu) - e^epsilon Phi(-mu / 2 - epsilon / mu).
    """
    if rho == 0:
        return 0.0
    if math.isinf(rho):
        return 1.0
    mu = math.sqrt(2.0 * rho)
    near, far = epsilon / mu - mu / 2.0, epsilon / mu + mu / 2.0
    # e^epsilon Phi(-far) is the density at near times Mills' ratio at far: no overflow.
    tail = math.erfc(near / math.sqrt(2.0)) / 2.0
    density = math.exp(-near * near / 2.0) / math.sqrt(2.0 * math.pi)
    return max(0.0, tail - density * _mills_ratio(far))


def gaussian_epsilon(rho: float, *, delta: float) -> float:
    """Return the least epsilon at ``delta`` of Gaussian releases that add up to ``rho``.

    Args:
        rho: zCDP, at least 0; infinite gives an infinite epsilon.
        delta: between 0 and 1.

    Raises:
        PrivacyError: an argument is out of range.

    Example:
        >>> round(gaussian_epsilon(0.3125, delta=1e-6), 2)
        3.75
    """
    if not 0 < delta < 1:
        raise PrivacyError(f"delta is {delta}; it must be between 0 and 1")
    if rho < 0 or math.isnan(rho):
        raise PrivacyError(f"rho is {rho}; it must be at least 0")
    if math.isinf(rho):
        return math.inf
    if gaussian_delta(rho, epsilon=0.0) <= delta:
        return 0.0
    # Bun and Steinke, proposition 1.3, bounds it from above.
    low, high = 0.0, rho + 2.0 * math.sqrt(rho * -math.log(delta))
    while high - low > 1e-12 * high:
        middle = (low + high) / 2.0
        if gaussian_delta(rho, epsilon=middle) > delta:
            low = middle
        else:
            high = middle
    return high


def _mills_ratio(x: float) -> float:
    """Return (1 - Phi(x)) / phi(x) for x at least 0."""
    if x < LARGE:
        tail = math.erfc(x / math.sqrt(2.0)) / 2.0
        return tail * math.exp(x * x / 2.0) * math.sqrt(2.0 * math.pi)
    inverse = 1.0 / (x * x)
    return (1.0 - inverse * (1.0 - 3.0 * inverse * (1.0 - 5.0 * inverse))) / x
