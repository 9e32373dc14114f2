"""The shared ranker: the numbers that devices learn together, and nothing else.

A ranker is one flat float32 vector with a layout fixed by its settings, so that clipping, noise,
sums and messages treat it as what it is to them: a point in R^D.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from penchant.shared.errors import ConfigurationError, DataError
from penchant.shared.features import FeatureMap
from penchant.shared.files import write_atomically
from penchant.shared.jsontexts import parsed_json

__all__ = ["DISLIKE", "EVENT_KINDS", "Preset", "Ranker", "RankerSettings"]

EVENT_KINDS = 9
# The kind of event that says what a person does not want.
DISLIKE = 4
FORMAT = "penchant ranker 1"
# What a file that is no ranker may raise, whatever it is.
UNREADABLE = (OSError, KeyError, TypeError, ValueError, RecursionError, ConfigurationError)


class Preset(StrEnum):
    """Which parts a ranker shares.

    ``full``: projections, attention, popularity and a residual for each item; the best quality,
    for runs without privacy or with very large cohorts. ``text``: without the residual, so that an
    item nobody has seen is ranked like any other. ``compact``: popularity and one projection for
    items and context, on a low-rank basis of the embeddings, with even attention; a few thousand
    numbers, for differential privacy, whose noise grows with the square root of what is shared.
    """

    FULL = "full"
    TEXT = "text"
    COMPACT = "compact"


@dataclass(frozen=True, kw_only=True)
class RankerSettings:
    """The shape of a ranker; part of its identity.

    Attributes:
        preset: which parts are shared.
        items: J, items of the catalogue.
        features: k, length of the item features.
        dimension: d, length of the private vector and of item vectors.
        history_length: L, how many of the latest events the attention sees.
        catalogue: fingerprint of the catalogue that its items are of; None for any of J items.

    Raises:
        ConfigurationError: a number is below 1, or there is no such preset.
    """

    preset: Preset
    items: int
    features: int
    dimension: int
    history_length: int
    catalogue: str | None = None

    def __post_init__(self) -> None:
        if self.preset not in tuple(Preset):
            raise ConfigurationError(
                f"the preset is {self.preset!r}; choose one of {', '.join(Preset)}"
            )
        object.__setattr__(self, "preset", Preset(self.preset))
        for name in ("items", "features", "dimension", "history_length"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise ConfigurationError(f"{name} is {value!r}; it must be a whole number above 0")
        if not isinstance(self.catalogue, str | None):
            raise ConfigurationError(f"catalogue is {self.catalogue!r}; it must be a fingerprint")

    def to_json(self) -> str:
        """Return the settings as JSON, always the same for the same settings."""
        return json.dumps(asdict(self), separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the settings that ``to_json`` wrote.

        Raises:
            ValueError: the text is not JSON.
            TypeError: a setting is missing or there is no such setting.
            ConfigurationError: a setting is out of range.
        """
        return cls(**parsed_json(text))

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each shared array, in the order of the flat vector."""
        projection = (self.features, self.dimension)
        if self.preset is Preset.COMPACT:
            return {"item_projection": projection, "popularity": (self.items,)}
        shapes: dict[str, tuple[int, ...]] = {
            "item_projection": projection,
            "context_projection": projection,
            "attention_position": (self.history_length,),
            "attention_kind": (EVENT_KINDS,),
            "attention_age": (1,),
            "popularity": (self.items,),
        }
        if self.preset is Preset.FULL:
            shapes["item_residual"] = (self.items, self.dimension)
        return shapes

    @property
    def size(self) -> int:
        """D, how many numbers are shared."""
        return sum(math.prod(shape) for shape in self.shapes().values())


@dataclass(frozen=True, eq=False)
class Ranker:
    """A ranker and the feature map it was made for.

    Attributes:
        settings: its shape.
        feature_map: how embeddings become features.
        vector: float32 (D,), finite.
    """

    settings: RankerSettings
    feature_map: FeatureMap
    vector: NDArray[np.float32]

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

    def with_vector(self, vector: NDArray[np.float32]) -> "Ranker":
        """Return the same ranker with other numbers, float32 (D,)."""
        return replace(self, vector=vector)

    def save(self, path: Path) -> None:
        """Write the ranker to ``path`` as one safetensors file, whole or not at all."""
        from safetensors import numpy as safetensors

        tensors = dict(self.arrays)
        tensors["feature_mean"] = self.feature_map.mean
        tensors["feature_basis"] = self.feature_map.basis
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
        return cls(settings, FeatureMap(mean, basis), vector)


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


def _require_numbers(name: str, array: NDArray[np.float32], shape: tuple[int, ...]) -> None:
    if array.dtype != np.float32 or array.shape != shape or not np.isfinite(array).all():
        raise ValueError(
            f"{name} holds {array.dtype} numbers of shape {array.shape}; finite float32 ones of "
            f"shape {shape} are needed"
        )
