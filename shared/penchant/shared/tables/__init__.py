"""Tables that people have: events, items and the wide form, in CSV, TSV or Parquet.

Needs the ``tables`` extra.
"""

from penchant.shared.errors import MissingExtraError

try:
    import polars as pl  # noqa: F401
except ImportError:
    raise MissingExtraError("tables", "reading tables") from None

from penchant.shared.tables.cells import Entry, column_separator, parse_cell
from penchant.shared.tables.columns import Role, map_columns, parse_mapping
from penchant.shared.tables.events import ORDER_LIMIT, EventTable
from penchant.shared.tables.items import ItemTable, read_items
from penchant.shared.tables.kinds import DEFAULT_KIND, KINDS, kind_of, parse_kinds, require_kind
from penchant.shared.tables.rejects import DEFAULT_TOLERANCE, Reject, Rejects
from penchant.shared.tables.table import LINE, Table, TableFormat, open_table
from penchant.shared.tables.times import epoch_seconds, parse_time
from penchant.shared.tables.wide import Person, WideEvent, WideTable, is_wide

__all__ = [
    "DEFAULT_KIND",
    "DEFAULT_TOLERANCE",
    "KINDS",
    "LINE",
    "ORDER_LIMIT",
    "Entry",
    "EventTable",
    "ItemTable",
    "Person",
    "Reject",
    "Rejects",
    "Role",
    "Table",
    "TableFormat",
    "WideEvent",
    "WideTable",
    "column_separator",
    "epoch_seconds",
    "is_wide",
    "kind_of",
    "map_columns",
    "open_table",
    "parse_cell",
    "parse_kinds",
    "parse_mapping",
    "parse_time",
    "read_items",
    "require_kind",
]
