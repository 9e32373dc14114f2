"""An encoder bundle: a folder with a model, its tokenizer and a manifest that describes both."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from penchant.shared.errors import EncoderError
from penchant.shared.files import sha256_of
from penchant.shared.jsontexts import parsed_json

__all__ = [
    "FORMAT_VERSION",
    "MANIFEST_FILE",
    "MODEL_FILE",
    "TOKENIZER_FILE",
    "Agreement",
    "Manifest",
    "open_bundle",
]

FORMAT_VERSION = 1
MANIFEST_FILE = "manifest.json"
MODEL_FILE = "model.onnx"
TOKENIZER_FILE = "tokenizer.json"

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Cosine = Annotated[float, Field(ge=-1.0, le=1.0)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Agreement(_Model):
    """How close the bundle's embeddings are to those of the checkpoint it was built from.

    Attributes:
        sample: name of the texts that were compared.
        texts: how many there are.
        least_cosine: smallest cosine between the two embeddings of one text.
        mean_cosine: mean of these cosines.
    """

    sample: str
    texts: int = Field(gt=0)
    least_cosine: Cosine
    mean_cosine: Cosine


class Manifest(_Model):
    """What a bundle says about itself.

    Attributes:
        format_version: layout of the bundle.
        model_id: the checkpoint, such as a hub id.
        dimension: length of an embedding.
        pooling: how token embeddings become one: their mean, the first token's, or, of n-grams,
            their sum.
        max_length: tokens a text is cut to, special tokens included.
        languages: ISO 639-1 codes; empty if not stated.
        quantisation: numeric format of the weights.
        agreement: closeness to the fp32 checkpoint.
        files: SHA-256 of every other file of the bundle, by name.
        built_with: versions of the packages that built it.
    """

    format_version: Literal[1] = 1
    model_id: str = Field(min_length=1)
    dimension: int = Field(gt=0)
    pooling: Literal["mean", "cls", "sum"]
    max_length: int = Field(gt=0)
    languages: tuple[str, ...]
    quantisation: Literal["int8"]
    agreement: Agreement
    files: dict[str, Sha256]
    built_with: dict[str, str]

    @property
    def fingerprint(self) -> str:
        """Hash of all that decides an embedding: 64 hexadecimal digits."""
        decisive = [self.files[MODEL_FILE], self.files[TOKENIZER_FILE], self.max_length]
        return hashlib.sha256(json.dumps(decisive).encode()).hexdigest()


def open_bundle(folder: Path) -> Manifest:
    """Read a bundle's manifest and check the hash of each of its files.

    Raises:
        EncoderError: the folder is no bundle, is of a version that this penchant cannot read,
            or holds a file that is missing or not the one that was built.
    """
    manifest = _read(folder / MANIFEST_FILE)
    if set(manifest.files) != {MODEL_FILE, TOKENIZER_FILE}:
        raise EncoderError(
            f"{folder / MANIFEST_FILE} gives hashes of {sorted(manifest.files)}, expected those of "
            f"{MODEL_FILE} and {TOKENIZER_FILE}; build the bundle again"
        )
    for name, expected in manifest.files.items():
        file = folder / name
        if not file.is_file():
            raise EncoderError(f"{file} is missing; build the bundle again")
        actual = sha256_of(file)
        if actual != expected:
            raise EncoderError(
                f"{file} is corrupt: sha256 is {actual}, expected {expected}; "
                "build the bundle again"
            )
    return manifest


def _read(path: Path) -> Manifest:
    try:
        raw = parsed_json(path.read_bytes())
    except FileNotFoundError:
        raise EncoderError(
            f"{path.parent} is not an encoder bundle: it has no {path.name}; "
            "make one with: penchant encoder build"
        ) from None
    except (OSError, ValueError) as error:
        raise EncoderError(f"{path} cannot be read: {error}; build the bundle again") from error
    version = raw.get("format_version") if isinstance(raw, dict) else None
    if version != FORMAT_VERSION:
        raise EncoderError(
            f"{path.parent} has bundle format {version!r}, this penchant reads "
            f"{FORMAT_VERSION}; build the bundle again"
        )
    try:
        return Manifest.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise EncoderError(f"{path}: {place}: {first['msg']}; build the bundle again") from None
