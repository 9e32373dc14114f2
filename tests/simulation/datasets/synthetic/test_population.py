"""Tests of whole generated populations: kept, mapped, and the same people at any size."""

from pathlib import Path

import numpy as np
import pytest

from penchant.shared.errors import ConfigurationError, DataError
from penchant.simulation.datasets import Dataset, load
from penchant.simulation.datasets.synthetic import PopulationSettings, Truth, generate, population
from penchant.simulation.datasets.synthetic.people import CHUNK, generate_people

SMALL = "synthetic:items=500,events=8,switches=1"
TRUTH = tuple(Truth.__dataclass_fields__)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keeps the populations of this module."""
    return tmp_path_factory.mktemp("populations")


@pytest.fixture(scope="module")
def large(home: Path) -> Dataset:
    """A population of two whole chunks and a part of a third."""
    return load(f"{SMALL},devices={2 * CHUNK + 500}", folder=home)


@pytest.mark.parametrize("devices", [1, 700, CHUNK, CHUNK + 1, 2 * CHUNK])
def test_first_people_of_a_larger_population_are_the_same(
    large: Dataset, home: Path, devices: int
) -> None:
    """Their histories and the truth behind them, whatever the two sizes."""
    small, head = load(f"{SMALL},devices={devices}", folder=home), large.head(devices)
    for field in ("offsets", "items", "times"):
        np.testing.assert_array_equal(getattr(small, field), getattr(head, field))
    assert small.item_texts == large.item_texts
    truth, whole = Truth.of(small), Truth.of(large)
    for name in TRUTH:
        few, many = getattr(truth, name), getattr(whole, name)
        np.testing.assert_array_equal(few, many[: len(few)])
    assert len(truth.event_topics) == small.n_events
    assert len(truth.first_topics) == len(truth.switch_offsets) - 1 == devices


def test_arrays_are_mapped_and_people_numbered(large: Dataset) -> None:
    """No copy of the events, no string a person, and nothing may be changed."""
    assert large.folder is not None
    for field in ("offsets", "items", "times"):
        array = getattr(large, field)
        while isinstance(array.base, np.ndarray):
            array = array.base
        assert isinstance(array, np.memmap)
        assert not getattr(large, field).flags.writeable
    assert large.person_ids[2 * CHUNK] == str(2 * CHUNK)
    assert not isinstance(large.person_ids, tuple)


def test_population_is_generated_once(home: Path, large: Dataset) -> None:
    """The second time its files are found by the settings; other settings have others."""
    assert large.folder is not None
    before = {path: path.stat().st_mtime_ns for path in large.folder.iterdir()}
    again = load(large.name, folder=home)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert again.folder == large.folder
    assert load(f"{SMALL},devices=9", folder=home).folder != large.folder


def test_interrupted_generation_leaves_nothing_and_can_be_repeated(
    tmp_path: Path, large: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was written before Ctrl-C is gone."""

    def interrupted(chunk: int, **arguments: object) -> object:
        if chunk == 1:
            raise KeyboardInterrupt
        return generate_people(chunk, **arguments)  # type: ignore[arg-type]

    settings = PopulationSettings.parse(large.name)
    with monkeypatch.context() as patch:
        patch.setattr(population, "generate_people", interrupted)
        with pytest.raises(KeyboardInterrupt):
            generate(settings, folder=tmp_path)
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []
    np.testing.assert_array_equal(generate(settings, folder=tmp_path).items, large.items)


def test_switches_of_a_person_lie_in_the_history(large: Dataset) -> None:
    """Each is at one of the person's events but the first, in order."""
    truth, seen = Truth.of(large), 0
    for person in range(500):
        events, topics = truth.switches(person)
        assert (np.diff(events, prepend=0) > 0).all()
        assert (events < len(large.history(person)[0])).all()
        assert (topics[:, 0] != topics[:, 1]).all()
        seen += len(events)
    assert seen > 100


def test_real_people_have_no_known_truth() -> None:
    """Only generated data sets have a truth to ask for."""
    real = Dataset.from_events(
        "cinema", item_ids=["a"], item_texts=["A"], person_ids=["ann"], people=[], items=[],
        times=[],
    )  # fmt: skip
    with pytest.raises(DataError, match="true interests behind 'cinema'"):
        Truth.of(real)


def test_unusable_settings_are_refused_by_name() -> None:
    """Through the name that a simulation is given."""
    with pytest.raises(ConfigurationError, match="no setting 'size'"):
        load("synthetic:size=3")
