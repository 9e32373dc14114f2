"""Messages of the wire contract inside Flower's records: one record, one field of bytes."""

from flwr.app import ConfigRecord, RecordDict

from penchant.shared.errors import CodecError

__all__ = ["pack", "unpack"]

RECORD = "penchant"
FIELD = "message"


def pack(message: bytes) -> RecordDict:
    """Return a record that carries an encoded message."""
    return RecordDict({RECORD: ConfigRecord({FIELD: message})})


def unpack(record: RecordDict) -> bytes:
    """Return the encoded message that ``record`` carries.

    Raises:
        CodecError: the record carries anything else, or anything more.
    """
    found = record.get(RECORD)
    if len(record) != 1 or not isinstance(found, ConfigRecord) or list(found) != [FIELD]:
        raise CodecError(
            f"the message does not hold exactly one record {RECORD!r} with one field {FIELD!r}"
        )
    message = found[FIELD]
    if not isinstance(message, bytes):
        raise CodecError(f"the message is of type {type(message).__name__}; bytes were expected")
    return message
