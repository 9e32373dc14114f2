"""How a device keeps and learns."""

from dataclasses import dataclass, field

from penchant.client.interests import HalfLives, InterestPolicy, Taxonomy
from penchant.client.participation import ParticipationPolicy, Probes, SystemProbes
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
        participation: when it takes part in rounds, and what it may spend on them.
        probes: tell about the machine.
        durable: keep what was observed through the death of the process, and let a loss of power
            take back the latest of it at most. Only a simulation turns it off, and with it what
            watches that the privacy ledger is not put back.
    """

    interest_policy: InterestPolicy = field(default_factory=HalfLives)
    taxonomy: Taxonomy = field(default_factory=Taxonomy.built_in)
    quality: QualityRules | None = field(default_factory=QualityRules)
    participation: ParticipationPolicy = field(default_factory=ParticipationPolicy)
    probes: Probes = field(default_factory=SystemProbes)
    durable: bool = True

    @property
    def store_durability(self) -> Durability:
        """What an observed event outlives."""
        return Durability.KILL if self.durable else Durability.NOTHING
