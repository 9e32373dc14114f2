"""Work done by a pool of processes on this machine."""

import pickle
import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import LifoQueue
from typing import Generic

from penchant.shared.errors import ConfigurationError, WorkerError
from penchant.simulation.workers.interface import (
    ATTEMPTS,
    Common,
    Constants,
    Result,
    Task,
    Work,
    Workers,
)
from penchant.simulation.workers.order import in_order
from penchant.simulation.workers.outcomes import Failure, settle
from penchant.simulation.workers.worker import Worker, WorkerLost

__all__ = ["ProcessPool"]

TASKS_PER_WORKER = 2


class ProcessPool(Workers[Common, Task, Result], Generic[Constants, Common, Task, Result]):
    """Processes of one thread each, started when there is work for them, which live until closed.

    Work, constants, tasks and results are pickled. Processes are spawned, so a script that uses a
    pool guards its main part with ``if __name__ == "__main__":``.

    Args:
        work: what is done with a task.
        constants: what is the same for all tasks of all runs; sent to a worker when it starts.
        workers: how many processes; at least 1.
        attempts: how often a task is tried when its workers are lost; at least 1.

    Raises:
        ConfigurationError: a number is less than 1.
    """

    def __init__(
        self,
        work: Work[Constants, Common, Task, Result],
        constants: Constants,
        *,
        workers: int,
        attempts: int = ATTEMPTS,
    ) -> None:
        if workers < 1 or attempts < 1:
            raise ConfigurationError(
                f"a pool needs at least 1 worker and 1 attempt at a task, got {workers} workers "
                f"and {attempts} attempts"
            )

        def setup() -> bytes:
            return pickle.dumps((work, constants), protocol=pickle.HIGHEST_PROTOCOL)

        self._attempts = attempts
        self._workers = [Worker(setup) for _ in range(workers)]
        self._idle: LifoQueue[Worker] = LifoQueue()
        for worker in reversed(self._workers):
            self._idle.put(worker)
        # A thread for each worker sends it tasks and waits for outcomes, so that workers go on
        # while the caller is busy with the results it has.
        self._threads = ThreadPoolExecutor(workers, initializer=_leave_ctrl_c_to_the_main_thread)

    @property
    def window(self) -> int:
        """Two tasks a worker: one it does, and one that waits for it or for the caller."""
        return TASKS_PER_WORKER * len(self._workers)

    def run(self, common: Common, tasks: Iterable[Task]) -> Iterator[Result]:
        """Yield the result of each task; see ``Workers.run``."""
        pickled = pickle.dumps(common, protocol=pickle.HIGHEST_PROTOCOL)

        def submit(task: Task) -> Future[Result | Failure]:
            return self._threads.submit(self._do, pickled, task)

        def wait(future: Future[Result | Failure]) -> Result:
            return settle(future.result())

        return in_order(tasks, submit=submit, wait=wait, cancel=Future.cancel, window=self.window)

    def close(self) -> None:
        """Kill the processes, which keep nothing; may be called again."""
        for worker in self._workers:
            worker.stop()
        self._threads.shutdown(cancel_futures=True)
        for worker in self._workers:
            worker.end()

    def _do(self, common: bytes, task: Task) -> Result | Failure:
        """Return the outcome of a task, from the first worker that lives to tell it."""
        pickled = pickle.dumps(task, protocol=pickle.HIGHEST_PROTOCOL)
        worker = self._idle.get()
        try:
            return self._insist(worker, common, pickled)
        finally:
            self._idle.put(worker)

    def _insist(self, worker: Worker, common: bytes, task: bytes) -> Result | Failure:
        """Return the outcome of a task, tried again with a new process if one is lost."""
        lost: WorkerLost
        for _ in range(self._attempts):
            try:
                outcome: Result | Failure = worker.do(common, task)
            except WorkerLost as error:
                lost = error
            else:
                return outcome
        raise WorkerError(
            f"a task was given up: it was tried {self._attempts} times, and its worker process "
            f"was lost each time, at last {lost}; if memory ran out, use fewer workers or make "
            "the tasks smaller"
        ) from lost


def _leave_ctrl_c_to_the_main_thread() -> None:
    """Block SIGINT in a thread, and so in the processes it starts, also while they start."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
