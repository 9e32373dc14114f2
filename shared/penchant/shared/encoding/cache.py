"""Embeddings kept on disk, so that a catalogue is put through the model once."""

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from penchant.shared.encoding.texts import check_texts
from penchant.shared.errors import EncoderError
from penchant.shared.files import cache_folder
from penchant.shared.texts import TextEncoder

__all__ = ["CachedEncoder"]

STORED = np.dtype("<f4")
# Below SQLite's least limit of variables in one statement.
LOOKUP_ROWS = 900
WAIT_SECONDS = 60.0


class CachedEncoder:
    """An encoder that looks a text's embedding up before it computes it.

    Embeddings are kept by the text's SHA-256 in one SQLite file for each encoder fingerprint, so
    that another model never answers. Several processes may share the file; an interrupted call
    leaves what was there before it.

    The file says which texts were encoded to whoever can guess them. Use it for public
    catalogues (a simulation, a server), not for what one person looked at.

    Args:
        encoder: what computes the embeddings that are missing.
        folder: where the files are; by default a part of penchant's cache folder.
    """

    def __init__(self, encoder: TextEncoder, folder: Path | None = None) -> None:
        self._encoder = encoder
        self._path = (folder or cache_folder() / "embeddings") / f"{encoder.fingerprint}.sqlite"

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return self._encoder.dimension

    @property
    def fingerprint(self) -> str:
        """Hash of all that decides an embedding."""
        return self._encoder.fingerprint

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the texts' embeddings; see `Encoder.encode`.

        Raises:
            EncoderError: as `Encoder.encode`, or the cache cannot be read or written.
        """
        check_texts(texts)
        keys = [_key(text) for text in texts]
        with self._database() as database:
            known = self._look_up(database, set(keys))
            missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
            if missing:
                computed = self._encoder.encode(list(missing.values()))
                fresh = dict(zip(missing, computed, strict=True))
                _keep(database, fresh)
                known |= fresh
        embeddings = np.empty((len(keys), self.dimension), dtype=np.float32)
        for row, key in enumerate(keys):
            embeddings[row] = known[key]
        return embeddings

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=WAIT_SECONDS)) as database:
                database.execute(
                    "CREATE TABLE IF NOT EXISTS embeddings"
                    " (text_sha256 BLOB PRIMARY KEY, embedding BLOB NOT NULL) WITHOUT ROWID"
                )
                yield database
        except (sqlite3.Error, OSError) as error:
            raise EncoderError(
                f"the embedding cache {self._path} cannot be used: {error}; "
                "it holds nothing that cannot be computed again: remove it"
            ) from error

    def _look_up(
        self, database: sqlite3.Connection, keys: set[bytes]
    ) -> dict[bytes, NDArray[np.float32]]:
        wanted = sorted(keys)
        found: dict[bytes, bytes] = {}
        for start in range(0, len(wanted), LOOKUP_ROWS):
            some = wanted[start : start + LOOKUP_ROWS]
            marks = ",".join("?" * len(some))
            found.update(
                database.execute(
                    f"SELECT text_sha256, embedding FROM embeddings WHERE text_sha256 IN ({marks})",
                    some,
                )
            )
        whole = self.dimension * STORED.itemsize
        return {
            key: np.frombuffer(row, dtype=STORED) for key, row in found.items() if len(row) == whole
        }


def _keep(database: sqlite3.Connection, embeddings: dict[bytes, NDArray[np.float32]]) -> None:
    with database:
        database.executemany(
            "INSERT OR REPLACE INTO embeddings VALUES (?, ?)",
            ((key, row.astype(STORED).tobytes()) for key, row in embeddings.items()),
        )


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
