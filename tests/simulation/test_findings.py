"""What a run finds out beside its test: written where the data allow, over the right items."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from tests.simulation.conftest import WIDTH, make_world

from penchant.client.interests import Tags, Taxonomy
from penchant.shared.catalogue import Catalogue
from penchant.simulation.coldstart import cold_start
from penchant.simulation.datasets import Dataset
from penchant.simulation.drift.runs import RunDrift
from penchant.simulation.findings import write_findings
from penchant.simulation.settings import SimulationSettings
from penchant.simulation.world import Cold, World

SETTINGS = SimulationSettings.parse({"dataset": "planted", "rounds": 2})
NAMES = ("owls", "trains", "soup", "chess")


def longer(world: World, events: int) -> World:
    """The same world with histories of ``events`` events, one a day, of texts without tags."""
    old, rng = world.dataset, np.random.default_rng(6)
    dataset = Dataset.from_events(
        "longer",
        item_ids=old.item_ids,
        item_texts=[f"number {item}" for item in range(old.n_items)],
        person_ids=old.person_ids,
        people=np.repeat(np.arange(old.n_people), events),
        items=np.concatenate([rng.permutation(old.n_items)[:events] for _ in old.person_ids]),
        times=np.tile(np.arange(events) * 86_400, old.n_people),
    )
    return replace(world, dataset=dataset)


def tags() -> Tags:
    """Four tags, placed at random."""
    raw = np.random.default_rng(7).standard_normal((len(NAMES), WIDTH))
    unit = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    return Tags(Taxonomy.of(NAMES), unit.astype(np.float32))


def test_items_without_tags_are_told_in_the_taxonomy(tmp_path: Path) -> None:
    """Drift and a portrait, in a device's own tags; without them, events or texts, none."""
    world = replace(longer(make_world(rounds=2), 24), taxonomy=tags)
    mute = replace(world.dataset, item_texts=("",) * world.dataset.n_items)
    for name, some in (
        ("all", world),
        ("no taxonomy", replace(world, taxonomy=None)),
        ("no texts", replace(world, dataset=mute)),
        ("short", replace(longer(world, 19), taxonomy=tags)),
    ):
        (tmp_path / name).mkdir()
        write_findings(some, SETTINGS, some.scorer, tmp_path / name)
        assert (tmp_path / name / "drift.json").exists()
        assert (tmp_path / name / "portrait.json").exists() == (name == "all")
    portrait = json.loads((tmp_path / "all" / "portrait.json").read_text())
    assert "taxonomy" in portrait["source"]
    assert set(portrait["tags"]) == set(NAMES)
    np.testing.assert_allclose(np.sum(portrait["shares"], axis=0), 1, rtol=1e-6)


def test_after_a_cold_start_items_are_found_again() -> None:
    """Catalogue and data set have another order: each event is still of its item, all are known.

    Those who took no part are the ones to follow.
    """
    made = make_world(rounds=2)
    start = cold_start(made.dataset, rng=np.random.default_rng(8))
    every = start.learnt_from.training
    rows = {item: row for row, item in enumerate(made.dataset.item_ids)}
    embeddings = made.scorer.catalogue.embeddings
    known = Catalogue.of(
        start.training.training.item_ids,
        embeddings[[rows[item] for item in start.training.training.item_ids]],
    )
    whole = Catalogue.of(every.item_ids, embeddings[[rows[item] for item in every.item_ids]])
    world = replace(
        made,
        split=start.training,
        scorer=type(made.scorer).untrained(known),
        cold=Cold(start, whole),
    )
    run = RunDrift.of(world, SETTINGS, world.scorer)
    assert run.dataset.item_ids == tuple(every.item_ids)
    assert len(run.scorer.catalogue) == made.dataset.n_items
    for person in range(made.dataset.n_people):
        before = [made.dataset.item_ids[item] for item in made.dataset.history(person)[0]]
        after = [run.dataset.item_ids[item] for item in run.dataset.history(person)[0]]
        assert after == before
    texts = dict(zip(made.dataset.item_ids, made.dataset.item_texts, strict=True))
    assert run.dataset.item_texts == tuple(texts[item] for item in run.dataset.item_ids)
    trained = set(start.training.training.person_ids)
    newcomers = run.newcomers()
    assert {run.dataset.person_ids[person] for person in newcomers} == (
        set(made.dataset.person_ids) - trained
    )
