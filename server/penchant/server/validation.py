"""Whether a reply counts: what a round takes from a device, and why it takes nothing else."""

from collections.abc import Collection

import numpy as np
from flwr.app import Message
from numpy.typing import NDArray

from penchant.server.settings import RoundSettings
from penchant.shared import flower
from penchant.shared.codec import decode_result
from penchant.shared.contract import TrainingResult
from penchant.shared.errors import CodecError
from penchant.shared.measures import MEASURE_NORM, is_measure
from penchant.shared.ranker import Ranker

__all__ = ["RejectedReply", "valid_result"]

NORM_TOLERANCE = 1e-4  # what float32 may add to the norm of a clipped update


class RejectedReply(Exception):  # noqa: N818 - a verdict, not an error
    """A reply must not count.

    Args:
        reason: a word or two, for counting.
        detail: for the log.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def valid_result(
    reply: Message,
    *,
    awaited: Collection[int],
    ranker: Ranker,
    round_number: int,
    settings: RoundSettings,
) -> TrainingResult:
    """Return what a reply holds.

    Args:
        reply: from a device.
        awaited: nodes that were asked and have not answered.
        ranker: what is trained.
        round_number: which round it must be of.
        settings: how rounds are run.

    Raises:
        RejectedReply: it must not count.
    """
    if reply.metadata.src_node_id not in awaited:
        raise RejectedReply("not awaited", "the device was not asked, or has answered before")
    if reply.has_error():
        raise RejectedReply("failed", "the device could not train")
    try:
        result = decode_result(flower.unpack(reply.content), size=ranker.settings.size)
    except CodecError as error:
        raise RejectedReply("malformed", str(error)) from error
    if result.round_number != round_number or result.model_id != ranker.model_id:
        raise RejectedReply("of another round", f"it is of round {result.round_number}")
    bound = settings.training.clipping_norm
    norm = float(np.linalg.norm(result.update.astype(np.float64)))
    if bound is not None and norm > bound * (1 + NORM_TOLERANCE):
        raise RejectedReply("over the norm", f"its norm is {norm:g}, the bound {bound:g}")
    _require_measure(result.measure, asked=settings.measure_noise is not None)
    return result


def _require_measure(measure: NDArray[np.float32] | None, *, asked: bool) -> None:
    if (measure is not None) != asked:
        what = "a measure is asked for and missing" if asked else "it holds a measure unasked"
        raise RejectedReply("malformed", what)
    if measure is None:
        return
    norm = float(np.linalg.norm(measure.astype(np.float64)))
    if norm > MEASURE_NORM * (1 + NORM_TOLERANCE):
        raise RejectedReply("over the norm", f"its measure's norm is {norm:g}, the bound 1")
    if not is_measure(measure):
        raise RejectedReply("malformed", "its measure is none that a device can make")
