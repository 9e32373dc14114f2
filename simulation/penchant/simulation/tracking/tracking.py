"""A run with its trackers: begun, told of each round, and closed, whatever happens."""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from penchant.shared.errors import ConfigurationError, MissingExtraError, PenchantError
from penchant.simulation.progress import RunObserver
from penchant.simulation.report.rounds import RoundRecord
from penchant.simulation.report.summary import Summary
from penchant.simulation.tracking.tracker import Start, Tracker

__all__ = ["Tracking", "trackers_named"]

MLFLOW, TENSORBOARD = "mlflow", "tensorboard"


def trackers_named(names: str | None) -> list[Tracker]:
    """Return new trackers.

    Args:
        names: ``mlflow`` or ``tensorboard``, between commas; None for none.

    Raises:
        ConfigurationError: there is no such tracker, or it is named twice.
        MissingExtraError: its library is not installed.
    """
    if names is None:
        return []
    wanted = [name.strip() for name in names.split(",")]
    for name in wanted:
        if name not in (MLFLOW, TENSORBOARD):
            raise ConfigurationError(
                f"--log is '{names}'; '{name}' in it is not one of {MLFLOW}, {TENSORBOARD}"
            )
    if len(set(wanted)) < len(wanted):
        raise ConfigurationError(f"--log is '{names}'; name each once")
    return [_opened(name) for name in wanted]


def _opened(name: str) -> Tracker:
    try:
        if name == MLFLOW:
            from penchant.simulation.tracking.mlflow_runs import MlflowRuns

            return MlflowRuns()
        from penchant.simulation.tracking.event_files import EventFiles

        return EventFiles()
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("penchant"):
            raise
        raise MissingExtraError(name, f"penchant simulate --log {name}") from error


class Tracking:
    """Tells trackers about one run, as a context in which it runs.

    A tracker that fails once the run has begun is told of and left behind: the run goes on, and all
    that it would have kept is in the run's folder.

    Args:
        trackers: what keeps the run.
        tell: told of failures, for people.
    """

    def __init__(self, trackers: Sequence[Tracker], *, tell: Callable[[str], None]) -> None:
        self._trackers = list(trackers)
        self._tell = tell
        self._start: Start | None = None
        self._is_over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._start is not None and not self._is_over:
            interrupted = isinstance(error, KeyboardInterrupt)
            self._each(lambda tracker: tracker.stop(interrupted=interrupted))

    def observed(self, display: RunObserver, start: Start) -> RunObserver:
        """Return an observer of the run that shows it and tells the trackers.

        Args:
            display: shows the run.
            start: what it starts with.
        """
        return _Observer(display, self, start) if self._trackers else display

    def begin(self, start: Start) -> None:
        """Begin, once.

        Raises:
            ConfigurationError: a tracker cannot keep the run.
        """
        if self._start is None:
            self._start = start
            for tracker in self._trackers:
                tracker.begin(start)

    def round_finished(self, record: RoundRecord) -> None:
        """Tell of a round."""
        self._each(lambda tracker: tracker.round_finished(record))

    def ended(self, summary: Summary) -> None:
        """Tell of the end, if the run was begun."""
        start = self._start
        if start is not None:
            self._is_over = True
            self._each(lambda tracker: tracker.end(summary, start.folder))

    def _each(self, do: Callable[[Tracker], None]) -> None:
        for tracker in tuple(self._trackers):
            try:
                do(tracker)
            except (PenchantError, OSError) as error:
                self._trackers.remove(tracker)
                self._tell(
                    f"{type(tracker).__name__} failed and is told no more of this run: {error}"
                )


class _Observer:
    """Shows a run, and has its trackers told."""

    def __init__(self, display: RunObserver, tracking: Tracking, start: Start) -> None:
        self._display, self._tracking, self._start = display, tracking, start

    def round_started(self, round_number: int, devices: int) -> None:
        """Begin with the first round of this process: the folder is the run's by then."""
        self._tracking.begin(self._start)
        self._display.round_started(round_number, devices)

    def device_done(self, count: int = 1) -> None:
        """Show it."""
        self._display.device_done(count)

    def round_finished(self, record: RoundRecord) -> None:
        """Show it and tell of it."""
        self._display.round_finished(record)
        self._tracking.round_finished(record)

    def finished(self) -> None:
        """Show it; a run whose rounds were all done begins here."""
        self._display.finished()
        self._tracking.begin(self._start)
