"""Plans: settings, recipe and budget become the constants of a run."""

from typing import Any

import pytest

from penchant.shared.errors import ConfigurationError
from penchant.shared.ranker import Preset
from penchant.simulation.plan import Plan
from penchant.simulation.settings import PrivacyUnit, SimulationSettings

BUDGET: dict[str, Any] = {"epsilon": 8.0, "delta": 1e-5}


def plan(population: int = 500, **flags: Any) -> Plan:
    """Return the plan for these flags."""
    return Plan.of(SimulationSettings.parse(flags), population=population)


def test_without_privacy_nothing_is_noised() -> None:
    """No unit, no noise, no epsilon."""
    made = plan()
    assert made.rounds.noise_multiplier == 0
    assert made.rounds.training.event_privacy is None
    assert made.user_epsilon(10) is None
    assert made.event_epsilon(10) is None


@pytest.mark.parametrize("unit", ["event", "user", "both"])
def test_whole_run_keeps_within_the_budget(unit: str) -> None:
    """Epsilon of all rounds is at most what was asked, and nearly all of it."""
    made = plan(preset="compact", privacy=unit, rounds=4, **BUDGET)
    spent = [made.user_epsilon(4), made.event_epsilon(4)]
    assert [epsilon is not None for epsilon in spent] == [
        PrivacyUnit(unit).has_user,
        PrivacyUnit(unit).has_event,
    ]
    assert all(7.7 < epsilon <= 8 for epsilon in spent if epsilon is not None)


@pytest.mark.parametrize("preset", list(Preset))
def test_user_privacy_always_has_a_clipping_norm(preset: Preset) -> None:
    """Whatever the preset, user-level noise comes with a bound on updates."""
    made = plan(preset=preset, privacy="user", rounds=2, cohort=500, **BUDGET)
    assert made.rounds.training.clipping_norm is not None
    assert made.rounds.noise_multiplier > 0


def test_more_rounds_need_more_noise() -> None:
    """The budget is for the whole run."""
    few, many = (
        plan(preset="compact", privacy="user", rounds=rounds, cohort=500, **BUDGET)
        for rounds in (2, 20)
    )
    assert many.rounds.noise_multiplier > few.rounds.noise_multiplier


def test_cohort_flag_sets_the_sampling_probability() -> None:
    """An expected cohort of 50 of 500 devices is a chance of one in ten."""
    assert plan(cohort=50).rounds.sampling_probability == pytest.approx(0.1)
    assert plan(cohort=50).rounds.expected_cohort == pytest.approx(50)


def test_cohort_above_the_population_is_refused() -> None:
    """The error gives both numbers."""
    with pytest.raises(ConfigurationError, match=r"501.*500"):
        plan(cohort=501)


def test_default_delta_falls_with_the_population() -> None:
    """Delta is min(1e-6, N^-1.1)."""
    flags: dict[str, Any] = {"preset": "compact", "privacy": "user", "epsilon": 8.0, "rounds": 1}
    assert plan(943, cohort=943, **flags).delta == 1e-6
    assert plan(10**6, cohort=10**6, **flags).delta == pytest.approx(10**-6.6)


def test_no_federation_control_is_not_protected() -> None:
    """A device alone has nobody to hide from: no clipping, no noise, all else equal."""
    made = plan(preset="compact", privacy="both", rounds=2, cohort=500, **BUDGET)
    alone, together = made.plain_training, made.rounds.training
    assert alone.clipping_norm is None
    assert alone.event_privacy is None
    assert alone.rates == together.rates
    assert alone.steps == together.steps
