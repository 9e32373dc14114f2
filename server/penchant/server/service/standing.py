"""Where a server stands, for those who look: one record, replaced and never changed."""

from dataclasses import dataclass

from penchant.server.service.configuration import Privacy
from penchant.server.settings import RoundSettings

__all__ = ["Standing"]


@dataclass(frozen=True)
class Standing:
    """Where the rounds stand.

    Attributes:
        doing: what is going on, in words.
        round_number: rounds finished.
        rounds: of the whole run.
        epsilon: user-level epsilon spent; None where a round had no noise.
        epsilon_after_next: what it would be after another round.
        delta: of both.
        budget: epsilon at which rounds stop.
        accounted_for: the round, settings and budget that these epsilons are of.
    """

    doing: str = "starting"
    round_number: int = 0
    rounds: int = 0
    epsilon: float | None = 0.0
    epsilon_after_next: float | None = 0.0
    delta: float = 0.0
    budget: float = 0.0
    accounted_for: tuple[int, RoundSettings, Privacy] | None = None
