"""The shelf of releases: each a file and a signed manifest, written once and never changed."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ed25519

from penchant.shared.catalogue import Catalogue
from penchant.shared.catalogue.packing import pack_catalogue
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
