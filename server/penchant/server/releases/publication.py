"""Publishing a catalogue: a table of items becomes embeddings, and a ranker over them."""

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from penchant.server.releases.continuation import continued
from penchant.server.releases.shelf import Shelf
from penchant.shared.catalogue import UNKNOWN_ITEM, Catalogue, Precision
from penchant.shared.encoding import Encoder
from penchant.shared.encoding.cached import find_bundle
from penchant.shared.errors import ConfigurationError
from penchant.shared.features import FeatureMap
from penchant.shared.ranker import Preset, Ranker, RankerSettings
from penchant.shared.releases import Manifest
from penchant.shared.tables import read_items

__all__ = [
    "Publication",
    "PublicationSettings",
    "publish_catalogue",
    "publish_embedded",
    "publish_folder",
]

COMPACT_FEATURES, DIMENSION, HISTORY = 32, 16, 10
SHAPE = {"preset", "dimension", "features", "history_length"}


class PublicationSettings(BaseModel):
    """The shape of the ranker that a catalogue is released with.

    What is not given is as in the ranker that is in use, and before the first as stated here.

    Attributes:
        preset: which parts are shared; ``compact``.
        dimension: d, length of the interest vector; 16.
        features: k, rank of the item features; 32 (compact) or as many as there are.
        history_length: L, events that attention sees; 10.
        precision: how the catalogue's embeddings are kept.
        anew: begin with a ranker that has learnt nothing, whatever was trained here before.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: Preset | None = None
    dimension: int | None = Field(default=None, gt=0)
    features: int | None = Field(default=None, gt=0)
    history_length: int | None = Field(default=None, gt=0)
    precision: Precision = Precision.INT8
    anew: bool = False

    @classmethod
    def parse(cls, **fields: object) -> "PublicationSettings":
        """Return the settings that a command line gave.

        Raises:
            ConfigurationError: one of them cannot be used.
        """
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            first = error.errors()[0]
            raise ConfigurationError(f"--{first['loc'][0]}: {first['msg']}") from error


@dataclass(frozen=True)
class Publication:
    """What was released.

    Attributes:
        catalogue: manifest of the catalogue.
        ranker: manifest of the ranker.
        shape: of the ranker.
        items: how many there are.
        new_items: how many of them the ranker before did not have; None if it is not gone on with.
    """

    catalogue: Manifest
    ranker: Manifest
    shape: RankerSettings
    items: int
    new_items: int | None


def publish_catalogue(
    shelf: Shelf, table: Path, *, encoder: str, settings: PublicationSettings
) -> Publication:
    """Embed a table of items, and release the catalogue and a ranker; see ``publish_folder``.

    Args:
        shelf: where to.
        table: Parquet or CSV with the columns ``item_id`` and ``text``.
        encoder: folder of an encoder bundle, or its asset's name.
        settings: shape of the ranker.

    Raises:
        DataError: the table cannot be read.
        AssetError: the bundle cannot be had.
        ConfigurationError: the shape does not fit the catalogue.
    """
    items = read_items(table)
    bundle = Encoder.open(find_bundle(encoder))
    with TemporaryDirectory(prefix="penchant-") as scratch:
        folder = Path(scratch) / "catalogue"
        Catalogue.write(
            folder, items.ids, texts=items.texts, encoder=bundle, precision=settings.precision
        )
        return publish_folder(shelf, folder, settings=settings)


def publish_embedded(
    shelf: Shelf,
    catalogue: Catalogue,
    *,
    encoder: str,
    settings: PublicationSettings,
) -> Publication:
    """Release a catalogue that is embedded already, and a ranker; see ``publish_folder``.

    Args:
        shelf: where to.
        catalogue: in memory.
        encoder: fingerprint of the encoder that embedded it.
        settings: shape of the ranker.

    Raises:
        ConfigurationError: the shape does not fit the catalogue.
    """
    with TemporaryDirectory(prefix="penchant-") as scratch:
        folder = Path(scratch) / "catalogue"
        Catalogue.write(
            folder,
            catalogue.items,
            texts=catalogue.texts,
            embeddings=catalogue.embeddings,
            embedded_by=encoder,
            precision=settings.precision,
        )
        return publish_folder(shelf, folder, settings=settings)


def publish_folder(shelf: Shelf, folder: Path, *, settings: PublicationSettings) -> Publication:
    """Release the catalogue that ``Catalogue.write`` put in ``folder``, and a ranker over it.

    The ranker goes on from the one in use, if it has learnt anything and fits: what was learnt, of
    people too, stays, and new items are ranked by their texts. Otherwise it has learnt nothing;
    if the very same was trained here before, and not dropped by ``anew`` since, rounds go on from
    where it stood.

    Raises:
        DataError: the folder holds no catalogue, or a damaged one.
        ConfigurationError: the shape does not fit the catalogue.
    """
    catalogue = Catalogue.open(folder)
    found = shelf.ranker()
    going_on = None if found is None else _going_on(shelf, *found, catalogue, settings=settings)
    shape = None if found is None else found[1].settings
    anew = None if shape is None else shape.anew
    if settings.anew and found is not None:
        anew = found[0].version
    begun = going_on or (_initial(catalogue, settings=settings, before=shape, anew=anew), None)
    ranker, new_items = begun
    released = shelf.publish_catalogue(folder)
    made = shelf.publish_ranker(
        ranker,
        catalogue=catalogue.fingerprint,
        round_number=found[0].round_number if found else 0,
    )
    return Publication(released, made, ranker.settings, len(catalogue), new_items)


def _going_on(
    shelf: Shelf,
    manifest: Manifest,
    ranker: Ranker,
    catalogue: Catalogue,
    *,
    settings: PublicationSettings,
) -> tuple[Ranker, int] | None:
    """Return a ranker that goes on from ``ranker`` and how many items are new, None if none can."""
    if ranker.item_rounds is None:  # released by an earlier version, which did not count them
        even = np.full(ranker.settings.items, manifest.round_number, dtype=np.int32)
        ranker = replace(ranker, item_rounds=even)
    asked = settings.model_dump(include=SHAPE, exclude_none=True)
    is_other = any(getattr(ranker.settings, name) != value for name, value in asked.items())
    if settings.anew or is_other or ranker.untrained:
        return None
    with shelf.catalogue(manifest.catalogue) as before:
        if (before.dimension, before.encoder) != (catalogue.dimension, catalogue.encoder):
            return None
        new = int((before.positions(catalogue.items) == UNKNOWN_ITEM).sum())
        if new == len(catalogue):
            return None
        if before.fingerprint == catalogue.fingerprint:
            return ranker, 0
        return continued(ranker, before, catalogue, since=manifest.version), new


def _initial(
    catalogue: Catalogue,
    *,
    settings: PublicationSettings,
    before: RankerSettings | None,
    anew: int | None,
) -> Ranker:
    """Return a ranker over ``catalogue`` that has learnt nothing."""
    # As devices will have them: embeddings that were rounded are rounded here too.
    embeddings = catalogue.spread()
    most = FeatureMap.largest_rank(embeddings)
    preset = settings.preset or (before.preset if before else Preset.COMPACT)
    rank = settings.features
    if rank is None:
        rank = min(COMPACT_FEATURES, most) if preset is Preset.COMPACT else most
    shape = RankerSettings(
        preset=preset,
        items=len(catalogue),
        features=rank,
        dimension=settings.dimension or (before.dimension if before else DIMENSION),
        history_length=settings.history_length or (before.history_length if before else HISTORY),
        catalogue=catalogue.fingerprint,
        anew=anew,
    )
    feature_map = FeatureMap.principal(embeddings, rank=rank)
    rounds = np.zeros(len(catalogue), dtype=np.int32)
    return replace(Ranker.initial(shape, feature_map), item_rounds=rounds)
