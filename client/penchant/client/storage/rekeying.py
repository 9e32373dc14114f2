"""Other keys for a device: its data keys wrapped anew, its data untouched."""

from pathlib import Path

from penchant.client.storage.keys import KeyFile, KeySource
from penchant.client.storage.lock import FolderLock
from penchant.client.storage.wrapping import rewrap_key
from penchant.shared.errors import StoreError

__all__ = ["change_keys"]


def change_keys(folder: Path, *, old: KeySource, new: KeySource) -> None:
    """Lock the device in ``folder`` with other keys, such as another passphrase.

    The databases' own keys stay, so nothing is encrypted again: whoever had a copy of the folder
    and the old passphrase or key file reads that copy as before. If it is cut short, do it again
    with the same two.

    Args:
        folder: of a device that is not open.
        old: what it was opened with so far.
        new: what it is to be opened with.

    Raises:
        ConfigurationError: the new keys are in a file in the folder itself.
        StoreError: there is no device, it is open, ``old`` does not open it, or a file cannot be
            written.
    """
    if isinstance(new, KeyFile):
        new.require_outside(folder)
    paths = sorted(folder.glob("*.key"))
    if not paths:
        raise StoreError(f"{folder} holds no key of a device; give the folder of one")
    lock = FolderLock(folder)
    try:
        for path in paths:
            rewrap_key(path, old, new)
    finally:
        lock.release()
