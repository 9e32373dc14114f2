"""The deployed device app, drawing what device ``number`` of a simulation with ``seed`` draws."""

from flwr.app import Context

from penchant.client import DeviceSettings
from penchant.client.stock import stock_client_app
from penchant.shared.randomness import SeededRandomness

DEVICE_STREAM = 1


def stream_of(context: Context) -> SeededRandomness:
    """The stream that the node's configuration names."""
    seed, number = (int(context.node_config[name]) for name in ("seed", "number"))
    return SeededRandomness(seed).spawn(DEVICE_STREAM).spawn(number)


app = stock_client_app(
    settings=DeviceSettings(quality=None, recorded_rounds=False), randomness=stream_of
)
