"""Run a server whose draws may be seeded: ``python live_server.py FOLDER [SEED]``."""

import sys
from pathlib import Path

from penchant.server.service.folder import ServerFolder
from penchant.server.service.logs import configure_logs
from penchant.server.service.server import Server
from penchant.shared.randomness import SeededRandomness


def main() -> None:
    """Serve until told to stop."""
    folder, seed = sys.argv[1:]
    configure_logs()
    randomness = SeededRandomness(int(seed)) if seed else None
    Server(ServerFolder(Path(folder)), randomness=randomness).run()


if __name__ == "__main__":
    main()
