"""The part of a device that takes part in rounds: consent, budget, answers, eligibility."""

from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from penchant.client.ledger import (
    LEDGER,
    Ledger,
    Preview,
    PrivacyReport,
    Purpose,
    Receipt,
    Terms,
    open_ledger,
)
from penchant.client.participation.eligibility import Eligibility, eligibility_of
from penchant.client.participation.policy import ParticipationPolicy
from penchant.client.participation.probes import SystemProbes
from penchant.client.settings import DeviceSettings
from penchant.client.storage import DeviceFolder, Store

if TYPE_CHECKING:
    from penchant.client.learning import Learner
    from penchant.client.participation.contributor import Contributor
    from penchant.shared.contract import TrainingResult, TrainingTask
    from penchant.shared.ranker import RankerSettings

__all__ = ["Participant"]


class Participant:
    """What a device does about rounds; its ledger is opened when it is first needed.

    Args:
        home: the device's folder, where the ledger lives.
        store: its behaviour store.
        learner: trains.
        shape: of the ranker.
        settings: the device's.
    """

    def __init__(
        self,
        home: DeviceFolder,
        store: Store,
        learner: "Learner",
        shape: "RankerSettings",
        settings: DeviceSettings,
    ) -> None:
        self._home = home
        self._store = store
        self._learner = learner
        self._shape = shape
        self._settings = settings
        self._durable = settings.durable
        self._policy = settings.participation or ParticipationPolicy()
        self._probes = settings.probes or SystemProbes()

    def with_ranker(self, learner: "Learner", shape: "RankerSettings") -> "Participant":
        """Return one that trains another ranker and goes on with the same ledger."""
        made = Participant(self._home, self._store, learner, shape, self._settings)
        if "ledger" in vars(self):
            made.ledger = self.ledger
        return made

    def train(self, task: "TrainingTask") -> "TrainingResult":
        """Return the update that ``task`` asks for, paid for; see ``Device.train``."""
        return self._contributor.train(task)

    def preview(self, task: "TrainingTask") -> Preview:
        """Return the message that ``train`` would give out; see ``Device.preview``."""
        return self._contributor.preview(task)

    def consent(self, purpose: Purpose, terms: Terms | None) -> Receipt:
        """Write down that the person agrees; see ``Device.consent``."""
        return self.ledger.consent(purpose, terms)

    def revoke(self, purpose: Purpose) -> None:
        """Take consent back; see ``Device.revoke``."""
        self.ledger.revoke(purpose)

    def consents(self) -> tuple[Receipt, ...]:
        """Return all receipts, oldest first."""
        return self.ledger.consents()

    def privacy(self) -> PrivacyReport:
        """Return what is spent and what is left."""
        return self.ledger.report()

    def eligibility(self) -> Eligibility:
        """Return whether the device would take part now, and why."""
        return eligibility_of(
            self._policy,
            ledger=self.ledger,
            events=self._store.event_count(),
            probes=self._probes,
            now=datetime.now(),
        )

    def forget(self, *, everything: bool) -> None:
        """Let no answer leave, or leave again, that was made from what is to be forgotten.

        Args:
            everything: consent is taken back too; what was spent stays spent.
        """
        if not self._home.has(LEDGER):
            return
        self.ledger.drop_answers()
        if everything:
            for purpose in Purpose:
                self.ledger.revoke(purpose)

    def ledger_contents(self) -> dict[str, Any]:
        """Return what goes with a profile that moves."""
        return self.ledger.contents()

    def close_for_good(self) -> None:
        """Take part in nothing any more: the profile has moved to another device."""
        self.ledger.close_for_good()

    @cached_property
    def ledger(self) -> Ledger:
        """The privacy ledger."""
        budget = self._policy.budget
        return open_ledger(self._home, self._store, settings=budget, durable=self._durable)

    @cached_property
    def _contributor(self) -> "Contributor":
        from penchant.client.participation.contributor import Contributor

        return Contributor(self._learner, self.ledger, self._shape)
