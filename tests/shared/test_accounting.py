"""Tests of privacy accounting, against the closed form where there is one."""

import ast
import math
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pytest
from scipy import stats
from scipy.optimize import brentq

from penchant.shared.accounting import (
    EventMechanism,
    UserMechanism,
    cohort_cap,
    default_delta,
)
from penchant.shared.errors import PrivacyError

DELTA = 1e-6
EVERYONE = UserMechanism(population=100, sampling_probability=1.0)


def gaussian_epsilon(noise_multiplier: float, count: int, delta: float) -> float:
    """Exact epsilon of ``count`` Gaussian releases of sensitivity 1.

    Balle & Wang (2018), "Improving the Gaussian mechanism for differential privacy", theorem 8;
    the releases together are one of noise sigma / sqrt(count).
    """
    sigma = noise_multiplier / math.sqrt(count)

    def excess(epsilon: float) -> float:
        upper = stats.norm.cdf(0.5 / sigma - epsilon * sigma)
        lower = stats.norm.logcdf(-0.5 / sigma - epsilon * sigma)
        return float(upper - math.exp(epsilon + lower) - delta)

    return float(brentq(excess, 0.0, 200.0, xtol=1e-10))


@pytest.mark.parametrize(
    ("noise_multiplier", "rounds", "delta"), [(4.0, 1, 1e-6), (4.0, 40, 1e-6), (1.0, 3, 1e-5)]
)
def test_without_sampling_it_is_the_gaussian_mechanism(
    noise_multiplier: float, rounds: int, delta: float
) -> None:
    """Where everybody takes part, epsilon is the closed form's, and never below it."""
    exact = gaussian_epsilon(noise_multiplier, rounds, delta)
    for found in (
        EVERYONE.epsilon(noise_multiplier=noise_multiplier, rounds=rounds, delta=delta),
        EventMechanism(1.0).epsilon(noise_multiplier=noise_multiplier, steps=rounds, delta=delta),
    ):
        assert exact <= found <= exact * 1.001 + 1e-3


def test_epsilon_moves_the_right_way() -> None:
    """More rounds, less noise, more sampling and a smaller delta each cost more."""

    def spent(q: float = 0.2, noise: float = 4.0, rounds: int = 10, delta: float = DELTA) -> float:
        mechanism = UserMechanism(population=50, sampling_probability=q)
        return mechanism.epsilon(noise_multiplier=noise, rounds=rounds, delta=delta)

    assert spent(rounds=11) > spent() > spent(rounds=9)
    assert spent(noise=3.9) > spent()
    assert spent(q=0.21) > spent()
    assert spent(delta=1e-7) > spent() > spent(delta=1e-5)


def test_cutting_cohorts_to_the_cap_is_paid_for() -> None:
    """A capped Poisson cohort costs no less than an uncapped one, and hardly more."""
    capped = UserMechanism(population=300, sampling_probability=0.1)
    plain = EventMechanism(0.1).epsilon(noise_multiplier=2.0, steps=5, delta=DELTA)
    found = capped.epsilon(noise_multiplier=2.0, rounds=5, delta=DELTA)
    assert plain <= found <= plain + 1e-3


@pytest.mark.parametrize(
    ("epsilon_of", "noise_for"),
    [
        (
            lambda noise: EVERYONE.epsilon(noise_multiplier=noise, rounds=30, delta=DELTA),
            lambda epsilon: EVERYONE.noise_multiplier(epsilon=epsilon, rounds=30, delta=DELTA),
        ),
        (
            lambda noise: EventMechanism(0.1).epsilon(
                noise_multiplier=noise, steps=30, delta=DELTA
            ),
            lambda epsilon: EventMechanism(0.1).noise_multiplier(
                epsilon=epsilon, steps=30, delta=DELTA
            ),
        ),
    ],
    ids=["user", "event"],
)
def test_calibrated_noise_keeps_within_epsilon_and_is_not_wasteful(
    epsilon_of: Callable[[float], float], noise_for: Callable[[float], float]
) -> None:
    """The noise found keeps within epsilon as reported; 2 % less would not."""
    noise_multiplier = noise_for(8.0)
    assert epsilon_of(noise_multiplier) <= 8.0
    assert epsilon_of(0.98 * noise_multiplier) > 8.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"noise_multiplier": 0.0}, "noise multiplier is 0"),
        ({"noise_multiplier": -1.0}, "noise multiplier is -1"),
        ({"noise_multiplier": math.nan}, "noise multiplier is nan"),
        ({"noise_multiplier": math.inf}, "noise multiplier is inf"),
        ({"delta": 0.0}, "delta is 0"),
        ({"delta": 1.0}, "delta is 1"),
        ({"delta": math.nan}, "delta is nan"),
        ({"rounds": 0}, "0 releases"),
        ({"rounds": -3}, "-3 releases"),
    ],
)
def test_what_cannot_be_accounted_for_is_an_error(change: dict[str, float], message: str) -> None:
    """No noise, no release or no delta has no epsilon: the error names what was given."""
    arguments = {"noise_multiplier": 4.0, "rounds": 2, "delta": DELTA} | change
    with pytest.raises(PrivacyError, match=message):
        EVERYONE.epsilon(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("epsilon", [0.0, -8.0, math.nan, math.inf, 1e6])
def test_an_epsilon_that_promises_nothing_is_refused(epsilon: float) -> None:
    """An epsilon that is not above 0, or so large that it says nothing, is an error at once."""
    with pytest.raises(PrivacyError, match="epsilon is"):
        EVERYONE.noise_multiplier(epsilon=epsilon, rounds=2, delta=DELTA)


def test_an_epsilon_that_no_noise_reaches_is_refused() -> None:
    """The search for noise ends with an error that says what to change."""
    with pytest.raises(PrivacyError, match="larger epsilon or fewer rounds"):
        EVERYONE.noise_multiplier(epsilon=1e-6, rounds=10_000, delta=1e-9)


@pytest.mark.parametrize("probability", [0.0, -0.1, 1.01, math.nan])
def test_sampling_probabilities_are_in_range(probability: float) -> None:
    """A sampling probability is above 0 and at most 1."""
    with pytest.raises(PrivacyError, match="sampling probability"):
        UserMechanism(population=10, sampling_probability=probability)
    with pytest.raises(PrivacyError, match="sampling probability"):
        EventMechanism(probability)


def test_a_population_has_people() -> None:
    """Nobody is no population."""
    with pytest.raises(PrivacyError, match="population is 0"):
        UserMechanism(population=0, sampling_probability=0.5)


def test_delta_shrinks_with_the_population() -> None:
    """Delta is at most one in a million and always below one over the population."""
    assert default_delta(1) == default_delta(943) == 1e-6
    assert default_delta(10**7) == pytest.approx(10**-7.7)
    assert default_delta(10**7) < 1e-7


@pytest.mark.parametrize(
    ("population", "q"), [(943, 0.4), (10_000, 0.01), (10_000, 0.001), (10, 1.0)]
)
def test_cap_is_hardly_ever_reached(population: int, q: float) -> None:
    """A Poisson cohort exceeds the cap with the stated probability; no cap is above everybody."""
    cap = cohort_cap(population, sampling_probability=q)
    assert cap <= population
    assert stats.binom.sf(cap, population, q) < 1e-8


def test_opacus_accountants_are_not_used() -> None:
    """Opacus's GDP accountant understates epsilon; no accountant of Opacus is imported."""
    imported = set()
    for part in ("shared", "client", "server", "simulation"):
        for path in Path(str(resources.files(f"penchant.{part}"))).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    imported |= {name.name for name in node.names}
                elif isinstance(node, ast.ImportFrom):
                    imported |= {f"{node.module}.{name.name}" for name in node.names}
    assert any(name.startswith("opacus") for name in imported)
    banned = ("opacus.accountants", "opacus.PrivacyEngine", "opacus.privacy_engine")
    assert not [name for name in imported if name.startswith(banned) or name == "opacus"]
