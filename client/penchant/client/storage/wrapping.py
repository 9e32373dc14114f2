"""Data keys: one a database, random, and on disk only wrapped by a key source's key.

A data key is wrapped with AES-256-GCM (NIST SP 800-38D) in a small file beside its database. The
file's other fields are associated data, so that a key serves no other purpose than the one it was
made for, and an unkeyed checksum tells a damaged file from a wrong key.
"""

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from penchant.client.storage.keys import KEY_BYTES, KeySource
from penchant.shared.errors import StoreError
from penchant.shared.files import write_atomically
from penchant.shared.jsontexts import parsed_json

__all__ = ["data_key", "destroy_key", "is_destroyed", "key_path", "rewrap_key"]

FORMAT = 1
NONCE_BYTES = 12


@dataclass(frozen=True)
class _WrappedKey:
    """What a key file holds; all of it but ``nonce`` and ``wrapped`` is associated data."""

    purpose: str
    identity: str
    source: str
    parameters: dict[str, str | int]
    nonce: str = ""
    wrapped: str = ""
    destroyed: bool = False
    format: int = FORMAT

    def associated(self) -> bytes:
        return _canonical(vars(self) | {"nonce": "", "wrapped": ""})

    def to_bytes(self) -> bytes:
        fields = vars(self)
        return _canonical(fields | {"checksum": _checksum(fields)}) + b"\n"

    @classmethod
    def read(cls, path: Path) -> "_WrappedKey":
        try:
            content = path.read_bytes()
        except OSError as error:
            raise StoreError(f"cannot read the key file {path}: {error.strerror}") from error
        try:
            fields: dict[str, Any] = parsed_json(content)
            checksum = fields.pop("checksum")
            whole = (
                checksum == _checksum(fields)
                and content == _canonical(fields | {"checksum": checksum}) + b"\n"
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise StoreError(_damaged(path)) from error
        if not whole:
            raise StoreError(_damaged(path))
        if fields.get("format") != FORMAT:
            raise StoreError(
                f"the key file {path} has format {fields.get('format')}; this penchant reads "
                f"format {FORMAT}; use the penchant that wrote it"
            )
        try:
            return cls(**fields)
        except TypeError as error:
            raise StoreError(_damaged(path)) from error


def key_path(database: Path) -> Path:
    """Return where the wrapped key of ``database`` lies: beside it."""
    return database.with_suffix(".key")


def data_key(database: Path, source: KeySource, *, purpose: str, durable: bool = True) -> bytes:
    """Return the data key of a database, 32 bytes; a new one, if neither exists.

    Args:
        database: the database's file, there or not.
        source: what wraps its key.
        purpose: what the database is for, such as ``"ledger"``; a key made for another is refused.
        durable: wait for the disk when a key is made.

    Raises:
        StoreError: the key is missing, damaged, destroyed, of another purpose or source, or the
            source's key is not the one it was wrapped with.
    """
    path = key_path(database)
    if path.exists():
        return _unwrap(path, source, purpose=purpose)
    if database.exists() and database.stat().st_size > 0:
        raise StoreError(
            f"the key file {path} is missing; restore it: without it {database.name} cannot be "
            "read. To begin anew, delete both"
        )
    return _make(path, source, purpose=purpose, durable=durable)


def is_destroyed(database: Path) -> bool:
    """Tell whether the key of ``database`` was destroyed and its files are still to be deleted."""
    path = key_path(database)
    return path.exists() and _WrappedKey.read(path).destroyed


def destroy_key(database: Path, source: KeySource) -> None:
    """Destroy the data key of a database, so that nothing can ever be read from it again.

    The wrapped key is replaced, and overwritten where it lay, and what the source keeps for it is
    destroyed. A key file that says so is left until the caller has deleted the database's files,
    and then the key file, so that a crash in between is seen. Doing it again does no harm.

    Raises:
        StoreError: the key file cannot be written, or the source cannot destroy its part.
    """
    path = key_path(database)
    if not path.exists():
        return
    kept = _WrappedKey.read(path)
    gone = replace(kept, nonce="", wrapped="", destroyed=True)
    try:
        # Where there is no room beside it, in its place, which is as long at least.
        _replace(path, gone.to_bytes(), or_in_place=True)
    except OSError as error:
        raise StoreError(f"cannot destroy the key file {path}: {error.strerror}") from error
    source.destroy(kept.identity, kept.parameters)


def rewrap_key(path: Path, old: KeySource, new: KeySource) -> None:
    """Wrap the data key in a key file anew; one that ``new`` opens already is left as it is.

    The old wrapped key is overwritten where it lay, and what ``old`` keeps for it is destroyed
    after that: at every moment one of the two opens the file.

    Args:
        path: the key file, which says itself what its key is for.
        old: what it is wrapped with.
        new: what it is to be wrapped with.

    Raises:
        StoreError: neither opens it, it is damaged or destroyed, or it cannot be written; then it
            is as it was.
    """
    kept = _WrappedKey.read(path)
    if kept.source == new.name:
        with suppress(StoreError):
            _unwrap(path, new, purpose=kept.purpose)
            return
    key = _unwrap(path, old, purpose=kept.purpose)
    content = _wrapped(key, new, purpose=kept.purpose)
    try:
        _replace(path, content)
    except OSError as error:
        raise StoreError(f"cannot write the key file {path}: {error.strerror}") from error
    old.destroy(kept.identity, kept.parameters)


def _replace(path: Path, content: bytes, *, or_in_place: bool = False) -> None:
    """Put ``content`` in a key file's place, and overwrite the old one where it lay.

    Raises:
        OSError: it cannot be written; then the old one is as it was.
    """
    with path.open("r+b", buffering=0) as old:
        left = os.urandom(len(old.read()))
        try:
            write_atomically(path, content, mode=0o600)
        except OSError:
            if not or_in_place:
                raise
            left = content
        old.seek(0)
        old.write(left)
        old.truncate()
        os.fsync(old.fileno())


def _make(path: Path, source: KeySource, *, purpose: str, durable: bool) -> bytes:
    key = os.urandom(KEY_BYTES)
    content = _wrapped(key, source, purpose=purpose)
    try:
        write_atomically(path, content, mode=0o600, durable=durable)
    except OSError as error:
        raise StoreError(f"cannot write the key file {path}: {error.strerror}") from error
    return key


def _wrapped(key: bytes, source: KeySource, *, purpose: str) -> bytes:
    """Return the key file of ``key``, newly wrapped by ``source``."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    made = _WrappedKey(purpose, os.urandom(16).hex(), source.name, source.new_parameters())
    nonce = os.urandom(NONCE_BYTES)
    wrapping = source.make(made.identity, made.parameters)
    wrapped = AESGCM(wrapping).encrypt(nonce, key, made.associated())
    return replace(made, nonce=nonce.hex(), wrapped=wrapped.hex()).to_bytes()


def _unwrap(path: Path, source: KeySource, *, purpose: str) -> bytes:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    kept = _WrappedKey.read(path)
    if kept.destroyed:
        raise StoreError(
            f"the key in {path} was destroyed with everything it opened; delete the rest of the "
            "database and the key file to begin anew"
        )
    if kept.purpose != purpose:
        raise StoreError(
            f"the key file {path} is of the {kept.purpose}, not of the {purpose}; restore the "
            "files under their own names"
        )
    if kept.source != source.name:
        raise StoreError(
            f"{path.stem} was locked with {kept.source}, and {source.name} was given; open the "
            "device with the kind of keys it was made with"
        )
    try:
        wrapping = source.find(kept.identity, kept.parameters)
        nonce, wrapped = bytes.fromhex(kept.nonce), bytes.fromhex(kept.wrapped)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise StoreError(_damaged(path)) from error
    try:
        return AESGCM(wrapping).decrypt(nonce, wrapped, kept.associated())
    except InvalidTag as error:
        raise StoreError(
            f"{path.stem} was locked with another key than {source.name} gives; give the one it "
            "was made with: nothing is lost"
        ) from error
    except ValueError as error:  # a nonce of another length
        raise StoreError(_damaged(path)) from error


def _damaged(path: Path) -> str:
    return f"the key file {path} is damaged; restore it from a backup of the folder"


def _checksum(fields: dict[str, Any]) -> str:
    return hashlib.sha256(_canonical(fields)).hexdigest()


def _canonical(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
