"""Flower's table of nodes, read directly: what is asked at every request and every second.

Through Flower each question is a session, a transaction and an object a node; here it is one
statement. Only ``flower_adapter`` writes the table.
"""

import sqlite3
import threading
from pathlib import Path
from typing import Any

from penchant.shared.errors import StoreError

__all__ = ["NodeTable"]

GONE = "unregistered"
UINT64 = 2**64


class NodeTable:
    """The nodes that are not revoked, as the file says at the moment of asking.

    Args:
        path: Flower's state database.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA query_only = ON")

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def node_of(self, public_key: bytes) -> int | None:
        """Return the number of the node that has this key, None if there is none or no more."""
        rows = self._rows(
            "SELECT node_id FROM node WHERE public_key = ? AND status <> ?", public_key, GONE
        )
        return int(rows[0][0]) % UINT64 if rows else None

    def has(self, node_id: int) -> bool:
        """Return whether there is a node of this number."""
        signed = node_id - UINT64 if node_id >= UINT64 // 2 else node_id
        return bool(
            self._rows("SELECT 1 FROM node WHERE node_id = ? AND status <> ?", signed, GONE)
        )

    def numbers(self) -> list[int]:
        """Return the numbers of all nodes, in the order of their enrolment."""
        rows = self._rows("SELECT registered_at, node_id FROM node WHERE status <> ?", GONE)
        return [number for _, number in sorted((when, int(node) % UINT64) for when, node in rows)]

    def census(self, *, online_until: float) -> tuple[int, int]:
        """Return how many nodes there are, and how many of them are online beyond a time."""
        ((nodes, active),) = self._rows(
            "SELECT count(*), coalesce(sum(online_until > ?), 0) FROM node WHERE status <> ?",
            online_until,
            GONE,
        )
        return int(nodes), int(active)

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._connection.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise StoreError(f"cannot read {self._path}: {error}") from error
