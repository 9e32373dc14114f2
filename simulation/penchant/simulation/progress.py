"""What a person sees while a simulation runs: a live display, a line a round, or nothing."""

from collections import deque
from datetime import timedelta
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from penchant.simulation.report.rounds import RoundRecord

__all__ = ["LineARound", "LiveDisplay", "RunObserver", "Silent", "observer_for"]

_RECENT_ROUNDS = 5  # that the time left is reckoned from
_FRAMES_PER_SECOND = 4


class RunObserver(Protocol):
    """Is told what a run does. Every call is cheap, and none changes the run."""

    def round_started(self, round_number: int, devices: int) -> None:
        """Round ``round_number``, from 1, begins with a cohort of ``devices``."""

    def device_done(self, count: int = 1) -> None:
        """``count`` more devices of this round have answered."""

    def round_finished(self, record: RoundRecord) -> None:
        """The round is over."""

    def finished(self) -> None:
        """The run is over, or was stopped; may be called twice."""


class Silent:
    """Shows nothing."""

    def round_started(self, round_number: int, devices: int) -> None:
        """Show nothing."""

    def device_done(self, count: int = 1) -> None:
        """Show nothing."""

    def round_finished(self, record: RoundRecord) -> None:
        """Show nothing."""

    def finished(self) -> None:
        """Show nothing."""


class _Story:
    """Puts rounds into words; remembers what not every round brings."""

    def __init__(self, *, rounds: int, budget: float | None) -> None:
        self.rounds = rounds
        self._budget = budget
        self._validation: str | None = None
        self._seconds: deque[float] = deque(maxlen=_RECENT_ROUNDS)

    def tell(self, record: RoundRecord) -> list[str]:
        self._seconds.append(record.seconds)
        if record.validation is not None:
            self._validation = f"validation HR@10 {record.validation.full.hr:.3f}"
        epsilon = None
        if record.epsilon is not None:
            of_budget = "" if self._budget is None else f" of {self._budget:g}"
            epsilon = f"epsilon {record.epsilon:.2f}{of_budget}"
        parts = [
            f"{record.rejected} rejected" if record.rejected else None,
            "void" if record.loss is None else f"loss {record.loss:.3f}",
            self._validation,
            epsilon,
            f"{self._time_left(record.round)} left",
        ]
        return [part for part in parts if part is not None]

    def _time_left(self, round_number: int) -> timedelta:
        mean = sum(self._seconds) / len(self._seconds)
        return timedelta(seconds=round(mean * max(0, self.rounds - round_number)))


class LineARound:
    """Prints one plain line after each round, for logs and pipes.

    Args:
        console: where to print.
        rounds: how many rounds the run has in all.
        budget: the epsilon that the run may spend; None if it has no privacy budget.
    """

    def __init__(self, console: Console, *, rounds: int, budget: float | None) -> None:
        self._console = console
        self._story = _Story(rounds=rounds, budget=budget)

    def round_started(self, round_number: int, devices: int) -> None:
        """Print nothing yet."""

    def device_done(self, count: int = 1) -> None:
        """Print nothing."""

    def round_finished(self, record: RoundRecord) -> None:
        """Print the round's line."""
        start = [f"round {record.round}/{self._story.rounds}", f"{record.devices} devices"]
        line = ", ".join([*start, *self._story.tell(record)])
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def finished(self) -> None:
        """Print nothing more."""


class LiveDisplay:
    """Draws two bars, rounds and devices of the round, and the latest figures below them.

    Args:
        console: a terminal.
        rounds: how many rounds the run has in all.
        budget: the epsilon that the run may spend; None if it has no privacy budget.
    """

    def __init__(self, console: Console, *, rounds: int, budget: float | None) -> None:
        self._story = _Story(rounds=rounds, budget=budget)
        self._bars = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self._rounds = self._bars.add_task("rounds", total=rounds)
        self._devices = self._bars.add_task("devices", total=None)
        self._figures = Text()
        self._live = Live(
            Group(self._bars, self._figures), console=console, refresh_per_second=_FRAMES_PER_SECOND
        )

    def round_started(self, round_number: int, devices: int) -> None:
        """Begin the round's bar anew."""
        self._bars.update(self._rounds, completed=round_number - 1)
        self._bars.reset(self._devices, total=devices)
        if not self._live.is_started:
            self._live.start()

    def device_done(self, count: int = 1) -> None:
        """Move the round's bar; it is drawn a few times a second, however often this is called."""
        self._bars.advance(self._devices, count)

    def round_finished(self, record: RoundRecord) -> None:
        """Show the round's figures until the next ones come."""
        self._bars.update(self._rounds, completed=record.round)
        self._figures.plain = ", ".join(self._story.tell(record))

    def finished(self) -> None:
        """Leave the last state on the terminal and give the cursor back."""
        self._live.stop()


def observer_for(
    *, rounds: int, budget: float | None, quiet: bool = False, console: Console | None = None
) -> RunObserver:
    """Choose what to show: nothing if quiet, a live display on a terminal, else a line a round.

    Args:
        rounds: how many rounds the run has in all.
        budget: the epsilon that the run may spend; None if it has no privacy budget.
        quiet: show nothing.
        console: where to show it; by default standard error, so that output stays clean.
    """
    if quiet:
        return Silent()
    console = console or Console(stderr=True)
    show = LiveDisplay if console.is_terminal else LineARound
    return show(console, rounds=rounds, budget=budget)
