"""What can be told about the machine a device runs on."""

import os
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Battery", "Probes", "SystemProbes"]


@dataclass(frozen=True)
class Battery:
    """Where a machine's power comes from.

    Attributes:
        charge: of its battery, from 0 to 1; None where there is none.
        plugged: whether it runs on mains power.
    """

    charge: float | None
    plugged: bool


class Probes(Protocol):
    """Answers about the machine; None wherever it cannot be told. An app may give its own."""

    def load(self) -> float | None:
        """Return how many processes want to run, for each processor, over the last minute."""

    def battery(self) -> Battery | None:
        """Return where its power comes from."""

    def unmetered(self) -> bool | None:
        """Return whether its network does not cost by volume."""

    def temperature(self) -> float | None:
        """Return what its hottest sensor shows, in degrees Celsius."""


class SystemProbes:
    """Asks the operating system through psutil; without psutil, only what Python itself can.

    Whether a network is metered no portable interface tells: an app that knows says so itself.
    """

    def load(self) -> float | None:
        """Return the load of the last minute for each processor."""
        try:
            return os.getloadavg()[0] / (os.cpu_count() or 1)
        except (OSError, AttributeError):
            return None

    def battery(self) -> Battery | None:
        """Return the battery's state; a machine on which psutil finds none runs on mains power."""
        try:
            import psutil

            found = psutil.sensors_battery()
        except (ImportError, AttributeError, OSError, RuntimeError):
            return None
        if found is None:
            return Battery(charge=None, plugged=True)
        plugged: bool | None = found.power_plugged  # None where the system does not say
        return None if plugged is None else Battery(charge=found.percent / 100.0, plugged=plugged)

    def unmetered(self) -> bool | None:
        """Return None: it cannot be told."""
        return None

    def temperature(self) -> float | None:
        """Return the hottest sensor's temperature."""
        try:
            import psutil

            sensors = psutil.sensors_temperatures()
        except (ImportError, AttributeError, OSError, RuntimeError):
            return None
        return max((one.current for group in sensors.values() for one in group), default=None)
