"""The Flower ``ClientApp`` that every device runs, in a simulation and in the field."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from penchant.client.device import Device
from penchant.shared import flower
from penchant.shared.codec import decode_task, encode_result

__all__ = ["client_app"]


def client_app(open_device: Callable[[Context], AbstractContextManager[Device]]) -> ClientApp:
    """Return the app that answers training tasks with clipped updates.

    Args:
        open_device: opens the device that a message is for; called once a message.
    """
    app = ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        with open_device(context) as device:
            task = decode_task(flower.unpack(message.content), size=device.shared_numbers)
            result = device.train(task)
        return Message(flower.pack(encode_result(result)), reply_to=message)

    return app
