"""Rounds on a device: which it takes, where they start, what they leave, and doing them again.

The record of a round is the task, the seed of its draws and the last event it saw. Replaying the
records on the events that remain gives the private vector that there would be, had the others
never happened: not close to it, but the same computation with the same draws.

Rankers that go on from one another over changing catalogues share the private vector. Only rounds
of the ranker in use can be done again: where something that rounds have seen is forgotten, those of
earlier catalogues are as if they had never been.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from penchant.client.behaviour import history_of
from penchant.client.learnt import Learnt, Relearning
from penchant.client.storage.store import Store, StoredEvent, TrainedRound
from penchant.shared.errors import CodecError, RoundError
from penchant.shared.randomness import KEY_BYTES, KeyedRandomness, Randomness
from penchant.shared.scoring import Scorer

if TYPE_CHECKING:
    from penchant.shared.contract import TrainingTask

__all__ = ["Learner"]

KNOWN = "learnt_up_to"


class Learner:
    """Trains a device's private vector and its copy of the ranker, a round at a time.

    Args:
        store: keeps events, private vectors and the records of rounds.
        scorer: the ranker release in use and its catalogue.
        randomness: where the seeds of rounds come from.
        recorded: keep what it takes to do rounds again. Without, draws come from ``randomness``
            itself, and forgetting what a round has seen resets the private vector.
        lent: lets other threads use the device while a round is computed.
    """

    def __init__(
        self,
        store: Store,
        scorer: Scorer,
        *,
        randomness: Randomness,
        recorded: bool = True,
        lent: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._store = store
        self._scorer = scorer
        self._randomness = randomness
        self._recorded = recorded
        self._lent = lent
        self._forgettings = 0

    @property
    def family(self) -> str:
        """Under what vectors and rounds are kept: the ranker's line over changing catalogues."""
        return self._scorer.ranker.family

    def private_vector(
        self, *, before: int | None = None, event_private: bool = False
    ) -> NDArray[np.float32]:
        """Return u, float32 (d,), as the latest round left it; zero before the first.

        One of another length than the ranker in use has is as none.

        Args:
            before: as rounds below this one left it, if given.
            event_private: as rounds with event-level privacy left it.
        """
        kept = self._store.private_vector(self.family, before=before, event_private=event_private)
        vector = np.frombuffer(kept or b"", dtype="<f4").astype(np.float32)
        dimension = self._scorer.ranker.settings.dimension
        # A ranker that claims the family of another space must not make the device useless.
        return vector if len(vector) == dimension else np.zeros(dimension, dtype=np.float32)

    def learn(self, task: "TrainingTask", *, measured: bool = False) -> Learnt:
        """Return what training one round gives; nothing is kept yet.

        Args:
            task: what is asked.
            measured: also measure the ranker that was given on the events that are new since the
                round before; without, a task that asks for a measure gets that of no events.

        Raises:
            RoundError: the task is for another ranker or an earlier round, training diverged, or
                events were forgotten meanwhile.
        """
        from penchant.shared.codec import encode_task

        self._require_fit(task)
        draws = self._randomness.spawn(task.round_number)
        watermark = self._store.last_event_id()
        events = self._store.events()
        if not self._recorded:
            return self._learnt(
                task, events, draws, watermark=watermark, measured=measured, lent=self._lent
            )
        # A seed of its own for each answer: the same draws on other events would cancel out.
        seed = draws.integers(KEY_BYTES, below=256).astype(np.uint8).tobytes()
        record = TrainedRound(
            self.family,
            task.round_number,
            task.training.event_privacy is not None,
            encode_task(task),
            seed,
            watermark,
        )
        return self._learnt(
            task,
            events,
            KeyedRandomness(seed),
            watermark=watermark,
            record=record,
            measured=measured,
            lent=self._lent,
        )

    def keep(self, learnt: Learnt) -> None:
        """Keep the private vector that a round left and its record, together or not at all.

        Of another ranker than that in use, nothing: its answer is only given again.
        """
        result = learnt.result
        if result.model_id != self._scorer.ranker.model_id:
            return
        with self._store.transaction():
            self._store.save_private_vector(
                self.family,
                learnt.private_vector.astype("<f4").tobytes(),
                round_number=result.round_number,
                event_private=learnt.event_private,
            )
            if learnt.record is not None:
                self._store.save_trained_round(learnt.record)
            if learnt.watermark > self._known():
                self._store.save_value(KNOWN, str(learnt.watermark).encode())

    def outdate(self) -> None:
        """Let nothing come of a round that is being computed: it sees what is to be forgotten."""
        self._forgettings += 1

    def relearn(self, forgotten: Sequence[int]) -> Relearning:
        """Make the private vector what it would be without events that the store has no more.

        Vectors of other rankers that have seen them are forgotten. A round that fails on what
        remains is one that never was. Call it within the transaction that deletes the events.

        Args:
            forgotten: their ids.
        """
        self.outdate()
        family = self.family
        records = self._store.trained_rounds()
        first = min(forgotten, default=0)
        others = {r.model for r in records if r.model != family and r.watermark >= first}
        for other in others:
            self._forget_rounds(other)
        mine = [record for record in records if record.model == family]
        if not mine:
            # Rounds that were trained unrecorded may have seen anything.
            if self._store.latest_round(family) is None:
                return Relearning.RESET if others else Relearning.UNTOUCHED
            self._store.delete_private_vectors(family)
            return Relearning.RESET
        if not forgotten or all(record.watermark < first for record in mine):
            return Relearning.RESET if others else Relearning.UNTOUCHED
        self._forget_rounds(family)
        return self._replayed(mine)

    def _replayed(self, records: Sequence[TrainedRound]) -> Relearning:
        events = self._store.events()
        tasks = [(record, self._task_of(record)) for record in records]
        again = [(record, task) for record, task in tasks if task is not None]
        for record, task in again:
            seen = [event for event in events if event.id <= record.watermark]
            try:
                learnt = self._learnt(
                    task,
                    seen,
                    KeyedRandomness(record.seed),
                    watermark=record.watermark,
                    record=record,
                )
            except ModuleNotFoundError:  # the train extra was there once and is not any more
                self._forget_rounds(record.model)
                return Relearning.RESET
            except RoundError:
                continue
            self.keep(learnt)
        return Relearning.REPLAYED if again else Relearning.RESET

    def _task_of(self, record: TrainedRound) -> "TrainingTask | None":
        """Return a round's task, None if it was of an earlier catalogue's ranker."""
        from penchant.shared.codec import decode_task

        ranker = self._scorer.ranker
        try:
            task = decode_task(record.task, size=ranker.settings.size)
        except CodecError:
            return None
        return task if task.model_id == ranker.model_id else None

    def _forget_rounds(self, model: str) -> None:
        self._store.delete_private_vectors(model)
        self._store.delete_trained_rounds(model)

    def _learnt(
        self,
        task: "TrainingTask",
        events: Sequence[StoredEvent],
        randomness: Randomness,
        *,
        watermark: int,
        record: TrainedRound | None = None,
        measured: bool = False,
        lent: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> Learnt:
        from penchant.client.training.measuring import task_measure
        from penchant.client.training.rounds import train_round
        from penchant.shared.contract import TrainingResult

        event_private = task.training.event_privacy is not None
        history = history_of(events, self._scorer)
        start = self.private_vector(before=task.round_number, event_private=event_private)
        known = self._known() if measured else watermark
        new = np.array([event.id > known for event in events], dtype=np.bool_)
        before = self._forgettings
        with lent():
            measure = task_measure(task, self._scorer, history, start, new=new)
            trained = train_round(
                task,
                settings=self._scorer.ranker.settings,
                item_features=self._scorer.features,
                history=history,
                private_vector=start,
                randomness=randomness,
            )
        if self._forgettings != before:
            raise RoundError(
                f"events were forgotten while round {task.round_number} was trained on them; "
                "what it learnt was dropped; train it again"
            )
        result = TrainingResult(task.model_id, task.round_number, trained.update, measure)
        return Learnt(result, trained.private_vector, event_private, record, watermark)

    def _known(self) -> int:
        """Return the id of the latest event that a round has learnt from, 0 if there is none."""
        content = self._store.value(KNOWN)
        return 0 if content is None else int(content)

    def _require_fit(self, task: "TrainingTask") -> None:
        ranker = self._scorer.ranker
        if task.model_id != ranker.model_id:
            raise RoundError(
                f"the task is for ranker {task.model_id}; this device has {ranker.model_id}; "
                "install the release the server trains"
            )
        if task.vector.shape != ranker.vector.shape:
            raise RoundError(
                f"the task has numbers of shape {task.vector.shape}; ranker {ranker.model_id} has "
                f"{ranker.settings.size}"
            )
        latest = self._store.latest_round(self.family)
        if latest is not None and task.round_number < latest:
            raise RoundError(
                f"the task is for round {task.round_number}; this device has trained round "
                f"{latest} already; ask for that one again, or for a later one"
            )
