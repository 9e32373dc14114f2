"""The privacy ledger: what a device has spent, and whether it may spend more.

An answer leaves only after its cost is in the ledger, on disk, with every witness told. The order
is: train, then in one transaction check consent and budget, debit and keep the answer's bytes,
then tell the witnesses, then give the bytes out. A device that dies in between has either spent
nothing and kept nothing, or spent once and kept the very bytes, which it gives out when the same
task is asked again. It never makes a second answer to one task: two draws of noise on the same
data would tell more than one debit pays for.
"""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from penchant.client.ledger.consent import Purpose, Receipt, Terms, terms_of
from penchant.client.ledger.costs import cost_of, task_hash
from penchant.client.ledger.journal import MOVED, Answer, Journal
from penchant.client.ledger.report import PrivacyReport, report_of
from penchant.client.ledger.rules import Standing, held_back, refusal, waiting
from penchant.client.ledger.settings import BudgetSettings
from penchant.client.ledger.witness import Mark, Witness
from penchant.client.storage import Database
from penchant.shared.errors import BudgetError, ConsentError

if TYPE_CHECKING:
    from penchant.shared.contract import TrainingTask

__all__ = ["Ledger"]

# How often the latest time is written down when nothing else is.
TIME_STEP = 6 * 3600
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
        self._witnesses = tuple(witnesses)
        self._clock = clock
        self._told: list[Mark | None] = [None] * len(self._witnesses)
        self._journal.require_whole()
        self._notice()
        self._tell_witnesses()

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
        receipt = Receipt(purpose, terms or terms_of(purpose), self._now())
        with self._journal.transaction():
            self._journal.revoke(purpose, time=receipt.given)
            self._journal.add_receipt(receipt)
        return receipt

    def revoke(self, purpose: Purpose) -> None:
        """Take consent back: nothing more leaves for ``purpose``, answers in the making included.

        Answers kept to be sent, or sent again, are forgotten.
        """
        with self._journal.transaction():
            self._journal.revoke(purpose, time=self._now())
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
            ever=self._journal.contribution_count(),
            agreed=self._journal.agrees(purpose),
        )

    def waits(self) -> str | None:
        """Return why nothing may leave now, whatever is asked, or None if something may."""
        held = waiting(self._standing(Purpose.TRAIN_RANKER), self._settings)
        return None if held is None else held_back(*held)

    def refusal(self, task: "TrainingTask") -> str | None:
        """Return why ``task`` would be refused now, or None."""
        try:
            if not self._journal.is_debited(task_hash(task)):
                self._require_admitted(task)
        except (ConsentError, BudgetError) as error:
            return str(error)
        return None

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
        kept = self._journal.answer(key)
        if kept is None:
            if debited:
                raise BudgetError(_ANSWERED)
            kept = make()
            self._journal.keep_answer(key, kept)
        return kept, debited

    def release(self, task: "TrainingTask", make: Callable[[], Answer]) -> Answer:
        """Debit what answering ``task`` costs, then return the answer, which may now leave.

        A task asked again gets the bytes it got before, at no further cost, or nothing.

        Args:
            task: what is asked.
            make: trains; called only if no answer is kept. Whatever happens while it runs, such as
                consent taken back, counts.

        Raises:
            ConsentError: the person does not agree to it.
            BudgetError: the budget refuses, the ledger waits, or the task was answered and its
                answer is no longer kept.
            StoreError: the debit cannot be made to last; nothing leaves.
        """
        self._notice()
        key = task_hash(task)
        answer = self._journal.answer(key)
        if answer is None:
            self._require_payable(task, key)
            answer = make()
        with self._journal.transaction():
            if self._journal.is_debited(key):
                self._require_consent(task)
                self._require_thawed()
            else:
                self._require_admitted(task)
                self._journal.keep_answer(key, answer)
                self._journal.add_contribution(
                    Purpose(task.purpose), key, time=self._now(), cost=cost_of(task)
                )
        self._tell_witnesses()
        return answer

    def contents(self) -> dict[str, Any]:
        """Return what goes with a profile that moves: all but the answer that is kept."""
        return self._journal.contents()

    def close_for_good(self) -> None:
        """Let nothing leave any more: what may still be spent is spent on another device."""
        if not self._journal.has_moved():
            self._journal.add_freeze(
                number=self._journal.mark().count + 1, time=self._now(), until=NEVER, reason=MOVED
            )
        self._journal.drop_answers()
        self._tell_witnesses()

    def drop_answers(self) -> None:
        """Forget the answer that is kept, because what it was made from is to be forgotten.

        The task it answers is refused from then on, if it was paid for; no debit is given back.
        """
        self._journal.drop_answers()

    def _require_payable(self, task: "TrainingTask", key: str) -> None:
        if self._journal.is_debited(key):
            self._require_consent(task)
            raise BudgetError(_ANSWERED)
        self._require_admitted(task)

    def _require_admitted(self, task: "TrainingTask") -> None:
        self._require_consent(task)
        why = refusal(
            task,
            self._standing(Purpose(task.purpose)),
            self._settings,
            trusts_server=self._journal.agrees(Purpose.TRUST_SERVER),
        )
        if why is not None:
            raise BudgetError(f"the privacy ledger refuses round {task.round_number}: {why}")

    def _require_consent(self, task: "TrainingTask") -> None:
        needed = [Purpose(task.purpose)]
        if task.training.event_privacy is None:
            needed.append(Purpose.TRUST_SERVER)
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
        now = self._now()
        until, why = self._journal.freeze()
        return Standing(
            now=now,
            contributions=self._journal.contributions(purpose, after=now - self._settings.window),
            last=self._journal.latest_contribution(purpose),
            frozen_until=until,
            frozen_because=why,
        )

    def _now(self) -> int:
        """Return the time; it never goes back."""
        return max(int(self._clock()), self._journal.latest_time() or 0)

    def _notice(self) -> None:
        """Compare the ledger with its witnesses and the clock, and wait if they do not fit."""
        mark, latest = self._journal.mark(), self._journal.latest_time()
        seen = [witness.read() for witness in self._witnesses]
        known = [found for found in seen if found is not None]
        clock = int(self._clock())
        newest = max([clock, latest or 0, *(found.time for found in known)])
        reasons = []
        for witness, found in zip(self._witnesses, seen, strict=True):
            if found is None:
                if witness.lasting and latest is not None:
                    reasons.append("what was written down outside of it is gone")
            elif found.count > mark.count:
                reasons.append("it was deleted, or put back to an earlier state")
            elif self._journal.head(found.count) != found.head:
                reasons.append("it is not the ledger that was here before")
        clock_back = newest - clock > self._settings.clock_tolerance
        until = newest + self._settings.window
        if clock_back and self._journal.freeze()[0] < until:
            reasons.append("the clock was set back")
        with self._journal.transaction():
            if reasons:
                self._journal.add_freeze(
                    number=1 + max([mark.count, *(found.count for found in known)]),
                    time=newest,
                    until=until,
                    reason="; ".join(dict.fromkeys(reasons)),
                )
            elif latest is None or newest - latest > TIME_STEP:
                self._journal.tell_time(newest)

    def _tell_witnesses(self) -> None:
        mark = self._journal.mark()
        for place, witness in enumerate(self._witnesses):
            if self._told[place] != mark:
                witness.write(mark)
                self._told[place] = mark


_ANSWERED = (
    "this task was answered before and its answer is no longer kept; a second one would cost again "
    "without being counted, so there is none"
)
