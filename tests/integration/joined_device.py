"""One person's device in a process of its own: join a server and take part in its rounds.

``python joined_device.py FOLDER URL CODE SEED NUMBER HISTORY``: the device draws from the stream
that device NUMBER of a simulation with SEED draws from; HISTORY is a JSON list of [item, time].
"""

import json
import signal
import sys
from pathlib import Path

from penchant.client import LAB, Device, DeviceSettings, Event, EventKind, KeyFile, Purpose
from penchant.client.join import EnrolmentCode, Runtime, enrol
from penchant.client.join.connection import ServerConnection
from penchant.client.join.membership import releases_folder
from penchant.client.join.releases import Installed
from penchant.shared.randomness import SeededRandomness
from penchant.shared.releases import load_signing_key
from penchant.shared.scoring import Scorer

DEVICE_STREAM = 1


def main() -> None:
    """Observe the history once, then take part until terminated."""
    place, url, code, seed, number, history = sys.argv[1:]
    folder = Path(place)
    randomness = SeededRandomness(int(seed)).spawn(DEVICE_STREAM).spawn(int(number))

    def open_device(scorer: Scorer) -> Device:
        return Device.open(
            folder / "data",
            scorer,
            keys=KeyFile(folder / "keys"),
            # A recorded round has a seed of its own; without, draws are those of the simulation.
            settings=DeviceSettings(quality=None, recorded_rounds=False, participation=LAB),
            randomness=randomness,
        )

    membership = enrol(folder, url, EnrolmentCode.parse(code), keys=KeyFile(folder / "keys"))
    installed = Installed(releases_folder(folder), load_signing_key(membership.server.signing_key))
    with ServerConnection(membership) as connection:
        release = installed.fetch(connection, known=None)
    assert release is not None
    with open_device(release.scorer) as device:
        for purpose in Purpose:
            device.consent(purpose)
        device.observe(
            *(
                Event(kind=EventKind.VIEW, item=item, time=time)
                for item, time in json.loads(Path(history).read_text())
            )
        )
    runtime = Runtime(
        folder,
        membership,
        open_device,
        on_change=lambda now: print(now, flush=True),  # noqa: T201 - what a failing test shows
    )
    signal.signal(signal.SIGTERM, lambda *_: runtime.stop())
    runtime.run()


if __name__ == "__main__":
    main()
