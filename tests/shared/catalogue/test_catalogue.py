"""Tests of the catalogue."""

from typing import Any

import numpy as np
import pytest

from penchant.shared.catalogue import UNKNOWN_ITEM, Catalogue
from penchant.shared.errors import DataError

EMBEDDINGS = np.eye(3, 4, dtype=np.float32)


def test_positions_are_rows_and_unknown_items_say_so() -> None:
    """An item's position is its row; what the catalogue does not have is ``UNKNOWN_ITEM``."""
    catalogue = Catalogue.of(["a", "b", "c"], EMBEDDINGS)
    positions = catalogue.positions(["c", None, "a", "z", "a"])
    assert positions.tolist() == [2, UNKNOWN_ITEM, 0, UNKNOWN_ITEM, 0]
    assert positions.dtype == np.int64
    assert catalogue.positions([]).shape == (0,)
    assert len(catalogue) == 3


def test_embeddings_are_kept_as_float32() -> None:
    """Any numbers are taken, in any memory layout; float32 rows are kept."""
    doubles: Any = np.asfortranarray(EMBEDDINGS.astype(np.float64))
    catalogue = Catalogue.of(["a", "b", "c"], doubles)
    assert catalogue.embeddings.dtype == np.float32
    assert catalogue.embeddings.flags.c_contiguous
    assert (catalogue.embeddings == EMBEDDINGS).all()


@pytest.mark.parametrize("shape", [(2, 4), (4, 3), (3,), (3, 4, 1)])
def test_one_embedding_an_item(shape: tuple[int, ...]) -> None:
    """Too few or too many embeddings are an error that gives both numbers."""
    with pytest.raises(DataError, match=r"3 items .*shape \("):
        Catalogue.of(["a", "b", "c"], np.zeros(shape, dtype=np.float32))


def test_repeated_items_are_refused() -> None:
    """An id names one row."""
    with pytest.raises(DataError, match="2 item ids"):
        Catalogue.of(["a", "a", "a"], EMBEDDINGS)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_embeddings_are_finite(number: float) -> None:
    """A broken embedding is found here, not as a failure of linear algebra later."""
    embeddings = EMBEDDINGS.copy()
    embeddings[1, 2] = number
    with pytest.raises(DataError, match="not finite"):
        Catalogue.of(["a", "b", "c"], embeddings)


def test_fingerprint_tells_catalogues_apart() -> None:
    """Any change of an id or of the order changes the fingerprint; embeddings do not."""
    changed = EMBEDDINGS.copy()
    changed[2, 3] = 1e-7
    catalogues = [
        Catalogue.of(["a", "b", "c"], EMBEDDINGS),
        Catalogue.of(["a", "c", "b"], EMBEDDINGS),
        Catalogue.of(["ab", "", "c"], EMBEDDINGS),
    ]
    assert len({catalogue.fingerprint for catalogue in catalogues}) == len(catalogues)
    assert catalogues[0].fingerprint == Catalogue.of(["a", "b", "c"], changed).fingerprint
    assert catalogues[0].fingerprint == Catalogue.of(("a", "b", "c"), EMBEDDINGS).fingerprint
