"""Tests of embeddings kept on disk."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from penchant.shared.encoding import CachedEncoder, Encoder
from penchant.shared.errors import EncoderError

TEXTS = [f"title {number}" for number in range(50)]


class Counting:
    """A real encoder that says which texts were put through it."""

    def __init__(self, encoder: Encoder, fingerprint: str | None = None) -> None:
        self._encoder = encoder
        self.fingerprint = fingerprint or encoder.fingerprint
        self.dimension = encoder.dimension
        self.encoded: list[str] = []

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Encode, and remember what."""
        self.encoded += texts
        return self._encoder.encode(texts)


def test_a_second_run_encodes_nothing(tiny: Encoder, tmp_path: Path) -> None:
    """Another process's encoder of the same bundle finds every embedding, bit for bit."""
    first, second = Counting(tiny), Counting(tiny)
    computed = CachedEncoder(first, tmp_path).encode(TEXTS)
    found = CachedEncoder(second, tmp_path).encode(TEXTS[::-1])
    np.testing.assert_array_equal(found[::-1], computed)
    np.testing.assert_array_equal(computed, tiny.encode(TEXTS))
    assert (first.encoded, second.encoded) == (TEXTS, [])


def test_only_what_is_missing_is_encoded_and_once(tiny: Encoder, tmp_path: Path) -> None:
    """Repeated texts and known texts are not encoded again."""
    counting = Counting(tiny)
    cached = CachedEncoder(counting, tmp_path)
    cached.encode(["a", "b"])
    embeddings = cached.encode(["c", "a", "c", "b"])
    assert counting.encoded == ["a", "b", "c"]
    np.testing.assert_array_equal(embeddings[0], embeddings[2])
    np.testing.assert_allclose(embeddings, tiny.encode(["c", "a", "c", "b"]), atol=1e-5)


def test_another_bundle_never_answers(tiny: Encoder, tmp_path: Path) -> None:
    """Embeddings of one fingerprint are not found under another."""
    CachedEncoder(Counting(tiny, "one"), tmp_path).encode(TEXTS)
    other = Counting(tiny, "other")
    CachedEncoder(other, tmp_path).encode(TEXTS)
    assert other.encoded == TEXTS


def test_more_texts_than_one_statement_takes(tiny: Encoder, tmp_path: Path) -> None:
    """A catalogue of thousands is looked up whole."""
    many = [f"{number}" for number in range(2000)]
    CachedEncoder(tiny, tmp_path).encode(many)
    counting = Counting(tiny)
    assert CachedEncoder(counting, tmp_path).encode(many).shape == (2000, tiny.dimension)
    assert counting.encoded == []


def test_no_texts_give_no_embeddings(tiny: Encoder, tmp_path: Path) -> None:
    """An empty sequence is not an error."""
    assert CachedEncoder(tiny, tmp_path).encode([]).shape == (0, tiny.dimension)


def test_a_failed_call_keeps_what_was_there(tiny: Encoder, tmp_path: Path) -> None:
    """Texts that cannot be encoded leave the cache as it was."""
    CachedEncoder(tiny, tmp_path).encode(["a"])
    counting = Counting(tiny)
    cached = CachedEncoder(counting, tmp_path)
    with pytest.raises(EncoderError, match=r"texts\[1\]"):
        cached.encode(["b", "\ud800"])
    cached.encode(["a"])
    assert counting.encoded == []


def test_a_file_that_is_no_cache_is_one_clear_error(tiny: Encoder, tmp_path: Path) -> None:
    """A damaged file is named, with what to do."""
    (tmp_path / f"{tiny.fingerprint}.sqlite").write_bytes(b"damaged " * 1000)
    with pytest.raises(EncoderError, match="remove it"):
        CachedEncoder(tiny, tmp_path).encode(["a"])


def test_the_default_place_is_the_cache_folder(
    tiny: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a folder, embeddings go where PENCHANT_CACHE says."""
    monkeypatch.setenv("PENCHANT_CACHE", str(tmp_path))
    CachedEncoder(tiny).encode(["a"])
    assert [file.suffix for file in (tmp_path / "embeddings").iterdir()] == [".sqlite"]
