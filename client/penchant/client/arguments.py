"""What an app asks with, checked where it comes in."""

import operator
import time as clock
from collections.abc import Sequence

from penchant.client.events import Event, unix_seconds
from penchant.shared.errors import ConfigurationError, DataError

__all__ = ["moment", "require_count", "require_events", "require_text"]


def require_count(k: int) -> None:
    """Check that ``k`` is a whole number from 1.

    Raises:
        ConfigurationError: it is not.
    """
    try:
        count = 0 if isinstance(k, bool) else operator.index(k)
    except TypeError:
        count = 0
    if count < 1:
        raise ConfigurationError(f"k is {k!r}; it must be a whole number of at least 1")


def require_events(events: Sequence[Event]) -> None:
    """Check that ``events`` are events.

    Raises:
        DataError: one is not.
    """
    for event in events:
        if not isinstance(event, Event):
            raise DataError(
                f"{event!r} is no event; make one with Event(kind=..., item=...), or from a "
                "record with Event.parse"
            )


def require_text(text: str) -> None:
    """Check that ``text`` is a text.

    Raises:
        DataError: it is something else.
    """
    if not isinstance(text, str):
        raise DataError(f"{text!r} is no text; give a string")


def moment(now: int | None) -> int:
    """Return ``now`` in whole unix seconds; the clock's, if not given.

    Raises:
        DataError: it is no such time.
    """
    return int(clock.time()) if now is None else unix_seconds(now, name="now")
