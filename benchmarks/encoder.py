"""What an encoder bundle costs: size, agreement, speed and memory beside fp32.

    python benchmarks/encoder.py [--json FILE]

The work is the 1,682 film titles of MovieLens-100K, on one thread. The int8 bundle, the fp32
graph that it was quantised from and ONNX Runtime's own dynamic int8 of that graph take turns.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl
from onnxruntime.quantization import quantize_dynamic
from rich.console import Console
from rich.table import Table

from penchant.shared.assets import fetch
from penchant.shared.encoding import Encoder
from penchant.shared.encoding.builder import build_bundle, exported, load_embedder
from penchant.shared.encoding.bundle import MODEL_FILE, TOKENIZER_FILE
from penchant.shared.encoding.checkpoint import find_checkpoint
from penchant.shared.encoding.encoder import embed, load_session, load_tokenizer

REPEATS = 5
SINGLES = 200
BATCH = 32
MEMORY_SCRIPT = """
import sys
from pathlib import Path
from penchant.shared.encoding import Encoder
texts = Path(sys.argv[2]).read_text().splitlines()
encoder = Encoder.open(Path(sys.argv[1]))
if texts:
    encoder.encode(texts)
status = Path("/proc/self/status").read_text().split()
print(int(status[status.index("VmHWM:") + 1]) * 1024 / 1e6)
"""


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _peak_rss_mb(bundle: Path, texts: list[str], scratch: Path) -> float:
    (scratch / "texts").write_text("\n".join(texts))
    command = [sys.executable, "-c", MEMORY_SCRIPT, str(bundle), str(scratch / "texts")]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _models(scratch: Path) -> dict[str, Path]:
    """Return the bundle, timed, and the two models to compare it with."""
    fp32, dynamic = scratch / "fp32.onnx", scratch / "dynamic.onnx"
    graph = exported(load_embedder(find_checkpoint("minilm")), scratch / "traced.onnx")
    fp32.write_bytes(graph.SerializeToString())
    quantize_dynamic(fp32, dynamic)
    return {"int8": scratch / "bundle" / MODEL_FILE, "fp32": fp32, "dynamic_int8": dynamic}


def measure(scratch: Path) -> dict[str, float]:
    """Return every figure by name."""
    figures = {"build_seconds": _seconds(partial(build_bundle, "minilm", scratch / "bundle"))}
    encoder = Encoder.open(scratch / "bundle")
    figures["agreement_least_cosine"] = encoder.manifest.agreement.least_cosine
    figures["agreement_mean_cosine"] = encoder.manifest.agreement.mean_cosine
    items = pl.read_parquet(fetch("movielens-100k") / "MovieLens100k_items.parquet.brotli")
    titles = items["movie_title"].to_list()
    tokenizer = load_tokenizer(scratch / "bundle" / TOKENIZER_FILE, max_length=256)
    tokens = sorted((tokenizer.encode(title).ids for title in titles), key=len)
    batches = [tokens[start : start + BATCH] for start in range(0, len(tokens), BATCH)]
    singles = [[ids] for ids in tokens[:: len(tokens) // SINGLES][:SINGLES]]
    models = _models(scratch)
    sessions = {name: load_session(path) for name, path in models.items()}
    catalogue: dict[str, list[float]] = {name: [] for name in models}
    one: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(REPEATS):
        for name, session in sessions.items():
            catalogue[name].append(
                sum(_seconds(partial(embed, session, batch)) for batch in batches)
            )
            one[name] += [_seconds(partial(embed, session, single)) for single in singles]
    exact = np.concatenate([embed(sessions["fp32"], batch) for batch in batches])
    for name, session in sessions.items():
        batched = np.concatenate([embed(session, batch) for batch in batches])
        alone = np.concatenate([embed(session, [ids]) for ids in tokens])
        figures |= {
            f"{name}_model_mb": models[name].stat().st_size / 1e6,
            f"{name}_titles_per_second": len(tokens) / statistics.median(catalogue[name]),
            f"{name}_single_title_ms": 1e3 * statistics.median(one[name]),
            f"{name}_least_cosine_on_titles": float((batched * exact).sum(axis=1).min()),
            f"{name}_largest_change_by_batching": float(np.abs(batched - alone).max()),
        }
    figures["peak_rss_mb_opened"] = _peak_rss_mb(scratch / "bundle", [], scratch)
    figures["peak_rss_mb_titles"] = _peak_rss_mb(scratch / "bundle", titles, scratch)
    long = ["a long description of a film " * 60] * 2 * BATCH
    figures["peak_rss_mb_longest_texts"] = _peak_rss_mb(scratch / "bundle", long, scratch)
    return figures


def main() -> None:
    """Measure, print a table and write the figures if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="file for the figures, flat")
    arguments = parser.parse_args()
    fetch("minilm")
    with tempfile.TemporaryDirectory() as scratch:
        figures = measure(Path(scratch))
    versions = ", ".join(f"{name} {version(name)}" for name in ("onnxruntime", "numpy"))
    table = Table(title=f"{platform.machine()}, Python {platform.python_version()}, {versions}")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in figures.items():
        table.add_row(name, f"{value:,.3g}" if abs(value) < 0.1 else f"{value:,.4f}")
    Console().print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
