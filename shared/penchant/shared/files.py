"""Files: where caches live, what a file's hash is, and writing things whole or not at all."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = [
    "CACHE_VARIABLE",
    "STATE_VARIABLE",
    "cache_folder",
    "sha256_of",
    "state_folder",
    "whole_folder",
    "write_atomically",
]

CACHE_VARIABLE = "PENCHANT_CACHE"
STATE_VARIABLE = "PENCHANT_STATE"
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL


def cache_folder() -> Path:
    """Return the folder for what can be fetched or computed again.

    It is the user's cache folder, or the one that the environment variable ``PENCHANT_CACHE``
    names. It may not exist yet.
    """
    from platformdirs import user_cache_dir

    return Path(os.environ.get(CACHE_VARIABLE) or user_cache_dir("penchant", appauthor=False))


def state_folder() -> Path:
    """Return the folder for what must outlive a device's own folder.

    It is the user's state folder, or the one that the environment variable ``PENCHANT_STATE``
    names. It may not exist yet.
    """
    named = os.environ.get(STATE_VARIABLE)
    if named:
        return Path(named)
    from platformdirs import user_state_dir

    return Path(user_state_dir("penchant", appauthor=False))


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 lower-case hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Give a scratch folder that becomes ``folder`` only if the block ends without an error.

    The scratch folder lies beside ``folder``, so that the last step is one rename: a reader sees
    the whole folder or none. After an error nothing is left.

    Args:
        folder: the folder to make; it must be absent or empty.
    """
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        yield scratch
        scratch.replace(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def write_atomically(
    path: Path, content: bytes, *, mode: int = 0o666, durable: bool = True
) -> None:
    """Write ``content`` beside ``path``, flush it to disk, then rename it into place.

    After an error what was at ``path`` is still there and nothing else is left. After a return the
    content outlives a loss of power.

    Args:
        path: the file.
        content: all of it.
        mode: permissions of the file, before the process's umask.
        durable: wait for the disk; without it the content may not outlive a loss of power.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    # What a killed process left may have other permissions than these.
    partial.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(partial, NEW_FILE, mode), "wb") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    if durable:
        _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
