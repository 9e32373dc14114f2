"""What all records have in common: strict, and malformed ones named in one sentence."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from penchant.shared.errors import DataError

__all__ = ["Record", "parse", "read_if_there"]

_SHOWN_PROBLEMS = 3


class Record(BaseModel):
    """A part of what a run writes: no other fields, no conversions, no infinities, no changes."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, allow_inf_nan=False, validate_by_name=True
    )


RecordT = TypeVar("RecordT", bound=Record)


def parse(model: type[RecordT], text: str | bytes, *, source: str) -> RecordT:
    """Read a record from JSON.

    Args:
        model: what the text should be.
        text: JSON.
        source: where it comes from, for the error.

    Raises:
        DataError: the text is no such record; the error names the fields.
    """
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, problem['loc'])) or 'the whole'}: {problem['msg']}"
            for problem in error.errors()
        ]
        shown = "; ".join(problems[:_SHOWN_PROBLEMS])
        more = len(problems) - _SHOWN_PROBLEMS
        raise DataError(
            f"{source} is not a valid {model.__name__}: {shown}"
            + (f"; and {more} more" if more > 0 else "")
        ) from error


def read_if_there(model: type[RecordT], path: Path) -> RecordT | None:
    """Read a record from a file of JSON; None if there is no such file.

    Raises:
        DataError: it cannot be read, or is no such record; the error names the fields.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); remove it") from error
    return parse(model, text, source=str(path))
