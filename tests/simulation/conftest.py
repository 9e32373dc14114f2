"""Small whole things to test with: a world with planted tastes, and a run's records."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penchant.shared.catalogue import Catalogue
from penchant.shared.features import FeatureMap
from penchant.shared.ranker import Ranker
from penchant.shared.scoring import Scorer
from penchant.simulation.datasets import Dataset
from penchant.simulation.plan import Plan
from penchant.simulation.report import Results, RoundRecord
from penchant.simulation.report.summary import EncoderIdentity
from penchant.simulation.settings import SimulationSettings
from penchant.simulation.split import leave_one_out
from penchant.simulation.world import World

PEOPLE, ITEMS, EVENTS, THEMES, WIDTH = 40, 160, 14, 4, 72

MakeWorld = Callable[..., World]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session", autouse=True)
def _importable() -> Iterator[None]:
    """Let processes that are started import the work that the tests have them do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)
        patch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        yield


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
    shape = plan.ranker_settings(chosen, feature_map, catalogue)
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


def scores(start: float) -> dict[str, Any]:
    """Results of one model, every number its own, with intervals."""
    protocols = {}
    for protocol, base in (("full", start), ("sampled99", start + 0.3)):
        metrics = {"hr@10": base, "ndcg@10": base / 2, "mrr": base / 3}
        interval = {name: [value * 0.9, value * 1.1] for name, value in metrics.items()}
        protocols[protocol] = metrics | {"interval": interval}
    return protocols


GUARANTEE = {
    "epsilon": 7.9,
    "delta": 1e-6,
    "noise_multiplier": 4.25,
    "clipping_norm": 1.5,
    "accountant": "PLD (dp-accounting 0.6.0)",
    "adversary": "whoever gets a released ranker",
}
PRIVACY: dict[str, dict[str, Any]] = {
    "none": {"unit": "none"},
    "event": {"unit": "event", **GUARANTEE},
    "user": {"unit": "user", **GUARANTEE},
    "both": {
        "unit": "both",
        "user": GUARANTEE,
        "event": GUARANTEE | {"epsilon": 3.1, "adversary": "an honest-but-curious server"},
    },
}


@pytest.fixture
def summary_fields() -> dict[str, Any]:
    """The fields of a valid summary, to be changed at will."""
    return {
        "dataset": {"name": "cinema", "people": 943, "items": 1682, "events": 100_000},
        "devices": 940,
        "preset": "compact",
        "fidelity": "device",
        "rounds": 4,
        "cohort": {"mean_size": 377.2, "sampling_probability": 0.4, "cap": 483},
        "shared_numbers": 4321,
        "privacy": PRIVACY["user"],
        "validation": scores(0.201),
        "test": scores(0.176),
        "controls": {"popularity": scores(0.084), "no_federation": scores(0.013)},
        "leak_check": {"suspected": False, "hits": 96.5, "people": 943, "threshold": 430},
        "encoder": {"model": "a-model", "fingerprint": "abc123", "dimension": 384},
        "throughput": {
            "devices_per_second": 131.0,
            "seconds_per_round": 3.25,
            "peak_rss_mb": 812.0,
        },
        "versions": {"python": "3.11.2", "penchant": "0.1.0", "flwr": "1.42.0"},
        "seed": 77,
        "command": "penchant simulate --dataset cinema --out 'runs/<a & b>'",
        "started": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "finished": datetime(2026, 1, 2, 3, 9, 5, tzinfo=UTC),
    }


@pytest.fixture
def round_records() -> list[RoundRecord]:
    """Four rounds: evaluated every other time, the third one void."""
    validation = [
        None,
        Results.model_validate(scores(0.1)),
        None,
        Results.model_validate(scores(0.2)),
    ]
    return [
        RoundRecord(
            round=number,
            devices=370 + number,
            rejected=number - 1,
            loss=None if number == 3 else 6.0 / number,
            validation=validation[number - 1],
            epsilon=0.5 * number,
            seconds=3.0,
        )
        for number in range(1, 5)
    ]
