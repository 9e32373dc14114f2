"""Private vectors of a whole population in one memory-mapped file."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["PrivateVectors"]


class PrivateVectors:
    """Two vectors a device: the one a round starts from, and the one it leaves.

    A device that is asked for the same round again starts from where it stood before, as a real
    one does; so a round that was cut short leaves nothing behind. A number is written after its
    vector: a vector half-written has no number yet.

    Args:
        folder: where the file is, or is to be.
        devices: n.
        dimension: d.
    """

    def __init__(self, folder: Path, *, devices: int, dimension: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._vectors: NDArray[np.float32] = _mapped(
            folder / "vectors.f4", "<f4", (devices, 2, dimension)
        )
        self._rounds: NDArray[np.int32] = _mapped(folder / "rounds.i4", "<i4", (devices, 2))

    def __len__(self) -> int:
        """Return the number of devices."""
        return len(self._rounds)

    def __getitem__(self, devices: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return where the vectors of ``devices`` stand, float32 (n, d); zero at first."""
        return self.before(devices, np.iinfo(np.int32).max)

    def before(self, devices: NDArray[np.int64], round_number: int) -> NDArray[np.float32]:
        """Return where the vectors of ``devices`` stood before a round, float32 (n, d)."""
        slots, numbers = self._latest(devices, round_number)
        vectors: NDArray[np.float32] = self._vectors[devices, slots]
        vectors[numbers == 0] = 0.0
        return vectors

    def have_learnt(self, devices: NDArray[np.int64], round_number: int) -> NDArray[np.bool_]:
        """Return which of ``devices`` were in a round before this one, bool (n,)."""
        numbers: NDArray[np.int32] = self._latest(devices, round_number)[1]
        return numbers > 0

    def write(
        self, devices: NDArray[np.int64], vectors: NDArray[np.float32], round_number: int
    ) -> None:
        """Keep what a round left, float32 (n, d); what was before it stays readable."""
        slots = 1 - self._latest(devices, round_number)[0]
        self._vectors[devices, slots] = vectors
        self._rounds[devices, slots] = round_number

    def _latest(
        self, devices: NDArray[np.int64], round_number: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Return the slot that a round starts from, and the round that left it, 0 for none."""
        numbers = self._rounds[devices]
        numbers = np.where(numbers < round_number, numbers, 0)
        slots = numbers.argmax(axis=1)
        return slots, numbers[np.arange(len(slots)), slots]


def _mapped(path: Path, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return the file as an array; a new one is all zeros, and takes no room until written."""
    with path.open("ab") as file:
        file.truncate(np.dtype(dtype).itemsize * math.prod(shape))
    return np.asarray(np.memmap(path, dtype=dtype, mode="r+", shape=shape))
