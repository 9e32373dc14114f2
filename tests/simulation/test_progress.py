"""Tests of the live display: live on a terminal, a line a round elsewhere, silent if asked."""

import io

import pytest
from rich.console import Console

from penchant.simulation.progress import (
    LineARound,
    LiveDisplay,
    RunObserver,
    Silent,
    observer_for,
)
from penchant.simulation.report import RoundRecord


def run(observer: RunObserver, records: list[RoundRecord]) -> None:
    """Tell the observer a whole run."""
    for record in records:
        observer.round_started(record.round, record.devices)
        observer.device_done()
        observer.device_done(record.devices - 1)
        observer.round_finished(record)
    observer.finished()


def console_of(*, terminal: bool) -> tuple[Console, io.StringIO]:
    """A console of 100 columns and what is written to it."""
    output = io.StringIO()
    return Console(file=output, force_terminal=terminal, width=100), output


def test_one_plain_line_a_round_where_there_is_no_terminal(
    round_records: list[RoundRecord],
) -> None:
    """A log gets one line a round, whole and without control codes, also if it is narrow."""
    output = io.StringIO()
    console = Console(file=output, width=30)
    observer = observer_for(rounds=4, budget=8.0, console=console)
    assert isinstance(observer, LineARound)
    run(observer, round_records)
    assert output.getvalue().splitlines() == [
        "round 1/4, 371 devices, loss 6.000, epsilon 0.50 of 8, 0:00:09 left",
        "round 2/4, 372 devices, 1 rejected, loss 3.000, validation HR@10 0.100, "
        "epsilon 1.00 of 8, 0:00:06 left",
        "round 3/4, 373 devices, 2 rejected, void, validation HR@10 0.100, "
        "epsilon 1.50 of 8, 0:00:03 left",
        "round 4/4, 374 devices, 3 rejected, loss 1.500, validation HR@10 0.200, "
        "epsilon 2.00 of 8, 0:00:00 left",
    ]


def test_epsilon_is_not_mentioned_without_privacy() -> None:
    """A run without privacy shows no epsilon, and needs no budget."""
    console, output = console_of(terminal=False)
    observer = observer_for(rounds=2, budget=None, console=console)
    observer.round_finished(RoundRecord(round=1, devices=3, loss=2.0, seconds=1.0))
    assert output.getvalue() == "round 1/2, 3 devices, loss 2.000, 0:00:01 left\n"


def test_terminal_gets_a_live_display(round_records: list[RoundRecord]) -> None:
    """Rounds, devices of the round and the figures are drawn, and the cursor comes back."""
    console, output = console_of(terminal=True)
    observer = observer_for(rounds=4, budget=8.0, console=console)
    assert isinstance(observer, LiveDisplay)
    run(observer, round_records)
    drawn = output.getvalue()
    for shown in ("rounds", "4/4", "374/374", "loss 1.500", "HR@10 0.200", "2.00 of 8", "left"):
        assert shown in drawn
    assert drawn.rindex("\x1b[?25h") > drawn.rindex("\x1b[?25l")


def test_interrupted_run_gives_the_cursor_back_once() -> None:
    """``finished`` in the middle of a round, or twice, or before any round, is harmless."""
    console, output = console_of(terminal=True)
    observer = LiveDisplay(console, rounds=4, budget=None)
    observer.finished()
    observer.round_started(1, 10)
    observer.device_done()
    observer.finished()
    observer.finished()
    assert output.getvalue().count("\x1b[?25h") == output.getvalue().count("\x1b[?25l") == 1


@pytest.mark.parametrize("terminal", [True, False])
def test_quiet_shows_nothing(terminal: bool, round_records: list[RoundRecord]) -> None:
    """``--quiet`` is silent on a terminal and off it."""
    console, output = console_of(terminal=terminal)
    observer = observer_for(rounds=4, budget=8.0, quiet=True, console=console)
    assert isinstance(observer, Silent)
    run(observer, round_records)
    assert output.getvalue() == ""
