"""The shared ranker: the numbers that devices learn together, and nothing else.

A ranker is one flat float32 vector with a layout fixed by its settings, so that clipping, noise,
sums and messages treat it as what it is to them: a point in R^D.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from penchant.shared.errors import ConfigurationError, DataError
from penchant.shared.features import FeatureMap
from penchant.shared.files import write_atomically
from penchant.shared.jsontexts import parsed_json
from penchant.shared.rankersettings import EVENT_KINDS, Preset, RankerSettings

__all__ = ["DISLIKE", "EVENT_KINDS", "Preset", "Ranker", "RankerSettings"]

# The kind of event that says what a person does not want.
DISLIKE = 4
FORMAT = "penchant ranker 1"
# What a file that is no ranker may raise, whatever it is.
UNREADABLE = (OSError, KeyError, TypeError, ValueError, RecursionError, ConfigurationError)


@dataclass(frozen=True, eq=False)
class Ranker:
    """A ranker and the feature map it was made for.

    Attributes:
        settings: its shape.
        feature_map: how embeddings become features.
        vector: float32 (D,), finite.
        item_rounds: int32 (J,), how many rounds of training each item was in the catalogue of;
            None where it was the same for all.
    """

    settings: RankerSettings
    feature_map: FeatureMap
    vector: NDArray[np.float32]
    item_rounds: NDArray[np.int32] | None = None

    def __post_init__(self) -> None:
        if self.vector.shape != (self.settings.size,):
            raise ConfigurationError(
                f"a {self.settings.preset} ranker of these settings has {self.settings.size} "
                f"numbers; {self.vector.shape} were given"
            )
        if self.feature_map.rank != self.settings.features:
            raise ConfigurationError(
                f"the settings say {self.settings.features} features; the feature map gives "
                f"{self.feature_map.rank}"
            )
        if self.item_rounds is not None and self.item_rounds.shape != (self.settings.items,):
            raise ConfigurationError(
                f"rounds of shape {self.item_rounds.shape} were given for {self.settings.items} "
                "items; one number an item is needed"
            )

    @classmethod
    def initial(cls, settings: RankerSettings, feature_map: FeatureMap) -> Self:
        """Return a ranker that has learnt nothing: it ranks by similarity to the latest events.

        Both projections start by keeping the first d features, the leading principal directions
        of the catalogue, as they are; everything else starts at zero.

        Raises:
            ConfigurationError: there are fewer features than dimensions.
        """
        if settings.dimension > settings.features:
            raise ConfigurationError(
                f"the dimension is {settings.dimension}, above the {settings.features} features; "
                "choose it at most as large"
            )
        flat = np.concatenate(
            [
                np.eye(shape[0], shape[-1]).ravel()
                if name.endswith("_projection")
                else np.zeros(shape).ravel()
                for name, shape in settings.shapes().items()
            ]
        )
        return cls(settings, feature_map, flat.astype(np.float32))

    @cached_property
    def arrays(self) -> Mapping[str, NDArray[np.float32]]:
        """The named arrays, views into ``vector``."""
        return MappingProxyType(split_vector(self.settings, self.vector))

    @cached_property
    def model_id(self) -> str:
        """Identity of everything but the learnt numbers: settings and feature map."""
        digest = hashlib.sha256(self.settings.to_json().encode())
        digest.update(self.feature_map.mean.astype("<f4").tobytes())
        digest.update(self.feature_map.basis.astype("<f4").tobytes())
        return digest.hexdigest()[:16]

    @property
    def family(self) -> str:
        """Identity of the line of rankers over changing catalogues that it belongs to."""
        return self.settings.family or self.model_id

    @property
    def untrained(self) -> bool:
        """Whether it is known to have learnt nothing: it knows no item better than another."""
        return self.item_rounds is not None and not self.item_rounds.any()

    @cached_property
    def new_items(self) -> NDArray[np.int64]:
        """The rows of items that training has hardly met, int64 (n,), ascending.

        They were in the catalogue of less than half as many rounds as the longest-standing items.
        There are none where no more others are left than features: these could not tell what
        texts mean.
        """
        if self.item_rounds is None:
            return np.zeros(0, dtype=np.int64)
        is_new = 2 * self.item_rounds.astype(np.int64) < self.item_rounds.max()
        if np.count_nonzero(~is_new) <= self.settings.features:
            return np.zeros(0, dtype=np.int64)
        return np.flatnonzero(is_new)

    def with_vector(self, vector: NDArray[np.float32]) -> "Ranker":
        """Return the same ranker with other numbers, float32 (D,)."""
        return replace(self, vector=vector)

    def save(self, path: Path) -> None:
        """Write the ranker to ``path`` as one safetensors file, whole or not at all."""
        from safetensors import numpy as safetensors

        tensors: dict[str, NDArray[Any]] = dict(self.arrays)
        tensors["feature_mean"] = self.feature_map.mean
        tensors["feature_basis"] = self.feature_map.basis
        if self.item_rounds is not None:
            is_even = bool((self.item_rounds == self.item_rounds[0]).all())
            tensors["item_rounds"] = self.item_rounds[:1] if is_even else self.item_rounds
        # One entry only: several would be written in an order that changes from run to run.
        metadata = {FORMAT: self.settings.to_json()}
        contiguous = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
        write_atomically(path, safetensors.save(contiguous, metadata=metadata))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the ranker that ``save`` wrote.

        Raises:
            DataError: ``path`` is not a ranker.
        """
        from safetensors import SafetensorError
        from safetensors import numpy as safetensors

        try:
            content = path.read_bytes()
            header_length = int.from_bytes(content[:8], "little")
            metadata = parsed_json(content[8 : 8 + header_length])["__metadata__"]
            settings = RankerSettings.from_json(metadata[FORMAT])
            tensors = safetensors.load(content)
            mean, basis = tensors["feature_mean"], tensors["feature_basis"]
            shapes = {
                **settings.shapes(),
                "feature_mean": (mean.size,),
                "feature_basis": (mean.size, settings.features),
            }
            for name, shape in shapes.items():
                _require_numbers(name, tensors[name], shape)
            rounds = _rounds(tensors.get("item_rounds"), items=settings.items)
        except (
            OSError,
            KeyError,
            TypeError,
            ValueError,
            RecursionError,
            ConfigurationError,
            SafetensorError,
        ) as error:
            raise DataError(f"{path} is not a ranker file: {error}") from error
        vector = np.concatenate([tensors[name].ravel() for name in settings.shapes()])
        return cls(settings, FeatureMap(mean, basis), vector, rounds)


def split_vector(
    settings: RankerSettings, vector: NDArray[np.float32]
) -> dict[str, NDArray[np.float32]]:
    """Return the named arrays of a flat vector, as views."""
    arrays = {}
    start = 0
    for name, shape in settings.shapes().items():
        stop = start + math.prod(shape)
        arrays[name] = vector[start:stop].reshape(shape)
        start = stop
    return arrays


def _rounds(stored: NDArray[np.int32] | None, *, items: int) -> NDArray[np.int32] | None:
    """Return each item's rounds; one number stands for all items."""
    if stored is None:
        return None
    if stored.dtype != np.int32 or stored.shape not in ((1,), (items,)) or stored.min() < 0:
        raise ValueError(
            f"item_rounds holds {stored.dtype} numbers of shape {stored.shape}; int32 ones from 0 "
            f"on of shape (1,) or ({items},) are needed"
        )
    return np.broadcast_to(stored, (items,)).copy()


def _require_numbers(name: str, array: NDArray[np.float32], shape: tuple[int, ...]) -> None:
    if array.dtype != np.float32 or array.shape != shape or not np.isfinite(array).all():
        raise ValueError(
            f"{name} holds {array.dtype} numbers of shape {array.shape}; finite float32 ones of "
            f"shape {shape} are needed"
        )
