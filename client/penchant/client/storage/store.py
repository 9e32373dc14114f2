"""Where a device keeps its behaviour log and its private state, behind one interface."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from penchant.client.events import Event

__all__ = ["Store", "StoredEvent", "TrainedRound"]


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as the store keeps it.

    Attributes:
        time: unix seconds.
        kind: an ``EventKind`` value.
        item: id of a catalogue item, or None.
        text: free text, or None.
        embedding: the text's embedding as little-endian float32, or None where the item's own
            embedding stands for it.
        language: of the text, a BCP 47 tag, or None.
        id: the store's name for it, from 1; 0 before it is kept.
    """

    time: int
    kind: str
    item: str | None
    text: str | None
    embedding: bytes | None
    language: str | None = None
    id: int = field(default=0, compare=False)

    @classmethod
    def of(cls, event: Event, embedding: bytes | None = None) -> "StoredEvent":
        """Return the stored form of ``event``."""
        return cls(event.time, event.kind.value, event.item, event.text, embedding, event.language)


@dataclass(frozen=True, slots=True)
class TrainedRound:
    """What it takes to train a round again on other events: the record of one done before.

    Attributes:
        model: the ranker's identity.
        number: the round's, from 1.
        event_private: whether it had event-level privacy.
        task: the task, as the wire contract encodes it.
        seed: what its draws came from.
        watermark: id of the latest event it saw, 0 if none; later events have greater ids.
    """

    model: str
    number: int
    event_private: bool
    task: bytes
    seed: bytes
    watermark: int


class Store(Protocol):
    """A device's local store.

    Every method is one transaction, done whole or not at all; within ``transaction()`` all of
    them together are one.
    """

    def transaction(self) -> AbstractContextManager[None]:
        """Make the block one transaction: kept whole at its end, undone whole by an error."""

    def append(self, events: Sequence[StoredEvent], *, interest_state: bytes) -> list[int]:
        """Add events together with the interest state that has seen them; return their ids."""

    def events(self) -> list[StoredEvent]:
        """Return all events, oldest first; ties in time in the order they were added."""

    def latest_events(self, count: int) -> list[StoredEvent]:
        """Return the last ``count`` of ``events()``, oldest first."""

    def events_between(self, first: int, last: int) -> list[StoredEvent]:
        """Return the events at times from ``first`` to ``last``, oldest first."""

    def items(self) -> list[str]:
        """Return the ids of the items that events are on, each once, in any order."""

    def event_count(self) -> int:
        """Return the number of events kept."""

    def last_event_id(self) -> int:
        """Return the greatest id ever given, or 0 before the first event."""

    def save_embeddings(self, embeddings: Mapping[str, bytes]) -> None:
        """Keep, by item, an embedding for each event on it that has none, all or none."""

    def event_ids(
        self, *, item: str | None = None, before: int | None = None, beyond: int | None = None
    ) -> list[int]:
        """Return the ids of the events that meet every condition given, oldest first.

        Args:
            item: on this item.
            before: at times below this one, in unix seconds.
            beyond: not among this many latest events.
        """

    def delete(self, ids: Collection[int]) -> int:
        """Delete events and return how many there were; ``purge`` then removes every trace."""

    def note_cleanings(self, cleanings: Iterable[tuple[int, str]]) -> None:
        """Note what was put right in events: the event's id and the kind of it, each once."""

    def cleanings(self) -> dict[str, int]:
        """Return in how many of the events kept each kind of thing was put right."""

    def purge(self) -> None:
        """Leave no trace of deleted events in the files; if it is cut short, opening does it."""

    def value(self, name: str) -> bytes | None:
        """Return what was kept under ``name``, or None."""

    def save_value(self, name: str, content: bytes | None) -> None:
        """Keep ``content`` under ``name`` in place of what was there; None keeps nothing."""

    def interest_state(self) -> bytes | None:
        """Return the interest state, or None before the first event."""

    def private_vector(
        self, model: str, *, before: int | None = None, event_private: bool = False
    ) -> bytes | None:
        """Return the latest private vector of ``model``, or None.

        Args:
            model: the ranker's identity.
            before: only of rounds below this one, if given.
            event_private: only of rounds with event-level privacy.
        """

    def latest_round(self, model: str) -> int | None:
        """Return the latest round that ``model`` was trained in, or None."""

    def save_private_vector(
        self, model: str, content: bytes, *, round_number: int, event_private: bool
    ) -> None:
        """Keep the private vector that ``round_number`` left, and the one it started from."""

    def delete_private_vectors(self, model: str | None = None) -> None:
        """Delete the private vectors of ``model``, or of every one."""

    def trained_rounds(self, model: str | None = None) -> list[TrainedRound]:
        """Return the records of ``model``'s rounds, or of every one's, in order of rounds."""

    def save_trained_round(self, record: TrainedRound) -> None:
        """Keep the record of a round in place of its earlier one and of any later round's."""

    def delete_trained_rounds(self, model: str | None = None) -> None:
        """Delete the records of ``model``'s rounds, or of every one's."""

    def contents(self) -> dict[str, Any]:
        """Return everything that is kept, JSON-able: what ``replace_contents`` takes."""

    def replace_contents(self, contents: Mapping[str, Any]) -> None:
        """Keep what another store held in place of what this one does; ids stay what they were."""

    def destroy(self) -> None:
        """Destroy everything, beyond any recovery by its key's destruction, and begin anew."""

    def close(self) -> None:
        """Release the store."""
