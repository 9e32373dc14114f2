"""Work that is killed with ``kill -9`` at random moments, again and again.

One process imports the work once and forks for each run, so that hundreds of runs take seconds.
The work says what it has done as it does it, and the test looks at what is left after each death.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[3]

Say = Callable[[str], None]
Work = Callable[[Path, Say], None]


def killed_runs(
    work: Work, folder: Path, *, runs: int, longest: float, seed: int, words: int = 0
) -> Iterator[list[str]]:
    """Run ``work(folder, say)`` again and again, kill it, and yield what each run has said.

    Args:
        work: a module's function that goes on for ever, and says each thing once it is done.
        folder: what it works on; not touched by it between a run's end and the next run's start.
        runs: how many times it is killed.
        longest: seconds until it is killed, at most; a time is drawn uniformly for each run.
        seed: of the times.
        words: let it say some things first, a number drawn uniformly from 0 to this one, so that
            a busy machine does no less work.
    """
    command = [sys.executable, __file__, work.__module__, work.__qualname__, str(folder)]
    rng = random.Random(seed)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        for _ in range(runs):
            print(rng.uniform(0, longest), rng.randint(0, words), file=parent.stdin, flush=True)
            said = []
            while (line := parent.stdout.readline().rstrip("\n")) != "killed":
                assert line, "the work ended by itself; its error is on stderr"
                said.append(line)
            yield said
        parent.stdin.close()


def _serve(work: Work, folder: Path) -> None:
    for line in sys.stdin:
        said, say = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(said)
            try:
                work(folder, partial(_say, say))
            finally:
                os._exit(1)
        os.close(say)
        delay, words = line.split()
        with os.fdopen(said) as heard:
            first = [heard.readline() for _ in range(int(words))]
            time.sleep(float(delay))
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            sys.stdout.write("".join(first) + heard.read())
        if os.WIFSIGNALED(status):
            print("killed", flush=True)  # noqa: T201
        else:
            sys.exit("the work ended before it was killed")


def _say(pipe: int, word: str) -> None:
    os.write(pipe, f"{word}\n".encode())


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    _serve(getattr(import_module(sys.argv[1]), sys.argv[2]), Path(sys.argv[3]))
