"""Who a process is: a certificate with a SPIFFE id, checked on both ends of every connection.

In production cert-manager or SPIRE write the three files; `DevelopmentAuthority` writes them for a
sandbox. The id is `spiffe://songtor/<kind>/<name>`, kind being `service`, `adapter` or `tool`.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_PREFIX = "spiffe://songtor/"


def spiffe_id(kind: str, name: str) -> str:
    """Return the id of a process, as `spiffe://songtor/service/intake`."""
    return f"{_PREFIX}{kind}/{name}"


def server_name(kind: str, name: str) -> str:
    """Return the DNS name that a process's certificate carries, which its clients insist on."""
    return f"{name.replace('_', '-')}.{kind}.songtor"


@dataclass(frozen=True, slots=True)
class Identity:
    """The files that prove who this process is."""

    folder: Path

    @property
    def ca_path(self) -> Path:
        """The authority's certificate."""
        return self.folder / "ca.pem"

    @property
    def cert_path(self) -> Path:
        """This process's certificate."""
        return self.folder / "cert.pem"

    @property
    def key_path(self) -> Path:
        """This process's private key."""
        return self.folder / "key.pem"

    def peer(self) -> str:
        """Return this process's own SPIFFE id."""
        certificate = x509.load_pem_x509_certificate(self.cert_path.read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return next(
            uri
            for uri in names.get_values_for_type(x509.UniformResourceIdentifier)
            if uri.startswith(_PREFIX)
        )

    def server_credentials(self) -> grpc.ServerCredentials:
        """Return gRPC credentials that refuse a client without a certificate of our authority."""
        return grpc.ssl_server_credentials(
            [(self.key_path.read_bytes(), self.cert_path.read_bytes())],
            root_certificates=self.ca_path.read_bytes(),
            require_client_auth=True,
        )

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """Return gRPC credentials that show our certificate and check the server's."""
        return grpc.ssl_channel_credentials(
            root_certificates=self.ca_path.read_bytes(),
            private_key=self.key_path.read_bytes(),
            certificate_chain=self.cert_path.read_bytes(),
        )

    def client_context(self) -> ssl.SSLContext:
        """Return a TLS context for NATS: our certificate shown, the server's checked."""
        context = ssl.create_default_context(cafile=str(self.ca_path))
        context.load_cert_chain(self.cert_path, self.key_path)
        return context


def peer_of(auth_context: Mapping[str, Iterable[bytes]]) -> str | None:
    """Return the SPIFFE id that a gRPC peer proved, or None."""
    for value in auth_context.get("x509_subject_alternative_name", []):
        name = value.decode("utf-8", "replace")
        if name.startswith(_PREFIX):
            return name
    return None


class DevelopmentAuthority:
    """A certificate authority for one sandbox, kept in `folder`. Never use it in production."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key_path, cert_path = folder / "ca-key.pem", folder / "ca.pem"
        if not cert_path.exists():
            key = ec.generate_private_key(ec.SECP256R1())
            name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Songtor development CA")])
            certificate = (
                _builder(name, name, key.public_key(), days=3650)
                .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
                .add_extension(_signs_certificates(), critical=True)
                .add_extension(
                    x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
                )
                .sign(key, hashes.SHA256())
            )
            _write_key(key_path, key)
            cert_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        loaded = serialization.load_pem_private_key(key_path.read_bytes(), password=None)
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise TypeError("the development CA's key is not an elliptic-curve key")
        self._key = loaded
        self._certificate = x509.load_pem_x509_certificate(cert_path.read_bytes())

    def issue(self, kind: str, name: str, *, days: int = 30) -> Identity:
        """Write a fresh certificate for a process below the authority's folder, and return it."""
        folder = self._folder / f"{kind}-{name}"
        folder.mkdir(exist_ok=True, mode=0o700)
        identity = Identity(folder)
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{kind}/{name}")])
        certificate = (
            _builder(subject, self._certificate.subject, key.public_key(), days=days)
            .add_extension(
                x509.SubjectAlternativeName(
                    [
                        x509.UniformResourceIdentifier(spiffe_id(kind, name)),
                        x509.DNSName(server_name(kind, name)),
                        x509.DNSName("localhost"),
                        x509.IPAddress(IPv4Address("127.0.0.1")),
                    ]
                ),
                critical=False,
            )
            .add_extension(
                x509.ExtendedKeyUsage(
                    [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
                ),
                critical=False,
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )
        _write_key(identity.key_path, key)
        identity.cert_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        identity.ca_path.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))
        return identity


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, *, days: int
) -> x509.CertificateBuilder:
    # Certificates live in real time: the virtual clock must not make them expire.
    start = datetime.now(UTC) - timedelta(minutes=5)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
    )


def _signs_certificates() -> x509.KeyUsage:
    """Say what the authority's key is for: Python 3.13 believes no authority that does not."""
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    data = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
