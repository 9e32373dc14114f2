"""Tests of MovieLens in the forms that GroupLens publishes, told by the look of the folder."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from penchant.shared.errors import DataError
from penchant.simulation.datasets import Dataset, load

RATINGS = [(7, 2, 880), (7, 10, 880), (12, 1, 900), (7, 1, 870), (12, 2, 890)]
FILMS = {
    1: ("Toy Story (1995)", "Animation|Comedy"),
    2: ("Misérables, Les: Part II (1995)", "Drama"),
    10: ("Good Morning (1971)", ""),
}


def write_dat(folder: Path) -> None:
    """Write ratings.dat and movies.dat, as of 1M."""
    (folder / "ratings.dat").write_text("".join(f"{u}::{i}::5::{t}\n" for u, i, t in RATINGS))
    lines = [f"{i}::{title}::{genres}\n" for i, (title, genres) in FILMS.items()]
    (folder / "movies.dat").write_text("".join(lines), encoding="latin-1")


def write_csv(folder: Path) -> None:
    """Write ratings.csv and movies.csv, as of 20M and latest."""
    rows = "".join(f"{u},{i},4.5,{t}\n" for u, i, t in RATINGS)
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n" + rows)
    lines = [
        f'{i},"{title}",{genres or "(no genres listed)"}\n' for i, (title, genres) in FILMS.items()
    ]
    (folder / "movies.csv").write_text("movieId,title,genres\n" + "".join(lines))


def check(dataset: Dataset) -> None:
    """The people, films, texts and events are those above."""
    assert dataset.item_ids == ("1", "2", "10")
    assert dataset.item_texts == (
        "Toy Story (1995). Animation, Comedy",
        "Misérables, Les: Part II (1995). Drama",
        "Good Morning (1971)",
    )
    assert dataset.person_ids == ("7", "12")
    assert [values.tolist() for values in dataset.history(0)] == [[0, 1, 2], [870, 880, 880]]
    assert [values.tolist() for values in dataset.history(1)] == [[1, 0], [890, 900]]


@pytest.mark.parametrize("write", [write_dat, write_csv])
@pytest.mark.parametrize("place", ["folder", "parent", "zip"])
def test_form_is_told_by_the_files(
    write: Callable[[Path], None], place: str, tmp_path: Path
) -> None:
    """The folder itself, the one it is in, and the archive as it was downloaded."""
    folder = tmp_path / "ml-latest"
    folder.mkdir()
    write(folder)
    path = {"folder": folder, "parent": tmp_path, "zip": tmp_path / "ml.zip"}[place]
    if place == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for file in folder.iterdir():
                archive.write(file, f"ml-latest/{file.name}")
    check(load(f"movielens:{path}"))


def test_malformed_ratings_are_tolerated_up_to_a_share(tmp_path: Path) -> None:
    """Left out and told; above the share an error with lines."""
    write_csv(tmp_path)
    with (tmp_path / "ratings.csv").open("a") as file:
        file.write("7,1\n")
    with pytest.raises(DataError, match=r"1 of 6 rows .*\(line 7: 2 fields, expected 4\).*1.00%"):
        load(f"movielens:{tmp_path}")
    told: list[str] = []
    check(load(f"movielens:{tmp_path},tolerate=0.2", tell=told.append))
    assert any("line 7" in line for line in told)


def test_people_with_few_events_can_be_left_out(tmp_path: Path) -> None:
    """They are counted; the catalogue stays whole."""
    write_dat(tmp_path)
    told: list[str] = []
    dataset = load(f"movielens:{tmp_path},min_events=3", tell=told.append)
    assert (dataset.person_ids, dataset.n_items, dataset.n_events) == (("7",), 3, 3)
    assert told == ["1 people with fewer than 3 events left out"]


def test_folder_without_movielens_is_refused(tmp_path: Path) -> None:
    """The error names the files of every form."""
    with pytest.raises(
        DataError, match=r"u\.data and u\.item, or ratings\.dat and movies\.dat, or"
    ):
        load(f"movielens:{tmp_path}")
