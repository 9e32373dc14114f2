"""How well devices are served, for those who look: figures with their errors, or none."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from penchant.server.measures import Estimate, Measured, pooled
from penchant.server.operations.records import RoundRecord

__all__ = ["Quality", "latest_quality"]

ROUNDS_POOLED = 10


@dataclass(frozen=True)
class Quality:
    """What measures say.

    Attributes:
        rounds: how many rounds they are of.
        devices: how many devices had something to measure, with noise.
        hit_rate: HR@10; None with too few devices for a figure.
        ndcg: NDCG@10; None with too few devices for a figure.
    """

    rounds: int
    devices: float
    hit_rate: Estimate | None
    ndcg: Estimate | None

    @classmethod
    def of(cls, measured: Measured, *, rounds: int = 1) -> "Quality":
        """Return what measures of so many rounds say."""
        return cls(rounds, measured.devices, measured.hit_rate, measured.ndcg)

    def as_json(self) -> dict[str, object]:
        """Return the same as JSON values."""
        return asdict(self)


def latest_quality(rounds: Sequence[RoundRecord], *, most: int = ROUNDS_POOLED) -> Quality | None:
    """Return what the latest rounds that measured say together, None if none did.

    Args:
        rounds: by number.
        most: how many of them at most.
    """
    measured = [record.measured for record in rounds if record.measured is not None][-most:]
    return Quality.of(pooled(measured), rounds=len(measured)) if measured else None
