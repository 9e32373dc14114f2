"""Does a control that cannot know the held-out items rank them better than by chance?

A device that trains alone, with the items' texts shuffled, can tell apart the items it has met and
nothing else: all others are exchangeable, the held-out one among them. It must rank them in a
random order. If it does better, held-out items have reached it: by way of the negatives, say, or of
training events. The check is a test with a stated false-alarm rate.
"""

from penchant.shared.errors import ConfigurationError

__all__ = ["chance", "leak_suspected", "leak_threshold"]

FALSE_ALARM_RATE = 1e-6


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
    *, people: int, chance: float, false_alarm_rate: float = FALSE_ALARM_RATE
) -> int:
    """Return the smallest number of hits that is suspicious: the exact binomial bound.

    Args:
        people: number of people evaluated, each on a shuffle of its own.
        chance: HR@k of a random order, in (0, 1]; see :func:`chance`.
        false_alarm_rate: probability of suspecting a control without a leak, at most; in (0, 1].

    Returns:
        A number of hits from 1 to ``people + 1``; the last means that no number is suspicious,
        because too few people were evaluated.

    Raises:
        ConfigurationError: an argument is out of range.
    """
    from scipy.stats import binom

    for name, value in (("chance", chance), ("false_alarm_rate", false_alarm_rate)):
        if not 0 < value <= 1:
            raise ConfigurationError(f"{name} must be in (0, 1]; got {value}")
    if people < 1:
        raise ConfigurationError(f"at least 1 person must be evaluated; got {people}")
    return int(binom.isf(false_alarm_rate, people, chance)) + 1


def leak_suspected(
    hits: float, people: int, *, chance: float, false_alarm_rate: float = FALSE_ALARM_RATE
) -> bool:
    """Say whether the control hits more often than it could without a leak.

    Args:
        hits: people whose held-out item the control ranked among its first k (expected hits, under
            ties).
        people: number of people evaluated.
        chance: see :func:`leak_threshold`, as below.
        false_alarm_rate: probability of a false alarm, at most.

    >>> leak_suspected(105, 943, chance=0.1)
    False
    >>> leak_suspected(940, 943, chance=0.1)
    True
    """
    threshold = leak_threshold(people=people, chance=chance, false_alarm_rate=false_alarm_rate)
    return hits >= threshold
