"""How fast cohorts train: ours beside a plain loop, vmap, Opacus, pfl-research and FedJAX.

    python benchmarks/cohort.py [--fedjax-python PATH] [--pfl-python PATH] [--json FILE]

Everybody does the same work in one run, taking turns, each in a process of its own, and must come
to the same weights and private vectors. FedJAX and pfl-research take part when told where their
environments are; benchmarks/peers/README.md tells how to make these.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from contest import Contestant, contest, table_of
from peers.worker import Work
from presets import presets
from rich.console import Console

Section = Callable[[argparse.Namespace, Console], dict[str, float]]

STEPS, BATCH = 4, 10
NOISE = 1.0


def reference_work(arguments: argparse.Namespace) -> Work:
    """Return devices with random items, labels and starts: speed does not depend on them.

    Items have norm 1, as those of an encoder; the rate is such that clipping is active.
    """
    rng = np.random.default_rng(0)
    devices = arguments.devices
    features = rng.standard_normal((arguments.items, arguments.features), dtype=np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    items = [rng.choice(arguments.items, STEPS * BATCH, replace=False) for _ in range(devices)]
    rows = np.array(items).reshape(devices, STEPS, BATCH)
    dimension = arguments.dimension
    return Work(
        features=features,
        rows=rows,
        labels=(rng.random(rows.shape) < 0.5).astype(np.float32),
        weights=rng.standard_normal((arguments.features, dimension), dtype=np.float32) / 8,
        bias=rng.standard_normal(dimension, dtype=np.float32) / 8,
        vectors=rng.standard_normal((devices, dimension), dtype=np.float32),
        cohort=arguments.cohort,
        rate=0.5,
        clip=1.0,
    )


def _contest(
    contestants: list[Contestant],
    arguments: argparse.Namespace,
    console: Console,
    *,
    form: str,
    rounds: int,
    title: str,
) -> dict[str, float]:
    work = reference_work(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        figures, versions = contest(
            contestants,
            work,
            form=form,
            noise=NOISE,
            rounds=min(rounds, arguments.devices // arguments.cohort),
            repeats=arguments.repeats,
            seconds=arguments.seconds,
            scratch=Path(scratch),
        )
    console.print(table_of(figures, contestants, form=form, title=title))
    console.print(", ".join(f"{name} {number}" for name, number in versions.items()), style="dim")
    return figures


def user_level(arguments: argparse.Namespace, console: Console) -> dict[str, float]:
    """The reference work with whole updates clipped; the server's noise is no part of it."""
    here = Path(sys.executable)
    contestants = [
        Contestant("penchant", "with_penchant.py", here),
        Contestant("loop", "with_loop.py", here),
        Contestant("vmap", "with_vmap.py", here),
    ]
    if arguments.pfl_python:
        contestants.append(Contestant("pfl", "with_pfl.py", arguments.pfl_python))
    if arguments.fedjax_python:
        contestants.append(Contestant("fedjax", "with_fedjax.py", arguments.fedjax_python))
    title = "user level: each device's update clipped to 1"
    return _contest(contestants, arguments, console, form="clipped", rounds=10, title=title)


def event_level(arguments: argparse.Namespace, console: Console) -> dict[str, float]:
    """The reference work by per-example DP-SGD, sigma 1; checked without noise."""
    here = Path(sys.executable)
    contestants = [
        Contestant("penchant", "with_penchant.py", here),
        Contestant("vmap", "with_vmap.py", here),
        Contestant("opacus", "with_opacus.py", here),
    ]
    title = "event level: per-example DP-SGD, clip 1, sigma 1"
    return _contest(contestants, arguments, console, form="private", rounds=2, title=title)


# A section measures one thing, prints its table and returns its figures.
SECTIONS: dict[str, Section] = {
    "user-level": user_level,
    "event-level": event_level,
    "presets": presets,
}


def machine() -> str:
    """Return the processor's name, how many cores there are to use, and the Python version."""
    names = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    cores = len(os.sched_getaffinity(0))
    processor = names[0] if names else platform.machine()
    return f"{processor}, {cores} cores, Python {platform.python_version()}"


def parsed() -> argparse.Namespace:
    """Return the arguments; the defaults are the reference work."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fedjax-python", type=Path, help="python of FedJAX's environment")
    parser.add_argument("--pfl-python", type=Path, help="python of pfl-research's environment")
    parser.add_argument("--json", type=Path, help="file for the figures, flat")
    parser.add_argument("--section", choices=SECTIONS, action="append", help="only this; repeat")
    parser.add_argument("--repeats", type=int, default=7, help="turns of each; medians are given")
    parser.add_argument("--seconds", type=float, default=0.5, help="least time of a turn")
    for name, value in (
        ("devices", 2000),
        ("cohort", 200),
        ("items", 2000),
        ("features", 384),
        ("dimension", 64),
    ):
        parser.add_argument(f"--{name}", type=int, default=value, help=f"default {value}")
    return parser.parse_args()


def main() -> None:
    """Run the sections, print their tables and write the figures if asked."""
    arguments = parsed()
    console = Console()
    console.print(machine())
    console.print(
        f"{arguments.devices:,} devices x {STEPS * BATCH} examples, {STEPS} steps of {BATCH}; "
        f"cohorts of {arguments.cohort}; {arguments.items:,} items; score (W'e + b).u, "
        f"W {arguments.features} x {arguments.dimension}; medians of {arguments.repeats} turns"
    )
    figures: dict[str, float] = {}
    for name in arguments.section or SECTIONS:
        figures |= SECTIONS[name](arguments, console)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
