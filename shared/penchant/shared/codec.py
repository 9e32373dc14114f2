"""Messages of the wire contract to bytes and back.

Layout: 4 bytes ``PNCH``; contract version, 2 bytes; header length, 4 bytes; header, JSON; then the
vector, float32; then, in a result of version 3, the measure, 3 more. All numbers are little-endian.
Decoding refuses whatever is not exactly that. A message is of the lowest version that can say it:
3 where a measure is asked for or given, else 2.
"""

import struct
from collections.abc import Mapping
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from penchant.shared.contract import (
    CONTRACT_VERSION,
    MEASURE_SIZE,
    PLAIN_VERSION,
    LocalTraining,
    TrainingResult,
    TrainingTask,
)
from penchant.shared.errors import CodecError

__all__ = ["decode_result", "decode_task", "encode_result", "encode_task"]

MAGIC = b"PNCH"
PREFIX = struct.Struct("<4sHI")
LARGEST_HEADER = 65_536
LONGEST_NAME = 60


class _Header(BaseModel):
    model_config = ConfigDict(extra="forbid")

    model_id: str = Field(pattern=r"^[0-9a-f]{16}$")
    round_number: int = Field(ge=1, le=2**31)


_HeaderT = TypeVar("_HeaderT", bound=_Header)


class _TaskHeader(_Header):
    kind: Literal["training task"]
    purpose: Literal["train the shared ranker"]
    noise_multiplier: float = Field(ge=0, allow_inf_nan=False)
    training: LocalTraining


class _MeasuringTaskHeader(_TaskHeader):
    measure_noise_multiplier: float = Field(ge=0, allow_inf_nan=False)


class _ResultHeader(_Header):
    kind: Literal["training result"]


_TASKS: dict[int, type[_TaskHeader]] = {
    PLAIN_VERSION: _TaskHeader,
    CONTRACT_VERSION: _MeasuringTaskHeader,
}
_RESULTS = {PLAIN_VERSION: _ResultHeader, CONTRACT_VERSION: _ResultHeader}


def encode_task(task: TrainingTask) -> bytes:
    """Return ``task`` as bytes.

    Raises:
        CodecError: the vector holds a number that is not finite.
    """
    fields = {
        "kind": "training task",
        "purpose": task.purpose,
        "noise_multiplier": task.noise_multiplier,
        "model_id": task.model_id,
        "round_number": task.round_number,
        "training": task.training,
    }
    if task.measure_noise_multiplier is None:
        return _encode(PLAIN_VERSION, _TaskHeader.model_validate(fields), task.vector)
    fields["measure_noise_multiplier"] = task.measure_noise_multiplier
    return _encode(CONTRACT_VERSION, _MeasuringTaskHeader.model_validate(fields), task.vector)


def decode_task(data: bytes, *, size: int) -> TrainingTask:
    """Return the task that ``data`` hold.

    Args:
        data: what came over the wire.
        size: D, how many numbers the ranker has.

    Raises:
        CodecError: not a task of this contract version, of this size, with finite numbers.
    """
    _, header, vector = _decode(data, _TASKS, dict.fromkeys(_TASKS, size))
    asked = header.measure_noise_multiplier if isinstance(header, _MeasuringTaskHeader) else None
    return TrainingTask(
        header.model_id,
        header.round_number,
        header.training,
        vector,
        noise_multiplier=header.noise_multiplier,
        purpose=header.purpose,
        measure_noise_multiplier=asked,
    )


def encode_result(result: TrainingResult) -> bytes:
    """Return ``result`` as bytes.

    Raises:
        CodecError: the update or the measure holds a number that is not finite, or the measure
            is not of three.
    """
    header = _ResultHeader(
        kind="training result", model_id=result.model_id, round_number=result.round_number
    )
    if result.measure is None:
        return _encode(PLAIN_VERSION, header, result.update)
    if result.measure.shape != (MEASURE_SIZE,):
        raise CodecError(
            f"the measure has shape {result.measure.shape}; it is {MEASURE_SIZE} numbers"
        )
    return _encode(CONTRACT_VERSION, header, np.concatenate([result.update, result.measure]))


def decode_result(data: bytes, *, size: int) -> TrainingResult:
    """Return the result that ``data`` hold.

    Args:
        data: what came over the wire.
        size: D, how many numbers the ranker has.

    Raises:
        CodecError: not a result of this contract version, of this size, with finite numbers.
    """
    sizes = {PLAIN_VERSION: size, CONTRACT_VERSION: size + MEASURE_SIZE}
    version, header, numbers = _decode(data, _RESULTS, sizes)
    measure = numbers[size:] if version == CONTRACT_VERSION else None
    return TrainingResult(header.model_id, header.round_number, numbers[:size], measure)


def _encode(version: int, header: _Header, vector: NDArray[np.float32]) -> bytes:
    numbers = np.ascontiguousarray(vector, dtype="<f4")
    _require_finite(numbers)
    text = header.model_dump_json().encode()
    prefix = PREFIX.pack(MAGIC, version, len(text))
    return b"".join([prefix, text, numbers.tobytes()])


def _decode(
    data: bytes, kinds: Mapping[int, type[_HeaderT]], sizes: Mapping[int, int]
) -> tuple[int, _HeaderT, NDArray[np.float32]]:
    """Return a message's version, its header of that version's kind, and as many numbers."""
    if len(data) < PREFIX.size:
        raise CodecError(f"the message has {len(data)} bytes; at least {PREFIX.size} are needed")
    magic, version, header_length = PREFIX.unpack_from(data)
    if magic != MAGIC:
        raise CodecError(f"the message starts with {magic!r}; {MAGIC!r} was expected")
    if version not in kinds:
        raise CodecError(
            f"the message is of contract version {version}; this penchant speaks versions "
            f"{PLAIN_VERSION} to {CONTRACT_VERSION}; update the older side"
        )
    size = sizes[version]
    if header_length > LARGEST_HEADER:
        raise CodecError(f"the header has {header_length} bytes; at most {LARGEST_HEADER} may be")
    expected = PREFIX.size + header_length + 4 * size
    if len(data) != expected:
        raise CodecError(
            f"the message has {len(data)} bytes; {expected} are needed for {size} numbers"
        )
    try:
        text = data[PREFIX.size : PREFIX.size + header_length]
        header = kinds[version].model_validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        # What a stranger wrote goes into logs: short, and never as more than one line.
        place = ".".join(str(part) for part in first["loc"])[:LONGEST_NAME]
        raise CodecError(f"the header is not valid: {first['msg']} at {place!r}") from error
    vector = np.frombuffer(data, dtype="<f4", offset=PREFIX.size + header_length)
    _require_finite(vector)
    return version, header, vector


def _require_finite(vector: NDArray[np.float32]) -> None:
    bad = vector.size - int(np.isfinite(vector).sum())
    if bad:
        raise CodecError(f"{bad} of {vector.size} numbers are not finite; all must be")
