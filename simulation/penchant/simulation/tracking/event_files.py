"""TensorBoard's event files, written without TensorFlow or torch."""

import shutil
import time
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary as Values
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from penchant.simulation.report import words
from penchant.simulation.report.headline import verdict
from penchant.simulation.report.rounds import RoundRecord, read_rounds
from penchant.simulation.report.summary import Summary
from penchant.simulation.tracking.tracker import (
    Start,
    metrics_of_end,
    metrics_of_round,
)

__all__ = ["EventFiles"]

FOLDER = "tensorboard"


class EventFiles:
    """Writes a run to the folder ``tensorboard`` in its own; ``tensorboard --logdir`` shows it.

    A run that goes on is written anew from its rounds, so that no round is there twice.
    """

    def __init__(self) -> None:
        self._writer: EventFileWriter | None = None
        self._start: Start | None = None
        self._last = 0

    def begin(self, start: Start) -> None:
        """Open a new file and write the settings, and the rounds that are done."""
        folder = start.folder / FOLDER
        shutil.rmtree(folder, ignore_errors=True)
        self._start, self._writer = start, EventFileWriter(str(folder))
        rows = "".join(f"| {name} | {value} |\n" for name, value in start.parameters().items())
        table = f"| setting | value |\n|---|---|\n{rows}\n    {start.command}\n"
        self._write(text_pb("settings", table), step=0)
        for record in read_rounds(start.folder):
            self.round_finished(record)

    def round_finished(self, record: RoundRecord) -> None:
        """Write a round's metrics."""
        if record.round > self._last:
            self._last = record.round
            self._scalars(metrics_of_round(record), step=record.round)
            if self._writer is not None:
                self._writer.flush()

    def end(self, summary: Summary, folder: Path) -> None:
        """Write the test's metrics, the report's sentences, and settings for comparison."""
        step = summary.rounds
        self._scalars(metrics_of_end(summary), step=step)
        told = [
            verdict(summary),
            words.what_was_run(summary),
            words.achieved(summary),
            *words.promises(summary.privacy),
            f"The report is {folder / 'report.html'}.",
        ]
        self._write(text_pb("report", "\n\n".join(told)), step=step)
        if self._start is not None:
            self._write(hparams_pb(self._start.parameters()), step=0)
        self._close()

    def stop(self, *, interrupted: bool) -> None:  # noqa: ARG002
        """Close the file; the run's folder says whether it ended."""
        self._close()

    def _scalars(self, metrics: dict[str, float], *, step: int) -> None:
        values = [Values.Value(tag=name, simple_value=value) for name, value in metrics.items()]
        self._write(Values(value=values), step=step)

    def _write(self, values: Values, *, step: int) -> None:
        if self._writer is not None:
            self._writer.add_event(Event(wall_time=time.time(), step=step, summary=values))

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
