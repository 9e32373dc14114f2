"""Updates in the form in which Flower's strategies read replies."""

from typing import cast

import numpy as np
from flwr.app import Array, ArrayRecord, Message, MetricRecord, RecordDict
from flwr.serverapp.strategy import FedAvg
from numpy.typing import NDArray

from penchant.shared.errors import RoundError

__all__ = ["NAME", "aggregated"]

NAME = "ranker"


def aggregated(
    strategy: FedAvg, updates: list[NDArray[np.float32]], *, round_number: int = 1
) -> NDArray[np.float32]:
    """Return what one of Flower's strategies makes of updates of equal weight, float32 (D,).

    Raises:
        RoundError: it gives nothing.
    """
    replies = [_Reply.of(update) for update in updates]
    arrays, _ = strategy.aggregate_train(round_number, replies)
    if arrays is None:
        raise RoundError(
            f"Flower's {type(strategy).__name__} gave no arrays for {len(updates)} valid updates"
        )
    return arrays[NAME].numpy().astype(np.float32)


class _Reply:
    """What Flower's strategies read of a reply; a real one needs a task in progress."""

    def __init__(self, content: RecordDict) -> None:
        self.content = content

    @classmethod
    def of(cls, update: NDArray[np.float32]) -> Message:
        content = RecordDict()
        content["arrays"] = ArrayRecord({NAME: Array(update)})
        content["metrics"] = MetricRecord({"num-examples": 1})
        return cast(Message, cls(content))

    def has_error(self) -> bool:
        return False
