"""Flower's node registry and mailbox: the one module of the server that touches Flower's insides.

Written for ``flwr==1.42.*``. Of the SuperLink only its link state is used (SQLite: nodes with their
public keys, one run, messages and replies). Its HTTP routes are not: they hand out app bundles, let
a node answer in another's name, and take some fourteen requests a device and round where two do.
Contract tests fail when Flower moves.
"""

import threading
import uuid
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
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
from flwr.supercore.constant import NOOP_FEDERATION_ID, NodeStatus, TaskType
from flwr.supercore.object_store import ObjectStoreFactory
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity
from flwr.superlink.federation import NoOpFederationManager
from google.protobuf.message import DecodeError
from sqlalchemy.exc import SQLAlchemyError

from penchant.shared.errors import CodecError, ConfigurationError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flwr.server.superlink.linkstate.sql_linkstate import SqlLinkState
    from flwr.supercore.object_store.sql_object_store import SqlObjectStore
    from sqlalchemy import Engine

__all__ = ["Delivery", "FleetState", "Node"]

_OPENING = threading.Lock()  # Flower's migrations are for one thread at a time
HEARTBEAT_SECONDS = 1800  # Flower's longest; it takes a node for lost after two of them
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


class Delivery(Enum):
    """What became of a reply."""

    STORED = "stored"
    LATE = "late"
    DUPLICATE = "duplicate"
    FOREIGN = "foreign"


class FleetState:
    """Nodes and messages in one SQLite file, for one process at a time that runs rounds.

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

    def close(self) -> None:
        """Release the file."""
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
        with self._transaction():
            found = self._state.get_node_id_by_public_key(public_key)
        return None if found is None else int(found)

    def seen(self, node_id: int) -> None:
        """Note that a node was heard of."""
        with self._transaction():
            self._state.acknowledge_node_heartbeat(node_id, HEARTBEAT_SECONDS)

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
                self._state.delete_messages(self._state.get_message_ids_from_run_id(old.run_id))
                self._state.stop_run(old.run_id)
            run_id = self._state.create_run(
                None, None, None, {}, NOOP_FEDERATION_ID, None, NOOP_FLWR_AID, TaskType.SERVER_APP
            )
            (run,) = self._state.get_run_info(run_ids=[run_id])
            # It stays pending for Flower: a running one would have to send itself heartbeats.
            self._run = run
        # Flower stamps each message with the identity of the process that makes it.
        TaskIdentity.task_id = cast(int, run.primary_task_id)
        TaskIdentity.run_id = run_id
        TaskIdentity.node_id = SUPERLINK_NODE_ID
        return run

    def put(self, messages: Sequence[Message]) -> list[str]:
        """Leave messages for their nodes, all or none; return their ids.

        Messages for nodes that have been revoked meanwhile are left out.
        """
        ids = []
        with self._transaction():
            for message in messages:
                message.metadata.__dict__["_message_id"] = uuid.uuid4().hex
                stored = self._state.store_message_ins(message)
                if stored is not None:
                    ids.append(stored)
        return ids

    def take(self, node_id: int) -> bytes | None:
        """Return the oldest message that waits for a node, as bytes, or None; once only."""
        with self._transaction():
            found = self._state.get_message_ins(node_id, 1)
        return message_to_proto(found[0]).SerializeToString() if found else None

    def answer(self, node_id: int, data: bytes) -> tuple[Delivery, str]:
        """Keep a node's reply; return what became of it and which message it replies to.

        Raises:
            CodecError: ``data`` are not a reply.
        """
        reply = _reply_of(data)
        metadata = reply.metadata
        asked = metadata.reply_to_message_id
        run = self._current_run
        if (metadata.src_node_id, metadata.run_id) != (node_id, run.run_id):
            is_old = metadata.src_node_id == node_id
            return (Delivery.LATE if is_old else Delivery.FOREIGN), asked
        with self._transaction():
            task = self._state.get_valid_message_ins(asked)
            if task is None:
                return Delivery.LATE, asked
            kept = self._state.store_message_res(reply)
        return (Delivery.DUPLICATE if kept is None else Delivery.STORED), asked

    def replies(self, message_ids: Iterable[str]) -> list[Message]:
        """Return the replies to these messages that have come, each once, and forget both."""
        asked = set(message_ids)
        with self._transaction():
            found = self._state.get_message_res(set(asked), self._current_run.run_id)
            self._state.delete_messages({message.metadata.reply_to_message_id for message in found})
        return [message for message in found if message.metadata.src_node_id != SUPERLINK_NODE_ID]

    def discard(self, message_ids: Iterable[str]) -> None:
        """Forget messages and the replies to them: what comes later is late."""
        with self._transaction():
            self._state.delete_messages(set(message_ids))

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
