"""How a device keeps and learns."""

from dataclasses import dataclass, field

from penchant.client.interests import HalfLives, InterestPolicy, Taxonomy
from penchant.client.quality import QualityRules
from penchant.client.storage.database import Durability

__all__ = ["DeviceSettings"]


@dataclass(frozen=True)
class DeviceSettings:
    """How a device keeps and learns.

    Attributes:
        interest_policy: how much each past event counts in the person's interests.
        taxonomy: the tags interests are told in.
        quality: how observed events are cleaned or refused; None takes them all as they are.
        durable: keep what was observed through the death of the process, and let a loss of power
            take back the latest of it at most; only a simulation turns it off.
    """

    interest_policy: InterestPolicy = field(default_factory=HalfLives)
    taxonomy: Taxonomy = field(default_factory=Taxonomy.built_in)
    quality: QualityRules | None = field(default_factory=QualityRules)
    durable: bool = True

    @property
    def store_durability(self) -> Durability:
        """What an observed event outlives."""
        return Durability.KILL if self.durable else Durability.NOTHING
