"""The device SDK: keeps behaviour, learns interests and ranks, all on the device."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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
from penchant.client.storage import KeyFile, KeySource, OsKeyStore, Passphrase, change_keys
from penchant.shared.catalogue import Catalogue
from penchant.shared.ranker import Ranker
from penchant.shared.scoring import Scorer

if TYPE_CHECKING:
    from penchant.client.ledger import (
        BudgetSettings,
        Preview,
        PrivacyReport,
        Purpose,
        Receipt,
        Terms,
        terms_of,
    )
    from penchant.client.participation import (
        LAB,
        Eligibility,
        ParticipationPolicy,
        Probes,
        QuietHours,
        Requirement,
        SystemProbes,
    )
    from penchant.shared.encoding import Encoder

__all__ = [
    "LAB",
    "BudgetSettings",
    "Catalogue",
    "Cleaning",
    "Device",
    "DeviceSettings",
    "Eligibility",
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
    "ParticipationPolicy",
    "Passphrase",
    "Preview",
    "PrivacyReport",
    "Probes",
    "Purpose",
    "QualityRules",
    "QuietHours",
    "Ranker",
    "Receipt",
    "Recommendation",
    "Refusal",
    "Requirement",
    "Scorer",
    "SystemProbes",
    "Tag",
    "Taxonomy",
    "Terms",
    "Window",
    "change_keys",
    "terms_of",
]

# What only who embeds text, or takes part in rounds, needs: loaded when it is first asked for.
_LATER = {
    "Encoder": "penchant.shared.encoding",
    **dict.fromkeys(
        (
            "BudgetSettings",
            "Preview",
            "PrivacyReport",
            "Purpose",
            "Receipt",
            "Terms",
            "terms_of",
        ),
        "penchant.client.ledger",
    ),
    **dict.fromkeys(
        (
            "LAB",
            "Eligibility",
            "ParticipationPolicy",
            "Probes",
            "QuietHours",
            "Requirement",
            "SystemProbes",
        ),
        "penchant.client.participation",
    ),
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
