"""Who sends a request: a device signs each one with its own key.

TLS says who the server is; the signature says which device asks. It covers the method, the path,
the time and the body, so that no part of a request can be used for another.
"""

import base64
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from penchant.shared.errors import CodecError

__all__ = [
    "KEY_HEADER",
    "SIGNATURE_HEADER",
    "TIME_HEADER",
    "RequestSignature",
    "load_public_key",
    "public_key_text",
    "sign_request",
]

KEY_HEADER = "penchant-key"
TIME_HEADER = "penchant-time"
SIGNATURE_HEADER = "penchant-signature"
LONGEST_HEADER = 512
ALGORITHM = ec.ECDSA(hashes.SHA384())


@dataclass(frozen=True)
class RequestSignature:
    """What a request says of who sent it.

    Attributes:
        public_key: PEM of a P-384 key, as ``public_key_text`` gives it.
        time: unix seconds by the sender's clock.
        signature: ECDSA with SHA-384, DER.
    """

    public_key: bytes
    time: int
    signature: bytes

    def headers(self) -> dict[str, str]:
        """Return the headers that carry it."""
        return {
            KEY_HEADER: base64.b64encode(self.public_key).decode(),
            TIME_HEADER: str(self.time),
            SIGNATURE_HEADER: base64.b64encode(self.signature).decode(),
        }

    @classmethod
    def of_headers(cls, key: str, time: str, signature: str) -> "RequestSignature":
        """Return what the three headers carry.

        Raises:
            CodecError: they carry no key, time and signature.
        """
        if max(len(key), len(time), len(signature)) > LONGEST_HEADER:
            raise CodecError(f"a header has more than {LONGEST_HEADER} characters")
        if not (time.isascii() and time.isdigit() and len(time) <= 12):
            raise CodecError(f"the time of a request is {time[:20]!r}; unix seconds were expected")
        try:
            return cls(
                base64.b64decode(key, validate=True),
                int(time),
                base64.b64decode(signature, validate=True),
            )
        except ValueError as error:
            raise CodecError("the key or signature of a request is not base64") from error

    def is_valid(self, *, method: str, path: str, body: bytes) -> bool:
        """Return whether the key's owner signed this request."""
        try:
            key = load_public_key(self.public_key)
            key.verify(self.signature, _signed(method, path, self.time, body), ALGORITHM)
        except (CodecError, InvalidSignature):
            return False
        return True


def sign_request(
    private_key: ec.EllipticCurvePrivateKey, *, method: str, path: str, body: bytes, time: int
) -> RequestSignature:
    """Return the signature of a request.

    Args:
        private_key: the device's P-384 key.
        method: such as ``"POST"``.
        path: path and query, as they stand in the request.
        body: what is sent.
        time: unix seconds.
    """
    signature = private_key.sign(_signed(method, path, time, body), ALGORITHM)
    return RequestSignature(public_key_text(private_key.public_key()), time, signature)


def public_key_text(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return a public key as PEM, the form in which servers know devices."""
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def load_public_key(text: bytes) -> ec.EllipticCurvePublicKey:
    """Return the P-384 public key that ``text`` is, exactly as ``public_key_text`` writes it.

    Raises:
        CodecError: it is anything else.
    """
    try:
        key = serialization.load_pem_public_key(text)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CodecError("the public key is not PEM of a key that is known here") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        raise CodecError("the public key is not of the curve P-384")
    if public_key_text(key) != text:
        raise CodecError("the public key is not in its one accepted form")
    return key


def _signed(method: str, path: str, time: int, body: bytes) -> bytes:
    digest = hashlib.sha256(body).hexdigest()
    return f"penchant request 1\n{method}\n{path}\n{time}\n{digest}".encode()
