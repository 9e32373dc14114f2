"""From a log to a device: what is known is observed, what cannot be is counted."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from penchant.client.device import Device
from penchant.client.events import LANGUAGE, Event, EventKind
from penchant.client.imports.log import Log, Logged
from penchant.shared.catalogue import UNKNOWN_ITEM, Catalogue
from penchant.shared.errors import ConfigurationError, DataError

__all__ = ["Imported", "foreseen", "import_log"]

EVENTS_AT_ONCE = 10_000


@dataclass(frozen=True)
class Imported:
    """What became of a log's events.

    Attributes:
        events: how many the log had.
        unknown: how many named an item that the catalogue does not have, and told no text: left
            out.
        refused: how many the device's quality rules refused; see ``Device.health``.
        kept: how many the device keeps.
        texts: how many of all were on no item of the catalogue, and had a text to embed.
        kinds: how many of each kind were offered to the device.
    """

    events: int
    unknown: int
    refused: int
    kept: int
    texts: int
    kinds: dict[str, int]


def recognised(log: Log, catalogue: Catalogue) -> tuple[list[Event], int, int]:
    """Return the log's events as a device takes them, and how many are unknown or texts alone.

    In the wide form, where an entry may be an item's identifier or its text, the identifier is
    tried first; what is neither is a text of its own.

    Raises:
        DataError: none of them is on an item of the catalogue or has a text.
    """
    positions = catalogue.positions(event.item for event in log.events)
    by_text = _by_text(catalogue) if any(event.named for event in log.events) else {}
    events: list[Event] = []
    unknown = texts = 0
    for logged, position in zip(log.events, positions.tolist(), strict=True):
        item, text = logged.item, None  # what the catalogue has, it has the text of
        if position == UNKNOWN_ITEM:
            item, text = _placed(logged, by_text)
            if text is None and item is None:
                unknown += 1
                continue
            texts += text is not None
        language = logged.language if text is not None else None
        events.append(
            Event(
                kind=EventKind(logged.kind),
                item=item,
                text=text,
                time=logged.time,
                language=language if language and LANGUAGE.fullmatch(language) else None,
            )
        )
    if not events:
        raise DataError(
            f"none of the {len(log.events):,} events of {log.rejects.path} is on an item of the "
            f"catalogue or has a text (the log has items such as {log.events[0].item!r}, the "
            f"catalogue such as {catalogue.items[0]!r}); give the catalogue that the log is of, or "
            "map the column that holds its identifiers"
        )
    return events, unknown, texts


def _placed(logged: Logged, by_text: dict[str, str]) -> tuple[str | None, str | None]:
    """Return item and text of an event whose item the catalogue does not have; both None: unknown.

    An item that has a text is kept under its identifier, with it.
    """
    if not logged.named or logged.item is None:
        return (logged.item, logged.text) if logged.text is not None else (None, None)
    known = by_text.get(_plain(logged.item))
    if known is not None:
        return known, None
    return None, logged.text or logged.item


def _by_text(catalogue: Catalogue) -> dict[str, str]:
    if catalogue.texts is None:
        return {}
    texts = zip(reversed(catalogue.texts), reversed(catalogue.items), strict=True)
    return {_plain(text): item for text, item in texts if text}


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def import_log(
    device: Device,
    log: Log,
    catalogue: Catalogue,
    *,
    can_embed: bool = True,
    progress: Callable[[int], None] | None = None,
) -> Imported:
    """Have a device observe a log, some thousand events at a time.

    An interrupted import can be run again: the device takes the same thing at the same time once.

    Args:
        device: whose log it is.
        log: what was done.
        catalogue: the device's.
        can_embed: whether the device has an encoder.
        progress: told how many events have been observed.

    Raises:
        DataError: no event is on an item of the catalogue or has a text.
        ConfigurationError: a text has to be embedded, and the device has no encoder.
        StoreError: the store cannot be written.
    """
    events, unknown, texts = recognised(log, catalogue)
    if texts and not can_embed:
        raise ConfigurationError(
            f"{texts:,} of the {len(log.events):,} events of {log.rejects.path} are on no item of "
            "the catalogue and have a text, which needs an encoder; give the device one"
        )
    kept = 0
    kinds = Counter(event.kind.value for event in events)
    for start in range(0, len(events), EVENTS_AT_ONCE):
        some = events[start : start + EVENTS_AT_ONCE]
        kept += _observed(device, some)
        if progress is not None:
            progress(start + len(some))
    return Imported(
        events=len(log.events),
        unknown=unknown,
        refused=len(events) - kept,
        kept=kept,
        texts=texts,
        kinds=dict(kinds),
    )


def foreseen(log: Log, catalogue: Catalogue) -> Imported:
    """Return what would become of a log, but for the device's quality rules; nothing is kept.

    Raises:
        DataError: no event is on an item of the catalogue or has a text.
    """
    events, unknown, texts = recognised(log, catalogue)
    kinds = Counter(event.kind.value for event in events)
    return Imported(len(log.events), unknown, 0, 0, texts, dict(kinds))


def _observed(device: Device, events: Sequence[Event]) -> int:
    before = device.event_count()
    device.observe(*events)
    return device.event_count() - before
