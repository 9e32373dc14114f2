"""What a run leaves behind: its summary, its rounds and a page for people."""

from penchant.simulation.report.page import write_report
from penchant.simulation.report.rounds import (
    RoundRecord,
    append_round,
    read_rounds,
    rewind_rounds,
)
from penchant.simulation.report.summary import Results, Summary, read_summary, write_summary

__all__ = [
    "Results",
    "RoundRecord",
    "Summary",
    "append_round",
    "read_rounds",
    "read_summary",
    "rewind_rounds",
    "write_report",
    "write_summary",
]
