"""The shape of a ranker: which parts it shares, over how many items, and what it goes on from."""

import json
import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Self

from penchant.shared.errors import ConfigurationError
from penchant.shared.jsontexts import parsed_json

__all__ = ["EVENT_KINDS", "Preset", "RankerSettings"]

EVENT_KINDS = 9


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
        continues: ``model_id`` of the ranker over an earlier catalogue that it goes on from.
        family: ``model_id`` of the first in that line; all of it have their vectors in one space.
        since: release of a ranker after which this one began to go on; two that go on from the
            same one at different times are two.
        anew: release of a ranker after which the operator last began with nothing; what is
            published later is none of the rankers before.

    Raises:
        ConfigurationError: a number is below 1, or there is no such preset.
    """

    preset: Preset
    items: int
    features: int
    dimension: int
    history_length: int
    catalogue: str | None = None
    continues: str | None = None
    family: str | None = None
    since: int | None = None
    anew: int | None = None

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
        for name in ("catalogue", "continues", "family"):
            value = getattr(self, name)
            if not isinstance(value, str | None):
                raise ConfigurationError(f"{name} is {value!r}; it must be a fingerprint")
        for name in ("since", "anew"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < 1):
                raise ConfigurationError(f"{name} is {value!r}; it must be a release's number")

    def to_json(self) -> str:
        """Return the settings as JSON, always the same for the same settings."""
        fields = asdict(self)
        # A ranker that goes on from none is what it ever was.
        for name in ("continues", "family", "since", "anew"):
            if fields[name] is None:
                del fields[name]
        return json.dumps(fields, separators=(",", ":"), ensure_ascii=False)

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
