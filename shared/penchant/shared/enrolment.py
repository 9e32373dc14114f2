"""Enrolment: a one-time code that admits one device, and says which server is the right one."""

import base64
import hashlib
import re
import ssl
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from penchant.shared.errors import CodecError, ConfigurationError

__all__ = ["EnrolmentCode", "EnrolmentRequest", "EnrolmentResponse", "fingerprint_of"]

SECRET_BYTES, FINGERPRINT_BYTES = 15, 15  # 120 bits each: 24 characters
PATTERN = re.compile(r"^[A-Z2-7]{24}$")


@dataclass(frozen=True)
class EnrolmentCode:
    """What an operator gives to a device.

    Attributes:
        secret: admits one device; the server keeps its hash only.
        fingerprint: of the certificate authority that vouches for the server, so that the device
            does not give the secret to anybody else.
    """

    secret: str
    fingerprint: str

    def __str__(self) -> str:
        """Return the code as it is handed over."""
        return f"{self.secret}-{self.fingerprint}"

    @classmethod
    def make(cls, random: bytes, fingerprint: str) -> "EnrolmentCode":
        """Return a code whose secret is ``random``, at least 15 bytes."""
        return cls(_letters(random[:SECRET_BYTES]), fingerprint)

    @classmethod
    def parse(cls, text: str) -> "EnrolmentCode":
        """Return the code that ``text`` is.

        Raises:
            ConfigurationError: it is none.
        """
        secret, _, fingerprint = text.strip().upper().partition("-")
        if not (PATTERN.match(secret) and PATTERN.match(fingerprint)):
            raise ConfigurationError(
                "the enrolment code is not one of 24 characters, a hyphen and 24 more; "
                "copy it whole from 'penchant server enroll'"
            )
        return cls(secret, fingerprint)

    @property
    def secret_hash(self) -> str:
        """What the server keeps of the secret; with 120 random bits a plain hash is enough."""
        return hashlib.sha256(self.secret.encode()).hexdigest()


class EnrolmentRequest(BaseModel):
    """What a device asks to be enrolled with; the request is signed with the key.

    Attributes:
        secret: of its code.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    secret: str = Field(max_length=64)


class EnrolmentResponse(BaseModel):
    """What an enrolled device is told.

    Attributes:
        node: its number.
        signing_key: Ed25519 public key that releases are signed with, hexadecimal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    node: str = Field(pattern=r"^[0-9]{1,20}$")
    signing_key: str = Field(pattern=r"^[0-9a-f]{64}$")


def fingerprint_of(certificate: str) -> str:
    """Return the fingerprint of a PEM certificate: 24 letters and digits.

    Raises:
        CodecError: it is not a PEM certificate.
    """
    try:
        raw = ssl.PEM_cert_to_DER_cert(certificate)
    except ValueError as error:
        raise CodecError("the certificate authority is not a PEM certificate") from error
    return _letters(hashlib.sha256(raw).digest()[:FINGERPRINT_BYTES])


def _letters(data: bytes) -> str:
    return base64.b32encode(data).decode()
