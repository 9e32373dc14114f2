"""A device's folder: locked to one process, its databases each under a key of its own."""

import stat
from collections.abc import Sequence
from pathlib import Path

from penchant.client.storage.database import Database, Durability, Migration
from penchant.client.storage.keys import KeyFile, KeySource
from penchant.client.storage.lock import FolderLock
from penchant.client.storage.wrapping import data_key, destroy_key, is_destroyed, key_path
from penchant.shared.errors import StoreError

__all__ = ["DeviceFolder"]


class DeviceFolder:
    """The folder a device lives in; one process has it at a time.

    Args:
        path: made if it does not exist; for its owner alone, from now on if it was not.
        keys: wraps the data keys of its databases.

    Raises:
        ConfigurationError: the keys are in a file in the folder itself.
        StoreError: it cannot be made, cannot be closed to others, is one that everybody writes to,
            or another process has it.
    """

    def __init__(self, path: Path, keys: KeySource) -> None:
        if isinstance(keys, KeyFile):
            keys.require_outside(path)
        self._path = path
        self._keys = keys
        self._databases: dict[str, Database] = {}
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"cannot make the device's folder {path}: {error}") from error
        _close_to_others(path)
        self._lock = FolderLock(path)

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._path

    @property
    def keys(self) -> KeySource:
        """What wraps its keys."""
        return self._keys

    def has(self, name: str) -> bool:
        """Whether there is a database ``name``."""
        return self._file(name).exists()

    def database(
        self, name: str, *, migrations: Sequence[Migration], durability: Durability
    ) -> Database:
        """Return the open database ``name``, in ``name.sqlite`` under the key in ``name.key``.

        It stays open until the folder is closed. A destruction that a crash cut short is finished
        first, and the database is a new one.

        Raises:
            StoreError: it cannot be opened; see ``data_key`` and ``Database.open``.
        """
        path = self._file(name)
        if is_destroyed(path):
            self.destroy(name)
        key = data_key(path, self._keys, purpose=name, durable=durability is not Durability.NOTHING)
        opened = Database.open(path, key, migrations=migrations, durability=durability)
        self._databases[name] = opened
        return opened

    def destroy(self, name: str) -> None:
        """Close the database ``name``, destroy its key, then delete its files.

        After a crash in between, opening the database finishes it.

        Raises:
            StoreError: a file cannot be written or deleted.
        """
        self.close_database(name)
        path = self._file(name)
        destroy_key(path, self._keys)
        try:
            for suffix in ("", "-wal", "-shm", "-journal"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            key_path(path).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"cannot delete {error.filename}: {error.strerror}") from error

    def close_database(self, name: str) -> None:
        """Close the database ``name``, if it is open."""
        opened = self._databases.pop(name, None)
        if opened is not None:
            opened.close()

    def close(self) -> None:
        """Close the databases and let another process have the folder."""
        for name in list(self._databases):
            self.close_database(name)
        self._lock.release()

    def _file(self, name: str) -> Path:
        return self._path / f"{name}.sqlite"


def _close_to_others(path: Path) -> None:
    """Let nobody but the owner see the names and sizes of a device's files."""
    mode = path.stat().st_mode
    if not mode & (stat.S_IRWXG | stat.S_IRWXO):
        return
    if mode & stat.S_ISVTX:
        raise StoreError(f"{path} is a folder that others write to; give the device one of its own")
    try:
        path.chmod(stat.S_IRWXU)
    except OSError as error:
        raise StoreError(
            f"others can look into {path}, which cannot be closed to them: {error.strerror}; give "
            "the device a folder of its own"
        ) from error
