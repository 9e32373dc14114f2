"""Enrolment: from a one-time code to a membership."""

import ssl
import time
from pathlib import Path

import httpx
from pydantic import ValidationError

from penchant.client.join.connection import UnreachableError, bounded_answer, client_for
from penchant.client.join.membership import Membership, MembershipFolder, ServerIdentity
from penchant.client.storage import KeySource
from penchant.shared.enrolment import (
    EnrolmentCode,
    EnrolmentRequest,
    EnrolmentResponse,
    fingerprint_of,
)
from penchant.shared.errors import CodecError, ConfigurationError, RemoteError
from penchant.shared.requests import sign_request

__all__ = ["enrol"]

PATH = "/v1/enrolment"
LARGEST_AUTHORITY = 65_536
REFUSALS = {
    401: "this device's clock or key was not accepted; set the clock and try again",
    403: "the code was used, has expired or never was; ask the server's operators for a new one",
    429: "too many tries; wait a minute and try again",
}


def enrol(device: Path, url: str, code: EnrolmentCode, *, keys: KeySource) -> Membership:
    """Make a device known to a server and return its membership, which is kept.

    The device first asks for the server's certificate authority, which anybody may know, and goes
    on only if it is the one that the code names: the code's secret is told to no other server.

    Args:
        device: the device's folder.
        url: such as ``https://host:8443``.
        code: from ``penchant server enroll``.
        keys: what locks the device, and its membership's key with it.

    Raises:
        ConfigurationError: the device has joined another server, or the address is not one.
        StoreError: the device's key cannot be kept.
        RemoteError: the server is another one than the code's, cannot be reached, or refuses.
    """
    folder = MembershipFolder(device, keys)
    address = _address(url)
    folder.require_no_other(address)
    key = folder.key()
    authority = _authority(address, code)
    body = EnrolmentRequest(secret=code.secret).model_dump_json().encode()
    signature = sign_request(key, method="POST", path=PATH, body=body, time=int(time.time()))
    try:
        with client_for(address, authority=authority) as client:
            request = client.build_request("POST", PATH, content=body, headers=signature.headers())
            answer = bounded_answer(client, request, largest=LARGEST_AUTHORITY)
    except httpx.HTTPError as error:
        raise UnreachableError(f"{address} cannot be reached: {error}") from error
    if answer.status_code != 200:
        refusal = REFUSALS.get(answer.status_code, f"it answered {answer.status_code}")
        raise RemoteError(f"{address} did not enrol this device: {refusal}")
    try:
        told = EnrolmentResponse.model_validate_json(answer.content)
    except ValidationError as error:
        raise RemoteError(f"{address} is not a penchant server: {error}") from error
    server = ServerIdentity(
        url=address, authority=authority, node=int(told.node), signing_key=told.signing_key
    )
    folder.save(server)
    return Membership(server, key)


def _address(url: str) -> str:
    parsed = httpx.URL(url)
    if parsed.scheme != "https" or not parsed.host or parsed.path not in ("", "/"):
        raise ConfigurationError(f"{url!r} is not a server's address; give https://HOST:PORT")
    return f"https://{parsed.netloc.decode()}"


def _authority(address: str, code: EnrolmentCode) -> str:
    """Return the server's certificate authority if it is the one that the code names."""
    unverified = ssl.create_default_context()
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    try:
        with httpx.Client(verify=unverified, trust_env=False) as client:
            request = client.build_request("GET", address + PATH)
            answer = bounded_answer(client, request, largest=LARGEST_AUTHORITY)
    except httpx.HTTPError as error:
        raise UnreachableError(f"{address} cannot be reached: {error}") from error
    if answer.status_code != 200:
        raise RemoteError(f"{address} is not a penchant server: it answered {answer.status_code}")
    try:
        found = fingerprint_of(answer.text)
    except CodecError as error:
        raise RemoteError(f"{address} is not a penchant server: {error}") from error
    if found != code.fingerprint:
        raise RemoteError(
            f"{address} is not the server that the code is for; nothing was told to it"
        )
    return answer.text
