"""What generated histories look like beside real ones, and what generating them costs.

    python benchmarks/populations.py [--cost] [--json FILE] [DATASET ...]

The statistics are of MovieLens-100K, of the default population, and of one of its size; or of the
data sets named. Their item texts are embedded with MiniLM, which takes about a minute for 10,000
texts the first time. With --cost, populations of 10,000 to 1,000,000 devices are generated and
split from nothing, each in a process of its own, in a scratch folder of about 5 GB.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from penchant.shared.encoding import CachedEncoder, Encoder
from penchant.shared.encoding.builder import ensure_bundle
from penchant.simulation.datasets import Dataset, load

FILMS_SIZE = "synthetic:devices=943,texts=movielens-100k,events=106,fewest=20,most=737,session=37"
DATASETS = ("movielens-100k", "synthetic", FILMS_SIZE)
SESSION_LIMIT = 3_600  # seconds; events further apart are of two sessions
PAIRS = 200_000
DEVICES, ITEMS = ("1e4", "1e5", "1e6"), ("1e4", "1e5")
COST_SCRIPT = """
import sys, time
from pathlib import Path
from penchant.simulation.datasets import load
from penchant.simulation.split import leave_one_out
def megabytes(field):
    status = Path("/proc/self/status").read_text().split()
    return int(status[status.index(field + ":") + 1]) * 1024 / 1e6
start = time.perf_counter()
dataset = load(sys.argv[1], folder=Path(sys.argv[2]))
generated, peak = time.perf_counter(), megabytes("VmHWM")
split = leave_one_out(dataset)
end = time.perf_counter()
print(generated - start, peak, end - generated, megabytes("VmHWM"), megabytes("RssAnon"))
"""
COST_NAMES = (
    "generation_seconds", "generation_peak_rss_mb", "split_seconds", "split_peak_rss_mb",
    "anonymous_mb_at_the_end",
)  # fmt: skip


def _gini(counts: NDArray[np.int64]) -> float:
    ranked = np.sort(counts)
    places = 2 * np.arange(1, len(ranked) + 1) - len(ranked) - 1
    return float(places @ ranked / (len(ranked) * ranked.sum()))


def _amounts(dataset: Dataset) -> dict[str, float]:
    """Events a person, and how they spread over items."""
    lengths = np.diff(dataset.offsets)
    tenth, median, ninetieth, largest = np.quantile(lengths, [0.1, 0.5, 0.9, 1])
    counts = np.bincount(dataset.items, minlength=dataset.n_items)
    top = np.sort(counts)[-(dataset.n_items // 10) :]
    pairs = np.sort(dataset.people * dataset.n_items + dataset.items)
    return {
        "people": dataset.n_people,
        "items": dataset.n_items,
        "events_per_person_mean": lengths.mean(),
        "events_per_person_p10": tenth,
        "events_per_person_median": median,
        "events_per_person_p90": ninetieth,
        "events_per_person_most": largest,
        "item_popularity_gini": _gini(counts),
        "share_of_events_on_top_tenth_of_items": top.sum() / dataset.n_events,
        "share_of_items_nobody_met": (counts == 0).mean(),
        "share_of_repeats": (pairs[1:] == pairs[:-1]).mean(),
    }


def _rhythm(dataset: Dataset, follows: NDArray[np.bool_]) -> dict[str, float]:
    """Sessions, and the gaps between and within them."""
    gaps = np.diff(dataset.times, prepend=0)[follows]
    between, within = gaps[gaps > SESSION_LIMIT] / 86_400, gaps[gaps <= SESSION_LIMIT]
    sessions = dataset.n_people + len(between)
    quarter, median, three_quarters = np.quantile(between, [0.25, 0.5, 0.75])
    return {
        "share_of_events_in_the_session_of_the_one_before": len(within) / dataset.n_events,
        "events_per_session_mean": dataset.n_events / sessions,
        "sessions_per_person_mean": sessions / dataset.n_people,
        "days_between_sessions_p25": quarter,
        "days_between_sessions_median": median,
        "days_between_sessions_p75": three_quarters,
        "seconds_within_sessions_median": float(np.median(within)),
        "seconds_within_sessions_p90": float(np.quantile(within, 0.9)),
    }


def _likeness(
    dataset: Dataset, follows: NDArray[np.bool_], embeddings: NDArray[np.float32]
) -> dict[str, float]:
    """Mean cosine of centred embeddings: successive, of one person, and of anybody's events."""
    centred = embeddings - embeddings.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    rng = np.random.default_rng(0)
    events = rng.choice(np.flatnonzero(follows), size=PAIRS)
    lengths = np.diff(dataset.offsets)
    people = np.searchsorted(dataset.offsets, events, side="right") - 1
    others = dataset.offsets[people] + (rng.random(PAIRS) * lengths[people]).astype(np.int64)
    anybody = rng.integers(dataset.n_events, size=PAIRS)

    def cosine(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
        different = first != second
        one, other = dataset.items[first[different]], dataset.items[second[different]]
        return float(np.einsum("nm,nm->n", centred[one], centred[other]).mean())

    return {
        "likeness_of_successive_items": cosine(events, events - 1),
        "likeness_of_items_of_one_person": cosine(events, others),
        "likeness_of_items_of_any_events": cosine(events, anybody),
    }


def statistics(dataset: Dataset, encoder: CachedEncoder) -> dict[str, float]:
    """Return the statistics of a data set's histories by name."""
    follows = np.ones(dataset.n_events, dtype=np.bool_)  # an event of the same person
    follows[dataset.offsets[:-1]] = False
    embeddings = encoder.encode(dataset.item_texts)
    found = _amounts(dataset) | _rhythm(dataset, follows)
    found |= _likeness(dataset, follows, embeddings)
    return {name: float(value) for name, value in found.items()}


def cost(name: str, folder: Path) -> dict[str, float]:
    """Generate and split a population in a process of its own; return times and memory."""
    command = [sys.executable, "-c", COST_SCRIPT, name, str(folder)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return dict(zip(COST_NAMES, map(float, output.split()), strict=True))


def _print(title: str, columns: dict[str, dict[str, float]]) -> None:
    table = Table(title=title)
    table.add_column("figure")
    for column in columns:
        table.add_column(column.replace(",", ", "), justify="right", max_width=30)
    for figure in next(iter(columns.values())):
        values = (column[figure] for column in columns.values())
        table.add_row(figure.replace("_", " "), *(f"{value:,.4g}" for value in values))
    Console().print(table)


def main() -> None:
    """Measure, print tables and write the figures if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("datasets", nargs="*", metavar="DATASET", help="data sets to describe")
    parser.add_argument("--cost", action="store_true", help="measure generation as well")
    parser.add_argument("--json", type=Path, help="file for the figures, flat")
    arguments = parser.parse_args()
    machine = f"{platform.machine()}, Python {platform.python_version()}, numpy {version('numpy')}"
    encoder = CachedEncoder(Encoder.open(ensure_bundle("minilm")))
    columns = {name: statistics(load(name), encoder) for name in arguments.datasets or DATASETS}
    _print("histories", columns)
    if arguments.cost:
        costs = {}
        with tempfile.TemporaryDirectory() as scratch:
            for items in ITEMS:
                for devices in DEVICES:
                    name = f"synthetic:devices={devices},items={items}"
                    costs[name] = cost(name, Path(scratch))
        _print(f"cost, {machine}", costs)
        columns |= {f"cost {name}": figures for name, figures in costs.items()}
    if arguments.json:
        flat = {
            f"{column}/{name}": value
            for column, figures in columns.items()
            for name, value in figures.items()
        }
        arguments.json.write_text(json.dumps(flat, indent=2) + "\n")


if __name__ == "__main__":
    main()
