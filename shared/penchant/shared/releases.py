"""Releases: files that a server publishes and devices install, each hashed and signed."""

import base64
import hashlib
from enum import StrEnum
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from penchant.shared.errors import CodecError, ReleaseError
from penchant.shared.files import sha256_of

__all__ = ["Manifest", "ReleaseKind", "SignedManifest", "load_signing_key", "signing_key_text"]

PURPOSE = b"penchant release 1\n"  # what the key signs here is of no use elsewhere


class ReleaseKind(StrEnum):
    """What is published."""

    RANKER = "ranker"
    CATALOGUE = "catalogue"


class Manifest(BaseModel):
    """What a release is.

    Attributes:
        kind: ranker or catalogue.
        version: grows by one with each release of its kind, from 1.
        size: bytes of the file.
        sha256: of the file, 64 hexadecimal digits.
        catalogue: fingerprint of the items it is of.
        model_id: identity of the ranker; None for a catalogue.
        round_number: rounds the ranker has seen; 0 for a catalogue or an untrained ranker.
        created: unix seconds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ReleaseKind
    version: int = Field(ge=1)
    size: int = Field(ge=1)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    catalogue: str = Field(pattern=r"^[0-9a-f]{16}$")
    model_id: str | None = Field(default=None, pattern=r"^[0-9a-f]{16}$")
    round_number: int = Field(default=0, ge=0)
    created: int = Field(ge=0)

    def check(self, path: Path) -> None:
        """Refuse a file that is not the one released.

        Raises:
            ReleaseError: size or hash differ.
        """
        found = path.stat().st_size
        if found != self.size:
            raise ReleaseError(
                f"the file of {self.kind} {self.version} has {found} bytes; its manifest says "
                f"{self.size}; fetch it again"
            )
        self.check_hash(sha256_of(path))

    def check_hash(self, sha256: str) -> None:
        """Refuse what has another hash than the file released.

        Raises:
            ReleaseError: it has.
        """
        if sha256 != self.sha256:
            raise ReleaseError(
                f"the file of {self.kind} {self.version} is not the one that was signed; "
                "fetch it again, and tell the server's operators if it stays so"
            )


class SignedManifest(BaseModel):
    """A manifest as it travels: the very bytes that were signed, and the signature.

    Attributes:
        manifest: JSON text of a ``Manifest``.
        signature: base64 of the Ed25519 signature.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    manifest: str = Field(max_length=4096)
    signature: str = Field(max_length=128)

    @classmethod
    def sign(cls, manifest: Manifest, key: ed25519.Ed25519PrivateKey) -> "SignedManifest":
        """Return ``manifest`` signed."""
        text = manifest.model_dump_json()
        signature = key.sign(PURPOSE + text.encode())
        return cls(manifest=text, signature=base64.b64encode(signature).decode())

    @classmethod
    def parse(cls, data: bytes) -> "SignedManifest":
        """Return the signed manifest that ``data`` hold, not yet verified.

        Raises:
            CodecError: they hold none.
        """
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise CodecError("the server sent something else than a signed manifest") from error

    def verified(self, key: ed25519.Ed25519PublicKey) -> Manifest:
        """Return the manifest if the owner of ``key`` signed it.

        Raises:
            ReleaseError: nobody who has the key signed this.
        """
        try:
            signature = base64.b64decode(self.signature, validate=True)
            key.verify(signature, PURPOSE + self.manifest.encode())
            return Manifest.model_validate_json(self.manifest)
        except (InvalidSignature, ValueError) as error:
            raise ReleaseError(
                "a release is not signed by the server that this device joined; it was not "
                "installed"
            ) from error

    @property
    def tag(self) -> str:
        """What tells this release from every other: for HTTP's ``ETag``."""
        return hashlib.sha256(self.manifest.encode()).hexdigest()[:32]


def signing_key_text(key: ed25519.Ed25519PublicKey) -> str:
    """Return a public key as hexadecimal digits."""
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return raw.hex()


def load_signing_key(text: str) -> ed25519.Ed25519PublicKey:
    """Return the public key that ``signing_key_text`` wrote.

    Raises:
        CodecError: it is none.
    """
    try:
        return ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))
    except ValueError as error:
        raise CodecError("the server's signing key is not an Ed25519 public key") from error
