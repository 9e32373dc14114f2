"""The rounds of a server: one after the other, each kept, accounted for and released."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from flwr.app import Context, RecordDict
from flwr.serverapp import Grid

from penchant.server.app import server_app
from penchant.server.checkpoints import RoundState, load_checkpoint
from penchant.server.fleet.grid import RoundStopped
from penchant.server.operations.records import Records
from penchant.server.outcome import RoundOutcome
from penchant.server.releases.shelf import Shelf
from penchant.server.service.accountant import Accountant, mechanism_of
from penchant.server.service.configuration import ServerConfiguration
from penchant.server.service.folder import ServerFolder
from penchant.server.service.outcomes import keep_outcome, kept_outcome
from penchant.server.service.standing import Standing
from penchant.server.service.states import States
from penchant.server.settings import RoundSettings
from penchant.shared.errors import PenchantError
from penchant.shared.randomness import Randomness
from penchant.shared.ranker import Ranker

__all__ = ["PAUSED", "Rounds"]

LOG = logging.getLogger("penchant.server")
PAUSED = "paused"
LOOK_SECONDS, TROUBLE_SECONDS = 1.0, 30.0


class Rounds:
    """Runs rounds: in a thread of its own until it is stopped, or here until none is left.

    Args:
        folder: where they stand.
        records: what operators see of them.
        shelf: where rankers are released.
        grid: asks the devices.
        randomness: draws cohorts and noise.
        stop_grid: makes the grid abandon the round in progress.
    """

    def __init__(
        self,
        folder: ServerFolder,
        records: Records,
        shelf: Shelf,
        grid: Grid,
        *,
        randomness: Randomness,
        stop_grid: Callable[[], None] = lambda: None,
    ) -> None:
        self._folder = folder
        self._records = records
        self._shelf = shelf
        self._grid = grid
        self._stop_grid = stop_grid
        self._randomness = randomness
        self._configuration = folder.configuration()
        self._reload = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rounds", daemon=True)
        self._not_before = 0.0
        self._ended: str | None = None
        self._states = States(folder, shelf, records)
        self.standing = Standing()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Abandon the round in progress and end; what it has not finished, it has not begun."""
        self._stopping.set()
        self._stop_grid()
        if self._thread.is_alive():
            self._thread.join()

    def run_to_the_end(self) -> str:
        """Run every round that is left, in this thread; return why there is none any more.

        Raises:
            PenchantError: a round could not be finished; it is begun anew the next time.
        """
        while True:
            self._take_turn()
            if self._ended is not None:
                return self._ended

    def reload(self) -> None:
        """Read the configuration again before the next round."""
        self._reload.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._take_turn()
            except RoundStopped:
                return
            except (PenchantError, OSError) as error:
                LOG.error("%s", error)
                self._tell(f"trouble: {error}")
                self._note_trouble(str(error))
                self._stopping.wait(TROUBLE_SECONDS)

    def _take_turn(self) -> None:
        """Run a round if one may begin, and otherwise wait a moment."""
        self._reload_if_asked()
        self._record_what_was_kept()
        found = self._shelf.ranker()
        if found is None:
            self._wait("waiting for a catalogue: penchant server publish")
            return
        released, ranker = found
        state = self._states.of(ranker)
        if not np.array_equal(ranker.vector, state.vector):
            # The server was stopped between keeping a ranker and releasing it, or a catalogue
            # was published whose ranker had learnt something before, or goes on from one that has.
            self._release(ranker, state, catalogue=released.catalogue)
        if ranker.settings.continues and not self._states.begun(ranker):
            self._states.keep(ranker, state)
        settings = self._configuration.rounds
        self._account(settings, state)
        self._ended = self._reason_to_end(settings, state)
        reason = self._ended or self._reason_to_wait()
        if reason is not None:
            self._wait(reason)
            return
        self._tell(f"round {state.round_number + 1} is running")
        self._run_round(ranker, state, settings, catalogue=released.catalogue)
        self._not_before = time.monotonic() + self._configuration.pace.interval

    def _run_round(
        self, ranker: Ranker, state: RoundState, settings: RoundSettings, *, catalogue: str
    ) -> None:
        number = state.round_number + 1
        self._records.begin_round(number, mechanism=mechanism_of(settings))

        def on_round(outcome: RoundOutcome, after: RoundState) -> None:
            # Kept first: what is not kept is begun anew and so must not have been released.
            keep_outcome(self._folder.outcome, outcome, model_id=ranker.model_id)
            self._states.keep(ranker, after)
            self._finish(outcome, settings)
            self._release(ranker, after, catalogue=catalogue)

        app = server_app(
            ranker,
            state,
            settings=settings,
            randomness=self._randomness,
            on_cohort=lambda number, cohort: self._records.note_cohort(number, cohort=cohort),
            on_round=on_round,
            at_once=1,
        )
        context = Context(
            run_id=self._grid.run.run_id,
            node_id=0,
            node_config={},
            state=RecordDict(),
            run_config={},
        )
        app(self._grid, context)

    def _record_what_was_kept(self) -> None:
        """Record a round whose ranker was kept, if the server was stopped before it could."""
        latest = self._records.rounds(last=1)
        if not latest or latest[-1].finished is not None:
            return
        found = kept_outcome(self._folder.outcome)
        if found is None or found[1].round_number != latest[-1].number:
            return
        model_id, outcome = found
        path = self._folder.checkpoint(model_id)
        if not path.exists():
            return
        if load_checkpoint(path, model_id=model_id).round_number == outcome.round_number:
            self._finish(outcome, self._configuration.rounds)

    def _finish(self, outcome: RoundOutcome, settings: RoundSettings) -> None:
        number = outcome.round_number
        epsilon = self._accountant.epsilon(self._records.rounds(), settings, finished=number)
        self._records.finish_round(
            number,
            accepted=outcome.accepted,
            rejected=outcome.rejected,
            void=outcome.void,
            epsilon=epsilon,
            measured=outcome.measured,
        )
        if outcome.reasons:
            self._records.refused({f"reply {why}": n for why, n in outcome.reasons.items()})
        LOG.info(
            "round finished",
            extra={
                "round": number,
                "cohort": outcome.cohort,
                "accepted": outcome.accepted,
                "rejected": outcome.rejected,
                "void": outcome.void,
                "epsilon": epsilon,
            },
        )

    def _release(self, ranker: Ranker, state: RoundState, *, catalogue: str) -> None:
        found = self._shelf.ranker()
        if found is not None and found[1].model_id != ranker.model_id:
            return  # a new catalogue was published meanwhile; its ranker is the one to go on with
        latest = ranker if found is None else found[1]
        before = 0 if found is None else found[0].round_number
        self._shelf.publish_ranker(
            self._states.after(latest, state, rounds=state.round_number - before),
            catalogue=catalogue,
            round_number=state.round_number,
        )

    def _account(self, settings: RoundSettings, state: RoundState) -> None:
        """Note what the rounds have cost and what one more would make it."""
        finished = state.round_number
        basis = (finished, settings, self._configuration.privacy)
        if self.standing.accounted_for == basis:
            return
        rounds = self._records.rounds()
        spent = self._accountant.epsilon(rounds, settings, finished=finished)
        after = self._accountant.epsilon(rounds, settings, finished=finished, more=1)
        self.standing = replace(
            self.standing,
            epsilon=spent,
            epsilon_after_next=after,
            delta=self._accountant.delta(settings),
            budget=self._configuration.privacy.epsilon,
            round_number=finished,
            rounds=settings.rounds,
            accounted_for=basis,
        )

    def _reason_to_end(self, settings: RoundSettings, state: RoundState) -> str | None:
        if state.round_number >= settings.rounds:
            return f"all {settings.rounds} rounds are done"
        after, budget = self.standing.epsilon_after_next, self._configuration.privacy.epsilon
        if after is None and settings.noise_multiplier > 0:
            return (
                "an earlier round had no noise, so no budget holds here any more: serve people "
                "from a new folder"
            )
        if after is not None and after > budget:
            return f"the privacy budget is spent: another round would make epsilon {after:.2f}"
        return None

    def _reason_to_wait(self) -> str | None:
        if self._records.switch(PAUSED) == "yes":
            return "paused by the operator"
        devices, needed = len(list(self._grid.get_node_ids())), self._configuration.pace
        if devices < needed.minimum_devices:
            return f"waiting for devices: {devices} of {needed.minimum_devices} are enrolled"
        left = self._not_before - time.monotonic()
        if left > 0:
            return "waiting for the interval between two rounds to pass"
        return None

    def _reload_if_asked(self) -> None:
        if self._reload.is_set():
            self._reload.clear()
            self._configuration = self._folder.configuration()
            LOG.info("configuration read again")

    @property
    def _accountant(self) -> Accountant:
        return Accountant(delta=self._configuration.privacy.delta)

    @property
    def configuration(self) -> ServerConfiguration:
        """The configuration that rounds follow."""
        return self._configuration

    def _wait(self, reason: str) -> None:
        self._tell(reason)
        self._stopping.wait(LOOK_SECONDS)

    def _tell(self, doing: str) -> None:
        if doing != self.standing.doing:
            LOG.info("%s", doing)
        self.standing = replace(self.standing, doing=doing)

    def _note_trouble(self, text: str) -> None:
        try:
            self._records.note_trouble(text)
        except PenchantError as error:
            LOG.error("%s", error)
