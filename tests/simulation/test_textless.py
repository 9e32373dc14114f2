"""Tests of what a run is tuned to where items have no texts and people few events."""

from dataclasses import replace

import numpy as np
import pytest

from penchant.simulation.datasets import Dataset
from penchant.simulation.recipes import recipe, without_texts
from penchant.simulation.settings import SimulationSettings
from penchant.simulation.textless import FEW_EVENTS, recipe_for

ITEMS = 50


def training(*, events: int, text: str = "") -> Dataset:
    """Three people with so many events each, on items with one text."""
    return Dataset.from_events(
        "small",
        item_ids=[str(item) for item in range(ITEMS)],
        item_texts=[text] * ITEMS,
        person_ids=["ann", "bob", "cyd"],
        people=np.repeat(np.arange(3), events),
        items=np.tile(np.arange(events), 3),
        times=np.arange(3 * events),
    )


def test_short_histories_on_items_without_texts_have_a_recipe_of_their_own() -> None:
    """It depends on what is public of the data alone: texts, and events of the median person."""
    full = SimulationSettings(dataset="small")
    sparse = training(events=FEW_EVENTS - 1)
    assert recipe_for(full, sparse) == without_texts(items=ITEMS)
    assert recipe_for(full, training(events=FEW_EVENTS - 1, text=" ")) == without_texts(items=ITEMS)
    one_text = replace(sparse, item_texts=("Heat", *sparse.item_texts[1:]))
    for other in (training(events=FEW_EVENTS), one_text):
        assert recipe_for(full, other) == recipe(full.preset, full.privacy)


@pytest.mark.parametrize(
    "flags",
    [{"preset": "text"}, {"preset": "compact"}, {"privacy": "user", "epsilon": 8.0}],
)
def test_other_presets_and_private_runs_keep_theirs(flags: dict[str, object]) -> None:
    """Nothing was tuned for them here."""
    settings = SimulationSettings.parse({"dataset": "small", **flags})
    assert recipe_for(settings, training(events=5)) == recipe(settings.preset, settings.privacy)
