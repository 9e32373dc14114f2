"""Named additions to the ranking score, beside what the ranker gives."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from penchant.shared.catalogue import Catalogue

__all__ = ["ItemTerm", "TermAmounts"]


class ItemTerm(Protocol):
    """Something with a name that raises or lowers items, such as a tag the person turned down.

    It is a fixed function of an item's embedding. Its amounts over the catalogue are computed once
    for each term object, so the same object should be passed until the person edits it.
    """

    @property
    def name(self) -> str:
        """What to call it when a recommendation says why."""

    def amounts(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what it adds to the score of items with ``embeddings``, float32 (n, m) to (n,).

        Numbers are finite, or minus infinity for an item that must not be recommended.
        """


class TermAmounts:
    """What terms add to each item of a catalogue.

    Args:
        catalogue: the items.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._known: dict[int, tuple[ItemTerm, NDArray[np.float32]]] = {}

    def of(self, terms: Sequence[ItemTerm]) -> list[NDArray[np.float32]]:
        """Return each term's amounts over the catalogue, float32 (J,); other terms are dropped."""
        # Keyed by identity: the term itself is kept beside, so that its id is not used again.
        self._known = {
            id(term): self._known.get(id(term)) or (term, self._computed(term)) for term in terms
        }
        return [self._known[id(term)][1] for term in terms]

    def _computed(self, term: ItemTerm) -> NDArray[np.float32]:
        amounts = np.empty(len(self._catalogue), dtype=np.float32)
        for block, embeddings in self._catalogue.blocks():
            amounts[block] = term.amounts(embeddings)
        return amounts
