"""Short whole runs of ``penchant simulate``, as a command."""

from pathlib import Path

import pytest

from penchant.shared.command_line import main
from penchant.simulation.report import Summary, read_summary


def simulate(dataset: str, out: Path, *flags: str) -> Summary:
    """Run a short simulation and return its summary."""
    with pytest.raises(SystemExit) as stopped:
        main(["simulate", "--dataset", dataset, "--rounds", "4", "--out", str(out), *flags])
    assert stopped.value.code == 0
    return read_summary(out)
