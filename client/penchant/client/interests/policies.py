"""Update policies: how much each past event counts in a person's interest.

Every policy gives two interest vectors, what the person is into now and who they are, each a
weighted mean of event embeddings e_k, oldest first,

    x = sum_k f_k w_k e_k / sum_k f_k |w_k|

with w_k the weight of the event's kind and f_k from the policy:

    half-lives   f_k = 2^(-(t_n - t_k) / h)              an event fades with time
    ewma         f_k = l (1 - l)^(n - k)                 an event fades with each one after it
    window       f_k = 1 for the last W events, else 0   the latest events, evenly

The numerator of ``ewma`` is the recursion x' = (1 - l) x + l w e from x = 0; its denominator, the
same recursion over |w|, undoes the pull of that zero (Kingma and Ba, 2015, "Adam", section 3).
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from penchant.shared.errors import ConfigurationError

__all__ = ["Ewma", "HalfLives", "InterestPolicy", "Window"]

SECONDS_PER_DAY = 86_400.0


class InterestPolicy(Protocol):
    """How much each past event counts; one of ``HalfLives``, ``Ewma`` and ``Window``."""

    @property
    def horizon(self) -> int | None:
        """How many of the latest events count at most; None for all."""

    def factors(self, times: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return f, float64 (2, n), short-lived interest first, for events in order of time."""


@dataclass(frozen=True)
class HalfLives:
    """Interest in an event fades with time.

    Attributes:
        short_days: days until an event weighs half, for what a person is into now; above 0.
        long_days: the same, for who the person is; above 0.

    Raises:
        ConfigurationError: a half-life is not above 0.
    """

    short_days: float = 2.0
    long_days: float = 60.0

    def __post_init__(self) -> None:
        if not (self.short_days > 0 and self.long_days > 0):
            raise ConfigurationError(
                f"the half-lives are {self.short_days} and {self.long_days} days; both must be "
                "above 0"
            )

    @property
    def horizon(self) -> int | None:
        """None: every event counts for something."""
        return None

    def in_seconds(self) -> NDArray[np.float64]:
        """Return both half-lives in seconds, short first, float64 (2,)."""
        return np.array([self.short_days, self.long_days]) * SECONDS_PER_DAY

    def decay(self, seconds: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return 2^(-seconds / h), float64 (2, n)."""
        return np.exp2(-seconds / self.in_seconds()[:, None])

    def factors(self, times: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return f, float64 (2, n), short-lived interest first, for events in order of time."""
        return self.decay(times[-1:] - times)


@dataclass(frozen=True)
class Ewma:
    """Interest in an event fades with each event after it, whenever that is.

    Attributes:
        short_rate: l of what a person is into now, in (0, 1].
        long_rate: l of who the person is, in (0, 1].

    Raises:
        ConfigurationError: a rate is out of range.
    """

    short_rate: float = 0.2
    long_rate: float = 0.02

    def __post_init__(self) -> None:
        if not (0 < self.short_rate <= 1 and 0 < self.long_rate <= 1):
            raise ConfigurationError(
                f"the rates are {self.short_rate} and {self.long_rate}; both must be above 0 and "
                "at most 1"
            )

    @property
    def horizon(self) -> int | None:
        """None: every event counts for something."""
        return None

    def rates(self) -> NDArray[np.float64]:
        """Return both rates, short first, float64 (2,)."""
        return np.array([self.short_rate, self.long_rate])

    def factors(self, times: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return f, float64 (2, n), short-lived interest first, for events in order of time."""
        rates = self.rates()[:, None]
        later = np.arange(len(times))[::-1]
        found: NDArray[np.float64] = rates * (1.0 - rates) ** later
        return found


@dataclass(frozen=True)
class Window:
    """Only the latest events count, all alike.

    Attributes:
        short_length: W of what a person is into now, in events; at least 1.
        long_length: W of who the person is, in events; at least 1.

    Raises:
        ConfigurationError: a length is below 1.
    """

    short_length: int = 10
    long_length: int = 100

    def __post_init__(self) -> None:
        if not (self.short_length >= 1 and self.long_length >= 1):
            raise ConfigurationError(
                f"the windows are {self.short_length} and {self.long_length} events long; both "
                "must be at least 1"
            )

    @property
    def horizon(self) -> int | None:
        """The longer window."""
        return max(self.short_length, self.long_length)

    def factors(self, times: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return f, float64 (2, n), short-lived interest first, for events in order of time."""
        later = np.arange(len(times))[::-1]
        lengths = np.array([self.short_length, self.long_length])[:, None]
        return (later < lengths).astype(np.float64)
