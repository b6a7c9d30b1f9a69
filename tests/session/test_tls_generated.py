"""TLS connections between two ends of the standard library: key exchange, resumption, retry, updates, late secrets.

What a capture would have is taken from the memory between them. KeyUpdate and early data, which the standard library
does not send, are protected here by `cryptography` with the secrets of the key log (RFC 8446 7).
"""

import contextlib
import datetime as dt
import ssl
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.crypto import rsa_key
from analyzer.formats.tls_handshake import EXT_ETM
from analyzer.protocols.tls.records import Record, RecordStream
from analyzer.session.keyring import Keyring
from analyzer.session.tls import EARLY_DATA, RETRY, Plaintext, Side, TlsConnection
from analyzer.transport.cited import Chunk

CITE = Cite(0, 1, 0, 0, 0)
SIP = b"OPTIONS sip:pcscf.ims.example SIP/2.0\r\n\r\n"
ANSWER = b"SIP/2.0 200 OK\r\n\r\n"


@lru_cache(maxsize=2)
def server_pem(number: int = 0) -> bytes:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"pcscf{number}.ims.example")])
    day = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(day).not_valid_after(day + dt.timedelta(days=36_500))
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem + builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@dataclass
class Contexts:
    """The two ends' settings, shared by the connections that resume one another."""

    folder: Path
    version: ssl.TLSVersion
    ciphers: str = ""
    client: ssl.SSLContext = field(init=False)
    server: ssl.SSLContext = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        pem = self.folder / "server.pem"
        pem.write_bytes(server_pem())
        self.client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.client.check_hostname, self.client.verify_mode = False, ssl.CERT_NONE
        self.client.keylog_filename = str(self.folder / "keys.txt")
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(pem)
        for context in (self.client, self.server):
            with contextlib.suppress(DeprecationWarning):
                context.minimum_version = context.maximum_version = self.version
            if self.ciphers:
                context.set_ciphers(self.ciphers)

    @property
    def log(self) -> bytes:
        return (self.folder / "keys.txt").read_bytes()


@dataclass
class Talk:
    """One connection: what each side put on the wire, in order."""

    contexts: Contexts
    session: ssl.SSLSession | None = None
    wire: list[tuple[Side, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.bios = {side: (ssl.MemoryBIO(), ssl.MemoryBIO()) for side in ("client", "server")}
        self.ends = {
            "client": self.contexts.client.wrap_bio(*self.bios["client"], session=self.session),
            "server": self.contexts.server.wrap_bio(*self.bios["server"], server_side=True),
        }
        for _ in range(4):
            for side, end in self.ends.items():
                with contextlib.suppress(ssl.SSLWantReadError):
                    end.do_handshake()
                self.flush(side)  # type: ignore[arg-type]  # a side

    def flush(self, side: Side) -> None:
        data = self.bios[side][1].read()
        if data:
            self.wire.append((side, data))
            self.bios["server" if side == "client" else "client"][0].write(data)

    def say(self, side: Side, data: bytes) -> None:
        self.ends[side].write(data)
        self.flush(side)
        other = self.ends["server" if side == "client" else "client"]
        assert other.read(4096) == data

    def both(self) -> "Talk":
        self.say("client", SIP)
        self.say("server", ANSWER)
        return self


def talked(contexts: Contexts, session: ssl.SSLSession | None = None) -> Talk:
    return Talk(contexts, session).both()


@dataclass
class Reading:
    """What the tracker makes of a wire."""

    ring: Keyring
    state: TlsConnection = field(init=False)
    plain: dict[Side, bytes] = field(default_factory=lambda: {"client": b"", "server": b""})
    anomalies: list[Anomaly] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = TlsConnection(self.ring)
        self.streams: dict[Side, RecordStream] = {side: RecordStream(Limits()) for side in ("client", "server")}

    def read(self, wire: list[tuple[Side, bytes]]) -> "Reading":
        for side, data in wire:
            for event in self.streams[side].receive(Chunk(data, CITE)):
                if isinstance(event, Record):
                    for found in self.state.record(side, event):
                        if isinstance(found, Plaintext):
                            self.plain[found.side] += found.chunk.data
                        else:
                            self.anomalies.append(found)
        return self

    def opened(self) -> bool:
        return self.plain == {"client": SIP, "server": ANSWER} and not self.state.failure


def ring_of(*, log: bytes = b"", pem: bytes = b"") -> Keyring:
    ring = Keyring()
    if log:
        assert not ring.add_key_log(log, "log")
    for key in rsa_key.parse(pem) if pem else ():
        assert isinstance(key, rsa_key.RsaKey)
        ring.add_private_key(key, "server.pem")
    return ring


OLD = "@SECLEVEL=0"
RSA_SUITES = [
    (ssl.TLSVersion.TLSv1, f"AES128-SHA{OLD}"),
    (ssl.TLSVersion.TLSv1_1, f"AES256-SHA{OLD}"),
    (ssl.TLSVersion.TLSv1_2, "AES128-SHA256"),
    (ssl.TLSVersion.TLSv1_2, "AES256-GCM-SHA384"),
    (ssl.TLSVersion.TLSv1_2, f"AES128-CCM8{OLD}"),
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("version", "ciphers"), RSA_SUITES, ids=lambda value: getattr(value, "name", value))
def test_rsa_key_exchange_with_the_servers_private_key(version: ssl.TLSVersion, ciphers: str, tmp_path: Path) -> None:
    talk = talked(Contexts(tmp_path, version, ciphers))
    ring = ring_of(pem=server_pem())
    assert Reading(ring).read(talk.wire).opened()
    (source,) = ring.sources
    assert (source.kind, source.matched) == ("private-key", 1) and source.opened >= 4
    log, connections = ring.matched_log()
    assert connections == 1 and Reading(ring_of(log=log)).read(talk.wire).opened(), "the premaster it can be kept as"


EPHEMERAL = [
    (ssl.TLSVersion.TLSv1, f"ECDHE-RSA-AES128-SHA{OLD}"),
    (ssl.TLSVersion.TLSv1_1, f"ECDHE-RSA-AES256-SHA{OLD}"),
    (ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-AES128-SHA256"),
    (ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-AES256-SHA384"),
    (ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-AES128-GCM-SHA256"),
    (ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-AES256-GCM-SHA384"),
    (ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-CHACHA20-POLY1305"),
    (ssl.TLSVersion.TLSv1_2, f"AES256-CCM{OLD}"),
    (ssl.TLSVersion.TLSv1_3, ""),
]
NO_ETM = 1 << 19  # SSL_OP_NO_ENCRYPT_THEN_MAC of openssl/ssl.h


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("options", [0, NO_ETM], ids=["mac-of-ciphertext", "mac-of-plaintext"])
@pytest.mark.parametrize(("version", "ciphers"), EPHEMERAL, ids=lambda value: getattr(value, "name", value))
def test_a_key_log_opens_every_kind_of_record(
    version: ssl.TLSVersion, ciphers: str, options: int, tmp_path: Path
) -> None:
    """RFC 7366 concerns the block ciphers only: their MAC is in both places here."""
    contexts = Contexts(tmp_path, version, ciphers)
    contexts.server.options |= options
    talk = talked(contexts)
    reading = Reading(ring_of(log=contexts.log)).read(talk.wire)
    assert reading.opened()
    name, *_ = talk.ends["client"].cipher() or ("",)
    assert ciphers.partition("@")[0] in ("", name)
    assert reading.state.server_hello is not None
    block = "GCM" not in name and "CCM" not in name and "POLY1305" not in name
    assert (EXT_ETM in reading.state.server_hello.extensions) == (block and not options)
    assert len(reading.state.certificates) == 1, "in TLS 1.3 they are encrypted"


def test_another_servers_private_key(tmp_path: Path) -> None:
    talk = talked(Contexts(tmp_path, ssl.TLSVersion.TLSv1_2, "AES256-GCM-SHA384"))
    ring = ring_of(pem=server_pem(1))
    reading = Reading(ring).read(talk.wire)
    assert reading.plain == {"client": b"", "server": b""}
    assert reading.state.failure == (
        "no secret for its client random in the keys given, and no private key of the server's certificate; "
        "a key log of either end or the server's private key would open it"
    )
    assert ring.sources[0].opened == 0


def test_a_private_key_opens_no_ephemeral_key_exchange(tmp_path: Path) -> None:
    talk = talked(Contexts(tmp_path, ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-AES128-GCM-SHA256"))
    reading = Reading(ring_of(pem=server_pem())).read(talk.wire)
    assert reading.state.failure == (
        "no secret for its client random in the keys given; a key log of either end would open it "
        "(ECDHE: no private key does)"
    )


@pytest.mark.parametrize("tickets", [True, False], ids=["ticket", "session-id"])
def test_resumption_of_12_with_a_private_key_and_with_a_log(tickets: bool, tmp_path: Path) -> None:
    contexts = Contexts(tmp_path, ssl.TLSVersion.TLSv1_2, "AES256-GCM-SHA384")
    if not tickets:
        contexts.server.options |= ssl.OP_NO_TICKET
    first = talked(contexts)
    second = talked(contexts, first.ends["client"].session)
    assert second.ends["client"].session_reused
    ring = ring_of(pem=server_pem())
    assert Reading(ring).read(first.wire).opened()
    assert Reading(ring).read(second.wire).opened()
    assert Reading(ring_of(log=contexts.log)).read(second.wire).opened()
    alone = Reading(ring_of(pem=server_pem())).read(second.wire)
    assert alone.state.failure.startswith("it resumes a session whose handshake is not in the captures")


def test_resumption_of_13(tmp_path: Path) -> None:
    contexts = Contexts(tmp_path, ssl.TLSVersion.TLSv1_3)
    first = talked(contexts)
    second = talked(contexts, first.ends["client"].session)
    assert second.ends["client"].session_reused
    ring = ring_of(log=contexts.log)
    assert Reading(ring).read(second.wire).opened() and Reading(ring).read(first.wire).opened()
    assert ring.sources[0].matched == 2


def test_hello_retry_request(tmp_path: Path) -> None:
    contexts = Contexts(tmp_path, ssl.TLSVersion.TLSv1_3)
    contexts.server.set_ecdh_curve("secp521r1")
    talk = talked(contexts)
    reading = Reading(ring_of(log=contexts.log)).read(talk.wire)
    assert reading.opened() and reading.state.retried
    assert [a.kind for a in reading.anomalies] == [RETRY]


# -- what the standard library does not send --------------------------------------------------------------------------


def secret_of(log: bytes, label: str) -> bytes:
    return next(
        bytes.fromhex(w[2].decode()) for line in log.splitlines() if (w := line.split())[:1] == [label.encode()]
    )


def expand(digest: hashes.HashAlgorithm, secret: bytes, label: bytes, size: int) -> bytes:
    info = size.to_bytes(2, "big") + bytes((len(label) + 6,)) + b"tls13 " + label + b"\0"
    return HKDFExpand(digest, size, info).derive(secret)


def protected(
    secret: bytes, number: int, content: bytes, kind: int, digest: hashes.HashAlgorithm, key_bytes: int = 32
) -> bytes:
    key, iv = expand(digest, secret, b"key", key_bytes), expand(digest, secret, b"iv", 12)
    inner = content + bytes((kind,))
    header = b"\x17\3\3" + (len(inner) + 16).to_bytes(2, "big")
    nonce = (int.from_bytes(iv, "big") ^ number).to_bytes(12, "big")
    return header + AESGCM(key).encrypt(nonce, inner, header)


def test_key_update(tmp_path: Path) -> None:
    contexts = Contexts(tmp_path, ssl.TLSVersion.TLSv1_3)
    talk = talked(contexts)
    digest = hashes.SHA384()  # TLS_AES_256_GCM_SHA384, which the standard library prefers
    secret = secret_of(contexts.log, "CLIENT_TRAFFIC_SECRET_0")
    update = protected(secret, 1, b"\x18\0\0\1\0", 22, digest)  # number 0 carried SIP
    following = expand(digest, secret, b"traffic upd", 48)
    later = protected(following, 0, b"after the update", 23, digest)
    reading = Reading(ring_of(log=contexts.log)).read([*talk.wire, ("client", update + later)])
    assert reading.plain == {"client": SIP + b"after the update", "server": ANSWER}
    assert not reading.anomalies and not reading.state.failure


@pytest.mark.parametrize("known", [True, False], ids=["with its secret", "without"])
@pytest.mark.parametrize("late", [True, False], ids=["behind the ServerHello", "before it"])
@pytest.mark.parametrize("change", [b"", b"\x14\3\3\0\1\1"], ids=["alone", "behind a ChangeCipherSpec (RFC 8446 D.4)"])
@pytest.mark.parametrize(
    ("digest", "key_bytes"),
    [(hashes.SHA384(), 32), (hashes.SHA256(), 16)],
    ids=["the suite offered first", "the suite of an older session"],
)
def test_early_data_is_named_and_opened(
    known: bool, late: bool, change: bytes, digest: hashes.HashAlgorithm, key_bytes: int, tmp_path: Path
) -> None:
    contexts = Contexts(tmp_path, ssl.TLSVersion.TLSv1_3)
    talk = talked(contexts)
    side, hello = talk.wire[0]
    at = 5 + 4 + 2 + 32
    at += 1 + hello[at]
    at += 2 + int.from_bytes(hello[at : at + 2], "big")
    at += 1 + hello[at]
    extensions = hello[at + 2 :] + b"\0\x2a\0\0"  # early_data
    body = hello[9:at] + len(extensions).to_bytes(2, "big") + extensions
    message = b"\1" + len(body).to_bytes(3, "big") + body
    changed = b"\x16\3\1" + len(message).to_bytes(2, "big") + message
    secret = bytes(range(digest.digest_size))
    random = hello[11:43].hex()
    early = change + protected(secret, 0, b"early", 23, digest, key_bytes)
    early += protected(secret, 1, b" words", 23, digest, key_bytes)
    log = contexts.log + (f"CLIENT_EARLY_TRAFFIC_SECRET {random} {secret.hex()}\n".encode() if known else b"")
    wire = [(side, changed), *talk.wire[1:]]
    wire.insert(2 if late else 1, (side, early))
    reading = Reading(ring_of(log=log)).read(wire)
    assert reading.plain["client"] == (b"early words" if known else b"") + SIP
    assert reading.plain["server"] == ANSWER
    assert [a.kind for a in reading.anomalies] == [EARLY_DATA] and not reading.state.failure


# -- secrets that are not there, or come late -------------------------------------------------------------------------


def test_a_secret_of_one_side_only(tmp_path: Path) -> None:
    contexts = Contexts(tmp_path, ssl.TLSVersion.TLSv1_3)
    talk = talked(contexts)
    log = b"".join(line for line in contexts.log.splitlines(True) if line.startswith(b"CLIENT_"))
    reading = Reading(ring_of(log=log)).read(talk.wire)
    assert reading.plain == {"client": SIP, "server": b""}
    assert reading.state.failure == "the keys given have the secrets of the client's direction only"


def test_a_handshake_that_was_not_captured(tmp_path: Path) -> None:
    contexts = Contexts(tmp_path, ssl.TLSVersion.TLSv1_3)
    talk = Talk(contexts)
    before = len(talk.wire)
    talk.both()
    reading = Reading(ring_of(log=contexts.log)).read(talk.wire[before:])
    assert reading.plain == {"client": b"", "server": b""}


def test_records_that_do_not_verify(tmp_path: Path) -> None:
    contexts = Contexts(tmp_path, ssl.TLSVersion.TLSv1_2)
    talk = talked(contexts)
    random = talk.wire[0][1][11:43].hex().encode()
    reading = Reading(ring_of(log=b"CLIENT_RANDOM " + random + b" " + b"ab" * 48)).read(talk.wire)
    assert reading.state.failure == (
        "its records do not verify with the secret that is given for it: another one, or a damaged one"
    )
    assert reading.plain == {"client": b"", "server": b""}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda v: v.name)
def test_secrets_that_come_while_the_connection_runs(version: ssl.TLSVersion, tmp_path: Path) -> None:
    contexts = Contexts(tmp_path, version)
    talk = talked(contexts)
    last = talk.wire.pop()
    ring = ring_of()
    ring.growing = True
    reading = Reading(ring).read(talk.wire)
    assert reading.plain == {"client": b"", "server": b""}
    ring.add_key_log(contexts.log, "log")
    assert reading.read([last]).opened()
    closed = Reading(ring_of()).read(talk.wire)
    closed.state.store.add_key_log(contexts.log, "log")  # type: ignore[attr-defined]  # the ring
    assert not closed.read([last]).opened(), "nothing is held where no key log grows"
