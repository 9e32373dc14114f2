"""How a device keeps and learns."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from penchant.client.interests import HalfLives, InterestPolicy, Taxonomy
from penchant.client.quality import QualityRules
from penchant.client.storage.database import Durability
from penchant.shared.errors import ConfigurationError

if TYPE_CHECKING:
    from penchant.client.participation import ParticipationPolicy, Probes

__all__ = ["DeviceSettings"]


@dataclass(frozen=True)
class DeviceSettings:
    """How a device keeps and learns.

    Attributes:
        interest_policy: how much each past event counts in the person's interests.
        taxonomy: the tags interests are told in.
        quality: how observed events are cleaned or refused; None takes them all as they are.
        participation: when it takes part in rounds, and what it may spend on them;
            ``ParticipationPolicy()``, if None.
        probes: tell about the machine; ``SystemProbes()``, if None.
        lasting_weight: how much a person's long-lived interest counts beside their latest events
            on a device that has never trained, at least 0. 0 ranks by the latest events alone: on
            MovieLens-100K, with popularity, more of it did no better.
        recorded_rounds: keep what it takes to do rounds of training again, so that forgetting makes
            the private vector what it would have been; without, forgetting resets it.
        retention_days: forget events older than this, in days, above 0; None keeps them for ever.
        most_events: keep this many events at most, the latest, at least 1; None keeps all.
        durable: keep what was observed through the death of the process, and let a loss of power
            take back the latest of it at most. Only a simulation turns it off, and with it what
            watches that the privacy ledger is not put back.
    """

    interest_policy: InterestPolicy = field(default_factory=HalfLives)
    taxonomy: Taxonomy = field(default_factory=Taxonomy.built_in)
    quality: QualityRules | None = field(default_factory=QualityRules)
    participation: "ParticipationPolicy | None" = None
    probes: "Probes | None" = None
    lasting_weight: float = 0.0
    recorded_rounds: bool = True
    retention_days: float | None = None
    most_events: int | None = None
    durable: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.lasting_weight < float("inf"):
            raise ConfigurationError(
                f"lasting_weight is {self.lasting_weight}; it must be a number of at least 0"
            )
        if self.retention_days is not None and not self.retention_days > 0:
            raise ConfigurationError(
                f"retention_days is {self.retention_days}; it must be above 0, or None"
            )
        if self.most_events is not None and self.most_events < 1:
            raise ConfigurationError(
                f"most_events is {self.most_events}; it must be at least 1, or None"
            )

    @property
    def store_durability(self) -> Durability:
        """What an observed event outlives."""
        return Durability.KILL if self.durable else Durability.NOTHING
