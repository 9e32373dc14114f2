"""Forgetting: events leave, and everything made of them becomes what it would be without them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from penchant.client.behaviour import observed
from penchant.client.interests.tags import BELONGS, Tags
from penchant.client.learning import Learner
from penchant.client.learnt import Relearning
from penchant.client.storage.store import Store
from penchant.client.tracking import InterestTracker, blocks
from penchant.shared.catalogue import Catalogue
from penchant.shared.errors import ConfigurationError

__all__ = ["Forgetter", "Forgotten"]

# What the store can look for: a signed number of 64 bits.
LARGEST = 2**63 - 1


@dataclass(frozen=True)
class Forgotten:
    """What forgetting did.

    Attributes:
        events: how many were forgotten.
        private_vector: what became of what training had learnt.
    """

    events: int
    private_vector: Relearning


class Forgetter:
    """Takes events out of a device as if they had never been observed.

    Args:
        store: the events, and what was made of them.
        tracker: the interest state.
        learner: the rounds trained.
        catalogue: the items.
        tags: gives the tags, where events of a tag are to be found.
    """

    def __init__(
        self,
        store: Store,
        tracker: InterestTracker,
        learner: Learner,
        *,
        catalogue: Catalogue,
        tags: Callable[[], Tags],
    ) -> None:
        self._store = store
        self._tracker = tracker
        self._learner = learner
        self._catalogue = catalogue
        self._tags = tags

    def named(
        self,
        *,
        event: int | None,
        item: str | None,
        tag: str | None,
        before: int | None,
        everything: bool,
    ) -> list[int] | None:
        """Return the ids of the events that the one condition given names; None for everything.

        Nothing is changed. See ``Device.forget``.

        Raises:
            ConfigurationError: not just one condition is given, or it cannot be one.
        """
        given = sum(name is not None for name in (event, item, tag, before)) + everything
        if given != 1:
            raise ConfigurationError(
                f"{given} of event, item, tag, before and everything are given; give just one"
            )
        for number in (event, before):
            if number is not None and not abs(number) <= LARGEST:
                raise ConfigurationError(f"{number} is neither an event's id nor a time")
        if everything:
            return None
        if tag is not None:
            return self._of_tag(tag)
        if event is not None:
            return [event]
        return self._store.event_ids(item=item, before=before)

    def _of_tag(self, tag: str) -> list[int]:
        tags = self._tags()
        place = tags.taxonomy.place(tag)
        found = []
        for block in blocks(self._store.events()):
            embeddings = observed(block, self._catalogue).embeddings
            # An event on an item that left the catalogue has no embedding and is of no tag.
            belongs = (tags.membership(embeddings)[:, place] >= BELONGS) & embeddings.any(axis=1)
            found += [event.id for event, its in zip(block, belongs, strict=True) if its]
        return found

    def forget_events(self, ids: Sequence[int]) -> Forgotten:
        """Delete events and make everything else what it would be without them.

        Whole or not at all; then the files are rebuilt, so that nothing of them is left there. If
        that is cut short, opening the device does it.

        Raises:
            StoreError: the store cannot be written.
        """
        with self._store.transaction():
            deleted = self._store.delete(ids)
            if not deleted:
                return Forgotten(0, Relearning.UNTOUCHED)
            events = self._tracker.events()
            state = self._tracker.to_bytes(self._tracker.replayed(events)) if events else None
            self._store.save_value("interest_state", state)
            relearning = self._learner.relearn(ids)
        self._store.purge()
        return Forgotten(deleted, relearning)

    def destroy(self) -> Forgotten:
        """Forget everything, by destroying the store's key."""
        self._learner.outdate()
        events = self._store.event_count()
        trained = bool(self._store.trained_rounds()) or self._learner.private_vector().any()
        self._store.destroy()
        return Forgotten(events, Relearning.RESET if trained else Relearning.UNTOUCHED)
