"""A run's folder is claimed by one run."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from penchant.shared.errors import ConfigurationError, DataError
from penchant.simulation.settings import SimulationSettings
from penchant.simulation.workspace import Workspace

SETTINGS = SimulationSettings()
NOW = datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC)


def test_new_and_empty_folders_are_free(tmp_path: Path) -> None:
    """A folder that does not exist, or is empty, may be used; checking makes nothing."""
    Workspace(tmp_path).check(SETTINGS, resume=False)
    Workspace(tmp_path / "new").check(SETTINGS, resume=False)
    assert not (tmp_path / "new").exists()


def test_folder_of_another_run_is_refused(tmp_path: Path) -> None:
    """A claimed folder is refused with the way out."""
    Workspace(tmp_path).claim(SETTINGS, started=NOW)
    with pytest.raises(ConfigurationError, match=r"another run.*--resume"):
        Workspace(tmp_path).check(SETTINGS, resume=False)


def test_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    """Files of another kind are never written among."""
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ConfigurationError, match="not empty"):
        Workspace(tmp_path).check(SETTINGS, resume=False)


def test_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    """An output folder that is a file is a clear error."""
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(ConfigurationError, match="not empty"):
        Workspace(path).check(SETTINGS, resume=False)


def test_nothing_to_resume_is_refused(tmp_path: Path) -> None:
    """--resume of an empty folder says so."""
    with pytest.raises(ConfigurationError, match="no run to resume"):
        Workspace(tmp_path).check(SETTINGS, resume=True)


def test_claimed_folder_resumes_with_the_same_settings(tmp_path: Path) -> None:
    """The same flags continue a run."""
    Workspace(tmp_path).claim(SETTINGS, started=NOW)
    Workspace(tmp_path).check(SETTINGS, resume=True)


def test_damaged_settings_are_a_clear_error(tmp_path: Path) -> None:
    """Settings that cannot be read are not guessed."""
    (tmp_path / "settings.json").write_text("{")
    with pytest.raises(DataError, match=r"settings\.json"):
        Workspace(tmp_path).check(SETTINGS, resume=True)


def test_a_resumed_run_began_when_it_was_first_started(tmp_path: Path) -> None:
    """The start of a run is that of its first claim."""
    assert Workspace(tmp_path).claim(SETTINGS, started=NOW) == NOW
    assert Workspace(tmp_path).claim(SETTINGS, started=NOW + timedelta(hours=1)) == NOW


def test_damaged_start_is_a_clear_error(tmp_path: Path) -> None:
    """A start that cannot be read is not guessed."""
    Workspace(tmp_path).claim(SETTINGS, started=NOW)
    (tmp_path / "state" / "started").write_text("noon")
    with pytest.raises(DataError, match=r"started is not a time"):
        Workspace(tmp_path).claim(SETTINGS, started=NOW)
