"""The shelf of releases: each a file and a signed manifest, written once and never changed."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from cryptography.hazmat.primitives.asymmetric import ed25519
from numpy.typing import NDArray

from penchant.shared.catalogue import Catalogue
from penchant.shared.catalogue.packing import pack_catalogue, unpack_catalogue
from penchant.shared.errors import PenchantError, ReleaseError
from penchant.shared.files import sha256_of, whole_folder, write_atomically
from penchant.shared.ranker import Ranker
from penchant.shared.releases import Manifest, ReleaseKind, SignedManifest

__all__ = ["Shelf"]

CONTENT = {
    ReleaseKind.RANKER: "content.safetensors",
    ReleaseKind.CATALOGUE: "content.tar",
}
MANIFEST = "manifest.json"
KEPT = 20  # rankers; every one of them is one round's


class Shelf:
    """Releases in a folder, one folder each: ``ranker/000012/``.

    Args:
        folder: where they are.
        key: what they are signed with.
    """

    def __init__(self, folder: Path, key: ed25519.Ed25519PrivateKey) -> None:
        self._folder = folder
        self._key = key
        self._ranker: tuple[Manifest, Ranker] | None = None

    def publish_ranker(self, ranker: Ranker, *, catalogue: str, round_number: int) -> Manifest:
        """Release a ranker.

        Args:
            ranker: what is released.
            catalogue: fingerprint of the items it ranks.
            round_number: rounds it has seen.
        """
        made = self._publish(
            ReleaseKind.RANKER,
            ranker.save,
            catalogue=catalogue,
            model_id=ranker.model_id,
            round_number=round_number,
        )
        for old in self._versions(ReleaseKind.RANKER)[:-KEPT]:
            shutil.rmtree(self._place(ReleaseKind.RANKER, old), ignore_errors=True)
        return made

    def publish_catalogue(self, folder: Path) -> Manifest:
        """Release the catalogue that ``Catalogue.write`` put in ``folder``, packed.

        Raises:
            DataError: it is none, or is damaged.
        """
        catalogue = Catalogue.open(folder)

        def write(path: Path) -> None:
            pack_catalogue(folder, path)

        return self._publish(ReleaseKind.CATALOGUE, write, catalogue=catalogue.fingerprint)

    def latest(self, kind: ReleaseKind) -> SignedManifest | None:
        """Return the latest release's manifest, None before the first."""
        versions = self._versions(kind)
        return self.manifest(kind, versions[-1]) if versions else None

    def manifest(self, kind: ReleaseKind, version: int) -> SignedManifest | None:
        """Return a release's manifest, None if there is no such release."""
        try:
            return SignedManifest.parse((self._place(kind, version) / MANIFEST).read_bytes())
        except (OSError, PenchantError):
            return None

    def content(self, kind: ReleaseKind, version: int) -> Path:
        """Return where a release's file is."""
        return self._place(kind, version) / CONTENT[kind]

    def ranker(self) -> tuple[Manifest, Ranker] | None:
        """Return the latest ranker released, None before the first."""
        found = self._latest_manifest(ReleaseKind.RANKER)
        if found is None:
            return None
        if self._ranker is None or self._ranker[0] != found:
            self._ranker = found, Ranker.load(self.content(ReleaseKind.RANKER, found.version))
        return self._ranker

    def ranker_of(self, model_id: str) -> Ranker | None:
        """Return the latest release of the ranker with this identity, None if it is not here."""
        for version in reversed(self._versions(ReleaseKind.RANKER)):
            signed = self.manifest(ReleaseKind.RANKER, version)
            if signed is None or signed.verified(self._key.public_key()).model_id != model_id:
                continue
            return Ranker.load(self.content(ReleaseKind.RANKER, version))
        return None

    @contextmanager
    def catalogue(self, fingerprint: str | None) -> Iterator[Catalogue]:
        """Lend the latest catalogue released of these items.

        Raises:
            ReleaseError: there is none.
        """
        for version in reversed(self._versions(ReleaseKind.CATALOGUE)):
            signed = self.manifest(ReleaseKind.CATALOGUE, version)
            if signed is None:
                continue
            if signed.verified(self._key.public_key()).catalogue != fingerprint:
                continue
            with TemporaryDirectory(prefix="penchant-") as scratch:
                folder = Path(scratch) / "catalogue"
                unpack_catalogue(self.content(ReleaseKind.CATALOGUE, version), folder)
                yield Catalogue.open(folder, verify=False)
            return
        raise ReleaseError(f"catalogue {fingerprint} is not among the releases; publish it again")

    def origin(self, *, of: Ranker, before: Ranker) -> NDArray[np.int64]:
        """Return the row that each item of a ranker has in an earlier one's catalogue, int64 (J,).

        ``UNKNOWN_ITEM`` where it has none.

        Raises:
            ReleaseError: one of the catalogues is not here.
        """
        with (
            self.catalogue(before.settings.catalogue) as earlier,
            self.catalogue(of.settings.catalogue) as later,
        ):
            return earlier.positions(later.items)

    def _latest_manifest(self, kind: ReleaseKind) -> Manifest | None:
        signed = self.latest(kind)
        return None if signed is None else signed.verified(self._key.public_key())

    def _publish(
        self,
        kind: ReleaseKind,
        write: Callable[[Path], None],
        *,
        catalogue: str,
        model_id: str | None = None,
        round_number: int = 0,
    ) -> Manifest:
        version = max(self._versions(kind), default=0) + 1
        try:
            with whole_folder(self._place(kind, version)) as scratch:
                path = scratch / CONTENT[kind]
                write(path)
                manifest = Manifest(
                    kind=kind,
                    version=version,
                    size=path.stat().st_size,
                    sha256=sha256_of(path),
                    catalogue=catalogue,
                    model_id=model_id,
                    round_number=round_number,
                    created=int(time.time()),
                )
                signed = SignedManifest.sign(manifest, self._key)
                write_atomically(scratch / MANIFEST, signed.model_dump_json().encode())
        except OSError as error:
            raise ReleaseError(f"{kind} {version} cannot be published: {error}") from error
        return manifest

    def _versions(self, kind: ReleaseKind) -> list[int]:
        """Return the versions that are whole, in order."""
        folder = self._folder / kind
        if not folder.is_dir():
            return []
        return sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())

    def _place(self, kind: ReleaseKind, version: int) -> Path:
        return self._folder / kind / f"{version:06d}"
