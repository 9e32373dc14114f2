"""Runs' folders to put side by side."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from penchant.simulation.report import Summary, write_summary

MakeRun = Callable[..., Path]


@pytest.fixture
def make_run(tmp_path: Path, summary_fields: dict[str, Any]) -> MakeRun:
    """Writes the summary of a run, with some fields changed, into a folder of this name."""

    def make(name: str, **changes: object) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        fields = deepcopy(summary_fields) | changes
        write_summary(folder, Summary.model_validate(fields))
        return folder

    return make
