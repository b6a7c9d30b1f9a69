"""A TLS connection between two ends of the standard library, put on the wire segment by segment."""

import contextlib
import datetime as dt
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from analyzer.core.addresses import Address
from tests.pipeline.wire import Wire


def certificate() -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """A key with its self-signed certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test.example")])
    day = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(day).not_valid_after(day + dt.timedelta(days=36_500))
    return key, builder.sign(key, hashes.SHA256())


@dataclass
class _End:
    address: Address
    incoming: ssl.MemoryBIO
    outgoing: ssl.MemoryBIO
    tls: ssl.SSLObject


Shown = tuple[ec.EllipticCurvePrivateKey, x509.Certificate]


class TlsWire:
    """Carries plaintext between a client and a server; `key_log` opens it. `shown` is what the server shows."""

    def __init__(self, wire: Wire, client: Address, server: Address, folder: Path, shown: Shown | None = None) -> None:
        key, cert = shown or certificate()
        pem = folder / "server.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        pem.write_bytes(private + cert.public_bytes(serialization.Encoding.PEM))
        self.der = cert.public_bytes(serialization.Encoding.DER)
        self._log = folder / "keys.txt"
        self._wire = wire
        accepting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        accepting.load_cert_chain(pem)
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        trusting.keylog_filename = str(self._log)
        self._ends = [self._end(trusting, client, False), self._end(accepting, server, True)]
        wire.connect(client, server)
        for _ in range(3):
            for end in self._ends:
                with contextlib.suppress(ssl.SSLWantReadError):
                    end.tls.do_handshake()
                self._flush(end)

    @staticmethod
    def _end(context: ssl.SSLContext, address: Address, server: bool) -> _End:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        return _End(address, incoming, outgoing, context.wrap_bio(incoming, outgoing, server_side=server))

    def _flush(self, end: _End) -> int:
        other = self._ends[1 - self._ends.index(end)]
        data = end.outgoing.read()
        other.incoming.write(data)
        return self._wire.tcp(end.address, other.address, data) if data else 0

    def send(self, src: Address, plaintext: bytes) -> int:
        """Application data of one end; gives its frame number."""
        end = next(end for end in self._ends if end.address == src)
        end.tls.write(plaintext)
        return self._flush(end)

    @property
    def key_log(self) -> bytes:
        """The NSS key log of the connection."""
        return self._log.read_bytes()
