"""Tests of fetching: an asset is there whole and right, or not at all."""

import hashlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penchant.shared.assets import Asset, AssetStore, fetch, path
from penchant.shared.assets.sources import HubSource, UrlSource
from penchant.shared.errors import AssetError

FILES = {"small.json": b"{}", "deep/large.bin": bytes(range(256)) * 4096}
MakeAsset = Callable[..., Asset]

FETCH_IN_A_PROCESS = """
import sys
from pathlib import Path
from penchant.shared.assets import Asset, AssetFile, AssetStore
from penchant.shared.assets.sources import UrlSource
folder, base, *pins = sys.argv[1:]
files = tuple(AssetFile(p, h, int(n)) for p, h, n in (pin.split() for pin in pins))
AssetStore(Path(folder)).fetch(Asset("sample", "", "", "", (), files, (UrlSource(base),)))
"""


def _content(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def _process(folder: Path, base: str, asset: Asset) -> subprocess.Popen[bytes]:
    pins = [f"{file.path} {file.sha256} {file.size}" for file in asset.files]
    return subprocess.Popen([sys.executable, "-c", FETCH_IN_A_PROCESS, str(folder), base, *pins])


def test_a_fetched_asset_holds_exactly_its_files(
    tmp_path: Path, site: Any, make_asset: MakeAsset
) -> None:
    """Every file is there with its content, and nothing else is."""
    site.files = dict(FILES)
    asset = make_asset(FILES, UrlSource(site.address))
    store = AssetStore(tmp_path)
    folder = store.fetch(asset)
    assert _content(folder) == FILES
    assert folder == store.path(asset)
    store.verify(asset)


def test_a_second_fetch_asks_no_one(tmp_path: Path, site: Any, make_asset: MakeAsset) -> None:
    """What is there is used."""
    site.files = dict(FILES)
    asset = make_asset(FILES, UrlSource(site.address))
    AssetStore(tmp_path).fetch(asset)
    asked = len(site.requests)
    AssetStore(tmp_path).fetch(asset)
    assert len(site.requests) == asked == len(FILES)


def test_replace_fetches_again(tmp_path: Path, site: Any, make_asset: MakeAsset) -> None:
    """A corrupt asset is an error until the user asks to replace it."""
    site.files = dict(FILES)
    asset = make_asset(FILES, UrlSource(site.address))
    store = AssetStore(tmp_path)
    (store.fetch(asset) / "small.json").write_bytes(b"[]")
    with pytest.raises(AssetError, match="--replace"):
        store.fetch(asset)
    assert _content(store.fetch(asset, replace=True)) == FILES


def test_a_failed_replacement_keeps_what_was_there(
    tmp_path: Path, site: Any, make_asset: MakeAsset
) -> None:
    """Nothing is lost when a replacement cannot be had."""
    site.files = dict(FILES)
    asset = make_asset(FILES, UrlSource(site.address))
    store = AssetStore(tmp_path)
    store.fetch(asset)
    site.files.clear()
    with pytest.raises(AssetError, match="404"):
        store.fetch(asset, replace=True)
    store.verify(asset)


def test_a_wrong_hash_names_both_and_keeps_nothing(
    tmp_path: Path, site: Any, make_asset: MakeAsset
) -> None:
    """A file that is not the pinned one is an error with both hashes, and is not kept."""
    wrong = b"x" * len(FILES["deep/large.bin"])
    site.files = {**FILES, "deep/large.bin": wrong}
    asset = make_asset(FILES, UrlSource(site.address))
    store = AssetStore(tmp_path)
    with pytest.raises(AssetError) as failure:
        store.fetch(asset)
    assert hashlib.sha256(wrong).hexdigest() in str(failure.value)
    assert hashlib.sha256(FILES["deep/large.bin"]).hexdigest() in str(failure.value)
    assert not store.holds(asset)
    assert wrong not in _content(tmp_path).values()


@pytest.mark.parametrize("change", ["content", "missing"])
def test_verify_tells_what_is_corrupt(
    tmp_path: Path, site: Any, make_asset: MakeAsset, change: str
) -> None:
    """A file that changed or went is named; a changed one with both hashes."""
    site.files = dict(FILES)
    asset = make_asset(FILES, UrlSource(site.address))
    store = AssetStore(tmp_path)
    damaged = store.fetch(asset) / "small.json"
    if change == "content":
        damaged.write_bytes(b"[]")
        expected = [hashlib.sha256(content).hexdigest() for content in (b"[]", b"{}")]
    else:
        damaged.unlink()
        expected = ["missing"]
    with pytest.raises(AssetError) as failure:
        store.verify(asset)
    assert all(part in str(failure.value) for part in [*expected, "small.json", "--replace"])


def test_the_next_source_is_tried(tmp_path: Path, site: Any, make_asset: MakeAsset) -> None:
    """A source that lacks one file or has a wrong one does not stop another."""
    site.files = {"bad/small.json": b"[]"} | {
        f"good/{name}": content for name, content in FILES.items()
    }
    sources = [UrlSource(f"{site.address}/{place}") for place in ("none", "bad", "good")]
    assert _content(AssetStore(tmp_path).fetch(make_asset(FILES, *sources))) == FILES


def test_when_no_source_has_it_each_reason_is_told(
    tmp_path: Path, site: Any, make_asset: MakeAsset
) -> None:
    """One error says why each source failed."""
    site.files = {"bad/small.json": b"[]"}
    sources = [UrlSource(f"{site.address}/{place}") for place in ("none", "bad")]
    asset = make_asset(FILES, *sources, UrlSource((tmp_path / "nowhere").as_uri()))
    with pytest.raises(AssetError) as failure:
        AssetStore(tmp_path / "store").fetch(asset)
    for part in ("404", "expected", "nowhere", *(source.label for source in asset.sources)):
        assert part in str(failure.value)


def test_a_cut_connection_is_resumed(tmp_path: Path, site: Any, make_asset: MakeAsset) -> None:
    """After a cut nothing counts as fetched, and the next fetch asks only for the rest."""
    site.files, site.cut_after = dict(FILES), 300_000
    asset = make_asset(FILES, UrlSource(site.address))
    store = AssetStore(tmp_path)
    with pytest.raises(AssetError, match="stopped after 300,000 of 1,048,576 bytes"):
        store.fetch(asset)
    assert not store.holds(asset)
    site.cut_after = None
    site.requests.clear()
    assert _content(store.fetch(asset)) == FILES
    assert site.requests == [("deep/large.bin", "bytes=300000-")]


def test_a_site_without_ranges_restarts(tmp_path: Path, site: Any, make_asset: MakeAsset) -> None:
    """When the rest alone cannot be had, the whole file is fetched again."""
    site.files, site.cut_after, site.ranges = dict(FILES), 300_000, False
    store, asset = AssetStore(tmp_path), make_asset(FILES, UrlSource(site.address))
    with pytest.raises(AssetError):
        store.fetch(asset)
    site.cut_after = None
    assert _content(store.fetch(asset)) == FILES


def test_a_stale_part_does_not_spoil_the_file(
    tmp_path: Path, site: Any, make_asset: MakeAsset
) -> None:
    """What an interrupted fetch of something else left is thrown away, in the same fetch."""
    site.files = {**FILES, "deep/large.bin": b"stale" * 200_000}
    site.cut_after = 300_000
    store, asset = AssetStore(tmp_path), make_asset(FILES, UrlSource(site.address))
    with pytest.raises(AssetError):
        store.fetch(asset)
    site.files, site.cut_after = dict(FILES), None
    assert _content(store.fetch(asset)) == FILES


def test_a_killed_process_leaves_nothing_half_present(
    tmp_path: Path, site: Any, make_asset: MakeAsset
) -> None:
    """A process killed while a file comes leaves no asset, and no lock that stops the next."""
    site.files, site.stall_after = dict(FILES), 300_000
    asset = make_asset(FILES, UrlSource(site.address))
    store = AssetStore(tmp_path)
    with _process(tmp_path, site.address, asset) as process:
        while not any(part.stat().st_size for part in tmp_path.rglob("large.bin.part")):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert not store.holds(asset)
    site.stall_after = None
    assert _content(store.fetch(asset)) == FILES


def test_two_processes_fetch_once(tmp_path: Path, site: Any, make_asset: MakeAsset) -> None:
    """Of two processes that want one asset, one fetches it and the other waits and uses it."""
    site.files, site.stall_after = dict(FILES), 100
    asset = make_asset(FILES, UrlSource(site.address))
    processes = [_process(tmp_path, site.address, asset) for _ in range(2)]
    while not site.requests:
        time.sleep(0.01)
    site.resume.set()
    assert [process.wait() for process in processes] == [0, 0]
    assert sorted(name for name, _ in site.requests) == sorted(FILES)


def test_a_larger_file_is_not_written(tmp_path: Path, site: Any, make_asset: MakeAsset) -> None:
    """No more than the pinned size is ever written, whatever a site sends."""
    site.files = {"small.json": b"{}" * 1_000_000}
    asset = make_asset({"small.json": b"{}"}, UrlSource(site.address))
    with pytest.raises(AssetError, match="more than the expected 2 bytes"):
        AssetStore(tmp_path).fetch(asset)
    assert all(len(content) <= 2 for content in _content(tmp_path).values())


def test_the_hub_is_asked_for_the_pinned_revision(
    tmp_path: Path, site: Any, make_asset: MakeAsset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hub source reads ``repository/resolve/revision/path`` from the mirror in HF_ENDPOINT."""
    monkeypatch.setenv("HF_ENDPOINT", f"{site.address}/")
    site.files = {f"who/what/resolve/abc/{name}": content for name, content in FILES.items()}
    asset = make_asset(FILES, HubSource(repository="who/what", revision="abc"))
    assert _content(AssetStore(tmp_path).fetch(asset)) == FILES


def test_progress_reaches_the_size_of_each_file(
    tmp_path: Path, site: Any, make_asset: MakeAsset
) -> None:
    """Progress never goes back within a file and ends at its size."""
    site.files = dict(FILES)
    told: dict[str, list[int]] = {}
    AssetStore(tmp_path).fetch(
        make_asset(FILES, UrlSource(site.address)),
        progress=lambda step, done, _: told.setdefault(step, []).append(done),
    )
    assert {step: done[-1] for step, done in told.items()} == {
        name: len(content) for name, content in FILES.items()
    }
    assert all(done == sorted(done) for done in told.values())


def test_an_unknown_name_lists_the_known_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An asset that does not exist is an error that says which do."""
    monkeypatch.setenv("PENCHANT_CACHE", str(tmp_path))
    with pytest.raises(AssetError, match=r"'mini'.*minilm, movielens-100k"):
        fetch("mini")


def test_the_cache_folder_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PENCHANT_CACHE says where assets are kept."""
    monkeypatch.setenv("PENCHANT_CACHE", str(tmp_path))
    assert path("minilm").is_relative_to(tmp_path)


def test_a_folder_that_cannot_be_written_is_one_clear_error(
    tmp_path: Path, make_asset: MakeAsset
) -> None:
    """A cache that cannot be made is an error that says what to set."""
    (tmp_path / "file").touch()
    with pytest.raises(AssetError, match="PENCHANT_CACHE"):
        AssetStore(tmp_path / "file" / "cache").fetch(make_asset(FILES))


def test_the_fingerprint_follows_the_pins(make_asset: MakeAsset) -> None:
    """Another pinned content is another folder, so that old and new never mix."""
    assert make_asset(FILES).fingerprint == make_asset(FILES).fingerprint
    assert make_asset(FILES).fingerprint != make_asset({**FILES, "small.json": b"[]"}).fingerprint
