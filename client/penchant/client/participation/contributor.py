"""Answers to training tasks: learnt, shown, paid for, given out, and only then kept as learnt."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from penchant.client.learning import Learner
from penchant.client.learnt import Learnt
from penchant.client.ledger import Answer, Ledger, Part, Preview, preview_of
from penchant.client.storage import TrainedRound
from penchant.shared.codec import decode_result, encode_result, encode_task
from penchant.shared.contract import MEASURE_SIZE, TrainingResult, TrainingTask
from penchant.shared.ranker import RankerSettings

__all__ = ["Contributor"]


class Contributor:
    """Trains rounds and gives out what the ledger lets go.

    The private vector of a round is kept only once its update is paid for. A round that was
    trained and not paid for leaves nothing behind: a later one that started from it would tell
    of events that no debit covers.

    Args:
        learner: trains.
        ledger: pays.
        shape: of the ranker.
    """

    def __init__(self, learner: Learner, ledger: Ledger, shape: RankerSettings) -> None:
        self._learner = learner
        self._ledger = ledger
        self._shape = shape

    def train(self, task: TrainingTask) -> TrainingResult:
        """Return the update that ``task`` asks for, paid for; the same one for the same task.

        Raises:
            ConsentError: the person does not agree to it.
            BudgetError: the ledger refuses.
            RoundError: the task does not fit this device, or training diverged.
        """
        answer = self._ledger.release(
            task, lambda: self._answer(task), before_debit=lambda made: self._paying(task, made)
        )
        result = decode_result(answer.message, size=self._shape.size)
        self._learner.keep(_unpacked(answer.local, task, result, family=self._learner.family))
        return result

    def preview(self, task: TrainingTask) -> Preview:
        """Return the message that ``train`` would give out for ``task``, to the byte.

        Raises:
            BudgetError: the task was answered and its answer is no longer kept.
            RoundError: the task does not fit this device, or training diverged.
        """
        answer, paid = self._ledger.preview(task, lambda: self._answer(task))
        if not paid:
            self._learner.require_fit(task)  # the ranker may have changed since it was made
        asked = task.measure_noise_multiplier is not None
        return preview_of(
            answer.message,
            self._shape.shapes(),
            refusal=self._ledger.refusal(task),
            paid=paid,
            measure=_measure_part(measured=answer.measured) if asked else None,
        )

    def _paying(self, task: TrainingTask, answer: Answer) -> None:
        """Make sure that what ``answer`` measures is measured in no other answer, paid or lost."""
        self._learner.require_fit(task)
        self._learner.count_as_known(_watermark(json.loads(answer.local)))

    def _answer(self, task: TrainingTask) -> Answer:
        measured = self._ledger.measures(task)
        learnt = self._learner.learn(task, measured=measured)
        return Answer(encode_result(learnt.result), _packed(learnt), measured)


def _measure_part(*, measured: bool) -> Part:
    words = "zeros: no measure leaves, as you have not agreed to it or it does not fit the budget"
    if measured:
        words = "how well the recommendations you were given foretold what you did since"
    return Part("measure", words, MEASURE_SIZE, 4 * MEASURE_SIZE)


def _packed(learnt: Learnt) -> bytes:
    record = learnt.record
    fields = {
        "private_vector": learnt.private_vector.astype("<f4").tobytes().hex(),
        "seed": None if record is None else record.seed.hex(),
        "watermark": learnt.watermark,
    }
    return json.dumps(fields).encode()


def _unpacked(local: bytes, task: TrainingTask, result: TrainingResult, *, family: str) -> Learnt:
    fields = json.loads(local)
    event_private = task.training.event_privacy is not None
    record = None
    if fields["seed"] is not None:
        record = TrainedRound(
            family,
            task.round_number,
            event_private,
            encode_task(task),
            bytes.fromhex(fields["seed"]),
            fields["watermark"],
        )
    vector = np.frombuffer(bytes.fromhex(fields["private_vector"]), dtype="<f4")
    return Learnt(result, vector.astype(np.float32), event_private, record, _watermark(fields))


def _watermark(fields: Mapping[str, Any]) -> int:
    # An answer that was kept before measures were known says no watermark of an unrecorded round.
    return int(fields["watermark"] or 0)
