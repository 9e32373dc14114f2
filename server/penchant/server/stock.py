"""The server's side as a plain Flower app, for a stock SuperLink: what ``flwr run`` names.

The folder is a server's folder as ``penchant server init`` makes it: configuration, releases,
checkpoints and the record that the accountant counts from are those of ``penchant serve``, so the
same rounds are run, resumed, released and stopped at the same budget. Only what carries the
messages is Flower's.
"""

import logging
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TypeVar

from flwr.app import Context, Message
from flwr.serverapp import Grid, ServerApp

from penchant.server.grid import RunGrid
from penchant.server.operations.records import Records
from penchant.server.releases.shelf import Shelf
from penchant.server.service.certificates import load_private_signing_key
from penchant.server.service.folder import ServerFolder
from penchant.server.service.rounds import Rounds
from penchant.shared.errors import ConfigurationError
from penchant.shared.randomness import SystemRandomness

__all__ = ["StockGrid", "app"]

LOG = logging.getLogger("flwr")  # what a run's log shows
Thing = TypeVar("Thing")
FOLDER = "folder"
BATCH = 64
POLL_SECONDS = 1.0

app = ServerApp()


class StockGrid(RunGrid):
    """A SuperLink's grid as the strategy needs it.

    Flower's own reads the messages twice, takes no empty cohort, and gives the replies only when
    all of them are held. This one leaves messages in batches as they are made, and yields replies
    as they come.

    Args:
        grid: Flower's, connected.
    """

    def __init__(self, grid: Grid) -> None:
        super().__init__(grid.run)
        self._grid = grid

    def get_node_ids(self) -> Iterable[int]:
        """Return the node ids of the SuperNodes that are connected."""
        return self._grid.get_node_ids()

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Leave messages for their devices and return the messages' ids."""
        for batch in _batches(messages):
            yield from self._grid.push_messages(batch)

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Return the replies that have come to these messages."""
        return self._grid.pull_messages(message_ids)

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Generator[Message, None, None]:
        """Leave messages for their devices, and yield the replies that come in time.

        Args:
            messages: made as they are left.
            timeout: seconds; None to wait until every device has answered.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        awaited = set(self.push_messages(messages))
        while awaited and (deadline is None or time.monotonic() < deadline):
            come: set[str] = set()
            for batch in _batches(awaited):
                for reply in self.pull_messages(batch):
                    come.add(reply.metadata.reply_to_message_id)
                    yield reply
            awaited -= come
            if not come and awaited:
                time.sleep(POLL_SECONDS)


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Run every round that is left in the folder that the run's configuration names.

    Raises:
        ConfigurationError: the folder is not named, is none, is served already, or has no ranker.
    """
    folder = _folder(context)
    with folder.alone(), closing(Records(folder.records)) as records:
        shelf = Shelf(folder.releases, load_private_signing_key(folder.signing_key))
        if shelf.ranker() is None:
            raise ConfigurationError(
                f"{folder.path} has no ranker; release one with: penchant server publish"
            )
        rounds = Rounds(folder, records, shelf, StockGrid(grid), randomness=SystemRandomness())
        LOG.info("no round is left: %s", rounds.run_to_the_end())


def _batches(things: Iterable[Thing]) -> Iterator[list[Thing]]:
    iterator = iter(things)
    while batch := list(islice(iterator, BATCH)):
        yield batch


def _folder(context: Context) -> ServerFolder:
    named = context.run_config.get(FOLDER)
    # A run starts in a directory that its operator does not choose.
    if not isinstance(named, str) or not Path(named).is_absolute():
        raise ConfigurationError(
            f"the run's {FOLDER} is {named!r}; give a server's folder by its absolute path, as in "
            f"flwr run . --run-config '{FOLDER}=\"/srv/penchant\"'"
        )
    folder = ServerFolder(Path(named))
    folder.require()
    return folder
