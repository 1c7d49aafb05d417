"""With which certificate do softphones find their switchboard here?

The SDK speaks only `wss:`, so the switchboard needs one; it is self-signed and good for this machine.
"""

import ssl
import tempfile
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from phonebox.timing import utcnow

DAYS = 365


def tls_context(kept: Path | None = None) -> ssl.SSLContext:
    """Return what a server needs to speak TLS on this machine.

    In the file `kept` the certificate outlives the process, so that a browser that was told once to trust it
    asks no second time; one that has run out is replaced.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if kept is not None:
        if not kept.exists() or _run_out(kept):
            _write(kept, self_signed())
        context.load_cert_chain(kept)
        return context
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "certificate.pem"
        _write(file, self_signed())
        context.load_cert_chain(file)
    return context


def self_signed() -> bytes:
    """Return a fresh key and a certificate for it, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "phonebox")])
    now = utcnow()
    names = [x509.DNSName("localhost"), *(x509.IPAddress(ip_address(each)) for each in ("127.0.0.1", "::1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def _write(file: Path, pem: bytes) -> None:
    file.touch(mode=0o600)
    file.write_bytes(pem)


def _run_out(file: Path) -> bool:
    return x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc < utcnow() + timedelta(
        days=1
    )
