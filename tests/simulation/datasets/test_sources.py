"""Tests of naming a data set by where it is."""

from pathlib import Path

import pytest

from penchant.shared.errors import ConfigurationError, DataError
from penchant.simulation.datasets import load
from penchant.simulation.datasets.sources import Source, unpacked


def test_name_gives_kind_path_and_options() -> None:
    """A comma without KEY= after it belongs to what is before."""
    source = Source.parse("table:logs/a,b.csv,items=i,j.csv,user=uid,tolerate=0.05,min_events=5")
    assert (source.kind, source.path) == ("table", Path("logs/a,b.csv"))
    assert source.options["items"] == "i,j.csv"
    assert (source.tolerance, source.min_events, source.name) == (0.05, 5, "table:a,b.csv")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("table:", "no path"),
        ("mind:x,user=u", "'mind' data set has no option 'user'; it has min_events"),
        ("table:x,user=a,user=b", "'user' in .* needs one value"),
        ("table:x,tolerate=2", "tolerate is '2'; give a number, 0 to 1"),
        ("table:x,min_events=some", "min_events is 'some'"),
        ("table:x,header=perhaps", "header is 'perhaps'; give yes or no"),
        ("nope:x", "no data set is called 'nope:x'; choose one of: movielens-100k, .*mind:PATH"),
    ],
)
def test_name_that_cannot_be_used_is_refused(name: str, told: str, tmp_path: Path) -> None:
    """The error says what was given and what there is."""
    (tmp_path / "x").write_text("user,item,title\na,b,c\n")
    with pytest.raises(ConfigurationError, match=told):
        load(name.replace(":x", f":{tmp_path / 'x'}") if "nope" not in name else name)


def test_path_that_is_no_folder_or_archive_is_refused(tmp_path: Path) -> None:
    """Nothing there, or another file."""
    with pytest.raises(DataError, match="no file or folder"), unpacked(tmp_path / "x", wanted=()):
        pass
    (tmp_path / "x").write_text("x")
    with pytest.raises(DataError, match="neither"), unpacked(tmp_path / "x", wanted=()):
        pass
