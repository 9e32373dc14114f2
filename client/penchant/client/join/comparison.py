"""Whether a release would serve a person worse than the one in use."""

from penchant.client.device import Device
from penchant.shared.scoring import Scorer

__all__ = ["serves_worse"]

WORSE = 0.8  # a release that foretells this much less of what the person did is worse


def serves_worse(device: Device, used: Scorer, offered: Scorer) -> bool:
    """Whether ``offered`` foretells the person's doings visibly worse than ``used``.

    Not where too few of them can be told by both, nor where ``offered`` begins a new line of
    rankers, in which nothing is learnt yet.

    Args:
        device: of the person, open with ``used``.
        used: the ranker in use.
        offered: the one that a release brings.
    """
    if used.ranker.family != offered.ranker.family:
        return False
    # Ranks are longer among more items, and what a catalogue lacks it cannot foretell.
    now = device.local_quality(used, among=offered.catalogue)
    then = device.local_quality(offered, among=used.catalogue)
    return now is not None and then is not None and then < WORSE * now
