"""Witnesses: where else it is written how far a ledger had come.

A ledger is a file, and a file can be put back to what it was. What a witness has seen, kept
elsewhere, shows that: a ledger that has come less far than a witness says has lost something.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from penchant.shared.errors import StoreError
from penchant.shared.files import state_folder, write_atomically
from penchant.shared.jsontexts import parsed_json

__all__ = ["FileWitness", "Mark", "StoreWitness", "Witness", "default_witness_path"]

FORMAT = 1


@dataclass(frozen=True)
class Mark:
    """How far a ledger had come.

    Attributes:
        count: entries so far.
        head: hash of the chain of all of them, hexadecimal; empty before the first.
        time: the latest time the ledger knew of, unix seconds.
    """

    count: int
    head: str
    time: int

    def to_bytes(self) -> bytes:
        """Return the mark as JSON."""
        return json.dumps({"format": FORMAT} | asdict(self)).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> "Mark | None":
        """Return the mark that ``content`` hold, or None if they hold none."""
        try:
            fields = parsed_json(content)
            if fields.pop("format") != FORMAT:
                return None
            mark = cls(**fields)
        except (ValueError, TypeError, KeyError, AttributeError):
            return None
        kinds = (type(mark.count), type(mark.head), type(mark.time))
        return mark if kinds == (int, str, int) and mark.count >= 0 else None


class Witness(Protocol):
    """A place outside the ledger that remembers its latest mark.

    Attributes:
        lasting: a ledger with a past and no mark here is itself evidence that something was taken
            away; not so for a place that a person may empty, such as the behaviour store.
    """

    @property
    def lasting(self) -> bool:
        """Whether a missing mark is evidence."""

    def read(self) -> Mark | None:
        """Return the mark, or None if there is none that can be read."""

    def write(self, mark: Mark) -> None:
        """Remember ``mark``; after a return it outlives a loss of power.

        Raises:
            StoreError: it cannot be written.
        """


class FileWitness:
    """A witness in a small file outside the device's folder, for its owner alone to read.

    Args:
        path: the file.
    """

    lasting = True

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Mark | None:
        """Return the mark, or None if the file is missing or damaged.

        Raises:
            StoreError: the file is there and cannot be read.
        """
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"cannot read {self._path}: {error.strerror}") from error
        return Mark.from_bytes(content)

    def write(self, mark: Mark) -> None:
        """Remember ``mark``."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(self._path, mark.to_bytes(), mode=0o600)
        except OSError as error:
            raise StoreError(
                f"cannot write {self._path}: {error.strerror}; nothing leaves the device without it"
            ) from error


@dataclass(frozen=True)
class StoreWitness:
    """A witness among the device's own data, which a person may delete.

    Attributes:
        load: returns the mark's bytes, or None.
        save: keeps the mark's bytes.
    """

    load: Callable[[], bytes | None]
    save: Callable[[bytes], None]
    lasting = False

    def read(self) -> Mark | None:
        """Return the mark, or None."""
        content = self.load()
        return None if content is None else Mark.from_bytes(content)

    def write(self, mark: Mark) -> None:
        """Remember ``mark``."""
        self.save(mark.to_bytes())


def default_witness_path(folder: Path) -> Path:
    """Return where the witness of a device in ``folder`` lies: in the user's state folder.

    It goes by where the device is, so that a new device in a wiped folder meets what the old one
    left, and a copy of a folder somewhere else does not pass for the original.
    """
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:32]
    return state_folder() / "ledgers" / f"{name}.json"
