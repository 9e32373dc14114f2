"""Work done in this process, one task after the other."""

from collections.abc import Iterable, Iterator
from typing import Generic

from penchant.simulation.workers.interface import Common, Constants, Result, Task, Work, Workers

__all__ = ["InProcess"]


class InProcess(Workers[Common, Task, Result], Generic[Constants, Common, Task, Result]):
    """Does each task as its result is asked for.

    Args:
        work: what is done with a task.
        constants: what is the same for all tasks of all runs.
    """

    def __init__(self, work: Work[Constants, Common, Task, Result], constants: Constants) -> None:
        self._work = work
        self._constants = constants

    @property
    def window(self) -> int:
        """One task."""
        return 1

    def run(self, common: Common, tasks: Iterable[Task]) -> Iterator[Result]:
        """Yield the result of each task; see ``Workers.run``."""
        for task in tasks:
            yield self._work(self._constants, common, task)

    def close(self) -> None:
        """Do nothing: there is nothing to end."""
