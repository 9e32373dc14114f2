"""The device SDK: keeps behaviour, learns interests and ranks, all on the device."""

from penchant.client.device import Device, DeviceSettings, Interest, Recommendation
from penchant.client.events import Event, EventKind
from penchant.client.interests import HalfLives, InterestState

__all__ = [
    "Device",
    "DeviceSettings",
    "Event",
    "EventKind",
    "HalfLives",
    "Interest",
    "InterestState",
    "Recommendation",
]
