"""Tests of the ranker: its layout, its identity and its file."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load, save

from penchant.shared.errors import ConfigurationError, DataError
from penchant.shared.ranker import EVENT_KINDS, Preset, Ranker, RankerSettings

MakeRanker = Callable[[Preset], Ranker]
presets = pytest.mark.parametrize("preset", list(Preset))


@presets
def test_arrays_cover_the_vector_once_in_order(make_ranker: MakeRanker, preset: Preset) -> None:
    """The named arrays are the flat vector, cut up: nothing is left out or used twice."""
    ranker = make_ranker(preset)
    joined = np.concatenate([array.ravel() for array in ranker.arrays.values()])
    assert joined.tobytes() == ranker.vector.tobytes()
    assert all(np.shares_memory(array, ranker.vector) for array in ranker.arrays.values())
    assert {name: array.shape for name, array in ranker.arrays.items()} == (
        ranker.settings.shapes()
    )


def test_what_each_preset_shares() -> None:
    """``full`` adds a residual an item to ``text``; ``compact`` keeps a projection and priors."""
    sizes = {
        preset: RankerSettings(
            preset=preset, items=100, features=20, dimension=8, history_length=5
        ).size
        for preset in Preset
    }
    assert sizes[Preset.TEXT] == 2 * 20 * 8 + 5 + EVENT_KINDS + 1 + 100
    assert sizes[Preset.FULL] == sizes[Preset.TEXT] + 100 * 8
    assert sizes[Preset.COMPACT] == 20 * 8 + 100


@presets
def test_initial_ranker_keeps_leading_features(make_ranker: MakeRanker, preset: Preset) -> None:
    """Before it has learnt, a ranker projects onto the first d features and is zero elsewhere."""
    made = make_ranker(preset)
    arrays = Ranker.initial(made.settings, made.feature_map).arrays
    for name, array in arrays.items():
        expected = np.eye(5, 3) if name.endswith("projection") else np.zeros(array.shape)
        assert (array == expected).all(), name


def test_more_dimensions_than_features_are_refused(make_ranker: MakeRanker) -> None:
    """The error gives both numbers."""
    made = make_ranker(Preset.TEXT)
    wide = replace(made.settings, dimension=6)
    with pytest.raises(ConfigurationError, match="dimension is 6, above the 5 features"):
        Ranker.initial(wide, made.feature_map)


def test_vector_and_feature_map_fit_the_settings(make_ranker: MakeRanker) -> None:
    """A vector of another length, or features of another rank, are refused with both numbers."""
    made = make_ranker(Preset.COMPACT)
    with pytest.raises(ConfigurationError, match=rf"{made.settings.size} numbers; \(3,\)"):
        made.with_vector(np.zeros(3, dtype=np.float32))
    settings = replace(made.settings, features=4)
    with pytest.raises(ConfigurationError, match="4 features; the feature map gives 5"):
        Ranker(settings, made.feature_map, np.zeros(settings.size, dtype=np.float32))


@pytest.mark.parametrize("field", ["items", "features", "dimension", "history_length"])
def test_settings_are_positive(make_ranker: MakeRanker, field: str) -> None:
    """A ranker of nothing is refused."""
    fields: dict[str, Any] = asdict(make_ranker(Preset.FULL).settings) | {field: 0}
    with pytest.raises(ConfigurationError, match=f"{field} is 0; it must be a whole number"):
        RankerSettings(**fields)


def test_identity_is_of_the_model_and_not_of_its_numbers(make_ranker: MakeRanker) -> None:
    """Releases of one ranker share its id; other settings or other features have another."""
    ranker = make_ranker(Preset.FULL)
    assert ranker.with_vector(ranker.vector * 2).model_id == ranker.model_id
    assert make_ranker(Preset.TEXT).model_id != ranker.model_id
    changed = ranker.feature_map.mean.copy()
    changed[0] += 1e-6
    moved = Ranker(
        ranker.settings, type(ranker.feature_map)(changed, ranker.feature_map.basis), ranker.vector
    )
    assert moved.model_id != ranker.model_id
    assert len(ranker.model_id) == 16


@presets
def test_saved_ranker_is_loaded_as_it_was(
    make_ranker: MakeRanker, preset: Preset, tmp_path: Path
) -> None:
    """A round trip keeps every bit, and the identity."""
    ranker, path = make_ranker(preset), tmp_path / "ranker.safetensors"
    ranker.save(path)
    loaded = Ranker.load(path)
    assert loaded.settings == ranker.settings
    assert loaded.model_id == ranker.model_id
    assert loaded.vector.tobytes() == ranker.vector.tobytes()
    assert [file.name for file in tmp_path.iterdir()] == ["ranker.safetensors"]


def test_the_same_ranker_is_the_same_file(make_ranker: MakeRanker, tmp_path: Path) -> None:
    """Files can be compared by their hash."""
    for name in ("one", "two"):
        make_ranker(Preset.FULL).save(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.fixture
def saved(make_ranker: MakeRanker, tmp_path: Path) -> Path:
    """A ranker's file."""
    path = tmp_path / "ranker.safetensors"
    make_ranker(Preset.TEXT).save(path)
    return path


def test_every_truncated_file_is_refused(saved: Path) -> None:
    """A file cut anywhere is an error that names it, never a ranker."""
    content = saved.read_bytes()
    for length in [*range(0, 40), *range(40, len(content), 37), len(content) - 1]:
        saved.write_bytes(content[:length])
        with pytest.raises(DataError, match=str(saved)):
            Ranker.load(saved)


@pytest.mark.parametrize(
    "header",
    [b"[]", b"3", b"null", b'"text"', b"{}", b'{"__metadata__": []}', b"[" * 100_000, b"\xff"],
)
def test_headers_that_are_not_one_are_refused(saved: Path, header: bytes) -> None:
    """Whatever the header holds instead, the error is the same."""
    saved.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(DataError, match="not a ranker file"):
        Ranker.load(saved)


@pytest.mark.parametrize("what", ["missing", "folder"])
def test_what_is_not_a_file_is_refused(tmp_path: Path, what: str) -> None:
    """A path without a file is an error that names it."""
    path = tmp_path / what
    if what == "folder":
        path.mkdir()
    with pytest.raises(DataError, match=what):
        Ranker.load(path)


def transposed(tensors: dict[str, NDArray[np.float32]]) -> None:
    """As many numbers, in another order."""
    tensors["item_projection"] = np.ascontiguousarray(tensors["item_projection"].T)


def without_popularity(tensors: dict[str, NDArray[np.float32]]) -> None:
    """An array is missing."""
    del tensors["popularity"]


def not_finite(tensors: dict[str, NDArray[np.float32]]) -> None:
    """A number is not one."""
    tensors["popularity"][3] = np.nan


def of_another_precision(tensors: dict[str, NDArray[np.float32]]) -> None:
    """Doubles instead of floats."""
    tensors["popularity"] = tensors["popularity"].astype(np.float64)


def with_another_basis(tensors: dict[str, NDArray[np.float32]]) -> None:
    """The feature map does not fit the settings."""
    tensors["feature_basis"] = np.ascontiguousarray(tensors["feature_basis"][:, :2])


def with_rounds_for_some(tensors: dict[str, NDArray[np.float32]]) -> None:
    """Rounds of fewer items than there are."""
    tensors["item_rounds"] = np.zeros(2, dtype=np.int32)


def with_rounds_below_none(tensors: dict[str, NDArray[np.float32]]) -> None:
    """An item that was in less than no round."""
    tensors["item_rounds"] = np.full(1, -1, dtype=np.int32)


@pytest.mark.parametrize(
    "spoil",
    [
        transposed,
        without_popularity,
        not_finite,
        of_another_precision,
        with_another_basis,
        with_rounds_for_some,
        with_rounds_below_none,
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    saved: Path, spoil: Callable[[dict[str, NDArray[np.float32]]], None]
) -> None:
    """A well-formed file whose arrays are not the settings' is refused, not reinterpreted."""
    content = saved.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    tensors = load(content)
    spoil(tensors)
    saved.write_bytes(save(tensors, metadata=header["__metadata__"]))
    with pytest.raises(DataError, match="not a ranker file"):
        Ranker.load(saved)


def test_other_formats_are_refused(saved: Path) -> None:
    """A file of a later format is not read as one of this."""
    content = saved.read_bytes()
    saved.write_bytes(content.replace(b"penchant ranker 1", b"penchant ranker 2"))
    with pytest.raises(DataError, match="penchant ranker 1"):
        Ranker.load(saved)


def test_settings_as_json_are_what_identities_were_made_of() -> None:
    """The JSON that a ranker's id is a hash of does not change: ids of earlier rankers hold."""
    settings = RankerSettings(
        preset=Preset.TEXT, items=3, features=2, dimension=1, history_length=4, catalogue="ab"
    )
    assert settings.to_json() == (
        '{"preset":"text","items":3,"features":2,"dimension":1,"history_length":4,"catalogue":"ab"}'
    )
    assert RankerSettings.from_json(settings.to_json()) == settings
    with pytest.raises(ConfigurationError, match="choose one of full, text, compact"):
        RankerSettings.from_json(settings.to_json().replace("text", "huge"))
    with pytest.raises(TypeError, match="colour"):
        RankerSettings.from_json(settings.to_json().replace("features", "colour"))


def with_rounds(ranker: Ranker, *rounds: int) -> Ranker:
    """The ranker, with rounds for the first items and 9 for the others."""
    counted = [*rounds, *[9] * (ranker.settings.items - len(rounds))]
    return replace(ranker, item_rounds=np.array(counted, dtype=np.int32))


@pytest.mark.parametrize("rounds", [(9, 9), (0, 4, 5, 9)])
def test_rounds_of_items_are_saved_and_are_no_part_of_the_identity(
    make_ranker: MakeRanker, rounds: tuple[int, ...], tmp_path: Path
) -> None:
    """They are counted on from release to release of one ranker."""
    plain = make_ranker(Preset.COMPACT)
    counted = with_rounds(plain, *rounds)
    counted.save(tmp_path / "ranker")
    loaded = Ranker.load(tmp_path / "ranker")
    assert loaded.item_rounds is not None
    assert counted.item_rounds is not None
    assert loaded.item_rounds.tolist() == counted.item_rounds.tolist()
    assert loaded.model_id == plain.model_id
    tensors = load((tmp_path / "ranker").read_bytes())
    assert len(tensors["item_rounds"]) == (1 if rounds == (9, 9) else plain.settings.items)


def test_items_of_less_than_half_of_the_rounds_are_new(make_ranker: MakeRanker) -> None:
    """Half of what the longest-standing items were in is enough; not known is the same for all."""
    plain = make_ranker(Preset.TEXT)
    assert plain.new_items.tolist() == []
    assert with_rounds(plain, 0, 4, 5, 9).new_items.tolist() == [0, 1]
    assert with_rounds(plain, 18).new_items.tolist() == []
    assert not with_rounds(plain, 0).untrained
    even = replace(plain, item_rounds=np.zeros(plain.settings.items, dtype=np.int32))
    assert even.untrained
    assert even.new_items.tolist() == []


def test_too_few_known_items_tell_nothing_of_new_ones(make_ranker: MakeRanker) -> None:
    """Where no more items are known than there are features, none counts as new."""
    plain = make_ranker(Preset.TEXT)
    known, features = plain.settings.items, plain.settings.features
    enough = with_rounds(plain, *[0] * (known - features - 1))
    assert len(enough.new_items) == known - features - 1
    assert len(with_rounds(plain, *[0] * (known - features)).new_items) == 0


def test_rounds_are_one_number_an_item(make_ranker: MakeRanker) -> None:
    """Fewer are refused."""
    ranker = make_ranker(Preset.TEXT)
    with pytest.raises(ConfigurationError, match=r"rounds of shape \(2,\) were given for"):
        replace(ranker, item_rounds=np.zeros(2, dtype=np.int32))


def test_a_ranker_that_goes_on_from_another_is_of_its_family(make_ranker: MakeRanker) -> None:
    """It has an identity of its own, which says what it goes on from."""
    first = make_ranker(Preset.TEXT)
    assert first.family == first.model_id
    second = replace(
        first, settings=replace(first.settings, continues=first.model_id, family=first.family)
    )
    third = replace(
        first, settings=replace(first.settings, continues=second.model_id, family=second.family)
    )
    assert second.family == third.family == first.model_id
    assert len({first.model_id, second.model_id, third.model_id}) == 3
    assert RankerSettings.from_json(third.settings.to_json()) == third.settings


@pytest.mark.parametrize("name", ["since", "anew"])
def test_rankers_begun_at_different_releases_are_different(
    make_ranker: MakeRanker, name: str
) -> None:
    """And releases are counted from 1."""
    plain = make_ranker(Preset.TEXT)
    met = [plain]
    for release in (1, 2):
        settings = RankerSettings(**{**asdict(plain.settings), name: release})
        assert RankerSettings.from_json(settings.to_json()) == settings
        met.append(replace(plain, settings=settings))
    assert len({ranker.model_id for ranker in met}) == 3
    for wrong in (0, True, "1"):
        with pytest.raises(ConfigurationError, match="it must be a release's number"):
            RankerSettings(**{**asdict(plain.settings), name: wrong})
