"""Cohort and device fidelity: the same server, the same numbers."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from penchant.client import EventKind
from penchant.server.checkpoints import RoundState
from penchant.shared.errors import ConfigurationError, PenchantError, WorkerError
from penchant.shared.randomness import SeededRandomness
from penchant.shared.ranker import Preset
from penchant.simulation.fidelity import simulated_devices
from penchant.simulation.plan import Plan
from penchant.simulation.settings import Fidelity, PrivacyUnit
from penchant.simulation.split import leave_one_out
from penchant.simulation.training import FinishedRound, train_federated
from penchant.simulation.world import World

MakeWorld = Callable[..., World]
ROUNDS = 3


def ignore(*told: int) -> None:
    """Take no notice."""


def trained(
    world: World, plan: Plan, fidelity: Fidelity, folder: Path, **workers: Any
) -> tuple[NDArray[np.float32], NDArray[np.float32], list[FinishedRound]]:
    """Return the ranker and the private vectors that the rounds give, and the rounds."""
    rounds: list[FinishedRound] = []
    with simulated_devices(
        world, fidelity, folder, randomness=SeededRandomness(0).spawn(1), **workers
    ) as devices:
        devices.observe_training()
        train_federated(
            world.scorer,
            RoundState.initial(world.scorer.ranker.vector),
            devices,
            plan,
            randomness=SeededRandomness(0).spawn(0),
            on_cohort=ignore,
            on_reply=ignore,
            on_round=rounds.append,
        )
        everybody = np.arange(world.split.training.n_people)
        return rounds[-1].state.vector, devices.private_vectors[everybody].copy(), rounds


def noiseless(plan: Plan) -> Plan:
    """Return the plan with devices' own noise far below what float32 shows, clipping active."""
    training = plan.rounds.training
    if training.event_privacy is not None:
        privacy = training.event_privacy.model_copy(update={"noise_multiplier": 1e-12})
        training = training.model_copy(update={"event_privacy": privacy})
    if plan.user is not None:
        # Tight enough that every update is clipped.
        training = training.model_copy(update={"clipping_norm": 0.1})
    return replace(plan, rounds=plan.rounds.model_copy(update={"training": training}))


def with_attention(plan: Plan) -> Plan:
    """Return the plan with two local steps, attention that the server moves too, and no noise."""
    training = plan.rounds.training.model_copy(update={"steps": 2})
    optimiser = plan.rounds.optimiser
    rates = optimiser.rates.model_copy(update={"attention": 100.0})
    return replace(
        plan,
        rounds=plan.rounds.model_copy(
            update={
                "training": training,
                "noise_multiplier": 0.0,
                "optimiser": optimiser.model_copy(update={"rates": rates}),
            }
        ),
    )


@pytest.mark.parametrize(("preset", "unit"), list(product(Preset, PrivacyUnit)))
def test_both_fidelities_give_the_same_numbers(
    world: MakeWorld, tmp_path: Path, preset: Preset, unit: PrivacyUnit
) -> None:
    """After 3 rounds, ranker and private vectors agree to 1e-5; central noise is the same draw."""
    private = {} if unit is PrivacyUnit.NONE else {"epsilon": 8.0, "delta": 1e-4}
    made = world(preset=preset, privacy=unit, rounds=ROUNDS, cohort=20, **private)
    plan = noiseless(made.plan)
    one = trained(made, plan, Fidelity.DEVICE, tmp_path / "device")
    other = trained(made, plan, Fidelity.COHORT, tmp_path / "cohort")
    assert np.abs(one[0] - made.scorer.ranker.vector).max() > 1e-3
    assert np.abs(one[1]).max() > 1e-3
    np.testing.assert_allclose(other[0], one[0], rtol=0, atol=1e-5)
    np.testing.assert_allclose(other[1], one[1], rtol=0, atol=1e-5)
    assert [r.outcome for r in other[2]] == [r.outcome for r in one[2]]


def test_both_fidelities_measure_the_same(world: MakeWorld, tmp_path: Path) -> None:
    """With noise off, HR@10, NDCG@10 and the number of devices agree in each round, to 1e-6.

    People do nothing new between rounds, so that each device measures once, in its first round.
    Their events are of many kinds, which the ranker weighs differently.
    """
    made = world(preset=Preset.TEXT, privacy=PrivacyUnit.NONE, rounds=2, cohort=20)
    chosen = [kind.number for kind in EventKind if kind is not EventKind.DISLIKE]
    drawn = np.random.default_rng(5).choice(chosen, made.dataset.n_events)
    split = leave_one_out(replace(made.dataset, kinds=drawn.astype(np.int8)))
    made = replace(made, split=split)
    plan = replace(made.plan, rounds=made.plan.rounds.model_copy(update={"evaluate": True}))
    told = []
    for fidelity in (Fidelity.DEVICE, Fidelity.COHORT):
        _, _, rounds = trained(made, plan, fidelity, tmp_path / fidelity)
        told.append([finished.outcome.measured for finished in rounds])
    for one, other in zip(*told, strict=True):
        assert one is not None
        assert other is not None
        assert (one.hits, one.gains, one.devices) == pytest.approx(
            (other.hits, other.gains, other.devices), abs=1e-6
        )
    first = told[0][0]
    assert first is not None
    assert first.devices > 10
    assert 0 < first.gains < first.hits < first.devices
    assert sum(one.devices for one in told[0] if one is not None) <= 40 + 1e-6
    plain = trained(made, made.plan, Fidelity.COHORT, tmp_path / "plain")[0]
    asking = trained(made, plan, Fidelity.COHORT, tmp_path / "asking")[0]
    assert plain.tobytes() == asking.tobytes()


@pytest.mark.parametrize(
    ("preset", "unit"),
    [
        (Preset.FULL, PrivacyUnit.NONE),
        (Preset.FULL, PrivacyUnit.USER),
        (Preset.TEXT, PrivacyUnit.NONE),
    ],
)
def test_both_fidelities_give_the_same_numbers_with_kinds(
    world: MakeWorld, tmp_path: Path, preset: Preset, unit: PrivacyUnit
) -> None:
    """Devices keep the kinds of events; the weights that training gives them agree to 1e-5.

    Without clipping one table serves all devices; with it each has a ranker of its own, which moves
    on in a second step.
    """
    private = {} if unit is PrivacyUnit.NONE else {"epsilon": 8.0, "delta": 1e-4}
    made = world(preset=preset, privacy=unit, rounds=ROUNDS, cohort=20, **private)
    chosen = [kind.number for kind in EventKind if kind is not EventKind.DISLIKE]
    drawn = np.random.default_rng(5).choice(chosen, made.dataset.n_events)
    split = leave_one_out(replace(made.dataset, kinds=drawn.astype(np.int8)))
    made = replace(made, split=split)
    plan = noiseless(made.plan)
    if unit is PrivacyUnit.USER:
        plan = with_attention(plan)
    one = trained(made, plan, Fidelity.DEVICE, tmp_path / "device")
    other = trained(made, plan, Fidelity.COHORT, tmp_path / "cohort")
    np.testing.assert_allclose(other[0], one[0], rtol=0, atol=1e-5)
    np.testing.assert_allclose(other[1], one[1], rtol=0, atol=1e-5)
    weights = made.scorer.ranker.with_vector(one[0]).arrays["attention_kind"]
    assert {kind for kind in EventKind if abs(weights[kind.number]) < 1e-4} == {
        EventKind.VIEW, EventKind.DISLIKE
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fidelity", "workers", "error", "told"),
    [
        (Fidelity.DEVICE, {"processes": 2}, ConfigurationError, "for --fidelity cohort"),
        (Fidelity.COHORT, {"ray": "nowhere"}, ConfigurationError, "HOST:PORT"),
        (Fidelity.COHORT, {"ray": "127.0.0.1:1"}, WorkerError, "127.0.0.1:1"),
    ],
)
def test_workers_that_cannot_be_had_leave_nothing(
    world: MakeWorld,
    tmp_path: Path,
    fidelity: Fidelity,
    workers: dict[str, Any],
    error: type[PenchantError],
    told: str,
) -> None:
    """The error comes before anything is written."""
    folder = tmp_path / "devices"
    with (
        pytest.raises(error, match=told),
        simulated_devices(world(), fidelity, folder, randomness=SeededRandomness(0), **workers),
    ):
        pass
    assert not folder.exists()
