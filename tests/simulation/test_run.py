"""A whole run, on a small world with planted tastes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penchant.shared.errors import ConfigurationError
from penchant.shared.ranker import Ranker
from penchant.simulation.progress import Silent
from penchant.simulation.report import RoundRecord, Summary, read_rounds, read_summary
from penchant.simulation.run import run_world
from penchant.simulation.settings import SimulationSettings
from penchant.simulation.workspace import Workspace
from penchant.simulation.world import World

PRIVATE: dict[str, Any] = {"privacy": "both", "epsilon": 8.0, "delta": 1e-4}
MakeWorld = Callable[..., World]


def silence(what: str) -> None:
    """Tell nobody."""


class StopAfter(Silent):
    """Interrupts a run as Ctrl-C would: in the middle of a round."""

    def __init__(self, round_number: int) -> None:
        self._round_number = round_number
        self._now = 0

    def round_started(self, round_number: int, devices: int) -> None:  # noqa: ARG002
        """Note the round."""
        self._now = round_number

    def device_done(self, count: int = 1) -> None:  # noqa: ARG002
        """Interrupt after the first device of the round after the last wanted."""
        if self._now > self._round_number:
            raise KeyboardInterrupt


def run(make: MakeWorld, folder: Path, display: Silent | None = None, **flags: Any) -> Summary:
    """Run a simulation of the planted world."""
    settings = SimulationSettings.parse({"dataset": "planted", **flags})
    return run_world(
        make(**flags),
        settings,
        Workspace(folder),
        command="penchant simulate",
        tell=silence,
        display=display or Silent(),
    )


@pytest.fixture(scope="module")
def finished(world: MakeWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("run") / "out"
    run(world, folder, rounds=12, cohort=40)
    return folder


def test_federation_finds_planted_tastes(finished: Path) -> None:
    """Trained together, devices rank far above popularity, which knows no person."""
    summary = read_summary(finished)
    popularity = summary.controls.popularity
    assert summary.test.full.ndcg > 2 * popularity.full.ndcg
    assert summary.test.sampled99.ndcg > 2 * popularity.sampled99.ndcg


def test_summary_says_how_many_people_were_evaluated_if_not_all(
    world: MakeWorld, finished: Path, tmp_path: Path
) -> None:
    """A whole run works on a sample of the people, and says so."""
    made = world(rounds=1)
    settings = SimulationSettings.parse({"dataset": "planted", "rounds": 1})
    sampled = run_world(
        replace(made, split=made.split.of_people(np.arange(5, 40, 5))),
        settings,
        Workspace(tmp_path),
        command="penchant simulate",
        tell=silence,
        display=Silent(),
    )
    assert sampled.devices == 40
    assert sampled.evaluated_people == 7
    assert read_summary(finished).evaluated_people is None


def test_everything_comes_out(finished: Path) -> None:
    """Summary, a line a round, a loadable ranker, drift and a page; the devices are gone."""
    assert sorted(path.name for path in finished.iterdir()) == [
        "drift.json",
        "metrics.jsonl",
        "ranker.safetensors",
        "ranks.safetensors",
        "report.html",
        "settings.json",
        "summary.json",
    ]
    rounds = read_rounds(finished)
    assert [record.round for record in rounds] == list(range(1, 13))
    assert all(record.rejected == 0 and record.loss is not None for record in rounds)
    ranker = Ranker.load(finished / "ranker.safetensors")
    assert ranker.settings.size == read_summary(finished).shared_numbers


@pytest.mark.parametrize("flags", [{}, {"preset": "compact", **PRIVATE}])
def test_same_seed_same_summary(world: MakeWorld, tmp_path: Path, flags: dict[str, Any]) -> None:
    """Two runs with one seed agree bit for bit, private or not; another seed differs."""
    first, second, other = (
        run(world, tmp_path / name, rounds=3, seed=seed, **flags)
        for name, seed in (("first", 1), ("second", 1), ("other", 2))
    )
    assert first.reproducible() == second.reproducible()
    assert first.reproducible()["test"] != other.reproducible()["test"]
    rankers = [
        (tmp_path / name / "ranker.safetensors").read_bytes() for name in ("first", "second")
    ]
    assert rankers[0] == rankers[1]


@pytest.mark.parametrize("flags", [{}, {"preset": "compact", **PRIVATE}])
def test_interrupted_run_resumes_where_it_was(
    world: MakeWorld, tmp_path: Path, flags: dict[str, Any]
) -> None:
    """A run stopped in the middle of a round and resumed ends as if it had not been stopped."""
    whole = run(world, tmp_path / "whole", rounds=5, **flags)
    with pytest.raises(KeyboardInterrupt):
        run(world, tmp_path / "stopped", StopAfter(2), rounds=5, **flags)
    assert len(read_rounds(tmp_path / "stopped")) == 2
    stopped = datetime.now(UTC)
    resumed = run(world, tmp_path / "stopped", rounds=5, **flags)
    assert resumed.reproducible() == whole.reproducible()
    assert resumed.started < stopped < resumed.finished
    assert [_timeless(r) for r in read_rounds(tmp_path / "stopped")] == [
        _timeless(r) for r in read_rounds(tmp_path / "whole")
    ]


def _timeless(record: RoundRecord) -> dict[str, object]:
    return record.model_dump(exclude={"seconds"})


def test_privacy_is_stated_for_both_units(world: MakeWorld, tmp_path: Path) -> None:
    """A run of both units states epsilon within the budget, unit by unit, against whom."""
    summary = run(world, tmp_path, preset="compact", rounds=3, **PRIVATE)
    privacy = summary.privacy
    assert privacy.unit == "both"
    assert 0.9 * 8 < privacy.user.epsilon <= 8
    assert 0.9 * 8 < privacy.event.epsilon <= 8
    assert privacy.user.delta == privacy.event.delta == 1e-4
    assert privacy.user.adversary != privacy.event.adversary
    spent = [record.epsilon or 0.0 for record in read_rounds(tmp_path)]
    assert spent == sorted(spent)
    assert spent[-1] == privacy.user.epsilon


def test_finished_run_is_not_resumed(finished: Path) -> None:
    """Resuming a run that has ended is refused."""
    settings = SimulationSettings.parse({"dataset": "planted", "rounds": 12, "cohort": 40})
    with pytest.raises(ConfigurationError, match="has ended"):
        Workspace(finished).check(settings, resume=True)


def test_resuming_with_other_flags_is_refused(world: MakeWorld, tmp_path: Path) -> None:
    """The error says what differs."""
    with pytest.raises(KeyboardInterrupt):
        run(world, tmp_path, StopAfter(1), rounds=5)
    other = SimulationSettings.parse({"dataset": "planted", "rounds": 5, "seed": 9})
    with pytest.raises(ConfigurationError, match="seed 0 there, 9 here"):
        Workspace(tmp_path).check(other, resume=True)


def test_test_items_never_reach_training(world: MakeWorld, tmp_path: Path) -> None:
    """Other test items, same everything else: the same rounds, bit for bit."""
    made = world(rounds=3)
    settings = SimulationSettings.parse({"dataset": "planted", "rounds": 3})
    swapped = np.roll(made.split.test_items, 1)
    object.__setattr__(made.split, "test_items", swapped)
    run_world(
        made,
        settings,
        Workspace(tmp_path / "a"),
        command="penchant",
        tell=silence,
        display=Silent(),
    )
    run(world, tmp_path / "b", rounds=3)
    rankers = [(tmp_path / name / "ranker.safetensors").read_bytes() for name in ("a", "b")]
    assert rankers[0] == rankers[1]


def test_only_training_events_reach_devices(world: MakeWorld, tmp_path: Path) -> None:
    """Devices, federated or alone, see the split's training events and nothing of the data set."""
    made = world(rounds=3)
    settings = SimulationSettings.parse({"dataset": "planted", "rounds": 3})
    whole, training_only = (
        run_world(
            replace(made, dataset=dataset),
            settings,
            Workspace(tmp_path / name),
            command="penchant",
            tell=silence,
            display=Silent(),
        ).reproducible()
        for name, dataset in (("whole", made.dataset), ("training", made.split.training))
    )
    for found in ("validation", "test", "controls"):
        assert whole[found] == training_only[found]


def too_eager(make: MakeWorld, **flags: Any) -> World:
    """The planted world, with a server that overshoots for longer the longer it trains."""
    made = make(**flags)
    rounds = made.plan.rounds
    rates = rounds.optimiser.rates.model_copy(update={"item_residual": 3.0, "popularity": 3.0})
    eager = rounds.optimiser.model_copy(update={"rates": rates, "final_rate": 1.0})
    plan = replace(made.plan, rounds=rounds.model_copy(update={"optimiser": eager}))
    return replace(made, plan=plan)


def test_training_that_went_on_too_long_is_not_what_is_kept(
    world: MakeWorld, tmp_path: Path
) -> None:
    """The best round's ranker and vectors are tested, saved and told of; a resumed run's too."""

    def eager(**flags: Any) -> World:
        return too_eager(world, **flags)

    whole = run(eager, tmp_path / "whole", rounds=12, controls="none")
    assert whole.kept_round is not None
    rounds = read_rounds(tmp_path / "whole")
    kept, last = (rounds[number - 1].validation for number in (whole.kept_round, 12))
    assert kept is not None
    assert last is not None
    assert whole.validation.full.ndcg == kept.full.ndcg > last.full.ndcg / 0.9
    assert f"round {whole.kept_round} was kept" in (tmp_path / "whole" / "report.html").read_text()
    with pytest.raises(KeyboardInterrupt):
        run(eager, tmp_path / "cut", StopAfter(whole.kept_round + 1), rounds=12, controls="none")
    settings = SimulationSettings.parse({"dataset": "planted", "rounds": 12, "controls": "none"})
    resumed = run_world(
        eager(rounds=12, controls="none"),
        settings,
        Workspace(tmp_path / "cut"),
        command="penchant simulate",
        tell=silence,
        display=Silent(),
    )
    assert resumed.reproducible() == whole.reproducible()


def test_with_privacy_no_round_is_chosen(world: MakeWorld, tmp_path: Path) -> None:
    """Which round was best is learnt from people; the last one is kept, however it fared."""

    def eager(**flags: Any) -> World:
        return too_eager(world, **flags)

    found = run(eager, tmp_path, rounds=6, controls="none", **PRIVATE)
    assert found.kept_round is None
