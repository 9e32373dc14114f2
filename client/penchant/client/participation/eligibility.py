"""Whether a device takes part now: each condition, met or not, with its reason."""

from dataclasses import dataclass
from datetime import datetime

from penchant.client.ledger import Ledger, Purpose
from penchant.client.participation.policy import ParticipationPolicy, Requirement
from penchant.client.participation.probes import Probes

__all__ = ["Condition", "Eligibility", "eligibility_of"]


@dataclass(frozen=True)
class Condition:
    """One condition of taking part.

    Attributes:
        name: what it is about.
        met: whether it is met.
        reason: why, in words.
    """

    name: str
    met: bool
    reason: str


@dataclass(frozen=True)
class Eligibility:
    """Whether a device takes part now; it stays on the device.

    Attributes:
        conditions: all of them, met or not.
        lab: the policy is one for trials, not for a person.
    """

    conditions: tuple[Condition, ...]
    lab: bool = False

    @property
    def eligible(self) -> bool:
        """Whether every condition is met."""
        return all(condition.met for condition in self.conditions)

    def __str__(self) -> str:
        """Return the conditions in plain words, one a line."""
        lines = ["LAB POLICY: for trials with made-up people, not for a person."] * self.lab
        lines.append("This device takes part." if self.eligible else "This device takes no part.")
        lines += [
            f"  {'met' if one.met else 'NOT MET'}  {one.name}: {one.reason}"
            for one in self.conditions
        ]
        return "\n".join(lines)


def eligibility_of(
    policy: ParticipationPolicy,
    *,
    ledger: Ledger,
    events: int,
    probes: Probes,
    now: datetime,
) -> Eligibility:
    """Return whether a device takes part now.

    Args:
        policy: its conditions.
        ledger: consent and budget.
        events: how many events it keeps.
        probes: what can be told about the machine.
        now: local time.
    """
    conditions = (
        _consent(ledger),
        _budget(ledger),
        _separation(ledger),
        Condition(
            "events",
            events >= policy.least_events,
            f"{events} kept, {policy.least_events} needed",
        ),
        _idle(policy, probes),
        _power(policy, probes),
        _network(policy, probes),
        _battery(policy, probes),
        _heat(policy, probes),
        _hours(policy, now),
    )
    return Eligibility(conditions, lab=policy.lab)


def _consent(ledger: Ledger) -> Condition:
    purpose = Purpose.TRAIN_RANKER
    if not ledger.agrees(purpose):
        return Condition("consent", False, f"nobody has agreed to {purpose.value!r}")
    if ledger.agrees(Purpose.TRUST_SERVER):
        return Condition("consent", True, "agreed, and the server is trusted to add the noise")
    return Condition("consent", True, "agreed, for rounds in which the device adds noise itself")


def _budget(ledger: Ledger) -> Condition:
    report = ledger.report()
    if ledger.settings.counts_only:
        return Condition("budget", True, f"LAB: {report.contributions} counted, none refused")
    if report.contributions_left == 0:
        return Condition(
            "budget", False, f"none left: {report.waits_because or 'epsilon is spent'}"
        )
    return Condition("budget", True, f"room for {report.contributions_left} more contributions")


def _separation(ledger: Ledger) -> Condition:
    why = ledger.waits()
    return Condition("waiting", why is None, why or "long enough since the last contribution")


def _idle(policy: ParticipationPolicy, probes: Probes) -> Condition:
    if policy.idle is Requirement.IGNORED:
        return _ignored("idle")
    load = probes.load()
    if load is None:
        return _unknown("idle", policy.idle)
    met = load <= policy.largest_load
    reason = f"load of {load:.2f} a processor, at most {policy.largest_load:g} wanted"
    return Condition("idle", met, reason)


def _power(policy: ParticipationPolicy, probes: Probes) -> Condition:
    if policy.power is Requirement.IGNORED:
        return _ignored("power")
    battery = probes.battery()
    if battery is None:
        return _unknown("power", policy.power)
    return Condition("power", battery.plugged, "mains" if battery.plugged else "battery")


def _network(policy: ParticipationPolicy, probes: Probes) -> Condition:
    if policy.unmetered is Requirement.IGNORED:
        return _ignored("network")
    unmetered = probes.unmetered()
    if unmetered is None:
        return _unknown("network", policy.unmetered)
    return Condition("network", unmetered, "unmetered" if unmetered else "metered")


def _battery(policy: ParticipationPolicy, probes: Probes) -> Condition:
    if policy.battery is Requirement.IGNORED:
        return _ignored("battery")
    battery = probes.battery()
    if battery is None:
        return _unknown("battery", policy.battery)
    if battery.charge is None:
        return Condition("battery", True, "the machine has none")
    met = battery.charge >= policy.least_charge
    reason = f"{battery.charge:.0%} charged, at least {policy.least_charge:.0%} wanted"
    return Condition("battery", met, reason)


def _heat(policy: ParticipationPolicy, probes: Probes) -> Condition:
    if policy.cool is Requirement.IGNORED:
        return _ignored("temperature")
    degrees = probes.temperature()
    if degrees is None:
        return _unknown("temperature", policy.cool)
    met = degrees <= policy.largest_temperature
    reason = f"{degrees:.0f} degrees Celsius, at most {policy.largest_temperature:g} wanted"
    return Condition("temperature", met, reason)


def _hours(policy: ParticipationPolicy, now: datetime) -> Condition:
    hours = policy.quiet_hours
    if hours is None:
        return Condition("quiet hours", True, "the policy names none")
    met = hours.contain(now.time())
    reason = f"it is {now:%H:%M}; the quiet hours are {hours.start:%H:%M} to {hours.end:%H:%M}"
    return Condition("quiet hours", met, reason)


def _ignored(name: str) -> Condition:
    return Condition(name, True, "the policy does not look at it")


def _unknown(name: str, requirement: Requirement) -> Condition:
    if requirement is Requirement.REQUIRED:
        return Condition(
            name, False, "it cannot be told here and the policy requires it; give a probe that can"
        )
    return Condition(name, True, "it cannot be told here, and the policy takes that as met")
