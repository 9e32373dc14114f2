"""The Flower ``ClientApp`` that every device runs, in a simulation and in the field."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager

from flwr.app import Context, Error, Message
from flwr.clientapp import ClientApp
from flwr.common.constant import ErrorCode

from penchant.client.device import Device
from penchant.shared import flower
from penchant.shared.codec import decode_task, encode_result
from penchant.shared.errors import BudgetError, CodecError, PenchantError

__all__ = ["MALFORMED", "REFUSED", "client_app"]

MALFORMED = "not a task that this device understands"
# One word for every other reason: which condition, budget, consent or event it was is private.
REFUSED = "refused"

_LOG = logging.getLogger(__name__)


def client_app(open_device: Callable[[Context], AbstractContextManager[Device]]) -> ClientApp:
    """Return the app that answers training tasks with clipped updates.

    A task that is not answered gets an error that says nothing private: ``MALFORMED``, which is
    about the task alone, or ``REFUSED``. Why is in the device's own log.

    Args:
        open_device: opens the device that a message is for; called once a message.
    """
    app = ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        try:
            with open_device(context) as device:
                answer = _answer(message, device)
        except CodecError as error:
            return _refused(message, MALFORMED, error)
        except PenchantError as error:
            return _refused(message, REFUSED, error)
        return Message(flower.pack(answer), reply_to=message)

    return app


def _answer(message: Message, device: Device) -> bytes:
    task = decode_task(flower.unpack(message.content), size=device.shared_numbers)
    eligibility = device.eligibility()
    if not eligibility.eligible:
        raise BudgetError(str(eligibility))
    return encode_result(device.train(task))


def _refused(message: Message, reason: str, error: PenchantError) -> Message:
    _LOG.warning("task not answered: %s", error)
    return Message(Error(ErrorCode.CLIENT_APP_RAISED_EXCEPTION, reason), reply_to=message)
