"""Tests of checkpoints."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load, save

from penchant.server.checkpoints import RoundState, load_checkpoint, save_checkpoint
from penchant.server.optimiser import Moments
from penchant.shared.errors import DataError

MODEL_ID = "0123456789abcdef"


def state_of(round_number: int) -> RoundState:
    """A state whose numbers depend on the round."""
    vector, first, second = np.random.default_rng(round_number).normal(size=(3, 20))
    moments = Moments(first.astype(np.float32), second.astype(np.float32))
    return RoundState(round_number, vector.astype(np.float32), moments)


def same(left: RoundState, right: RoundState) -> bool:
    """Whether two states are the same, bit for bit."""
    return left.round_number == right.round_number and all(
        one.tobytes() == other.tobytes()
        for one, other in [
            (left.vector, right.vector),
            (left.moments.first, right.moments.first),
            (left.moments.second, right.moments.second),
        ]
    )


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A checkpoint of round 7."""
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, state_of(7), model_id=MODEL_ID)
    return path


def test_round_trip(saved: Path) -> None:
    """What is loaded is what was saved, bit for bit, and may be changed."""
    loaded = load_checkpoint(saved, model_id=MODEL_ID)
    assert same(loaded, state_of(7))
    loaded.vector[0] = 0.0


def test_initial_state_has_no_past() -> None:
    """Before the first round the moments are zero and no round is finished."""
    state = RoundState.initial(np.ones(4, dtype=np.float32))
    assert state.round_number == 0
    assert not state.moments.first.any()
    assert not state.moments.second.any()
    assert state.moments.first.shape == state.moments.second.shape == (4,)


def test_another_ranker_s_checkpoint_is_refused(saved: Path) -> None:
    """The error names both rankers and what to do."""
    with pytest.raises(DataError, match=f"{MODEL_ID}; this run trains fedcba9876543210; resume"):
        load_checkpoint(saved, model_id="fedcba9876543210")


def test_every_truncated_checkpoint_is_refused(saved: Path) -> None:
    """A file cut anywhere is an error that names it, never an older or a half state."""
    content = saved.read_bytes()
    for length in [*range(0, 30), *range(30, len(content), 11), len(content) - 1]:
        saved.write_bytes(content[:length])
        with pytest.raises(DataError, match=str(saved)):
            load_checkpoint(saved, model_id=MODEL_ID)


@pytest.mark.parametrize("what", ["missing", "folder"])
def test_what_is_not_a_file_is_refused(tmp_path: Path, what: str) -> None:
    """A path without a file is an error that names it."""
    path = tmp_path / what
    if what == "folder":
        path.mkdir()
    with pytest.raises(DataError, match=what):
        load_checkpoint(path, model_id=MODEL_ID)


Tensors = dict[str, NDArray[np.float32]]


def without_a_moment(tensors: Tensors, metadata: dict[str, str]) -> None:  # noqa: ARG001
    """An array is missing."""
    del tensors["second_moment"]


def with_a_short_moment(tensors: Tensors, metadata: dict[str, str]) -> None:  # noqa: ARG001
    """The moments are not those of the vector."""
    tensors["first_moment"] = tensors["first_moment"][:-1]


def not_finite(tensors: Tensors, metadata: dict[str, str]) -> None:  # noqa: ARG001
    """A number is not one."""
    tensors["vector"][3] = np.nan


def of_another_precision(tensors: Tensors, metadata: dict[str, str]) -> None:  # noqa: ARG001
    """Doubles instead of floats."""
    tensors["vector"] = tensors["vector"].astype(np.float64)


def of_another_format(tensors: Tensors, metadata: dict[str, str]) -> None:  # noqa: ARG001
    """A later version wrote it."""
    metadata["format"] = "penchant checkpoint 2"


def without_a_round(tensors: Tensors, metadata: dict[str, str]) -> None:  # noqa: ARG001
    """The round is missing."""
    del metadata["round"]


def with_a_round_that_is_no_number(tensors: Tensors, metadata: dict[str, str]) -> None:  # noqa: ARG001
    """The round is not a number."""
    metadata["round"] = "seven"


def without_an_owner(tensors: Tensors, metadata: dict[str, str]) -> None:  # noqa: ARG001
    """The ranker is not named."""
    del metadata["model_id"]


def without_metadata(tensors: Tensors, metadata: dict[str, str]) -> None:  # noqa: ARG001
    """There are arrays and nothing else, as in a ranker of another program."""
    metadata.clear()


@pytest.mark.parametrize(
    "spoil",
    [
        without_a_moment,
        with_a_short_moment,
        not_finite,
        of_another_precision,
        of_another_format,
        without_a_round,
        with_a_round_that_is_no_number,
        without_an_owner,
        without_metadata,
    ],
)
def test_files_that_are_not_whole_checkpoints_are_refused(
    saved: Path, spoil: Callable[[Tensors, dict[str, str]], None]
) -> None:
    """Each is one clear error that names the file."""
    content = saved.read_bytes()
    metadata = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    tensors = load(content)
    spoil(tensors, metadata)
    saved.write_bytes(save(tensors, metadata=metadata))
    with pytest.raises(DataError, match=f"{saved} is not a checkpoint"):
        load_checkpoint(saved, model_id=MODEL_ID)


def test_a_save_that_fails_leaves_the_previous_one(saved: Path) -> None:
    """Where the disk will not take the new checkpoint, the old one is still whole."""
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(OSError, match="large"):
            save_checkpoint(saved, state_of(8), model_id=MODEL_ID)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert same(load_checkpoint(saved, model_id=MODEL_ID), state_of(7))
    assert list(saved.parent.iterdir()) == [saved]
