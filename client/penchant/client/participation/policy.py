"""When a device takes part in rounds; the app chooses."""

from datetime import time
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from penchant.client.ledger.settings import LAB_BUDGET, BudgetSettings

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


class _Policy(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class QuietHours(_Policy):
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


class ParticipationPolicy(_Policy):
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
    """

    budget: BudgetSettings = Field(default_factory=BudgetSettings)
    least_events: int = Field(default=20, ge=0)
    idle: Requirement = Requirement.IF_KNOWN
    largest_load: float = Field(default=0.5, gt=0)
    power: Requirement = Requirement.IF_KNOWN
    unmetered: Requirement = Requirement.IF_KNOWN
    battery: Requirement = Requirement.IF_KNOWN
    least_charge: float = Field(default=0.3, ge=0, le=1)
    cool: Requirement = Requirement.IF_KNOWN
    largest_temperature: float = 80.0
    quiet_hours: QuietHours | None = None
    lab: bool = False


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
