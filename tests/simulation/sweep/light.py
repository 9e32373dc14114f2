"""What a sweep may run in other processes where no simulation is needed."""

import os
import time
from pathlib import Path

from penchant.shared.errors import ConfigurationError
from penchant.simulation.settings import SimulationSettings

__all__ = ["met"]

_SECONDS = 120


def met(settings: SimulationSettings, folder: Path, resume: bool) -> None:  # noqa: ARG001
    """Say which process this is, and wait for a run in another one; seed 2 cannot be run."""
    if settings.seed == 2:
        raise ConfigurationError("seed 2 cannot be run")
    folder.mkdir(parents=True)
    own = str(os.getpid())
    (folder / "process").write_text(own)
    until = time.monotonic() + _SECONDS
    while {path.read_text() for path in folder.parent.glob("*/process")} <= {own, ""}:
        if time.monotonic() > until:
            raise ConfigurationError("no run was met in another process")
        time.sleep(0.01)
