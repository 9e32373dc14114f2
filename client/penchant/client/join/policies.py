"""How ``penchant join`` opens a device, and when that device may take part."""

from pathlib import Path

from penchant.client.device import Device
from penchant.client.join.participant import OpenDevice
from penchant.client.storage import KeySource
from penchant.shared.errors import ConfigurationError
from penchant.shared.scoring import Scorer

__all__ = ["opener", "reason_to_wait"]


def opener(folder: Path, keys: KeySource, *, lab: bool) -> OpenDevice:
    """Return what opens the device in ``folder``.

    Args:
        folder: the device's folder.
        keys: what locks it.
        lab: under the policy for trials.

    Raises:
        ConfigurationError: not for trials, which needs the privacy ledger.
    """
    if not lab:
        raise ConfigurationError(
            "without --lab a device keeps a privacy ledger, which this version does not have yet; "
            "give --lab for a trial with made-up people"
        )

    def open_device(scorer: Scorer) -> Device:
        return Device.open(folder, scorer, keys=keys)

    return open_device


def reason_to_wait(device: Device) -> str | None:  # noqa: ARG001
    """Return why the device may take no part now, None if it may."""
    return None
