"""Behaviour events: what a person did, when, and with what."""

import re
import time as clock
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Self

from penchant.shared.errors import DataError

__all__ = ["LANGUAGE", "Event", "EventKind", "unix_seconds"]


# The end of the year 9999. A later time is a mistake, such as milliseconds, and would age
# everything else a person did to nothing.
LATEST_TIME = 253_402_300_799
# The shape of a BCP 47 tag: a language, then subtags.
LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


class EventKind(StrEnum):
    """What a person did; the order is part of the wire contract (the ranker's kind weights)."""

    VIEW = "view"
    SEARCH = "search"
    CLICK = "click"
    LIKE = "like"
    DISLIKE = "dislike"
    PURCHASE = "purchase"
    SHARE = "share"
    DWELL = "dwell"
    CUSTOM = "custom"

    @property
    def number(self) -> int:
        """The kind's place in the ranker's kind weights, from 0."""
        return _KIND_INDEX[self]

    @property
    def weight(self) -> float:
        """How much an event of this kind says about a person's interest; below 0 for aversion."""
        return _WEIGHTS.get(self, 1.0)


_KIND_INDEX = {kind: index for index, kind in enumerate(EventKind)}
_WEIGHTS = {
    EventKind.LIKE: 2.0,
    EventKind.DISLIKE: -1.0,
    EventKind.PURCHASE: 3.0,
    EventKind.SHARE: 2.0,
}


@dataclass(frozen=True, init=False, slots=True)
class Event:
    """One thing a person did.

    Attributes:
        kind: what was done.
        item: id of a catalogue item, if there was one.
        text: free text, such as a search; at least one of ``item`` and ``text`` is given.
        time: unix seconds, from 0 to the end of the year 9999; now, if not given or None.
        language: of the text, a BCP 47 tag such as ``de`` or ``zh-Hant``, if known.

    Raises:
        DataError: a field is not usable.

    Example:
        >>> Event(kind="search", text="cold war thrillers", time=893286638).kind.value
        'search'
    """

    kind: EventKind
    item: str | None
    text: str | None
    time: int
    language: str | None

    def __init__(
        self,
        *,
        kind: EventKind | str,
        item: str | None = None,
        text: str | None = None,
        time: int | None = None,
        language: str | None = None,
    ) -> None:
        # Written out, so that importing the SDK need not load a library of validation.
        keep = object.__setattr__
        keep(self, "kind", _kind(kind))
        keep(self, "item", _text("item", item))
        keep(self, "text", _text("text", text))
        keep(self, "time", int(clock.time()) if time is None else unix_seconds(time))
        keep(self, "language", _text("language", language))
        if item is None and text is None:
            raise DataError("an event needs an item id, a text, or both; neither was given")
        if language is not None and not LANGUAGE.fullmatch(language):
            raise DataError(f"language is {language!r}; give a BCP 47 tag such as de or zh-Hant")

    @classmethod
    def parse(cls, record: Mapping[str, Any]) -> Self:
        """Return the event that the fields of ``record`` describe.

        Raises:
            DataError: a field is missing, unknown or not usable.
        """
        unknown = record.keys() - {field.name for field in fields(cls)}
        if unknown or "kind" not in record:
            fault = f"{min(unknown)} is no field" if unknown else "it has no kind"
            raise DataError(f"event {dict(record)!r} is not usable: {fault} of an event")
        try:
            return cls(**record)
        except DataError as error:
            raise DataError(f"event {dict(record)!r} is not usable: {error}") from error


_KINDS: dict[str, EventKind] = {kind.value: kind for kind in EventKind}


def _kind(kind: object) -> EventKind:
    if isinstance(kind, str) and kind in _KINDS:
        return _KINDS[kind]
    raise DataError(f"kind is {kind!r}; it must be one of {', '.join(EventKind)}")


def _text(name: str, value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise DataError(f"{name} is {value!r}; it must be a text of at least one character")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise DataError(f"{name} is {value!r}, which is not valid Unicode: {error}") from error
    return value


def unix_seconds(value: object, *, name: str = "time") -> int:
    """Return ``value`` as whole unix seconds.

    Args:
        value: a number or its digits.
        name: what an error calls it.

    Raises:
        DataError: it is not from 0 to the end of the year 9999, or not whole.
    """
    try:
        seconds = int(value)  # type: ignore[call-overload]
        whole = not isinstance(value, bool) and (isinstance(value, str) or seconds == value)
    except (TypeError, ValueError, OverflowError):
        seconds, whole = 0, False
    if not whole or not 0 <= seconds <= LATEST_TIME:
        raise DataError(
            f"{name} is {value!r}; it must be whole unix seconds from 0 to {LATEST_TIME}, and not "
            "milliseconds"
        )
    return int(seconds)
