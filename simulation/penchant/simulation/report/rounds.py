"""``metrics.jsonl``: one line a round, appended as the run goes.

A process may be killed at any moment, so a last line without its line end is a write that was cut
short: reading leaves it out, and a resumed run takes it off with :func:`rewind_rounds`.
"""

from itertools import pairwise
from pathlib import Path
from typing import Annotated

from pydantic import Field

from penchant.shared.errors import DataError
from penchant.shared.files import write_atomically
from penchant.simulation.report.record import Record, parse
from penchant.simulation.report.summary import Results

__all__ = ["ROUNDS_FILE", "RoundRecord", "append_round", "read_rounds", "rewind_rounds"]

ROUNDS_FILE = "metrics.jsonl"


class RoundRecord(Record):
    """What happened in one round."""

    round: Annotated[int, Field(ge=1)]
    devices: Annotated[int, Field(ge=0)]  # replies that counted
    rejected: Annotated[int, Field(ge=0)] = 0
    loss: float | None = None  # None if the round was void
    validation: Results | None = None  # None if the round was not evaluated
    # Spent since the start of the run, by the run's privacy unit; for two units, the user's.
    epsilon: Annotated[float, Field(ge=0)] | None = None
    event_epsilon: Annotated[float, Field(ge=0)] | None = None  # for two units, the event's
    seconds: Annotated[float, Field(ge=0)]


def append_round(folder: Path, record: RoundRecord) -> None:
    """Append a round to a run's ``metrics.jsonl``, which need not exist yet."""
    with (folder / ROUNDS_FILE).open("a", encoding="utf-8") as file:
        file.write(_line(record))


def read_rounds(folder: Path) -> list[RoundRecord]:
    """Read a run's rounds, in order; none if there is no file yet.

    Raises:
        DataError: a line, which the error numbers, is not a valid round or out of order.
    """
    path = folder / ROUNDS_FILE
    if not path.exists():
        return []
    *whole, _cut_short = path.read_bytes().split(b"\n")
    records = [
        parse(RoundRecord, line, source=f"line {number} of {path}")
        for number, line in enumerate(whole, start=1)
    ]
    for number, (before, record) in enumerate(pairwise(records), start=2):
        if record.round <= before.round:
            raise DataError(
                f"line {number} of {path} is round {record.round}, after round {before.round}; "
                "rounds must rise, so two runs seem to have written here"
            )
    return records


def rewind_rounds(folder: Path, *, last: int) -> list[RoundRecord]:
    """Keep the rounds up to ``last``, where a run resumes, and return them."""
    kept = [record for record in read_rounds(folder) if record.round <= last]
    write_atomically(folder / ROUNDS_FILE, "".join(map(_line, kept)).encode())
    return kept


def _line(record: RoundRecord) -> str:
    return record.model_dump_json(by_alias=True, exclude_none=True) + "\n"
