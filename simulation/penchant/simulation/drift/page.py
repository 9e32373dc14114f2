"""``drift.html``: how profiles follow a switch, for people."""

from pathlib import Path

from penchant.shared.files import write_atomically
from penchant.simulation.drift.section import drift_section
from penchant.simulation.drift.table import Drift
from penchant.simulation.report.templates import rendered

__all__ = ["write_page"]


def write_page(drift: Drift, folder: Path) -> Path:
    """Write the page, whole or not at all, and return its path."""
    page = rendered("drift.html.j2", drift=drift, section=drift_section(drift))
    path = folder / "drift.html"
    write_atomically(path, page.encode())
    return path
