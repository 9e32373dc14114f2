"""Where every device of a round begins: the ranker as tensors, and its item vectors."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from penchant.client.training.model import named_tensors
from penchant.shared.ranker import RankerSettings
from penchant.simulation.cohort.tables import (
    Attention,
    Tables,
    shared_attention,
    shared_tables,
)

__all__ = ["Start"]


@dataclass(frozen=True, eq=False)
class Start:
    """The round's ranker, the same for all its devices.

    Attributes:
        settings: shape of the ranker.
        features: float32 (J, k).
        arrays: the round's ranker by name.
        tables: item vectors of the catalogue.
        attention: its learnt terms; None if it is even.
    """

    settings: RankerSettings
    features: Tensor
    arrays: Mapping[str, Tensor]
    tables: Tables
    attention: Attention | None

    @classmethod
    def of(
        cls,
        settings: RankerSettings,
        features: NDArray[np.float32],
        vector: NDArray[np.float32],
    ) -> "Start":
        """Return the start of a round from the ranker's flat vector, float32 (D,)."""
        # A copy: what came in a message is in memory that cannot be written.
        arrays = named_tensors(settings, vector.copy())
        rows = torch.from_numpy(features)
        tables, attention = shared_tables(rows, arrays), shared_attention(arrays)
        return cls(settings, rows, arrays, tables, attention)
