"""What an operator sees of measures: in the page's data and in Prometheus's terms."""

import json
import math
from collections.abc import Sequence

import pytest
from prometheus_client import generate_latest

from penchant.server.measures import Measured, pooled
from penchant.server.operations.records import RoundRecord
from penchant.server.service.standing import Standing
from penchant.server.web.metrics import metrics_registry
from penchant.server.web.overview import Overview
from penchant.server.web.quality import ROUNDS_POOLED, latest_quality

GOOD = Measured(60.0, 30.0, 400.0, deviation=8 * math.sqrt(3))
FEW = Measured(5.0, 2.0, 20.0, deviation=8 * math.sqrt(3))


def record_of(number: int, measured: Measured | None) -> RoundRecord:
    """A finished round."""
    return RoundRecord(number, "{}", 1.0, 2.0, 500, 450, 1, 0, 1, 0.5, measured)


def overview_of(measured: Sequence[Measured | None]) -> Overview:
    """A server whose rounds measured this."""
    rounds = [record_of(number, one) for number, one in enumerate(measured, start=1)]
    return Overview(5.0, Standing(), 1000, 900, 10, 0, rounds, {}, [])


def scraped(overview: Overview) -> dict[str, float]:
    """What Prometheus would read, without labelled metrics."""
    text = generate_latest(metrics_registry(lambda: overview)).decode()
    lines = [line.split() for line in text.splitlines() if line.startswith("penchant_")]
    return {name: float(value) for name, value in lines if "{" not in name}


def test_rounds_that_do_not_measure_show_nothing() -> None:
    """No figures, no metrics: what a server without measures shows is what it was."""
    overview = overview_of([None, None])
    fields = overview.as_json()
    assert fields["quality"] is None
    rounds = fields["rounds"]
    assert isinstance(rounds, list)
    assert [(one["measured"], one["recently_measured"]) for one in rounds] == [(None, None)] * 2
    assert not [name for name in scraped(overview) if "hit" in name or "measured" in name]


def test_each_round_has_its_figure_and_that_of_the_latest_ones_together() -> None:
    """Means with standard errors, as JSON; a round without measures has none and adds none."""
    found = json.loads(json.dumps(overview_of([GOOD, None, GOOD]).as_json()))
    first, second, third = found["rounds"]
    assert first["measured"]["hits"] == GOOD.hits
    assert GOOD.hit_rate is not None
    assert first["measured"]["hit_rate"] == {
        "mean": pytest.approx(0.15),
        "error": pytest.approx(GOOD.hit_rate.error),
    }
    assert second["measured"] is None
    assert first["recently_measured"]["rounds"] == 1
    assert third["recently_measured"]["rounds"] == 2
    both = pooled([GOOD, GOOD])
    assert both.ndcg is not None
    assert third["recently_measured"]["ndcg"]["error"] == pytest.approx(both.ndcg.error)
    assert found["quality"] == third["recently_measured"]


def test_too_few_devices_show_no_figure_but_add_to_the_next() -> None:
    """One round of twenty devices says nothing by itself, and many of them together do."""
    fields = overview_of([FEW] * 9).as_json()
    rounds = fields["rounds"]
    assert isinstance(rounds, list)
    assert rounds[0]["measured"]["hit_rate"] is None
    assert rounds[0]["recently_measured"]["hit_rate"] is None
    assert rounds[-1]["recently_measured"]["hit_rate"] is not None
    assert "penchant_hit_rate" not in scraped(overview_of([FEW]))
    assert scraped(overview_of([FEW]))["penchant_measured_devices"] == 20


def test_only_the_latest_rounds_count_together() -> None:
    """Ten of them: what a ranker was long ago is not what it is."""
    bad = Measured(0.0, 0.0, 400.0, deviation=1.0)
    rounds = [record_of(1 + n, bad if n < 5 else GOOD) for n in range(5 + ROUNDS_POOLED)]
    quality = latest_quality(rounds)
    assert quality is not None
    assert quality.rounds == ROUNDS_POOLED
    assert quality.hit_rate is not None
    assert quality.hit_rate.mean == pytest.approx(0.15)


def test_prometheus_reads_the_latest_round_that_measured() -> None:
    """Mean and standard error of both metrics, and the noised count."""
    found = scraped(overview_of([FEW, GOOD, None]))
    assert GOOD.ndcg is not None
    assert found["penchant_hit_rate"] == pytest.approx(0.15)
    assert found["penchant_ndcg"] == pytest.approx(0.075)
    assert found["penchant_ndcg_error"] == pytest.approx(GOOD.ndcg.error)
    assert found["penchant_measured_devices"] == 400
