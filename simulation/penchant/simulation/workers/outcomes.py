"""What came of a task elsewhere: its result, or the error that it raised, fit to be sent."""

import pickle
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from penchant.shared.errors import WorkerError

__all__ = ["Failure", "attempt", "packed", "settle"]

Result = TypeVar("Result")


@dataclass(frozen=True)
class Failure:
    """An error in parts.

    Exceptions whose constructor takes anything but the message pickle, and fail to unpickle;
    these are put together again without it.

    Attributes:
        kind: the error's class.
        arguments: what it is made of.
        attributes: its other attributes, with the traceback as a note.
    """

    kind: type[Exception]
    arguments: tuple[Any, ...]
    attributes: dict[str, Any]

    @classmethod
    def of(cls, error: Exception) -> "Failure":
        """Return ``error`` in parts; one that cannot be sent becomes a ``WorkerError``."""
        note = "Raised by a worker:\n" + "".join(traceback.format_exception(error)).rstrip()
        error.add_note(note)
        try:
            # Not ``error.args``: an OSError's lack the names of its files.
            arguments = tuple(error.__reduce__()[1])
            failure = cls(type(error), arguments, dict(vars(error)))
            pickle.loads(pickle.dumps(failure)).error()
        except Exception:  # noqa: BLE001 - whatever keeps it from being sent
            reason = f"the work raised {type(error).__name__}: {error}"
            return cls(WorkerError, (reason,), {"__notes__": [note]})
        return failure

    def error(self) -> Exception:
        """Return the error, put together again."""
        error = self.kind.__new__(self.kind, *self.arguments)
        error.__dict__.update(self.attributes)
        return error


def attempt(function: Callable[..., Result], *arguments: Any) -> Result | Failure:
    """Return ``function(*arguments)``, or the failure if it raises."""
    try:
        return function(*arguments)
    except Exception as error:  # noqa: BLE001 - handed to whoever asked for the work
        return Failure.of(error)


def packed(outcome: object) -> bytes:
    """Return ``outcome`` pickled, or, if it cannot be, that failure."""
    try:
        return pickle.dumps(outcome, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # noqa: BLE001 - whatever a result's own pickling raises
        return pickle.dumps(Failure.of(error), protocol=pickle.HIGHEST_PROTOCOL)


def settle(outcome: Result | Failure) -> Result:
    """Return the result, or raise the failure's error."""
    if isinstance(outcome, Failure):
        raise outcome.error()
    return outcome
