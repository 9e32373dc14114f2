"""How soon recommendations follow a person who switches from one theme to another.

    python benchmarks/switch.py [--json FILE] [--seed N]

Themes are the genres of MovieLens-100K with 80 films or more; a film's text is its title and
genres, embedded by the MiniLM bundle, and the ranker is one that has learnt nothing yet. For each
ordered pair of themes a person sees 40 films of the one, drawn at random without those of the
other, then 50 of the other without those of the one, one an hour. Counted is how many films after
the switch the new theme has half of the top 10, and whether a profile that stands still at the
switch ever gives it that. Pairs that overlap so much that the new theme has half of the top 10
before the switch are told apart.
"""

import argparse
import itertools
import json
import platform
import statistics
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from penchant.client import Device, DeviceSettings
from penchant.client.storage import RawKey
from penchant.shared.catalogue import Catalogue
from penchant.shared.encoding import CachedEncoder, Encoder
from penchant.shared.encoding.builder import ensure_bundle
from penchant.shared.scoring import Scorer
from penchant.simulation.datasets.registry import load
from penchant.simulation.evaluation.switching import events_to_follow, frozen_top, switch_between

BEFORE, AFTER, SOON = 40, 50, 8
LEAST_FILMS = 80


def themes_of(items: tuple[str, ...], texts: tuple[str, ...]) -> dict[str, list[str]]:
    """Return the films of each genre, from texts that end in ``. Genre, Genre``."""
    found: dict[str, list[str]] = {}
    for item, text in zip(items, texts, strict=True):
        _, dot, genres = text.rpartition(". ")
        for genre in genres.split(", ") if dot else []:
            found.setdefault(genre, []).append(item)
    return {genre: films for genre, films in found.items() if len(films) >= LEAST_FILMS}


def measure(seed: int) -> tuple[dict[str, float], list[tuple[str, str, int | None, float]]]:
    """Return the figures by name, and each pair with its events and its frozen share."""
    data = load("movielens-100k")
    encoder = CachedEncoder(Encoder.open(ensure_bundle("minilm")))
    catalogue = Catalogue.of(data.item_ids, encoder.encode(list(data.item_texts)))
    scorer = Scorer.untrained(catalogue)
    themes = themes_of(tuple(data.item_ids), tuple(data.item_texts))
    rng = np.random.default_rng(seed)
    chosen = DeviceSettings(durable=False)
    pairs = []
    for old, new in itertools.permutations(sorted(themes), 2):
        if min(len(set(themes[a]) - set(themes[b])) for a, b in ((old, new), (new, old))) < AFTER:
            continue
        switch = switch_between(themes[old], themes[new], before=BEFORE, after=AFTER, rng=rng)
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder, name) for name in ("live", "frozen")]
            keys = RawKey(bytes(32))
            with Device.open(paths[0], scorer, keys=keys, settings=chosen) as device:
                events = events_to_follow(device, switch)
            with Device.open(paths[1], scorer, keys=keys, settings=chosen) as device:
                frozen = frozen_top(device, switch)
        pairs.append((old, new, events, max(frozen)))
    apart = [pair for pair in pairs if pair[2] != 0]
    needed = [AFTER + 1 if events is None else events for _, _, events, _ in apart]
    figures = {
        "pairs": len(pairs),
        "pairs_that_overlap": len(pairs) - len(apart),
        "followed_within_8": sum(n <= SOON for n in needed) / len(apart),
        "events_median": statistics.median(needed),
        "events_most": max(needed),
        "frozen_followed_within_50": sum(f >= 0.5 for *_, f in apart) / len(apart),
    }
    return {name: float(value) for name, value in figures.items()}, pairs


def main() -> None:
    """Print the table and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--seed", type=int, default=7, help="of the films seen")
    arguments = parser.parse_args()
    start = time.perf_counter()
    figures, pairs = measure(arguments.seed)
    table = Table("from", "to", "events to follow", "frozen profile, most")
    for old, new, events, frozen in pairs:
        told = "overlap" if events == 0 else "never" if events is None else str(events)
        table.add_row(old, new, told, f"{frozen:.0%}")
    console = Console()
    console.print(table)
    for name, value in figures.items():
        console.print(f"{name:>28} {value:g}")
    console.print(
        f"penchant {version('penchant')}, Python {platform.python_version()}, "
        f"{platform.machine()}, seed {arguments.seed}, {time.perf_counter() - start:.0f} s"
    )
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
