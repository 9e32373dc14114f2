"""Sums in place of single replies, from a grid in the server's own process.

A simulation that trains many devices at once answers with the sum of their updates. A server in
the field takes no such reply: what it cannot see, it cannot check or clip.
"""

from dataclasses import dataclass

import numpy as np
from flwr.app import ConfigRecord, RecordDict
from numpy.typing import NDArray

from penchant.shared.errors import CodecError

__all__ = ["BlockResult", "pack", "unpack"]

RECORD = "penchant-block"


@dataclass(frozen=True, eq=False)
class BlockResult:
    """The answer of several devices to one training task.

    Attributes:
        model_id: as in the task.
        round_number: as in the task.
        devices: uint64 (n,), node ids of the devices whose updates are in the sum.
        failed: uint64 (f,), node ids of the devices that were asked and gave none.
        total: float32 (D,), sum of the clipped updates.
        measures: float64 (3,), sum of their measures; None if the task asks for none.
    """

    model_id: str
    round_number: int
    devices: NDArray[np.uint64]
    failed: NDArray[np.uint64]
    total: NDArray[np.float32]
    measures: NDArray[np.float64] | None = None


def pack(result: BlockResult) -> RecordDict:
    """Return a record that carries ``result``."""
    fields = ConfigRecord(
        {
            "model_id": result.model_id,
            "round_number": result.round_number,
            "devices": result.devices.astype("<u8").tobytes(),
            "failed": result.failed.astype("<u8").tobytes(),
            "total": result.total.astype("<f4").tobytes(),
            "measures": b"" if result.measures is None else result.measures.astype("<f8").tobytes(),
        }
    )
    return RecordDict({RECORD: fields})


def unpack(record: RecordDict) -> BlockResult:
    """Return the result that ``record`` carries.

    Raises:
        CodecError: it carries something else.
    """
    match record.get(RECORD):
        case ConfigRecord() as found:
            fields = dict(found)
        case other:
            raise CodecError(f"the reply holds {type(other).__name__} for record {RECORD!r}")
    match fields:
        case {
            "model_id": str(model_id),
            "round_number": int(round_number),
            "devices": bytes(devices),
            "failed": bytes(failed),
            "total": bytes(total),
            "measures": bytes(measures),
        }:
            return BlockResult(
                model_id,
                round_number,
                np.frombuffer(devices, "<u8"),
                np.frombuffer(failed, "<u8"),
                np.frombuffer(total, "<f4"),
                np.frombuffer(measures, "<f8") if measures else None,
            )
    raise CodecError(f"the record {RECORD!r} has the fields {sorted(fields)}")
