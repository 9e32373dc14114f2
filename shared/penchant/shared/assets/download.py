"""Downloading one file over HTTP, going on where an earlier attempt stopped."""

from collections.abc import Iterator
from http.client import HTTPException
from importlib.metadata import version
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen
from urllib.response import addinfourl

from penchant.shared.errors import AssetError

__all__ = ["SourceError", "download"]

TIMEOUT_SECONDS = 20.0
CHUNK_BYTES = 1 << 18
PARTIAL_CONTENT = 206
RANGE_NOT_SATISFIABLE = 416


class SourceError(AssetError):
    """One source cannot give a file; another may."""


def download(url: str, part: Path, *, size: int) -> Iterator[int]:
    """Write what ``url`` holds to ``part``, resuming after the bytes that ``part`` already has.

    A server that ignores or refuses the range starts again from the first byte.

    Args:
        url: an ``https:``, ``http:`` or ``file:`` address.
        part: file to write; after an error it keeps what came, so that a later call resumes.
        size: expected length in bytes; no more than this is ever written.

    Yields:
        The number of bytes that ``part`` holds so far.

    Raises:
        SourceError: the address cannot be read, ended early or gives more than ``size`` bytes.
    """
    held = part.stat().st_size if part.exists() else 0
    if held == size:
        yield size
        return
    response, start = _open(url, held if held < size else 0)
    with response, part.open("ab" if start else "wb") as file:
        done, announced = start, _announced(response, start)
        while chunk := _read(response, url):
            done += len(chunk)
            if done > size:
                part.unlink()
                raise SourceError(f"{url} gives more than the expected {size:,} bytes")
            file.write(chunk)
            yield done
    if done < (size if announced is None else announced):
        raise SourceError(
            f"{url} stopped after {done:,} of {size:,} bytes; fetch again to go on from there"
        )


def _open(url: str, start: int) -> tuple[addinfourl, int]:
    """Open ``url`` from byte ``start`` if it can, from the first byte otherwise; say which."""
    headers = {"User-Agent": f"penchant/{version('penchant')}"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        response = urlopen(Request(url, headers=headers), timeout=TIMEOUT_SECONDS)
    except HTTPError as error:
        error.close()
        if start and error.code == RANGE_NOT_SATISFIABLE:
            return _open(url, 0)
        raise SourceError(f"{url} answered {error.code} {error.reason}") from error
    except (URLError, HTTPException, OSError) as error:
        raise SourceError(f"{url}: {getattr(error, 'reason', error)}") from error
    if getattr(response, "status", None) != PARTIAL_CONTENT:
        return response, 0
    if not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
        response.close()
        return _open(url, 0)
    return response, start


def _announced(response: addinfourl, start: int) -> int | None:
    length = response.headers.get("Content-Length", "")
    return start + int(length) if length.isdecimal() else None


def _read(response: addinfourl, url: str) -> bytes:
    try:
        return response.read(CHUNK_BYTES)
    except (HTTPException, OSError) as error:
        raise SourceError(f"{url}: {error}; fetch again to go on from there") from error
