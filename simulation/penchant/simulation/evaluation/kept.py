"""``ranks.safetensors``: where each person's held-out item stood in the main test of a run.

Means hide who gained and who lost. Runs over the same people can be compared person by person, and
that comparison is much sharper than one of two means.
"""

from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from penchant.shared.errors import DataError
from penchant.shared.files import write_atomically
from penchant.shared.metrics import Ranks
from penchant.simulation.evaluation.protocols import Evaluation

__all__ = ["RANKS_FILE", "read_ranks", "write_ranks"]

RANKS_FILE = "ranks.safetensors"
_COUNTS = ("above", "tied", "candidates")


def write_ranks(folder: Path, evaluation: Evaluation) -> Path:
    """Write the ranks of an evaluation into a run's folder, whole or not at all.

    Tensors: ``people``, and ``PROTOCOL/above``, ``PROTOCOL/tied`` and ``PROTOCOL/candidates`` as
    ``Ranks`` has them, int64 (n,) each.
    """
    tensors = {"people": evaluation.people}
    for protocol, ranks in evaluation.ranks.items():
        tensors |= {f"{protocol}/{count}": getattr(ranks, count) for count in _COUNTS}
    path = folder / RANKS_FILE
    whole = {name: np.ascontiguousarray(values, np.int64) for name, values in tensors.items()}
    write_atomically(path, save(whole))
    return path


def read_ranks(folder: Path, *, k: int = 10) -> Evaluation:
    """Read the ranks of a run's main test.

    Args:
        folder: the run's.
        k: length of the list that counts as a hit.

    Raises:
        DataError: there are none, or they are damaged.
    """
    path = folder / RANKS_FILE
    if not path.exists():
        raise DataError(
            f"there is no {RANKS_FILE} in {folder}, without which nobody is compared person by "
            "person; run the simulation again"
        )
    try:
        tensors = load_file(path)
        people = tensors["people"]
        protocols = sorted({name.partition("/")[0] for name in tensors if "/" in name})
        ranks = {
            protocol: Ranks(*(tensors[f"{protocol}/{count}"] for count in _COUNTS))
            for protocol in protocols
        }
    except (SafetensorError, OSError, KeyError) as error:
        raise DataError(f"{path} is damaged ({error}); run the simulation again") from error
    if any(of.above.shape != people.shape for of in ranks.values()):
        raise DataError(f"{path} is damaged (its tensors differ in length); run it again")
    return Evaluation("test", people, ranks, k)
