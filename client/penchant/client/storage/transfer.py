"""The rows of a database as JSON-able values, to be put into a new one somewhere else."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from penchant.client.storage.database import Database
from penchant.shared.errors import StoreError

__all__ = ["dumped", "restore"]


def dumped(database: Database, tables: Sequence[str]) -> dict[str, Any]:
    """Return every row of ``tables`` and the schema version, JSON-able; bytes as base64.

    Args:
        database: open.
        tables: names; those there are not are left out.
    """
    ((version,),) = database.execute("PRAGMA user_version")
    found: dict[str, Any] = {}
    for table in tables:
        columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
        if columns:
            rows = database.execute(f"SELECT {', '.join(columns)} FROM {table}")
            found[table] = {
                "columns": columns,
                "rows": [[_plain(value) for value in row] for row in rows],
            }
    return {"version": version, "tables": found}


def restore(database: Database, content: Mapping[str, Any], tables: Sequence[str]) -> None:
    """Put rows that ``dumped`` gave in place of those of ``tables``, all or none.

    Raises:
        StoreError: they are of a newer schema, or are not rows of these tables.
    """
    ((version,),) = database.execute("PRAGMA user_version")
    try:
        if content["version"] > version:
            raise StoreError(
                f"the content is of schema version {content['version']}; this penchant reads "
                f"versions up to {version}; use the penchant that wrote it, or a newer one"
            )
        with database.transaction():
            for table in tables:
                if table not in content["tables"]:
                    continue
                database.execute(f"DELETE FROM {table}")
                _insert(database, table, content["tables"][table])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise StoreError(f"the content is not that of {database.path.stem}: {error}") from error


def _insert(database: Database, table: str, content: Mapping[str, Any]) -> None:
    known = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
    columns = content["columns"]
    if not set(columns) <= known:
        raise ValueError(f"table {table} has other columns")
    marks = ", ".join("?" * len(columns))
    database.execute_many(
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})",
        ([_value(value) for value in row] for row in content["rows"]),
    )


def _plain(value: object) -> object:
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _value(value: object) -> object:
    if isinstance(value, dict):
        return base64.b64decode(value["base64"], validate=True)
    return value
