"""One worker process, as its pool sees it, and what the process does.

To a worker go its work and constants, once; then, for each task, what the tasks have in common
(nothing, if it is what was sent before) and the task. An outcome comes back for each task.
"""

import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from penchant.simulation.workers.outcomes import Failure, attempt, packed

__all__ = ["Worker", "WorkerLost"]

# Spawned, not forked: a fork of a process in which torch has threads can hang.
SPAWN = multiprocessing.get_context("spawn")
AS_BEFORE = b""
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
SECONDS_TO_EXIT = 5.0

# multiprocessing, when it starts a process, reaps those that ended; pools do so from threads.
_processes = threading.Lock()


class WorkerLost(Exception):  # noqa: N818 - an event, never seen outside a pool
    """A worker process ended, or could not be started; says how."""


class Worker:
    """A process that does one task at a time, started when it is first needed.

    Args:
        setup: gives the pickled work and constants, whenever a process starts.
    """

    def __init__(self, setup: Callable[[], bytes]) -> None:
        self._setup = setup
        self._running: tuple[SpawnProcess, Connection] | None = None
        self._common: bytes | None = None
        self._stopped = False

    def do(self, common: bytes, task: bytes) -> Any:
        """Return the outcome of a task.

        Args:
            common: what tasks have in common, pickled; the same object as long as it is the same.
            task: the task, pickled.

        Raises:
            WorkerLost: the process ended before the outcome was there; the next call starts one.
        """
        try:
            pipe = self._ready()
            pipe.send_bytes(AS_BEFORE if common is self._common else common)
            self._common = common
            pipe.send_bytes(task)
            reply = pipe.recv_bytes()
        except (EOFError, OSError) as error:
            raise WorkerLost(self.end() or f"could not be started ({error})") from error
        return pickle.loads(reply)

    def stop(self) -> None:
        """Kill the process, whatever it is doing, and start no other; called from any thread."""
        with _processes:
            self._stopped = True
            if self._running is not None:
                self._running[0].kill()

    def end(self) -> str:
        """Wait for the process to end, or end it, and return how it ended; "" if there is none."""
        if self._running is None:
            return ""
        process, pipe = self._running
        pipe.close()
        wait([process.sentinel], SECONDS_TO_EXIT)
        with _processes:
            self._running = None
            process.kill()
            process.join()
            code = process.exitcode
        return (
            f"killed by {signal.Signals(-code).name}" if code and code < 0 else f"exited ({code})"
        )

    def _ready(self) -> Connection:
        """Return the pipe to the process, started if there is none that lives."""
        with _processes:
            alive = self._running is not None and self._running[0].is_alive()
        if self._running is not None and alive:
            return self._running[1]
        self.end()
        setup = self._setup()
        ours, theirs = SPAWN.Pipe()
        process = SPAWN.Process(target=serve, args=(theirs,), daemon=True)
        with _processes, theirs:
            if self._stopped:
                ours.close()
                raise WorkerLost("stopped")
            process.start()
            self._running = process, ours
        self._common = None
        ours.send_bytes(setup)
        return ours


def serve(pipe: Connection) -> None:
    """Do the tasks that come through ``pipe`` until it is closed, on one thread."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the pool, which ends workers
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    threading.Thread(target=end_with_parent, daemon=True).start()
    with suppress(EOFError, OSError):  # the pool has gone
        _serve(pipe)


def _serve(pipe: Connection) -> None:
    setup = attempt(pickle.loads, pipe.recv_bytes())
    if "torch" in sys.modules:  # what the work imports; one imported earlier has its threads
        sys.modules["torch"].set_num_threads(1)
    common: object = None

    def do(new_common: bytes, task: bytes) -> object:
        nonlocal common
        if isinstance(setup, Failure):
            return setup
        if new_common != AS_BEFORE:
            common = pickle.loads(new_common)
        work, constants = setup
        return work(constants, common, pickle.loads(task))

    while True:
        pipe.send_bytes(packed(attempt(do, pipe.recv_bytes(), pipe.recv_bytes())))


def end_with_parent() -> None:
    """End at once when the process that started this one has ended, however it did."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
