"""A device: one person's behaviour, interests and recommendations, all kept where they are."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from penchant.client.arguments import require_events, require_text
from penchant.client.behaviour import require_encoder
from penchant.client.events import Event
from penchant.client.forgetting import Forgotten
from penchant.client.interests import Interest, InterestEdit
from penchant.client.portability import exported
from penchant.client.quality import Health
from penchant.client.ranking import Recommendation
from penchant.client.rounds import ParticipatingDevice
from penchant.client.turns import in_turn
from penchant.shared.errors import ConfigurationError, MissingExtraError

if TYPE_CHECKING:
    from penchant.client.join import Joined, Progress

__all__ = ["Device"]


class Device(ParticipatingDevice):
    """One person's device.

    Open it with ``Device.open``; it is a context manager that closes its stores. Threads may share
    it: they take turns, and training lets others go first while it computes.
    """

    @in_turn
    def observe(self, *events: Event) -> list[int | None]:
        """Keep events and follow them with the interest state; all of them, or none.

        Events are first cleaned or refused by the rules of ``DeviceSettings.quality``, and what
        was done is counted in ``health()``.

        Returns:
            Each event's id, by which it can be forgotten; None for those refused.

        Raises:
            DataError: one is no event, or names no catalogue item and has no text to embed.
            ConfigurationError: a text has to be embedded, and the device has no encoder.
            StoreError: the store cannot be written.
        """
        require_events(events)
        inspected = self._intake.inspected(events)
        kept = [event for event in inspected.events if isinstance(event, Event)]
        new = iter(self._memory.observe(kept) if kept else ())
        ids = [next(new) if isinstance(event, Event) else None for event in inspected.events]
        self._intake.count(inspected, ids)
        self._retain(added=len(kept))
        return ids

    @in_turn
    def recommend(
        self,
        candidates: Sequence[str] | None = None,
        *,
        k: int = 10,
        diversity: float = 0.0,
        exclude_seen: bool = True,
        context: Sequence[Event] = (),
        now: int | None = None,
    ) -> list[Recommendation]:
        """Return the ``k`` best items for the person, best first; equal scores in catalogue order.

        Args:
            candidates: item ids to choose from, in any order; the whole catalogue, if not given.
            k: how many to return at most; at least 1.
            diversity: from 0, the best alone, to 1: how much it matters that the items are unlike
                each other. The list is then in the order of choosing, each with its own score.
            exclude_seen: leave out items the person has had to do with, also in ``context``.
            context: events of the moment that count, such as the page that is open, and that are
                not kept.
            now: unix seconds of the request; the clock's, if not given.

        Raises:
            ConfigurationError: ``k`` is no count, ``diversity`` is not from 0 to 1, or a text of
                ``context`` has to be embedded and the device has no encoder.
            DataError: a candidate is not in the catalogue, an event of ``context`` is neither on a
                catalogue item nor has a text, or ``now`` is no time.
        """
        return self._recommender.recommend(
            self._person(context),
            candidates,
            k=k,
            diversity=diversity,
            exclude_seen=exclude_seen,
            now=now,
        )

    @in_turn
    def predict(self, text: str, *, now: int | None = None) -> float:
        """Return how much ``text`` would interest the person, on the scale of ``scores``.

        It is the score that an item of that text would have in the catalogue, were it new there.

        Args:
            text: what the item would be called.
            now: unix seconds of the request; the clock's, if not given.

        Raises:
            ConfigurationError: the device has no encoder.
            DataError: ``text`` is no text, or ``now`` no time.
        """
        require_text(text)
        embedding = require_encoder(self._encoder, "predictions").encode([text])[0]
        return self._recommender.predict(self._person(), embedding, now=now)

    @in_turn
    def scores(self, *, now: int | None = None) -> NDArray[np.float32]:
        """Return the ranking score of every catalogue item, float32 (J,).

        Args:
            now: unix seconds of the request; the clock's, if not given.

        Raises:
            DataError: ``now`` is no time.
        """
        return self._recommender.scores(self._person(), now=now)

    @in_turn
    def interests(self, *, k: int = 10) -> list[Interest]:
        """Return the ``k`` tags with the largest share of the person's interest, largest first.

        Shares are of the whole taxonomy, so those returned add up to at most 1. Muted tags are
        left out. Before the first event and the first edit there are none.

        Raises:
            ConfigurationError: ``k`` is no count, or the device has no encoder to place the tags
                with.
        """
        return self._preferences.interests(k=k)

    @in_turn
    def edit_interest(
        self, tag: str, *, weight: float | None = None, mute: bool | None = None
    ) -> InterestEdit:
        """Change how a tag counts, in ranking and in ``interests()``, and return how it stands.

        What is not given stays as it is; ``weight=0, mute=False`` undoes the edit.

        Args:
            tag: name of a tag of the taxonomy.
            weight: from -10 to 10, added to the score of an item by how much it is of the tag.
            mute: put items of the tag after all others.

        Raises:
            ConfigurationError: there is no such tag, nothing is given, or the weight is out of
                range.
            StoreError: the store cannot be written.
        """
        return self._preferences.edit(tag, weight=weight, mute=mute)

    @in_turn
    def interest_edits(self) -> list[InterestEdit]:
        """Return every edit that is in force, in order of their tags."""
        return list(self._preferences.edits)

    @in_turn
    def health(self) -> Health:
        """Return how many events are kept, cleaned and refused, and why; nothing they said."""
        return self._intake.health()

    @in_turn
    def forget(
        self,
        *,
        event: int | None = None,
        item: str | None = None,
        tag: str | None = None,
        before: int | None = None,
        everything: bool = False,
    ) -> Forgotten:
        """Forget events as if they had never been observed; give just one of the arguments.

        They are purged from the files, and interests and recommendations are from then on what
        they would be had the events never happened: the interest state is that of the events that
        remain, and the rounds trained are done again on those, with the draws they had; rounds
        trained under an earlier catalogue are dropped instead, if any has seen them. What was
        refused or merged because of a forgotten event does not come back, and updates that have
        left the device are not called back, nor sent again.

        Args:
            event: the event with this id.
            item: every event on this item.
            tag: every event whose embedding belongs to this tag: its share of the softmax over
                the tags is at least half of the largest.
            before: every event before this time, unix seconds.
            everything: all of it, edits and counts too, by destroying the store's key; consent is
                taken back with it. The privacy ledger stays: what was spent stays spent.

        Raises:
            ConfigurationError: not just one argument is given, or the tag cannot be placed;
                then nothing has changed.
            StoreError: the store cannot be written, or not be purged for want of room; then
                opening the device again purges it.
        """
        ids = self._forgetter.named(
            event=event, item=item, tag=tag, before=before, everything=everything
        )
        self._participant.forget(everything=ids is None)
        try:
            return self._forgetter.destroy() if ids is None else self._forgetter.forget_events(ids)
        finally:  # also when all that failed was the purge
            self._reread()

    @in_turn
    def export(self) -> dict[str, Any]:
        """Return everything held about the person, as JSON-able values for them to read.

        Events, interests (None without an encoder), edits, counts, private vectors, the rounds
        trained, consents and the ledger's entries.
        """
        interests = None if self._encoder is None else self._preferences.every_interest()
        return exported(
            self._profile(),
            interests=interests,
            edits=self.interest_edits(),
            health=self.health(),
        )

    @in_turn
    def move_to(self, path: Path, *, passphrase: str) -> None:
        """Write the whole profile to one encrypted file, for ``Device.arrive`` on another device.

        From then on nothing leaves this device: its ledger is closed for good, and goes on at the
        other. It still observes and ranks; ``forget(everything=True)`` empties it. Moving again
        writes the file anew. Whoever has the file and the passphrase has the person's data, and
        could let it arrive twice: delete it once it has arrived.

        Args:
            path: the file to write; its folder exists.
            passphrase: at least 8 characters, better several words.

        Raises:
            ConfigurationError: the passphrase is too short.
            StoreError: the file cannot be written; then nothing has changed, unless it says so.
        """
        self._profile().write(path, passphrase, before=self._participant.close_for_good)

    @in_turn
    def event_count(self) -> int:
        """Return how many events the device keeps."""
        return self._store.event_count()

    def join(
        self,
        server: str,
        *,
        code: str | None = None,
        on_change: Callable[["Progress"], None] = lambda _now: None,
    ) -> "Joined":
        """Take part in a server's rounds from now on, in a thread of its own, and return a handle.

        The app goes on observing and recommending meanwhile; releases of the server replace the
        ranker and the catalogue in use, if they serve the person no worse. Only what the person
        has consented to leaves, when policy and ledger allow it. It ends with the handle's
        ``stop()``, or that of its ``with`` block, with ``close()``, or with the process. Needs the
        ``train`` extra.

        Args:
            server: its address, ``https://HOST:PORT``; or an invitation, ``https://HOST:PORT#CODE``.
            code: from ``penchant server enroll``; needed the first time only.
            on_change: told in the background what the device does, whenever that changes.

        Raises:
            ConfigurationError: the device takes part already, has joined another server, has
                joined none and there is no code, or the extra is not installed.
            RemoteError: the server cannot be reached, is not the code's, or refuses the code.
        """
        try:
            from penchant.client.join.joined import join_server
        except ModuleNotFoundError as error:
            raise MissingExtraError("train", "device.join") from error

        if self._joined is not None and self._joined.running:
            raise ConfigurationError(
                "this device takes part in rounds already; stop() that first, to join anew"
            )
        self._joined = join_server(self, self._home, server, code=code, on_change=on_change)
        return self._joined
