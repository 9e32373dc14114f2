"""Reading a request's body: no more of it, and for no longer, than is reasonable."""

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

__all__ = ["read_body"]

BODY_SECONDS = 60.0


async def read_body(request: Request, *, limit: int) -> bytes:
    """Return the body of ``request``.

    Args:
        request: whose body.
        limit: the largest number of bytes.

    Raises:
        HTTPException: 413 for a larger body, 408 for one that takes longer than a minute, 400 for
            one that breaks off.
    """
    try:
        async with asyncio.timeout(BODY_SECONDS):
            parts: list[bytes] = []
            size = 0
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    raise HTTPException(413, f"at most {limit} bytes")
                parts.append(part)
    except TimeoutError as error:
        raise HTTPException(408, "the body took too long") from error
    except ClientDisconnect as error:
        raise HTTPException(400, "the body broke off") from error
    return b"".join(parts)
