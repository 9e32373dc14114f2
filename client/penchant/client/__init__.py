"""The device SDK: keeps behaviour, learns interests and ranks, all on the device."""

from penchant.client.device import Device
from penchant.client.events import Event, EventKind
from penchant.client.interests import (
    Evidence,
    Ewma,
    HalfLives,
    Interest,
    InterestEdit,
    InterestPolicy,
    Tag,
    Taxonomy,
    Window,
)
from penchant.client.quality import Cleaning, Health, QualityRules, Refusal
from penchant.client.ranking import ItemTerm, Recommendation
from penchant.client.settings import DeviceSettings
from penchant.client.storage import KeyFile, KeySource, OsKeyStore, Passphrase
from penchant.shared.catalogue import Catalogue
from penchant.shared.encoding import Encoder
from penchant.shared.ranker import Ranker
from penchant.shared.scoring import Scorer

__all__ = [
    "Catalogue",
    "Cleaning",
    "Device",
    "DeviceSettings",
    "Encoder",
    "Event",
    "EventKind",
    "Evidence",
    "Ewma",
    "HalfLives",
    "Health",
    "Interest",
    "InterestEdit",
    "InterestPolicy",
    "ItemTerm",
    "KeyFile",
    "KeySource",
    "OsKeyStore",
    "Passphrase",
    "QualityRules",
    "Ranker",
    "Recommendation",
    "Refusal",
    "Scorer",
    "Tag",
    "Taxonomy",
    "Window",
]
