"""What a catalogue on disk says about itself."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from penchant.shared.catalogue.precision import Precision
from penchant.shared.errors import DataError
from penchant.shared.files import sha256_of
from penchant.shared.jsontexts import parsed_json

__all__ = ["EMBEDDINGS", "MANIFEST_FILE", "SCALES", "Manifest", "read_manifest"]

FORMAT = "penchant catalogue 1"
MANIFEST_FILE = "manifest.json"
EMBEDDINGS = "embeddings"
SCALES = "scales"

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Manifest(BaseModel):
    """What a catalogue on disk says about itself.

    Attributes:
        format: name and version of the layout.
        items: J.
        dimension: m, the length of an embedding.
        precision: how embeddings are kept.
        fingerprint: which items there are, in which order.
        encoder: fingerprint of the encoder that embedded them, if it was told.
        texts: whether each item's text is kept.
        files: SHA-256 of every other file, by name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["penchant catalogue 1"] = "penchant catalogue 1"
    items: int = Field(gt=0)
    dimension: int = Field(gt=0)
    precision: Precision
    fingerprint: str = Field(pattern="^[0-9a-f]{16}$")
    encoder: str | None
    texts: bool
    files: dict[str, Sha256]

    def sizes(self) -> dict[str, int | None]:
        """Return the bytes of every other file; None where only the file knows."""
        numbers = self.items * self.dimension
        width = {Precision.FLOAT32: 4, Precision.FLOAT16: 2, Precision.INT8: 1}[self.precision]
        sizes: dict[str, int | None] = {
            EMBEDDINGS: numbers * width,
            "ids": None,
            "id_offsets": 8 * (self.items + 1),
            "hashes": 8 * self.items,
            "rows": 4 * self.items,
        }
        if self.precision is Precision.INT8:
            sizes[SCALES] = 4 * self.items
        if self.texts:
            sizes |= {"texts": None, "text_offsets": 8 * (self.items + 1)}
        return sizes


def read_manifest(folder: Path, *, verify: bool) -> Manifest:
    """Return the manifest of the catalogue in ``folder``, having checked its files.

    Args:
        folder: where ``Catalogue.write`` put it.
        verify: check each file's hash too, and not its size alone.

    Raises:
        DataError: it is not a catalogue, is of another format, or is damaged.
    """
    path = folder / MANIFEST_FILE
    try:
        raw = parsed_json(path.read_bytes())
        found = raw.get("format") if isinstance(raw, dict) else None
        if found != FORMAT:
            raise DataError(
                f"{folder} has format {found!r}; this penchant reads {FORMAT!r}; build the "
                "catalogue again"
            )
        manifest = Manifest.model_validate(raw)
    except FileNotFoundError:
        raise DataError(
            f"{folder} is not a catalogue: it has no {MANIFEST_FILE}; make one with Catalogue.write"
        ) from None
    except (OSError, ValueError) as error:
        first = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise DataError(f"{path} cannot be read: {first}; build the catalogue again") from error
    _check_files(folder, manifest, verify=verify)
    return manifest


def _check_files(folder: Path, manifest: Manifest, *, verify: bool) -> None:
    sizes = manifest.sizes()
    if set(sizes) != set(manifest.files):
        raise DataError(
            f"{folder} lists {sorted(manifest.files)}; {sorted(sizes)} were expected; build the "
            "catalogue again"
        )
    for name, size in sizes.items():
        file = folder / name
        if not file.is_file():
            raise DataError(f"{file} is missing; build the catalogue again")
        if size is not None and file.stat().st_size != size:
            raise DataError(
                f"{file} is damaged: it has {file.stat().st_size} bytes, {size} were expected; "
                "build the catalogue again"
            )
        if verify and sha256_of(file) != manifest.files[name]:
            raise DataError(
                f"{file} is damaged: it does not have the hash it was written with; build the "
                "catalogue again"
            )
