"""How a device keeps and learns."""

from dataclasses import dataclass, field

from penchant.client.interests import HalfLives
from penchant.client.storage.database import Durability

__all__ = ["DeviceSettings"]


@dataclass(frozen=True)
class DeviceSettings:
    """How a device keeps and learns.

    Attributes:
        half_lives: how fast interests fade.
        durable: keep what was observed through the death of the process, and let a loss of power
            take back the latest of it at most; only a simulation turns it off.
    """

    half_lives: HalfLives = field(default_factory=HalfLives)
    durable: bool = True

    @property
    def store_durability(self) -> Durability:
        """What an observed event outlives."""
        return Durability.KILL if self.durable else Durability.NOTHING
