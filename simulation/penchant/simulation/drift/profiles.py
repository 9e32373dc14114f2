"""What follows a person: the device's interest policies, and baselines that do not.

Every profile is a vector that items are ranked by, with the dot product of their embeddings.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from penchant.client.interests import (
    Ewma,
    HalfLives,
    InterestPolicy,
    Observed,
    Window,
    empty_state,
)
from penchant.simulation.drift.prequential import Prequential, Space, predict_then_learn
from penchant.simulation.drift.switches import Switched

__all__ = [
    "MEANINGS",
    "PROFILES",
    "Fresh",
    "Profile",
    "Retrained",
    "Static",
    "Updated",
    "follow_interests",
]

RETRAIN_EVERY = 20


class Profile(Protocol):
    """A person's profile while events come in."""

    def vector(self) -> NDArray[np.float32]:
        """Return what items are ranked by, float32 (m,); zero before the first event."""

    def learn(self, embedding: NDArray[np.float32], time: int, *, switched: bool) -> None:
        """Take in an event.

        Args:
            embedding: float32 (m,), of its item.
            time: unix seconds, never before the last.
            switched: whether the person's interests have changed by then.
        """


class Updated:
    """The device's interest state under a policy: both its vectors, short- and long-lived, added.

    Args:
        policy: how events fade.
        dimension: m.
    """

    def __init__(self, policy: InterestPolicy, *, dimension: int) -> None:
        self._state = empty_state(policy, dimension=dimension)

    def vector(self) -> NDArray[np.float32]:
        """Return the sum of both interest vectors, float32 (m,)."""
        return np.asarray(self._state.means().sum(axis=0))

    def learn(self, embedding: NDArray[np.float32], time: int, *, switched: bool) -> None:  # noqa: ARG002
        """Update the state with an event."""
        self._state = self._state.updated(Observed(embedding[None], np.array([time]), np.ones(1)))


class Static(Updated):
    """A profile by half-lives that learns no more once interests have changed."""

    def __init__(self, *, dimension: int) -> None:
        super().__init__(HalfLives(), dimension=dimension)

    def learn(self, embedding: NDArray[np.float32], time: int, *, switched: bool) -> None:
        """Update the state with an event from before the switch."""
        if not switched:
            super().learn(embedding, time, switched=switched)


class Fresh(Updated):
    """A profile by half-lives that is told of the switch and starts anew there: the most to ask."""

    def __init__(self, *, dimension: int) -> None:
        super().__init__(HalfLives(), dimension=dimension)
        self._empty = self._state
        self._switched = False

    def learn(self, embedding: NDArray[np.float32], time: int, *, switched: bool) -> None:
        """Update the state with an event, forgetting what was before the switch."""
        if switched and not self._switched:
            self._state, self._switched = self._empty, True
        super().learn(embedding, time, switched=switched)


class Retrained:
    """A profile made anew from all events, all alike, at every 20th: what a batch job gives.

    Args:
        dimension: m.
    """

    def __init__(self, *, dimension: int) -> None:
        self._sum = np.zeros(dimension)
        self._events = 0
        self._vector = np.zeros(dimension, dtype=np.float32)

    def vector(self) -> NDArray[np.float32]:
        """Return the mean of all events up to the latest retraining, float32 (m,)."""
        return self._vector

    def learn(self, embedding: NDArray[np.float32], time: int, *, switched: bool) -> None:  # noqa: ARG002
        """Keep an event for the next retraining."""
        self._sum += embedding
        self._events += 1
        if self._events % RETRAIN_EVERY == 0:
            self._vector = (self._sum / self._events).astype(np.float32)


# Profiles for embeddings in R^m, by what people call them.
PROFILES: Mapping[str, Callable[[int], Profile]] = MappingProxyType(
    {
        "half-lives": lambda m: Updated(HalfLives(), dimension=m),
        "ewma": lambda m: Updated(Ewma(), dimension=m),
        "window": lambda m: Updated(Window(), dimension=m),
        "retrained": lambda m: Retrained(dimension=m),
        "static": lambda m: Static(dimension=m),
        "told": lambda m: Fresh(dimension=m),
    }
)

MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "half-lives": "the device's interest state under its default policy",
        "ewma": "the device's interest state, an event fading with each one after it",
        "window": "the device's interest state of the latest events alone",
        "retrained": f"made anew from all events, all alike, at every {RETRAIN_EVERY}th",
        "static": "half-lives up to the switch, and nothing learnt after it",
        "told": "half-lives that somebody tells of the switch, and that starts anew there: no "
        "device knows that, and it shows how well the new interest can be known by then",
    }
)


class _Interests:
    """A person's profiles, all of them made of embeddings alone."""

    def __init__(self, profiles: Sequence[Profile], embeddings: NDArray[np.float32]) -> None:
        self._profiles = profiles
        self._embeddings = embeddings

    def vectors(self, *, now: int) -> NDArray[np.float32]:  # noqa: ARG002
        """Return each profile's vector, float32 (M, m)."""
        return np.stack([profile.vector() for profile in self._profiles])

    def learn(self, item: int, time: int, *, switched: bool) -> None:
        """Let each profile learn an event."""
        for profile in self._profiles:
            profile.learn(self._embeddings[item], time, switched=switched)


def follow_interests(
    people: Sequence[Switched],
    embeddings: NDArray[np.float32],
    profiles: Mapping[str, Callable[[int], Profile]],
    *,
    before: int,
    after: int,
) -> Prequential:
    """Predict everybody's events by profiles in the space of the items' embeddings.

    Args:
        people: their events.
        embeddings: float32 (J, m), of the items.
        profiles: make a profile for R^m, by name.
        before: events to keep before each switch.
        after: events to keep after it.
    """
    items, dimension = embeddings.shape
    return predict_then_learn(
        people,
        Space(embeddings, np.zeros(items, dtype=np.float32)),
        lambda _: _Interests([make(dimension) for make in profiles.values()], embeddings),
        names=tuple(profiles),
        before=before,
        after=after,
    )
