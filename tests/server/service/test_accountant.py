"""Tests of what a server's rounds have cost."""

import json
from typing import Any

import pytest

from penchant.server.operations.records import RoundRecord
from penchant.server.service.accountant import Accountant, mechanism_of
from penchant.server.settings import RoundSettings
from penchant.shared.accounting import UserMechanism, default_delta
from penchant.shared.contract import LearningRates
from penchant.shared.gaussian import joint_noise_multiplier

RATES = dict.fromkeys(LearningRates.model_fields, 1.0)


def settings(**changes: Any) -> RoundSettings:
    """Settings of rounds, some of them changed."""
    training = {"steps": 1, "examples": 1, "negatives": 1, "rates": RATES, "clipping_norm": 1.0}
    fields: dict[str, Any] = {
        "rounds": 10,
        "population": 200,
        "sampling_probability": 1.0,
        "noise_multiplier": 3.0,
        "training": training,
        "optimiser": {"name": "fedavg", "rates": RATES},
    }
    return RoundSettings.model_validate(fields | changes)


def round_of(number: int, made: RoundSettings, *, finished: bool = True) -> RoundRecord:
    """A round's record."""
    return RoundRecord(
        number=number,
        mechanism=json.dumps(mechanism_of(made)),
        started=0.0,
        finished=1.0 if finished else None,
        cohort=5,
        accepted=5,
        rejected=0,
        void=0,
        attempts=1,
        epsilon=None,
    )


def test_rounds_of_one_kind_cost_what_their_mechanism_costs() -> None:
    """Epsilon is that of so many releases of the mechanism, at the default delta."""
    made = settings()
    rounds = [round_of(number, made) for number in (1, 2, 3)]
    expected = UserMechanism(200, 1.0).epsilon(
        noise_multiplier=3.0, rounds=3, delta=default_delta(200)
    )
    accountant = Accountant(delta=None)
    assert accountant.epsilon(rounds, made, finished=3) == pytest.approx(expected)
    assert accountant.epsilon(rounds[:2], made, finished=2, more=1) == pytest.approx(expected)


def test_a_round_that_measures_counts_as_one_mechanism() -> None:
    """Epsilon is that of the joint noise multiplier, of rounds done and of the next one.

    Asking for measures from now on leaves what was spent before, and costs more than not asking.
    """
    plain, asking = settings(), settings(evaluate=True, measure_noise_multiplier=4.0)
    assert mechanism_of(plain)["noise_multiplier"] == 3.0
    joint = joint_noise_multiplier(3.0, 4.0)
    expected = UserMechanism(200, 1.0).epsilon(
        noise_multiplier=joint, rounds=3, delta=default_delta(200)
    )
    accountant = Accountant(delta=None)
    rounds = [round_of(number, asking) for number in (1, 2, 3)]
    assert accountant.epsilon(rounds, asking, finished=3) == pytest.approx(expected)
    assert accountant.epsilon(rounds[:2], asking, finished=2, more=1) == pytest.approx(expected)
    before = [round_of(1, plain)]
    spent = accountant.epsilon(before, asking, finished=1)
    assert spent == accountant.epsilon(before, plain, finished=1)
    more = accountant.epsilon(before, asking, finished=1, more=1)
    less = accountant.epsilon(before, plain, finished=1, more=1)
    assert more is not None
    assert less is not None
    assert more > less


def test_rounds_before_a_change_of_settings_stay_spent() -> None:
    """Rounds of two kinds cost more than either, and less than all at the weaker noise."""
    strong, weak = settings(noise_multiplier=6.0), settings(noise_multiplier=3.0)
    accountant = Accountant(delta=1e-5)
    rounds = [round_of(1, strong), round_of(2, weak)]
    both = accountant.epsilon(rounds, weak, finished=2)
    one = accountant.epsilon([round_of(1, weak)], weak, finished=1)
    two = accountant.epsilon([round_of(1, weak), round_of(2, weak)], weak, finished=2)
    assert both is not None
    assert one is not None
    assert two is not None
    assert one < both < two


def test_a_round_that_was_cut_short_costs_nothing() -> None:
    """What was not kept was not released: only rounds up to the last kept one count."""
    made = settings()
    rounds = [round_of(1, made), round_of(2, made, finished=False)]
    accountant = Accountant(delta=1e-5)
    once = accountant.epsilon(rounds[:1], made, finished=1)
    assert accountant.epsilon(rounds, made, finished=1) == once
    assert accountant.epsilon(rounds, made, finished=0) == 0.0
    # Kept, and killed before its record was finished: it counts.
    twice = accountant.epsilon(rounds, made, finished=2)
    assert twice is not None
    assert once is not None
    assert twice > once


def test_rounds_without_noise_have_no_epsilon() -> None:
    """One of them is enough: no number is better than a wrong one."""
    plain = settings(noise_multiplier=0.0)
    rounds = [round_of(1, settings()), round_of(2, plain)]
    assert Accountant(delta=1e-5).epsilon(rounds, plain, finished=2) is None
