"""What would leave the device, byte for byte, before it does."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Part", "Preview", "preview_of"]

_MEANINGS = {
    "item_projection": "how item texts are read",
    "context_projection": "how recent history is read",
    "attention_position": "how much the order of recent events counts",
    "attention_kind": "how much each kind of event counts",
    "attention_age": "how much the age of an event counts",
    "popularity": "one number an item: how often it is wanted",
    "item_residual": "what an item's text does not tell",
}


@dataclass(frozen=True)
class Part:
    """A piece of the message.

    Attributes:
        name: what it is called.
        meaning: what it is, in words.
        numbers: how many numbers it holds; 0 for text.
        size: bytes.
    """

    name: str
    meaning: str
    numbers: int
    size: int


@dataclass(frozen=True)
class Preview:
    """The message that would leave; nothing has left and nothing was debited.

    Attributes:
        message: all of its bytes.
        parts: what they are, in order; their sizes add up to the message's.
        refusal: why the device would refuse to send it now, or None.
        paid: whether it was released before, so that sending it again costs nothing.
    """

    message: bytes
    parts: tuple[Part, ...]
    refusal: str | None
    paid: bool

    @property
    def size(self) -> int:
        """Bytes of the message."""
        return len(self.message)

    @property
    def sha256(self) -> str:
        """SHA-256 of the message, 64 hexadecimal digits."""
        return hashlib.sha256(self.message).hexdigest()

    def __str__(self) -> str:
        """Return the preview in plain words, one part a line."""
        lines = [f"{self.size:,} bytes would leave, SHA-256 {self.sha256}:"]
        for part in self.parts:
            held = f", {part.numbers:,} numbers" if part.numbers else ""
            lines.append(f"  {part.name}: {part.size:,} bytes{held}: {part.meaning}")
        if self.refusal is not None:
            lines.append(f"The device would not send it: {self.refusal}")
        return "\n".join(lines)


def preview_of(
    message: bytes,
    shapes: Mapping[str, tuple[int, ...]],
    *,
    refusal: str | None,
    paid: bool,
    measure: Part | None = None,
) -> Preview:
    """Return the preview of a message.

    Args:
        message: an encoded result.
        shapes: the ranker's arrays, in the order of its flat vector.
        refusal: why the device would refuse to send it, or None.
        paid: whether it was released before.
        measure: what the message ends with, if it has one.
    """
    parts = [
        Part(name, _MEANINGS[name], math.prod(shape), 4 * math.prod(shape))
        for name, shape in shapes.items()
    ]
    if measure is not None:
        parts.append(measure)
    header = len(message) - sum(part.size for part in parts)
    words = "format and version, the ranker's identity and the number of the round"
    return Preview(message, (Part("header", words, 0, header), *parts), refusal, paid)
