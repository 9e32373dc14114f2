"""Simulations of the planted world, for a sweep to run, here or in other processes."""

from pathlib import Path

from tests.simulation.conftest import make_world

from penchant.simulation.progress import Silent
from penchant.simulation.run import run_world
from penchant.simulation.settings import SimulationSettings
from penchant.simulation.workspace import Workspace

__all__ = ["planted", "planted_stopped"]


class _Stopping(Silent):
    """Interrupts a run in its second round, as Ctrl-C would."""

    def round_started(self, round_number: int, devices: int) -> None:  # noqa: ARG002
        """Interrupt after the first round."""
        if round_number > 1:
            raise KeyboardInterrupt


def planted(
    settings: SimulationSettings, folder: Path, resume: bool, display: Silent | None = None
) -> None:
    """Run or continue a simulation of the planted world."""
    workspace = Workspace(folder)
    workspace.check(settings, resume=resume)
    run_world(
        make_world(**settings.model_dump()),
        settings,
        workspace,
        command="penchant simulate",
        tell=lambda _: None,
        display=display or Silent(),
    )


def planted_stopped(settings: SimulationSettings, folder: Path, resume: bool) -> None:
    """Begin a simulation of the planted world and stop after its first round."""
    planted(settings, folder, resume, _Stopping())
