"""Arrays larger than memory should hold: written piece by piece, kept in a folder, mapped."""

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from filelock import FileLock
from numpy.lib import format as npy
from numpy.typing import DTypeLike, NDArray

from penchant.shared.errors import DataError
from penchant.shared.files import CACHE_VARIABLE, whole_folder

__all__ = ["ArrayFile", "ArrayFiles", "kept", "mapped"]


class ArrayFile:
    """A ``.npy`` file that grows along its first axis; it is readable once it is closed.

    NumPy pads the header so that the first axis can grow in place.

    Args:
        path: the file to make.
        dtype: of the array.
        row: shape of one row; ``()`` for a one-dimensional array.
    """

    def __init__(self, path: Path, dtype: DTypeLike, row: tuple[int, ...] = ()) -> None:
        self._dtype, self._row, self._rows = np.dtype(dtype), row, 0
        self._file = path.open("wb")
        self._write_header()

    def append(self, rows: NDArray[Any]) -> None:
        """Add rows at the end.

        Raises:
            DataError: they are of another type or shape.
        """
        if rows.dtype != self._dtype or rows.shape[1:] != self._row:
            raise DataError(
                f"{self._file.name} holds {self._dtype} rows of shape {self._row}; got "
                f"{rows.dtype} of shape {rows.shape[1:]}"
            )
        self._file.write(np.ascontiguousarray(rows).data)
        self._rows += len(rows)

    def close(self) -> None:
        """Write how many rows there are, and close the file."""
        self._file.seek(0)
        self._write_header()
        self._file.close()

    def _write_header(self) -> None:
        npy.write_array_header_1_0(
            self._file,
            {
                "descr": npy.dtype_to_descr(self._dtype),
                "fortran_order": False,
                "shape": (self._rows, *self._row),
            },
        )


class ArrayFiles:
    """Several growing arrays of one folder, by name, closed together.

    Args:
        folder: holds ``NAME.npy`` for each array.
        arrays: type and shape of a row, by name.
    """

    def __init__(self, folder: Path, arrays: dict[str, tuple[DTypeLike, tuple[int, ...]]]) -> None:
        self._files = {
            name: ArrayFile(folder / f"{name}.npy", dtype, row)
            for name, (dtype, row) in arrays.items()
        }

    def append(self, **rows: NDArray[Any]) -> None:
        """Add rows to the arrays of these names."""
        for name, some in rows.items():
            self._files[name].append(some)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with ExitStack() as stack:
            for file in self._files.values():
                stack.callback(file.close)


def kept(folder: Path, write: Callable[[Path], None]) -> Path:
    """Return ``folder``, written first if it is not there; processes that want it wait in turn.

    Args:
        folder: the folder that keeps something; its name must tell all that decides the content.
        write: fills an empty scratch folder, which takes the place of ``folder`` when it is done;
            if it fails or is interrupted, ``folder`` is not there.

    Raises:
        DataError: the folder cannot be written.
    """
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f"{folder.name}.lock")):
            if not folder.is_dir():
                # Only who holds the lock writes, so these are of processes that were killed.
                for orphan in folder.parent.glob(f".{folder.name}.*.part"):
                    shutil.rmtree(orphan, ignore_errors=True)
                with whole_folder(folder) as scratch:
                    write(scratch)
    except OSError as error:
        raise DataError(
            f"cannot keep {folder}: {error}; make room there, or set {CACHE_VARIABLE} to a folder "
            "that can be written"
        ) from error
    return folder


def mapped(folder: Path, name: str) -> NDArray[Any]:
    """Return an array of a kept folder, mapped from its file, read-only.

    Raises:
        DataError: it cannot be read.
    """
    path = folder / f"{name}.npy"
    try:
        return np.asarray(np.load(path, mmap_mode="r"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read: {error}; remove the folder {folder}, it will be made again"
        ) from error
