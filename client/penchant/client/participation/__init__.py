"""When a device takes part in rounds, and what it gives out when it does."""

from penchant.client.participation.eligibility import Condition, Eligibility, eligibility_of
from penchant.client.participation.policy import LAB, ParticipationPolicy, QuietHours, Requirement
from penchant.client.participation.probes import Battery, Probes, SystemProbes

__all__ = [
    "LAB",
    "Battery",
    "Condition",
    "Eligibility",
    "ParticipationPolicy",
    "Probes",
    "QuietHours",
    "Requirement",
    "SystemProbes",
    "eligibility_of",
]
