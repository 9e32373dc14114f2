"""What a device of the fleet asks, rightly signed, and the same with one thing changed."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from urllib.parse import unquote

from hypothesis import strategies as st
from tests.fuzz.errands import left_task, reply_to, right_reply_to
from tests.fuzz.mutations import mutated, mutated_text
from tests.fuzz.routes import METHODS, ODD_HEADERS, QUERIES, RANGES
from tests.fuzz.server import Answer, Asked, FuzzedServer
from tests.fuzz.target import Target

from penchant.shared import flower

__all__ = ["EVERY_STATUS", "VISITS", "unreached", "visit_target"]

VISITS = "visits of a device"
# Every visit is given each of them at least once, whatever was drawn.
EVERY_STATUS = [200, 204, 206, 304, 400, 401, 403, 404, 405, 409, 413, 416]
OPEN_PATHS = ["/healthz", "/v1/enrolment"]  # to anybody
PULL, PUSH, ENROLMENT = "/v1/fleet/pull", "/v1/fleet/push", "/v1/enrolment"
LATEST, CONTENT = "/v1/releases/ranker/latest", "/v1/releases/ranker/1"
TOO_MUCH = bytes(2**20)
SECRET = b'{"secret": "%s"}' % (b"A" * 24)
RIGHT = {  # but for the body of a push: it is the reply to a task
    name: Asked(method, path, body=(body,))
    for name, method, path, body in [
        ("pull", "POST", PULL, b""),
        ("push", "POST", PUSH, b""),
        ("latest", "GET", LATEST, b""),
        ("content", "GET", CONTENT, b""),
        ("enrolment", "POST", ENROLMENT, SECRET),
    ]
}


@dataclass(frozen=True)
class Visit:
    """One visit.

    Attributes:
        right: which request is changed.
        change: makes it another one.
        is_tampering: whether it was signed before the change, not after.
        part: where the part of a release begins that is asked for, and how long it is.
        nonsense: bytes that are no message.
    """

    right: str
    change: Callable[[Asked], Asked]
    is_tampering: bool
    part: tuple[int, int]
    nonsense: bytes


def unreached(statuses: Mapping[int, int], *, visits: int) -> dict[int, int]:
    """Return the statuses that were answered less often than there were visits, and how often."""
    return {one: statuses.get(one, 0) for one in EVERY_STATUS if statuses.get(one, 0) < visits}


def visit_target(server: FuzzedServer, task: bytes) -> Target:
    """Return visits of the enrolled device; ``task`` is one that it was given."""
    example = right_reply_to(task, server)
    visits = st.builds(
        Visit,
        st.sampled_from([*RIGHT, "push"]),
        _changes(example),
        st.booleans(),
        st.tuples(st.integers(0, 99), st.integers(1, 99)),
        st.binary(max_size=50).map(lambda data: b"\xff" + data),  # a tag that no message has
    )

    def check(visit: Visit) -> None:
        with _task_left(server):
            _changed(server, visit)
        _asked(server, RIGHT["pull"], 204)
        with _task_left(server) as message_id:
            _round_of(server, visit, message_id)
        _releases(server, visit)
        _asked(server, RIGHT["enrolment"], 200)  # it is enrolled already
        _asked(server, replace(RIGHT["enrolment"], signer=2), 403)

    return Target(VISITS, visits, check, 2)


def _changes(example: bytes) -> st.SearchStrategy[Callable[[Asked], Asked]]:
    """Give what changes one thing of a request."""

    def setting(name: str, values: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
        return values.map(lambda value: lambda asked: replace(asked, **{name: value}))

    paths = sorted({asked.path for asked in RIGHT.values()})
    odd_paths = mutated_text(paths).map(lambda text: "/" + text.lstrip("/"))
    headers = st.one_of(
        st.sampled_from(ODD_HEADERS), st.tuples(st.just("range"), st.sampled_from(RANGES))
    )
    return st.one_of(
        setting("method", st.sampled_from(["HEAD", *METHODS])),
        setting("path", st.one_of(st.sampled_from(paths), odd_paths)),
        setting("query", st.one_of(st.sampled_from(QUERIES), mutated_text(QUERIES[3:]))),
        setting("headers", st.tuples(headers)),
        setting("body", st.tuples(mutated([example, SECRET, b""]))),
        setting("breaks_off", st.just(True)),
        setting("signer", st.sampled_from([0, 2])),
        st.integers(0, 2**16).map(_with_a_bit_flipped),
        st.integers(0, 2**16).map(_cut),
    )


def _with_a_bit_flipped(place: int) -> Callable[[Asked], Asked]:
    def change(asked: Asked) -> Asked:
        body = bytearray(b"".join(asked.body) or b"\0")
        body[place // 8 % len(body)] ^= 1 << place % 8
        return replace(asked, body=(bytes(body),))

    return change


def _cut(place: int) -> Callable[[Asked], Asked]:
    def change(asked: Asked) -> Asked:
        body = b"".join(asked.body)
        return replace(asked, body=(body[: place % (len(body) + 1)],))

    return change


@contextmanager
def _task_left(server: FuzzedServer) -> Iterator[str]:
    message_id = left_task(server)
    try:
        yield message_id
    finally:
        server.parts.state.discard([message_id])


def _changed(server: FuzzedServer, visit: Visit) -> None:
    """Ask something nearly right, while there is a task."""
    right = RIGHT[visit.right]
    if visit.right == "push":
        task = _asked(server, RIGHT["pull"], 200).body
        right = replace(right, body=(right_reply_to(task, server),))
    asked = visit.change(right)
    if visit.is_tampering:
        asked = replace(asked, signed_as=right)
    answer = server.ask_devices(asked)
    is_open = unquote(asked.raw_path) in OPEN_PATHS
    if asked.is_tampered_with and not is_open:
        # It is not even looked into.
        assert answer.status in {307, 401, 404, 405, 413}, (asked, answer)


def _round_of(server: FuzzedServer, visit: Visit, message_id: str) -> None:
    """Ask what a device asks in a round, and what it may not: every answer is known."""
    pull, push = RIGHT["pull"], RIGHT["push"]
    _asked(server, replace(pull, signer=2), 401)
    _asked(server, replace(pull, method="GET"), 405)
    task = _asked(server, pull, 200).body
    reply = replace(push, body=(right_reply_to(task, server),))
    other = replace(push, body=(reply_to(task, server.node, flower.pack(visit.nonsense)),))
    _asked(server, replace(reply, signer=0), 401)
    _asked(server, replace(push, body=(visit.nonsense,)), 400)
    _asked(server, replace(push, body=(TOO_MUCH,)), 413)
    _asked(server, reply, 200)
    _asked(server, reply, 200)  # the answer may have been lost
    _asked(server, other, 409)
    assert len(server.parts.state.replies([message_id])) == 1
    _asked(server, reply, 409)


def _releases(server: FuzzedServer, visit: Visit) -> None:
    latest, content = RIGHT["latest"], RIGHT["content"]
    _asked(server, replace(latest, method="HEAD", signed_as=latest), 401)
    tag = _asked(server, latest, 200).headers["etag"]
    _asked(server, replace(latest, headers=(("if-none-match", tag),)), 304)
    whole = _asked(server, content, 200).body
    first, last = visit.part[0], sum(visit.part) - 1
    part = _asked(server, replace(content, headers=(("range", f"bytes={first}-{last}"),)), 206)
    assert part.body == whole[first : last + 1]
    beyond = ("range", f"bytes={len(whole) + first}-")
    _asked(server, replace(content, headers=(beyond,)), 416)
    _asked(server, replace(content, path=CONTENT + "0"), 404)


def _asked(server: FuzzedServer, asked: Asked, status: int) -> Answer:
    answer = server.ask_devices(asked)
    assert answer.status == status, (asked, answer)
    return answer
