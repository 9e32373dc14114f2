"""Groups of people and of held-out items, told apart by training data alone."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from penchant.simulation.datasets import Dataset
from penchant.simulation.evaluation import evaluate, sample_negatives
from penchant.simulation.fairness import served_groups
from penchant.simulation.progress import Silent
from penchant.simulation.run import run_world
from penchant.simulation.settings import SimulationSettings
from penchant.simulation.split import leave_one_out
from penchant.simulation.workspace import Workspace
from penchant.simulation.world import World


def test_groups_are_by_training_events() -> None:
    """The busiest are active, whose item many met is of the popular; the rest are the others."""
    histories = [[0, 1, 2, 3, 4, 5, 9], [0, 1, 8], [2, 7, 0], [0, 3, 1]]
    dataset = Dataset.from_events(
        "four",
        item_ids=[str(i) for i in range(200)],
        item_texts=[f"item {i}" for i in range(200)],
        person_ids=["a", "b", "c", "d"],
        people=[p for p, items in enumerate(histories) for _ in items],
        items=[item for items in histories for item in items],
        times=[t for items in histories for t in range(len(items))],
    )
    split = leave_one_out(dataset)
    negatives = sample_negatives(split, stage="test", rng=np.random.default_rng(0))
    evaluation = evaluate(lambda people: np.zeros((people.size, 200)), split, negatives=negatives)
    groups = served_groups(evaluation, split)
    assert groups["active people"].tolist() == [True, False, False, False]
    # Training is 0-4, 0, 2 and 0: the held-out 9, 8, 0 and 1 are met 0, 0, 3 and 1 times.
    assert groups["popular items"].tolist() == [False, False, True, True]
    assert (groups["rare items"] == ~groups["popular items"]).all()
    assert (groups["rare people"] == ~groups["active people"]).all()


def test_groups_of_a_run_make_up_its_test(world: Callable[..., World], tmp_path: Path) -> None:
    """Weighted by their people, the halves' metrics are everybody's, ours and popularity's."""
    flags = {"rounds": 1, "controls": "none"}
    settings = SimulationSettings.parse({"dataset": "planted", **flags})
    summary = run_world(
        world(**flags),
        settings,
        Workspace(tmp_path),
        command="penchant simulate",
        tell=lambda _: None,
        display=Silent(),
    )
    items = [summary.served[name] for name in ("popular items", "rare items")]
    assert sum(group.people for group in items) == summary.devices
    for whole, parts in (
        (summary.test.full, [group.test for group in items]),
        (summary.controls.popularity.full, [group.popularity for group in items]),
    ):
        weighted = sum(g.people * part.ndcg for g, part in zip(items, parts, strict=True))
        assert weighted / summary.devices == pytest.approx(whole.ndcg)
    assert "Who is served" in (tmp_path / "report.html").read_text("utf-8")
