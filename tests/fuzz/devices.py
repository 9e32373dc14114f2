"""What a joined device takes from its server: tasks and releases, of a server that lies too."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric import ed25519
from flwr.app import Context
from hypothesis import strategies as st
from tests.fuzz.decoders import KEYS, repacked, small_catalogue, small_ranker
from tests.fuzz.mutations import changed_json, mutated, nearly_safetensors
from tests.fuzz.server import FuzzedServer
from tests.fuzz.target import Target

from penchant.client import Device, Event
from penchant.client.app import client_app
from penchant.client.join.connection import ServerConnection
from penchant.client.join.flower_adapter import answer
from penchant.client.join.membership import Membership, ServerIdentity
from penchant.client.join.releases import Installed
from penchant.shared.catalogue import Catalogue
from penchant.shared.catalogue.packing import pack_catalogue
from penchant.shared.errors import PenchantError
from penchant.shared.releases import Manifest, ReleaseKind, SignedManifest, signing_key_text
from penchant.shared.scoring import Scorer

__all__ = ["device_targets"]

AUTHORITY = "authority.pem"


@dataclass(frozen=True)
class Told:
    """What a lying server has.

    Attributes:
        ranker: bytes of the file that it releases.
        catalogue: likewise.
        changes: makes other manifests of the true ones, by kind.
        answers: status, headers and body that it gives instead, by the number of the request.
    """

    ranker: bytes
    catalogue: bytes
    changes: dict[str, Any]
    answers: dict[int, tuple[int, dict[str, str], bytes]]


def device_targets(folder: Path, server: FuzzedServer, task: bytes) -> list[Target]:
    """Return what a device takes from a server.

    Args:
        folder: an absent one to work in.
        server: a real one, whose authority the device trusts.
        task: that it has given out.
    """
    folder.mkdir(parents=True)
    catalogue = small_catalogue()
    scorer = Scorer.bind(small_ranker(catalogue), catalogue)
    device = Device.open(folder / "device", scorer, keys=KEYS)
    device.observe(*(Event(kind="view", item=f"item-{n}", time=1000 + n) for n in range(3)))
    return [_tasks(device, server.node, task), _releases(folder, device, server)]


def _tasks(device: Device, node: int, task: bytes) -> Target:
    @contextmanager
    def lent(_context: Context) -> Iterator[Device]:
        yield device

    app = client_app(lent)

    def read(data: bytes) -> None:
        with suppress(PenchantError):
            answer(data, app, node=node)

    return Target("tasks to a device", mutated([task]), read, 2)


def _releases(folder: Path, device: Device, server: FuzzedServer) -> Target:
    catalogue = small_catalogue()
    ranker = small_ranker(catalogue)
    ranker.save(folder / "ranker")
    Catalogue.write(
        folder / "made", catalogue.items, texts=catalogue.texts, embeddings=catalogue.embeddings
    )
    pack_catalogue(folder / "made", folder / "packed")
    contents = {path.name: path.read_bytes() for path in (folder / "made").iterdir()}
    rankers, packed = [(folder / "ranker").read_bytes()], [(folder / "packed").read_bytes()]
    key = ed25519.Ed25519PrivateKey.generate()
    identity = ServerIdentity(
        url="https://server:1",
        authority=(server.parts.folder.path / AUTHORITY).read_text(),
        node=server.node,
        signing_key=signing_key_text(key.public_key()),
    )
    membership = Membership(identity, server.key)

    def manifest(kind: ReleaseKind, content: bytes, changes: dict[str, Any]) -> bytes:
        true = {
            "kind": kind,
            "version": 1,
            "size": max(1, len(content)),
            "sha256": hashlib.sha256(content).hexdigest(),
            "catalogue": catalogue.fingerprint,
            "model_id": ranker.model_id if kind is ReleaseKind.RANKER else None,
            "created": 1000,
        }
        text = json.dumps(true | changes)
        try:
            signed = SignedManifest.sign(Manifest.model_validate_json(text), key)
        except ValueError:
            signed = SignedManifest.sign(Manifest.model_validate(true), key)
        return signed.model_dump_json().encode()

    def release(told: Told) -> None:
        files = {ReleaseKind.RANKER: told.ranker, ReleaseKind.CATALOGUE: told.catalogue}
        asked = 0

        def handle(request: httpx.Request) -> httpx.Response:
            nonlocal asked
            asked += 1
            if asked in told.answers:
                status, headers, body = told.answers[asked]
                return httpx.Response(status, headers=headers, content=body)
            _, _, _, kind, which = request.url.path.split("/")
            content = files[ReleaseKind(kind)]
            if which == "latest":
                return httpx.Response(
                    200, content=manifest(ReleaseKind(kind), content, told.changes.get(kind, {}))
                )
            first, last = request.headers["range"].removeprefix("bytes=").split("-")
            return httpx.Response(206, content=content[int(first) : int(last) + 1])

        shutil.rmtree(folder / "releases", ignore_errors=True)
        with ServerConnection(membership) as connection:
            connection._client.close()
            connection._client = httpx.Client(
                base_url=identity.url, transport=httpx.MockTransport(handle)
            )
            with suppress(PenchantError):
                found = Installed(folder / "releases", key.public_key()).fetch(
                    connection, known=None
                )
                assert found is not None
                device.install(found.scorer)
                device.recommend(k=3)
        device.install(Scorer.bind(ranker, catalogue))

    truth = {"version": 1, "catalogue": catalogue.fingerprint, "model_id": ranker.model_id}
    changes = st.dictionaries(
        st.sampled_from(["ranker", "catalogue"]),
        changed_json(truth).filter(lambda value: isinstance(value, dict)),
        max_size=1,
    )
    return Target(
        "releases of a liar",
        st.builds(
            Told,
            st.one_of(st.sampled_from(rankers), nearly_safetensors(rankers)),
            st.one_of(st.sampled_from(packed), mutated(packed), repacked(contents)),
            st.one_of(st.just({}), changes),
            st.one_of(st.just({}), st.dictionaries(st.integers(1, 6), _answers(), max_size=2)),
        ),
        release,
        0.5,
    )


def _answers() -> st.SearchStrategy[tuple[int, dict[str, str], bytes]]:
    headers = st.dictionaries(
        st.sampled_from(["etag", "date", "content-range", "content-encoding", "location"]),
        st.sampled_from(["", "gzip", "x" * 5000, "Thu, 01 Jan 1970 00:00:00 GMT", "0"]),
        max_size=2,
    )
    statuses = st.sampled_from([200, 204, 206, 301, 304, 400, 401, 404, 416, 418, 429, 500, 503])
    return st.tuples(statuses, headers, st.one_of(st.binary(max_size=50), st.just(b"{}")))
