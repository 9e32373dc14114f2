"""The commands of docs/server.md, run: one starts a server, one joins a device; and its page."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from penchant.client.home import Home

MAIN = "from penchant.shared.command_line import main; main()"
PATIENCE = 600.0
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


class Running:
    """A command that runs on, and what it has said."""

    def __init__(self, said: Path, *arguments: str) -> None:
        self._said = said
        with said.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", MAIN, *arguments], stdout=log, stderr=log, text=True
            )

    def said(self) -> str:
        """All that it has said."""
        return self._said.read_text()

    def wait_for(self, pattern: str) -> str:
        """Wait until it has said something; return that."""
        end = time.monotonic() + PATIENCE
        while (found := re.search(pattern, self.said())) is None:
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError(f"never said {pattern!r}:\n{self.said()}")
            time.sleep(0.1)
        return found[0]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start commands, and end them after the test: both must end well."""
    running: list[Running] = []

    def start(*arguments: str) -> Running:
        running.append(Running(tmp_path / f"said-{len(running)}", *arguments))
        return running[-1]

    yield start
    for one in reversed(running):
        one.process.terminate()
        assert one.process.wait(PATIENCE) == 0, one.said()


def test_one_command_starts_a_server_and_one_joins_a_device(
    start: Callable[..., Running], command: Callable[..., str], tmp_path: Path
) -> None:
    """A first start, a catalogue, a code, a device: its ranker is installed and its page shows."""
    table = tmp_path / "items.csv"
    words = ["love", "war", "space", "dogs", "food"]
    rows = [f"i{n},a film about {words[n % 5]} and {n}" for n in range(40)]
    table.write_text("\n".join(["item_id,text", *rows]))
    log = tmp_path / "log.csv"
    views = [f"i{n},{1_700_000_000 + 3600 * n}" for n in range(0, 40, 2)]
    log.write_text("\n".join(["item_id,timestamp", *views]))
    folder, device = tmp_path / "srv", tmp_path / "device"
    text = command_text(folder)
    server = start("serve", "--dir", str(folder), "--config", str(text))
    server.wait_for("waiting for a catalogue")
    ports = server.wait_for(r'"port": \d+, "operator_port": \d+')
    port, operator_port = re.findall(r"\d+", ports)
    shape = ("--dimension", "4", "--features", "8")
    common = ("--dir", str(folder), "--config", str(text))
    command("server", "publish", str(table), "--encoder", "minilm", *shape, *common)
    code = command("server", "enroll", *common).strip()
    keys = ("--keys", "file", "--key-file", str(tmp_path / "key"))
    command("device", "init", "--device", str(device), "--items", str(table), *keys)
    command("import", str(log), "--device", str(device))
    url = f"https://localhost:{port}"
    joined = start("join", url, "--code", code, "--device", str(device), "--lab", "--agree")
    joined.wait_for(r"waiting for a task \(2 rounds, release \d")
    assert "LAB POLICY IN FORCE" in joined.said()
    assert all(line.startswith("[lab]") for line in joined.said().splitlines()[-3:])
    assert Home.read(device).ranker is not None
    server.wait_for("all 2 rounds are done")
    if CHROMIUM is not None:
        page = f"http://127.0.0.1:{operator_port}/status"
        seen = look_at(page)
        assert "all 2 rounds are done" in seen
        assert "<b>2 of 2</b>rounds finished" in seen
        assert "there is no user-level privacy" in seen
        assert not re.search(r'(src|href)="', seen)
        assert "How well devices were served" in seen
        assert '<section id="quality" hidden' not in seen
        told = re.search(
            r"In the latest round that measured: HR@10 (\d\.\d{3}) ± (\d\.\d{3})", seen
        )
        assert told is not None
        assert 0 <= float(told[1]) <= 1
        for panel in ("hr", "ndcg"):
            drawn = re.search(rf'<svg id="{panel}-chart".*?</svg>', seen, re.DOTALL)
            assert drawn is not None
            assert "<polyline" in drawn[0]
            assert re.search(rf'id="{panel}-scale">from 0 to ', seen)


def command_text(folder: Path) -> Path:
    """A configuration for a trial with one device, on free ports."""
    from penchant.server.service.configuration import default_text

    text = default_text(trial_devices=1)
    for name, value in (("port", 0), ("operator_port", 0), ("rounds", 2)):
        text = re.sub(rf"(?m)^{name} = \d+", f"{name} = {value}", text)
    text, count = re.subn(r"(?m)^# evaluate = true", "evaluate = true", text)
    assert count == 1
    path = folder.parent / "server.toml"
    path.write_text(text)
    return path


def look_at(page: str) -> str:
    """The page as a browser at a phone's width shows it, after its script has run."""
    assert CHROMIUM is not None
    seen: Any = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--window-size=390,800",
            "--virtual-time-budget=3000",
            "--dump-dom",
            page,
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return str(seen.stdout)
