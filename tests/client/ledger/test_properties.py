"""Random lives of a ledger: what it shows is never below what was sent, and never past budget."""

import shutil
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.client.ledger.conftest import DAY, Desk, task_of

from penchant.client.ledger import Answer, BudgetSettings, Ledger, Purpose
from penchant.client.storage import Durability
from penchant.shared.errors import BudgetError, ConsentError
from penchant.shared.gaussian import gaussian_epsilon, gaussian_rho

WINDOW_DAYS = 30
BUDGET = BudgetSettings(
    window_days=WINDOW_DAYS,
    contributions=4,
    separation_days=1,
    least_noise_multiplier=0.5,
    clock_tolerance_hours=1,
)
Result = TypeVar("Result")


class LedgerLife(RuleBasedStateMachine):
    """A device whose owner and server do what they like, save with all its memories at once.

    A ledger, its witness and the behaviour store put back together, with nothing left that knows
    better, cannot be told from the past; and a clock set on cannot be told from time. Neither is
    done here: see docs/ledger.md.
    """

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp())
        self.desk = Desk(self.place, BUDGET)
        self.desk.durability = Durability.NOTHING
        self.now = self.desk.time
        self.new_rounds = 0
        self.sent: list[tuple[float, float, float]] = []  # true time, released rho, event rho
        self.answers: dict[tuple[object, ...], bytes] = {}
        self.agreed: set[Purpose] = set()
        self.opened: AbstractContextManager[Ledger] | None = None
        self.ledger: Ledger
        self.backup: tuple[Path, bytes, dict[str, bytes]] | None = None

    @initialize()
    def begin(self) -> None:
        """Open it and agree."""
        self.reopen()
        for purpose in Purpose:
            self.give_consent(purpose)

    def teardown(self) -> None:
        """Close and delete it."""
        self.close()
        shutil.rmtree(self.place)

    def close(self) -> None:
        """Close it, if it is open."""
        if self.opened is not None:
            self.opened.__exit__(None, None, None)
            self.opened = None

    def while_closed(self, act: Callable[[], Result]) -> Result:
        """Do something to a closed ledger's surroundings."""
        self.close()
        found = act()
        self.reopen()
        return found

    @rule()
    def reopen(self) -> None:
        """Close it and open it again; consent lives in the ledger, and may have gone with it."""
        self.close()
        self.opened = self.desk.open()
        self.ledger = self.opened.__enter__()
        self.agreed = {purpose for purpose in Purpose if self.ledger.agrees(purpose)}

    @rule(days=st.sampled_from([0.3, 1.0, 1.2, 5.0, 29.0, 31.0]))
    def wait(self, days: float) -> None:
        """Let time pass."""
        self.now += days * DAY
        self.desk.time += days * DAY

    @rule(days=st.sampled_from([0.01, 3.0, 100.0]))
    def set_clock_back(self, days: float) -> None:
        """Set the clock back."""
        self.desk.time -= days * DAY

    @rule()
    def set_clock_right(self) -> None:
        """Set the clock to the true time."""
        self.desk.time = self.now

    @rule(purpose=st.sampled_from(list(Purpose)))
    def give_consent(self, purpose: Purpose) -> None:
        """Agree to something."""
        self.ledger.consent(purpose)
        self.agreed.add(purpose)

    @rule(purpose=st.sampled_from(list(Purpose)))
    def revoke(self, purpose: Purpose) -> None:
        """Take it back."""
        self.ledger.revoke(purpose)
        self.agreed.discard(purpose)

    @rule(
        number=st.integers(1, 4),
        noise=st.sampled_from([0.4, 0.7, 4.0]),
        clipping=st.sampled_from([1.0, 1.0, None, 2.0]),
        event_noise=st.sampled_from([None, 0.8]),
        look_first=st.booleans(),
        change_mind=st.sampled_from([None, None, Purpose.TRAIN_RANKER, Purpose.MEASURE_RANKER]),
        measure_noise=st.sampled_from([None, 0.3, 0.9, 4.0]),
    )
    def ask(
        self,
        number: int,
        noise: float,
        clipping: float | None,
        event_noise: float | None,
        look_first: bool,
        change_mind: Purpose | None,
        measure_noise: float | None = None,
    ) -> None:
        """Ask for a round, new or not; perhaps consent is taken back while it trains."""
        task = task_of(
            number,
            noise_multiplier=noise,
            clipping_norm=clipping,
            event_noise=event_noise,
            measure_noise=measure_noise,
        )
        key = (number, noise, clipping, event_noise, measure_noise)

        def look() -> Answer:
            return replace(self.desk.make(), measured=self.ledger.measures(task))

        def make() -> Answer:
            made = look()
            if change_mind is not None:
                self.revoke(change_mind)
            return made

        try:
            if look_first:
                self.ledger.preview(task, make if change_mind is Purpose.MEASURE_RANKER else look)
            answer = self.ledger.release(task, make)
        except (BudgetError, ConsentError):
            return
        message = answer.message
        if answer.measured:
            assert Purpose.MEASURE_RANKER in self.agreed
            assert event_noise is None
            assert measure_noise is not None
            assert measure_noise >= 0.5
        assert Purpose.TRAIN_RANKER in self.agreed
        assert event_noise is not None or Purpose.TRUST_SERVER in self.agreed
        assert clipping == 1.0
        assert noise >= 0.5
        # Bytes that left before may leave again; other bytes are another contribution.
        if self.answers.get(key) != message:
            self.answers[key] = message
            event_rho = gaussian_rho(noise_multiplier=event_noise) if event_noise else 0.0
            rho = gaussian_rho(noise_multiplier=noise)
            if answer.measured:
                rho += gaussian_rho(noise_multiplier=measure_noise or 0.0)
            self.sent.append((self.now, rho, event_rho))

    @rule()
    def ask_well(self) -> None:
        """Ask for a new round, as private as any."""
        self.new_rounds += 1
        self.ask(100 + self.new_rounds, 4.0, 1.0, None, False, None, 4.0)

    @rule(rounds=st.integers(5, 8), days=st.sampled_from([1.0, 3.6]))
    def ask_again_and_again(self, rounds: int, days: float) -> None:
        """A server that asks for more rounds than there is budget for."""
        for _ in range(rounds):
            self.ask_well()
            self.wait(days)

    @rule(
        also=st.sampled_from(["nothing", "witness", "store"]),
        days=st.sampled_from([0.0, 1.2]),
    )
    def undo_a_round(self, also: str, days: float) -> None:
        """Contribute, put back what was there before, and contribute again."""
        self.take_backup()
        self.ask_well()
        self.restore(also)
        self.wait(days)
        self.ask_well()

    @rule()
    def drop_answers(self) -> None:
        """Forget what could be sent again."""
        self.ledger.drop_answers()

    @rule()
    def take_backup(self) -> None:
        """Copy everything."""

        def copy() -> None:
            target = self.place / "backup"
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(self.desk.folder, target)
            self.backup = (target, self.desk.witness.read_bytes(), dict(self.desk.store))

        self.while_closed(copy)

    @precondition(lambda self: self.backup is not None)
    @rule(also=st.sampled_from(["nothing", "witness", "store"]))
    def restore(self, also: str) -> None:
        """Put the ledger back to the copy, and perhaps one of those who know better."""

        def put_back() -> None:
            assert self.backup is not None
            folder, witness, store = self.backup
            shutil.rmtree(self.desk.folder)
            shutil.copytree(folder, self.desk.folder)
            if also == "witness":
                self.desk.witness.write_bytes(witness)
            elif also == "store":
                self.desk.store = dict(store)

        self.while_closed(put_back)

    @rule(what=st.sampled_from(["ledger", "store", "witness", "ledger and store"]))
    def wipe(self, what: str) -> None:
        """Delete one or two of the three."""

        def delete() -> None:
            if "ledger" in what:
                shutil.rmtree(self.desk.folder)
            if "store" in what:
                self.desk.store.clear()
            if what == "witness":
                self.desk.witness.unlink()

        self.while_closed(delete)

    @invariant()
    def never_past_budget(self) -> None:
        """In every window of true time: number, distance and both epsilons are kept."""
        for start, _, _ in self.sent:
            window = [one for one in self.sent if start - WINDOW_DAYS * DAY < one[0] <= start]
            assert len(window) <= BUDGET.contributions
            released = sum(rho for _, rho, _ in window)
            assert gaussian_epsilon(released, delta=BUDGET.delta) <= BUDGET.refuse_epsilon
        times = [time for time, _, _ in self.sent]
        assert all(b - a >= DAY - 1 for a, b in pairwise(times))

    @invariant()
    def never_below_the_truth(self) -> None:
        """The ledger shows all that was sent in the window, or nothing can be sent at all."""
        if self.opened is None:
            return
        report = self.ledger.report()
        recent = [one for one in self.sent if one[0] > self.now - WINDOW_DAYS * DAY]
        if report.waits_until is not None and report.waits_until > self.now:
            return
        assert report.contributions >= len(recent)
        spent = sum(rho for _, rho, _ in recent)
        assert report.released.rho >= spent - 1e-9
        assert report.server.rho >= sum(rho for _, _, rho in recent) - 1e-9


LedgerLife.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    suppress_health_check=[HealthCheck.too_slow],
)
TestLedgerLife = LedgerLife.TestCase
