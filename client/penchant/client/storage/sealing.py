"""Sealed files: content under a passphrase, for what leaves a device to come back to the person.

One line of JSON says how the key is derived (scrypt, RFC 7914); the rest is AES-256-GCM (NIST SP
800-38D) of the content, with that line as associated data, so that nothing of the file can be
changed unnoticed.
"""

import json
import os

from penchant.client.storage.keys import Passphrase
from penchant.shared.errors import StoreError
from penchant.shared.jsontexts import parsed_json

__all__ = ["seal", "unseal"]

NONCE_BYTES = 12
LONGEST_HEADER = 4096


def seal(content: bytes, passphrase: str, *, purpose: str) -> bytes:
    """Return ``content`` encrypted under a passphrase.

    Args:
        content: less than 2 GiB.
        passphrase: at least 8 characters.
        purpose: what kind of file it is, and the version of its content.

    Raises:
        ConfigurationError: the passphrase is too short.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    source = Passphrase(passphrase)
    parameters = source.new_parameters()
    nonce = os.urandom(NONCE_BYTES)
    fields = {"penchant": purpose, "scrypt": parameters, "nonce": nonce.hex()}
    header = json.dumps(fields, sort_keys=True).encode() + b"\n"
    return header + AESGCM(source.make("", parameters)).encrypt(nonce, content, header)


def unseal(sealed: bytes, passphrase: str, *, purpose: str) -> bytes:
    """Return the content that ``seal`` encrypted.

    Raises:
        ConfigurationError: the passphrase is too short.
        StoreError: it is not a sealed file of this purpose, another passphrase locked it, or it is
            damaged.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    end = sealed.find(b"\n", 0, LONGEST_HEADER) + 1
    try:
        fields = parsed_json(sealed[:end])
        kind, parameters = fields["penchant"], dict(fields["scrypt"])
        nonce = bytes.fromhex(fields["nonce"])
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError("the file is not one that penchant sealed, or is damaged") from error
    if kind != purpose:
        raise StoreError(
            f"the file is a {kind!r}; a {purpose!r} was expected; use the penchant that wrote it, "
            "or a newer one"
        )
    try:
        key = Passphrase(passphrase).find("", parameters)
        return AESGCM(key).decrypt(nonce, sealed[end:], sealed[:end])
    except (InvalidTag, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            "the file was sealed with another passphrase, or is damaged; try again with the one "
            "it was sealed with"
        ) from error
