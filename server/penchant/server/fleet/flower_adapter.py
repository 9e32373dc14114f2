"""Flower's node registry and mailbox: the one module of the server that touches Flower's insides.

Written for ``flwr==1.42.*``. Of the SuperLink only its link state is used (SQLite: nodes with their
public keys, and one run); messages, which it would write down and delete again, stay in memory. Its
HTTP routes are not used: they hand out app bundles, let a node answer in another's name, and take
some fourteen requests a device and round where two do. Contract tests fail when Flower moves.
"""

import threading
import time
import uuid
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from alembic.util.exc import CommandError
from flwr.app import Message
from flwr.common.constant import (
    HEARTBEAT_PATIENCE,
    NOOP_ACCOUNT_NAME,
    NOOP_FLWR_AID,
    SUPERLINK_NODE_ID,
)
from flwr.common.serde import message_from_proto, message_to_proto
from flwr.proto.message_pb2 import Message as ProtoMessage
from flwr.server.superlink.linkstate import LinkStateFactory
from flwr.server.utils.validator import validate_message
from flwr.supercore.constant import NOOP_FEDERATION_ID, NodeStatus, TaskType
from flwr.supercore.object_store import ObjectStoreFactory
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity
from flwr.superlink.federation import NoOpFederationManager
from google.protobuf.message import DecodeError
from sqlalchemy.exc import SQLAlchemyError

from penchant.server.fleet.mailbox import Delivery, Mailbox
from penchant.server.fleet.nodes import NodeTable
from penchant.shared.errors import CodecError, ConfigurationError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flwr.server.superlink.linkstate.sql_linkstate import SqlLinkState
    from flwr.supercore.object_store.sql_object_store import SqlObjectStore
    from sqlalchemy import Engine

__all__ = ["BATCH", "FleetState", "Node"]

_OPENING = threading.Lock()  # Flower's migrations are for one thread at a time
HEARTBEAT_SECONDS = 1800  # Flower's longest; it takes a node for lost after two of them
BATCH = 64  # messages that are left together, and replies that are held
REGISTERED = [NodeStatus.REGISTERED, NodeStatus.ONLINE, NodeStatus.OFFLINE]


@dataclass(frozen=True)
class Node:
    """A device as the server knows it.

    Attributes:
        node_id: Flower's number for it.
        label: what the operator called it.
        registered: ISO 8601 time of its enrolment.
        last_seen: unix seconds it was last heard of.
    """

    node_id: int
    label: str
    registered: str
    last_seen: float


class FleetState:
    """Nodes in one SQLite file, and messages, for one process at a time that runs rounds.

    Args:
        path: the file; made if it does not exist.

    Raises:
        ConfigurationError: the file is not a Flower state database.
    """

    def __init__(self, path: Path) -> None:
        database = str(path)
        factory = LinkStateFactory(database, NoOpFederationManager(), ObjectStoreFactory(database))
        try:
            with _OPENING:
                self._state = cast("SqlLinkState", factory.state())
        except (SQLAlchemyError, CommandError, ValueError, OSError) as error:
            raise ConfigurationError(
                f"{path} cannot be used as the fleet's database: {error}; restore it from a "
                "back-up, or move it away to begin with no devices"
            ) from error
        self._path = path
        self._lock = threading.RLock()
        self._run: Run | None = None
        self._nodes = NodeTable(path)
        self._mailbox: Mailbox[Message, Message] = Mailbox(room=BATCH)
        self._heard: set[int] = set()

    def close(self) -> None:
        """Release the file."""
        self._nodes.close()
        for part in (self._state, cast("SqlObjectStore", self._state.object_store)):
            cast("Engine", part._engine).dispose()

    # Nodes

    def register(self, public_key: bytes, *, label: str) -> int:
        """Make a node for a device's key and return its number.

        Raises:
            ConfigurationError: the key has a node already.
        """
        with self._transaction():
            try:
                node = self._state.create_node(
                    NOOP_FLWR_AID, NOOP_ACCOUNT_NAME, public_key, 0.0, name=label
                )
            except ValueError as error:
                raise ConfigurationError(
                    "this device's key is enrolled already, or was and is revoked; "
                    "give the device a new folder for its membership"
                ) from error
            self._state.acknowledge_node_heartbeat(node, HEARTBEAT_SECONDS)
        return int(node)

    def revoke(self, node_id: int) -> bool:
        """Shut a node out for good; return whether there was one to shut out."""
        with self._transaction():
            try:
                self._state.delete_node(NOOP_FLWR_AID, node_id)
            except ValueError:
                return False
        return True

    def node_of(self, public_key: bytes) -> int | None:
        """Return the number of the node that has this key, None if there is none or no more."""
        return self._nodes.node_of(public_key)

    def seen(self, node_id: int) -> None:
        """Note that a node was heard of, to be written down by ``write_seen``."""
        with self._lock:
            self._heard.add(node_id)

    def write_seen(self) -> None:
        """Write down which nodes were heard of since the last time, all at once.

        Raises:
            StoreError: they cannot be written; they are kept for the next time.
        """
        with self._lock:
            heard, self._heard = self._heard, set()
        if not heard:
            return
        try:
            with self._transaction():
                for node in heard:
                    self._state.acknowledge_node_heartbeat(node, HEARTBEAT_SECONDS)
        except StoreError:
            with self._lock:
                self._heard |= heard
            raise

    def numbers(self) -> list[int]:
        """Return the numbers of all nodes that are not revoked, in the order of enrolment."""
        return self._nodes.numbers()

    def census(self, *, seconds: float) -> tuple[int, int]:
        """Return how many nodes are not revoked, and how many were heard of in so many seconds."""
        lasting = HEARTBEAT_PATIENCE * HEARTBEAT_SECONDS
        return self._nodes.census(online_until=time.time() - seconds + lasting)

    def nodes(self) -> list[Node]:
        """Return all nodes that are not revoked, in the order of their enrolment."""
        with self._transaction():
            found = self._state.get_node_info(statuses=REGISTERED)
        listed = [
            Node(
                int(info.node_id),
                info.name,
                info.registered_at,
                info.online_until - HEARTBEAT_PATIENCE * info.heartbeat_interval,
            )
            for info in found
        ]
        return sorted(listed, key=lambda node: (node.registered, node.node_id))

    # Rounds

    def begin(self) -> Run:
        """Begin a run, in place of any that an earlier process left; return it."""
        with self._transaction():
            for old in self._state.get_run_info(statuses=["pending", "starting", "running"]):
                self._state.stop_run(old.run_id)
            run_id = self._state.create_run(
                None, None, None, {}, NOOP_FEDERATION_ID, None, NOOP_FLWR_AID, TaskType.SERVER_APP
            )
            (run,) = self._state.get_run_info(run_ids=[run_id])
            # It stays pending for Flower: a running one would have to send itself heartbeats.
            self._run = run
        self._mailbox.clear()
        # Flower stamps each message with the identity of the process that makes it.
        TaskIdentity.task_id = cast(int, run.primary_task_id)
        TaskIdentity.run_id = run_id
        TaskIdentity.node_id = SUPERLINK_NODE_ID
        return run

    def put(self, messages: Sequence[Message]) -> list[str]:
        """Leave messages for their nodes; return their ids.

        Messages for nodes that have been revoked meanwhile are left out.
        """
        ids = []
        for message in messages:
            node = message.metadata.dst_node_id
            if self._nodes.has(node):
                message_id = message.metadata.__dict__["_message_id"] = uuid.uuid4().hex
                self._mailbox.leave(message_id, node, message)
                ids.append(message_id)
        return ids

    def take(self, node_id: int) -> bytes | None:
        """Return the oldest message that waits for a node, as bytes, or None; once only."""
        found = self._mailbox.take(node_id)
        return None if found is None else message_to_proto(found).SerializeToString()

    def answer(self, node_id: int, data: bytes) -> tuple[Delivery, str]:
        """Keep a node's reply; return what became of it and which message it replies to.

        Waits while as many replies as are held are yet to be added up.

        Raises:
            CodecError: ``data`` are not a reply.
            StoreError: it waited in vain.
        """
        reply = _reply_of(data)
        metadata = reply.metadata
        asked = metadata.reply_to_message_id
        if (metadata.src_node_id, metadata.run_id) != (node_id, self._current_run.run_id):
            is_old = metadata.src_node_id == node_id
            return (Delivery.LATE if is_old else Delivery.FOREIGN), asked
        if faults := validate_message(reply, is_reply_message=True):
            raise CodecError(f"the reply is not one: {faults[0]}")
        kept = self._mailbox.keep(asked, node_id, reply_id=metadata.message_id, reply=reply)
        return kept, asked

    def replies(self, message_ids: Iterable[str]) -> list[Message]:
        """Return the replies to these messages that have come, each once, and forget both."""
        return self._mailbox.collect(message_ids)

    def discard(self, message_ids: Iterable[str]) -> None:
        """Forget messages and the replies to them: what comes later is late."""
        self._mailbox.discard(message_ids)

    @property
    def _current_run(self) -> Run:
        if self._run is None:
            raise RuntimeError("begin a run before messages are sent or answered")
        return self._run

    @contextmanager
    def _transaction(self) -> "Iterator[None]":
        # SQLite has one writer; waiting here is fairer and quicker than its busy time-out.
        try:
            with self._lock, self._state.session():
                yield
        except SQLAlchemyError as error:
            raise StoreError(f"the fleet's database {self._path} failed: {error}") from error


def _reply_of(data: bytes) -> Message:
    try:
        return message_from_proto(ProtoMessage.FromString(data))
    except (DecodeError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise CodecError("the reply is not a Flower message") from error
