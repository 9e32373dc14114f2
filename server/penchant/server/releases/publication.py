"""Publishing a catalogue: a table of items becomes embeddings, and an initial ranker over them."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from penchant.server.releases.shelf import Shelf
from penchant.shared.catalogue import Catalogue, Precision
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

COMPACT_FEATURES = 32


class PublicationSettings(BaseModel):
    """The shape of the ranker that a catalogue is released with.

    Attributes:
        preset: which parts are shared.
        dimension: d, length of the interest vector.
        features: k, rank of the item features; None for 32 (compact) or as many as there are.
        history_length: L, events that attention sees.
        precision: how the catalogue's embeddings are kept.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: Preset = Preset.COMPACT
    dimension: int = Field(default=16, gt=0)
    features: int | None = Field(default=None, gt=0)
    history_length: int = Field(default=10, gt=0)
    precision: Precision = Precision.INT8

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
    """What was released: both manifests, how many items, and D, how many numbers are shared."""

    catalogue: Manifest
    ranker: Manifest
    items: int
    numbers: int


def publish_catalogue(
    shelf: Shelf, table: Path, *, encoder: str, settings: PublicationSettings
) -> Publication:
    """Embed a table of items, and release the catalogue and an initial ranker.

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
    """Release a catalogue that is embedded already, and an initial ranker over it.

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

    Raises:
        DataError: the folder holds no catalogue, or a damaged one.
        ConfigurationError: the shape does not fit the catalogue.
    """
    catalogue = Catalogue.open(folder)
    # As devices will have them: embeddings that were rounded are rounded here too.
    embeddings = catalogue.spread()
    most = FeatureMap.largest_rank(embeddings)
    rank = settings.features
    if rank is None:
        rank = min(COMPACT_FEATURES, most) if settings.preset is Preset.COMPACT else most
    feature_map = FeatureMap.principal(embeddings, rank=rank)
    shape = RankerSettings(
        preset=settings.preset,
        items=len(catalogue),
        features=rank,
        dimension=settings.dimension,
        history_length=settings.history_length,
        catalogue=catalogue.fingerprint,
    )
    ranker = Ranker.initial(shape, feature_map)
    before = shelf.ranker()
    released = shelf.publish_catalogue(folder)
    made = shelf.publish_ranker(
        ranker,
        catalogue=catalogue.fingerprint,
        round_number=before[0].round_number if before else 0,
    )
    return Publication(released, made, len(catalogue), shape.size)
