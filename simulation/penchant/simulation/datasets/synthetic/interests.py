"""Latent interests of many people: how they begin, drift and switch from session to session."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.simulation.datasets.synthetic.settings import PopulationSettings

__all__ = ["DAYS_PER_MONTH", "InterestPaths", "follow_interests"]

DAYS_PER_MONTH = 30.0


@dataclass(frozen=True, eq=False)
class InterestPaths:
    """The interests that people have in each of their sessions.

    Attributes:
        topics: int16 (S, M), the topics of a session's interests.
        weights: float32 (S, M), how strong each is; rows sum to 1.
        old_topics: int16 (S,), the topic that a switch before the session took away, or -1.
        new_topics: int16 (S,), the topic that it brought, or -1.
    """

    topics: NDArray[np.int16]
    weights: NDArray[np.float32]
    old_topics: NDArray[np.int16]
    new_topics: NDArray[np.int16]


def follow_interests(
    sessions: NDArray[np.int64],
    pauses: NDArray[np.float64],
    topic_shares: NDArray[np.float64],
    settings: PopulationSettings,
    rng: np.random.Generator,
) -> InterestPaths:
    """Draw people's interests and follow them through their sessions.

    Strengths a have weights softmax(a). Over a pause of t months they go as an Ornstein-Uhlenbeck
    process, a' = r a + contrast sqrt(1 - r^2) N(0, 1) with r = exp(-drift t), which forgets what
    was and keeps its law. With probability 1 - exp(-switches t) the strongest interest is then
    replaced by a topic the person had no interest in.

    Args:
        sessions: int64 (n,), number of sessions of each person, at least 1; S is their sum.
        pauses: float64 (S,), days since the person's previous session began, person after person;
            the first of each person counts for nothing.
        topic_shares: float64 (K,), how likely an interest is in each topic.
        settings: of the population.
        rng: of the draws.
    """
    # Those with the most sessions first, so that whoever has a further session is at the front.
    order = np.argsort(-sessions, kind="stable")
    firsts = (np.cumsum(sessions) - sessions)[order]
    waiting = np.sort(sessions)
    log_shares = np.log(topic_shares)
    total, number = int(sessions.sum()), settings.interests
    topics = np.argsort(-_gumbel_keys(log_shares, len(sessions), rng), axis=1)[:, :number]
    strengths = settings.contrast * rng.standard_normal(topics.shape, dtype=np.float32)
    paths = InterestPaths(
        topics=np.empty((total, number), dtype=np.int16),
        weights=np.empty((total, number), dtype=np.float32),
        old_topics=np.full(total, -1, dtype=np.int16),
        new_topics=np.full(total, -1, dtype=np.int16),
    )
    for session in range(int(waiting[-1])):
        active = len(waiting) - int(np.searchsorted(waiting, session, side="right"))
        rows = firsts[:active] + session
        if session > 0:
            months = pauses[rows] / DAYS_PER_MONTH
            strengths = _drifted(strengths[:active], months, settings, rng)
            switching = np.flatnonzero(rng.random(active) < -np.expm1(-settings.switches * months))
            strongest = strengths[switching].argmax(axis=1)
            keys = _gumbel_keys(log_shares, len(switching), rng)
            np.put_along_axis(keys, topics[switching], -np.inf, axis=1)
            paths.old_topics[rows[switching]] = topics[switching, strongest]
            topics[switching, strongest] = keys.argmax(axis=1)
            paths.new_topics[rows[switching]] = topics[switching, strongest]
        paths.topics[rows] = topics[:active]
        paths.weights[rows] = _softmax(strengths[:active])
    return paths


def _gumbel_keys(
    log_shares: NDArray[np.float64], people: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return keys (people, K) whose largest m are m topics drawn by share, without replacement."""
    return np.asarray(log_shares + rng.gumbel(size=(people, len(log_shares))))


def _drifted(
    strengths: NDArray[np.float32],
    months: NDArray[np.float64],
    settings: PopulationSettings,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    kept = np.exp(-settings.drift * months)[:, None].astype(np.float32)
    fresh = settings.contrast * rng.standard_normal(strengths.shape, dtype=np.float32)
    return np.asarray(kept * strengths + np.sqrt(1 - kept**2) * fresh)


def _softmax(strengths: NDArray[np.float32]) -> NDArray[np.float32]:
    weights = np.exp(strengths - strengths.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
