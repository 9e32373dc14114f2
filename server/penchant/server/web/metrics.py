"""The overview in Prometheus's terms."""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from penchant.server.web.overview import Overview
from penchant.server.web.quality import Quality, latest_quality

__all__ = ["metrics_registry"]


class _Overview(Collector):
    def __init__(self, overview: Callable[[], Overview]) -> None:
        self._overview = overview

    def describe(self) -> list[Metric]:
        return []  # so that nothing is looked up before the first scrape

    def collect(self) -> Iterator[Metric]:
        now = self._overview()
        standing = now.standing
        yield from (
            _gauge("devices_enrolled", "Devices that are enrolled.", now.enrolled),
            _gauge("devices_active", "Devices heard of within the last hour.", now.active),
            _gauge("devices_waiting", "Devices waiting for a task.", now.waiting),
            _gauge(
                "rounds_finished", "Rounds finished, void ones included.", standing.round_number
            ),
            _gauge("epsilon_budget", "User-level epsilon at which rounds stop.", standing.budget),
            _gauge("delta", "Delta of every epsilon.", standing.delta),
        )
        if standing.epsilon is not None:
            yield _gauge("epsilon_spent", "User-level epsilon spent.", standing.epsilon)
        finished = [record for record in now.rounds if record.finished is not None]
        if finished:
            last = finished[-1]
            seconds = (last.finished or 0.0) - last.started
            yield from (
                _gauge("round_cohort", "Devices asked in the last round.", last.cohort),
                _gauge("round_accepted", "Updates that counted in the last round.", last.accepted),
                _gauge("round_seconds", "How long the last round took.", seconds),
            )
        quality = latest_quality(now.rounds, most=1)
        if quality is not None:
            yield from _measured(quality)
        refusals = CounterMetricFamily(
            "penchant_refusals", "Replies and requests that were refused.", labels=["reason"]
        )
        for reason, count in now.refusals.items():
            refusals.add_metric([reason], count)
        yield refusals


def _measured(quality: Quality) -> Iterator[Metric]:
    """Yield what the latest round that measured says; no figure where there are too few devices."""
    yield _gauge(
        "measured_devices",
        "Devices that measured in the latest round that asked, with noise.",
        quality.devices,
    )
    for name, what, found in (
        ("hit_rate", "HR@10", quality.hit_rate),
        ("ndcg", "NDCG@10", quality.ndcg),
    ):
        if found is not None:
            yield _gauge(name, f"{what}, devices' mean, latest round that asked.", found.mean)
            yield _gauge(f"{name}_error", f"Standard error of penchant_{name}.", found.error)


def metrics_registry(overview: Callable[[], Overview]) -> CollectorRegistry:
    """Return the registry that is scraped.

    Args:
        overview: takes a picture of the server; called at each scrape.
    """
    registry = CollectorRegistry()
    registry.register(_Overview(overview))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return registry


def _gauge(name: str, what: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"penchant_{name}", what, value=value)
