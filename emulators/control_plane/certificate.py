"""The certificates and keys of a throw-away control plane; they are good for a week and belong to no one."""

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAYS = 7


class Authority:
    """A certificate authority whose files lie in a folder: `ca.crt`, and a `.crt` and a `.key` for each it issues."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificate = folder / "ca.crt"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("emulated-control-plane")
        builder = _builder(self._name, self._name, self._key).add_extension(x509.BasicConstraints(True, None), True)
        _write(self.certificate, builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, *hosts: str, organization: str = "") -> None:
        """Issue NAME.crt and NAME.key: to serve under the given names and addresses, or to be a client."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(name, organization), self._name, key)
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), False)
        usage = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
        signed = builder.add_extension(x509.ExtendedKeyUsage([usage]), False).sign(self._key, hashes.SHA256())
        _write(self.folder / f"{name}.crt", signed.public_bytes(serialization.Encoding.PEM))
        write_key(self.folder / f"{name}.key", key)


def write_key(path: Path, key: ec.EllipticCurvePrivateKey | None = None) -> None:
    """Write a private key, by default a new one; with the public half in it, which is what reads a signature."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL)
    _write(path, key.private_bytes(*form, serialization.NoEncryption()))


def _write(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)


def _name(common: str, organization: str = "") -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if organization:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(attributes)


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=_DAYS))
    )
