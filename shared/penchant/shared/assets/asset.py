"""What a named asset is: files with pinned hashes, and where to get them."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

__all__ = ["Asset", "AssetFile", "Progress", "Source", "silent"]

Progress = Callable[[str, int, int | None], None]
"""Called with what is being done, the bytes done and the bytes in all (None when unknown)."""


def silent(_step: str, _done: int, _total: int | None) -> None:
    """Report no progress."""


@dataclass(frozen=True)
class AssetFile:
    """One file of an asset.

    Attributes:
        path: place inside the asset's folder, with forward slashes; each source knows it too.
        sha256: pinned SHA-256, 64 lower-case hexadecimal digits.
        size: length in bytes.
    """

    path: str
    sha256: str
    size: int


class Source(Protocol):
    """Somewhere that files can be had from."""

    @property
    def label(self) -> str:
        """What people call this source."""

    def obtain(self, file: AssetFile, part: Path, *, scratch: Path, progress: Progress) -> None:
        """Write ``file`` to ``part``, going on from what ``part`` already holds where possible.

        The caller checks the hash. ``scratch`` is a folder that lives as long as the fetch.

        Raises:
            SourceError: the file cannot be had from here.
        """


@dataclass(frozen=True)
class Asset:
    """A named set of files.

    Attributes:
        name: what users call it.
        summary: one line for people.
        origin: where the content comes from, such as a hub id.
        licence: terms of use, short.
        languages: ISO 639-1 codes of the text it is for.
        files: the files, each with its pinned hash.
        sources: where to get them, tried in this order.
    """

    name: str
    summary: str
    origin: str
    licence: str
    languages: tuple[str, ...]
    files: tuple[AssetFile, ...]
    sources: tuple[Source, ...]

    @property
    def size(self) -> int:
        """Length of all files together, in bytes."""
        return sum(file.size for file in self.files)

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change when any pinned path or hash does."""
        pins = "".join(f"{file.sha256}  {file.path}\n" for file in self.files)
        return hashlib.sha256(pins.encode()).hexdigest()[:12]
