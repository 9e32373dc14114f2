"""Tests of the codec: what it carries, and that it takes nothing else."""

import hashlib
import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from penchant.shared.codec import decode_result, decode_task, encode_result, encode_task
from penchant.shared.contract import (
    CONTRACT_VERSION,
    MEASURE_SIZE,
    PLAIN_VERSION,
    EventPrivacy,
    LearningRates,
    LocalTraining,
    TrainingResult,
    TrainingTask,
)
from penchant.shared.errors import CodecError
from penchant.shared.purposes import TRAIN_RANKER

PREFIX = struct.Struct("<4sHI")
MODEL_ID = "0123456789abcdef"
SIZE = 3

positive = st.floats(1e-6, 1e6)
rates = st.builds(
    LearningRates,
    **{name: st.floats(0, 1e3) for name in LearningRates.model_fields},
)
trainings = st.builds(
    LocalTraining,
    steps=st.integers(1, 10_000),
    examples=st.integers(1, 2**40),
    negatives=st.integers(1, 2**40),
    rates=rates,
    clipping_norm=st.none() | positive,
    event_privacy=st.none()
    | st.builds(
        EventPrivacy,
        sampling_probability=st.floats(1e-6, 1),
        expected_batch_size=positive,
        clipping_norm=positive,
        noise_multiplier=positive,
    ),
)
vectors = arrays(
    np.float32,
    st.integers(0, 30),
    elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
)
unit = st.floats(0, 1, width=32)
model_ids = st.text("0123456789abcdef", min_size=16, max_size=16)
round_numbers = st.integers(1, 2**31)

TRAINING = LocalTraining(
    steps=3,
    examples=8,
    negatives=5,
    rates=LearningRates(
        private_vector=0.1,
        item_projection=0.2,
        context_projection=0.3,
        attention=0.4,
        popularity=0.5,
        item_residual=0.6,
    ),
)
VECTOR = np.array([1.5, -0.0, 3e38], dtype=np.float32)
TASK = encode_task(TrainingTask(MODEL_ID, 7, TRAINING, VECTOR))
RESULT = encode_result(TrainingResult(MODEL_ID, 7, VECTOR))
# Of these very messages, as penchant made them when its contract was of version 2.
TASK_BEFORE_MEASURES = "57e52e1f3984b4e4d906ea61d8df21df1e98feb00ddf0358acc550fcac424c37"
RESULT_BEFORE_MEASURES = "3826ba465028b6db8b3c8e4696f70d80061b649d843249859791515613d07679"
RESULT_HEADER = {"model_id": MODEL_ID, "round_number": 7, "kind": "training result"}

MEASURE = np.array([0.25, 0.125, 0.5], dtype=np.float32)
ASKING = encode_task(TrainingTask(MODEL_ID, 7, TRAINING, VECTOR, measure_noise_multiplier=8.0))
MEASURED = encode_result(TrainingResult(MODEL_ID, 7, VECTOR, MEASURE))

Decode = Callable[..., object]
both = pytest.mark.parametrize(
    ("message", "decode"), [(TASK, decode_task), (RESULT, decode_result)], ids=["task", "result"]
)
every = pytest.mark.parametrize(
    ("message", "decode"),
    [
        (TASK, decode_task),
        (RESULT, decode_result),
        (ASKING, decode_task),
        (MEASURED, decode_result),
    ],
    ids=["task", "result", "asking task", "measured result"],
)


def message_of(
    header: object, vector: NDArray[np.float32] = VECTOR, *, version: int = PLAIN_VERSION
) -> bytes:
    """A message with any header, well-formed otherwise."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return PREFIX.pack(b"PNCH", version, len(text)) + text + vector.tobytes()


@given(model_ids, round_numbers, trainings, vectors, st.just(0.0) | positive)
def test_task_round_trip(
    model_id: str,
    round_number: int,
    training: LocalTraining,
    vector: NDArray[np.float32],
    noise_multiplier: float,
) -> None:
    """A task arrives as it was sent, bit for bit."""
    sent = TrainingTask(model_id, round_number, training, vector, noise_multiplier=noise_multiplier)
    found = decode_task(encode_task(sent), size=len(vector))
    assert (found.model_id, found.round_number) == (model_id, round_number)
    assert found.training == training
    assert (found.noise_multiplier, found.purpose) == (noise_multiplier, TRAIN_RANKER)
    assert found.vector.dtype == np.float32
    assert found.vector.tobytes() == vector.tobytes()


@given(model_ids, round_numbers, vectors)
def test_result_round_trip(model_id: str, round_number: int, update: NDArray[np.float32]) -> None:
    """A result arrives as it was sent, bit for bit."""
    sent = TrainingResult(model_id, round_number, update)
    found = decode_result(encode_result(sent), size=len(update))
    assert (found.model_id, found.round_number) == (model_id, round_number)
    assert found.update.tobytes() == update.tobytes()


@given(trainings, st.just(0.0) | positive, vectors, arrays(np.float32, MEASURE_SIZE, elements=unit))
def test_what_is_measured_comes_through(
    training: LocalTraining, noise: float, vector: NDArray[np.float32], measure: NDArray[np.float32]
) -> None:
    """A task that asks for a measure, and a result with one, arrive bit for bit."""
    task = TrainingTask(MODEL_ID, 1, training, vector, measure_noise_multiplier=noise)
    assert decode_task(encode_task(task), size=len(vector)).measure_noise_multiplier == noise
    result = TrainingResult(MODEL_ID, 1, vector, measure)
    found = decode_result(encode_result(result), size=len(vector))
    assert found.update.tobytes() == vector.tobytes()
    assert found.measure is not None
    assert found.measure.tobytes() == measure.tobytes()


def test_a_message_is_of_the_lowest_version_that_can_say_it() -> None:
    """Without a measure messages are what they were before there was one, to the byte."""
    versions = [PREFIX.unpack_from(message)[1] for message in (TASK, RESULT, ASKING, MEASURED)]
    assert versions == [2, 2, 3, 3]
    assert hashlib.sha256(TASK).hexdigest() == TASK_BEFORE_MEASURES
    assert hashlib.sha256(RESULT).hexdigest() == RESULT_BEFORE_MEASURES
    assert decode_task(TASK, size=SIZE).measure_noise_multiplier is None
    assert decode_result(RESULT, size=SIZE).measure is None


def test_a_version_says_what_it_must_and_no_more() -> None:
    """A plain task that asks, an asking one that says no noise, and lengths between are refused."""
    header = json.loads(ASKING[PREFIX.size : -VECTOR.nbytes])
    assert decode_task(message_of(header, version=3), size=SIZE).measure_noise_multiplier == 8.0
    with pytest.raises(CodecError, match="header is not valid"):
        decode_task(message_of(header), size=SIZE)
    for bad in (None, -1.0, "8", 1e999):
        with pytest.raises(CodecError, match="header is not valid"):
            decode_task(
                message_of(header | {"measure_noise_multiplier": bad}, version=3), size=SIZE
            )
    long = np.concatenate([VECTOR, MEASURE])
    for version, numbers in ((2, long), (3, VECTOR), (3, long[:-1])):
        with pytest.raises(CodecError, match="are needed for"):
            decode_result(message_of(RESULT_HEADER, numbers, version=version), size=SIZE)
    for broken in (MEASURE[:2], np.full(3, np.nan, dtype=np.float32)):
        with pytest.raises(CodecError, match=r"the measure has shape|not finite"):
            encode_result(TrainingResult(MODEL_ID, 7, VECTOR, broken))


def test_numbers_in_any_memory_layout_are_sent_in_order() -> None:
    """A strided view is sent as the numbers it shows."""
    strided = np.arange(6, dtype=np.float32)[::2]
    found = decode_result(encode_result(TrainingResult(MODEL_ID, 1, strided)), size=3)
    assert found.update.tolist() == [0, 2, 4]


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_neither_sent_nor_taken(number: float) -> None:
    """One broken number and the message is refused at both ends; the error counts them."""
    broken = VECTOR.copy()
    broken[1] = number
    with pytest.raises(CodecError, match="1 of 3 numbers are not finite"):
        encode_result(TrainingResult(MODEL_ID, 1, broken))
    with pytest.raises(CodecError, match="1 of 3 numbers are not finite"):
        encode_task(TrainingTask(MODEL_ID, 1, TRAINING, broken))
    with pytest.raises(CodecError, match="1 of 3 numbers are not finite"):
        decode_result(message_of(RESULT_HEADER, broken), size=SIZE)


def test_doubles_beyond_float32_are_not_sent() -> None:
    """A number that float32 cannot hold is refused, not sent as infinity."""
    wide: Any = np.array([1.0, 1e39])
    with np.errstate(over="ignore"), pytest.raises(CodecError, match="not finite"):
        encode_result(TrainingResult(MODEL_ID, 1, wide))


@every
def test_every_cut_and_every_extension_is_refused(message: bytes, decode: Decode) -> None:
    """A message is exactly as long as it says."""
    for length in range(len(message)):
        with pytest.raises(CodecError):
            decode(message[:length], size=SIZE)
    for extra in (b"\0", b"\0" * 4, message):
        with pytest.raises(CodecError, match="bytes"):
            decode(message + extra, size=SIZE)


@both
@pytest.mark.parametrize("size", [0, SIZE - 1, SIZE + 1, 10**9])
def test_other_sizes_are_refused(message: bytes, decode: Decode, size: int) -> None:
    """A vector for another ranker is refused; the error gives both lengths."""
    with pytest.raises(CodecError, match=rf"{len(message)} bytes; \d+ are needed for {size}"):
        decode(message, size=size)


@every
def test_other_magic_and_versions_are_refused(message: bytes, decode: Decode) -> None:
    """The error names what came and what was expected."""
    with pytest.raises(CodecError, match=r"PNCX.*PNCH"):
        decode(b"PNCX" + message[4:], size=SIZE)
    newer = message[:4] + struct.pack("<H", CONTRACT_VERSION + 1) + message[6:]
    with pytest.raises(CodecError, match=f"version {CONTRACT_VERSION + 1}; .*update"):
        decode(newer, size=SIZE)


@every
def test_giant_headers_are_refused_before_they_are_read(message: bytes, decode: Decode) -> None:
    """A length field alone makes nothing be allocated or parsed."""
    giant = message[:6] + struct.pack("<I", 2**32 - 1) + message[10:]
    with pytest.raises(CodecError, match="4294967295 bytes; at most 65536"):
        decode(giant, size=SIZE)


def test_a_message_is_only_taken_for_what_it_is() -> None:
    """A result is no task and a task is no result, even where the fields would do."""
    with pytest.raises(CodecError, match="training task"):
        decode_task(RESULT, size=SIZE)
    with pytest.raises(CodecError, match="training result"):
        decode_result(TASK, size=SIZE)


@pytest.mark.parametrize(
    "header",
    [
        {},
        [],
        None,
        "text",
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 60_000,
        RESULT_HEADER | {"loss": 0.3},
        RESULT_HEADER | {"examples": 12},
        RESULT_HEADER | {"model_id": "0123456789abcde"},
        RESULT_HEADER | {"model_id": MODEL_ID + "\n"},
        RESULT_HEADER | {"model_id": MODEL_ID.upper()},
        RESULT_HEADER | {"model_id": 7},
        RESULT_HEADER | {"round_number": 0},
        RESULT_HEADER | {"round_number": 2**31 + 1},
        RESULT_HEADER | {"round_number": "7"},
        RESULT_HEADER | {"round_number": 7.5},
        RESULT_HEADER | {"round_number": True},
        RESULT_HEADER | {"kind": "training"},
        {"model_id": MODEL_ID, "round_number": 7},
    ],
    ids=lambda header: str(header)[:60],
)
def test_headers_that_are_not_exactly_one_are_refused(header: object) -> None:
    """Missing, unknown and mistyped fields, and what is not JSON, are all refused."""
    assert decode_result(message_of(RESULT_HEADER), size=SIZE).round_number == 7
    with pytest.raises(CodecError, match="header is not valid"):
        decode_result(message_of(header), size=SIZE)


@pytest.mark.parametrize(
    "change", [{"steps": "3"}, {"steps": 3.0}, {"clipping_norm": 1e999}, {"batch": 3}], ids=str
)
def test_constants_of_a_task_are_as_strict(change: dict[str, Any]) -> None:
    """Training constants are not converted, invented or infinite either."""
    header = {
        "kind": "training task",
        "model_id": MODEL_ID,
        "round_number": 7,
        "purpose": TRAIN_RANKER,
        "noise_multiplier": 4.0,
        "training": TRAINING.model_dump(mode="json"),
    }
    assert decode_task(message_of(header), size=SIZE).training == TRAINING
    header["training"] = TRAINING.model_dump(mode="json") | change
    with pytest.raises(CodecError, match="header is not valid"):
        decode_task(message_of(header), size=SIZE)


@pytest.mark.parametrize(
    "change",
    [
        {"purpose": "anything else"},
        {"purpose": None},
        {"noise_multiplier": -1.0},
        {"noise_multiplier": 1e999},
        {"noise_multiplier": "4"},
    ],
    ids=str,
)
def test_what_a_task_says_of_privacy_is_as_strict(change: dict[str, Any]) -> None:
    """The purpose is one that is known, and the noise a finite number of at least 0."""
    text = TASK[PREFIX.size : -VECTOR.nbytes]
    header = json.loads(text)
    assert decode_task(message_of(header), size=SIZE).noise_multiplier == 0
    for key in change:
        missing = {name: value for name, value in header.items() if name != key}
        for bad in (header | change, missing):
            with pytest.raises(CodecError, match="header is not valid"):
                decode_task(message_of(bad), size=SIZE)


def test_errors_stay_one_short_line_whatever_a_stranger_wrote() -> None:
    """A header's field names go into the server's log: they cannot forge lines or flood it."""
    header = RESULT_HEADER | {"x\nERROR all is lost\n" + "x" * 10_000: 1}
    with pytest.raises(CodecError) as refused:
        decode_result(message_of(header), size=SIZE)
    assert len(str(refused.value)) < 200
    assert "\n" not in str(refused.value)


@given(st.binary(max_size=200), st.integers(0, 20))
def test_random_bytes_are_refused(data: bytes, size: int) -> None:
    """No bytes make anything but a ``CodecError``."""
    for decode in (decode_task, decode_result):
        with pytest.raises(CodecError):
            decode(data, size=size)


@every
@given(place=st.integers(0, 10_000), value=st.integers(0, 255))
def test_changed_bytes_are_refused_or_still_a_message(
    message: bytes, decode: Decode, place: int, value: int
) -> None:
    """A message damaged anywhere gives a ``CodecError`` or a valid message, never another error."""
    damaged = bytearray(message)
    damaged[place % len(damaged)] = value
    try:
        decode(bytes(damaged), size=SIZE)
    except CodecError as error:
        assert str(error)  # noqa: PT017 - either outcome is right


@given(header=st.binary(max_size=300))
def test_random_headers_are_refused(header: bytes) -> None:
    """The same behind a well-formed prefix."""
    with pytest.raises(CodecError, match="header"):
        decode_task(message_of(header), size=SIZE)
