"""Which round's ranker a run keeps: the last one's, unless training went on long past its best.

On sparse data, such as people with a handful of events on items without texts, a ranker that has
learnt what is common goes on to learn its people by heart. Validation tells.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from penchant.shared.errors import DataError
from penchant.shared.files import write_atomically
from penchant.simulation.ranking import VectorTable

__all__ = ["BestRound", "RoundEnd"]

# Validation goes up and down by a few per cent from round to round; a loss of this share is none of
# that.
LOST = 0.1


@dataclass(frozen=True, eq=False)
class RoundEnd:
    """What a round left.

    Attributes:
        number: the round, from 1; 0 for the start.
        quality: NDCG@10 of full ranking at validation.
        vector: float32 (D,), the ranker.
        private_vectors: of everybody.
    """

    number: int
    quality: float
    vector: NDArray[np.float32]
    private_vectors: VectorTable


class BestRound:
    """The round that was best by validation, in a file, so that a resumed run has it too.

    Args:
        path: the file; made with the first round.
        people: how many have private vectors.

    Raises:
        DataError: the file is there and damaged.
    """

    def __init__(self, path: Path, *, people: int) -> None:
        self._path = path
        self._people = np.arange(people)
        self._best = _read(path) if path.exists() else None

    def see(self, end: RoundEnd) -> None:
        """Keep what a round left, if it is better than every round before."""
        if self._best is not None and end.quality <= self._best.quality:
            return
        vector, vectors = end.vector.copy(), end.private_vectors[self._people].copy()
        self._best = RoundEnd(end.number, end.quality, vector, vectors)
        content: dict[str, NDArray[Any]] = {
            "round": np.array([end.number], dtype=np.int64),
            "quality": np.array([end.quality], dtype=np.float64),
            "vector": vector,
            "private_vectors": vectors,
        }
        write_atomically(self._path, save(content), durable=False)

    def kept(self, last: RoundEnd) -> RoundEnd:
        """Return the best round, if the last has lost a tenth of its quality; else the last."""
        best = self._best
        if best is None or last.quality >= (1.0 - LOST) * best.quality:
            return last
        return best


def _read(path: Path) -> RoundEnd:
    try:
        found = load_file(path)
        number, quality = int(found["round"][0]), float(found["quality"][0])
        return RoundEnd(number, quality, found["vector"], found["private_vectors"])
    except (OSError, SafetensorError, KeyError, IndexError) as error:
        raise DataError(
            f"{path} is damaged ({error}); start the run anew in another folder"
        ) from error
