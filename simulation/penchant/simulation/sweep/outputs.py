"""What a sweep writes when it has ended, or was stopped: its tables, its page, its runs' pages."""

from collections.abc import Mapping
from pathlib import Path

from penchant.simulation.report.summary import has_summary
from penchant.simulation.settings import SimulationSettings
from penchant.simulation.sweep.page import write_page
from penchant.simulation.sweep.runs import Outcome
from penchant.simulation.sweep.table import gathered, write_tables
from penchant.simulation.wholereport import write_whole_report

__all__ = ["RUNS_FOLDER", "write_all", "write_partial"]

RUNS_FOLDER = "runs"


def write_all(
    runs: Mapping[str, SimulationSettings], out: Path, outcome: Outcome, *, command: str
) -> Path:
    """Write tables and pages of a sweep that has ended, and return the path of its page.

    Args:
        runs: settings by name.
        out: folder of the sweep.
        outcome: how the runs went.
        command: how to run the sweep again.

    Raises:
        ConfigurationError: no run could be run.
        DataError: what a run has left cannot be read.
    """
    found = gathered(runs, out / RUNS_FOLDER, failures=outcome.failures, command=command)
    write_tables(found, out)
    page = write_page(found, out)
    for row in found.runs:
        write_whole_report(out / RUNS_FOLDER / row.name, sweep=out)
    return page


def write_partial(
    runs: Mapping[str, SimulationSettings], out: Path, outcome: Outcome, *, command: str
) -> str:
    """Write tables and page of the runs that have ended, if any has, and tell of it in words.

    The pages of its runs are left as they are: whoever stops a sweep does not want to wait.

    Args:
        runs: settings by name.
        out: folder of the sweep.
        outcome: how the runs went until it was stopped.
        command: how to continue the sweep.

    Raises:
        DataError: what a run has left cannot be read.
    """
    ended = sum(has_summary(out / RUNS_FOLDER / name) for name in runs)
    told = f"stopped; {ended} of {len(runs)} runs have ended"
    if ended:
        found = gathered(runs, out / RUNS_FOLDER, failures=outcome.failures, command=command)
        write_tables(found, out)
        told += f", see {write_page(found, out)}"
    return f"{told}; to continue: {command}"
