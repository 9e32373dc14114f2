"""Over-selection, dropout and robust aggregation in simulations: the server's own, by its names."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penchant.server.checkpoints import RoundState
from penchant.shared.errors import ConfigurationError
from penchant.shared.randomness import SeededRandomness
from penchant.simulation.conditions import cohort_of
from penchant.simulation.fidelity import simulated_devices
from penchant.simulation.plan import Plan
from penchant.simulation.settings import SimulationSettings
from penchant.simulation.training import FinishedRound, train_federated
from penchant.simulation.world import World

MakeWorld = Callable[..., World]
PEOPLE = 40


def ignore(*told: int) -> None:
    """Take no notice."""


def trained(
    made: World, folder: Path, *, fidelity: str, state: RoundState | None = None
) -> tuple[list[FinishedRound], set[int]]:
    """The rounds of a world, and the devices that have trained."""
    rounds: list[FinishedRound] = []
    settings = SimulationSettings.parse({"fidelity": fidelity})
    with simulated_devices(
        made, settings.fidelity, folder, randomness=SeededRandomness(0).spawn(1)
    ) as devices:
        devices.observe_training()
        train_federated(
            made.scorer,
            state or RoundState.initial(made.scorer.ranker.vector),
            devices,
            made.plan,
            randomness=SeededRandomness(0).spawn(0),
            on_cohort=ignore,
            on_reply=ignore,
            on_round=rounds.append,
        )
        vectors = devices.private_vectors[np.arange(PEOPLE)]
    return rounds, set(np.flatnonzero(np.abs(vectors).max(axis=1)).tolist())


def test_round_without_noise_ends_with_the_updates_it_wants(
    world: MakeWorld, tmp_path: Path
) -> None:
    """All 40 are asked and 20 wanted: 20 count each round, and not the same ones."""
    made = world(rounds=4, cohort=PEOPLE, over_selection=2.0, fidelity="device")
    rounds, devices = trained(made, tmp_path, fidelity="device")
    assert [(r.outcome.cohort, r.outcome.accepted) for r in rounds] == [(40, 20)] * 4
    # Each takes no part in any of the 4 rounds with a chance of 1 in 16.
    assert len(devices) > 30
    assert made.plan.rounds_of_a_device == 2


def test_noised_round_divides_by_the_updates_it_wants(world: MakeWorld, tmp_path: Path) -> None:
    """It takes all that come, in either fidelity, and divides by half of who is asked."""
    private = {"preset": "compact", "privacy": "user", "epsilon": 8.0, "delta": 1e-4}
    steps = []
    for factor in (1.0, 2.0):
        made = world(rounds=1, cohort=PEOPLE, over_selection=factor, **private)
        ((only,), _) = trained(made, tmp_path / str(factor), fidelity="cohort")
        assert only.outcome.accepted == PEOPLE
        steps.append(only.state.vector - made.scorer.ranker.vector)
    np.testing.assert_allclose(steps[1], 2 * steps[0], rtol=1e-4, atol=1e-6)


def test_devices_drop_out_alike_in_both_fidelities(world: MakeWorld, tmp_path: Path) -> None:
    """The same devices do not answer; who does not answer has not trained."""
    made = world(rounds=1, cohort=PEOPLE, dropout=0.5)
    (one, some), (other, same) = (
        trained(made, tmp_path / name, fidelity=name) for name in ("device", "cohort")
    )
    assert one[0].outcome == other[0].outcome
    assert one[0].outcome.cohort == PEOPLE
    assert some == same
    # A fair coin for each of 40 gives fewer than 8 or more than 32 once in 18,000 times.
    assert len(some) == one[0].outcome.accepted
    assert 8 <= len(some) <= 32
    np.testing.assert_allclose(one[0].state.vector, other[0].state.vector, rtol=0, atol=1e-5)


def test_resumed_run_loses_the_devices_that_the_whole_one_lost(
    world: MakeWorld, tmp_path: Path
) -> None:
    """Who drops out, and who answers first, is drawn by the round's number alone."""
    made = world(rounds=3, cohort=PEOPLE, dropout=0.3, over_selection=1.5, fidelity="device")
    whole, _ = trained(made, tmp_path, fidelity="device")
    later, _ = trained(made, tmp_path / "again", fidelity="device", state=whole[0].state)
    assert [r.outcome for r in later] == [r.outcome for r in whole[1:]]


@pytest.mark.parametrize(
    "robust",
    [
        {"aggregation": "trimmed-mean", "trimmed_share": 0.25},
        {"aggregation": "krum", "assumed_malicious": 3},
    ],
    ids=["trimmed-mean", "krum"],
)
def test_robust_rounds_move_the_ranker_otherwise(
    world: MakeWorld, tmp_path: Path, robust: dict[str, Any]
) -> None:
    """Real devices' updates are aggregated by the server's rule, and the page says which."""
    plain = world(rounds=1, cohort=PEOPLE, fidelity="device")
    made = world(rounds=1, cohort=PEOPLE, fidelity="device", **robust)
    assert made.plan.rounds.minimum_cohort == {"trimmed-mean": 4, "krum": 9}[robust["aggregation"]]
    (one, _), (other, _) = (
        trained(w, tmp_path / str(i), fidelity="device") for i, w in enumerate((plain, made))
    )
    assert other[0].outcome.accepted == PEOPLE
    assert not other[0].outcome.void
    assert np.abs(other[0].state.vector - made.scorer.ranker.vector).max() > 1e-3
    assert np.abs(other[0].state.vector - one[0].state.vector).max() > 1e-3
    told = cohort_of(made.plan).model_dump()
    assert told.items() >= robust.items()


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({"aggregation": "krum"}, "krum looks at each device's update.*--fidelity device"),
        ({"over_selection": 1.3}, "--over-selection 1.3 ends a round.*add --fidelity device"),
        (
            {"aggregation": "krum", "fidelity": "device", "privacy": "user", "epsilon": 8.0},
            "--aggregation krum and --privacy user exclude each other",
        ),
        ({"trimmed_share": 0.1}, "--trimmed-share means nothing with --aggregation sum"),
        ({"assumed_malicious": 2}, "--assumed-malicious means nothing with --aggregation sum"),
        ({"aggregation": "median"}, "aggregation is 'median'"),
        ({"over_selection": 0.5}, "over_selection is 0.5"),
        ({"dropout": 1.0}, "dropout is 1.0"),
    ],
)
def test_what_cannot_be_is_refused_at_once(flags: dict[str, Any], told: str) -> None:
    """One sentence, with the flags to change."""
    with pytest.raises(ConfigurationError, match=told):
        SimulationSettings.parse(flags)


def test_cohort_too_small_for_its_aggregation_is_refused() -> None:
    """Before any device is made."""
    settings = SimulationSettings.parse(
        {"aggregation": "krum", "assumed_malicious": 9, "cohort": 2, "fidelity": "device"}
    )
    with pytest.raises(ConfigurationError, match="minimum_cohort is 21 but a cohort of 20"):
        Plan.of(settings, population=20)
