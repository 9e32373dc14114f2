"""The server's own certificate authority and certificate, made at its first start."""

import datetime as dt
import ipaddress
import ssl
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from penchant.shared.errors import ConfigurationError
from penchant.shared.files import write_atomically

__all__ = [
    "load_private_signing_key",
    "make_authority",
    "make_certificate",
    "make_signing_key",
    "require_certificate",
]

AUTHORITY_YEARS, CERTIFICATE_DAYS = 10, 397
DAY = dt.timedelta(days=1)
OWNER_ALONE = 0o600


def make_authority(certificate: Path, key: Path) -> None:
    """Write a new certificate authority: its certificate, and its key for the owner alone."""
    private = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "penchant certificate authority")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + 365 * AUTHORITY_YEARS * DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(certificates=True), critical=True)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False
        )
        .sign(private, hashes.SHA384())
    )
    write_atomically(key, _key_text(private), mode=OWNER_ALONE)
    write_atomically(certificate, made.public_bytes(serialization.Encoding.PEM))


def make_certificate(
    certificate: Path, key: Path, *, authority: Path, authority_key: Path, names: Sequence[str]
) -> None:
    """Write a new server certificate for ``names``, signed by the authority, and its key.

    Args:
        certificate: what to write.
        key: its private key, for the owner alone.
        authority: the authority's certificate.
        authority_key: the authority's key.
        names: host names and addresses that devices reach the server by.

    Raises:
        ConfigurationError: the authority cannot be read.
    """
    try:
        issuer = x509.load_pem_x509_certificate(authority.read_bytes())
        issuer_key = serialization.load_pem_private_key(authority_key.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigurationError(
            f"{authority} and {authority_key} are not a certificate authority: {error}; "
            "restore them from a back-up, for devices trust no other"
        ) from error
    if not isinstance(issuer_key, ec.EllipticCurvePrivateKey):
        raise ConfigurationError(f"{authority_key} is not an elliptic curve key")
    private = ec.generate_private_key(ec.SECP384R1())
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])]))
        .issuer_name(issuer.subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + CERTIFICATE_DAYS * DAY)
        .add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
        .sign(issuer_key, hashes.SHA384())
    )
    write_atomically(key, _key_text(private), mode=OWNER_ALONE)
    write_atomically(certificate, made.public_bytes(serialization.Encoding.PEM))


def require_certificate(certificate: Path, key: Path) -> None:
    """Refuse a certificate that no listener can use.

    Args:
        certificate: PEM chain.
        key: PEM of its private key.

    Raises:
        ConfigurationError: one of them cannot be read, or the key is not the certificate's.
    """
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{certificate} and {key} are not a certificate and its private key: {error}; restore "
            "them from a back-up, or, if the server made them, remove both: it makes new ones, "
            "which its devices trust as well"
        ) from error


def make_signing_key(path: Path) -> None:
    """Write a new Ed25519 key that releases are signed with, for the owner alone."""
    write_atomically(path, _key_text(ed25519.Ed25519PrivateKey.generate()), mode=OWNER_ALONE)


def load_private_signing_key(path: Path) -> ed25519.Ed25519PrivateKey:
    """Return the key that ``make_signing_key`` wrote.

    Raises:
        ConfigurationError: the file is not such a key.
    """
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigurationError(f"{path} is not a signing key: {error}") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise ConfigurationError(f"{path} is not an Ed25519 key")
    return key


def _usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_text(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
