"""What privacy costs: shares lost, person by person, with intervals that cover the truth."""

import numpy as np
import pytest
from tests.simulation.sweep.made import CANDIDATES, made_run, made_settings, made_test

from penchant.simulation.evaluation import Evaluation
from penchant.simulation.sweep.losses import LossTable, measured_losses
from penchant.simulation.sweep.records import METRICS, Run


def lost(runs: list[list[Run]], tests: dict[str, Evaluation]) -> LossTable:
    """Losses of runs, which differ by seed where they are together."""
    return measured_losses(runs, {r.name: made_settings(r) for rs in runs for r in rs}, tests)


def test_same_ranks_lose_nothing_for_certain() -> None:
    """Where privacy changes nobody's rank the loss is 0, and so are both ends of its interval."""
    free = made_run(epsilon=None, devices=300, noise_multiplier=None)
    private = made_run(epsilon=8.0, devices=300, noise_multiplier=1.4)
    same = made_test(0.3, people=300, seed=1)
    table = lost([[free], [private]], {free.name: same, private.name: same})
    for metric in METRICS:
        estimate = table[metric][private.name].estimate
        assert (estimate.mean, estimate.low, estimate.high) == (0, 0, 0)
        assert estimate.over == "people"
    assert free.name not in table["full hr@10"]


def test_share_lost_is_against_the_same_population() -> None:
    """1 - private / free, with those without privacy that have as many devices; chance apart."""
    sizes, runs, tests = (200, 400), [], {}
    for size, rate in zip(sizes, (0.25, 0.5), strict=True):
        for epsilon in (None, 2.0):
            run = made_run(epsilon=epsilon, devices=size, noise_multiplier=epsilon and 3.0)
            tests[run.name] = made_test(
                rate if epsilon is None else rate / 2, people=size, seed=size
            )
            runs.append([run])
    table = lost(runs, tests)["full hr@10"]
    assert len(table) == 2
    for size in sizes:
        free, private = (tests[f"eps{e}-people{size}-seed0"].hits("full") for e in (None, 2.0))
        found = table[f"eps2.0-people{size}-seed0"]
        assert found.share == pytest.approx(1 - private / free)
        assert found.above_chance == pytest.approx(1 - 10 / CANDIDATES / (free / size))
        assert found.noise == pytest.approx(3.0 / (size / 2))


def test_intervals_cover_the_share_that_is_lost() -> None:
    """95% intervals hold the true share in 200 populations.

    The true share lost is 0.3. If each interval holds it with probability 0.94 (a bootstrap of 300
    people has a little less than 0.95), fewer than 172 do once in 100,000 times. Seeds 0 to 199.
    """
    held = 0
    free = made_run(epsilon=None, devices=300, noise_multiplier=None)
    private = made_run(epsilon=2.0, devices=300, noise_multiplier=1.0)
    for seed in range(200):
        tests = {
            free.name: made_test(0.5, people=300, seed=seed),
            private.name: made_test(0.35, people=300, seed=seed),
        }
        estimate = lost([[free], [private]], tests)["full hr@10"][private.name].estimate
        held += estimate.low <= 0.3 <= estimate.high
    assert held >= 172


def test_seeds_widen_intervals() -> None:
    """Where seeds differ much, an interval over people and seeds is wider than over people."""
    runs = {
        epsilon: [
            made_run(epsilon=epsilon, devices=500, noise_multiplier=epsilon, seed=seed)
            for seed in (0, 1, 2)
        ]
        for epsilon in (None, 2.0)
    }
    tests = {run.name: made_test(0.5, people=500, seed=9) for run in runs[None]}
    for run, rate in zip(runs[2.0], (0.2, 0.3, 0.45), strict=True):
        tests[run.name] = made_test(rate, people=500, seed=9)
    name = runs[2.0][0].name
    three = lost([runs[None], runs[2.0]], tests)["full hr@10"][name].estimate
    one = lost([runs[None][:1], runs[2.0][:1]], {n: tests[n] for n in (runs[None][0].name, name)})[
        "full hr@10"
    ][name].estimate
    assert three.over == "people and seeds"
    assert three.high - three.low > 1.5 * (one.high - one.low)


def test_nothing_is_lost_of_nothing() -> None:
    """Where nobody is served without privacy, no share of it can be told."""
    free = made_run(epsilon=None, devices=50, noise_multiplier=None)
    private = made_run(epsilon=2.0, devices=50, noise_multiplier=1.0)
    tests = {run.name: made_test(0.0, people=50, seed=0) for run in (free, private)}
    assert lost([[free], [private]], tests)["full hr@10"] == {}


def test_seeds_without_a_pair_are_left_out() -> None:
    """A run whose seed has no run without privacy is not compared with another seed's."""
    free = made_run(epsilon=None, devices=400, noise_multiplier=None, seed=0)
    private = [
        made_run(epsilon=2.0, devices=400, noise_multiplier=1.0, seed=seed) for seed in (0, 1)
    ]
    tests = {free.name: made_test(0.5, people=400, seed=0)}
    tests |= {
        run.name: made_test(rate, people=400, seed=0)
        for run, rate in zip(private, (0.25, 0.0), strict=True)
    }
    found = lost([[free], private], tests)["full hr@10"][private[0].name]
    assert found.over == "people"
    served = [int(tests[run.name].hits("full")) for run in (free, private[0])]
    assert found.share == pytest.approx(1 - served[1] / served[0])
    assert np.isfinite(found.resampled).all()
