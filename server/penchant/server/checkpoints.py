"""What a run is between two rounds, on disk: a killed server resumes at the last finished one."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors import numpy as safetensors

from penchant.server.optimiser import Moments
from penchant.shared.errors import DataError
from penchant.shared.files import write_atomically

__all__ = ["RoundState", "load_checkpoint", "save_checkpoint"]

FORMAT = "penchant checkpoint 1"


@dataclass(frozen=True, eq=False)
class RoundState:
    """State after a round.

    Attributes:
        round_number: rounds finished, void ones included: each has cost its privacy.
        vector: float32 (D,), the ranker.
        moments: the server optimiser's memory.
    """

    round_number: int
    vector: NDArray[np.float32]
    moments: Moments

    @classmethod
    def initial(cls, vector: NDArray[np.float32]) -> "RoundState":
        """Return the state before the first round, from an initial ranker, float32 (D,)."""
        return cls(0, vector, Moments.zero(len(vector)))


def save_checkpoint(path: Path, state: RoundState, *, model_id: str) -> None:
    """Write ``state`` to ``path``, whole or not at all."""
    tensors = {
        "vector": state.vector,
        "first_moment": state.moments.first,
        "second_moment": state.moments.second,
    }
    metadata = {"format": FORMAT, "model_id": model_id, "round": str(state.round_number)}
    write_atomically(path, safetensors.save(tensors, metadata=metadata))


def load_checkpoint(path: Path, *, model_id: str) -> RoundState:
    """Return the state that ``save_checkpoint`` wrote.

    Raises:
        DataError: ``path`` is not a whole checkpoint, or is one of another ranker.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            vector, first, second = (
                file.get_tensor(name) for name in ("vector", "first_moment", "second_moment")
            )
        round_number, found_id = int(metadata["round"]), metadata["model_id"]
        if metadata["format"] != FORMAT:
            raise ValueError(f"its format is {metadata['format']!r}, not {FORMAT!r}")
        for array in (vector, first, second):
            _require_numbers(array, size=len(vector))
    except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
        raise DataError(f"{path} is not a checkpoint: {error}") from error
    if found_id != model_id:
        raise DataError(
            f"{path} belongs to ranker {found_id}; this run trains {model_id}; "
            "resume with the settings it was started with"
        )
    return RoundState(round_number, vector, Moments(first, second))


def _require_numbers(array: NDArray[np.float32], *, size: int) -> None:
    if array.dtype != np.float32 or array.shape != (size,) or not np.isfinite(array).all():
        raise ValueError(
            f"it holds {array.dtype} numbers of shape {array.shape}; {size} finite float32 ones "
            "are needed"
        )
