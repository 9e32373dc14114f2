"""The parts of a running server, put together."""

from dataclasses import dataclass

from starlette.routing import Route

from penchant.server.enrolment.codes import Enrolment
from penchant.server.enrolment.routes import EnrolmentRoutes
from penchant.server.fleet.flower_adapter import FleetState
from penchant.server.fleet.grid import FleetGrid
from penchant.server.fleet.mailbox import Delivery
from penchant.server.fleet.routes import FleetRoutes
from penchant.server.fleet.waiting import Waiting
from penchant.server.operations.records import Records
from penchant.server.operations.tally import Tally
from penchant.server.releases.routes import ReleaseRoutes
from penchant.server.releases.shelf import Shelf
from penchant.server.service.certificates import load_private_signing_key
from penchant.server.service.folder import ServerFolder
from penchant.server.service.rounds import Rounds
from penchant.server.web.gate import Gate
from penchant.server.web.health import health_routes
from penchant.server.web.limits import TokenBuckets
from penchant.server.web.operator import operator_routes
from penchant.server.web.overview import Overviews
from penchant.shared.randomness import Randomness, SystemRandomness
from penchant.shared.releases import signing_key_text

__all__ = ["Parts"]

# A reply is its update and some framing; the largest rankers have a few million numbers.
LARGEST_REPLY = 64 * 2**20
REPLY_OVERHEAD = 128 * 1024
DEVICE_RATE, DEVICE_BURST = 5.0, 60.0


@dataclass(frozen=True)
class Parts:
    """What a server is made of.

    Attributes:
        folder: its folder.
        state: devices and messages.
        records: rounds, codes, refusals.
        tally: refusals that are not written down yet.
        waiting: devices that wait.
        grid: asks devices.
        shelf: releases.
        rounds: runs them.
    """

    folder: ServerFolder
    state: FleetState
    records: Records
    tally: Tally
    waiting: Waiting
    grid: FleetGrid
    shelf: Shelf
    rounds: Rounds

    @classmethod
    def of(
        cls,
        folder: ServerFolder,
        state: FleetState,
        records: Records,
        *,
        randomness: Randomness | None = None,
    ) -> "Parts":
        """Return the parts of the server in ``folder``; what an earlier process left undone ends.

        Args:
            folder: a server's folder, prepared.
            state: its devices and messages.
            records: its records.
            randomness: draws cohorts and noise; the operating system, if not given.
        """
        waiting = Waiting(most=folder.configuration().network.held)
        tally = Tally(records)
        grid = FleetGrid(
            state,
            state.begin(),
            on_messages=waiting.announce,
            on_late=lambda: tally.add(Delivery.LATE.value),
        )
        shelf = Shelf(folder.releases, load_private_signing_key(folder.signing_key))
        rounds = Rounds(
            folder,
            records,
            shelf,
            grid,
            randomness=randomness or SystemRandomness(),
            stop_grid=grid.stop,
        )
        return cls(folder, state, records, tally, waiting, grid, shelf, rounds)

    def device_routes(self) -> list[Route]:
        """Return the routes that devices reach."""
        configuration = self.folder.configuration()
        gate = Gate(
            self.state.node_of,
            on_refused=self.tally.add,
            limits=TokenBuckets(rate=DEVICE_RATE, burst=DEVICE_BURST),
        )
        key = load_private_signing_key(self.folder.signing_key).public_key()
        enrolment = EnrolmentRoutes(
            Enrolment(self.records, self.state),
            authority=self.folder.authority(configuration),
            signing_key=signing_key_text(key),
            on_refused=self.tally.add,
        )
        fleet = FleetRoutes(
            self.state,
            self.waiting,
            gate,
            longest_wait=configuration.network.longest_wait,
            largest_reply=self._largest_reply,
            on_reply=self.grid.replied,
            on_refused=self.tally.add,
        )
        releases = ReleaseRoutes(self.shelf, gate)
        return [*health_routes(), *enrolment.routes(), *fleet.routes(), *releases.routes()]

    def operator_routes(self) -> list[Route]:
        """Return the routes for operators on this machine."""
        overviews = Overviews(
            self.state,
            self.waiting,
            self.records,
            self.tally,
            standing=lambda: self.rounds.standing,
        )
        return [*health_routes(), *operator_routes(overviews.take)]

    def _largest_reply(self) -> int:
        """Return how many bytes a reply may have: those of an update, and some framing."""
        found = self.shelf.ranker()
        if found is None:
            return LARGEST_REPLY
        return min(LARGEST_REPLY, 4 * found[1].settings.size + REPLY_OVERHEAD)
