"""What a device costs: observing, recommending, importing, starting, and memory.

    python benchmarks/device.py [--json FILE] [--section NAME] [--items N,N]

Everything runs on one core, with one thread. The device is as shipped: an encrypted store that
outlives the death of the process, quality rules, interest state; the encoder is the MiniLM bundle.
Catalogues are of random int8 embeddings of 384 numbers in 200 clusters, mapped from disk, with an
untrained ranker of 32 dimensions; events are five minutes apart.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
os.environ |= THREADS  # before NumPy reads them

import numpy as np  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from penchant.client import Catalogue, Device, Encoder, Event, Scorer  # noqa: E402
from penchant.client.storage import KeyFile  # noqa: E402
from penchant.shared.encoding.builder import ensure_bundle  # noqa: E402

Figures = dict[str, float]
DIMENSION = 384
CLUSTERS = 200
GAP = 300
IMPORTED = 100_000
BLOCK = 4096
STARTS = 15
WARM = 3
TEXT = (
    "the quiet river of northern winter morning letters from a distant harbour city between two "
    "wars and some forgotten songs about light machines gardens mountains oceans summer stories"
)
WORDS = TEXT.split()


def measured(name: str, work: Callable[[int], object], repeats: int) -> Figures:
    """Return wall time (median, 95th percentile) and CPU time (median) of a call, ms.

    A few calls come before. On a machine that does other work the CPU time is the steadier one.
    """
    wall, cpu = [], []
    for turn in range(repeats + WARM):
        start, start_cpu = time.perf_counter(), time.process_time()
        work(turn)
        cpu.append(1e3 * (time.process_time() - start_cpu))
        wall.append(1e3 * (time.perf_counter() - start))
    return {
        f"{name}_p50_ms": statistics.median(wall[WARM:]),
        f"{name}_p95_ms": float(np.percentile(wall[WARM:], 95)),
        f"{name}_cpu_p50_ms": statistics.median(cpu[WARM:]),
    }


def write_catalogue(folder: Path, items: int) -> None:
    """Write a catalogue of ``items`` clustered random embeddings and short titles."""
    rng = np.random.default_rng(items)
    centres = rng.standard_normal((CLUSTERS, DIMENSION), dtype=np.float32)
    embeddings = np.lib.format.open_memmap(
        folder.with_suffix(".npy"), "w+", np.float32, (items, DIMENSION)
    )
    for start in range(0, items, BLOCK):
        rows = min(BLOCK, items - start)
        block = centres[rng.integers(CLUSTERS, size=rows)]
        block = block + rng.standard_normal((rows, DIMENSION), dtype=np.float32)
        embeddings[start : start + rows] = block / np.linalg.norm(block, axis=1, keepdims=True)
    names = (f"item-{row}" for row in range(items))
    texts = (f"{WORDS[row % 28]} {WORDS[row // 28 % 28]} {row}" for row in range(items))
    Catalogue.write(folder, names, texts=texts, embeddings=embeddings)
    folder.with_suffix(".npy").unlink()


@contextmanager
def opened(
    scratch: Path, items: int, *, encoder: Encoder | None = None, new: int = 0
) -> Iterator[Device]:
    """Give a new device over a catalogue of ``items``, which is made if it is not there.

    The last ``new`` of them, if any, are new to its ranker, which is then a trained one's.
    """
    folder = scratch / f"catalogue-{items}"
    if not folder.exists():
        write_catalogue(folder, items)
    scorer = Scorer.untrained(Catalogue.open(folder))
    if new:
        rounds = np.repeat(np.array([1, 0], dtype=np.int32), [items - new, new])
        scorer = Scorer.bind(replace(scorer.ranker, item_rounds=rounds), scorer.catalogue)
    with tempfile.TemporaryDirectory(dir=scratch) as home:
        keys = KeyFile(Path(home) / "key")
        with Device.open(Path(home) / "device", scorer, keys=keys, encoder=encoder) as device:
            yield device


def observing(scratch: Path, arguments: argparse.Namespace) -> Figures:
    """Time observing one event: a title to embed, and a known item."""
    encoder = Encoder.open(ensure_bundle("minilm"))
    rng = np.random.default_rng(1)
    titles = [" ".join(rng.choice(WORDS, size=10)) for _ in range(arguments.repeats + WARM)]
    start = 1_700_000_000
    with opened(scratch, arguments.items[0], encoder=encoder) as device:

        def title(turn: int) -> None:
            device.observe(Event(kind="search", text=titles[turn], time=start + GAP * turn))

        def item(turn: int) -> None:
            when = start + GAP * (arguments.repeats + WARM + turn)
            device.observe(Event(kind="view", item=f"item-{turn * 17}", time=when))

        return {
            **measured("observe_text", title, arguments.repeats),
            **measured("observe_item", item, arguments.repeats),
            **measured(
                "embed_title", lambda turn: encoder.encode([titles[turn]]), arguments.repeats
            ),
        }


def recommending(scratch: Path, arguments: argparse.Namespace) -> Figures:
    """Time recommending 10 items, plainly and diversely, and the first time after opening."""
    figures: Figures = {}
    for items in arguments.items:
        with opened(scratch, items) as device:
            start = 1_700_000_000
            device.observe(
                *(
                    Event(kind="view", item=f"item-{row * 7}", time=start + GAP * row)
                    for row in range(100)
                )
            )
            began = time.perf_counter()
            device.recommend(k=10)
            figures[f"first_recommend_{items}_ms"] = 1e3 * (time.perf_counter() - began)
            for name, diversity in (("recommend", 0.0), ("recommend_diverse", 0.5)):
                ask = partial(_recommend, device, diversity)
                figures |= measured(f"{name}_{items}", ask, arguments.repeats)
    return figures


def renewing(scratch: Path, arguments: argparse.Namespace) -> Figures:
    """Time the first and later recommendations where a tenth of the items are new, and predicting.

    The ranker has 384 features, the most there can be: of 32, as a compact one has, it costs less.
    """
    encoder = Encoder.open(ensure_bundle("minilm"))
    figures: Figures = {}
    for items in arguments.items:
        with opened(scratch, items, encoder=encoder, new=items // 10) as device:
            device.observe(*(Event(kind="view", item=f"item-{row * 7}") for row in range(100)))
            for name, work in (
                ("recommend", partial(device.recommend, k=10)),
                ("predict", partial(device.predict, "the quiet river of northern winter")),
            ):
                began = time.perf_counter()
                work()
                figures[f"new_items_first_{name}_{items}_ms"] = 1e3 * (time.perf_counter() - began)
                figures |= measured(
                    f"new_items_{name}_{items}", partial(_ask, work), arguments.repeats
                )
    return figures


def _ask(work: Callable[[], object], turn: int) -> None:  # noqa: ARG001
    work()


def _recommend(device: Device, diversity: float, turn: int) -> None:  # noqa: ARG001
    device.recommend(k=10, diversity=diversity)


def importing(scratch: Path, arguments: argparse.Namespace) -> Figures:
    """Count the events a second of a log on catalogue items, from plain values to the store."""
    rng = np.random.default_rng(2)
    rows = rng.integers(arguments.items[0], size=IMPORTED).tolist()
    start = 1_600_000_000
    rates, cpu_rates = [], []
    for _ in range(3):
        with opened(scratch, arguments.items[0]) as device:
            began, began_cpu = time.perf_counter(), time.process_time()
            for first in range(0, IMPORTED, BLOCK):
                device.observe(
                    *(
                        Event(kind="view", item=f"item-{row}", time=start + GAP * (first + place))
                        for place, row in enumerate(rows[first : first + BLOCK])
                    )
                )
            rates.append(IMPORTED / (time.perf_counter() - began))
            cpu_rates.append(IMPORTED / (time.process_time() - began_cpu))
            if device.event_count() != IMPORTED:
                raise RuntimeError(f"{device.event_count()} events were kept, not {IMPORTED}")
    return {
        "imported_events_per_second": statistics.median(rates),
        "imported_events_per_cpu_second": statistics.median(cpu_rates),
    }


START = {"bare": "pass", "client": "import penchant.client", "numpy": "import numpy"}


def starting(scratch: Path, arguments: argparse.Namespace) -> Figures:  # noqa: ARG001
    """Time importing the SDK, beside a bare interpreter and NumPy; modules are compiled before."""
    cache = {"PYTHONPYCACHEPREFIX": str(scratch / "compiled"), "PYTHONDONTWRITEBYTECODE": ""}
    wall: dict[str, list[float]] = {name: [] for name in START}
    cpu: dict[str, list[float]] = {name: [] for name in START}
    for turn in range(STARTS + 1):
        for name, code in START.items():
            began, began_cpu = time.perf_counter(), _children_seconds()
            subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | cache)
            if turn:
                wall[name].append(1e3 * (time.perf_counter() - began))
                cpu[name].append(1e3 * (_children_seconds() - began_cpu))
    bare, bare_cpu = statistics.median(wall["bare"]), statistics.median(cpu["bare"])
    return {
        "import_client_ms": statistics.median(wall["client"]) - bare,
        "import_client_cpu_ms": statistics.median(cpu["client"]) - bare_cpu,
        "import_numpy_ms": statistics.median(wall["numpy"]) - bare,
        "import_numpy_cpu_ms": statistics.median(cpu["numpy"]) - bare_cpu,
        "bare_interpreter_ms": bare,
    }


def _children_seconds() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


MEMORY = """
import sys
from pathlib import Path
from penchant.client import Catalogue, Device, Encoder, Event, Scorer
from penchant.client.storage import KeyFile
folder, home, bundle = map(Path, sys.argv[1:4])
encoder = Encoder.open(bundle) if sys.argv[4] == "encoder" else None
scorer = Scorer.untrained(Catalogue.open(folder))
with Device.open(home / "device", scorer, keys=KeyFile(home / "key"), encoder=encoder) as device:
    device.observe(*(Event(kind="view", item=f"item-{row}", time=300 * row) for row in range(50)))
    if encoder is not None:
        device.observe(Event(kind="search", text="the quiet river", time=300 * 51))
    device.recommend(k=10, diversity=0.5)
    for line in open("/proc/self/status"), open("/proc/self/smaps_rollup"):
        for field in line:
            if field.startswith(("VmRSS", "VmHWM", "RssFile", "RssAnon", "Pss:")):
                print(*field.split()[:2])
"""


def remembering(scratch: Path, arguments: argparse.Namespace) -> Figures:
    """Measure a ranking device's memory in a process of its own, without and with the encoder."""
    figures: Figures = {}
    bundle = ensure_bundle("minilm")
    for items in arguments.items:
        folder = scratch / f"catalogue-{items}"
        if not folder.exists():
            write_catalogue(folder, items)
        for name in ("plain", "encoder"):
            with tempfile.TemporaryDirectory(dir=scratch) as home:
                command = [sys.executable, "-c", MEMORY, str(folder), home, str(bundle), name]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
            for line in done.stdout.splitlines():
                field, kilobytes = line.split()
                figures[f"memory_{items}_{name}_{field.rstrip(':')}_mb"] = int(kilobytes) / 1e3
    return figures


SECTIONS = {
    "observing": observing,
    "recommending": recommending,
    "renewing": renewing,
    "importing": importing,
    "starting": starting,
    "remembering": remembering,
}


def main() -> None:
    """Run the sections, print a table and write the figures if asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, help="file for the figures, flat")
    parser.add_argument("--section", choices=SECTIONS, action="append", help="only this; repeat")
    parser.add_argument("--repeats", type=int, default=200, help="calls of each; default 200")
    parser.add_argument(
        "--items",
        type=lambda text: [int(float(number)) for number in text.split(",")],
        default=[100_000, 1_000_000],
        help="catalogue sizes; default 1e5,1e6",
    )
    parser.add_argument("--core", type=int, default=0, help="the core to run on; default 0")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {arguments.core})
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name in arguments.section or SECTIONS:
            figures |= SECTIONS[name](Path(scratch), arguments)
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "onnxruntime"))
    table = Table(
        title=f"one core of {platform.machine()}, Python {platform.python_version()}, {versions}"
    )
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in figures.items():
        table.add_row(name, f"{value:,.3f}" if value < 100 else f"{value:,.0f}")
    Console().print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
