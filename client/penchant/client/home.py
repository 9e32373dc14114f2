"""A device's home: its folder, and what it is opened with, written down once.

An app opens its device with ``Device.open`` and knows what with. The command line and the runtime
that joins a server start anew each time, so ``device.json`` in the folder says it for them. It
holds paths and names, nothing about the person.
"""

import os
import shutil
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from penchant.client.device import Device
from penchant.client.settings import DeviceSettings
from penchant.client.storage import KeyFile, KeySource, OsKeyStore, Passphrase, change_keys
from penchant.shared.catalogue import Catalogue
from penchant.shared.encoding import Encoder
from penchant.shared.encoding.cached import find_bundle
from penchant.shared.errors import ConfigurationError, StoreError
from penchant.shared.files import whole_folder, write_atomically
from penchant.shared.randomness import Randomness
from penchant.shared.ranker import Ranker
from penchant.shared.scoring import Scorer

__all__ = ["HOME_FILE", "Home", "KeyChoice"]

HOME_FILE = "device.json"
SERVED = "served-"


class KeyChoice(StrEnum):
    """What the device's keys are wrapped with.

    ``os``: a key in the operating system's key store. ``passphrase``: one that the person types.
    ``file``: a file that only its owner can read, kept somewhere else than the device's folder.
    """

    OS = "os"
    PASSPHRASE = "passphrase"
    FILE = "file"


class Home(BaseModel):
    """What a device is opened with.

    Attributes:
        catalogue: folder of the items that can be recommended.
        ranker: file of the ranker release; None for one that has learnt nothing yet.
        encoder: a bundle's folder, or the name of one that can be built; None for a device that
            meets catalogue items only.
        keys: what its keys are wrapped with.
        key_file: where, for ``KeyChoice.FILE``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    catalogue: Path
    ranker: Path | None = None
    encoder: str | None = None
    keys: KeyChoice = KeyChoice.OS
    key_file: Path | None = None

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Return the home that was written down in ``folder``.

        Raises:
            ConfigurationError: there is none, or it is not readable.
        """
        path = folder / HOME_FILE
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise ConfigurationError(
                f"{folder} is not a device's folder; make one with: penchant device init "
                f"--device {folder}"
            ) from None
        except (OSError, ValidationError) as error:
            raise ConfigurationError(f"{path} cannot be read: {error}") from error

    def require_fit(self, folder: Path) -> None:
        """Do nothing.

        Raises:
            ConfigurationError: ``folder`` is a device's already, or the key file is not somewhere
                else.
        """
        if (folder / HOME_FILE).exists():
            raise ConfigurationError(f"{folder} is a device's folder already; choose another")
        self._require_key_file(folder)

    def _require_key_file(self, folder: Path) -> None:
        if (self.keys is KeyChoice.FILE) != (self.key_file is not None):
            raise ConfigurationError("a key file goes with keys in a file, and only there")
        if self.key_file is not None:
            KeyFile(self.key_file).require_outside(folder)

    def write(self, folder: Path) -> None:
        """Write it down in ``folder``.

        Raises:
            ConfigurationError: see ``require_fit``.
        """
        self.require_fit(folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._save(folder)

    def open(
        self,
        folder: Path,
        *,
        ask_passphrase: Callable[[], str],
        settings: DeviceSettings | None = None,
        scorer: Scorer | None = None,
        randomness: Randomness | None = None,
        keys: KeySource | None = None,
    ) -> Device:
        """Return the device that lives in ``folder``, open.

        Args:
            folder: the device's folder.
            ask_passphrase: called where the keys are wrapped with one.
            settings: how it keeps and learns.
            scorer: a ranker and its catalogue to use instead of those written down.
            randomness: draws batches and noise; the operating system, if not given.
            keys: what ``key_source`` gave before; a passphrase's key is then derived once only.
        """
        return Device.open(
            folder,
            scorer or self._scorer(),
            keys=keys or self.key_source(ask_passphrase),
            encoder=None if self.encoder is None else Encoder.open(find_bundle(self.encoder)),
            settings=settings,
            randomness=randomness,
        )

    def change_keys(
        self, folder: Path, changed: Self, *, ask_old: Callable[[], str], ask_new: Callable[[], str]
    ) -> None:
        """Lock the device in ``folder`` with the keys of ``changed``, and write that down.

        Raises:
            ConfigurationError: the new key file is not somewhere else.
            StoreError: see ``penchant.client.storage.change_keys``.
        """
        changed._require_key_file(folder)
        change_keys(folder, old=self.key_source(ask_old), new=changed.key_source(ask_new))
        changed._save(folder)

    def use_release(self, folder: Path, ranker: Ranker, items: Path) -> None:
        """Write down a server's release as what to use from now on, and keep it in ``folder``.

        A release over other items than the home's is used only where one of the server's is
        already: the app's own catalogue stays until the server ranks it.

        Args:
            folder: the device's.
            ranker: the release.
            items: folder of its catalogue, which may be removed later.
        """
        here = folder.absolute()
        served = here / f"{SERVED}{ranker.settings.catalogue}"
        changes = {"ranker": served / "ranker.safetensors"}
        own = Catalogue.open(self.catalogue, verify=False).fingerprint
        if ranker.settings.catalogue != own:
            if self.ranker is None or not self.ranker.is_relative_to(here):
                return
            changes["catalogue"] = served / "items"
            if not changes["catalogue"].exists():
                _link(items, changes["catalogue"])
        served.mkdir(mode=0o700, exist_ok=True)
        ranker.save(changes["ranker"])
        self.model_copy(update=changes)._save(folder)
        for other in here.glob(f"{SERVED}*"):
            if other != served:
                shutil.rmtree(other, ignore_errors=True)

    def _save(self, folder: Path) -> None:
        write_atomically(folder / HOME_FILE, self.model_dump_json(indent=2).encode())

    def _scorer(self) -> Scorer:
        catalogue = Catalogue.open(self.catalogue)
        if self.ranker is None:
            return Scorer.untrained(catalogue)
        return Scorer.bind(Ranker.load(self.ranker), catalogue)

    def key_source(self, ask_passphrase: Callable[[], str]) -> KeySource:
        """Return what the device's keys are wrapped with; ``ask_passphrase`` is called for one."""
        if self.keys is KeyChoice.PASSPHRASE:
            return Passphrase(ask_passphrase())
        return OsKeyStore() if self.key_file is None else KeyFile(self.key_file)


def _link(items: Path, folder: Path) -> None:
    """Make ``folder`` of a catalogue's files, whole or not at all: no copies, where links can be.

    Raises:
        StoreError: it cannot be made.
    """
    try:
        with whole_folder(folder) as scratch:
            for file in items.iterdir():
                try:
                    os.link(file, scratch / file.name)
                except OSError:
                    shutil.copyfile(file, scratch / file.name)
    except OSError as error:
        raise StoreError(f"the release's catalogue cannot be kept in {folder}: {error}") from error
