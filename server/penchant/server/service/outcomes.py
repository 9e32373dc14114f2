"""What the latest round came to, kept beside its checkpoint.

A checkpoint says where the ranker stands; the records say what operators see. A server that dies
between the two, or whose disk is full then, finds here what is still to be recorded.
"""

import json
from dataclasses import asdict
from pathlib import Path

from penchant.server.strategy import RoundOutcome
from penchant.shared.errors import DataError
from penchant.shared.files import write_atomically

__all__ = ["keep_outcome", "kept_outcome"]


def keep_outcome(path: Path, outcome: RoundOutcome) -> None:
    """Write ``outcome`` to ``path``, whole or not at all."""
    write_atomically(path, json.dumps(asdict(outcome)).encode())


def kept_outcome(path: Path) -> RoundOutcome | None:
    """Return the outcome that was written to ``path``, None if there is none.

    Raises:
        DataError: the file is damaged.
    """
    try:
        return RoundOutcome(**json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path} cannot be read ({error}); remove it") from error
