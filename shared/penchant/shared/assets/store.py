"""The folder that keeps fetched assets: each is there whole and checked, or not at all."""

import logging
import shutil
from pathlib import Path

from filelock import FileLock

from penchant.shared.assets.asset import Asset, AssetFile, Progress, Source, silent
from penchant.shared.assets.catalogue import find
from penchant.shared.assets.sources import SourceError
from penchant.shared.errors import AssetError
from penchant.shared.files import CACHE_VARIABLE, cache_folder, sha256_of

__all__ = ["AssetStore", "fetch", "path", "verify"]

logger = logging.getLogger(__name__)


class AssetStore:
    """Assets in one folder, by name and fingerprint.

    Args:
        folder: where to keep them; made when first needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, asset: Asset) -> Path:
        """Return the folder that holds ``asset`` once it is fetched."""
        return self._folder / f"{asset.name}-{asset.fingerprint}"

    def holds(self, asset: Asset) -> bool:
        """Whether ``asset`` was fetched; its files are not read."""
        return self.path(asset).is_dir()

    def verify(self, asset: Asset) -> None:
        """Read every file of ``asset`` and compare its hash with the pinned one.

        Raises:
            AssetError: the asset is not fetched, or a file is missing or has another hash.
        """
        if not self.holds(asset):
            raise AssetError(
                f"{asset.name} is not in {self._folder}; run: penchant assets fetch {asset.name}"
            )
        remedy = f"run: penchant assets fetch --replace {asset.name}"
        for file in asset.files:
            held = self.path(asset) / file.path
            if not held.is_file():
                raise AssetError(f"{asset.name} is corrupt: {held} is missing; {remedy}")
            difference = _difference(file, held)
            if difference:
                raise AssetError(f"{asset.name} is corrupt: {held}: {difference}; {remedy}")

    def fetch(
        self, asset: Asset, *, replace: bool = False, progress: Progress | None = None
    ) -> Path:
        """Return the folder with every file of ``asset``, fetching and checking them if needed.

        Files gather in a folder beside it, which takes its place in one rename when all are
        there and right. Processes that want the same asset wait for one another.

        Args:
            asset: what to fetch.
            replace: fetch again what is already there.
            progress: told of every step.

        Raises:
            AssetError: what is there is corrupt; or no source has the files, with the reason
                of each; or the folder cannot be written.
        """
        final = self.path(asset)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with FileLock(final.with_name(f"{final.name}.lock")):
                if self.holds(asset) and not replace:
                    self.verify(asset)
                else:
                    self._gather(asset, progress or silent)
        except OSError as error:
            raise AssetError(
                f"cannot keep {asset.name} in {self._folder}: {error}; "
                f"set {CACHE_VARIABLE} to a folder that can be written"
            ) from error
        return final

    def _gather(self, asset: Asset, progress: Progress) -> None:
        final = self.path(asset)
        partial = final.with_name(f"{final.name}.partial")
        gathered, scratch = partial / "files", partial / "scratch"
        scratch.mkdir(parents=True, exist_ok=True)
        reasons = []
        for source in asset.sources:
            try:
                for file in asset.files:
                    if not (gathered / file.path).exists():
                        _obtain(source, file, gathered / file.path, scratch, progress)
                break
            except SourceError as error:
                logger.info("%s: %s", source.label, error)
                reasons.append(f"[{source.label}] {error}")
        else:
            raise AssetError(f"no source could give {asset.name}: {'; '.join(reasons)}")
        shutil.rmtree(final, ignore_errors=True)
        gathered.rename(final)
        shutil.rmtree(partial)


def fetch(name: str, *, replace: bool = False, progress: Progress | None = None) -> Path:
    """Return the folder with the files of the asset called ``name``, fetching it if needed.

    Args:
        name: an asset's name, such as ``"minilm"``.
        replace: fetch again what is already there.
        progress: called with what is being done, the bytes done and the bytes in all.

    Raises:
        AssetError: the name is unknown, what is there is corrupt, or no source has the files.
    """
    return _user_store().fetch(find(name), replace=replace, progress=progress)


def verify(name: str) -> None:
    """Check every file of a fetched asset against its pinned hash.

    Raises:
        AssetError: the name is unknown, or the asset is not fetched or corrupt.
    """
    _user_store().verify(find(name))


def path(name: str) -> Path:
    """Return the folder that holds the asset called ``name`` once it is fetched.

    Raises:
        AssetError: the name is unknown.
    """
    return _user_store().path(find(name))


def _user_store() -> AssetStore:
    return AssetStore(cache_folder() / "assets")


def _obtain(
    source: Source, file: AssetFile, target: Path, scratch: Path, progress: Progress
) -> None:
    """Put ``file`` at ``target``, with the right hash."""
    part = target.with_name(target.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    resumed = part.exists()
    source.obtain(file, part, scratch=scratch, progress=progress)
    difference = _difference(file, part)
    if difference and resumed:
        # What an earlier attempt left may come from something else: once more from the start.
        part.unlink()
        source.obtain(file, part, scratch=scratch, progress=progress)
        difference = _difference(file, part)
    if difference:
        part.unlink()
        raise SourceError(f"{file.path}: {difference}")
    part.rename(target)


def _difference(file: AssetFile, held: Path) -> str | None:
    actual = sha256_of(held)
    return None if actual == file.sha256 else f"sha256 is {actual}, expected {file.sha256}"
