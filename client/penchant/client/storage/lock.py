"""One process at a time has a device's folder."""

import fcntl
import os
from pathlib import Path

from penchant.shared.errors import StoreError

__all__ = ["FolderLock"]

LOCK_NAME = "lock"


class FolderLock:
    """Holds a folder until released, or until the process ends, however it does.

    The lock is the kernel's (``flock``); the file only says which process has it.

    Args:
        folder: an existing folder.

    Raises:
        StoreError: another process, or another device in this one, has the folder.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / LOCK_NAME
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"cannot lock the folder {folder}: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Of one width, so that the file need not be cut: ext4 would wait for the disk.
            os.pwrite(self._file, f"{os.getpid():<20}\n".encode(), 0)
        except BlockingIOError as error:
            holder = os.pread(self._file, 32, 0).decode("ascii", "replace").strip()
            os.close(self._file)
            raise StoreError(_in_use(folder, holder)) from error
        except OSError as error:
            os.close(self._file)
            raise StoreError(f"cannot lock the folder {folder}: {error.strerror}") from error

    def release(self) -> None:
        """Let another have the folder; doing it again does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _in_use(folder: Path, holder: str) -> str:
    if holder == str(os.getpid()):
        return f"the folder {folder} is open in this process already; close the device there first"
    return (
        f"the folder {folder} is in use by process {holder or 'unknown'}; end that process, or "
        "choose another folder"
    )
