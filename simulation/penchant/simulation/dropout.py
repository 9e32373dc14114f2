"""Devices that do not answer, and the order in which the others do."""

from collections.abc import Iterable, Iterator

import numpy as np
from flwr.app import Message
from flwr.serverapp import Grid

from penchant.server.grid import RunGrid
from penchant.shared.randomness import Randomness

__all__ = ["DropoutGrid"]


class DropoutGrid(RunGrid):
    """Asks the devices of another grid, but for those that drop out.

    Each device that is asked drops out with the same chance, independently, anew at each asking;
    it then does nothing at all. The others answer in an order of chance where the order counts,
    which it does in rounds that end with the first so many answers: in the order of their numbers
    the same devices would be first always.

    Args:
        grid: asks the devices.
        dropout: chance of a device not to answer.
        shuffled: whether devices answer in an order of chance.
        randomness: draws who drops out, and the order.
    """

    def __init__(
        self, grid: RunGrid, *, dropout: float, shuffled: bool, randomness: Randomness
    ) -> None:
        super().__init__(grid.run)
        self._grid: Grid = grid
        self._dropout = dropout
        self._shuffled = shuffled
        self._randomness = randomness
        self._round_number = 0

    def begin(self, round_number: int) -> None:
        """Draw from the streams of a round from now on, so that a resumed run draws the same."""
        self._round_number = round_number

    def get_node_ids(self) -> Iterable[int]:
        """Return the node ids of all devices."""
        return self._grid.get_node_ids()

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Leave messages to the other grid; nobody drops out."""
        return self._grid.push_messages(messages)

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Take replies from the other grid."""
        return self._grid.pull_messages(message_ids)

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterator[Message]:
        """Yield the replies of the devices that do not drop out, as they are asked for."""
        if self._dropout == 0.0 and not self._shuffled:
            yield from self._grid.send_and_receive(messages, timeout=timeout)
            return
        asked = list(messages)
        draws = self._randomness.spawn(self._round_number)
        answers = np.flatnonzero(draws.uniform(len(asked)) >= self._dropout)
        if self._shuffled:
            answers = answers[np.argsort(draws.uniform(len(answers)), kind="stable")]
        yield from self._grid.send_and_receive((asked[i] for i in answers), timeout=timeout)
