"""Whatever comes from outside, the answer is one that was meant: a small share of ``make fuzz``."""

import time
from collections.abc import Iterator

import pytest
from tests.fuzz import target
from tests.fuzz.campaign import all_targets, run
from tests.fuzz.server import FuzzedServer
from tests.fuzz.target import Target
from tests.fuzz.visits import unreached

from penchant.shared.errors import CodecError

INPUTS = 3000
DOZENS = 36


@pytest.fixture(scope="module")
def fuzzed(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[list[Target], FuzzedServer]]:
    """Everything that is fuzzed, and the server that answers."""
    with all_targets(tmp_path_factory.mktemp("fuzz")) as found:
        yield found


def test_nothing_that_comes_from_outside_does_what_was_not_meant(
    fuzzed: tuple[list[Target], FuzzedServer],
) -> None:
    """3,000 inputs: no error but ours, no answer of 500 or above, no hang, no gigabyte."""
    targets, server = fuzzed
    assert run(targets, server, inputs=INPUTS, seed=0) >= 0.95 * INPUTS
    # They got past the gate, and everything that can be answered was: no chance is in this, since
    # each visit is answered in all these ways, whatever else Hypothesis draws.
    assert not unreached(server.statuses, visits=DOZENS)


def test_the_fuzzer_sees_what_was_not_meant(
    fuzzed: tuple[list[Target], FuzzedServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of another kind, a hang or too much memory would be found."""

    def crash(data: bytes) -> None:
        if b"\xff" in data:
            raise CodecError(str(data.decode()))

    def spend(gigabytes: int) -> None:
        bytes(gigabytes << 30)

    targets, server = fuzzed
    (codec,) = [found for found in targets if found.name == "codec: tasks"]
    bad = Target("bad", codec.inputs, lambda pair: crash(pair[0]))
    with pytest.raises(UnicodeDecodeError):
        run([bad], server, inputs=INPUTS, seed=0)
    greedy = Target("greedy", codec.inputs, lambda pair: spend(len(pair[0])))
    with pytest.raises(MemoryError):
        run([greedy], server, inputs=1, seed=0)
    monkeypatch.setattr(target, "LONGEST", 1)
    slow = Target("slow", codec.inputs, lambda _pair: time.sleep(60))
    with pytest.raises(target.Hang):
        run([slow], server, inputs=1, seed=0)
