"""A device as a plain Flower app, for a stock SuperNode: what ``flwr run`` names.

The device's folder is in the configuration of its own node, which no server sets. It has the
ranker and catalogue that it was made with: releases do not come this way.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from flwr.app import Context
from flwr.clientapp import ClientApp

from penchant.client.app import client_app
from penchant.client.device import Device
from penchant.client.home import Home
from penchant.client.participation import LAB
from penchant.client.settings import DeviceSettings
from penchant.shared.errors import ConfigurationError
from penchant.shared.randomness import Randomness

__all__ = ["app", "stock_client_app"]

DEVICE, LAB_SWITCH = "device", "lab"


def stock_client_app(
    *,
    settings: DeviceSettings | None = None,
    randomness: Callable[[Context], Randomness | None] = lambda _context: None,
) -> ClientApp:
    """Return the app of a node whose configuration names a device's folder.

    Args:
        settings: how the device keeps and learns; the node's ``lab=true`` puts the lab's policy in
            place of theirs.
        randomness: draws batches and noise; the operating system, if it gives None.
    """
    chosen = settings or DeviceSettings()

    @contextmanager
    def opened(context: Context) -> Iterator[Device]:
        folder, lab = _device_of(context)
        with Home.read(folder).open(
            folder,
            ask_passphrase=_no_passphrase,
            settings=replace(chosen, participation=LAB) if lab else chosen,
            randomness=randomness(context),
        ) as device:
            yield device

    return client_app(opened)


def _device_of(context: Context) -> tuple[Path, bool]:
    """Return the folder of a node's device, and whether the lab's policy is in force."""
    folder, lab = context.node_config.get(DEVICE), context.node_config.get(LAB_SWITCH, False)
    if not isinstance(folder, str) or not Path(folder).is_absolute():
        raise ConfigurationError(
            f"the node's {DEVICE} is {folder!r}; give a device's folder by its absolute path, as "
            f"in flower-supernode --node-config '{DEVICE}=\"/home/me/device\"'"
        )
    if not isinstance(lab, bool):
        raise ConfigurationError(f"the node's {LAB_SWITCH} is {lab!r}; give true or false")
    return Path(folder), lab


def _no_passphrase() -> str:
    raise ConfigurationError(
        "nobody is there to type a passphrase; keep the device's keys in the operating system's "
        "key store, or in a file: penchant device keys"
    )


app = stock_client_app()
