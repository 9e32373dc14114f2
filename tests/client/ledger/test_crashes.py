"""kill -9 at random moments: the ledger never shows less spent than was sent."""

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.client.ledger.conftest import Desk, task_of

KILLS = 60


def live(desk: Desk, log: Path, first: int) -> None:
    """Contribute for ever, and write down what was given out, as a network would."""
    sent = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with desk.open() as ledger:
        for number in range(first, 10**6):
            message = ledger.release(task_of(number), desk.make).message
            os.write(sent, b"%d %s\n" % (number, message.replace(b" ", b"_")))


def test_kill_at_random_moments(make_desk: Callable[..., Desk]) -> None:
    """Every update that was sent is debited, and no task was answered with two messages.

    60 devices are killed at random moments of waking, debiting and sending (seed 0); the ledger
    opens after each.
    """
    desk = make_desk(counts_only=True)
    desk.agree()
    log = desk.folder.parent / "sent"
    rng = random.Random(0)
    for kill in range(KILLS):
        first = ever(desk) + 1
        child = os.fork()
        if child == 0:
            try:
                # A device that was killed between debit and sending is asked again.
                desk.made = rng.randrange(10**9)
                live(desk, log, max(1, first - 1))
            finally:
                os._exit(1)
        if kill % 4:  # the others are killed while they wake
            wait_for(log, len(lines(log)) + rng.randrange(4))
        time.sleep(rng.uniform(0, 0.02))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), "the device ended by itself"
        tasks = dict(line.split() for line in lines(log))
        assert ever(desk) >= len(tasks)
    answers = [tuple(line.split()) for line in lines(log)]
    assert len(set(answers)) == len({number for number, _ in answers})
    assert len(answers) > KILLS


def wait_for(log: Path, count: int) -> None:
    """Wait until ``count`` lines were sent; a device that does not get there fails the test."""
    end = time.monotonic() + 60
    while len(lines(log)) < count:
        assert time.monotonic() < end
        time.sleep(0.001)


def lines(log: Path) -> list[str]:
    """Return the whole lines that were sent."""
    return log.read_text().splitlines() if log.exists() else []


def ever(desk: Desk) -> int:
    """Return how many contributions the ledger shows."""
    with desk.open() as ledger:
        report = ledger.report()
        assert report.waits_until is None
        return report.contributions_ever
