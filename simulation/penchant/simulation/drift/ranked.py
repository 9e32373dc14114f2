"""What follows a person by a trained ranker: attention, private vector, interest state.

The full score of an item is z . (P' f_j + r_j) + b_j with z = u + attention over the latest events,
by the device's own scorer. A private vector u is trained by the device's own rule on the events up
to some moment, from zero, against the trained ranker, which does not move any more.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from penchant.client.events import EventKind
from penchant.client.interests import HalfLives, Observed, empty_state
from penchant.shared.history import History
from penchant.shared.scoring import Scorer
from penchant.simulation.drift.prequential import Prequential, Space, predict_then_learn
from penchant.simulation.drift.switches import Switched
from penchant.simulation.drift.vectors import Span, VectorTraining, trained_vectors

__all__ = ["follow_ranker", "meanings"]

_MEANINGS = MappingProxyType(
    {
        "device": "attention over the latest events, and a private vector trained anew at every "
        "{every}th event",
        "no training since": "the same attention, and the private vector as it stood at the switch",
        "interest state": "the same attention, and the long-lived interest vector in the place of "
        "a private vector: a device that has never trained",
        "retrained": "attention and private vector both made anew at every {every}th event, and "
        "standing still between: a batch job",
        "static": "attention and private vector as they stood at the switch",
        "told": "a device that somebody tells of the switch, and that starts anew there: none "
        "knows that, and it shows how well the new interest can be known by then",
    }
)


def meanings(*, every: int) -> Mapping[str, str]:
    """Return what each profile is, in words, by name.

    Args:
        every: how many events lie between two trainings.
    """
    return {name: words.format(every=every) for name, words in _MEANINGS.items()}


def follow_ranker(
    people: Sequence[Switched],
    scorer: Scorer,
    training: VectorTraining,
    *,
    every: int,
    before: int,
    after: int,
) -> Prequential:
    """Predict everybody's events by a trained ranker.

    Args:
        people: their events.
        scorer: the trained ranker over the catalogue.
        training: how private vectors are trained.
        every: how many events lie between two trainings.
        before: events to keep before each switch.
        after: events to keep after it.
    """
    spans = [_trainings(person, every=every, before=before) for person in people]
    vectors = trained_vectors(people, spans, scorer, training)
    return predict_then_learn(
        people,
        Space(scorer.item_vectors, scorer.ranker.arrays["popularity"]),
        lambda row: _Ranked(scorer, vectors[row], every=every),
        names=tuple(_MEANINGS),
        before=before,
        after=after,
    )


def _trainings(person: Switched, *, every: int, before: int) -> list[Span]:
    """Return on which events a person trains: from what the first event kept needs, and on."""
    first = (person.at - before) // every * every
    ends = [end for end in range(first, len(person.items), every) if end]
    return [(0, end) for end in ends] + [(person.at, end) for end in ends if end > person.at]


class _Ranked:
    """A person's profiles by a trained ranker.

    Args:
        scorer: the trained ranker over the catalogue.
        trained: the private vector by the events it was trained on.
        every: how many events lie between two trainings.
    """

    def __init__(
        self, scorer: Scorer, trained: Mapping[Span, NDArray[np.float32]], *, every: int
    ) -> None:
        self._scorer = scorer
        self._trained = trained
        self._every = every
        self._items: list[int] = []
        self._times: list[int] = []
        self._interest = empty_state(HalfLives(), dimension=scorer.catalogue.dimension)
        self._untrained = np.zeros(scorer.ranker.settings.dimension, dtype=np.float32)
        self._renewed = self._untrained
        self._at_switch: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
        self._anew = 0  # the first event that who is told of the switch still knows

    def vectors(self, *, now: int) -> NDArray[np.float32]:
        """Return each profile's vector z, float32 (M, d)."""
        private, context = self._private(), self._context(now)
        live = context + private
        stood, static = self._at_switch or (private, live)
        lasting = self._scorer.context_of(self._interest.means()[1])
        told = self._context(now, since=self._anew) + self._private(since=self._anew)
        return np.stack([live, context + stood, context + lasting, self._renewed, static, told])

    def learn(self, item: int, time: int, *, switched: bool) -> None:
        """Take in an event; at every nth what is retrained is renewed."""
        if switched and self._at_switch is None:
            self._at_switch, self._anew = (self._private(), self._standing()), len(self._items)
        self._items.append(item)
        self._times.append(time)
        embedding = self._scorer.catalogue.rows(np.array([item]))
        self._interest = self._interest.updated(Observed(embedding, np.array([time]), np.ones(1)))
        if len(self._items) % self._every == 0:
            self._renewed = self._standing()

    def _private(self, *, since: int = 0) -> NDArray[np.float32]:
        """Return the private vector as the last training left it, zero before the first."""
        end = len(self._items) // self._every * self._every
        return self._trained.get((since, end), self._untrained)

    def _standing(self) -> NDArray[np.float32]:
        """Return z as the latest event leaves it."""
        return self._private() + self._context(self._times[-1] if self._times else 0)

    def _context(self, now: int, *, since: int = 0) -> NDArray[np.float32]:
        first = max(since, len(self._items) - self._scorer.ranker.settings.history_length)
        items = np.array(self._items[first:], dtype=np.int64)
        history = History(
            self._scorer.features_of(items),
            items,
            np.full(len(items), EventKind.VIEW.number, dtype=np.int64),
            np.array(self._times[first:], dtype=np.int64),
        )
        return self._scorer.profile(self._untrained, history, now=now)
