"""Behaviour as arrays: what a person did, as the interest state, training and ranking read it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from penchant.client.events import Event, EventKind
from penchant.client.interests import Observed
from penchant.client.storage.store import Store, StoredEvent
from penchant.shared.catalogue import UNKNOWN_ITEM, Catalogue
from penchant.shared.errors import ConfigurationError, DataError, StoreError
from penchant.shared.history import History
from penchant.shared.scoring import Scorer
from penchant.shared.texts import TextEncoder

__all__ = [
    "event_embeddings",
    "event_weights",
    "history_of",
    "keep_departed",
    "observed",
    "require_embedded",
    "require_encoder",
    "require_fit",
]


def require_encoder(encoder: TextEncoder | None, purpose: str) -> TextEncoder:
    """Return ``encoder``.

    Raises:
        ConfigurationError: there is none, and ``purpose`` needs one.
    """
    if encoder is None:
        raise ConfigurationError(
            f"{purpose} need an encoder; open the device with encoder=Encoder.open(bundle)"
        )
    return encoder


def require_fit(encoder: TextEncoder | None, catalogue: Catalogue) -> None:
    """Check that ``encoder``, if there is one, is of the model that embedded ``catalogue``.

    Raises:
        ConfigurationError: it gives embeddings of another length, or is known to be another.
    """
    if encoder is None:
        return
    if encoder.dimension != catalogue.dimension:
        raise ConfigurationError(
            f"the encoder gives {encoder.dimension} numbers and the catalogue's embeddings "
            f"have {catalogue.dimension}; use the encoder that embedded the catalogue"
        )
    if catalogue.encoder not in (None, encoder.fingerprint):
        raise ConfigurationError(
            f"the encoder is {encoder.fingerprint} and the catalogue was embedded by "
            f"{catalogue.encoder}; use the encoder that embedded the catalogue"
        )


def event_embeddings(
    events: Sequence[Event],
    positions: NDArray[np.int64],
    *,
    catalogue: Catalogue,
    encoder: TextEncoder | None,
) -> NDArray[np.float32]:
    """Return each event's embedding, float32 (n, m): its item's, or its text's.

    Args:
        events: what was observed.
        positions: int64 (n,), their catalogue rows.
        catalogue: the items.
        encoder: embeds the texts of events on no catalogue item, if there are any.

    Raises:
        DataError: an event names no catalogue item and has no text.
        ConfigurationError: a text has to be embedded, and there is no encoder.
    """
    embeddings = catalogue.rows(positions)
    foreign = np.flatnonzero(positions == UNKNOWN_ITEM)
    texts = []
    for place in foreign:
        event = events[int(place)]
        if event.text is None:
            raise DataError(
                f"item {event.item!r} is not in the catalogue and the event has no text; "
                "give the item's text with it"
            )
        texts.append(event.text)
    if texts:
        embeddings[foreign] = require_encoder(encoder, "events with free text").encode(texts)
    return embeddings


def keep_departed(store: Store, before: Catalogue, after: Catalogue) -> None:
    """Keep the embeddings of events on items that a later catalogue does not have.

    What the person did with them goes on to count. Nothing is done where another encoder embedded
    the later catalogue: there they would mean nothing.

    Args:
        store: has the events.
        before: the catalogue in use.
        after: the one to come.

    Raises:
        StoreError: the store cannot be written.
    """
    if (before.dimension, before.encoder) != (after.dimension, after.encoder):
        return
    items = store.items()
    rows = before.positions(items)
    gone = (rows != UNKNOWN_ITEM) & (after.positions(items) == UNKNOWN_ITEM)
    if gone.any():
        names = [item for item, is_gone in zip(items, gone.tolist(), strict=True) if is_gone]
        embeddings = [row.astype("<f4").tobytes() for row in before.rows(rows[gone])]
        store.save_embeddings(dict(zip(names, embeddings, strict=True)))


def event_weights(
    events: Sequence[StoredEvent], positions: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return how much each stored event's kind counts, float64 (n,).

    An event on an item that left the catalogue, and of which nothing was kept, counts for nothing.

    Args:
        events: stored events.
        positions: int64 (n,), their catalogue rows.
    """
    weights = np.array([EventKind(event.kind).weight for event in events], dtype=np.float64)
    for place in np.flatnonzero(positions == UNKNOWN_ITEM):
        weights[place] *= events[int(place)].embedding is not None
    return weights


def observed(events: Sequence[StoredEvent], catalogue: Catalogue) -> Observed:
    """Return stored events as the interest state reads them, in the order given.

    Raises:
        StoreError: a stored embedding does not fit the catalogue's.
    """
    positions = catalogue.positions(event.item for event in events)
    embeddings = catalogue.rows(positions)
    for place in np.flatnonzero(positions == UNKNOWN_ITEM):
        own = _own_embedding(events[int(place)], dimension=embeddings.shape[1])
        embeddings[place] = 0.0 if own is None else own
    times = np.array([event.time for event in events], dtype=np.int64)
    return Observed(embeddings, times, event_weights(events, positions))


def require_embedded(events: Sequence[StoredEvent], catalogue: Catalogue) -> None:
    """Do nothing.

    Raises:
        StoreError: a text was embedded by an encoder of another length than the catalogue's.
    """
    for event in events:
        _own_embedding(event, dimension=catalogue.dimension)


def history_of(events: Sequence[StoredEvent], scorer: Scorer) -> History:
    """Return stored events, oldest first, as the arrays that training and ranking read.

    Raises:
        StoreError: a stored embedding does not fit the catalogue's.
    """
    positions = scorer.catalogue.positions(event.item for event in events)
    features = scorer.features_of(positions)
    for place in np.flatnonzero(positions == UNKNOWN_ITEM):
        features[place] = _foreign_features(events[int(place)], scorer)
    return History(
        features=features,
        items=positions,
        kinds=np.array([EventKind(event.kind).number for event in events], dtype=np.int64),
        times=np.array([event.time for event in events], dtype=np.int64),
    )


def _foreign_features(event: StoredEvent, scorer: Scorer) -> NDArray[np.float32]:
    embedding = _own_embedding(event, dimension=scorer.catalogue.dimension)
    if embedding is None:
        return np.zeros(scorer.ranker.settings.features, dtype=np.float32)
    return scorer.ranker.feature_map.apply(embedding)


def _own_embedding(event: StoredEvent, *, dimension: int) -> NDArray[np.float32] | None:
    """Return what was kept of an event; None for an item of which nothing that fits was kept."""
    if event.embedding is None:
        return None
    embedding = np.frombuffer(event.embedding, dtype="<f4")
    if len(embedding) != dimension:
        if event.text is None:  # an item's, of an encoder before
            return None
        raise StoreError(
            f"a stored event's embedding has {len(embedding)} numbers; the catalogue's have "
            f"{dimension}; was the encoder changed?"
        )
    return embedding
