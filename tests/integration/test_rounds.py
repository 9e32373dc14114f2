"""Rounds of a real server with light devices over TLS: what counts, and what survives a death."""

import shutil
import signal
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from penchant.client.join.connection import UnreachableError
from penchant.shared.accounting import UserMechanism, default_delta

MakeServer = Callable[..., Any]
DEVICES = 4
PRIVATE = {"rounds": 3, "noise_multiplier": 2.0, "sampling_probability": 0.9}
SILENCE = 20.0  # seconds that a round waits for a silent device; the others need one


def take_part(devices: list[Any], stop: threading.Event) -> list[threading.Thread]:
    """Let devices answer tasks until stopped, through deaths of the server."""

    def work(device: Any) -> None:
        while not stop.is_set():
            try:
                device.take_part()
            except UnreachableError:
                stop.wait(0.2)

    threads = [threading.Thread(target=work, args=(device,)) for device in devices]
    for thread in threads:
        thread.start()
    return threads


def test_a_killed_server_goes_on_where_it_was(
    make_server: MakeServer, light_device: Callable[..., Any]
) -> None:
    """Killed in the middle of a round, a server ends as one that lived: ranker and epsilon.

    Draws are seeded, so that the same rounds give the same ranker to the last bit but those that
    the order of the sum decides.
    """
    server = make_server(rounds=PRIVATE, seed=5, pace={"minimum_devices": DEVICES})
    server.start()
    devices = [light_device(server) for _ in range(DEVICES)]
    server.end()
    # The same server with the same devices, which will live.
    twin = make_server(rounds=PRIVATE, seed=5, pace={"minimum_devices": DEVICES}, catalogue=False)
    shutil.rmtree(twin.folder.path)
    shutil.copytree(server.folder.path, twin.folder.path)

    def run(live: Any, *, deaths: int) -> None:
        live.start()
        for device in devices:
            device.connection = device.connection_to(live.port)
        tasks = [devices[0].task()]  # the first round runs, and one device has its task
        for _ in range(deaths):
            live.end(signal.SIGKILL)
            live.start()
            for device in devices:
                device.connection = device.connection_to(live.port)
            late = devices[0].push(devices[0].reply(tasks[-1]))
            assert late == "late"
            tasks.append(devices[0].task())
        devices[0].push(devices[0].reply(tasks[-1]))
        stop = threading.Event()
        threads = take_part(devices, stop)
        live.wait_for_rounds(3)
        stop.set()
        for thread in threads:
            thread.join()

    run(twin, deaths=0)
    lived, twin_rounds = twin.ranker().vector, twin.status()
    twin.end()
    run(server, deaths=2)
    after = server.status()
    np.testing.assert_allclose(server.ranker().vector, lived, rtol=0, atol=1e-6)
    assert after["rounds"][0]["attempts"] == twin_rounds["rounds"][0]["attempts"] + 2
    for found, expected in zip(after["rounds"], twin_rounds["rounds"], strict=True):
        for name in ("number", "cohort", "accepted", "rejected", "epsilon", "mechanism"):
            assert found[name] == expected[name], name
    expected_epsilon = UserMechanism(8, 0.9).epsilon(
        noise_multiplier=2.0, rounds=3, delta=default_delta(8)
    )
    assert after["standing"]["epsilon"] == pytest.approx(expected_epsilon, rel=1e-6)


def test_rounds_stop_at_the_budget(
    make_server: MakeServer, light_device: Callable[..., Any]
) -> None:
    """The round that would exceed epsilon does not begin, and the page says why."""
    mechanism = UserMechanism(8, 1.0)
    two, three = (
        mechanism.epsilon(noise_multiplier=2.0, rounds=rounds, delta=1e-5) for rounds in (2, 3)
    )
    server = make_server(
        rounds={"rounds": 50, "noise_multiplier": 2.0},
        privacy={"epsilon": (two + three) / 2, "delta": 1e-5},
    )
    server.start()
    device = light_device(server)
    stop = threading.Event()
    threads = take_part([device], stop)
    server.wait_for(lambda: "budget is spent" in server.status()["standing"]["doing"])
    stop.set()
    for thread in threads:
        thread.join()
    standing = server.status()["standing"]
    assert standing["round_number"] == 2
    assert standing["epsilon"] == pytest.approx(two)
    assert server.shelf().ranker()[0].round_number == 2
    assert server.end() == 0


def test_bad_replies_and_silence_are_counted(
    make_server: MakeServer, light_device: Callable[..., Any]
) -> None:
    """Of five devices one is silent, one sends too long an update, one garbage, one twice."""
    server = make_server(
        rounds={"rounds": 1, "reply_timeout": SILENCE}, pace={"minimum_devices": 5}
    )
    server.start()
    good, silent, greedy, garbled, twice = devices = [light_device(server) for _ in range(5)]
    tasks = [device.task() for device in devices]
    assert good.push(good.reply(tasks[0])) == "stored"
    greedy.scale = 100.0
    assert greedy.push(greedy.reply(tasks[2])) == "stored"
    garbled.garbled = True
    assert garbled.push(garbled.reply(tasks[3])) == "stored"
    reply = twice.reply(tasks[4])
    assert twice.push(reply) == "stored"
    assert twice.push(twice.reply(tasks[4])) in ("duplicate", "late")
    assert silent.node not in (good.node, greedy.node)
    server.wait_for_rounds(1)
    found = server.status()
    (outcome,) = found["rounds"]
    assert (outcome["cohort"], outcome["accepted"], outcome["rejected"]) == (5, 2, 2)
    assert found["refusals"]["reply over the norm"] == 1
    assert found["refusals"]["reply malformed"] == 1
    assert silent.push(silent.reply(tasks[1])) == "late"


def test_an_over_selected_round_ends_with_the_updates_it_wants(
    make_server: MakeServer, light_device: Callable[..., Any]
) -> None:
    """Four are asked for two updates: the first two count, and whoever comes later is late."""
    rounds = {"rounds": 1, "population": DEVICES, "over_selection": 2.0}
    server = make_server(rounds=rounds, pace={"minimum_devices": DEVICES})
    server.start()
    devices = [light_device(server) for _ in range(DEVICES)]
    replies = [device.reply(device.task()) for device in devices]
    for device, reply in zip(devices[:2], replies[:2], strict=True):
        assert device.push(reply) == "stored"
    server.wait_for_rounds(1)
    for device, reply in zip(devices[2:], replies[2:], strict=True):
        assert device.push(reply) == "late"
    (found,) = server.status()["rounds"]
    assert (found["cohort"], found["accepted"], found["rejected"]) == (4, 2, 0)
    assert server.status()["refusals"]["late"] == 2


def test_operators_pause_rounds_and_revoke_devices(
    make_server: MakeServer, light_device: Callable[..., Any], command: Callable[..., str]
) -> None:
    """The commands act on a running server through its databases, and its page shows it."""
    server = make_server(rounds={"rounds": 1})
    folder = str(server.folder.path)
    server.start()
    command("server", "pause", "--dir", folder)
    device = light_device(server)
    server.wait_for(lambda: "paused" in server.status()["standing"]["doing"])
    listed = command("server", "list", "--dir", folder)
    assert listed.split("\t")[:2] == [str(device.node), "test"]
    command("server", "revoke", str(device.node), "--dir", folder)
    assert command("server", "list", "--dir", folder) == ""
    assert server.status()["enrolled"] == 0
    codes = command("server", "enroll", "--dir", folder, "--count", "3").split()
    assert len(set(codes)) == 3
    assert server.status()["open_codes"] == 3
    command("server", "reload", "--dir", folder)
    server.wait_for(lambda: "configuration read again" in server.text())


def test_logs_hold_nothing_of_who_asked(
    make_server: MakeServer, light_device: Callable[..., Any]
) -> None:
    """No address, key, code, node number or label is in the logs, whatever was refused."""
    server = make_server(rounds={"rounds": 1})
    server.start()
    code = server.code()
    device = light_device(server)
    device.connection.post("/v1/fleet/push", b"garbage")
    device.garbled = True
    device.push(device.reply(device.task()))
    server.wait_for_rounds(1)
    server.end()
    text = server.text()
    assert "round finished" in text
    for secret in ("127.0.0.1", code.secret, str(device.node), "BEGIN PUBLIC KEY", "garbage"):
        assert secret not in text
