"""A CA for one run, and a certificate each for the proxies, the conference server, phones and signers of identities."""

import datetime as dt
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAMES = {
    "p1": ("ims.example", "p1.ims.example"),
    "p2": ("ims.example", "p2.ims.example"),
    "mrf": ("mrf.ims.example",),
    "ue1": ("ue1.ims.example",),
    "ue2": ("ue2.ims.example",),
    "p3": ("ims.example", "p3.ims.example"),
    "ue3": ("ue3.ims.example",),
    "relay": ("relay.ims.example",),
    "signer": (),
    "stranger": (),
    "lapsed": (),
}


def _certificate(
    name: str, names: tuple[str, ...], key: ec.EllipticCurvePrivateKey, issuer: str, signer: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    ends = now + dt.timedelta(days=-1 if name.startswith("lapsed") else 3650)
    subject, by = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in (name, issuer))
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=2))
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=name == issuer, path_length=None), critical=True)
    )
    if names:
        alternative = x509.SubjectAlternativeName([x509.DNSName(text) for text in names])
        builder = builder.add_extension(alternative, critical=False)
    return builder.sign(signer, hashes.SHA256())


def make(folder: Path) -> None:
    """Writes ca.pem, and NAME.pem, NAME.key and NAME-full.pem for each node."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = ec.generate_private_key(ec.SECP256R1())
    root = _certificate("IMS Lab CA", (), authority, "IMS Lab CA", authority)
    (folder / "ca.pem").write_bytes(root.public_bytes(serialization.Encoding.PEM))
    for name, names in NAMES.items():
        key = ec.generate_private_key(ec.SECP256R1())
        made = _certificate(f"{name}.ims.example", names, key, "IMS Lab CA", authority)
        pem = made.public_bytes(serialization.Encoding.PEM)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        (folder / f"{name}.pem").write_bytes(pem)
        (folder / f"{name}.key").write_bytes(private)
        (folder / f"{name}-full.pem").write_bytes(pem + private)
