"""The operating system's key store, as a key source."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from penchant.client.storage.keys import KEY_BYTES, require_key
from penchant.shared.errors import StoreError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

__all__ = ["OsKeyStore"]

# keyring's backends that keep nothing, and those that keep it in a file that is plain or nearly so.
NO_KEY_STORES = ("keyring.backends.fail", "keyring.backends.null", "keyrings.alt")


class OsKeyStore:
    """Keys in the operating system's key store, through ``keyring``: one entry a wrapped key.

    On Linux the Secret Service (GNOME Keyring, KWallet, KeePassXC) of the signed-in user. A
    backend that keeps nothing, or keeps it in a plain file, counts as no key store.

    Args:
        service: name the entries are kept under.
    """

    name = "the operating system's key store"

    def __init__(self, service: str = "penchant") -> None:
        self._service = service

    def new_parameters(self) -> dict[str, str | int]:
        """Return the name the entry is kept under."""
        return {"service": self._service}

    def make(self, identity: str, parameters: Mapping[str, str | int]) -> bytes:
        """Return a new random key, kept in the key store."""
        key = os.urandom(KEY_BYTES)
        service = str(parameters["service"])
        backend = _key_store()
        try:
            backend.set_password(service, identity, key.hex())
            kept = backend.get_password(service, identity)
        except Exception as error:  # each backend has errors of its own
            raise StoreError(
                f"the operating system's key store cannot be written: {error}; unlock it, or open "
                "the device with keys=Passphrase(...) or keys=KeyFile(path)"
            ) from error
        if kept != key.hex():
            raise StoreError(
                "the operating system's key store does not keep what it is given; open the device "
                "with keys=Passphrase(...) or keys=KeyFile(path)"
            )
        return key

    def find(self, identity: str, parameters: Mapping[str, str | int]) -> bytes:
        """Return the key that the key store keeps."""
        service = str(parameters["service"])
        backend = _key_store()
        try:
            kept = backend.get_password(service, identity)
        except Exception as error:  # each backend has errors of its own
            raise StoreError(
                f"the operating system's key store cannot be read: {error}; unlock it and open "
                "the device again"
            ) from error
        if kept is None:
            raise StoreError(
                f"the operating system's key store has no entry {identity} of service "
                f"{service!r}; sign in as the user who made the device, or restore the entry: "
                "without it the data cannot be read"
            )
        return require_key(bytes.fromhex(kept), f"the key store's entry {identity}")

    def destroy(self, identity: str, parameters: Mapping[str, str | int]) -> None:
        """Delete the entry."""
        service = str(parameters["service"])
        backend = _key_store()
        try:
            if backend.get_password(service, identity) is not None:
                backend.delete_password(service, identity)
        except Exception as error:  # each backend has errors of its own
            raise StoreError(
                f"the operating system's key store cannot delete an entry: {error}; unlock it and "
                "try again"
            ) from error


def _key_store() -> "KeyringBackend":
    import keyring

    chosen = keyring.get_keyring()
    for backend in getattr(chosen, "backends", [chosen]):
        module = type(backend).__module__
        if not module.startswith(
            ("keyring.backends.fail", "keyring.backends.null", "keyrings.alt")
        ):
            found: KeyringBackend = backend
            return found
    raise StoreError(
        "this system has no key store that keyring can use; open the device with "
        "keys=Passphrase(...) or keys=KeyFile(path), or install one, such as gnome-keyring"
    )
