"""The emulator's own certificate authority, for the AWS host names that it answers for.

A client that is given this authority as its only one (``AWS_CA_BUNDLE``) can speak TLS to the emulator and to nothing
else: a connection that reached real AWS would end in its handshake, before a request is sent.
"""

from __future__ import annotations

import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_LIFE = timedelta(days=365)


class CertificateAuthority:
    """Makes certificates for host names, signed by a key that lives only in this process.

    Args:
        folder: where the certificates are kept.
        others: PEM file of the authorities that this machine trusts otherwise; None for the Mozilla list.

    Attributes:
        bundle: PEM file with the authority's own certificate alone, for ``AWS_CA_BUNDLE``.
        wide_bundle: PEM file with the others' certificates as well, for ``REQUESTS_CA_BUNDLE``.
    """

    def __init__(self, folder: Path, others: Path | None = None) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._leaf_key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("aws-ml-harness, for this machine only")
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()
        self.bundle = folder / "certificate-authority.pem"
        certificate = (
            self._builder(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        own = certificate.public_bytes(serialization.Encoding.PEM)
        self.bundle.write_bytes(own)
        self.wide_bundle = folder / "certificate-authorities.pem"
        self.wide_bundle.write_bytes(Path(others or certifi.where()).read_bytes() + b"\n" + own)

    def context_for(self, host: str) -> ssl.SSLContext:
        """Return what a server needs to speak TLS as *host*."""
        with self._lock:
            context = self._contexts.get(host)
            if context is None:
                context = self._contexts[host] = self._make(host)
        return context

    def _make(self, host: str) -> ssl.SSLContext:
        certificate = (
            # A name longer than 64 characters does not fit the subject; only the alternative name counts.
            self._builder(_name(host[:64]), self._leaf_key.public_key())
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        path = self._folder / f"certificate-{len(self._contexts)}.pem"
        path.touch(mode=0o600)
        path.write_bytes(
            self._leaf_key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + _LIFE)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
