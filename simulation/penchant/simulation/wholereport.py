"""A run's page with all that is known of the run: drift, a portrait, the sweep it belongs to."""

from collections.abc import Iterator
from pathlib import Path

from penchant.simulation.drift.section import drift_section
from penchant.simulation.drift.table import read_drift
from penchant.simulation.portrait.record import read_portrait
from penchant.simulation.report import write_report
from penchant.simulation.report.sections import Section
from penchant.simulation.sweep.section import read_sweep, sweep_of, sweep_section

__all__ = ["write_whole_report"]


def write_whole_report(folder: Path, *, sweep: Path | None = None) -> Path:
    """Write ``report.html`` from all the files in a run's folder, and return its path.

    Args:
        folder: the run's.
        sweep: folder of a sweep whose curve the page is to have; if not given, that of the sweep
            that the run belongs to, if it does.

    Raises:
        DataError: a file is missing or not valid; nothing is written then.
    """
    return write_report(folder, sections=list(_sections(folder, sweep)))


def _sections(folder: Path, sweep: Path | None) -> Iterator[Section]:
    found = sweep_of(folder) if sweep is None else read_sweep(sweep)
    if found is not None:
        yield sweep_section(found, run=folder)
    drift = read_drift(folder)
    if drift is not None:
        yield drift_section(drift)
    portrait = read_portrait(folder)
    if portrait is not None:
        # It draws, and matplotlib takes a moment to load.
        from penchant.simulation.portrait.section import portrait_section

        yield portrait_section(portrait)
