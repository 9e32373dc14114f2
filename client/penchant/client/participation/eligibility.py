"""Whether a device takes part now: each condition, met or not, with its reason."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from penchant.client.ledger import Ledger, Purpose
from penchant.client.participation.policy import ParticipationPolicy, Requirement
from penchant.client.participation.probes import Battery, Probes

__all__ = ["Condition", "Eligibility", "eligibility_of"]

Told = TypeVar("Told")
Judgement = tuple[bool, str]  # whether a condition is met, and why


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
    def judged(load: float) -> Judgement:
        most = policy.largest_load
        return load <= most, f"load of {load:.2f} a processor, at most {most:g} wanted"

    return _told("idle", policy.idle, probes.load, judged)


def _power(policy: ParticipationPolicy, probes: Probes) -> Condition:
    def judged(battery: Battery) -> Judgement:
        return battery.plugged, "mains" if battery.plugged else "battery"

    return _told("power", policy.power, probes.battery, judged)


def _network(policy: ParticipationPolicy, probes: Probes) -> Condition:
    def judged(unmetered: bool) -> Judgement:
        return unmetered, "unmetered" if unmetered else "metered"

    return _told("network", policy.unmetered, probes.unmetered, judged)


def _battery(policy: ParticipationPolicy, probes: Probes) -> Condition:
    def judged(battery: Battery) -> Judgement:
        if battery.charge is None:
            return True, "the machine has none"
        least = policy.least_charge
        return battery.charge >= least, f"{battery.charge:.0%} charged, at least {least:.0%} wanted"

    return _told("battery", policy.battery, probes.battery, judged)


def _heat(policy: ParticipationPolicy, probes: Probes) -> Condition:
    def judged(degrees: float) -> Judgement:
        most = policy.largest_temperature
        return degrees <= most, f"{degrees:.0f} degrees Celsius, at most {most:g} wanted"

    return _told("temperature", policy.cool, probes.temperature, judged)


def _hours(policy: ParticipationPolicy, now: datetime) -> Condition:
    hours = policy.quiet_hours
    if hours is None:
        return Condition("quiet hours", True, "the policy names none")
    met = hours.contain(now.time())
    reason = f"it is {now:%H:%M}; the quiet hours are {hours.start:%H:%M} to {hours.end:%H:%M}"
    return Condition("quiet hours", met, reason)


def _told(
    name: str,
    requirement: Requirement,
    tell: Callable[[], Told | None],
    judged: Callable[[Told], Judgement],
) -> Condition:
    """Return a condition of the machine: what ``judged`` makes of what a probe tells, if asked."""
    if requirement is Requirement.IGNORED:
        return Condition(name, True, "the policy does not look at it")
    told = tell()
    if told is not None:
        return Condition(name, *judged(told))
    if requirement is Requirement.REQUIRED:
        return Condition(
            name, False, "it cannot be told here and the policy requires it; give a probe that can"
        )
    return Condition(name, True, "it cannot be told here, and the policy takes that as met")
