"""A server's folder: what it is, whom it trusts, and where it stands."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from penchant.server.service.certificates import (
    load_private_signing_key,
    make_authority,
    make_certificate,
    make_signing_key,
    require_certificate,
)
from penchant.server.service.configuration import (
    ServerConfiguration,
    default_text,
    load_configuration,
)
from penchant.shared.enrolment import fingerprint_of
from penchant.shared.errors import ConfigurationError
from penchant.shared.files import write_atomically

__all__ = ["ServerFolder"]


class ServerFolder:
    """The files of one server.

    Args:
        path: the folder.
        configuration: a configuration elsewhere, if not ``server.toml`` in the folder.
    """

    def __init__(self, path: Path, *, configuration: Path | None = None) -> None:
        self.path = path
        self.configuration_path = configuration or path / "server.toml"

    @property
    def fleet(self) -> Path:
        """Flower's database: devices and messages."""
        return self.path / "fleet.sqlite"

    @property
    def records(self) -> Path:
        """The server's own database."""
        return self.path / "records.sqlite"

    def checkpoint(self, model_id: str) -> Path:
        """Return where it is kept how far the rounds of a ranker have come."""
        return self.path / f"checkpoint-{model_id}.safetensors"

    @property
    def outcome(self) -> Path:
        """What the latest round came to."""
        return self.path / "outcome.json"

    @property
    def releases(self) -> Path:
        """Published rankers and catalogues."""
        return self.path / "releases"

    @property
    def signing_key(self) -> Path:
        """The key that releases are signed with."""
        return self.path / "signing.key"

    @property
    def process(self) -> Path:
        """Names the process that serves, while one does."""
        return self.path / "server.pid"

    def exists(self) -> bool:
        """Return whether the first start has been."""
        return self.signing_key.exists() and self.configuration_path.exists()

    def require(self) -> None:
        """Refuse a folder that no server has started in.

        Raises:
            ConfigurationError: it is none.
        """
        if not self.exists():
            raise ConfigurationError(
                f"{self.path} is not a server's folder; start one with: "
                f"penchant serve --dir {self.path}"
            )

    def prepare(self, *, trial_devices: int | None = None) -> None:
        """Make what is missing: configuration, authority, certificate and signing key.

        Args:
            trial_devices: a new configuration is one for a trial with so many devices.

        Raises:
            ConfigurationError: the folder cannot be made or written to, or what is in it cannot be
                used.
        """
        try:
            self._prepare(trial_devices=trial_devices)
        except OSError as error:
            raise ConfigurationError(
                f"{self.path} cannot be a server's folder: {error.strerror}; name one that is "
                "there and yours to write to, or that can be made"
            ) from error

    def _prepare(self, *, trial_devices: int | None) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.configuration_path.exists():
            write_atomically(
                self.configuration_path, default_text(trial_devices=trial_devices).encode()
            )
        configuration = self.configuration()
        if configuration.network.certificate is None:
            self._prepare_certificates(configuration)
        require_certificate(*self.certificate(configuration))
        if not self.signing_key.exists():
            make_signing_key(self.signing_key)
        load_private_signing_key(self.signing_key)

    def configuration(self) -> ServerConfiguration:
        """Return the configuration as it is now.

        Raises:
            ConfigurationError: it cannot be used.
        """
        return load_configuration(self.configuration_path)

    def certificate(self, configuration: ServerConfiguration) -> tuple[Path, Path]:
        """Return the certificate in use and its key."""
        network = configuration.network
        if network.certificate is not None and network.key is not None:
            return network.certificate, network.key
        return self.path / "server.pem", self.path / "server.key"

    def authority(self, configuration: ServerConfiguration) -> str:
        """Return the PEM certificate of the authority that devices are to trust.

        Raises:
            ConfigurationError: it cannot be read.
        """
        path = configuration.network.authority or self.path / "authority.pem"
        try:
            return path.read_text()
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"the authority {path} cannot be read: {error}") from error

    def fingerprint(self, configuration: ServerConfiguration) -> str:
        """Return the fingerprint of that authority, as enrolment codes have it."""
        return fingerprint_of(self.authority(configuration))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only process that runs rounds in the folder.

        Raises:
            ConfigurationError: another process does already.
        """
        lock = FileLock(self.path / "server.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise ConfigurationError(
                f"another process serves {self.path} already; stop it first"
            ) from error
        with lock:
            write_atomically(self.process, str(os.getpid()).encode())
            try:
                yield
            finally:
                self.process.unlink(missing_ok=True)

    def running_process(self) -> int | None:
        """Return the number of the process that serves this folder, None if none does.

        The lock says whether one does: the file may name a process that was killed, and its number
        may be another's by now.
        """
        try:
            with FileLock(self.path / "server.lock").acquire(timeout=0):
                return None
        except Timeout:
            pass
        try:
            return int(self.process.read_text())
        except (OSError, ValueError):
            return None

    def _prepare_certificates(self, configuration: ServerConfiguration) -> None:
        authority, authority_key = self.path / "authority.pem", self.path / "authority.key"
        if not authority.exists():
            make_authority(authority, authority_key)
        certificate, key = self.certificate(configuration)
        if not certificate.exists():
            make_certificate(
                certificate,
                key,
                authority=authority,
                authority_key=authority_key,
                names=configuration.network.names,
            )
