"""What the rounds so far have cost, and whether another one may be paid for."""

import json
from collections import Counter
from collections.abc import Sequence

from penchant.server.operations.records import RoundRecord
from penchant.server.settings import RoundSettings
from penchant.shared.accounting import UserMechanism, default_delta, epsilon_of_all

__all__ = ["Accountant", "mechanism_of"]


def mechanism_of(settings: RoundSettings) -> dict[str, float]:
    """Return what the accountant counts a round with these settings as."""
    return {
        "population": settings.population,
        "sampling_probability": settings.sampling_probability,
        "noise_multiplier": settings.accounted_noise_multiplier,
    }


class Accountant:
    """User-level epsilon of a server's rounds, against whoever gets its releases.

    It counts every finished round, void ones included, from the records: a server that is stopped
    and started again counts the same. A round that was cut short released nothing and is begun
    anew.

    Args:
        delta: of every epsilon; min(1e-6, population^-1.1) if None.
    """

    def __init__(self, *, delta: float | None) -> None:
        self._delta = delta

    def delta(self, settings: RoundSettings) -> float:
        """Return the delta in use."""
        return default_delta(settings.population) if self._delta is None else self._delta

    def epsilon(
        self,
        rounds: Sequence[RoundRecord],
        settings: RoundSettings,
        *,
        finished: int,
        more: int = 0,
    ) -> float | None:
        """Return epsilon after the rounds up to ``finished`` and ``more`` of the settings' kind.

        Args:
            rounds: the records.
            settings: of the rounds to come.
            finished: the last round whose ranker was kept.
            more: rounds to come.

        Returns:
            Epsilon; 0.0 before the first round, None where a round had no noise.

        Raises:
            PrivacyError: a parameter is out of range.
        """
        counts: Counter[tuple[UserMechanism, float]] = Counter()
        for record in rounds:
            if record.number <= finished:
                counts[_counted(json.loads(record.mechanism))] += 1
        if more:
            counts[_counted(mechanism_of(settings))] += more
        if not counts:
            return 0.0
        if any(noise == 0 for _, noise in counts):
            return None
        return epsilon_of_all(counts, delta=self.delta(settings))


def _counted(mechanism: dict[str, float]) -> tuple[UserMechanism, float]:
    user = UserMechanism(int(mechanism["population"]), mechanism["sampling_probability"])
    return user, mechanism["noise_multiplier"]
