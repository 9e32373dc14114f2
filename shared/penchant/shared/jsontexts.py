"""JSON from outside."""

import json
from typing import Any

__all__ = ["parsed_json"]


def parsed_json(text: str | bytes) -> Any:
    """Return the value that ``text`` is.

    Raises:
        ValueError: it is no JSON, or is nested too deeply to be any of ours.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
