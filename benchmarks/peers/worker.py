"""What every contestant shares: reading the work, answering requests for turns, saving outcomes.

A contestant is a process of its own: ``python with_X.py WORK.npz OUTCOME.npz FORM``. For each line
of JSON on its standard input, ``{"rounds": R, "noise": sigma, "seconds": s, "save": bool}``, it
trains R rounds from the start, again and again for s seconds, saves the last outcome if asked, and
prints a line with the seconds that the R rounds took on average and its peak memory. Before all
that it prints the versions of what it runs on. Only numpy is imported, so that this works in any
environment.
"""

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Work:
    """Devices to train.

    Attributes:
        features: float32 (J, k), shared.
        rows: int64 (n, S, m), each device's items, batch by batch.
        labels: float32 (n, S, m), 0 or 1.
        weights: float32 (k, d), shared, at the start.
        bias: float32 (d,), shared, at the start.
        vectors: float32 (n, d), private, at the start.
        cohort: devices in a round; round r trains the r-th cohort of them.
        rate: learning rate.
        clip: L2 norm, of a device's update or of an example's gradient.
    """

    features: np.ndarray
    rows: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    bias: np.ndarray
    vectors: np.ndarray
    cohort: int
    rate: float
    clip: float

    @classmethod
    def read(cls, path: str) -> "Work":
        """Read what ``save`` wrote."""
        with np.load(path) as arrays:
            found = {name: arrays[name] for name in arrays.files}
        return cls(**{name: a if a.ndim else a.item() for name, a in found.items()})

    def save(self, path: Path) -> None:
        """Write the work for contestants to read."""
        np.savez(path, **vars(self))

    def cohorts(self, rounds: int) -> Iterator[slice]:
        """Return each round's devices."""
        return (slice(r * self.cohort, (r + 1) * self.cohort) for r in range(rounds))


# From rounds and noise multiplier to weights, bias and private vectors of the devices trained.
Run = Callable[[int, float], tuple[np.ndarray, np.ndarray, np.ndarray]]


def peak_rss_mb() -> float:
    """Return the most memory that this process has held, in MB."""
    if STATUS.exists():  # unlike getrusage, not inherited from the process that started this one
        fields = STATUS.read_text().split()
        return int(fields[fields.index("VmHWM:") + 1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def serve(forms: Mapping[str, Callable[[Work], Run]], *, libraries: list[str]) -> None:
    """Answer requests on standard input until it ends."""
    work_path, outcome_path, form = sys.argv[1:4]
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever a library prints is no answer
    run = forms[form](Work.read(work_path))
    print(json.dumps({name: version(name) for name in libraries}), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        turns, start = 0, time.perf_counter()
        while turns == 0 or time.perf_counter() - start < request["seconds"]:
            weights, bias, vectors = run(request["rounds"], request["noise"])
            turns += 1
        answer = {"seconds": (time.perf_counter() - start) / turns, "rss_mb": peak_rss_mb()}
        if request["save"]:
            np.savez(outcome_path, weights=weights, bias=bias, vectors=vectors)
        print(json.dumps(answer), file=answers, flush=True)
