"""What happened in a round."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from penchant.server.measures import Measured

__all__ = ["RoundOutcome"]


@dataclass(frozen=True)
class RoundOutcome:
    """What happened in a round.

    Attributes:
        round_number: from 1, over the whole run.
        cohort: devices asked.
        accepted: updates added to the sum.
        rejected: replies that were errors, malformed, over the norm, of another round, or not
            asked for.
        void: too few were accepted and there is no noise; the ranker did not move.
        reasons: how many were rejected for what; not a part of what makes two outcomes equal.
        measured: how well the ranker that was given served its devices; None if the round did not
            ask, or too few answered without noise.
    """

    round_number: int
    cohort: int
    accepted: int
    rejected: int
    void: bool
    reasons: Mapping[str, int] = field(default_factory=dict, compare=False)
    measured: Measured | None = None
