"""What every Flower grid of ours has: one run, and messages for its devices."""

from flwr.app import Message, RecordDict
from flwr.serverapp import Grid
from flwr.supercore.run import Run

__all__ = ["RunGrid"]


class RunGrid(Grid):
    """A grid of one run; how messages get to devices and back is for its subclasses to say.

    Args:
        run: the run that messages belong to.
    """

    def __init__(self, run: Run) -> None:
        self._run = run

    def set_run(self, run: Run) -> None:
        """Set the run."""
        self._run = run

    @property
    def run(self) -> Run:
        """The run."""
        return self._run

    def create_message(
        self,
        content: RecordDict,
        message_type: str,
        dst_node_id: int,
        group_id: str,
        ttl: float | None = None,
    ) -> Message:
        """Return a message for a device."""
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)
