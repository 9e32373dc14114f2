"""A bad day of a server: 200 devices, 30 rounds, and everything that goes wrong.

A real server in a process of its own is killed (SIGKILL) five times in the middle of rounds and
runs out of disk once, until that has stopped a write; a fifth of the devices vanish; one joins
late; one is killed (SIGKILL) in the middle of its uploads, one sends a few bytes at a time, one
floods, one sends garbage, one's clock is an hour off. At the end: every fault took place; every
round was finished; no more updates counted than devices were told that theirs was taken; the
ranker has moved by what was counted, as nearly as noise lets one see; and epsilon is that of the
rounds, as if nothing had happened.

    python benchmarks/soak.py [--devices 200] [--rounds 30] [--json FILE]

For the full disk it mounts a small tmpfs, which needs root; without, that fault is left out.
"""

import argparse
import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tomli_w
from server import RATES, Server
from troublemakers import Fleet

from penchant.server.releases.publication import PublicationSettings, publish_embedded
from penchant.server.releases.shelf import Shelf
from penchant.server.service.certificates import load_private_signing_key
from penchant.server.service.folder import ServerFolder
from penchant.shared.accounting import UserMechanism, default_delta
from penchant.shared.catalogue import Catalogue

NOISE, PROBABILITY, DEADLINE = 2.0, 0.5, 8.0
KILLS, VANISHING = 5, 0.2
DISK_MEGABYTES = 96
FULL_SECONDS = 120.0  # within which a full disk has to stop a write
DISK_IS_FULL = re.compile("No space left on device|database or disk is full")


@contextmanager
def small_disk(path: Path) -> Iterator[None]:
    """Make ``path`` a small disk of its own, if that is allowed."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "tmpfs", str(path)]
    mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(path)], check=True)


def prepare(path: Path, *, devices: int, rounds: int) -> ServerFolder:
    """Return the folder of a server on a port that stays the same."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    training = {"steps": 1, "examples": 1, "negatives": 1, "rates": RATES, "clipping_norm": 1.0}
    configuration = {
        "network": {"host": "127.0.0.1", "port": port, "operator_port": 0, "longest_wait": 20.0},
        "pace": {"interval": 0.0, "minimum_devices": devices},
        "privacy": {"epsilon": 1000.0},
        "rounds": {
            "rounds": rounds,
            "population": devices,
            "sampling_probability": PROBABILITY,
            "noise_multiplier": NOISE,
            "reply_timeout": DEADLINE,
            "training": training,
            "optimiser": {"name": "fedavg", "rates": RATES},
        },
    }
    path.mkdir()
    folder = ServerFolder(path)
    folder.configuration_path.write_text(tomli_w.dumps(configuration))
    folder.prepare()
    embeddings = np.random.default_rng(0).standard_normal((500, 16)).astype(np.float32)
    publish_embedded(
        Shelf(folder.releases, load_private_signing_key(folder.signing_key)),
        Catalogue.of([str(number) for number in range(500)], embeddings),
        encoder="soak",
        settings=PublicationSettings(dimension=4, features=8),
    )
    return folder


async def fill_disk(folder: Path, server: Server) -> None:
    """Take all the space there is until that has stopped a write of the server; give it back.

    Raises:
        RuntimeError: it stopped none.
    """
    filler = folder / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(65536))
    try:
        async with asyncio.timeout(FULL_SECONDS):
            while not DISK_IS_FULL.search(server.said()):
                await asyncio.sleep(0.2)
        await asyncio.sleep(5)
    except TimeoutError:
        raise RuntimeError("the full disk has stopped no write") from None
    finally:
        filler.unlink()


def is_mid_round(status: dict) -> bool:
    """Return whether a round has just been begun."""
    running = status["standing"]["doing"].endswith("is running")
    return running and 0.5 < time.time() - status["rounds"][-1]["started"] < 0.6 * DEADLINE


async def suffer(folder: ServerFolder, logs: Path, *, devices: int, rounds: int) -> dict:
    """Run all rounds through all faults; return what is to be checked."""
    server = Server(folder, log=logs / "0")
    fleet = Fleet(folder, devices=devices)
    bad = ["cut off", "slow", "flooding", "garbage", "skewed"]
    vanishing = [asyncio.create_task(fleet.live()) for _ in range(round(VANISHING * devices))]
    people = [fleet.live(kind=kind) for kind in bad]
    people += [fleet.live() for _ in range(devices - len(people) - len(vanishing) - 1)]
    running = [asyncio.create_task(person) for person in people]
    kills = {(place + 1) * rounds // (KILLS + 1) for place in range(KILLS)}
    late, full, gone = rounds // 5, rounds * 2 // 5, rounds // 4
    filling: asyncio.Task | None = None
    killed = 0
    try:
        while True:
            await asyncio.sleep(0.3)
            for task in [*running, *vanishing, *([filling] if filling else [])]:
                if task.done() and not task.cancelled():
                    task.result()
            now = await asyncio.to_thread(server.status)
            finished = now["standing"]["round_number"]
            if finished >= rounds:
                break
            if finished >= late and "late" not in fleet.nodes:
                running.append(asyncio.create_task(fleet.live(kind="late")))
            if finished >= gone:
                for task in vanishing:
                    task.cancel()
            if finished >= full and os.path.ismount(folder.path.parent) and filling is None:
                filling = asyncio.create_task(fill_disk(folder.path, server))
            disk_is_full = filling is not None and not filling.done()
            if kills and finished >= min(kills) and is_mid_round(now) and not disk_is_full:
                kills.remove(min(kills))
                server.process.send_signal(signal.SIGKILL)
                server.process.wait()
                killed += 1
                server = await asyncio.to_thread(Server, folder, log=logs / str(killed))
        return {
            "status": now,
            "fleet": fleet,
            "killed": killed,
            "vanished": sum(task.cancelled() for task in vanishing),
            "disk_was_full": filling is not None and filling.done(),
        }
    finally:
        for task in [*running, *vanishing]:
            task.cancel()
        await asyncio.gather(*running, *vanishing, return_exceptions=True)
        server.stop()


def check_faults(found: dict, *, devices: int, rounds: int) -> dict[str, float]:
    """Raise if a fault that was to be survived did not take place; return how often each did."""
    status, fleet = found["status"], found["fleet"]
    attempts = sum(one["attempts"] for one in status["rounds"])
    refusals = status["refusals"]
    figures = {
        "server killed": found["killed"],
        "attempts cut short": attempts - rounds,
        "devices vanished": found["vanished"],
        "late device taken": fleet.met["late taken"],
        "uploads cut by SIGKILL": fleet.met["uploads cut by SIGKILL"],
        "slow device taken": fleet.met["slow taken"],
        "flooding turned away": fleet.met["flooding turned away"],
        "garbage sent": fleet.met["garbage sent"],
        "garbage refused": refusals.get("reply malformed", 0),
        "wrong clock set right": fleet.met["skewed clock set right"],
        "device with wrong clock taken": fleet.met["skewed taken"],
        "disk full": float(found["disk_was_full"]),
    }
    least = {
        "server killed": KILLS,
        "attempts cut short": KILLS,
        "devices vanished": round(VANISHING * devices),
        "disk full": float(os.geteuid() == 0),
    }
    for name, count in figures.items():
        if count < least.get(name, 1):
            raise RuntimeError(f"{name}: {count:g} times; at least {least.get(name, 1):g} expected")
    return figures


def check(found: dict, folder: ServerFolder, *, devices: int, rounds: int) -> dict[str, float]:
    """Raise if anything was lost or counted twice; return figures."""
    status, fleet = found["status"], found["fleet"]
    done = status["rounds"]
    if [one["number"] for one in done] != list(range(1, rounds + 1)):
        raise RuntimeError("a round is missing")
    if any(one["finished"] is None for one in done):
        raise RuntimeError("a round was not recorded to its end")
    for one in done:
        if one["accepted"] > len(fleet.taken[one["number"]] | fleet.unheard[one["number"]]):
            raise RuntimeError(f"round {one['number']} counted more updates than were taken")
    mechanism = UserMechanism(devices, PROBABILITY)
    epsilon = mechanism.epsilon(noise_multiplier=NOISE, rounds=rounds, delta=default_delta(devices))
    if abs(status["standing"]["epsilon"] - epsilon) > 1e-6 * epsilon:
        raise RuntimeError(f"epsilon is {status['standing']['epsilon']}, not {epsilon}")
    shelf = Shelf(folder.releases, load_private_signing_key(folder.signing_key))
    start = np.concatenate([np.eye(8, 4).ravel(), np.zeros(500)])
    moved = shelf.ranker()[1].vector - start
    unit = fleet.update / np.linalg.norm(fleet.update)
    accepted = sum(one["accepted"] for one in done)
    expected = 0.9 * accepted / (devices * PROBABILITY)
    spread = NOISE / (devices * PROBABILITY) * np.sqrt(rounds)
    if abs(float(moved @ unit) - expected) > 6 * spread:
        raise RuntimeError(f"the ranker moved by {moved @ unit}; {expected} was counted")
    return {
        "rounds": rounds,
        "accepted": accepted,
        "asked": sum(one["cohort"] for one in done),
        "attempts": sum(one["attempts"] for one in done),
        "epsilon": epsilon,
        "troubles": len(status["troubles"]),
        **check_faults(found, devices=devices, rounds=rounds),
        **{f"refused {reason}": count for reason, count in status["refusals"].items()},
    }


def main() -> None:
    """Suffer, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--devices", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json", type=Path, help="write the figures here")
    given = parser.parse_args()
    sizes = {"devices": given.devices, "rounds": given.rounds}
    with (
        tempfile.TemporaryDirectory() as scratch,
        tempfile.TemporaryDirectory() as logs,
        small_disk(Path(scratch)),
    ):
        folder = prepare(Path(scratch) / "server", **sizes)
        found = asyncio.run(suffer(folder, Path(logs), **sizes))
        figures = check(found, folder, **sizes)
    for name, value in figures.items():
        print(f"{name:<30} {value:>10.5g}")
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
