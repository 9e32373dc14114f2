"""Runs in MLflow: where ``MLFLOW_TRACKING_URI`` says, else where MLflow keeps them by itself."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

# Before the import, which would start a thread that reports to MLflow's makers.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")

from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException

from penchant.shared.errors import ConfigurationError
from penchant.shared.files import write_atomically
from penchant.simulation.report.rounds import RoundRecord, read_rounds
from penchant.simulation.report.summary import Summary
from penchant.simulation.tracking.tracker import (
    ARTIFACTS,
    Start,
    metrics_of_end,
    metrics_of_round,
)

__all__ = ["MlflowRuns"]

EXPERIMENT = "penchant"
EXPERIMENT_VARIABLE = "MLFLOW_EXPERIMENT_NAME"
# Beside the state of an unfinished run, with which it goes.
_ID_FILE = Path("state") / "mlflow-run"


class MlflowRuns:
    """Keeps a run in MLflow: settings, metrics by round, and the report and the summary as files.

    The experiment is the one that ``MLFLOW_EXPERIMENT_NAME`` names, else ``penchant``. Nothing is
    told of who runs it, of source code or of the machine.

    Raises:
        ConfigurationError: MLflow cannot be reached.
    """

    def __init__(self) -> None:
        self._client = MlflowClient()
        self._experiment = os.environ.get(EXPERIMENT_VARIABLE) or EXPERIMENT
        self._run = ""
        self._last = 0
        with self._reached():
            self._client.get_experiment_by_name(self._experiment)

    def begin(self, start: Start) -> None:
        """Make the run, or find it again, and log the settings, and rounds that are not there."""
        kept = start.folder / _ID_FILE
        with self._reached():
            if kept.exists():
                self._run = kept.read_text().strip()
                self._client.update_run(self._run, status="RUNNING")
                self._last = self._logged()
            else:
                self._run = self._made(start)
                write_atomically(kept, self._run.encode())
        for record in read_rounds(start.folder):
            self.round_finished(record)

    def round_finished(self, record: RoundRecord) -> None:
        """Log a round's metrics."""
        if record.round > self._last:
            self._log(metrics_of_round(record), step=record.round)
            self._last = record.round

    def end(self, summary: Summary, folder: Path) -> None:
        """Log the test's metrics and the files, and end the run."""
        self._log(metrics_of_end(summary), step=summary.rounds)
        with self._reached():
            for name in ARTIFACTS:
                self._client.log_artifact(self._run, str(folder / name))
            self._client.set_terminated(self._run, status="FINISHED")

    def stop(self, *, interrupted: bool) -> None:
        """End the run as killed, or as failed; it is running again once it goes on."""
        if self._run:
            with self._reached():
                self._client.set_terminated(self._run, status="KILLED" if interrupted else "FAILED")

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Tell what MLflow could not do as an error of ours."""
        try:
            yield
        except (MlflowException, OSError) as error:
            raise ConfigurationError(
                f"MLflow at {self._client.tracking_uri} cannot keep the run ({error}); set "
                "MLFLOW_TRACKING_URI to where it can, or leave out --log mlflow"
            ) from error

    def _made(self, start: Start) -> str:
        found = self._client.get_experiment_by_name(self._experiment)
        experiment = (
            self._client.create_experiment(self._experiment)
            if found is None
            else found.experiment_id
        )
        tags = {"penchant.command": start.command, "penchant.folder": str(start.folder)}
        run = self._client.create_run(experiment, run_name=start.folder.name, tags=tags)
        identity = str(run.info.run_id)
        parameters = [Param(name, value) for name, value in start.parameters().items()]
        self._client.log_batch(identity, params=parameters)
        return identity

    def _logged(self) -> int:
        """Return the last round that is there."""
        history = self._client.get_metric_history(self._run, "devices")
        return max((int(metric.step) for metric in history), default=0)

    def _log(self, metrics: Mapping[str, float], *, step: int) -> None:
        now = round(1000 * time.time())
        batch = [Metric(name, value, now, step) for name, value in metrics.items()]
        with self._reached():
            self._client.log_batch(self._run, metrics=batch)
