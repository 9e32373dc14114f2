"""Fuzz everything that takes input from outside: ``python -m tests.fuzz.campaign --inputs 100000``.

The first input that does what was not meant is shrunk and shown. Run from the repository's folder.
"""

import argparse
import logging
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.fuzz.decoders import decoder_targets
from tests.fuzz.devices import device_targets
from tests.fuzz.errands import given_task
from tests.fuzz.rounds import round_target
from tests.fuzz.routes import route_targets
from tests.fuzz.server import FuzzedServer, fuzzed_server
from tests.fuzz.target import Target, bounded_memory, fuzz
from tests.fuzz.visits import VISITS, unreached, visit_target
from tests.fuzz.wire import Parser, listening

__all__ = ["all_targets", "main", "run"]

PARSERS: list[Parser] = ["h11", "httptools"]
EXTRA_MEMORY = 1 << 30


@contextmanager
def all_targets(folder: Path) -> Iterator[tuple[list[Target], FuzzedServer]]:
    """Give everything that is fuzzed, and the server whose routes are.

    Args:
        folder: an empty one to work in.
    """
    with ExitStack() as stack:
        server = stack.enter_context(fuzzed_server(folder / "server"))
        wires = [stack.enter_context(listening(server, parser)) for parser in PARSERS]
        task = given_task(server)
        targets = [
            *decoder_targets(folder / "decoders"),
            *route_targets(server, task),
            visit_target(server, task),
            round_target(server),
            *device_targets(folder / "joined", server, task),
            *wires,
        ]
        yield targets, server


def run(
    targets: list[Target], server: FuzzedServer, *, inputs: int, seed: int, tell: bool = False
) -> int:
    """Feed so many inputs to all targets together, by their weights; return how many it was.

    Each visit of a device must have been given every status, by ``server``.
    """
    total = sum(target.weight for target in targets)
    fed = visits = 0
    with bounded_memory(EXTRA_MEMORY):
        for target in targets:
            begun = time.perf_counter()
            share = max(1, round(inputs * target.weight / total))
            count = fuzz(target, inputs=share, seed=seed)
            fed += count
            visits += count * (target.name == VISITS)
            if tell:
                took = time.perf_counter() - begun
                print(f"{target.name:30} {count:8,} inputs  {took:6.1f} s", flush=True)  # noqa: T201
    lacking = unreached(server.statuses, visits=visits)
    assert not lacking, f"in {visits} visits some statuses were answered less often: {lacking}"
    return fed


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="targets whose name has this in it")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as place, all_targets(Path(place)) as (targets, server):
        chosen = [target for target in targets if asked.only in target.name]
        fed = run(chosen, server, inputs=asked.inputs, seed=asked.seed, tell=True)
        statuses = ", ".join(f"{one}: {n:,}" for one, n in sorted(server.statuses.items()))
        print(f"statuses answered: {statuses}")  # noqa: T201
    print(f"{fed:,} inputs, nothing that was not meant")  # noqa: T201


if __name__ == "__main__":
    main()
