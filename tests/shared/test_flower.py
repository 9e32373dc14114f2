"""Tests of messages inside Flower's records."""

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, MetricRecord, RecordDict

from penchant.shared.errors import CodecError
from penchant.shared.flower import pack, unpack


@pytest.mark.parametrize("message", [b"", b"\0\xff PNCH", bytes(range(256)) * 50])
def test_round_trip(message: bytes) -> None:
    """A message comes out as it went in."""
    assert unpack(pack(message)) == message


def records() -> dict[str, RecordDict]:
    """Records that are not exactly one message."""
    packed = pack(b"message")
    (name,) = packed
    more_records = pack(b"message")
    more_records["metrics"] = MetricRecord({"loss": 0.3})
    return {
        "nothing": RecordDict(),
        "another name": RecordDict({"other": packed[name]}),
        "another kind": RecordDict({name: ArrayRecord({"message": Array(np.ones(2))})}),
        "more records": more_records,
        "more fields": RecordDict({name: ConfigRecord({"message": b"m", "events": 12})}),
        "no field": RecordDict({name: ConfigRecord()}),
        "another field": RecordDict({name: ConfigRecord({"events": b"m"})}),
    }


@pytest.mark.parametrize("case", records())
def test_records_that_carry_anything_else_are_refused(case: str) -> None:
    """Only one record with one field is taken, so that nothing can travel beside a message."""
    with pytest.raises(CodecError, match="exactly one record 'penchant' with one field 'message'"):
        unpack(records()[case])


def test_text_is_not_a_message() -> None:
    """A message is bytes; the error names the type that came."""
    (name,) = pack(b"")
    with pytest.raises(CodecError, match="type str; bytes"):
        unpack(RecordDict({name: ConfigRecord({"message": "text"})}))
