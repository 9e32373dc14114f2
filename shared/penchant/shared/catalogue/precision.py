"""How the embeddings of a catalogue are kept."""

from enum import StrEnum

__all__ = ["Precision"]


class Precision(StrEnum):
    """How embeddings are kept: float32 as they are, float16, or int8 with a scale for each row."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    INT8 = "int8"

    @property
    def stored(self) -> str:
        """The NumPy type on disk, little-endian."""
        return {"float32": "<f4", "float16": "<f2", "int8": "|i1"}[self.value]
