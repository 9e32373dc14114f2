"""Tests of the wire contract's public constants."""

import math
from dataclasses import fields
from typing import Any

import pytest
from pydantic import ValidationError

from penchant.shared.contract import (
    EventPrivacy,
    LearningRates,
    LocalTraining,
    TrainingResult,
    TrainingTask,
)
from penchant.shared.ranker import Preset, RankerSettings

RATES = {
    "private_vector": 0.1,
    "item_projection": 0.2,
    "context_projection": 0.3,
    "attention": 0.4,
    "popularity": 0.5,
    "item_residual": 0.6,
}
TRAINING: dict[str, Any] = {"steps": 3, "examples": 8, "negatives": 5, "rates": RATES}
PRIVACY: dict[str, Any] = {
    "sampling_probability": 0.5,
    "expected_batch_size": 4.0,
    "clipping_norm": 1.0,
    "noise_multiplier": 2.0,
}


def test_nothing_private_has_a_place() -> None:
    """Messages hold these fields and no other: no event, text, vector, loss or count.

    The measure is three numbers that a device bounds and a server noises.
    """
    assert [field.name for field in fields(TrainingTask)] == [
        "model_id",
        "round_number",
        "training",
        "vector",
        "noise_multiplier",
        "purpose",
        "measure_noise_multiplier",
    ]
    assert [field.name for field in fields(TrainingResult)] == [
        "model_id",
        "round_number",
        "update",
        "measure",
    ]


@pytest.mark.parametrize("preset", list(Preset))
def test_every_shared_array_has_a_rate(preset: Preset) -> None:
    """Each array of each preset learns at its group's rate; the attention's share one."""
    rates = LearningRates(**RATES)
    settings = RankerSettings(preset=preset, items=2, features=2, dimension=2, history_length=2)
    for name in settings.shapes():
        group = "attention" if name.startswith("attention") else name
        assert rates.of(name) == RATES[group]


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 0},
        {"steps": 10_001},
        {"examples": 0},
        {"negatives": 0},
        {"clipping_norm": 0.0},
        {"clipping_norm": math.inf},
        {"clipping_norm": math.nan},
        {"rates": RATES | {"attention": -0.1}},
        {"rates": RATES | {"attention": math.inf}},
        {"event_privacy": PRIVACY | {"sampling_probability": 0.0}},
        {"event_privacy": PRIVACY | {"sampling_probability": 1.1}},
        {"event_privacy": PRIVACY | {"expected_batch_size": 0.0}},
        {"event_privacy": PRIVACY | {"clipping_norm": 0.0}},
        {"event_privacy": PRIVACY | {"noise_multiplier": 0.0}},
        {"event_privacy": PRIVACY | {"noise_multiplier": math.inf}},
        {"examples_of_this_device": 12},
    ],
    ids=str,
)
def test_constants_out_of_range_are_refused(change: dict[str, Any]) -> None:
    """No round can be described that a device should not run."""
    assert LocalTraining.model_validate(TRAINING).event_privacy is None
    field = next(iter(change))
    with pytest.raises(ValidationError, match=field):
        LocalTraining.model_validate(TRAINING | change)


def test_constants_do_not_change() -> None:
    """A round's constants are the same for everybody, so nothing may alter them in between."""
    privacy = EventPrivacy.model_validate(PRIVACY)
    with pytest.raises(ValidationError, match="frozen"):
        privacy.noise_multiplier = 0.1  # type: ignore[misc]
