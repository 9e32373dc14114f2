"""What a device does in rounds, and what its owner is told and asked about them."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from penchant.client.behaviour import history_of
from penchant.client.core import DeviceCore
from penchant.client.learning import Learner
from penchant.client.turns import in_turn
from penchant.shared.scoring import Scorer

if TYPE_CHECKING:
    from penchant.client.ledger import Preview, PrivacyReport, Purpose, Receipt, Terms
    from penchant.client.participation import Eligibility
    from penchant.shared.catalogue import Catalogue
    from penchant.shared.contract import TrainingResult, TrainingTask

__all__ = ["ParticipatingDevice"]


class ParticipatingDevice(DeviceCore):
    """A device's part in rounds; ``Device`` is this and what it does for the person."""

    @property
    def shared_numbers(self) -> int:
        """D, how many numbers the shared ranker has: what an update is made of."""
        return self._scorer.ranker.settings.size

    @in_turn
    def private_vector(self) -> NDArray[np.float32]:
        """Return u, float32 (d,): what training has learnt of this person; it stays here."""
        return self._learner.private_vector()

    def local_quality(
        self, scorer: Scorer | None = None, *, among: "Catalogue | None" = None
    ) -> float | None:
        """Return how well a ranker foretells the person's latest items, from 0 to 1.

        None with too few of them. It stays on the device.

        Args:
            scorer: the ranker and its catalogue; the one in use, if not given.
            among: only items that are in this catalogue too are foretold and ranked; all, if not
                given.
        """
        from penchant.client.ranking.validation import local_quality
        from penchant.shared.newitems import ranked

        with self._turns:
            chosen = scorer or self._scorer
            history = history_of(self._store.events(), chosen)
            learner = Learner(self._store, chosen, randomness=self._randomness)
            private_vector = learner.private_vector()
        return local_quality(ranked(chosen), history, private_vector, among=among)

    def train(self, task: "TrainingTask") -> "TrainingResult":
        """Train the private vector and the ranker on this device's events; return the update.

        When it returns, the update is paid for in the privacy ledger and may leave. The same task
        gets the same update, at no further cost. A round with event-level privacy starts from what
        such rounds left: a vector fitted to the events without noise would void its guarantee.
        Where the task asks and the person agrees, a measure of the ranker that was given goes with
        the update: how well it foretells what is new since the round before.
        Needs the ``train`` extra.

        Raises:
            ConsentError: the person does not agree to it.
            BudgetError: the privacy ledger refuses.
            RoundError: the task is for another ranker or an earlier round, training diverged, or
                events were forgotten meanwhile.
        """
        with self._training, self._turns:
            return self._participant.train(task)

    def preview(self, task: "TrainingTask") -> "Preview":
        """Return the message that ``train`` would give out for ``task``, to the byte.

        Nothing leaves, nothing is debited, and no consent is needed to look. Training the same
        task afterwards gives out exactly these bytes.

        Raises:
            BudgetError: the task was answered and its answer is no longer kept.
            RoundError: as ``train``.
        """
        with self._training, self._turns:
            return self._participant.preview(task)

    @in_turn
    def consent(self, purpose: "Purpose", terms: "Terms | None" = None) -> "Receipt":
        """Write down that the person agrees to ``purpose``, and return the receipt.

        Args:
            purpose: to what.
            terms: the words that were shown; ``terms_of(purpose)``, if not given.
        """
        return self._participant.consent(purpose, terms)

    @in_turn
    def revoke(self, purpose: "Purpose") -> None:
        """Take consent back, at once: an update in the making does not leave either."""
        self._participant.revoke(purpose)

    @in_turn
    def consents(self) -> "tuple[Receipt, ...]":
        """Return all receipts, oldest first, those taken back included."""
        return self._participant.consents()

    @in_turn
    def privacy(self) -> "PrivacyReport":
        """Return what the device has spent and has left; ``str()`` says it in plain words."""
        return self._participant.privacy()

    @in_turn
    def eligibility(self) -> "Eligibility":
        """Return whether the device would take part in a round now: each condition and why."""
        return self._participant.eligibility()
