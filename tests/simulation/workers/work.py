"""Work for workers to do: functions of a module, as workers need them."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from penchant.shared.errors import MissingExtraError
from penchant.simulation.workers import choose_workers

Floats = NDArray[np.float64]

PATIENCE = 120.0


@dataclass(frozen=True)
class Errand:
    """A task that says by itself what is to be done.

    Attributes:
        name: a function of this module.
        number: its last argument.
        journal: where it makes its notes.
    """

    name: str
    number: int
    journal: Path = Path()


def run_errand(constants: Floats, common: Floats, task: Errand) -> object:
    """Do an errand: work of many kinds for the same workers."""
    if task.name == "draw":
        return draw(constants, common, task.number)
    errand: Callable[[Path, int], object] = globals()[task.name]
    return errand(task.journal, task.number)


def draw(constants: Floats, common: Floats, number: int) -> Floats:
    """Return numbers that depend on all that is given."""
    rng = np.random.default_rng(number)
    return constants @ (common + rng.normal(size=common.shape))


def die(journal: Path, number: int) -> int:
    """Kill the process that runs it, ``number`` times; then return how often it was begun."""
    begun = len(noted(journal, f"{number}")) + 1
    note(journal, f"{number}", str(begun))
    if begun <= number:
        os.kill(os.getpid(), signal.SIGKILL)
    return begun


def fail(journal: Path, number: int) -> None:
    """Raise an error."""
    note(journal, f"{number}", str(os.getpid()))
    if number == 3:
        raise MissingExtraError("an extra", "number 3")
    raise KeyError(f"number {number}")


def give_lock(journal: Path, number: int) -> object:
    """Return what cannot be sent."""
    note(journal, f"{number}", str(os.getpid()))
    return threading.Lock()


def hold(journal: Path, node: bool, task: int) -> Floats:
    """Note which process or Ray node it is, and return numbers once the journal says ``go``."""
    place = str(os.getpid())
    if node:
        import ray

        place = ray.get_runtime_context().get_node_id()
    note(journal, "begun", f"{task}-{place}")
    wait_for(lambda: (journal / "go").exists())
    return np.full(60_000, task, dtype=np.float64)


def threads(constants: None, common: None, task: int) -> tuple[int, int | None]:  # noqa: ARG001
    """Return the process, and how many threads it would compute on."""
    import torch

    return os.getpid(), torch.get_num_threads()


def process(constants: None, common: None, task: int) -> int:  # noqa: ARG001
    """Return the process that does the task."""
    return os.getpid()


def note(journal: Path, kind: str, what: str) -> None:
    """Note in the journal, for whoever else reads it."""
    (journal / f"{kind}:{what}").touch()


def noted(journal: Path, kind: str) -> list[str]:
    """Return the notes of a kind."""
    return [path.name.removeprefix(f"{kind}:") for path in journal.glob(f"{kind}:*")]


def wait_for(done: Callable[[], object]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing came of it in {PATIENCE} seconds")
        time.sleep(0.02)


def lives(process: int) -> bool:
    """Return whether any thread of a process runs; one that ended may wait to be reaped.

    The first thread can have ended before the others: until they have, its pipes are open.
    """
    states = []
    for thread in Path(f"/proc/{process}/task").glob("*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            states.append(thread.read_text().rpartition(")")[2].split()[0])
    return any(state not in "ZX" for state in states)


def main(arguments: list[str]) -> None:
    """Hold tasks without end on workers; the arguments are their kind and the journal."""
    kind, journal = arguments[0], Path(arguments[1])
    workers = choose_workers(hold, journal, processes=2, ray=None if kind == "processes" else kind)
    try:
        with workers:
            list(workers.run(False, range(4)))
    except KeyboardInterrupt:
        print("interrupted")  # noqa: T201 - read by the test


if __name__ == "__main__":
    main(sys.argv[1:])
