"""Health: what was kept, cleaned and refused so far, and why; never what it said."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from penchant.client.events import Event
from penchant.client.quality.inspection import Inspected
from penchant.client.quality.rules import Cleaning, Refusal
from penchant.shared.errors import StoreError
from penchant.shared.jsontexts import parsed_json

__all__ = ["Health", "Refused", "Tally"]

LAST_REFUSED = 20


@dataclass(frozen=True)
class Refused:
    """A refused event, without anything of what it said.

    Attributes:
        reason: why.
        time: unix seconds by the clock when it was observed.
    """

    reason: Refusal
    time: int


@dataclass(frozen=True)
class Tally:
    """Refusals since the device was made.

    Attributes:
        refused: how many events were refused for each reason.
        last_refused: the latest refusals, oldest first, at most 20.
    """

    refused: Mapping[Refusal, int] = field(default_factory=dict)
    last_refused: tuple[Refused, ...] = ()

    def with_inspected(self, inspected: Inspected, *, now: int) -> Self:
        """Return the counts with those of an inspection at ``now``; itself, if it changed none."""
        reasons = [reason for reason in inspected.events if not isinstance(reason, Event)]
        if not reasons:
            return self
        last = (*self.last_refused, *(Refused(reason, now) for reason in reasons[-LAST_REFUSED:]))
        return type(self)(
            dict(Counter(self.refused) + Counter(reasons)),
            last[-LAST_REFUSED:],
        )

    def to_bytes(self) -> bytes:
        """Return the counts as bytes for the store."""
        record = {
            "refused": self.refused,
            "last_refused": [[refused.reason, refused.time] for refused in self.last_refused],
        }
        return json.dumps(record).encode()

    @classmethod
    def from_bytes(cls, data: bytes | None) -> Self:
        """Return what ``to_bytes`` wrote; no counts for None.

        Raises:
            StoreError: the bytes are not counts.
        """
        if data is None:
            return cls()
        try:
            record = parsed_json(data)
            return cls(
                {Refusal(name): int(count) for name, count in record["refused"].items()},
                tuple(Refused(Refusal(name), int(at)) for name, at in record["last_refused"]),
            )
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            raise StoreError(f"the stored quality counts cannot be read: {error}") from error


@dataclass(frozen=True)
class Health:
    """How well a device's log is doing.

    Attributes:
        events: how many are kept.
        cleaned: how many of those each kind of cleaning has changed.
        tally: what was refused.
    """

    events: int
    cleaned: Mapping[Cleaning, int]
    tally: Tally

    @property
    def refused(self) -> Mapping[Refusal, int]:
        """How many events were refused for each reason."""
        return self.tally.refused

    @property
    def last_refused(self) -> tuple[Refused, ...]:
        """The latest refusals, oldest first, at most 20."""
        return self.tally.last_refused
