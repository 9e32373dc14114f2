"""Catalogues on disk: the same items, and damage is told."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from penchant.shared.catalogue import UNKNOWN_ITEM, Catalogue, Precision
from penchant.shared.catalogue.index import MappedIndex, id_hashes
from penchant.shared.catalogue.mapping import MappedFile
from penchant.shared.catalogue.strings import MappedStrings
from penchant.shared.errors import ConfigurationError, DataError

ITEMS = [f"item-{number}" for number in range(40)]
TEXTS = [f"the title of {number}" for number in range(40)]


def unit_rows(items: int, *, seed: int = 0) -> NDArray[np.float32]:
    """Embeddings of norm 1, float32 (items, 12)."""
    rows = np.random.default_rng(seed).standard_normal((items, 12))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A catalogue on disk, of int8 rows."""
    Catalogue.write(tmp_path / "catalogue", ITEMS, texts=TEXTS, embeddings=unit_rows(40))
    return tmp_path / "catalogue"


names = st.lists(st.text(min_size=0, max_size=6), min_size=1, max_size=30, unique=True).filter(
    lambda ids: all(_is_utf8(item) for item in ids)
)


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


@given(items=names, strangers=names, texts=st.booleans())
def test_a_mapped_catalogue_is_the_one_in_memory(
    tmp_path_factory: pytest.TempPathFactory, items: list[str], strangers: list[str], texts: bool
) -> None:
    """Any ids: order, texts, rows by id, strangers and fingerprint are those held in memory."""
    folder = tmp_path_factory.mktemp("catalogue") / "catalogue"
    embeddings = unit_rows(len(items))
    given_texts = [f"about {item}" for item in items] if texts else None
    held = Catalogue.of(items, embeddings, texts=given_texts)
    Catalogue.write(
        folder, iter(items), texts=given_texts, embeddings=embeddings, precision="float32"
    )
    mapped = Catalogue.open(folder)
    assert list(mapped.items) == list(held.items) == items
    assert [mapped.text(row) for row in range(len(items))] == [
        held.text(row) for row in range(len(items))
    ]
    asked = [*strangers, None, *reversed(items)]
    assert mapped.positions(asked).tolist() == held.positions(asked).tolist()
    assert (len(mapped), mapped.dimension) == (len(held), held.dimension)
    assert mapped.fingerprint == held.fingerprint
    np.testing.assert_array_equal(mapped.embeddings, embeddings)


@pytest.mark.parametrize(
    ("precision", "error"),
    # Half a step of the scale (at most 1 / 127), and half the last bit of numbers below 1.
    [(Precision.FLOAT32, 0.0), (Precision.FLOAT16, 2.0**-12), (Precision.INT8, 0.5 / 127 + 1e-7)],
)
def test_precisions_keep_what_they_say(tmp_path: Path, precision: Precision, error: float) -> None:
    """Every number is within half a step of its precision, by rows and by blocks alike."""
    embeddings = unit_rows(20_000)  # ten blocks
    Catalogue.write(
        tmp_path / "c", map(str, range(20_000)), embeddings=embeddings, precision=precision
    )
    mapped = Catalogue.open(tmp_path / "c")
    assert np.abs(mapped.embeddings - embeddings).max() <= error
    found = np.full_like(embeddings, np.nan)
    for block, rows in mapped.blocks():
        found[block] = rows
    np.testing.assert_array_equal(found, mapped.embeddings)
    some = np.array([19_999, 0, 2048, 2047, 0])
    np.testing.assert_array_equal(mapped.rows(some), found[some])


def test_rows_of_zeros_stay_zeros(tmp_path: Path) -> None:
    """A row of zeros has no scale; it comes back as zeros."""
    embeddings = unit_rows(3)
    embeddings[1] = 0
    Catalogue.write(tmp_path / "c", "abc", embeddings=embeddings)
    rows = Catalogue.open(tmp_path / "c").embeddings
    assert not rows[1].any()
    assert rows[[0, 2]].any(axis=1).all()


class Lengths:
    """An encoder: a text's length and a constant, normalised."""

    dimension = 2
    fingerprint = "lengths"

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return embeddings of unit norm, float32 (n, 2)."""
        rows = np.array([[len(text), 1.0] for text in texts])
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows.astype(np.float32)


def test_texts_are_embedded_as_they_come(tmp_path: Path) -> None:
    """With an encoder, the texts of an iterator are embedded, and the encoder is noted."""

    def texts() -> Iterator[str]:
        yield from ("a", "bcd")

    Catalogue.write(
        tmp_path / "c", "xy", texts=texts(), encoder=Lengths(), precision=Precision.FLOAT32
    )
    mapped = Catalogue.open(tmp_path / "c")
    np.testing.assert_array_equal(mapped.embeddings, Lengths().encode(["a", "bcd"]))
    assert mapped.encoder == "lengths"


def test_items_are_a_sequence(folder: Path) -> None:
    """Ids of a mapped catalogue are read like a tuple's."""
    items = Catalogue.open(folder).items
    assert items[3] == "item-3"
    assert items[-1] == "item-39"
    assert items[2:4] == ("item-2", "item-3")
    assert "item-7" in items
    for place in (40, -41):
        with pytest.raises(IndexError, match=f"place {place} is not among 40"):
            items[place]


def test_ids_decide_where_hashes_agree(tmp_path: Path) -> None:
    """Items whose hashes agree are told apart by their ids, and strangers are still strangers."""
    digest = int(id_hashes([b"b"])[0])
    (tmp_path / "ids").write_bytes(b"abc")
    (tmp_path / "offsets").write_bytes(np.arange(4, dtype="<u8").tobytes())
    (tmp_path / "hashes").write_bytes(np.full(3, digest, dtype="<u8").tobytes())
    (tmp_path / "rows").write_bytes(np.array([2, 0, 1], dtype="<u4").tobytes())
    index = MappedIndex(
        MappedStrings(MappedFile(tmp_path / "ids"), MappedFile(tmp_path / "offsets")),
        MappedFile(tmp_path / "hashes"),
        MappedFile(tmp_path / "rows"),
    )
    assert index.positions(["b"]).tolist() == [1]
    (tmp_path / "ids").write_bytes(b"axc")
    index = MappedIndex(
        MappedStrings(MappedFile(tmp_path / "ids"), MappedFile(tmp_path / "offsets")),
        MappedFile(tmp_path / "hashes"),
        MappedFile(tmp_path / "rows"),
    )
    assert index.positions(["b"]).tolist() == [UNKNOWN_ITEM]


def test_every_flipped_byte_is_found(folder: Path) -> None:
    """A changed byte in any file is a DataError, which names the file unless it is the manifest."""
    for file in sorted(folder.iterdir()):
        content = file.read_bytes()
        middle = len(content) // 2
        file.write_bytes(content[:middle] + bytes([content[middle] ^ 0x55]) + content[middle + 1 :])
        with pytest.raises(DataError, match="." if file.name == "manifest.json" else file.name):
            Catalogue.open(folder)
        file.write_bytes(content)
    assert len(Catalogue.open(folder)) == 40


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("name", ["embeddings", "scales", "hashes", "rows", "id_offsets"])
def test_short_and_missing_files_are_found(folder: Path, name: str, verify: bool) -> None:
    """A file cut short or gone is a DataError, whether hashes are checked or not."""
    (folder / name).write_bytes((folder / name).read_bytes()[:-1])
    with pytest.raises(DataError, match=rf"{name} is damaged: it has \d+ bytes"):
        Catalogue.open(folder, verify=verify)
    (folder / name).unlink()
    with pytest.raises(DataError, match=f"{name} is missing"):
        Catalogue.open(folder, verify=verify)


def test_what_is_no_catalogue_is_told(tmp_path: Path, folder: Path) -> None:
    """An absent folder, one of something else, and another format are each a clear error."""
    with pytest.raises(DataError, match="is not a catalogue: it has no manifest"):
        Catalogue.open(tmp_path / "absent")
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace("catalogue 1", "catalogue 9"))
    with pytest.raises(DataError, match="format 'penchant catalogue 9'; this penchant reads"):
        Catalogue.open(folder)
    manifest.write_text("[")
    with pytest.raises(DataError, match="cannot be read"):
        Catalogue.open(folder)


BAD = {
    "repeated": (["a", "b", "a"], None, unit_rows(3), "1 item ids of the catalogue are repeated"),
    "few": (["a", "b", "c"], None, unit_rows(2), r"at least 3 items but embeddings of shape \(2,"),
    "many": (["a", "b"], None, unit_rows(3), "2 items and 3 embeddings"),
    "flat": (["a", "b"], None, unit_rows(3)[0], r"embeddings of shape \(12,\)"),
    "texts": (["a", "b"], ["one"], unit_rows(2), "cannot be written"),
    "broken": (["a", "b"], None, unit_rows(2) * np.nan, "not finite"),
    "none": ([], None, unit_rows(0), "at least one item"),
    "surrogate": (["\ud800"], None, unit_rows(1), "cannot be written.*surrogates"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_written_leaves_nothing(tmp_path: Path, case: str) -> None:
    """Bad items, texts or embeddings are a DataError, and no folder is left."""
    items, texts, embeddings, message = BAD[case]
    with pytest.raises(DataError, match=message):
        Catalogue.write(tmp_path / "c", items, texts=texts, embeddings=embeddings)
    assert list(tmp_path.iterdir()) == []


def test_settings_that_contradict_are_refused(tmp_path: Path) -> None:
    """Embeddings and an encoder, neither, an encoder without texts, and unknown precisions."""
    rows = unit_rows(1)
    with pytest.raises(ConfigurationError, match="either the embeddings or the encoder"):
        Catalogue.write(tmp_path / "c", "a", texts="a", embeddings=rows, encoder=Lengths())
    with pytest.raises(ConfigurationError, match="either the embeddings or the encoder"):
        Catalogue.write(tmp_path / "c", "a", texts="a")
    with pytest.raises(ConfigurationError, match="give the items' texts"):
        Catalogue.write(tmp_path / "c", "a", encoder=Lengths())
    with pytest.raises(ConfigurationError, match="'int4'; choose one of float32, float16, int8"):
        Catalogue.write(tmp_path / "c", "a", embeddings=rows, precision="int4")
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_overwritten(folder: Path) -> None:
    """A folder that holds something is refused and left as it was."""
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(DataError, match="is there already"):
        Catalogue.write(folder, "a", embeddings=unit_rows(1))
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
