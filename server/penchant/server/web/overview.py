"""What an operator sees of a server: one picture, for the page, for Prometheus and for tests."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from penchant.server.fleet.flower_adapter import FleetState
from penchant.server.fleet.waiting import Waiting
from penchant.server.operations.records import Records, RoundRecord, Trouble
from penchant.server.operations.tally import Tally
from penchant.server.service.standing import Standing
from penchant.server.web.quality import Quality, latest_quality

__all__ = ["Overview", "Overviews"]

ACTIVE_SECONDS = 3600.0
ROUNDS_SHOWN, TROUBLES_SHOWN = 100, 10


@dataclass(frozen=True)
class Overview:
    """A server at one moment.

    Attributes:
        time: unix seconds.
        standing: where the rounds stand.
        enrolled: devices that are enrolled.
        active: of them, heard of within the last hour.
        waiting: of them, waiting for a task right now.
        open_codes: enrolment codes that could be used.
        rounds: the latest, by number.
        refusals: how many replies and requests were refused, by reason.
        troubles: the latest, the latest first.
    """

    time: float
    standing: Standing
    enrolled: int
    active: int
    waiting: int
    open_codes: int
    rounds: list[RoundRecord]
    refusals: dict[str, int]
    troubles: list[Trouble]

    def as_json(self) -> dict[str, object]:
        """Return what the page shows, as JSON values."""
        fields = asdict(self)
        fields["standing"].pop("accounted_for")
        for number, record in enumerate(self.rounds, start=1):
            shown, recent = fields["rounds"][number - 1], None
            if record.measured is not None:
                shown["measured"] |= Quality.of(record.measured).as_json()
                recent = latest_quality(self.rounds[:number])
            shown["recently_measured"] = None if recent is None else recent.as_json()
        quality = latest_quality(self.rounds)
        fields["quality"] = None if quality is None else quality.as_json()
        return fields


class Overviews:
    """Takes pictures of one server.

    Args:
        state: nodes.
        waiting: devices that wait.
        records: the server's records.
        tally: refusals.
        standing: says where the rounds stand.
    """

    def __init__(
        self,
        state: FleetState,
        waiting: Waiting,
        records: Records,
        tally: Tally,
        *,
        standing: Callable[[], Standing],
    ) -> None:
        self._state = state
        self._waiting = waiting
        self._records = records
        self._tally = tally
        self._standing = standing

    def take(self) -> Overview:
        """Return how things are now."""
        enrolled, active = self._state.census(seconds=ACTIVE_SECONDS)
        return Overview(
            time=time.time(),
            standing=self._standing(),
            enrolled=enrolled,
            active=active,
            waiting=len(self._waiting),
            open_codes=self._records.open_codes(),
            rounds=self._records.rounds(last=ROUNDS_SHOWN),
            refusals=self._tally.counts(),
            troubles=self._records.troubles(last=TROUBLES_SHOWN),
        )
