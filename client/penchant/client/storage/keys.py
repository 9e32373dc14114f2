"""Key sources: where the key that wraps a device's data keys comes from."""

import os
import stat
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from penchant.shared.errors import ConfigurationError, StoreError
from penchant.shared.files import write_atomically

__all__ = ["KEY_BYTES", "KeyFile", "KeySource", "Passphrase", "RawKey", "require_key"]

KEY_BYTES = 32

# scrypt at OWASP's second setting: 64 MiB and some 0.3 s a try. Kept with each wrapped key, so
# that a later penchant may ask for more.
SCRYPT = {"n": 2**16, "r": 8, "p": 2}
SCRYPT_LIMITS = {"n": 2**20, "r": 32, "p": 16}
MOST_MEMORY, MOST_WORK = 2**21, 2**24  # n r, 128 bytes each: 256 MiB; n r p: some 5 s


class KeySource(Protocol):
    """Gives the key that wraps data keys; one is chosen when a device is opened.

    Attributes:
        name: which kind of source it is; kept with the wrapped key, to say what is missing.
    """

    @property
    def name(self) -> str:
        """Which kind of source this is."""

    def new_parameters(self) -> dict[str, str | int]:
        """Return what a new wrapped key keeps beside it to get its wrapping key again; public."""

    def make(self, identity: str, parameters: Mapping[str, str | int]) -> bytes:
        """Return the wrapping key, 32 bytes, of a new wrapped key; kept first, where it has to be.

        Args:
            identity: a random name that no other wrapped key has.
            parameters: as ``new_parameters`` gave them.

        Raises:
            StoreError: there is nowhere to keep it.
        """

    def find(self, identity: str, parameters: Mapping[str, str | int]) -> bytes:
        """Return the wrapping key, 32 bytes, of a wrapped key made before.

        Raises:
            StoreError: it is not there any more, or cannot be read.
        """

    def destroy(self, identity: str, parameters: Mapping[str, str | int]) -> None:
        """Destroy what is kept for this wrapped key alone; nothing, if there is nothing.

        Raises:
            StoreError: it is there and cannot be destroyed.
        """


class Passphrase:
    """A key derived from a passphrase by scrypt (RFC 7914), 64 MiB and some 0.3 s a guess.

    Wrapped keys that one of these makes share a salt, as far as it knows one, so that opening a
    device derives once for all of its databases.

    Args:
        text: the passphrase, at least 8 characters; compared after Unicode NFKC.

    Raises:
        ConfigurationError: it is shorter.
    """

    name = "a passphrase"

    def __init__(self, text: str) -> None:
        if len(text) < 8:
            raise ConfigurationError(
                f"the passphrase has {len(text)} characters; give at least 8, better several words"
            )
        self._text = unicodedata.normalize("NFKC", text).encode()
        self._derived: dict[tuple[tuple[str, str | int], ...], bytes] = {}
        self._salt = os.urandom(16).hex()

    def new_parameters(self) -> dict[str, str | int]:
        """Return a salt and scrypt's costs."""
        return {"salt": self._salt, **SCRYPT}

    def make(self, identity: str, parameters: Mapping[str, str | int]) -> bytes:
        """Return the derived key; nothing is kept."""
        return self.find(identity, parameters)

    def find(self, identity: str, parameters: Mapping[str, str | int]) -> bytes:  # noqa: ARG002
        """Return the derived key; the same passphrase and parameters are derived once."""
        place = tuple(sorted(parameters.items()))
        if place not in self._derived:
            self._derived[place] = self._derive(parameters)
            self._salt = str(parameters["salt"])
        return self._derived[place]

    def _derive(self, parameters: Mapping[str, str | int]) -> bytes:
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

        try:
            costs = {name: int(parameters[name]) for name in SCRYPT}
            salt = bytes.fromhex(str(parameters["salt"]))
            _require_affordable(**costs)
            return Scrypt(salt=salt, length=KEY_BYTES, **costs).derive(self._text)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise StoreError(
                "the parameters of the passphrase's key are not penchant's: the file that holds "
                "them is damaged; restore it from a backup"
            ) from error

    def destroy(self, identity: str, parameters: Mapping[str, str | int]) -> None:
        """Do nothing: only the person keeps a passphrase."""


def _require_affordable(*, n: int, r: int, p: int) -> None:
    given = {"n": n, "r": r, "p": p}
    within = all(1 <= given[name] <= limit for name, limit in SCRYPT_LIMITS.items())
    if not within or n * r > MOST_MEMORY or n * r * p > MOST_WORK:
        raise StoreError(
            f"the wrapped key asks for scrypt with {given}; penchant derives with at most "
            f"{SCRYPT_LIMITS}, 256 MiB and 16 times its usual work: the key file is not penchant's"
        )


class KeyFile:
    """A key in a file that only its owner can read (mode 0600); made if it does not exist.

    Whoever can read the file and the device's folder can read everything: keep the file on
    another disk, or where the system alone gets at it.

    Args:
        path: the file, 32 random bytes.
    """

    name = "a key file"

    def __init__(self, path: Path) -> None:
        self._path = path

    def require_outside(self, folder: Path) -> None:
        """Do nothing.

        Raises:
            ConfigurationError: the file is in the folder that it locks.
        """
        if self._path.resolve().is_relative_to(folder.resolve()):
            raise ConfigurationError(
                f"the key file {self._path} is in the device's folder {folder}, so whoever "
                "copies the folder could read it; keep it somewhere else"
            )

    def new_parameters(self) -> dict[str, str | int]:
        """Return nothing: where the file is must not be told beside what it locks."""
        return {}

    def make(self, identity: str, parameters: Mapping[str, str | int]) -> bytes:
        """Return the file's key; a new file's, if there is none."""
        if not self._path.exists():
            try:
                write_atomically(self._path, os.urandom(KEY_BYTES), mode=0o600)
            except OSError as error:
                raise StoreError(
                    f"cannot make the key file {self._path}: {error.strerror}; choose another place"
                ) from error
        return self.find(identity, parameters)

    def find(self, identity: str, parameters: Mapping[str, str | int]) -> bytes:  # noqa: ARG002
        """Return the file's key."""
        try:
            with self._path.open("rb") as file:
                self._require_private(os.fstat(file.fileno()))
                content = file.read(KEY_BYTES + 1)
        except FileNotFoundError as error:
            raise StoreError(
                f"the key file {self._path} is missing; put it back: without it the data cannot "
                "be read"
            ) from error
        except OSError as error:
            raise StoreError(
                f"cannot read the key file {self._path}: {error.strerror}; run as its owner"
            ) from error
        return require_key(content, f"the key file {self._path}")

    def _require_private(self, status: os.stat_result) -> None:
        mode = stat.S_IMODE(status.st_mode)
        if mode & 0o077:
            raise StoreError(
                f"the key file {self._path} has mode {mode:04o}, so others can read it; it must "
                f"be closed to them: chmod 600 {self._path}"
            )

    def destroy(self, identity: str, parameters: Mapping[str, str | int]) -> None:
        """Do nothing: other wrapped keys may need the file."""


class RawKey:
    """A key held in memory, for tests and simulations: nothing keeps it, nothing is derived.

    Args:
        key: 32 bytes.

    Raises:
        ConfigurationError: it is of another length.
    """

    name = "a raw key"

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ConfigurationError(f"the raw key has {len(key)} bytes; give {KEY_BYTES}")
        self._key = key

    def new_parameters(self) -> dict[str, str | int]:
        """Return nothing."""
        return {}

    def make(self, identity: str, parameters: Mapping[str, str | int]) -> bytes:  # noqa: ARG002
        """Return the key."""
        return self._key

    def find(self, identity: str, parameters: Mapping[str, str | int]) -> bytes:  # noqa: ARG002
        """Return the key."""
        return self._key

    def destroy(self, identity: str, parameters: Mapping[str, str | int]) -> None:
        """Do nothing."""


def require_key(content: bytes, place: str) -> bytes:
    """Return ``content``, a key.

    Raises:
        StoreError: it has not a key's length, so ``place`` is damaged.
    """
    if len(content) != KEY_BYTES:
        raise StoreError(f"{place} is damaged: it does not have {KEY_BYTES} bytes; put it back")
    return content
