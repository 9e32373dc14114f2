"""Everything a device holds about a person, for them to read, and to take to another device."""

import json
import time as clock
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from penchant.client.storage import seal, unseal
from penchant.shared.errors import StoreError
from penchant.shared.files import write_atomically

__all__ = ["EXPORT_FORMAT", "Profile"]

EXPORT_FORMAT = "penchant export 1"
PROFILE_FORMAT = "penchant profile 1"


class Profile:
    """What moves with a person from one device to another.

    Attributes:
        behaviour: the rows of the behaviour store.
        ledger: the rows of the privacy ledger.
        moved: when it was taken, unix seconds.
    """

    def __init__(
        self, behaviour: Mapping[str, Any], ledger: Mapping[str, Any], *, moved: int | None = None
    ) -> None:
        self.behaviour = behaviour
        self.ledger = ledger
        self.moved = int(clock.time()) if moved is None else moved

    def write(self, path: Path, passphrase: str) -> None:
        """Write it to ``path``, encrypted under ``passphrase``, whole or not at all.

        Raises:
            ConfigurationError: the passphrase is too short.
            StoreError: the file cannot be written.
        """
        record = {"moved": self.moved, "behaviour": self.behaviour, "ledger": self.ledger}
        content = zlib.compress(json.dumps(record).encode())
        try:
            write_atomically(path, seal(content, passphrase, purpose=PROFILE_FORMAT), mode=0o600)
        except OSError as error:
            raise StoreError(
                f"cannot write the profile {path}: {error.strerror}; choose another place"
            ) from error

    @classmethod
    def read(cls, path: Path, passphrase: str) -> "Profile":
        """Return what ``write`` wrote.

        Raises:
            ConfigurationError: the passphrase is too short.
            StoreError: the file cannot be read, is no profile, is damaged, or another passphrase
                locked it.
        """
        try:
            sealed = path.read_bytes()
        except OSError as error:
            raise StoreError(f"cannot read the profile {path}: {error.strerror}") from error
        content = unseal(sealed, passphrase, purpose=PROFILE_FORMAT)
        try:
            record = json.loads(zlib.decompress(content))
            return cls(record["behaviour"], record["ledger"], moved=int(record["moved"]))
        except (zlib.error, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"the profile {path} holds something else: {error}") from error
