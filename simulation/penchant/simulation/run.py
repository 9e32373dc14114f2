"""A whole simulation: rounds, their validation, the final test, the controls, and the report."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from penchant.server.checkpoints import RoundState
from penchant.shared.randomness import SeededRandomness
from penchant.simulation.bestround import BestRound, RoundEnd
from penchant.simulation.comparison import compare
from penchant.simulation.controls import chosen
from penchant.simulation.evaluation import Evaluation, write_ranks
from penchant.simulation.fidelity import require_workers, simulated_devices
from penchant.simulation.findings import write_findings
from penchant.simulation.isolation import IsolatedDevices, sample_people
from penchant.simulation.outcome import Tested, results, summarise
from penchant.simulation.progress import RunObserver
from penchant.simulation.report import (
    RoundRecord,
    Summary,
    append_round,
    read_rounds,
    rewind_rounds,
    write_summary,
)
from penchant.simulation.settings import Choice, PrivacyUnit, SimulationSettings
from penchant.simulation.training import Devices, FinishedRound, train_federated
from penchant.simulation.trial import Judges, Trial
from penchant.simulation.wholereport import write_whole_report
from penchant.simulation.workspace import Workspace
from penchant.simulation.world import World, prepare

__all__ = ["run_world", "simulate"]

SERVER_STREAM, DEVICE_STREAM, ISOLATION_STREAM, LISTS_STREAM = 0, 1, 4, 6


def simulate(
    settings: SimulationSettings,
    folder: Path,
    *,
    command: str,
    tell: Callable[[str], None],
    observer: Callable[[World], RunObserver],
    resume: bool = False,
    workers: int = 1,
    ray: str | None = None,
) -> Summary:
    """Run a simulation in ``folder`` and return its summary.

    Args:
        settings: what to simulate.
        folder: a new or empty folder, or, to resume, that of the run.
        command: how to run it again, for the report.
        tell: told what is being done before and after the rounds, for people.
        observer: makes the display of the rounds once the plan is known.
        resume: continue an interrupted run at its last finished round.
        workers: how many processes train blocks of devices; with 1, it is this one.
        ray: address of the Ray cluster that trains them instead; see ``choose_workers``.

    Raises:
        ConfigurationError: the folder holds another run, or settings do not fit the data.
        PenchantError: data or model cannot be had, or a round fails.
    """
    require_workers(settings.fidelity, processes=workers, ray=ray)
    workspace = Workspace(folder)
    workspace.check(settings, resume=resume)
    world = prepare(settings, tell=tell)
    return run_world(
        world,
        settings,
        workspace,
        command=command,
        tell=tell,
        display=observer(world),
        workers=workers,
        ray=ray,
    )


def run_world(
    world: World,
    settings: SimulationSettings,
    workspace: Workspace,
    *,
    command: str,
    tell: Callable[[str], None],
    display: RunObserver,
    workers: int = 1,
    ray: str | None = None,
) -> Summary:
    """Run what is left of a simulation of ``world`` and return its summary.

    Args:
        world: what it starts from, made with ``settings``.
        settings: what to simulate.
        workspace: a new folder's, or that of the run to continue.
        command: how to run it again, for the report.
        tell: told what is being done before and after the rounds, for people.
        display: shows the rounds.
        workers: see ``simulate``.
        ray: see ``simulate``.
    """
    started = datetime.now(UTC)
    # Devices train one after the other, on tensors too small to share between threads; and one
    # thread adds numbers up in one order, so that the same seed gives the same run.
    torch.set_num_threads(1)
    with simulated_devices(
        world,
        settings.fidelity,
        workspace.devices,
        randomness=SeededRandomness(settings.seed).spawn(DEVICE_STREAM),
        processes=workers,
        ray=ray,
    ) as devices:
        started = workspace.claim(settings, started=started)
        run = _Run(world, settings, workspace, devices)
        tell(f"{world.dataset.n_people:,} devices observe their histories")
        devices.observe_training()
        kept = run.train(display)
        if kept.number != world.plan.rounds.rounds:
            tell(f"round {kept.number} is kept: later ones are a tenth worse by validation")
        tested = run.test(kept, tell=tell)
    trained = world.scorer.with_vector(kept.vector)
    trained.ranker.save(workspace.ranker)
    rounds = read_rounds(workspace.folder)
    summary = summarise(
        world,
        settings,
        rounds,
        tested,
        kept_round=kept.number,
        command=command,
        started=started,
    )
    write_ranks(workspace.folder, tested.tests[tested.main])
    tell("drift: some people whose interests switch are followed")
    write_findings(world, settings, trained, workspace.folder)
    write_summary(workspace.folder, summary)
    write_whole_report(workspace.folder)
    workspace.end()
    return summary


class _Run:
    """One run: its world, its devices and its judges."""

    def __init__(
        self,
        world: World,
        settings: SimulationSettings,
        workspace: Workspace,
        devices: Devices,
    ) -> None:
        self._world = world
        self._seed = settings.seed
        self._controls = settings.controls
        self._chooses = settings.privacy is PrivacyUnit.NONE
        self._workspace = workspace
        self._randomness = SeededRandomness(settings.seed)
        self._devices = devices
        self._judges = Judges(world, settings.seed)
        self._validation, self._test = self._judges.of("validation", 0), self._judges.of("test", 1)

    def train(self, display: RunObserver) -> RoundEnd:
        """Run the rounds that are left and return the round whose ranker is kept.

        With privacy it is the last: which round was best is learnt from people, and no noise
        covers that.
        """
        initial, workspace = self._world.scorer, self._workspace
        state = workspace.load(initial.ranker)
        rewind_rounds(workspace.folder, last=state.round_number)
        best = BestRound(workspace.best, people=self._world.split.training.n_people)

        def round_done(finished: FinishedRound) -> None:
            nonlocal state
            state = finished.state
            record = self._record(finished)
            append_round(workspace.folder, record)
            if self._chooses:
                best.see(self._end(state, record))
            workspace.save(state, initial.ranker)
            display.round_finished(record)

        try:
            train_federated(
                initial,
                state,
                self._devices,
                self._world.plan,
                randomness=self._randomness.spawn(SERVER_STREAM),
                on_cohort=display.round_started,
                on_reply=display.device_done,
                on_round=round_done,
            )
        finally:
            display.finished()
        return best.kept(self._end(state, read_rounds(workspace.folder)[-1]))

    def _end(self, state: RoundState, record: RoundRecord) -> RoundEnd:
        quality = 0.0 if record.validation is None else record.validation.full.ndcg
        return RoundEnd(record.round, quality, state.vector, self._devices.private_vectors)

    def test(self, kept: RoundEnd, *, tell: Callable[[str], None]) -> Tested:
        """Score the test items, once, and the controls."""
        world, vectors = self._world, kept.private_vectors
        trained = world.scorer.with_vector(kept.vector)
        trial = Trial.of(
            trained, vectors, self._judges, validation=self._validation, test=self._test
        )
        tests = {
            name: judge.evaluate(
                judge.ranking(trial.scorer, trial.vectors), lists_rng=self._lists_rng()
            )
            for name, judge in trial.tests.items()
        }
        comparison = compare(
            chosen(self._controls, initial=world.scorer, catalogue=trial.scorer.catalogue),
            trial.material,
            trial.validation,
            trial.tests,
            lists_rng=self._lists_rng,
            tell=tell,
        )
        alone = shuffled = None
        if self._controls is not Choice.NONE:
            tell("control: some devices train alone")
            alone, shuffled = (self._alone(shuffled=shuffled) for shuffled in (False, True))
        return Tested(
            validation=self._validation.evaluate(self._validation.ranking(trained, vectors)),
            tests=tests,
            comparison=comparison,
            no_federation=alone,
            no_federation_shuffled_texts=shuffled,
            trial=trial,
        )

    def _alone(self, *, shuffled: bool) -> Evaluation:
        """Test devices of a sample of people that train alone."""
        world = self._world
        devices = IsolatedDevices(
            world.scorer,
            world.split.training,
            world.plan,
            self._test.contexts,
            self._randomness.spawn(ISOLATION_STREAM),
            shuffled=shuffled,
        )
        return self._test.of_people(sample_people(world.split.people)).evaluate(devices.score)

    def _lists_rng(self) -> np.random.Generator:
        return np.random.default_rng([self._seed, LISTS_STREAM])

    def _record(self, finished: FinishedRound) -> RoundRecord:
        outcome, plan = finished.outcome, self._world.plan
        scorer = self._world.scorer.with_vector(finished.state.vector)
        ranking = self._validation.ranking(scorer, self._devices.private_vectors)
        user = plan.user_epsilon(outcome.round_number)
        event = plan.event_epsilon(outcome.round_number)
        return RoundRecord(
            round=outcome.round_number,
            devices=outcome.accepted,
            rejected=outcome.rejected,
            loss=None if outcome.void else self._validation.loss(ranking),
            validation=results(self._validation.evaluate(ranking)),
            epsilon=event if user is None else user,
            event_epsilon=None if user is None else event,
            seconds=finished.seconds,
        )
