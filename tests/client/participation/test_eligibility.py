"""Eligibility: each condition is met or not for its own reason, and all must be."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.client.ledger.conftest import START, task_of

from penchant.client.ledger import MIGRATIONS, Answer, BudgetSettings, Ledger, Purpose
from penchant.client.participation import (
    LAB,
    Battery,
    Eligibility,
    ParticipationPolicy,
    Probes,
    QuietHours,
    Requirement,
    SystemProbes,
    eligibility_of,
)
from penchant.client.storage import DeviceFolder, Durability, RawKey
from penchant.shared.errors import ConfigurationError

PLUGGED = Battery(charge=0.9, plugged=True)
NOON = datetime(2024, 5, 1, 12, 0)
Check = Callable[..., Eligibility]


@dataclass(frozen=True)
class Machine:
    """Probes that answer what a test says."""

    at_load: float | None = 0.1
    powered: Battery | None = PLUGGED
    free_network: bool | None = True
    degrees: float | None = 40.0

    def load(self) -> float | None:
        """Load of each processor."""
        return self.at_load

    def battery(self) -> Battery | None:
        """Source of power."""
        return self.powered

    def unmetered(self) -> bool | None:
        """Kind of network."""
        return self.free_network

    def temperature(self) -> float | None:
        """Hottest sensor."""
        return self.degrees


@pytest.fixture
def check(tmp_path: Path) -> Iterator[Check]:
    """Ask for the eligibility of a device with a real ledger, well in every way but those given."""
    folders: list[DeviceFolder] = []

    def ask(
        policy: ParticipationPolicy | None = None,
        *,
        events: int = 100,
        probes: Probes = Machine(),
        now: datetime = NOON,
        agreed: bool = True,
        contributed: int = 0,
    ) -> Eligibility:
        chosen = policy or ParticipationPolicy()
        folder = DeviceFolder(tmp_path / str(len(folders)), RawKey(bytes(32)))
        folders.append(folder)
        moment = [float(START)]
        ledger = Ledger(
            folder.database("ledger", migrations=MIGRATIONS, durability=Durability.NOTHING),
            settings=chosen.budget,
            clock=lambda: moment[0],
        )
        if agreed:
            for purpose in Purpose:
                ledger.consent(purpose)
        for number in range(contributed):
            ledger.release(task_of(1 + number), lambda: Answer(b"", b""))
            moment[0] += chosen.budget.separation
        return eligibility_of(chosen, ledger=ledger, events=events, probes=probes, now=now)

    yield ask
    for folder in folders:
        folder.close()


def unmet(found: Eligibility) -> list[str]:
    """Names of the conditions that are not met."""
    return [condition.name for condition in found.conditions if not condition.met]


def test_a_device_that_is_well_takes_part(check: Check) -> None:
    """With everything met it is eligible, and every condition says why."""
    found = check()
    assert found.eligible
    assert [condition.name for condition in found.conditions] == [
        "consent",
        "budget",
        "waiting",
        "events",
        "idle",
        "power",
        "network",
        "battery",
        "temperature",
        "quiet hours",
    ]
    assert all(condition.reason for condition in found.conditions)
    assert "takes part" in str(found)
    assert "LAB" not in str(found)


MACHINE = Machine()


@pytest.mark.parametrize(
    ("name", "reason", "given"),
    [
        ("consent", "nobody has agreed", {"agreed": False}),
        ("events", "19 kept, 20 needed", {"events": 19}),
        ("idle", "load of 0.90", {"probes": replace(MACHINE, at_load=0.9)}),
        ("network", "metered", {"probes": replace(MACHINE, free_network=False)}),
        ("temperature", "95 degrees", {"probes": replace(MACHINE, degrees=95.0)}),
        ("battery", "10% charged", {"probes": replace(MACHINE, powered=Battery(0.1, True))}),
        ("power", "battery", {"probes": replace(MACHINE, powered=Battery(0.9, False))}),
    ],
)
def test_each_condition_stops_it_by_itself(
    check: Check, name: str, reason: str, given: dict[str, Any]
) -> None:
    """One thing amiss and it takes no part, for that reason alone."""
    found = check(**given)
    assert unmet(found) == [name]
    assert reason in next(one.reason for one in found.conditions if one.name == name)
    assert f"NOT MET  {name}" in str(found)


def test_budget_and_separation(check: Check) -> None:
    """Too soon after a contribution, and with ten in the window, it takes no part."""
    apart = ParticipationPolicy()
    assert unmet(check(apart, contributed=9)) == []
    assert unmet(check(apart, contributed=10)) == ["budget", "waiting"]
    longer = ParticipationPolicy(budget=BudgetSettings(separation_days=0.0))
    assert unmet(check(longer, contributed=3)) == []


@pytest.mark.parametrize("requirement", list(Requirement))
def test_what_cannot_be_told_is_the_apps_to_decide(check: Check, requirement: Requirement) -> None:
    """Unknown is met unless the policy requires it, and the reason says that it is unknown."""
    names = ("idle", "power", "network", "battery", "temperature")
    fields = ("idle", "power", "unmetered", "battery", "cool")
    given: dict[str, Any] = dict.fromkeys(fields, requirement)
    policy = ParticipationPolicy(**given)
    found = check(policy, probes=Machine(None, None, None, None))
    assert unmet(found) == (list(names) if requirement is Requirement.REQUIRED else [])
    if requirement is not Requirement.IGNORED:
        reasons = [one.reason for one in found.conditions if one.name in names]
        assert all("cannot be told" in reason for reason in reasons)


@pytest.mark.parametrize(
    ("start", "end", "inside", "outside"),
    [
        (time(1), time(5), [time(1), time(4, 59)], [time(0, 59), time(5), time(13)]),
        (time(22), time(7), [time(22), time(0), time(6, 59)], [time(7), time(21, 59)]),
        (time(3), time(3), [time(3), time(2, 59), time(15)], []),
    ],
)
def test_quiet_hours(
    check: Check, start: time, end: time, inside: list[time], outside: list[time]
) -> None:
    """It takes part within the quiet hours, over midnight too, and not outside."""
    policy = ParticipationPolicy(quiet_hours=QuietHours(start=start, end=end))
    for moment in inside:
        assert check(policy, now=datetime.combine(NOON, moment)).eligible
    for moment in outside:
        assert unmet(check(policy, now=datetime.combine(NOON, moment))) == ["quiet hours"]


@given(st.times(), st.times(), st.times())
def test_quiet_hours_and_the_rest_make_a_day(start: time, end: time, moment: time) -> None:
    """A moment is either in the hours or in those from their end to their start."""
    one = QuietHours(start=start, end=end).contain(moment)
    if start == end:
        assert one
    else:
        assert one is not QuietHours(start=end, end=start).contain(moment)


def test_the_lab_is_loud_and_needs_consent(check: Check) -> None:
    """The trial policy looks at nothing but consent, and says what it is."""
    hot = Machine(9.0, Battery(0.0, False), False, 120.0)
    found = check(LAB, events=0, probes=hot)
    assert found.eligible
    assert found.lab
    assert str(found).startswith("LAB POLICY")
    assert unmet(check(LAB, agreed=False)) == ["consent"]


def test_this_machine_can_be_asked(check: Check) -> None:
    """The system's own probes answer or say that they cannot, and never fail."""
    probes = SystemProbes()
    load, heat, battery = probes.load(), probes.temperature(), probes.battery()
    assert load is None or load >= 0
    assert heat is None or math.isfinite(heat)
    assert battery is None or battery.charge is None or 0 <= battery.charge <= 1
    assert probes.unmetered() is None
    check(probes=probes)


def test_a_policy_out_of_range_is_refused() -> None:
    """A mistyped condition is an error, never a condition that is silently off."""
    bad: list[dict[str, Any]] = [{"least_charge": 1.5}, {"idle": "maybe"}, {"least_events": -1}]
    for settings in bad:
        with pytest.raises(ConfigurationError, match=next(iter(settings))):
            ParticipationPolicy(**settings)
