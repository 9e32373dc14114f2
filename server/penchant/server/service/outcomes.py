"""What the latest round came to, kept beside its checkpoint.

A checkpoint says where the ranker stands; the records say what operators see. A server that dies
between the two, or whose disk is full then, finds here what is still to be recorded.
"""

import json
from dataclasses import asdict
from pathlib import Path

from penchant.server.measures import Measured
from penchant.server.outcome import RoundOutcome
from penchant.shared.errors import DataError
from penchant.shared.files import write_atomically

__all__ = ["keep_outcome", "kept_outcome"]


def keep_outcome(path: Path, outcome: RoundOutcome, *, model_id: str) -> None:
    """Write ``outcome`` to ``path``, whole or not at all.

    Args:
        path: the file.
        outcome: what the round came to.
        model_id: of the ranker that it trained.
    """
    write_atomically(path, json.dumps({"model_id": model_id, **asdict(outcome)}).encode())


def kept_outcome(path: Path) -> tuple[str, RoundOutcome] | None:
    """Return the ranker's ``model_id`` and the outcome in ``path``, None if it is not there.

    Raises:
        DataError: the file is damaged.
    """
    try:
        fields = json.loads(path.read_bytes())
        # An outcome kept by a penchant that knew no measures says nothing of them.
        measured = fields.pop("measured", None)
        fields["measured"] = None if measured is None else Measured(**measured)
        return fields.pop("model_id"), RoundOutcome(**fields)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{path} cannot be read ({error}); remove it") from error
