"""Membership: which server a device has joined, and the key it is known by there."""

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from penchant.shared.errors import ConfigurationError, StoreError
from penchant.shared.files import write_atomically

__all__ = ["Membership", "MembershipFolder", "ServerIdentity"]


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


class MembershipFolder:
    """Where a device keeps its membership: ``join/`` in its own folder, for its owner alone.

    Args:
        device: the device's folder.
    """

    def __init__(self, device: Path) -> None:
        self.path = device / "join"

    @property
    def releases(self) -> Path:
        """Where installed releases are."""
        return self.path / "releases"

    @property
    def _server(self) -> Path:
        return self.path / "server.json"

    @property
    def _key(self) -> Path:
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
            StoreError: the file is not such a key.
        """
        if not self._key.exists():
            self._make_key()
        try:
            key = serialization.load_pem_private_key(self._key.read_bytes(), None)
        except (OSError, ValueError, TypeError) as error:
            raise StoreError(
                f"{self._key} is not this device's key: {error}; remove {self.path} and enrol the "
                "device again"
            ) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise StoreError(f"{self._key} is not an elliptic curve key")
        return key

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
        private = ec.generate_private_key(ec.SECP384R1())
        text = private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        write_atomically(self._key, text, mode=0o600)
