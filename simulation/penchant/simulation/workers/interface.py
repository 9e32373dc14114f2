"""What every kind of workers does."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

__all__ = ["ATTEMPTS", "Common", "Constants", "Result", "Task", "Work", "Workers"]

Constants = TypeVar("Constants")
Common = TypeVar("Common")
Task = TypeVar("Task")
Result = TypeVar("Result")

Work = Callable[[Constants, Common, Task], Result]
"""What is done with a task: a function of a module, which gives the same result for the same
arguments and changes nothing else, so that it may be done anywhere, and again. Arrays it is given
are to be read only: some workers share one copy of them."""

ATTEMPTS = 3


class Workers(ABC, Generic[Common, Task, Result]):
    """Do tasks, and hand back their results in order; closed at the end of a ``with`` block."""

    @property
    @abstractmethod
    def window(self) -> int:
        """How many tasks and results are in memory at most, however many tasks there are."""

    @abstractmethod
    def run(self, common: Common, tasks: Iterable[Task]) -> Iterator[Result]:
        """Yield the result of each task, in the order of ``tasks``.

        Tasks are taken one by one as results are asked for. What the work raises is raised here
        in the place of the task's result, and ends the run; a task whose worker is lost is given
        to another.

        Args:
            common: what all the tasks have in common.
            tasks: the tasks.

        Raises:
            WorkerError: a task's workers were lost time and again.
        """

    @abstractmethod
    def close(self) -> None:
        """End the workers and what they are doing; may be called again."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
