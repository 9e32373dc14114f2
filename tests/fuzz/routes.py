"""Every route of both listeners, asked for whatever somebody may ask."""

from hypothesis import strategies as st
from tests.fuzz.errands import reply_to, right_reply_to
from tests.fuzz.mutations import mutated, mutated_text, nearly_json
from tests.fuzz.server import Asked, FuzzedServer
from tests.fuzz.target import Target

from penchant.shared import flower
from penchant.shared.requests import KEY_HEADER, SIGNATURE_HEADER, TIME_HEADER

__all__ = ["METHODS", "ODD_HEADERS", "QUERIES", "RANGES", "route_targets"]

METHODS = ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "X", ""]
DEVICE_PATHS = [
    "/healthz",
    "/v1/enrolment",
    "/v1/fleet/pull",
    "/v1/fleet/push",
    "/v1/releases/ranker/latest",
    "/v1/releases/catalogue/latest",
    "/v1/releases/ranker/1",
    "/v1/releases/catalogue/1",
    "/v1/releases/ranker/0",
    "/v1/releases/ranker/999999999",
    "/v1/releases/ranker/" + "9" * 30,
    "/v1/releases/ranker/" + "9" * 5000,
    "/v1/releases/../1",
]
ODD_PATHS = ["/%00", "/%ff%fe", "/v1/%2e%2e/healthz", "//healthz", "/v1/" + "a/" * 9000]
HEADERS = ["range", "if-none-match", KEY_HEADER, TIME_HEADER, SIGNATURE_HEADER, "host"]
OPERATOR_PATHS = ["/", "/status", "/status.json", "/metrics", "/healthz"]
QUERIES = [
    "", "", "", "wait=0", "wait=", "wait=1e9", "wait=-1", "wait=99999999", "wait=%00", "&&=",
    "wait=0&wait=1",
]  # fmt: skip
RANGES = [
    "bytes=0-0", "bytes=0-", "bytes=-1", "bytes=5-1", "bytes=5-4", "bytes=0-18446744073709551616",
    "bytes=99999999999-", "bytes=--1", "bytes=0-1,3-4", "bytes=0-1,1-2,1-9", "items=0-1", "bytes=",
    "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 2000, 2)), "bytes=" + "0-," * 5000,
    "bytes=-" + "9" * 5000,
]  # fmt: skip
ODD_HEADERS = [
    ("host", "["), ("host", "a/v1/fleet/pull?"), ("host", ""), ("content-length", "-1"),
    ("content-length", "9" * 40), ("transfer-encoding", "chunked"), ("content-type", "\xff"),
    ("expect", "100-continue"), ("if-none-match", "*"), ("if-range", "x"), ("upgrade", "websocket"),
    ("accept-encoding", "gzip"), ("x", "y" * 60_000),
]  # fmt: skip


def route_targets(server: FuzzedServer, task: bytes) -> list[Target]:
    """Return the routes of both listeners; ``task`` is one that the enrolled device was given."""
    replies = [right_reply_to(task, server), reply_to(task, server.node, flower.pack(b""))]
    enrolments = [{"secret": "A" * 24}, {"secret": ""}]
    bodies = st.one_of(
        st.just(b""),
        st.just(b""),
        st.binary(max_size=300),
        mutated(replies),
        nearly_json(enrolments),
        st.sampled_from([bytes(2**18), b"{" * 1000]),
    )
    return [
        Target("routes for devices", _requests(DEVICE_PATHS, bodies), server.ask_devices, 25),
        Target("routes for operators", _requests(OPERATOR_PATHS, bodies), server.ask_operators, 3),
        Target("replies to tasks", _pushes(replies), server.ask_devices, 6),
        Target("enrolments", _enrolments(enrolments), server.ask_devices, 4),
    ]


def _requests(paths: list[str], bodies: st.SearchStrategy[bytes]) -> st.SearchStrategy[Asked]:
    ascii_text = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40)
    path = st.one_of(
        st.sampled_from(paths),
        st.sampled_from(paths),
        mutated_text(paths).map(lambda text: "/" + text.lstrip("/")),
        ascii_text.map(lambda text: "/v1/" + text),
        st.sampled_from(ODD_PATHS),
    )
    latin = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=60)
    header = st.one_of(
        st.tuples(st.just("range"), st.sampled_from(RANGES)),
        st.tuples(st.just("range"), mutated_text(RANGES[:9])),
        st.sampled_from(ODD_HEADERS),
        st.tuples(st.sampled_from(HEADERS), latin),
        st.tuples(ascii_text.filter(bool), latin),
    )
    return st.builds(
        Asked,
        st.one_of(st.sampled_from(METHODS[:2]), st.sampled_from(METHODS)),
        path,
        st.one_of(st.sampled_from(QUERIES), mutated_text(QUERIES[3:])),
        st.lists(header, max_size=3).map(tuple),
        bodies.flatmap(_in_parts),
        st.integers(0, 9).map(lambda number: number == 9),
        st.sampled_from([1, 1, 0, 2]),
    )


def _in_parts(body: bytes) -> st.SearchStrategy[tuple[bytes, ...]]:
    cuts = st.lists(st.integers(0, len(body)), max_size=3).map(sorted)
    return cuts.map(
        lambda places: tuple(
            body[start:stop] for start, stop in zip([0, *places], [*places, len(body)], strict=True)
        )
    )


def _to(path: str, body: bytes, *, signer: int) -> Asked:
    return Asked("POST", path, body=(body,), signer=signer)


def _pushes(replies: list[bytes]) -> st.SearchStrategy[Asked]:
    return mutated(replies).map(lambda body: _to("/v1/fleet/push", body, signer=1))


def _enrolments(enrolments: list[dict[str, str]]) -> st.SearchStrategy[Asked]:
    return st.tuples(nearly_json(enrolments), st.integers(0, 2)).map(
        lambda pair: _to("/v1/enrolment", pair[0], signer=pair[1])
    )
