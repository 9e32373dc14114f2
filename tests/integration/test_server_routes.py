"""What a server answers, and to whom: every route walked on a real one, over TLS."""

import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from flwr.superlink.main import create_app
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penchant.client.join import MembershipFolder, enrol
from penchant.client.join.connection import NotAdmittedError, ServerConnection
from penchant.client.join.releases import Installed
from penchant.client.storage import RawKey
from penchant.server.fleet.flower_adapter import FleetState
from penchant.server.operations.records import Records
from penchant.server.service.parts import Parts
from penchant.shared.enrolment import EnrolmentCode
from penchant.shared.errors import ReleaseError, RemoteError
from penchant.shared.releases import Manifest, SignedManifest, load_signing_key
from penchant.shared.requests import sign_request

KEYS = RawKey(bytes(32))
PULL, PUSH = "/v1/fleet/pull", "/v1/fleet/push"
OURS = {
    ("GET", "/healthz"),
    ("GET", "/v1/enrolment"),
    ("POST", "/v1/enrolment"),
    ("POST", PULL),
    ("POST", PUSH),
    ("GET", "/v1/releases/ranker/latest"),
    ("GET", "/v1/releases/catalogue/latest"),
    ("GET", "/v1/releases/ranker/1"),
    ("GET", "/v1/releases/catalogue/1"),
}
FOR_STRANGERS = {("GET", "/healthz"), ("GET", "/v1/enrolment")}
ELSEWHERE = ["/", "/docs", "/openapi.json", "/status", "/status.json", "/metrics", "/v1/health"]


@pytest.fixture(scope="module")
def server(make_server: Callable[..., Any]) -> Any:
    """A server with a catalogue that runs no rounds."""
    server = make_server(pace={"minimum_devices": 10_000})
    server.start()
    return server


@pytest.fixture
def stranger(server: Any) -> Iterator[httpx.Client]:
    """Somebody without a key, who trusts the server all the same."""
    authority = server.folder.authority(server.folder.configuration())
    context = ssl.create_default_context(cadata=authority)
    with httpx.Client(base_url=server.url, verify=context, timeout=30) as client:
        yield client


def test_flowers_own_routes_are_not_there(stranger: httpx.Client) -> None:
    """Not one of the control, runtime and fleet routes of Flower's SuperLink answers."""
    theirs = {
        (method, context.path or "")
        for context in iter_route_contexts(create_app().routes)
        for method in context.methods or ()
    }
    places = {path.split("/")[2] for _, path in theirs if path.startswith("/v1/")}
    assert places >= {"control", "fleet", "runtime"}
    assert len(theirs) > 60
    for method, path in sorted(theirs):
        headers = {"content-type": "application/x-protobuf"}
        answer = stranger.request(method, path, headers=headers)
        assert answer.status_code == 404, (method, path)


def test_strangers_are_told_health_and_how_to_enrol(stranger: httpx.Client) -> None:
    """Without a registered key everything else is 401, or not there at all."""
    for method, path in sorted(OURS):
        answer = stranger.request(method, path)
        if (method, path) in FOR_STRANGERS:
            assert answer.status_code == 200, path
        elif path == "/v1/enrolment":
            assert answer.status_code == 400
        else:
            assert answer.status_code == 401, path
            assert answer.text == "not for you"
    for path in ELSEWHERE:
        assert stranger.get(path).status_code == 404, path


def test_every_route_of_the_server_is_walked(make_server: Callable[..., Any]) -> None:
    """The list that these tests walk is the list that a server has."""
    server = make_server()
    with (
        closing(Records(server.folder.records)) as records,
        closing(FleetState(server.folder.fleet)) as state,
    ):
        parts = Parts.of(server.folder, state, records)
        found = {
            (method, route.path)
            for route in parts.device_routes()
            for method in (route.methods or set()) - {"HEAD"}
        }
    ours = {
        (method, path.replace("/ranker/", "/{kind}/").replace("/catalogue/", "/{kind}/"))
        for method, path in OURS
    }
    assert found == {(method, path.replace("/1", "/{version}")) for method, path in ours}


def test_an_enrolled_device_is_let_in_until_it_is_revoked(server: Any, light_device: Any) -> None:
    """Its key opens the routes for devices; after a revocation it opens nothing."""
    device = light_device(server)
    assert device.pull(wait=0) is None
    assert device.connection.get("/v1/releases/ranker/latest").status_code == 200
    with closing(FleetState(server.folder.fleet)) as state:
        assert state.revoke(device.node)
    with pytest.raises(NotAdmittedError):
        device.pull(wait=0)


def test_a_code_admits_one_device(server: Any, tmp_path: Path) -> None:
    """A used code and an unknown one are refused; the same device may ask again."""
    code = server.code()
    membership = enrol(tmp_path / "one", server.url, code, keys=KEYS)
    assert enrol(tmp_path / "one", server.url, code, keys=KEYS).server == membership.server
    with pytest.raises(RemoteError, match="was used, has expired"):
        enrol(tmp_path / "two", server.url, code, keys=KEYS)
    never = EnrolmentCode("A" * 24, code.fingerprint)
    with pytest.raises(RemoteError, match="was used, has expired"):
        enrol(tmp_path / "three", server.url, never, keys=KEYS)


def test_a_device_tells_its_code_to_no_other_server(server: Any, tmp_path: Path) -> None:
    """A server that is not the code's is told nothing, and no membership is kept."""
    code = EnrolmentCode(server.code().secret, "B" * 24)
    with pytest.raises(RemoteError, match="not the server that the code is for"):
        enrol(tmp_path / "device", server.url, code, keys=KEYS)
    assert MembershipFolder(tmp_path / "device", KEYS).load() is None


def test_a_signature_is_for_one_request(
    server: Any, stranger: httpx.Client, tmp_path: Path
) -> None:
    """A device's signature of one request opens no other: not another path, body or time."""
    membership = server.enrol(tmp_path / "device")
    now = int(time.time())

    def status(path: str, body: bytes = b"", *, signed: bytes = b"", at: int = now) -> int:
        signature = sign_request(membership.key, method="POST", path=PULL, body=signed, time=at)
        return stranger.post(path, content=body, headers=signature.headers()).status_code

    assert status(PULL) == 204
    assert status(PUSH) == 401
    assert status(PUSH, b"body", signed=b"another") == 401
    assert status(f"{PULL}?wait=9") == 401
    assert status(PULL, at=now - 3600) == 401
    assert status(PULL, at=now + 3600) == 401


def test_a_device_whose_clock_is_wrong_learns_the_time(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour of skew costs one more request, and no more."""
    membership = server.enrol(tmp_path / "device")
    true_time = time.time
    monkeypatch.setattr("penchant.client.join.connection.time.time", lambda: true_time() + 3600)
    with ServerConnection(membership) as connection:
        assert connection.post(PULL).status_code == 204
        assert connection.post(PULL).status_code == 204


def test_releases_are_cached_and_sent_in_parts(server: Any, light_device: Any) -> None:
    """ETags save what is known already; ranges give the part that was asked for."""
    connection = light_device(server).connection
    latest = connection.get("/v1/releases/ranker/latest")
    tag = latest.headers["etag"]
    again = connection.get("/v1/releases/ranker/latest", headers={"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")
    manifest = Manifest.model_validate_json(SignedManifest.parse(latest.content).manifest)
    path = f"/v1/releases/ranker/{manifest.version}"
    whole = connection.get(path)
    assert len(whole.content) == manifest.size
    part = connection.get(path, headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    tagged = connection.get(path, headers={"if-none-match": whole.headers["etag"]})
    assert tagged.status_code == 304
    assert connection.get("/v1/releases/ranker/999").status_code == 404
    assert connection.get("/v1/releases/secrets/latest").status_code == 404


def test_devices_install_what_was_signed_and_nothing_else(server: Any, tmp_path: Path) -> None:
    """A release is fetched whole; a spoilt file is fetched anew; another signer's is refused."""
    membership = server.enrol(tmp_path / "device")
    key = load_signing_key(membership.server.signing_key)
    folder = tmp_path / "releases"
    with ServerConnection(membership) as connection:
        partial = folder / "catalogue" / "000001" / "content.partial"
        partial.parent.mkdir(parents=True)
        partial.write_bytes(b"spoilt")
        with pytest.raises(ReleaseError, match="not the one that was signed"):
            Installed(folder, key).fetch(connection, known=None)
        installed = Installed(folder, key)
        release = installed.fetch(connection, known=None)
        assert release is not None
        assert release.scorer.ranker.model_id == server.ranker().model_id
        assert installed.current() is None
        installed.adopt(release)
        kept = Installed(folder, key).current()
        assert kept is not None
        assert kept.version == release.version
        assert Installed(folder, key).fetch(connection, known=kept) is None
        other = load_signing_key("00" * 31 + "01")
        with pytest.raises(ReleaseError, match="not signed by the server"):
            Installed(tmp_path / "other", other).fetch(connection, known=None)


def test_replies_that_are_no_replies_are_refused(server: Any, light_device: Any) -> None:
    """Garbage is 400, what nobody asked for 409, and what is too large 413; all are counted."""
    device = light_device(server)
    assert device.connection.post(PUSH, b"garbage").status_code == 400
    large = device.connection.post(PUSH, bytes(2**20))
    assert large.status_code == 413
    refusals = server.status()["refusals"]
    assert refusals["malformed"] >= 1
    assert refusals["oversized"] >= 1


def test_a_device_that_floods_is_slowed_down(server: Any, light_device: Any) -> None:
    """Its hundredth request in a moment is refused; another device's is not."""
    flooding, calm = light_device(server), light_device(server)

    def flood(_number: int) -> None:
        for _ in range(400):
            flooding.connection.post(PUSH, b"x")

    # From several threads: one may be so slow on a busy machine that it floods nobody.
    with ThreadPoolExecutor(8) as pool, pytest.raises(RemoteError, match="429"):
        list(pool.map(flood, range(8)))
    assert calm.pull(wait=0) is None


PATHS = st.one_of(
    st.sampled_from(sorted({path for _, path in OURS})),
    st.text(
        st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#?\\"), max_size=30
    ).map(lambda text: "/v1/" + text),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"]),
    path=PATHS,
    query=st.text(
        st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"), max_size=20
    ),
    body=st.binary(max_size=2000),
    headers=st.dictionaries(
        st.sampled_from(
            [
                "content-type",
                "range",
                "if-none-match",
                "penchant-key",
                "penchant-time",
                "penchant-signature",
            ]
        ),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60).map(str.strip),
    ),
    signed=st.booleans(),
)
def test_nothing_that_is_sent_makes_a_500(
    fuzzed: tuple[httpx.Client, Any],
    method: str,
    path: str,
    query: str,
    body: bytes,
    headers: dict[str, str],
    signed: bool,
) -> None:
    """Whatever a stranger or an enrolled device sends, the answer is one that was meant."""
    client, key = fuzzed
    url = httpx.URL(path + (f"?{query}" if query else ""))
    if signed:
        raw = url.raw_path.decode()
        signature = sign_request(key, method=method, path=raw, body=body, time=int(time.time()))
        headers = {**headers, **signature.headers()}
    answer = client.request(method, url, content=body, headers=headers)
    assert answer.status_code < 500, (method, path, answer.text)
    assert client.get("/healthz").text == "ok"


@pytest.fixture(scope="module")
def fuzzed(
    server: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[httpx.Client, Any]]:
    """A client for anything, and the key of an enrolled device."""
    membership = server.enrol(tmp_path_factory.mktemp("fuzz"))
    context = ssl.create_default_context(cadata=membership.server.authority)
    with httpx.Client(base_url=server.url, verify=context, timeout=60) as client:
        yield client, membership.key
