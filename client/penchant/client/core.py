"""What a device is made of, and how it is opened and closed."""

from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Self

from penchant.client.arguments import require_events
from penchant.client.behaviour import keep_departed, require_embedded, require_fit
from penchant.client.continuity import require_continuity
from penchant.client.events import Event
from penchant.client.forgetting import Forgetter
from penchant.client.intake import Intake
from penchant.client.learning import Learner
from penchant.client.memory import Memory
from penchant.client.portability import Profile, settle
from penchant.client.preferences import Preferences
from penchant.client.ranking import Person, Recommender
from penchant.client.retention import Retention
from penchant.client.settings import DeviceSettings
from penchant.client.storage import (
    DeviceFolder,
    KeySource,
    OsKeyStore,
    SqliteStore,
    Store,
)
from penchant.client.turns import Turns
from penchant.shared.errors import StoreError
from penchant.shared.randomness import Randomness, SystemRandomness
from penchant.shared.scoring import Scorer
from penchant.shared.texts import TextEncoder

if TYPE_CHECKING:
    from penchant.client.join.joined import Joined
    from penchant.client.participation.participant import Participant

__all__ = ["DeviceCore"]


class DeviceCore:
    """The parts of a device; ``Device`` says what they do for an app."""

    def __init__(
        self,
        home: DeviceFolder,
        store: Store,
        scorer: Scorer,
        *,
        encoder: TextEncoder | None,
        settings: DeviceSettings,
        randomness: Randomness,
    ) -> None:
        self._turns = Turns()
        self._training = Lock()  # taken before a turn is: one round at a time
        self._home = home
        self._store = store
        self._encoder = encoder
        self._settings = settings
        self._randomness = randomness
        self._lasting_weight = settings.lasting_weight
        self._joined: Joined | None = None
        self._assemble(scorer)

    def _assemble(self, scorer: Scorer) -> None:
        store, settings = self._store, self._settings
        self._scorer = scorer
        self._intake = Intake(store, settings.quality)
        self._memory = Memory(store, scorer, encoder=self._encoder, policy=settings.interest_policy)
        self._preferences = Preferences(
            store,
            self._memory.tracker,
            scorer.catalogue,
            encoder=self._encoder,
            taxonomy=settings.taxonomy,
        )
        self._learner = Learner(
            store,
            scorer,
            randomness=self._randomness,
            recorded=settings.recorded_rounds,
            lent=self._turns.lent,
        )
        self._forgetter = Forgetter(
            store,
            self._memory.tracker,
            self._learner,
            catalogue=scorer.catalogue,
            tags=lambda: self._preferences.tags,
        )
        self._retention = Retention(
            store,
            self._forgetter.forget_events,
            days=settings.retention_days,
            most=settings.most_events,
        )
        self._recommender = Recommender(scorer)

    @cached_property
    def _participant(self) -> "Participant":
        # A device that only ranks never loads what takes part in rounds.
        from penchant.client.participation.participant import Participant

        shape = self._scorer.ranker.settings
        return Participant(self._home, self._store, self._learner, shape, self._settings)

    @classmethod
    def open(
        cls,
        folder: Path,
        scorer: Scorer,
        *,
        keys: KeySource | None = None,
        encoder: TextEncoder | None = None,
        settings: DeviceSettings | None = None,
        randomness: Randomness | None = None,
    ) -> Self:
        """Return the device that lives in ``folder``, made if it does not exist.

        Args:
            folder: where the device keeps what is private to it.
            scorer: the ranker release in use and its catalogue.
            keys: what locks the folder's databases: ``OsKeyStore()``, if not given,
                ``Passphrase(text)`` or ``KeyFile(path)``.
            encoder: embeds free text and tags; not needed for events on catalogue items.
            settings: how it keeps and learns.
            randomness: where noise and sampling come from; the operating system, if not given.

        Raises:
            ConfigurationError: the encoder is not the one the catalogue was embedded with.
            StoreError: the store cannot be opened: another process has the folder, there is no
                key store, the key is wrong or missing, or a file is damaged.
        """
        chosen = settings or DeviceSettings()
        require_fit(encoder, scorer.catalogue)
        home = DeviceFolder(folder, keys or OsKeyStore())
        try:
            device = cls(
                home,
                SqliteStore(home, durability=chosen.store_durability),
                scorer,
                encoder=encoder,
                settings=chosen,
                randomness=randomness or SystemRandomness(),
            )
            device._retain(added=0)
        except BaseException:
            home.close()
            raise
        return device

    @classmethod
    def arrive(
        cls,
        path: Path,
        *,
        passphrase: str,
        folder: Path,
        scorer: Scorer,
        keys: KeySource | None = None,
        encoder: TextEncoder | None = None,
        settings: DeviceSettings | None = None,
        randomness: Randomness | None = None,
    ) -> Self:
        """Return a new device in ``folder`` that goes on where the one that moved stood.

        Args:
            path: the file that ``move_to`` wrote.
            passphrase: as it was given there.
            folder: of the new device; absent or empty.
            scorer: as in ``open``; of the same encoder as on the other device.
            keys: as in ``open``.
            encoder: as in ``open``.
            settings: as in ``open``.
            randomness: as in ``open``.

        Raises:
            ConfigurationError: the passphrase is too short, or the encoder is not the catalogue's.
            StoreError: the file is no profile or damaged, another passphrase locked it, its texts
                were embedded by another encoder, or the folder is not empty; nothing is made.
        """
        chosen = settings or DeviceSettings()
        require_fit(encoder, scorer.catalogue)
        settle(
            Profile.read(path, passphrase),
            folder,
            keys=keys or OsKeyStore(),
            durable=chosen.durable,
            embedded=lambda store: require_embedded(store.events(), scorer.catalogue),
        )
        return cls.open(
            folder, scorer, keys=keys, encoder=encoder, settings=chosen, randomness=randomness
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def scorer(self) -> Scorer:
        """The ranker release in use and its catalogue."""
        return self._scorer

    def install(self, scorer: Scorer) -> None:
        """Go on with another ranker, such as a later release; events and interests stay.

        Args:
            scorer: a ranker and its catalogue.

        Raises:
            ConfigurationError: the encoder is not the one its catalogue was embedded with; then
                the one in use stays.
            ReleaseError: it says that it goes on from the one in use, and has private vectors in
                another space; then too.
            StoreError: the store cannot be written; then too.
        """
        require_fit(self._encoder, scorer.catalogue)
        with self._turns:
            require_continuity(self._scorer.ranker, scorer.ranker)
            keep_departed(self._store, self._scorer.catalogue, scorer.catalogue)
            participant = vars(self).pop("_participant", None)
            self._assemble(scorer)
            if participant is not None:
                self._participant = participant.with_ranker(self._learner, scorer.ranker.settings)

    def close(self) -> None:
        """End taking part in rounds, close the stores and let another process have the folder."""
        if self._joined is not None:
            self._joined.stop()
        with self._turns:
            self._home.close()

    def _profile(self) -> Profile:
        return Profile(self._store.contents(), self._participant.ledger_contents())

    def _retain(self, *, added: int) -> None:
        """Forget what is past the limits; where there is no room to, try again another time."""
        with suppress(StoreError):
            if self._retention.enforce(added=added):
                self._participant.forget(everything=False)
                self._reread()

    def _reread(self) -> None:
        self._memory.reread()
        self._preferences.reread()
        self._intake.reread()
        self._retention.recount()

    def _person(self, context: Sequence[Event] = ()) -> Person:
        require_events(context)
        memory = self._memory
        terms = self._preferences.terms()
        person = Person(
            self._learner.private_vector(),
            memory.recent,
            memory.seen,
            terms,
            memory.lasting() if self._lasting_weight else None,
            self._lasting_weight,
        )
        if not context:
            return person
        return person.in_context(memory.imagined(context), history_length=memory.history_length)
