"""The rules that observed events are cleaned or refused by."""

from dataclasses import dataclass
from enum import StrEnum

from penchant.shared.errors import ConfigurationError

__all__ = ["Cleaning", "QualityRules", "Refusal"]


class Refusal(StrEnum):
    """Why an event was not kept."""

    DUPLICATE = "duplicate"
    BURST = "burst"
    EMPTY_TEXT = "empty_text"
    HUGE_TEXT = "huge_text"
    TOO_EARLY = "too_early"


class Cleaning(StrEnum):
    """What was put right in an event that was kept."""

    MARKUP = "markup"
    CONTROL_CHARACTERS = "control_characters"
    NORMALISED = "normalised"
    LONG_TEXT = "long_text"
    EMPTY_TEXT = "empty_text"
    FUTURE_TIME = "future_time"


@dataclass(frozen=True)
class QualityRules:
    """How observed events are cleaned, and which are refused.

    Refused: the same thing again (kind, item and text) less than ``duplicate_seconds`` away; every
    event beyond ``burst_events`` within ``burst_seconds``, as no person acts so fast for so long;
    a text of more than ``huge_text`` characters; an event with no item whose text has nothing in
    it; a time before ``earliest_time``.

    Cleaned: HTML is reduced to its text and control characters, invisible ones included, are taken
    out; Unicode is brought into NFC and runs of space become one; a text is cut to ``long_text``
    characters; an empty text beside an item is dropped; a time more than ``future_seconds`` ahead
    becomes now.

    Attributes:
        duplicate_seconds: at least 0; 0 keeps duplicates.
        burst_events: at least 1.
        burst_seconds: at least 0; 0 keeps bursts.
        long_text: characters of a cleaned text, at least 1.
        huge_text: characters of a text as it came, at least ``long_text``.
        future_seconds: what clocks may differ by, at least 0.
        earliest_time: unix seconds; later than 0 where an app's log says 0 for a missing time.

    Raises:
        ConfigurationError: a number is out of range.
    """

    duplicate_seconds: int = 1
    burst_events: int = 300
    burst_seconds: int = 60
    long_text: int = 2_000
    huge_text: int = 100_000
    future_seconds: int = 86_400
    earliest_time: int = 0

    def __post_init__(self) -> None:
        least = {"burst_events": 1, "long_text": 1, "huge_text": self.long_text}
        for name, value in vars(self).items():
            if not value >= least.get(name, 0):
                raise ConfigurationError(
                    f"the quality rule {name} is {value}; it must be at least {least.get(name, 0)}"
                )
