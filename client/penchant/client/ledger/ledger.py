"""The privacy ledger: what a device has spent, and whether it may spend more.

An answer leaves only after its cost is in the ledger, on disk, with every witness told. The order
is: train, then in one transaction check consent and budget, debit and keep the answer's bytes,
then tell the witnesses, then give the bytes out. A device that dies in between has either spent
nothing and kept nothing, or spent once and kept the very bytes, which it gives out when the same
task is asked again. It never makes a second answer to one task: two draws of noise on the same
data would tell more than one debit pays for.

An answer that holds a measure of the ranker is debited twice in that one transaction, once for
each purpose: what a person allows for training does not pay for measuring unseen.
"""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from penchant.client.ledger.consent import Purpose, Receipt, Terms, terms_of
from penchant.client.ledger.costs import cost_of, measure_cost_of, task_hash
from penchant.client.ledger.journal import MOVED, Answer, Journal
from penchant.client.ledger.report import PrivacyReport, report_of
from penchant.client.ledger.rules import Standing, held_back, refusal, waiting
from penchant.client.ledger.settings import BudgetSettings
from penchant.client.ledger.watch import Watch
from penchant.client.ledger.witness import Witness
from penchant.client.storage import Database
from penchant.shared.errors import BudgetError, ConsentError

if TYPE_CHECKING:
    from penchant.shared.contract import TrainingTask

__all__ = ["Ledger"]

# The last day that dates can tell.
NEVER = 253_402_214_400


class Ledger:
    """A device's privacy ledger.

    Opening it compares it with its witnesses and the clock. What does not fit, whoever did it,
    means waiting for a whole window from the moment it is noticed.

    Args:
        database: open, with the journal's migrations.
        settings: the budget.
        witnesses: who else knows how far it had come.
        clock: gives unix seconds.

    Raises:
        StoreError: it cannot be read or written, or its chain is broken.
    """

    def __init__(
        self,
        database: Database,
        *,
        settings: BudgetSettings,
        witnesses: Sequence[Witness] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._journal = Journal(database)
        self._settings = settings
        self._watch = Watch(self._journal, settings, witnesses, clock)
        self._journal.require_whole()
        self._watch.notice()
        self._watch.tell_witnesses()

    @property
    def settings(self) -> BudgetSettings:
        """The budget."""
        return self._settings

    def consent(self, purpose: Purpose, terms: Terms | None = None) -> Receipt:
        """Write down that the person agrees to ``purpose``; return the receipt.

        Args:
            purpose: to what.
            terms: the words that were shown; the built-in ones, if not given.
        """
        receipt = Receipt(purpose, terms or terms_of(purpose), self._watch.now())
        with self._journal.transaction():
            self._journal.revoke(purpose, time=receipt.given)
            self._journal.add_receipt(receipt)
        return receipt

    def revoke(self, purpose: Purpose) -> None:
        """Take consent back: nothing more leaves for ``purpose``, answers in the making included.

        Answers kept to be sent, or sent again, are forgotten.
        """
        with self._journal.transaction():
            self._journal.revoke(purpose, time=self._watch.now())
        self._journal.drop_answers()

    def consents(self) -> tuple[Receipt, ...]:
        """Return all receipts, oldest first, those taken back included."""
        return tuple(self._journal.receipts())

    def agrees(self, purpose: Purpose) -> bool:
        """Whether the person agrees to ``purpose`` now."""
        return self._journal.agrees(purpose)

    def report(self) -> PrivacyReport:
        """Return what is spent and what is left."""
        purpose = Purpose.TRAIN_RANKER
        return report_of(
            self._standing(purpose),
            self._settings,
            ever=self._journal.contribution_count(purpose),
            agreed=self._journal.agrees(purpose),
        )

    def waits(self) -> str | None:
        """Return why nothing may leave now, whatever is asked, or None if something may."""
        held = waiting(self._standing(Purpose.TRAIN_RANKER), self._settings)
        return None if held is None else held_back(*held)

    def refusal(self, task: "TrainingTask") -> str | None:
        """Return why ``task`` would be refused now, or None."""
        key = task_hash(task)
        answer = self._journal.answer(key)
        try:
            if not self._journal.is_debited(key):
                self._require_admitted(task, measured=answer is not None and answer.measured)
        except (ConsentError, BudgetError) as error:
            return str(error)
        return None

    def measures(self, task: "TrainingTask") -> bool:
        """Whether an answer to ``task`` made now is to hold a measure of the ranker.

        It is if the task asks, the person agrees, and the budget has room for both; else the task
        is answered without, which costs nothing more and looks like having nothing to measure
        with. A measure has no noise of the device's own, so that a round which promises such noise
        gets none.
        """
        if task.measure_noise_multiplier is None or task.training.event_privacy is not None:
            return False
        agreed = self._journal.agrees(Purpose.MEASURE_RANKER)
        return agreed and self._why_refused(task, measured=True) is None

    def preview(self, task: "TrainingTask", make: Callable[[], Answer]) -> tuple[Answer, bool]:
        """Return the answer that releasing ``task`` would give out, and whether it has been paid.

        Nothing leaves and nothing is debited. The answer is kept: releasing the same task gives
        out these bytes and no others.

        Args:
            task: what is asked.
            make: trains; called only if no answer is kept.

        Raises:
            BudgetError: the task was answered and its answer is no longer kept.
        """
        key = task_hash(task)
        debited = self._journal.is_debited(key)
        kept = self._kept(key)
        if kept is None:
            if debited:
                raise BudgetError(_ANSWERED)
            kept = make()
            self._journal.keep_answer(key, kept)
        return kept, debited

    def release(
        self,
        task: "TrainingTask",
        make: Callable[[], Answer],
        *,
        before_debit: Callable[[Answer], None] = lambda _answer: None,
    ) -> Answer:
        """Debit what answering ``task`` costs, then return the answer, which may now leave.

        A task asked again gets the bytes it got before, at no further cost, or nothing.

        Args:
            task: what is asked.
            make: trains; called only if no answer is kept. Consent taken back meanwhile counts.
            before_debit: given an answer that is to be paid for; if it raises, nothing is debited.

        Raises:
            ConsentError: the person does not agree to it.
            BudgetError: the budget refuses, the ledger waits, or the task was answered and its
                answer is no longer kept.
            StoreError: the debit cannot be made to last; nothing leaves.
        """
        self._watch.notice()
        key = task_hash(task)
        answer = self._kept(key)
        if answer is None:
            self._require_payable(task, key)
            answer = make()
        with self._journal.transaction():
            if self._journal.is_debited(key):
                self._require_consent(task, measured=answer.measured)
                self._require_thawed()
            else:
                self._require_admitted(task, measured=answer.measured)
                before_debit(answer)
                self._journal.keep_answer(key, answer)
                self._debit(task, key, measured=answer.measured)
        self._watch.tell_witnesses()
        return answer

    def contents(self) -> dict[str, Any]:
        """Return what goes with a profile that moves: all but the answer that is kept."""
        return self._journal.contents()

    def close_for_good(self) -> None:
        """Let nothing leave any more: what may still be spent is spent on another device."""
        if not self._journal.has_moved():
            self._journal.add_freeze(
                number=self._journal.mark().count + 1,
                time=self._watch.now(),
                until=NEVER,
                reason=MOVED,
            )
        self._journal.drop_answers()
        self._watch.tell_witnesses()

    def drop_answers(self) -> None:
        """Forget the answer that is kept, because what it was made from is to be forgotten.

        The task it answers is refused from then on, if it was paid for; no debit is given back.
        """
        self._journal.drop_answers()

    def _kept(self, key: str) -> Answer | None:
        """Return the answer kept for a task, if what it holds is still agreed to."""
        answer = self._journal.answer(key)
        if answer is not None and answer.measured:
            return answer if self._journal.agrees(Purpose.MEASURE_RANKER) else None
        return answer

    def _debit(self, task: "TrainingTask", key: str, *, measured: bool) -> None:
        now, add = self._watch.now(), self._journal.add_contribution
        add(Purpose(task.purpose), key, time=now, cost=cost_of(task))
        if measured:
            add(Purpose.MEASURE_RANKER, key, time=now, cost=measure_cost_of(task))

    def _require_payable(self, task: "TrainingTask", key: str) -> None:
        if self._journal.is_debited(key):
            self._require_consent(task)
            raise BudgetError(_ANSWERED)
        self._require_admitted(task)

    def _require_admitted(self, task: "TrainingTask", *, measured: bool = False) -> None:
        self._require_consent(task, measured=measured)
        why = self._why_refused(task, measured=measured)
        if why is not None:
            raise BudgetError(f"the privacy ledger refuses round {task.round_number}: {why}")

    def _why_refused(self, task: "TrainingTask", *, measured: bool) -> str | None:
        return refusal(
            task,
            self._standing(Purpose(task.purpose)),
            self._settings,
            trusts_server=self._journal.agrees(Purpose.TRUST_SERVER),
            measured=measured,
        )

    def _require_consent(self, task: "TrainingTask", *, measured: bool = False) -> None:
        needed = [Purpose(task.purpose)]
        if task.training.event_privacy is None:
            needed.append(Purpose.TRUST_SERVER)
        if measured:
            needed.append(Purpose.MEASURE_RANKER)
        for purpose in needed:
            if not self._journal.agrees(purpose):
                raise ConsentError(
                    f"nobody has agreed to {purpose.value!r} on this device; nothing leaves until "
                    f"the person does: device.consent(Purpose.{purpose.name})"
                )

    def _require_thawed(self) -> None:
        standing = self._standing(Purpose.TRAIN_RANKER)
        if standing.frozen and not self._settings.counts_only:
            why = held_back(standing.frozen_until, standing.frozen_because)
            raise BudgetError(f"the privacy ledger waits for a whole window: {why}")

    def _standing(self, purpose: Purpose) -> Standing:
        now = self._watch.now()
        until, why = self._journal.freeze()
        after = now - self._settings.window
        return Standing(
            now=now,
            contributions=self._journal.contributions(purpose, after=after),
            measures=self._journal.contributions(Purpose.MEASURE_RANKER, after=after),
            last=self._journal.latest_contribution(purpose),
            frozen_until=until,
            frozen_because=why,
        )


_ANSWERED = (
    "this task was answered before and its answer is no longer kept; a second one would cost again "
    "without being counted, so there is none"
)
