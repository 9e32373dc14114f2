"""A small world with planted tastes, made in the test: no language model, no download."""

from collections.abc import Callable

import numpy as np
import pytest

from penchant.shared.catalogue import Catalogue
from penchant.shared.features import FeatureMap
from penchant.shared.ranker import Ranker
from penchant.shared.scoring import Scorer
from penchant.simulation.datasets import Dataset
from penchant.simulation.plan import Plan
from penchant.simulation.report.summary import EncoderIdentity
from penchant.simulation.settings import SimulationSettings
from penchant.simulation.split import leave_one_out
from penchant.simulation.world import World

PEOPLE, ITEMS, EVENTS, THEMES, WIDTH = 40, 160, 14, 4, 72

MakeWorld = Callable[..., World]


def planted_dataset(seed: int = 0) -> Dataset:
    """People who mostly choose items of one theme each."""
    rng = np.random.default_rng(seed)
    people, items, times = [], [], []
    for person in range(PEOPLE):
        liked = np.flatnonzero(np.arange(ITEMS) % THEMES == person % THEMES)
        chosen = rng.choice(liked, EVENTS, replace=False)
        people += [person] * EVENTS
        items += chosen.tolist()
        times += (1_000_000 + 3600 * np.arange(EVENTS)).tolist()
    return Dataset.from_events(
        "planted",
        item_ids=[f"item{i}" for i in range(ITEMS)],
        item_texts=[f"theme {i % THEMES}, number {i}" for i in range(ITEMS)],
        person_ids=[f"person{i}" for i in range(PEOPLE)],
        people=people,
        items=items,
        times=times,
    )


def make_world(**settings: object) -> World:
    """Return the world of a simulation with these settings over the planted data set."""
    chosen = SimulationSettings.parse({"dataset": "planted", **settings})
    dataset = planted_dataset()
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((THEMES, WIDTH))
    raw = centres[np.arange(ITEMS) % THEMES] + 2.0 * rng.standard_normal((ITEMS, WIDTH))
    embeddings = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
    plan = Plan.of(chosen, population=dataset.n_people)
    feature_map = FeatureMap.principal(embeddings, rank=plan.recipe.feature_rank or WIDTH)
    catalogue = Catalogue.of(dataset.item_ids, embeddings)
    shape = plan.ranker_settings(chosen, feature_map, items=ITEMS)
    return World(
        dataset=dataset,
        split=leave_one_out(dataset),
        plan=plan,
        scorer=Scorer.bind(Ranker.initial(shape, feature_map), catalogue),
        encoder=EncoderIdentity(model="planted", fingerprint="0", dimension=WIDTH),
    )


@pytest.fixture(scope="session")
def world() -> MakeWorld:
    """Makes worlds."""
    return make_world
