"""The headline: no more is claimed than the figures carry."""

from typing import Any

import pytest
from tests.simulation.conftest import scores

from penchant.simulation.report import Summary
from penchant.simulation.report.headline import verdict
from penchant.simulation.report.words import note_on_intervals, of_the_ranker

POPULARITY = 0.084


def made(fields: dict[str, Any], ours: float, **tuned: float) -> Summary:
    """A summary with this HR@10, and with controls that have theirs."""
    controls = {
        name: {
            "title": name,
            "setting": {},
            "tried": 1,
            "validation": scores(value),
            "test": scores(value),
        }
        for name, value in tuned.items()
    }
    popularity = {"popularity": scores(POPULARITY), "tuned": controls}
    return Summary.model_validate(fields | {"test": scores(ours), "controls": popularity})


@pytest.mark.parametrize(
    ("ours", "tuned", "told"),
    [
        (0.25, {"EASE": 0.1}, "Above popularity, by full ranking and with 99 negatives"),
        (
            0.1,
            {"EASE": 0.09, "ALS": 0.2, "kNN": 0.15},
            "Above popularity, by full ranking and with 99 negatives, though intervals overlap; "
            "ALS is ahead, by both",
        ),
        (0.05, {"EASE": 0.06}, "Not above popularity by either protocol; EASE is ahead, by both"),
        (0.05, {}, "Not above popularity by either protocol"),
    ],
)
def test_headline_names_who_is_ahead_and_what_may_be_chance(
    summary_fields: dict[str, Any], ours: float, tuned: dict[str, float], told: str
) -> None:
    """Popularity is not the only control that counts, and a mean is not all there is to it."""
    assert verdict(made(summary_fields, ours, **tuned)) == told


def test_headline_counts_the_negatives_there_were(summary_fields: dict[str, Any]) -> None:
    """A small catalogue has fewer than 99."""
    summary = made(summary_fields | {"negatives": 40}, 0.25)
    assert verdict(summary) == "Above popularity, by full ranking and with 40 negatives"


def test_intervals_of_what_was_not_run_are_not_explained(summary_fields: dict[str, Any]) -> None:
    """Without controls nothing is said of no federation; with a sample, how many it has."""
    assert "no federation" not in note_on_intervals(made(summary_fields, 0.2))
    sampled = summary_fields["leak_check"] | {"people": 100}
    some = Summary.model_validate(summary_fields | {"leak_check": sampled})
    assert "only 100 people's devices are trained alone" in note_on_intervals(some)


def test_promise_is_not_of_the_page(summary_fields: dict[str, Any]) -> None:
    """Its figures have no noise, which is said where anything is promised."""
    assert "This page is not covered" in of_the_ranker(made(summary_fields, 0.2).privacy)
    free = Summary.model_validate(summary_fields | {"privacy": {"unit": "none"}})
    assert of_the_ranker(free.privacy) == ""
