"""Tests of the MovieLens-100K reader, on small files of both forms."""

from pathlib import Path

import polars as pl
import pytest

from penchant.shared.errors import ConfigurationError, DataError
from penchant.simulation.datasets import Dataset, known, load
from penchant.simulation.datasets.movielens import GENRES, read_movielens_100k

FILMS = {
    1: ("Toy Story (1995)", ["Animation", "Children's", "Comedy"]),
    2: ("Misérables, Les (1995)", ["Drama", "Musical"]),
    10: ("Good Morning (1971)", []),
}
# In the file's order: user 7 rates 10 and 2 in the same second, and 2 comes first in the file.
RATINGS = [(7, 2, 5, 880), (7, 10, 1, 880), (12, 1, 3, 900), (7, 1, 4, 870), (12, 2, 2, 890)]


def write_original(folder: Path) -> None:
    """Write u.data and u.item as GroupLens does."""
    (folder / "u.data").write_text("".join("\t".join(map(str, row)) + "\n" for row in RATINGS))
    lines = []
    for number, (title, genres) in FILMS.items():
        flags = [not genres, *(genre in genres for genre in GENRES)]
        fields = [number, title, "01-Jan-1995", "", "http://films", *(int(flag) for flag in flags)]
        lines.append("|".join(map(str, fields)))
    (folder / "u.item").write_text("\n".join(lines) + "\n", encoding="latin-1")


def write_parquet(folder: Path) -> None:
    """Write the two parquet files, films in another order."""
    pl.DataFrame(
        RATINGS, schema=["user_id", "movie_id", "rating", "timestamp"], orient="row"
    ).write_parquet(folder / "MovieLens100k_data.parquet.brotli", compression="brotli")
    rows = [
        {"movie_id": number, "movie_title": title, "unknown": int(not genres)}
        | {genre: int(genre in genres) for genre in GENRES}
        for number, (title, genres) in reversed(FILMS.items())
    ]
    pl.DataFrame(rows).write_parquet(
        folder / "MovieLens100k_items.parquet.brotli", compression="brotli"
    )


@pytest.fixture(params=[write_original, write_parquet], ids=["original", "parquet"])
def dataset(request: pytest.FixtureRequest, tmp_path: Path) -> Dataset:
    """The small data set, read from each form."""
    request.param(tmp_path)
    return read_movielens_100k(tmp_path)


def test_item_text_is_title_and_genres(dataset: Dataset) -> None:
    """Title, full stop, genres; the title alone if there is no genre; accents survive."""
    assert dataset.item_texts == (
        "Toy Story (1995). Animation, Children's, Comedy",
        "Misérables, Les (1995). Drama, Musical",
        "Good Morning (1971)",
    )


def test_people_and_items_are_in_order_of_their_numbers(dataset: Dataset) -> None:
    """Order is by number, not by text, so 2 comes before 10 and ``head`` is reproducible."""
    assert dataset.name == "movielens-100k"
    assert dataset.item_ids == ("1", "2", "10")
    assert dataset.person_ids == ("7", "12")


def test_every_rating_is_an_event_in_order_of_time(dataset: Dataset) -> None:
    """Stars do not matter, and ratings of one second keep the file's order."""
    assert [values.tolist() for values in dataset.history(0)] == [[0, 1, 2], [870, 880, 880]]
    assert [values.tolist() for values in dataset.history(1)] == [[1, 0], [890, 900]]


def test_known_name_is_loaded_from_a_folder(tmp_path: Path) -> None:
    """Somebody who has the files can load them without fetching."""
    write_original(tmp_path)
    assert known() == ("movielens-100k",)
    assert load("movielens-100k", folder=tmp_path).n_events == len(RATINGS)


def test_unknown_name_lists_the_known_ones() -> None:
    """A name that is not known is answered with the names that are."""
    with pytest.raises(ConfigurationError, match="'movielens-2m'; choose one of: movielens-100k"):
        load("movielens-2m")


def test_missing_files_are_named(tmp_path: Path) -> None:
    """An empty folder is an error that says which files were expected."""
    with pytest.raises(DataError, match=r"u\.data and u\.item, or MovieLens100k_data"):
        read_movielens_100k(tmp_path)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("u.data", "7\t99\t5\t880\n", "film 99"),
        ("u.data", "7\t2\tfive\t880\n", "cannot read"),
        ("u.data", "7\t2\n", "cannot read|empty fields"),
        ("u.data", "", "cannot read|no ratings"),
        ("u.item", "1|Toy Story (1995)\n", "line 1 of .* has 2 fields between '|'; expected 24"),
        ("u.item", "one|Toy Story (1995)|||" + "|0" * 20 + "\n", "cannot read|fields"),
        ("u.item", "", "no films"),
    ],
)
def test_malformed_files_are_refused(tmp_path: Path, file: str, content: str, message: str) -> None:
    """Malformed files are a DataError that names the folder or file."""
    write_original(tmp_path)
    (tmp_path / file).write_text(content)
    with pytest.raises(DataError, match=message) as caught:
        read_movielens_100k(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_truncated_parquet_is_refused(tmp_path: Path) -> None:
    """A file that is cut short is a DataError."""
    write_parquet(tmp_path)
    file = tmp_path / "MovieLens100k_data.parquet.brotli"
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(DataError, match="cannot read"):
        read_movielens_100k(tmp_path)


def test_two_films_of_one_number_are_refused(tmp_path: Path) -> None:
    """A film number names one film."""
    write_original(tmp_path)
    items = (tmp_path / "u.item").read_text("latin-1")
    (tmp_path / "u.item").write_text(items + items.splitlines()[0] + "\n", encoding="latin-1")
    with pytest.raises(DataError, match="'1' occurs more than once"):
        read_movielens_100k(tmp_path)
