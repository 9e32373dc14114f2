"""penchant's own presets on MovieLens-100K: cohort fidelity beside device fidelity."""

import argparse
import logging
import statistics
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from penchant.server.checkpoints import RoundState
from penchant.shared.randomness import SeededRandomness
from penchant.simulation.fidelity import simulated_devices
from penchant.simulation.settings import Fidelity, SimulationSettings
from penchant.simulation.training import Devices, FinishedRound, train_federated
from penchant.simulation.world import World, prepare

ROUNDS = 4
AGREEMENT = 1e-4  # of rankers after a turn, of the largest change
WORK: dict[str, dict[str, object]] = {
    "full": {"preset": "full"},
    "compact_user": {"preset": "compact", "privacy": "user", "epsilon": 8.0},
}
CONTESTANTS = {
    "device": (Fidelity.DEVICE, 1),
    "cohort": (Fidelity.COHORT, 1),
    "cohort_2_workers": (Fidelity.COHORT, 2),
}


def presets(arguments: argparse.Namespace, console: Console) -> dict[str, float]:
    """Four rounds a turn of everybody's training, through Flower, as a simulation runs them."""
    torch.set_num_threads(1)
    logging.getLogger("flwr").setLevel(logging.WARNING)
    figures: dict[str, float] = {}
    for name, flags in WORK.items():
        world = prepare(SimulationSettings.parse(flags), tell=lambda _: None)
        figures |= {f"{name}_{key}": value for key, value in _compared(world, arguments).items()}
        console.print(_table(name, figures))
    return figures


def _compared(world: World, arguments: argparse.Namespace) -> dict[str, float]:
    speeds: dict[str, list[float]] = {contestant: [] for contestant in CONTESTANTS}
    changes: dict[str, np.ndarray] = {}
    start = world.scorer.ranker.vector
    with ExitStack() as stack, tempfile.TemporaryDirectory() as scratch:
        devices: dict[str, Devices] = {}
        for contestant, (fidelity, processes) in CONTESTANTS.items():
            devices[contestant] = stack.enter_context(
                simulated_devices(
                    world,
                    fidelity,
                    Path(scratch) / contestant,
                    randomness=SeededRandomness(0).spawn(1),
                    processes=processes,
                )
            )
            devices[contestant].observe_training()
        states = dict.fromkeys(CONTESTANTS, RoundState.initial(start))
        for turn in range(1 + max(1, arguments.repeats // 2)):
            for contestant, population in devices.items():
                rounds = _turn(world, population, states[contestant])
                states[contestant] = rounds[-1].state
                changes.setdefault(contestant, states[contestant].vector - start)
                if turn > 0:  # the first warms up
                    trained = sum(finished.outcome.accepted for finished in rounds)
                    seconds = sum(finished.seconds for finished in rounds)
                    speeds[contestant].append(trained / seconds)
    figures = {f"{c}_devices_per_second": statistics.median(speeds[c]) for c in CONTESTANTS}
    for contestant in CONTESTANTS:
        figures[f"{contestant}_over_device"] = (
            figures[f"{contestant}_devices_per_second"] / figures["device_devices_per_second"]
        )
        apart = np.abs(changes[contestant] - changes["device"]).max()
        figures[f"{contestant}_relative_difference"] = float(
            apart / np.abs(changes["device"]).max()
        )
        if figures[f"{contestant}_relative_difference"] > AGREEMENT:
            raise SystemExit(f"{contestant}'s ranker differs from device fidelity's: {figures}")
    return figures


def _turn(world: World, devices: Devices, state: RoundState) -> list[FinishedRound]:
    """Train the rounds after ``state``; a device would refuse one that it has left behind.

    Raises:
        SystemExit: a device did not train.
    """
    rounds: list[FinishedRound] = []
    last = state.round_number + ROUNDS
    plan = replace(world.plan, rounds=world.plan.rounds.model_copy(update={"rounds": last}))
    train_federated(
        world.scorer,
        state,
        devices,
        plan,
        randomness=SeededRandomness(0).spawn(0),
        on_cohort=lambda *_: None,
        on_reply=lambda _: None,
        on_round=rounds.append,
    )
    if any(finished.outcome.rejected for finished in rounds):
        raise SystemExit(f"devices did not train: {[finished.outcome for finished in rounds]}")
    return rounds


def _table(name: str, figures: dict[str, float]) -> Table:
    table = Table(title=f"{name} on MovieLens-100K", title_justify="left")
    for heading in ("", "devices/s", "x device fidelity", "ranker differs by"):
        table.add_column(heading, justify="right" if heading else "left")
    for contestant in CONTESTANTS:
        prefix = f"{name}_{contestant}"
        table.add_row(
            contestant.replace("_", " "),
            f"{figures[f'{prefix}_devices_per_second']:,.0f}",
            f"{figures[f'{prefix}_over_device']:.1f}",
            f"{figures[f'{prefix}_relative_difference']:.1e}",
        )
    return table
