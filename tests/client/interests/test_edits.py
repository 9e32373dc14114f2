"""Edits of interests as values."""

from pathlib import Path

import numpy as np
import pytest

from penchant.client.interests import Edits, InterestEdit, Tags, Taxonomy
from penchant.shared.errors import ConfigurationError, StoreError
from penchant.shared.texts import TextEncoder


def test_an_edit_changes_what_is_given() -> None:
    """Weight and mute change apart from one another, tag by tag, in order of the tags."""
    edits = Edits().changed("opera", weight=2.0, mute=None).changed("jazz", weight=None, mute=True)
    edits = edits.changed("opera", weight=None, mute=True)
    assert list(edits) == [InterestEdit("jazz", 0.0, True), InterestEdit("opera", 2.0, True)]
    edits = edits.changed("opera", weight=-1, mute=None)
    assert list(edits)[1] == InterestEdit("opera", -1.0, True)


def test_an_edit_is_undone() -> None:
    """Weight 0 that does not mute leaves no edit behind."""
    edits = Edits().changed("jazz", weight=1.0, mute=True)
    assert list(edits.changed("jazz", weight=0.0, mute=None)) == [InterestEdit("jazz", 0.0, True)]
    assert len(edits.changed("jazz", weight=0.0, mute=False)) == 0


def test_an_edit_without_sense_is_refused() -> None:
    """Nothing given, a weight out of range or NaN: an error with what was given."""
    with pytest.raises(ConfigurationError, match="'jazz' gives neither weight nor mute"):
        Edits().changed("jazz", weight=None, mute=None)
    for weight in (10.5, -11.0, float("nan"), float("inf")):
        with pytest.raises(ConfigurationError, match=f"is {weight}; it must be from -10.0 to 10.0"):
            Edits().changed("jazz", weight=weight, mute=None)


def test_bytes_round_trip() -> None:
    """Edits read back are the edits; other bytes are a StoreError."""
    edits = Edits().changed("电影", weight=0.5, mute=None).changed("jazz", weight=None, mute=True)
    assert Edits.from_bytes(edits.to_bytes()) == edits
    assert Edits.from_bytes(None) == Edits()
    for damaged in (b"", b"{}x", b'[{"tag": "jazz"}]', b"[3]", b"[" * 100_000):
        with pytest.raises(StoreError, match="edits cannot be read"):
            Edits.from_bytes(damaged)


def test_terms_are_exact_for_each_item(encoder: TextEncoder, tmp_path: Path) -> None:
    """A weight adds weight x p_t / max p; a mute puts what belongs to the tag below all."""
    tags = Tags.embed(encoder, Taxonomy.of(["jazz", "opera", "chess"]), cache=tmp_path)
    items = encoder.encode(["jazz", "opera", "jazz opera", "jazz jazz jazz opera", "knitting"])
    shares = np.exp(20.0 * items.astype(np.float64) @ tags.embeddings.T.astype(np.float64))
    membership = shares[:, 0] / shares.max(axis=1)
    assert membership[0] == 1.0
    edits = Edits().changed("jazz", weight=-1.5, mute=None)
    (term,) = edits.terms(tags)
    assert term.name == "jazz"
    np.testing.assert_allclose(term.amounts(items), -1.5 * membership, rtol=1e-4, atol=1e-6)
    (term,) = edits.changed("jazz", weight=None, mute=True).terms(tags)
    amounts = term.amounts(items)
    np.testing.assert_array_equal(amounts == -1e6, membership >= 0.5)
    np.testing.assert_allclose(
        amounts[membership < 0.5], -1.5 * membership[membership < 0.5], rtol=1e-4, atol=1e-6
    )
    assert (amounts == -1e6).any()
    assert (amounts != -1e6).any()


def test_edits_of_tags_that_are_gone_wait(encoder: TextEncoder, tmp_path: Path) -> None:
    """A tag the taxonomy no longer has adds nothing, and does so again once it is back."""
    edits = Edits().changed("jazz", weight=1.0, mute=None)
    without = Tags.embed(encoder, Taxonomy.of(["opera"]), cache=tmp_path)
    assert edits.terms(without) == ()
    again = Tags.embed(encoder, Taxonomy.of(["opera", "jazz"]), cache=tmp_path)
    assert len(edits.terms(again)) == 1
