"""When a device takes part in rounds; the app chooses."""

from dataclasses import dataclass, field
from datetime import time
from enum import StrEnum

from penchant.client.ledger.settings import LAB_BUDGET, BudgetSettings, require_within
from penchant.shared.errors import ConfigurationError

__all__ = ["LAB", "ParticipationPolicy", "QuietHours", "Requirement"]


class Requirement(StrEnum):
    """How much a condition of the machine matters.

    Attributes:
        REQUIRED: it must be met; where it cannot be told, it is not.
        IF_KNOWN: it must be met wherever it can be told.
        IGNORED: it is not looked at.
    """

    REQUIRED = "required"
    IF_KNOWN = "if known"
    IGNORED = "ignored"


@dataclass(frozen=True, kw_only=True)
class QuietHours:
    """Local hours when nobody minds the device at work, such as 22:00 to 07:00.

    Attributes:
        start: the first minute.
        end: the first minute after; before ``start`` for hours over midnight, and the same for
            the whole day.
    """

    start: time
    end: time

    def contain(self, moment: time) -> bool:
        """Whether ``moment``, local, is within these hours."""
        if self.start < self.end:
            return self.start <= moment < self.end
        return moment >= self.start or moment < self.end


@dataclass(frozen=True, kw_only=True)
class ParticipationPolicy:
    """When a device takes part in rounds.

    Attributes:
        budget: what it may spend.
        least_events: events it must keep; with few there is little to learn and little to hide
            among.
        idle: the machine's load is at most ``largest_load``.
        largest_load: processes that want to run, for each processor.
        power: it runs on mains power.
        unmetered: its network does not cost by volume.
        battery: its charge is at least ``least_charge``; a machine without one meets this.
        least_charge: from 0 to 1.
        cool: its hottest sensor shows at most ``largest_temperature``.
        largest_temperature: degrees Celsius.
        quiet_hours: it takes part in these local hours only; None for any time.
        lab: conditions that protect a person or their machine are off; for trials with made-up
            people, and said wherever the policy shows.

    Raises:
        ConfigurationError: a number is out of range, or there is no such requirement.
    """

    budget: BudgetSettings = field(default_factory=BudgetSettings)
    least_events: int = 20
    idle: Requirement = Requirement.IF_KNOWN
    largest_load: float = 0.5
    power: Requirement = Requirement.IF_KNOWN
    unmetered: Requirement = Requirement.IF_KNOWN
    battery: Requirement = Requirement.IF_KNOWN
    least_charge: float = 0.3
    cool: Requirement = Requirement.IF_KNOWN
    largest_temperature: float = 80.0
    quiet_hours: QuietHours | None = None
    lab: bool = False

    def __post_init__(self) -> None:
        require_within("least_events", self.least_events, low=0.0)
        require_within("largest_load", self.largest_load, low=0.0, above=True)
        require_within("least_charge", self.least_charge, low=0.0, high=1.0)
        require_within("largest_temperature", self.largest_temperature, low=-273.0)
        for name in ("idle", "power", "unmetered", "battery", "cool"):
            value = getattr(self, name)
            if value not in tuple(Requirement):
                raise ConfigurationError(
                    f"{name} is {value!r}; choose one of {', '.join(Requirement)}"
                )
            object.__setattr__(self, name, Requirement(value))


# Takes part always and refuses nothing; the ledger still counts. For simulations and for trials
# with made-up people on one machine. NOT FOR A PERSON.
LAB = ParticipationPolicy(
    budget=LAB_BUDGET,
    least_events=0,
    idle=Requirement.IGNORED,
    power=Requirement.IGNORED,
    unmetered=Requirement.IGNORED,
    battery=Requirement.IGNORED,
    cool=Requirement.IGNORED,
    lab=True,
)
