"""Commands written out, so that what was run can be run again."""

import shlex
from collections.abc import Mapping

__all__ = ["command_with"]


def command_with(name: str, flags: Mapping[str, object]) -> str:
    """Return a command with its flags, for a shell.

    Args:
        name: such as ``penchant simulate``.
        flags: values by name, with underscores; those that are None are left out.

    Example:
        >>> command_with("penchant simulate", {"over_selection": 1.2, "out": "a b", "clip": None})
        "penchant simulate --over-selection 1.2 --out 'a b'"
    """
    given = [
        part
        for flag, value in flags.items()
        if value is not None
        for part in (f"--{flag.replace('_', '-')}", str(value))
    ]
    return shlex.join([*name.split(), *given])
