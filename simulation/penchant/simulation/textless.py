"""What a run is tuned to where items have no texts and people few events: a recipe of its own.

Both are public properties of a data set: neither says what anybody did, nor anything of what is
held out but how many events there are.
"""

import numpy as np

from penchant.shared.ranker import Preset
from penchant.simulation.datasets.dataset import Dataset
from penchant.simulation.recipes import Recipe, recipe, without_texts
from penchant.simulation.settings import PrivacyUnit, SimulationSettings

__all__ = ["FEW_EVENTS", "recipe_for"]

# Training events of the median person below which a private vector is not worth its while.
FEW_EVENTS = 20


def recipe_for(settings: SimulationSettings, training: Dataset) -> Recipe:
    """Return the recipe of a run.

    Args:
        settings: what to simulate.
        training: everybody's training events.
    """
    chosen = recipe(settings.preset, settings.privacy)
    if settings.preset is not Preset.FULL or settings.privacy is not PrivacyUnit.NONE:
        return chosen
    if any(text.strip() for text in training.item_texts):
        return chosen
    if float(np.median(np.diff(training.offsets))) >= FEW_EVENTS:
        return chosen
    return without_texts(items=training.n_items)
