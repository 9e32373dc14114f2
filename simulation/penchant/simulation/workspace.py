"""A run's folder: what was asked, what has been done, and what came out."""

import shutil
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from penchant.server.checkpoints import RoundState, load_checkpoint, save_checkpoint
from penchant.shared.errors import ConfigurationError, DataError
from penchant.shared.files import write_atomically
from penchant.shared.ranker import Ranker
from penchant.simulation.report.summary import SUMMARY_FILE
from penchant.simulation.settings import SimulationSettings

__all__ = ["SETTINGS_FILE", "Workspace"]

SETTINGS_FILE = "settings.json"


class Workspace:
    """The folder of one run.

    ``settings.json`` says what was asked; ``metrics.jsonl``, ``ranker.safetensors``,
    ``ranks.safetensors``, ``summary.json`` and ``report.html`` are what comes out; ``state/`` holds
    the devices, the checkpoint and the start of a run that has not ended, and goes when it has.

    Args:
        folder: the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def ranker(self) -> Path:
        """The trained ranker."""
        return self.folder / "ranker.safetensors"

    @property
    def devices(self) -> Path:
        """Where the simulated devices live."""
        return self.folder / "state" / "devices"

    @property
    def best(self) -> Path:
        """The round that was best by validation so far."""
        return self.folder / "state" / "best.safetensors"

    @property
    def _settings(self) -> Path:
        return self.folder / SETTINGS_FILE

    @property
    def _checkpoint(self) -> Path:
        return self.folder / "state" / "checkpoint.safetensors"

    @property
    def _started(self) -> Path:
        return self.folder / "state" / "started"

    def check(self, settings: SimulationSettings, *, resume: bool) -> None:
        """Refuse a folder that a new run must not use, or that does not hold this one to resume.

        Raises:
            ConfigurationError: the folder holds another run, a finished one, something else, or,
                to resume, nothing.
        """
        if resume:
            self._require_unfinished(settings)
        elif self._settings.exists():
            raise ConfigurationError(
                f"{self.folder} holds another run; give another folder, or --resume to continue it"
            )
        elif self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
            raise ConfigurationError(f"{self.folder} is not empty; give a new or empty folder")

    def claim(self, settings: SimulationSettings, *, started: datetime) -> datetime:
        """Make the folder this run's, unless it is already, and return when the run began.

        Args:
            settings: what to simulate.
            started: now; of a run that is resumed, the first is kept.

        Raises:
            DataError: the time kept is none.
        """
        self.devices.mkdir(parents=True, exist_ok=True)
        write_atomically(self._settings, settings.model_dump_json(indent=2).encode() + b"\n")
        if not self._started.exists():
            write_atomically(self._started, started.isoformat().encode())
        try:
            return datetime.fromisoformat(self._started.read_text())
        except ValueError as error:
            raise DataError(f"{self._started} is not a time ({error}); remove it") from error

    def _require_unfinished(self, settings: SimulationSettings) -> None:
        kept = self._settings
        if not kept.exists():
            raise ConfigurationError(
                f"{self.folder} holds no run to resume; start one without --resume"
            )
        if (self.folder / SUMMARY_FILE).exists():
            raise ConfigurationError(f"the run in {self.folder} has ended; nothing is left to do")
        found = self._kept()
        if found != settings:
            ours, theirs = settings.model_dump(mode="json"), found.model_dump(mode="json")
            different = [
                f"{name} {theirs[name]} there, {ours[name]} here"
                for name in ours
                if ours[name] != theirs[name]
            ]
            raise ConfigurationError(
                f"{self.folder} holds another run ({'; '.join(different)}); "
                "resume it with the flags it was started with"
            )

    def _kept(self) -> SimulationSettings:
        try:
            return SimulationSettings.model_validate_json(self._settings.read_bytes())
        except (ValidationError, OSError) as error:
            raise DataError(f"{self._settings} is not a run's settings: {error}") from error

    def settings(self) -> SimulationSettings:
        """Return what was asked of a run that has ended.

        Raises:
            ConfigurationError: the folder holds no run, or one that has not ended.
            DataError: its settings cannot be read.
        """
        if not (self._settings.exists() and self.ranker.exists()):
            raise ConfigurationError(
                f"{self.folder} holds no run that has ended; give the --out of penchant simulate"
            )
        return self._kept()

    def save(self, state: RoundState, ranker: Ranker) -> None:
        """Keep the state after a round."""
        save_checkpoint(self._checkpoint, state, model_id=ranker.model_id)

    def load(self, ranker: Ranker) -> RoundState:
        """Return the state after the last finished round, the initial one before the first."""
        if not self._checkpoint.exists():
            return RoundState.initial(ranker.vector)
        return load_checkpoint(self._checkpoint, model_id=ranker.model_id)

    def end(self) -> None:
        """Remove what only an unfinished run needs."""
        shutil.rmtree(self.folder / "state")
