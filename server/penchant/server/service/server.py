"""A running server: its parts put together, its listeners, and how it starts, reloads and stops."""

import asyncio
import contextlib
import itertools
import logging
import signal
import socket
from asyncio import sslproto
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import uvicorn
from starlette.routing import Route

from penchant.server.fleet.flower_adapter import FleetState
from penchant.server.operations.records import Records
from penchant.server.service.application import application
from penchant.server.service.configuration import Network
from penchant.server.service.folder import ServerFolder
from penchant.server.service.parts import Parts
from penchant.shared.errors import ConfigurationError, PenchantError
from penchant.shared.randomness import Randomness, SystemRandomness

__all__ = ["Server"]

LOG = logging.getLogger("penchant.server")
FLUSH_SECONDS = 1.0  # what a kill loses of the counts of refusals
SEEN_EVERY = 5  # of these; a thousand waiting devices are heard of at once, in one transaction
KEEP_ALIVE_SECONDS = 300
# asyncio gives every TLS connection a read buffer of 256 KiB, most of which a device never fills.
TLS_BUFFER_BYTES = 8 * 1024


class Server:
    """One server in one folder.

    Args:
        folder: its folder, prepared.
        randomness: draws cohorts and noise; the operating system, if not given.
        tell: told where it listens, for people.
    """

    def __init__(
        self,
        folder: ServerFolder,
        *,
        randomness: Randomness | None = None,
        tell: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self._folder = folder
        self._randomness = randomness or SystemRandomness()
        self._tell = tell

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT.

        Raises:
            ConfigurationError: another process serves the folder, or a port is taken.
            PenchantError: the folder's databases cannot be used.
        """
        with (
            self._folder.alone(),
            closing(Records(self._folder.records)) as records,
            closing(FleetState(self._folder.fleet)) as state,
        ):
            asyncio.run(self._serve(state, records))

    async def _serve(self, state: FleetState, records: Records) -> None:
        sslproto.SSLProtocol.max_size = TLS_BUFFER_BYTES
        parts = Parts.of(self._folder, state, records, randomness=self._randomness)
        network = self._folder.configuration().network
        with (
            _listener(network.host, network.port) as devices_socket,
            _listener(network.operator_host, network.operator_port) as operator_socket,
        ):
            public = _Listener(self._public(network, parts.device_routes()))
            local = _Listener(uvicorn.Config(application(parts.operator_routes()), **_COMMON))
            self._announce(devices_socket, operator_socket, network)
            stop = _stop_on_signals(parts.rounds.reload)
            parts.rounds.start()
            serving = [
                asyncio.create_task(public.serve(sockets=[devices_socket])),
                asyncio.create_task(local.serve(sockets=[operator_socket])),
            ]
            flushing = asyncio.create_task(_flush(parts.tally.flush, state.write_seen))
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait([*serving, stopping], return_when=asyncio.FIRST_COMPLETED)
            LOG.info("stopping")
            await asyncio.to_thread(parts.rounds.stop)
            parts.waiting.release()
            public.should_exit = local.should_exit = True
            await asyncio.gather(*serving)
            for task in (flushing, stopping):
                task.cancel()
            for write in (parts.tally.flush, state.write_seen):
                with contextlib.suppress(PenchantError):
                    write()
        LOG.info("stopped")

    def _public(self, network: Network, routes: list[Route]) -> uvicorn.Config:
        configuration = self._folder.configuration()
        certificate, key = self._folder.certificate(configuration)
        return uvicorn.Config(
            application(routes),
            ssl_certfile=certificate,
            ssl_keyfile=key,
            limit_concurrency=network.connections,
            **_COMMON,
        )

    def _announce(self, devices: socket.socket, operator: socket.socket, network: Network) -> None:
        port, operator_port = devices.getsockname()[1], operator.getsockname()[1]
        self._tell(f"devices:  https://{network.names[0]}:{port}")
        self._tell(f"operator: http://{network.operator_host}:{operator_port}/status")
        if not network.operator_is_local:
            self._tell("the operator's page has no password and can be reached from elsewhere")
        LOG.info("listening", extra={"port": port, "operator_port": operator_port})


_COMMON: dict[str, Any] = {
    "log_config": None,
    "access_log": False,
    "server_header": False,
    "lifespan": "off",
    "ws": "none",
    "timeout_keep_alive": KEEP_ALIVE_SECONDS,
    "timeout_graceful_shutdown": 10,
}


class _Listener(uvicorn.Server):
    """A server that leaves signals to us: there are two of them in one process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextmanager
def _listener(host: str, port: int) -> Iterator[socket.socket]:
    try:
        listening = socket.create_server((host, port), backlog=2048, reuse_port=False)
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {host} port {port}: {error.strerror}; choose another port in the "
            "configuration's [network]"
        ) from error
    with listening:
        yield listening


def _stop_on_signals(reload: Callable[[], None]) -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload)
    return stop


async def _flush(refusals: Callable[[], None], seen: Callable[[], None]) -> None:
    for number in itertools.count(1):
        await asyncio.sleep(FLUSH_SECONDS)
        for write in (refusals,) if number % SEEN_EVERY else (refusals, seen):
            with contextlib.suppress(PenchantError):
                await asyncio.to_thread(write)
