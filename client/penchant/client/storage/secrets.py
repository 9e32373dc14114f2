"""Secrets beside the databases: small files under data keys of their own.

The content is encrypted with AES-256-GCM (NIST SP 800-38D) under a data key that lies wrapped in
the device's folder, like those of its databases: whatever locks the device locks it too, and
``change_keys`` wraps its key anew with theirs.
"""

import os
from pathlib import Path

from penchant.client.storage.keys import KeySource
from penchant.client.storage.wrapping import data_key
from penchant.shared.errors import StoreError
from penchant.shared.files import write_atomically

__all__ = ["Secret"]

NONCE_BYTES = 12


class Secret:
    """A file that only the device's keys open.

    Args:
        path: the file, in the device's folder or below.
        folder: the device's.
        name: what it is; its key is ``NAME.key`` in the folder.
        keys: wraps that key.
    """

    def __init__(self, path: Path, *, folder: Path, name: str, keys: KeySource) -> None:
        self.path = path
        self._folder = folder
        self._name = name
        self._keys = keys

    def exists(self) -> bool:
        """Whether there is one."""
        return self.path.exists()

    def write(self, content: bytes) -> None:
        """Keep ``content`` in place of what was kept.

        Raises:
            StoreError: it cannot be written, or its key cannot be had.
        """
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        key, nonce = self._key(), os.urandom(NONCE_BYTES)
        sealed = AESGCM(key).encrypt(nonce, content, self._name.encode())
        try:
            write_atomically(self.path, nonce + sealed, mode=0o600)
        except OSError as error:
            raise StoreError(f"cannot write {self.path}: {error.strerror}") from error

    def read(self) -> bytes:
        """Return what is kept.

        Raises:
            StoreError: it cannot be read, is damaged, or the keys do not open it.
        """
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        key = self._key()
        try:
            content = self.path.read_bytes()
            return AESGCM(key).decrypt(
                content[:NONCE_BYTES], content[NONCE_BYTES:], self._name.encode()
            )
        except OSError as error:
            raise StoreError(f"cannot read {self.path}: {error.strerror}") from error
        except (InvalidTag, ValueError) as error:
            raise StoreError(
                f"{self.path} is damaged, or its key {self._name}.key is another one's"
            ) from error

    def _key(self) -> bytes:
        return data_key(self._folder / self._name, self._keys, purpose=self._name)
