"""Whether a library that only controls need is installed."""

from importlib.util import find_spec

__all__ = ["missing"]


def missing(module: str, package: str) -> str | None:
    """Return why ``module`` cannot be used, for people; None if it can.

    Args:
        module: its import name.
        package: the distribution that has it.
    """
    if find_spec(module) is not None:
        return None
    return f"{package} is not installed; pip install 'penchant[controls]'"
