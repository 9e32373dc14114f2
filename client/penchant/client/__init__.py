"""The device SDK: keeps behaviour, learns interests and ranks, all on the device."""

from penchant.client.device import Device
from penchant.client.events import Event, EventKind
from penchant.client.interests import HalfLives, InterestState
from penchant.client.ranking import ItemTerm, Recommendation
from penchant.client.settings import DeviceSettings
from penchant.client.tags import Interest
from penchant.shared.catalogue import Catalogue
from penchant.shared.encoding import Encoder
from penchant.shared.ranker import Ranker
from penchant.shared.scoring import Scorer

__all__ = [
    "Catalogue",
    "Device",
    "DeviceSettings",
    "Encoder",
    "Event",
    "EventKind",
    "HalfLives",
    "Interest",
    "InterestState",
    "ItemTerm",
    "Ranker",
    "Recommendation",
    "Scorer",
]
