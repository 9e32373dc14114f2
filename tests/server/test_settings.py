"""Tests of round settings."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from penchant.server.settings import RoundSettings
from penchant.shared.contract import EventPrivacy

MakeSettings = Callable[..., RoundSettings]


def test_cohort_sizes_follow_from_population_and_probability(make_settings: MakeSettings) -> None:
    """The mean and the cap are public constants of the settings."""
    settings = make_settings(population=1000, sampling_probability=0.1)
    assert settings.expected_cohort == pytest.approx(100)
    assert settings.cohort_cap == math.ceil(100 + 7 * math.sqrt(90))
    assert make_settings(population=1000).cohort_cap == 1000


def test_over_selection_says_what_is_wanted_and_never_what_is_counted(
    make_settings: MakeSettings,
) -> None:
    """Who is asked stays the same; only rounds without noise end on a count."""
    plain = make_settings(population=1000, sampling_probability=0.13)
    over = make_settings(population=1000, sampling_probability=0.13, over_selection=1.3)
    assert plain.expected_updates == pytest.approx(130)
    assert plain.closing_count is None
    assert over.expected_updates == pytest.approx(100)
    assert over.closing_count == 100
    assert over.expected_cohort == plain.expected_cohort
    assert over.cohort_cap == plain.cohort_cap
    noised = make_settings(population=1000, over_selection=1.3, noise_multiplier=1.0)
    assert noised.closing_count is None
    assert noised.expected_updates == pytest.approx(1000 / 1.3)


def test_a_minimum_above_the_updates_wanted_is_refused(make_settings: MakeSettings) -> None:
    """A round would end before it could have them."""
    with pytest.raises(ValidationError, match=r"minimum_cohort is 9 .* 8 updates it wants"):
        make_settings(over_selection=1.5, minimum_cohort=9)


@pytest.mark.parametrize(
    "change",
    [
        {"over_selection": 0.9},
        {"rounds": 0},
        {"population": 0},
        {"sampling_probability": 0.0},
        {"sampling_probability": 1.1},
        {"minimum_cohort": 0},
        {"noise_multiplier": -1.0},
        {"noise_multiplier": math.inf},
        {"noise_multiplier": math.nan},
        {"reply_timeout": 0.0},
        {"weights": "examples"},
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(
    make_settings: MakeSettings, change: dict[str, Any]
) -> None:
    """The error names the field."""
    with pytest.raises(ValidationError, match=next(iter(change))):
        make_settings(**change)


def test_noise_needs_a_clipping_norm(make_settings: MakeSettings) -> None:
    """Noise is a multiple of the norm: without one it would be none at all."""
    with pytest.raises(ValidationError, match=r"noise_multiplier is 2\.0 but clipping_norm"):
        make_settings(noise_multiplier=2.0, norm=None)
    assert make_settings(noise_multiplier=2.0, norm=1.0).noise_multiplier == 2.0


def test_a_minimum_that_no_cohort_reaches_is_refused(make_settings: MakeSettings) -> None:
    """Every round would be void, and paid for."""
    with pytest.raises(ValidationError, match=r"minimum_cohort is 13 .* at most 12"):
        make_settings(minimum_cohort=13)
    assert make_settings(minimum_cohort=12).minimum_cohort == 12


@pytest.mark.parametrize(
    "change", [{"beta_1": 1.0}, {"beta_2": -0.1}, {"tau": 0.0}, {"final_rate": 1.1}], ids=str
)
def test_optimiser_settings_out_of_range_are_refused(
    make_settings: MakeSettings, change: dict[str, Any]
) -> None:
    """FedAdam's constants are in the ranges of its paper."""
    optimiser = make_settings().optimiser.model_dump() | change
    with pytest.raises(ValidationError, match=next(iter(change))):
        make_settings(optimiser=optimiser)


def test_nothing_is_measured_unless_asked(make_settings: MakeSettings) -> None:
    """Off by default: no noise of measures, and the accountant counts updates alone."""
    made = make_settings(noise_multiplier=4.0)
    assert (made.evaluate, made.measure_noise) == (False, None)
    assert made.accounted_noise_multiplier == 4.0


def test_the_accountant_counts_update_and_measure_as_one(make_settings: MakeSettings) -> None:
    """The default is twice the noise of updates: the pair costs 0.894 of its multiplier."""
    made = make_settings(noise_multiplier=4.0, evaluate=True)
    assert made.measure_noise == 8.0
    assert made.accounted_noise_multiplier == pytest.approx(4.0 / 1.25**0.5)
    given = make_settings(noise_multiplier=3.0, evaluate=True, measure_noise_multiplier=3.0)
    assert given.accounted_noise_multiplier == pytest.approx(3.0 / 2**0.5)
    assert make_settings(evaluate=True).measure_noise == 0.0
    assert make_settings(evaluate=True).accounted_noise_multiplier == 0.0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"measure_noise_multiplier": 8.0}, "evaluate is not set"),
        (
            {"evaluate": True, "noise_multiplier": 4.0, "measure_noise_multiplier": 0.0},
            "exact means would void",
        ),
        ({"evaluate": True, "measure_noise_multiplier": -1.0}, "greater than or equal to 0"),
        ({"evaluate": "perhaps"}, "valid boolean"),
    ],
)
def test_measures_that_would_not_be_private_are_refused(
    make_settings: MakeSettings, changes: dict[str, Any], reason: str
) -> None:
    """Noise on updates and none on measures, noise on no measures, and what is no setting."""
    with pytest.raises(ValidationError, match=reason):
        make_settings(**changes)


def test_rounds_with_event_level_privacy_are_not_measured(make_settings: MakeSettings) -> None:
    """A measure has no noise of the device's own."""
    made = make_settings()
    privacy = EventPrivacy(
        sampling_probability=0.5, expected_batch_size=2.0, clipping_norm=1.0, noise_multiplier=2.0
    )
    training = made.training.model_copy(update={"event_privacy": privacy})
    with pytest.raises(ValidationError, match="no noise of the device's own"):
        make_settings(evaluate=True, training=training)
