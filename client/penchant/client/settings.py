"""How a device keeps and learns."""

from dataclasses import dataclass, field

from penchant.client.interests import HalfLives

__all__ = ["DeviceSettings"]


@dataclass(frozen=True)
class DeviceSettings:
    """How a device keeps and learns.

    Attributes:
        half_lives: how fast interests fade.
        durable: wait for the disk at every write; only a simulation turns it off.
    """

    half_lives: HalfLives = field(default_factory=HalfLives)
    durable: bool = True
