"""Installed releases: fetched, verified, tried, and kept until there is a better one."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from cryptography.hazmat.primitives.asymmetric import ed25519

from penchant.client.continuity import require_continuity
from penchant.client.join.connection import ServerConnection
from penchant.shared.catalogue import Catalogue
from penchant.shared.catalogue.packing import packed_hash, unpack_catalogue
from penchant.shared.errors import DataError, PenchantError, ReleaseError, RemoteError
from penchant.shared.files import write_atomically
from penchant.shared.jsontexts import parsed_json
from penchant.shared.ranker import Ranker
from penchant.shared.releases import Manifest, ReleaseKind, SignedManifest
from penchant.shared.scoring import Scorer

__all__ = ["Installed", "Release"]

# A catalogue is kept unpacked, to be mapped; packed again, it has the hash that was signed.
CONTENT = {ReleaseKind.RANKER: "content.safetensors", ReleaseKind.CATALOGUE: "items"}
PARTIAL, MANIFEST = "content.partial", "manifest.json"
CURRENT = "current.json"
KEPT = 3
CHUNK = 1 << 20


@dataclass(frozen=True, eq=False)
class Release:
    """A ranker with its catalogue, ready to rank.

    Attributes:
        version: of the ranker.
        round_number: rounds that the ranker has seen.
        scorer: both together.
        items: folder of the catalogue; it goes when later ones have come.
    """

    version: int
    round_number: int
    scorer: Scorer
    items: Path


class Installed:
    """The releases of one device.

    What is fetched is verified before it is looked at, and nothing is in use before ``adopt``. A
    device without a network goes on with the last one.

    Args:
        folder: where they are kept.
        key: what the server signs them with.
    """

    def __init__(self, folder: Path, key: ed25519.Ed25519PublicKey) -> None:
        self._folder = folder
        self._key = key
        self._declined: set[int] = set()
        self._tag: str | None = None

    def current(self) -> Release | None:
        """Return the release in use, None before the first.

        Raises:
            ReleaseError: its files are not what was signed any more.
        """
        try:
            versions = parsed_json((self._folder / CURRENT).read_bytes())
            ranker, catalogue = int(versions["ranker"]), int(versions["catalogue"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
            raise ReleaseError(
                f"{self._folder} does not say which release is in use; remove it, and the device "
                "fetches one again"
            ) from error
        return self._release(ranker, catalogue)

    def fetch(self, connection: ServerConnection, *, known: Release | None) -> Release | None:
        """Return a newer release than ``known``, verified, or None if there is none.

        Raises:
            RemoteError: the server cannot be reached, or has no release.
            ReleaseError: what it sent is not what it signed, or cannot take over from ``known``;
                then it is declined.
        """
        signed = self._latest(connection, ReleaseKind.RANKER)
        if signed is None:
            return None
        manifest = signed.verified(self._key)
        is_known = known is not None and manifest.version <= known.version
        if is_known or manifest.version in self._declined:
            return None
        catalogue = self._catalogue_for(connection, manifest)
        self._download(connection, signed, manifest)
        release = self._release(manifest.version, catalogue)
        if known is not None:
            try:
                require_continuity(known.scorer.ranker, release.scorer.ranker)
            except ReleaseError:
                self.decline(release)
                raise
        return release

    def adopt(self, release: Release) -> None:
        """Use ``release`` from now on."""
        manifest = self._kept(ReleaseKind.RANKER, release.version)
        catalogue = self._find_catalogue(manifest.catalogue)
        versions = {"ranker": release.version, "catalogue": catalogue}
        write_atomically(self._folder / CURRENT, json.dumps(versions).encode())
        self._tidy(ReleaseKind.RANKER, release.version)
        if catalogue is not None:
            self._tidy(ReleaseKind.CATALOGUE, catalogue)

    def decline(self, release: Release) -> None:
        """Never use ``release``: the last good one stays."""
        self._declined.add(release.version)
        shutil.rmtree(self._place(ReleaseKind.RANKER, release.version), ignore_errors=True)

    def _latest(self, connection: ServerConnection, kind: ReleaseKind) -> SignedManifest | None:
        """Return the latest manifest, None if it is the one that was told last time."""
        is_ranker = kind is ReleaseKind.RANKER
        headers = {"if-none-match": self._tag} if is_ranker and self._tag else {}
        answer = connection.get(f"/v1/releases/{kind}/latest", headers=headers)
        if answer.status_code == httpx.codes.NOT_MODIFIED:
            return None
        _require_success(answer, f"the latest {kind}")
        if is_ranker:
            self._tag = answer.headers.get("etag")
        return SignedManifest.parse(answer.content)

    def _catalogue_for(self, connection: ServerConnection, ranker: Manifest) -> int:
        found = self._find_catalogue(ranker.catalogue)
        if found is not None:
            return found
        signed = self._latest(connection, ReleaseKind.CATALOGUE)
        manifest = None if signed is None else signed.verified(self._key)
        if signed is None or manifest is None or manifest.catalogue != ranker.catalogue:
            self._tag = None
            raise RemoteError(
                f"the server has no catalogue for ranker {ranker.version}; it may be publishing one"
            )
        self._download(connection, signed, manifest)
        return manifest.version

    def _find_catalogue(self, fingerprint: str) -> int | None:
        folder = self._folder / ReleaseKind.CATALOGUE
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        for name in reversed(names):
            if name.isdigit() and (folder / name / CONTENT[ReleaseKind.CATALOGUE]).exists():
                with suppress(ReleaseError):  # a damaged manifest is none
                    manifest = self._kept(ReleaseKind.CATALOGUE, int(name))
                    if manifest.catalogue == fingerprint:
                        return manifest.version
        return None

    def _download(
        self, connection: ServerConnection, signed: SignedManifest, manifest: Manifest
    ) -> None:
        """Fetch a release's file, going on where an earlier try broke off."""
        place = self._place(manifest.kind, manifest.version)
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial, content = place / PARTIAL, place / CONTENT[manifest.kind]
        if content.exists():
            return
        write_atomically(place / MANIFEST, signed.model_dump_json().encode())
        start = partial.stat().st_size if partial.exists() else 0
        while start < manifest.size:
            stop = min(start + CHUNK, manifest.size)
            answer = connection.get(
                f"/v1/releases/{manifest.kind}/{manifest.version}",
                headers={"range": f"bytes={start}-{stop - 1}"},
            )
            _require_success(answer, f"{manifest.kind} {manifest.version}")
            if answer.status_code != httpx.codes.PARTIAL_CONTENT or not answer.content:
                raise RemoteError(f"the server did not send the part of {manifest.kind} asked for")
            with partial.open("ab") as file:
                file.write(answer.content[: stop - start])
            start = partial.stat().st_size
        try:
            manifest.check(partial)
            if manifest.kind is ReleaseKind.CATALOGUE:
                unpack_catalogue(partial, content)
                partial.unlink()
            else:
                partial.replace(content)
        except DataError as error:
            self._give_up(partial)
            raise ReleaseError(
                f"{manifest.kind} {manifest.version} cannot be installed: {error}"
            ) from error
        except ReleaseError:
            self._give_up(partial)
            raise

    def _give_up(self, partial: Path) -> None:
        partial.unlink()
        self._tag = None

    def _release(self, ranker: int, catalogue: int) -> Release:
        """Return two releases together, verified once more: disks fail.

        What is damaged is removed, so that it is fetched again.
        """
        manifest = self._kept(ReleaseKind.RANKER, ranker)
        items_manifest = self._kept(ReleaseKind.CATALOGUE, catalogue)
        path, folder = self._content(manifest), self._content(items_manifest)
        with self._removed_if_damaged(manifest):
            manifest.check(path)
        with self._removed_if_damaged(items_manifest):
            items_manifest.check_hash(packed_hash(folder))
        try:
            loaded = Ranker.load(path)
            scorer = Scorer.bind(loaded, Catalogue.open(folder, verify=False))
        except PenchantError as error:
            raise ReleaseError(f"ranker {ranker} cannot be used: {error}") from error
        if loaded.model_id != manifest.model_id:
            raise ReleaseError(f"ranker {ranker} is not the model that its manifest says")
        return Release(ranker, manifest.round_number, scorer, folder)

    @contextmanager
    def _removed_if_damaged(self, manifest: Manifest) -> Iterator[None]:
        try:
            yield
        except (OSError, DataError, ReleaseError) as error:
            shutil.rmtree(self._place(manifest.kind, manifest.version), ignore_errors=True)
            (self._folder / CURRENT).unlink(missing_ok=True)
            self._tag = None
            raise ReleaseError(
                f"{manifest.kind} {manifest.version} is damaged on this device: {error}; it is "
                "fetched again"
            ) from error

    def _content(self, manifest: Manifest) -> Path:
        return self._place(manifest.kind, manifest.version) / CONTENT[manifest.kind]

    def _kept(self, kind: ReleaseKind, version: int) -> Manifest:
        path = self._place(kind, version) / MANIFEST
        try:
            return SignedManifest.parse(path.read_bytes()).verified(self._key)
        except (OSError, PenchantError) as error:
            raise ReleaseError(f"{path} is not a manifest of this device's server") from error

    def _tidy(self, kind: ReleaseKind, version: int) -> None:
        folder = self._folder / kind
        older = sorted(
            int(path.name)
            for path in folder.iterdir()
            if path.name.isdigit() and int(path.name) < version
        )
        for old in older[: -(KEPT - 1)]:
            shutil.rmtree(self._place(kind, old), ignore_errors=True)

    def _place(self, kind: ReleaseKind, version: int) -> Path:
        return self._folder / kind / f"{version:06d}"


def _require_success(answer: httpx.Response, what: str) -> None:
    if not answer.is_success:
        raise RemoteError(f"the server answered {answer.status_code} when asked for {what}")
