"""Tests of packed catalogues: what travels, and that nothing else is let in."""

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.shared.catalogue import Catalogue, Precision
from penchant.shared.catalogue.packing import pack_catalogue, packed_hash, unpack_catalogue
from penchant.shared.errors import DataError

ITEMS = ["a", "ü", "", "item-3"]
TEXTS = ["one", "two", "три", ""]
EMBEDDINGS = np.random.default_rng(0).standard_normal((4, 5)).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue on disk."""
    place = tmp_path_factory.mktemp("packing") / "catalogue"
    Catalogue.write(place, ITEMS, texts=TEXTS, embeddings=EMBEDDINGS, embedded_by="e")
    return place


@pytest.fixture(scope="module")
def packed(folder: Path) -> bytes:
    """The same, packed."""
    path = folder.parent / "packed"
    pack_catalogue(folder, path)
    return path.read_bytes()


@pytest.mark.parametrize("precision", list(Precision))
@pytest.mark.parametrize("texts", [TEXTS, None])
def test_a_catalogue_travels_as_one_file(
    precision: Precision, texts: list[str] | None, tmp_path: Path
) -> None:
    """Every file comes back to the byte, packing is repeatable, and any tar reads it."""
    Catalogue.write(
        tmp_path / "made", ITEMS, texts=texts, embeddings=EMBEDDINGS, precision=precision
    )
    pack_catalogue(tmp_path / "made", tmp_path / "packed")
    unpack_catalogue(tmp_path / "packed", tmp_path / "unpacked")
    made, unpacked = tmp_path / "made", tmp_path / "unpacked"
    names = sorted(path.name for path in made.iterdir())
    assert sorted(path.name for path in unpacked.iterdir()) == names
    assert all((made / n).read_bytes() == (unpacked / n).read_bytes() for n in names)
    assert packed_hash(unpacked) == sha256((tmp_path / "packed").read_bytes()).hexdigest()
    with tarfile.open(tmp_path / "packed") as archive:
        assert archive.getnames()[0] == "manifest.json"
        assert sorted(archive.getnames()) == names
    catalogue = Catalogue.open(unpacked)
    assert (list(catalogue.items), catalogue.held) == (ITEMS, False)


def archive_of(files: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """A tar of members, as tarfile writes it."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for member, content in files:
            member.size = len(content) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(content))
    return made.getvalue()


def members(folder: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    """The members that a packed catalogue has, in order."""
    names = ["manifest.json", *sorted(p.name for p in folder.iterdir() if p.suffix != ".json")]
    return [(tarfile.TarInfo(name), (folder / name).read_bytes()) for name in names]


def linked(folder: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    """One member is a link out of the folder."""
    files = members(folder)
    files[1][0].type, files[1][0].linkname = tarfile.SYMTYPE, "/etc/passwd"
    return files


def renamed(name: str) -> Callable[[Path], list[tuple[tarfile.TarInfo, bytes]]]:
    """One member has another name."""

    def change(folder: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
        files = members(folder)
        files[1][0].name = name
        return files

    return change


def set_mode(folder: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    """One member is executable."""
    files = members(folder)
    files[2][0].mode = 0o4755
    return files


HOSTILE: dict[str, Callable[[Path], list[tuple[tarfile.TarInfo, bytes]]]] = {
    "path": renamed("../../embeddings"),
    "absolute path": renamed("/embeddings"),
    "another name": renamed("passwd"),
    "link": linked,
    "mode": set_mode,
    "twice": lambda folder: [*members(folder)[:2], *members(folder)[1:]],
    "one too many": lambda folder: [*members(folder), (tarfile.TarInfo("zzz"), b"x")],
    "one too few": lambda folder: members(folder)[:-1],
    "another order": lambda folder: [*members(folder)[1:], members(folder)[0]],
    "manifest alone": lambda folder: members(folder)[:1],
    "nothing": lambda _folder: [],
    "large manifest": lambda folder: [
        (tarfile.TarInfo("manifest.json"), bytes(2**20)),
        *members(folder)[1:],
    ],
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_archives_are_refused(kind: str, folder: Path, tmp_path: Path) -> None:
    """Whatever a tar can hold beside a catalogue: refused, and nothing is left."""
    place = tmp_path / "in"
    place.mkdir()
    (tmp_path / "hostile").write_bytes(archive_of(HOSTILE[kind](folder)))
    with pytest.raises(DataError, match="not a packed catalogue"):
        unpack_catalogue(tmp_path / "hostile", place / "out")
    assert list(place.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hostile", "in"]


@given(data=st.data())
def test_another_byte_is_another_file(data: st.DataObject, packed: bytes, folder: Path) -> None:
    """A changed, missing or further byte is refused, wherever it is."""
    place = data.draw(st.integers(0, len(packed) - 1))
    changed = bytearray(packed)
    changed[place] ^= 1 << data.draw(st.integers(0, 7))
    wrong = data.draw(st.sampled_from([bytes(changed), packed[:place], packed + b"\0"]))
    path = folder.parent / "wrong"
    path.write_bytes(wrong)
    with pytest.raises(DataError):
        unpack_catalogue(path, folder.parent / "out")
    assert not (folder.parent / "out").exists()


def rewritten(folder: Path, place: Path, **contents: bytes) -> Path:
    """The same catalogue with other contents, with the hashes that they have."""
    place.mkdir()
    for path in folder.iterdir():
        (place / path.name).write_bytes(contents.get(path.name, path.read_bytes()))
    manifest = json.loads((place / "manifest.json").read_bytes())
    for name in manifest["files"]:
        manifest["files"][name] = sha256((place / name).read_bytes()).hexdigest()
    (place / "manifest.json").write_text(json.dumps(manifest))
    return place


def numbers(values: list[Any], dtype: str) -> bytes:
    """Numbers as a file has them."""
    return np.array(values, dtype=dtype).tobytes()


UNSOUND: dict[str, dict[str, bytes]] = {
    "offsets that go back": {"id_offsets": numbers([0, 3, 1, 1, 9], "<u8")},
    "offsets past the end": {"id_offsets": numbers([0, 1, 3, 3, 2**60], "<u8")},
    "offsets from elsewhere": {"text_offsets": numbers([1, 3, 6, 12, 12], "<u8")},
    "ids that are no text": {"ids": b"\xff" * 9},
    "texts that are no text": {"texts": b"\xff" * 12},
    "other ids": {"ids": b"b\xc3\xbcitem-3"},
    "rows twice": {"rows": numbers([0, 0, 1, 2], "<u4")},
    "rows that are not there": {"rows": numbers([0, 1, 2, 2**31], "<u4")},
    "other hashes": {"hashes": numbers([1, 2, 3, 4], "<u8")},
    "scales that are no numbers": {"scales": numbers([1, 1, np.nan, 1], "<f4")},
    "scales that make no numbers": {"scales": numbers([1, -3e38, 1, 1], "<f4")},
}


@pytest.mark.parametrize("kind", UNSOUND)
def test_what_is_signed_may_still_be_nonsense(kind: str, folder: Path, tmp_path: Path) -> None:
    """Files whose hashes are right and that contradict each other are refused."""
    place = rewritten(folder, tmp_path / "made", **UNSOUND[kind])
    pack_catalogue(place, tmp_path / "packed")
    with pytest.raises(DataError, match=r"not sound|not a packed"):
        unpack_catalogue(tmp_path / "packed", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_repeated_ids_are_refused(tmp_path: Path, folder: Path) -> None:
    """Two items of one id would be one for a device."""
    from penchant.shared.catalogue.index import Fingerprint, id_hashes

    ids = [b"a", b"b", b"b", b"c"]
    fingerprint = Fingerprint()
    for item in ids:
        fingerprint.add(item)
    hashes = id_hashes(ids)
    order = np.argsort(hashes, kind="stable")
    place = rewritten(
        folder,
        tmp_path / "made",
        ids=b"".join(ids),
        id_offsets=numbers([0, 1, 2, 3, 4], "<u8"),
        hashes=hashes[order].tobytes(),
        rows=order.astype("<u4").tobytes(),
    )
    manifest = json.loads((place / "manifest.json").read_bytes())
    manifest["fingerprint"] = fingerprint.value()
    (place / "manifest.json").write_text(json.dumps(manifest))
    pack_catalogue(place, tmp_path / "packed")
    with pytest.raises(DataError, match="'b' is repeated"):
        unpack_catalogue(tmp_path / "packed", tmp_path / "out")


MEASURE = """
import sys
from pathlib import Path
from penchant.client import Catalogue, Device, Event, KeyFile, Scorer
from penchant.shared.catalogue.packing import unpack_catalogue
from penchant.shared.ranker import Ranker

folder = Path(sys.argv[1])

def resident():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096

unpack_catalogue(folder / "packed", folder / "items")
ranker = Ranker.load(folder / "ranker")
before = resident()
scorer = Scorer.bind(ranker, Catalogue.open(folder / "items", verify=False))
with Device.open(folder / "device", scorer, keys=KeyFile(folder / "key")) as device:
    device.observe(Event(kind="view", item="item-5"))
    assert len(device.recommend(k=10)) == 10
print(resident() - before)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux")  # noqa: PTH110
def test_a_device_maps_a_large_catalogue(tmp_path: Path) -> None:
    """With 100,000 items of 384 numbers (154 MB as float32) a device grows by 40 MB at most."""
    from penchant.shared.features import FeatureMap
    from penchant.shared.ranker import Preset, Ranker, RankerSettings

    rng = np.random.default_rng(0)
    count = 100_000
    block = rng.standard_normal((10_000, 384)).astype(np.float32)
    Catalogue.write(
        tmp_path / "made",
        (f"item-{n}" for n in range(count)),
        embeddings=np.concatenate([block * (n + 1) for n in range(10)]),
    )
    made = Catalogue.open(tmp_path / "made")
    shape = RankerSettings(
        preset=Preset.COMPACT,
        items=count,
        features=32,
        dimension=16,
        history_length=10,
        catalogue=made.fingerprint,
    )
    Ranker.initial(shape, FeatureMap.principal(made.spread(most=500), rank=32)).save(
        tmp_path / "ranker"
    )
    pack_catalogue(tmp_path / "made", tmp_path / "packed")
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path)], capture_output=True, text=True, check=True
    )
    grown = int(done.stdout)
    assert grown < 40e6, grown
