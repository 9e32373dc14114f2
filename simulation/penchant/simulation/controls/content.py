"""Similarity of texts: of an item's to those of the items that the person met."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from penchant.simulation.controls.control import Setting
from penchant.simulation.controls.extras import missing
from penchant.simulation.controls.material import Material, met_before
from penchant.simulation.datasets.dataset import Int64Array
from penchant.simulation.split import LeaveOneOut, Stage

__all__ = ["EmbeddingSimilarity", "TextSimilarity"]

ALL = "all"
_LATEST = (1, 5, 20, ALL)


@dataclass(frozen=True, eq=False)
class _MeanSimilarity:
    """Mean similarity to the latest items.

    Attributes:
        vectors: (J, m), of unit norm, dense or sparse.
        latest: how many items count; None for all.
    """

    vectors: Any
    latest: int | None

    def score(
        self, split: LeaveOneOut, people: Int64Array, *, stage: Stage
    ) -> NDArray[np.floating[Any]]:
        met = met_before(split, people, stage=stage)
        if self.latest is not None:
            met = _latest(split, people, stage=stage, count=self.latest)
        sizes = np.maximum(met.sum(axis=1), 1)
        profiles = met @ self.vectors
        similarities = profiles @ self.vectors.T
        if not isinstance(similarities, np.ndarray):
            similarities = similarities.toarray()
        scores: NDArray[np.floating[Any]] = similarities / sizes[:, None]
        return scores


def _latest(split: LeaveOneOut, people: Int64Array, *, stage: Stage, count: int) -> Any:
    from scipy.sparse import csr_array

    histories = [split.history(int(person), stage=stage)[0][-count:] for person in people]
    rows = np.repeat(np.arange(len(people)), [len(history) for history in histories])
    items = np.concatenate(histories) if histories else np.zeros(0, dtype=np.int32)
    ones = np.ones(len(rows), dtype=np.float32)
    return csr_array((ones, (rows, items)), shape=(len(people), split.training.n_items))


class EmbeddingSimilarity:
    """Mean cosine of the language model's embeddings. Nothing is trained.

    Nobody else's behaviour is used: it says how far item texts alone go.
    """

    name: ClassVar[str] = "embedding-similarity"
    title: ClassVar[str] = "item texts (language model)"
    budget: ClassVar[tuple[Setting, ...]] = tuple({"latest": latest} for latest in _LATEST)

    def obstacle(self, material: Material) -> str | None:
        """Refuse items without texts: their embeddings are those of identifiers."""
        return None if any(map(str.strip, material.texts)) else "no item has a text"

    def fit(self, material: Material, setting: Setting) -> _MeanSimilarity:
        """Take the embeddings as they are."""
        return _MeanSimilarity(material.embeddings, _count(setting))


class TextSimilarity:
    """Mean cosine of the texts' TF-IDF vectors, by scikit-learn.

    Of words, or of runs of 3 to 5 letters, which need no spaces between words and no stems.
    """

    name: ClassVar[str] = "tf-idf"
    title: ClassVar[str] = "item texts (TF-IDF)"
    budget: ClassVar[tuple[Setting, ...]] = tuple(
        {"of": of, "latest": latest} for of in ("words", "letters") for latest in _LATEST
    )

    def obstacle(self, material: Material) -> str | None:
        """Refuse texts without a word, and machines without scikit-learn."""
        if reason := missing("sklearn", "scikit-learn"):
            return reason
        if not any(any(letter.isalnum() for letter in text) for text in material.texts):
            return "no item's text has a letter or a digit"
        return None

    def fit(self, material: Material, setting: Setting) -> _MeanSimilarity:
        """Weigh the terms of the catalogue's texts."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        if setting["of"] == "words":
            terms = TfidfVectorizer(token_pattern=r"(?u)\w+", dtype=np.float32)
        else:
            terms = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), dtype=np.float32)
        vectors = terms.fit_transform(material.texts)
        return _MeanSimilarity(vectors, _count(setting))


def _count(setting: Setting) -> int | None:
    return None if setting["latest"] == ALL else int(setting["latest"])
