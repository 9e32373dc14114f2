"""How a device keeps and learns."""

from dataclasses import dataclass, field

from penchant.client.interests import HalfLives, InterestPolicy, Taxonomy
from penchant.client.quality import QualityRules
from penchant.client.storage.database import Durability
from penchant.shared.errors import ConfigurationError

__all__ = ["DeviceSettings"]


@dataclass(frozen=True)
class DeviceSettings:
    """How a device keeps and learns.

    Attributes:
        interest_policy: how much each past event counts in the person's interests.
        taxonomy: the tags interests are told in.
        quality: how observed events are cleaned or refused; None takes them all as they are.
        lasting_weight: how much a person's long-lived interest counts beside their latest events
            on a device that has never trained, at least 0. 0 ranks by the latest events alone: on
            MovieLens-100K, with popularity, more of it did no better.
        recorded_rounds: keep what it takes to do rounds of training again, so that forgetting makes
            the private vector what it would have been; without, forgetting resets it.
        durable: keep what was observed through the death of the process, and let a loss of power
            take back the latest of it at most; only a simulation turns it off.
    """

    interest_policy: InterestPolicy = field(default_factory=HalfLives)
    taxonomy: Taxonomy = field(default_factory=Taxonomy.built_in)
    quality: QualityRules | None = field(default_factory=QualityRules)
    lasting_weight: float = 0.0
    recorded_rounds: bool = True
    durable: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.lasting_weight < float("inf"):
            raise ConfigurationError(
                f"lasting_weight is {self.lasting_weight}; it must be a number of at least 0"
            )

    @property
    def store_durability(self) -> Durability:
        """What an observed event outlives."""
        return Durability.KILL if self.durable else Durability.NOTHING
