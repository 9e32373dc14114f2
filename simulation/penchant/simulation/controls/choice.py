"""Which controls a run has."""

from penchant.shared.catalogue import Catalogue
from penchant.shared.scoring import Scorer
from penchant.simulation.controls.als import ImplicitALS
from penchant.simulation.controls.content import EmbeddingSimilarity, TextSimilarity
from penchant.simulation.controls.control import Control
from penchant.simulation.controls.ease import EASE
from penchant.simulation.controls.itemknn import ItemKNN
from penchant.simulation.controls.popularity import Popularity
from penchant.simulation.controls.recency import Recency
from penchant.simulation.settings import Choice

__all__ = ["chosen"]


def chosen(choice: Choice, *, initial: Scorer, catalogue: Catalogue) -> list[Control]:
    """Return the controls of a choice, popularity first.

    Args:
        choice: which.
        initial: the ranker that the run starts from, which is also trained centrally.
        catalogue: the items to rank, those of ``initial`` first.
    """
    controls: list[Control] = [Popularity()]
    if choice is Choice.NONE:
        return controls
    controls += [Recency(), ItemKNN(), EASE(), ImplicitALS(), TextSimilarity()]
    controls += [EmbeddingSimilarity()]
    if choice is Choice.ALL:
        from penchant.simulation.controls.boosting import BoostedTrees
        from penchant.simulation.controls.central import CentralRanker

        controls += [BoostedTrees(), CentralRanker(initial, catalogue)]
    return controls
