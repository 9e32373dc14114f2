"""What a person has agreed to: a receipt for each purpose, revocable at once."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from penchant.shared.purposes import MEASURE_RANKER, TRAIN_RANKER

__all__ = ["Purpose", "Receipt", "Terms", "terms_of"]


class Purpose(StrEnum):
    """What a person can agree to, each by itself.

    Attributes:
        TRAIN_RANKER: updates of the shared ranker leave the device.
        TRUST_SERVER: they may leave without noise of the device's own, so that only the server's
            honesty keeps what one update shows; without it the device takes part only in rounds
            with event-level privacy.
        MEASURE_RANKER: with an update, and where the server asks, how well the ranker foretold
            what the person did leaves too; without it, training goes on and no measure leaves.
    """

    TRAIN_RANKER = TRAIN_RANKER
    TRUST_SERVER = "let the server see updates before noise is added"
    MEASURE_RANKER = MEASURE_RANKER


@dataclass(frozen=True)
class Terms:
    """What a person is asked to agree to.

    Attributes:
        text: the words shown.
        version: changes when they do.
    """

    text: str
    version: str


@dataclass(frozen=True)
class Receipt:
    """That a person agreed.

    Attributes:
        purpose: to what.
        terms: in which words.
        given: when, unix seconds.
        revoked: when it was taken back, unix seconds; None while it holds.
    """

    purpose: Purpose
    terms: Terms
    given: int
    revoked: int | None = None

    @property
    def holds(self) -> bool:
        """Whether it has not been taken back."""
        return self.revoked is None

    @property
    def text_hash(self) -> str:
        """SHA-256 of the words, 64 hexadecimal digits."""
        return hashlib.sha256(self.terms.text.encode()).hexdigest()


_TERMS = {
    Purpose.TRAIN_RANKER: Terms(
        "This device may send updates of the shared recommendation model, made from what you did "
        "here. What you did, your searches and your interests stay on the device. Each update is "
        "limited in size and counted, and none is sent once the privacy budget is spent. You can "
        "take this back at any time; what was sent cannot be called back.",
        "1",
    ),
    Purpose.TRUST_SERVER: Terms(
        "Updates may leave this device without noise of its own. Whoever runs the server could "
        "learn from a single update what you did, and you trust them not to look and to add the "
        "noise that hides you from everybody else. You can take this back at any time.",
        "1",
    ),
    Purpose.MEASURE_RANKER: Terms(
        "With an update, this device may send how well the recommendations it was given foretold "
        "what you did since the update before: two averages between 0 and 1, and whether there was "
        "anything to measure. Not what you did. Whoever runs the server sees them before noise is "
        "added, as with updates, and they count against your privacy budget. Without this, updates "
        "go on as before. You can take this back at any time.",
        "1",
    ),
}


def terms_of(purpose: Purpose) -> Terms:
    """Return the built-in words for a purpose; an app may show its own instead."""
    return _TERMS[purpose]
