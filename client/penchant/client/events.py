"""Behaviour events: what a person did, when, and with what."""

import time as clock
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from penchant.shared.errors import DataError

__all__ = ["Event", "EventKind"]


# The end of the year 9999. A later time is a mistake, such as milliseconds, and would age
# everything else a person did to nothing.
LATEST_TIME = 253_402_300_799
# The shape of a BCP 47 tag: a language, then subtags.
LANGUAGE = r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$"


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


class Event(BaseModel):
    """One thing a person did.

    Attributes:
        kind: what was done.
        item: id of a catalogue item, if there was one.
        text: free text, such as a search; at least one of ``item`` and ``text`` is given.
        time: unix seconds, from 0 to the end of the year 9999; now, if not given or None.
        language: of the text, a BCP 47 tag such as ``de`` or ``zh-Hant``, if known.

    Example:
        >>> Event(kind="search", text="cold war thrillers", time=893286638).kind.value
        'search'
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: EventKind
    item: str | None = Field(default=None, min_length=1)
    text: str | None = Field(default=None, min_length=1)
    time: int = Field(default_factory=lambda: int(clock.time()), ge=0, le=LATEST_TIME)
    language: str | None = Field(default=None, pattern=LANGUAGE)

    @field_validator("time", mode="before")
    @classmethod
    def _now_if_missing(cls, time: object) -> object:
        return int(clock.time()) if time is None else time

    @model_validator(mode="after")
    def _has_subject(self) -> Self:
        if self.item is None and self.text is None:
            raise ValueError("an event needs an item id, a text, or both; neither was given")
        return self

    @classmethod
    def parse(cls, fields: dict[str, object]) -> Self:
        """Return the event that ``fields`` describe.

        Raises:
            DataError: a field is missing, unknown or not usable.
        """
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "event"
            raise DataError(f"event {fields!r} is not usable: {place}: {first['msg']}") from error
