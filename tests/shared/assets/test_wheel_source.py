"""Tests of files out of wheels, with the real pip and a folder of wheels as its index."""

from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

from penchant.shared.assets import Asset, AssetStore
from penchant.shared.assets.sources import WheelSource
from penchant.shared.errors import AssetError

FILES = {"one.txt": b"one", "deep/two.bin": b"\0" * 5000}
MakeAsset = Callable[..., Asset]
SOURCE = WheelSource(package="sample-files", version="1.2", folder="sample_files/data")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the user's pip settings name as the only place for wheels."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def _add_wheel(folder: Path, files: dict[str, bytes]) -> Path:
    wheel = folder / "sample_files-1.2-py3-none-any.whl"
    info = "sample_files-1.2.dist-info"
    with ZipFile(wheel, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"sample_files/data/{name}", content)
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: sample-files\nVersion: 1.2\n"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return wheel


def test_members_are_copied_out_of_the_wheel(
    tmp_path: Path, index: Path, make_asset: MakeAsset
) -> None:
    """Files come from the wheel that the user's own pip settings find; no wheel is left."""
    _add_wheel(index, {**FILES, "unwanted.txt": b""})
    store, asset = AssetStore(tmp_path / "store"), make_asset(FILES, SOURCE)
    folder = store.fetch(asset)
    assert {name: (folder / name).read_bytes() for name in FILES} == FILES
    store.verify(asset)
    assert not (folder / "unwanted.txt").exists()
    assert not list((tmp_path / "store").rglob("*.whl"))


def test_a_wheel_that_pip_does_not_find(tmp_path: Path, index: Path, make_asset: MakeAsset) -> None:
    """What pip says is passed on, in one line."""
    assert not list(index.iterdir())
    with pytest.raises(AssetError, match=r"sample-files==1.2.*No matching distribution") as failure:
        AssetStore(tmp_path / "store").fetch(make_asset(FILES, SOURCE))
    assert "\n" not in str(failure.value)


def test_a_wheel_without_the_member(tmp_path: Path, index: Path, make_asset: MakeAsset) -> None:
    """A missing member is named."""
    _add_wheel(index, {"one.txt": b"one"})
    with pytest.raises(AssetError, match=r"no member sample_files/data/deep/two\.bin"):
        AssetStore(tmp_path / "store").fetch(make_asset(FILES, SOURCE))


def test_a_broken_wheel_is_thrown_away(tmp_path: Path, index: Path, make_asset: MakeAsset) -> None:
    """A half-written wheel is an error once, and the next fetch gets another."""
    store, asset = AssetStore(tmp_path / "store"), make_asset(FILES, SOURCE)
    broken = store.path(asset).with_name(f"{store.path(asset).name}.partial") / "scratch"
    kept = broken / "sample-files-1.2" / _add_wheel(index, FILES).name
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"PK not a zip")
    with pytest.raises(AssetError, match="not a whole wheel"):
        store.fetch(asset)
    store.fetch(asset)
    store.verify(asset)
