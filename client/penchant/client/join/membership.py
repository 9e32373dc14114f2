"""Membership: which server a device has joined, and the key it is known by there."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from penchant.client.storage import KeySource, Secret
from penchant.shared.errors import ConfigurationError, StoreError
from penchant.shared.files import write_atomically

__all__ = ["Membership", "MembershipFolder", "ServerIdentity", "releases_folder"]

JOIN = "join"


class ServerIdentity(BaseModel):
    """What a device knows of its server.

    Attributes:
        url: such as ``https://host:8443``.
        authority: PEM of the certificate authority that vouches for it; no other is trusted.
        node: the device's number there.
        signing_key: Ed25519 public key of its releases, hexadecimal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(pattern=r"^https://[^/\s]+$")
    authority: str
    node: int
    signing_key: str


@dataclass(frozen=True)
class Membership:
    """A device's place at a server."""

    server: ServerIdentity
    key: ec.EllipticCurvePrivateKey


def releases_folder(device: Path) -> Path:
    """Return where a device keeps installed releases, in its own folder."""
    return device / JOIN / "releases"


class MembershipFolder:
    """Where a device keeps its membership: ``join/`` in its own folder, for its owner alone.

    The key is locked as the device's databases are.

    Args:
        device: the device's folder.
        keys: what locks it.
    """

    def __init__(self, device: Path, keys: KeySource) -> None:
        self.path = device / JOIN
        self._secret = Secret(
            self.path / "device.sealed", folder=device, name="membership", keys=keys
        )

    @property
    def _server(self) -> Path:
        return self.path / "server.json"

    @property
    def _plain_key(self) -> Path:
        """Where earlier versions kept the key, unlocked."""
        return self.path / "device.key"

    def load(self) -> Membership | None:
        """Return the membership, None if the device has joined no server.

        Raises:
            StoreError: what is kept cannot be used.
        """
        if not self._server.exists():
            return None
        try:
            server = ServerIdentity.model_validate_json(self._server.read_bytes())
        except (OSError, ValidationError) as error:
            raise StoreError(
                f"{self._server} does not say which server this device has joined; remove "
                f"{self.path} and enrol the device again"
            ) from error
        return Membership(server, self.key())

    def save(self, server: ServerIdentity) -> None:
        """Keep what is known of the server."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(self._server, server.model_dump_json(indent=2).encode())

    def key(self) -> ec.EllipticCurvePrivateKey:
        """Return the device's P-384 key, made if there is none.

        Raises:
            StoreError: what locks it cannot be had, does not open it, or it is not such a key.
        """
        if not self._secret.exists():
            self._make_key()
        self._remove_plain_key()
        return self._parsed(
            serialization.load_der_private_key, self._secret.read(), source=self._secret.path
        )

    def require_no_other(self, url: str) -> None:
        """Refuse a second server.

        Raises:
            ConfigurationError: the device has joined another one.
        """
        found = self.load()
        if found is not None and found.server.url != url:
            raise ConfigurationError(
                f"this device has joined {found.server.url}; remove {self.path} to leave it before "
                f"joining {url}"
            )

    def _make_key(self) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        private = self._earlier_key() or ec.generate_private_key(ec.SECP384R1())
        self._secret.write(
            private.private_bytes(
                serialization.Encoding.DER,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

    def _earlier_key(self) -> ec.EllipticCurvePrivateKey | None:
        """Return the key that an earlier version kept, None if there is none."""
        path = self._plain_key
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror}") from error
        return self._parsed(serialization.load_pem_private_key, content, source=path)

    def _parsed(
        self, load: Callable[[bytes, None], object], content: bytes, *, source: Path
    ) -> ec.EllipticCurvePrivateKey:
        """Return the key that ``load`` makes of what ``source`` holds; no other kind, or curve."""
        try:
            key = load(content, None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise StoreError(
                f"{source} is not this device's key: {error}; remove {self.path} and enrol the "
                "device again"
            ) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(
            key.curve, ec.SECP384R1
        ):
            raise StoreError(
                f"{source} is not a P-384 key; remove {self.path} and enrol the device again"
            )
        return key

    def _remove_plain_key(self) -> None:
        """Overwrite and remove the key of an earlier version: it is kept locked now."""
        try:
            with self._plain_key.open("r+b", buffering=0) as file:
                file.write(os.urandom(os.fstat(file.fileno()).st_size))
                os.fsync(file.fileno())
            self._plain_key.unlink()
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreError(
                f"the plain key {self._plain_key} cannot be removed: {error.strerror}; remove it"
            ) from error
