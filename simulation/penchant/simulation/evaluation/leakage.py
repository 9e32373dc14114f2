"""Does a control that cannot know the held-out items rank them suspiciously well?

A model that is never federated has met nobody else's behaviour. All it can use is its own history
and the items' texts, so it may rank a little above chance, as far as similar texts go, and no
further. If it scores much higher, held-out items reached it: by way of the negatives, say, or of
training events. The check is a test with a stated false-alarm rate.
"""

from penchant.shared.errors import ConfigurationError

__all__ = ["chance", "leak_suspected", "leak_threshold"]


def chance(*, k: int, candidates: int) -> float:
    """Return HR@k of a random order of the candidates: k in candidates, at most 1.

    >>> chance(k=10, candidates=100)
    0.1
    """
    if k < 1 or candidates < 1:
        raise ConfigurationError(
            f"k and the number of candidates must be at least 1; got {k} and {candidates}"
        )
    return min(1.0, k / candidates)


def leak_threshold(
    *,
    people: int,
    chance: float,
    similarity_hits: float | None = None,
    margin: float = 0.05,
    false_alarm_rate: float = 1e-6,
) -> int:
    """Return the smallest number of hits that is suspicious for the no-federation control.

    The hypothesis of no leak: each person is a hit with a probability of at most ``p + margin``,
    where p is chance, or the hit rate of content similarity (an untrained control on the same
    people and candidates) if that is higher. That rate is itself only measured, so half of the
    false-alarm rate is spent on its upper Clopper-Pearson bound (Biometrika 26, 1934), half on the
    exact binomial tail of the control; by the union bound they add up.

    Args:
        people: number of people evaluated.
        chance: HR@k of a random order, in (0, 1]; see :func:`chance`.
        similarity_hits: hits of the content-similarity control, if it was run.
        margin: what learning from one's own history alone may add to the hit rate.
        false_alarm_rate: probability of suspecting a control without a leak, at most.

    Returns:
        A number of hits from 1 to ``people + 1``; the last means that no number is suspicious,
        because too few people were evaluated.
    """
    from scipy.stats import beta, binom

    for name, value in (("chance", chance), ("false_alarm_rate", false_alarm_rate)):
        if not 0 < value <= 1:
            raise ConfigurationError(f"{name} must be in (0, 1]; got {value}")
    if people < 1 or not 0 <= (similarity_hits or 0) <= people or not 0 <= margin < 1:
        raise ConfigurationError(
            "need at least 1 person, 0 to that many hits and a margin in [0, 1); "
            f"got {people} people, {similarity_hits} hits, a margin of {margin}"
        )
    half = false_alarm_rate / 2
    innocent = chance
    if similarity_hits == people:
        innocent = 1.0
    elif similarity_hits is not None:
        upper_bound = float(beta.isf(half, similarity_hits + 1, people - similarity_hits))
        innocent = max(chance, upper_bound)
    innocent = min(1.0, innocent + margin)
    return int(binom.isf(half, people, innocent)) + 1


def leak_suspected(
    hits: float,
    people: int,
    *,
    chance: float,
    similarity_hits: float | None = None,
    margin: float = 0.05,
    false_alarm_rate: float = 1e-6,
) -> bool:
    """Say whether a control without federation hits more than it could without a leak.

    Args:
        hits: people whose held-out item the control ranked among its first k (expected hits, under
            ties), by the same protocol as ``chance`` and ``similarity_hits``.
        people: number of people evaluated.
        chance: see :func:`leak_threshold`, as the arguments below.
        similarity_hits: hits of the content-similarity control.
        margin: what a person's own history may add.
        false_alarm_rate: probability of a false alarm, at most.

    >>> leak_suspected(105, 943, chance=0.1)
    False
    >>> leak_suspected(940, 943, chance=0.1)
    True
    """
    threshold = leak_threshold(
        people=people,
        chance=chance,
        similarity_hits=similarity_hits,
        margin=margin,
        false_alarm_rate=false_alarm_rate,
    )
    return hits >= threshold
