"""Bringing what a person did elsewhere onto their device: logs, and rows of the wide form.

Needs the ``tables`` extra.
"""

from penchant.client.imports.importing import Imported, import_log
from penchant.client.imports.log import Log, read_log

__all__ = ["Imported", "Log", "import_log", "read_log"]
