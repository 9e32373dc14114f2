"""Results in the order of their tasks, with few of either in memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

__all__ = ["in_order"]

Task = TypeVar("Task")
Handle = TypeVar("Handle")
Result = TypeVar("Result")


def in_order(
    tasks: Iterable[Task],
    *,
    submit: Callable[[Task], Handle],
    wait: Callable[[Handle], Result],
    cancel: Callable[[Handle], object],
    window: int,
) -> Iterator[Result]:
    """Yield the tasks' results in order, with up to ``window`` tasks under way.

    Args:
        tasks: the tasks, taken one by one.
        submit: has a task begun and returns a handle to it.
        wait: returns the result behind a handle, once it is there.
        cancel: told each handle whose result is no longer wanted.
        window: most tasks to have begun whose result has not been yielded; at least 1.
    """
    begun: deque[Handle] = deque()
    try:
        for task in tasks:
            begun.append(submit(task))
            if len(begun) == window:
                yield wait(begun.popleft())
        while begun:
            yield wait(begun.popleft())
    finally:
        for handle in begun:
            cancel(handle)
