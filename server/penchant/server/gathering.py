"""The replies of one round as they come: checked, added up and dropped."""

from collections import Counter
from collections.abc import Collection
from logging import INFO

from flwr.app import Message
from flwr.supercore import log

from penchant.server import blocks
from penchant.server.aggregation import UpdateSum
from penchant.server.measures import MeasureSum
from penchant.server.robust import HeldUpdates
from penchant.server.settings import AggregationName, RoundSettings
from penchant.server.validation import RejectedReply, valid_result
from penchant.shared.errors import RoundError
from penchant.shared.ranker import Ranker

__all__ = ["Gathering"]


class Gathering:
    """Takes a round's replies, each device's once.

    Args:
        cohort: nodes that were asked.
        ranker: what is trained.
        round_number: the round's.
        settings: how rounds are run.
        takes_blocks: replies are sums over several devices.

    Attributes:
        updates: the updates that count.
        measures: the measures that count; None if the round asks for none.
        rejections: how many replies did not count, by reason.
    """

    def __init__(
        self,
        cohort: Collection[int],
        ranker: Ranker,
        round_number: int,
        settings: RoundSettings,
        *,
        takes_blocks: bool,
    ) -> None:
        self._awaited = set(cohort)
        self._ranker = ranker
        self._round_number = round_number
        self._settings = settings
        self._takes_blocks = takes_blocks
        self.updates = _no_updates(settings, size=ranker.settings.size)
        self.measures = None if settings.measure_noise is None else MeasureSum()
        self.rejections: Counter[str] = Counter()

    def take(self, reply: Message) -> None:
        """Add what a reply holds if it is valid, and count why if it is not.

        Raises:
            RoundError: a block is not of this round, or a device of it has answered before.
        """
        if isinstance(self.updates, UpdateSum) and self._takes_blocks:
            self.rejections["failed"] += self._add_block(reply, self.updates)
        else:
            self._add_result(reply)

    def _add_result(self, reply: Message) -> None:
        device = reply.metadata.src_node_id
        try:
            result = valid_result(
                reply,
                awaited=self._awaited,
                ranker=self._ranker,
                round_number=self._round_number,
                settings=self._settings,
            )
        except RejectedReply as rejection:
            log(INFO, "reply of device %s rejected: %s", device, rejection)
            self.rejections[rejection.reason] += 1
            return
        self._awaited.remove(device)  # a second reply of the same device does not count
        self.updates.add(result.update)
        if self.measures is not None and result.measure is not None:
            self.measures.add(result.measure)

    def _add_block(self, reply: Message, updates: UpdateSum) -> int:
        """Add what several devices gave; return how many of them gave nothing."""
        if reply.has_error():
            raise RoundError(f"a block of devices gave no result: {reply.error.reason}")
        block = blocks.unpack(reply.content)
        expected = (self._ranker.model_id, self._round_number)
        if (block.model_id, block.round_number) != expected:
            raise RoundError(
                f"a block of round {block.round_number} of ranker {block.model_id} came in round "
                f"{self._round_number} of ranker {self._ranker.model_id}"
            )
        answered = [int(device) for part in (block.devices, block.failed) for device in part]
        if len(set(answered)) < len(answered) or not self._awaited.issuperset(answered):
            raise RoundError(
                f"a block of round {self._round_number} counts a device that is not awaited"
            )
        if (block.measures is None) != (self.measures is None):
            raise RoundError(
                f"a block of round {self._round_number} has measures where none are asked for, or "
                "has none where they are"
            )
        self._awaited.difference_update(answered)
        updates.add_total(block.total, count=len(block.devices))
        if self.measures is not None and block.measures is not None:
            self.measures.add_total(block.measures, count=len(block.devices))
        return len(block.failed)


def _no_updates(settings: RoundSettings, *, size: int) -> UpdateSum | HeldUpdates:
    if settings.aggregation is not AggregationName.SUM:
        return HeldUpdates(settings)
    return UpdateSum(size, clipping_norm=settings.training.clipping_norm)
