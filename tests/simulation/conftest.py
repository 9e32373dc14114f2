"""A run's records, as small as they can be and still whole."""

from datetime import UTC, datetime
from typing import Any

import pytest

from penchant.simulation.report import Results, RoundRecord


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
        "chosen_round": 3,
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
