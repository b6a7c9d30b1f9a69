"""One DTLS association: handshake followed, records opened where a secret is known, SRTP keys exported.

DTLS 1.0 and 1.2 (RFC 6347) under a master secret of a key log or a private key, DTLS 1.3 (RFC 9147) under its traffic
secrets, and the keys of DTLS-SRTP (RFC 5764 4.2) under either. Total: what cannot be opened is counted, with a reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from analyzer.core.anomalies import Anomaly, define
from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.secrets import Secret
from analyzer.core.severity import Severity
from analyzer.crypto import tls_keys
from analyzer.crypto.dtls13_records import PREFIX, Dtls13Opener
from analyzer.crypto.srtp.suites import Suite, suite_of_profile
from analyzer.crypto.tls_records import Opened, Reason, RecordOpener
from analyzer.formats import tls_handshake as hs
from analyzer.formats.tls_suites import CipherSuite, suite
from analyzer.protocols.dtls.handshake import HandshakeMessage
from analyzer.protocols.dtls.records import DtlsRecord
from analyzer.session.media_keys import MediaKey
from analyzer.session.secret_store import SecretStore
from analyzer.session.tls import BAD_HANDSHAKE, FATAL_ALERT, RETRY, Side
from analyzer.session.tls_reasons import why_closed

REFUSED = define(
    "dtls.record_refused", Severity.MEDIUM, "A DTLS record does not verify with the key at hand", "RFC 6347 4.1.2.1"
)
UNOFFERED = define(
    "dtls.srtp_profile_unoffered",
    Severity.MEDIUM,
    "The server chose an SRTP profile that the client did not offer, or several",
    "RFC 5764 4.1.3",
)
EXPORTER = b"EXTRACTOR-dtls_srtp"
DTLS_1_3 = 0xFEFC
_EPOCHS = 8  # whose keys are kept for one direction
_CIDS = 16  # connection IDs that are kept for one direction, the latest
_TRANSCRIPT = 65_536  # bytes of one handshake kept for the session hash


@frozen
class SrtpKeys:
    """What a handshake gave the media of its flow: the keys of what client and server send."""

    client: tuple[MediaKey, ...]
    server: tuple[MediaKey, ...]


@dataclass(slots=True)
class _Direction:
    openers: dict[int, RecordOpener | Dtls13Opener] = field(default_factory=dict)  # by epoch
    secret: Secret | None = None  # DTLS 1.3: of the latest application epoch
    epoch: int = 0  # that epoch


@dataclass(slots=True)
class DtlsSession:
    """Hellos, keys and counts of one association. `failure` says why it stays closed, "" while nothing is amiss."""

    store: SecretStore
    client_hello: hs.Hello | None = None
    server_hello: hs.Hello | None = None
    suite: CipherSuite | None = None
    version: int = 0
    certificates: list[bytes] = field(default_factory=list)
    client_certificates: list[bytes] = field(default_factory=list)
    master: Secret | None = None
    profiles: tuple[int, ...] = ()  # the SRTP profile chosen; in DTLS 1.3, until that is read, those offered
    mki: bytes = b""
    cids: dict[Side, tuple[bytes, ...]] = field(default_factory=dict)
    """The connection IDs that a side may send with, as the other asked for (RFC 9146 3, RFC 9147 9)."""
    failure: str = ""
    protected: int = 0
    opened: int = 0
    _directions: dict[Side, _Direction] = field(
        default_factory=lambda: {"client": _Direction(), "server": _Direction()}
    )
    _said: dict[tuple[Side, int], HandshakeMessage] = field(default_factory=dict)
    _cites: tuple[Cite, ...] = ()

    @property
    def client_certified(self) -> bool | None:
        """Whether the client showed a certificate; None where its part of a full handshake was not read whole."""
        if self.client_certificates:
            return True
        last = hs.FINISHED if self.is_13 else hs.CLIENT_KEY_EXCHANGE
        said = {number: message.kind for (side, number), message in self._said.items() if side == "client"}
        resumed = self.server_hello is None or hs.EXT_PSK in self.server_hello.extensions
        whole = set(said) == set(range(len(said))) and last in said.values() and not resumed
        return False if whole else None

    @property
    def is_13(self) -> bool:
        """Whether DTLS 1.3 was agreed."""
        return self.version == DTLS_1_3

    # -- handshake -------------------------------------------------------------------------------------------------

    def message(self, side: Side, message: HandshakeMessage) -> Sequence[Anomaly]:
        """Takes a whole handshake message of a side, in clear or opened."""
        if sum(len(said.body) for said in self._said.values()) + len(message.body) <= _TRANSCRIPT:
            self._said[side, message.message_seq] = message
        match message.kind:
            case hs.CLIENT_HELLO:
                return self._client_hello(message)
            case hs.SERVER_HELLO:
                return self._server_hello(message)
            case hs.ENCRYPTED_EXTENSIONS:
                return self._encrypted_extensions(message)
            case hs.NEW_CONNECTION_ID if self.is_13:
                self._learn_cids(side, hs.parse_new_connection_id(message.body) or ())
            case hs.CERTIFICATE:
                return self._certificate(side, message)
            case hs.CLIENT_KEY_EXCHANGE:
                self._client_key_exchange(message)
            case hs.NEW_SESSION_TICKET if not self.is_13:
                self._new_ticket(message.body)
        return ()

    def _client_hello(self, message: HandshakeMessage) -> Sequence[Anomaly]:
        hello = hs.parse_client_hello(message.body, datagram=True)
        if hello is None:
            return _malformed(message)
        if self.client_hello is not None and self.client_hello.random != hello.random:  # renegotiation
            self.server_hello, self.master, self.profiles = None, None, ()
            self._said = {("client", message.message_seq): message}
        self.client_hello = hello
        return ()

    def _server_hello(self, message: HandshakeMessage) -> Sequence[Anomaly]:
        hello = hs.parse_server_hello(message.body)
        if hello is None:
            return _malformed(message)
        if hello.retry_request:
            return (Anomaly(RETRY, message.cites),)
        self.server_hello, self._cites = hello, message.cites
        self.version = hello.negotiated_version
        self.suite = suite(hello.suites[0])
        offered = self.client_hello.connection_id if self.client_hello is not None else None
        if hello.connection_id is not None:
            self._learn_cids("server", (hello.connection_id,))
            self._learn_cids("client", (offered or b"",))
        if self.is_13:
            self._handshake_openers()
            if self.client_hello is not None:
                self.profiles = self.client_hello.srtp_profiles
            return ()
        return self._choose(hello, message)

    def _learn_cids(self, side: Side, cids: Sequence[bytes]) -> None:
        """A side wants what it receives to have one of these."""
        sender: Side = "client" if side == "server" else "server"
        known = self.cids.get(sender, ())
        self.cids[sender] = tuple(dict.fromkeys((*known, *(cid for cid in cids if cid))))[-_CIDS:]

    def _encrypted_extensions(self, message: HandshakeMessage) -> Sequence[Anomaly]:
        found = hs.parse_extensions(message.body)
        if found is None:
            return _malformed(message)
        hello = hs.Hello(False, DTLS_1_3, b"", b"", (0,), found)
        return self._choose(hello, message)

    def _choose(self, hello: hs.Hello, message: HandshakeMessage) -> Sequence[Anomaly]:
        """What the server says of use_srtp (RFC 5764 4.1.1)."""
        self.profiles, self.mki = hello.srtp_profiles, hello.srtp_mki
        offered = self.client_hello.srtp_profiles if self.client_hello is not None else self.profiles
        if len(self.profiles) > 1 or not set(self.profiles) <= set(offered):
            return (Anomaly(UNOFFERED, message.cites, f"{', '.join(f'0x{p:04x}' for p in self.profiles[:8])}"),)
        return ()

    def _certificate(self, side: Side, message: HandshakeMessage) -> Sequence[Anomaly]:
        found = hs.parse_certificates(message.body, tls13=self.is_13)
        if found is None:
            return _malformed(message)
        if side == "server":
            self.certificates = list(found)
        else:
            self.client_certificates = list(found)
        return ()

    def _client_key_exchange(self, message: HandshakeMessage) -> None:
        """The premaster of a private key (RFC 5246 7.4.7.1) or a key log; the session hash ends here (RFC 7627 3)."""
        if self.suite is None or self.client_hello is None or self.server_hello is None:
            return
        if self.suite.key_exchange == "RSA":
            leaf = self.certificates[0] if self.certificates else None
            premaster = self.store.rsa_premaster(message.body[2:], leaf, self.client_hello.random)
        else:
            premaster = self.store.log_secret("PMS_CLIENT_RANDOM", self.client_hello.random)
        if premaster is None:
            return
        if hs.EXT_EMS in self.server_hello.extensions:
            digest = tls_keys.handshake_hash(self.version, self.suite, self._transcript(message.message_seq))
            self.master = tls_keys.extended_master_secret(self.version, self.suite, premaster.reveal(), digest)
        else:
            randoms = self.client_hello.random, self.server_hello.random
            self.master = tls_keys.master_secret(self.version, self.suite, premaster.reveal(), *randoms)
        if self.server_hello.session_id:
            self.store.remember_session(self.server_hello.session_id, self.master)

    def _new_ticket(self, body: bytes) -> None:
        """RFC 5077 3.3: four bytes of lifetime hint, then the ticket."""
        master = self._master()
        if master is not None and len(body) > 6:
            self.store.remember_session(body[6:], master)

    def _transcript(self, last: int) -> bytes:
        """The messages up to ClientKeyExchange as RFC 6347 4.2.6 hashes them: whole, without the cookie exchange."""
        sides: dict[Side, list[HandshakeMessage]] = {
            side: [m for (of, _), m in sorted(self._said.items(), key=lambda item: item[0]) if of == side]
            for side in ("client", "server")
        }
        client = [m for m in sides["client"] if m.message_seq <= last]
        hellos = [m for m in client if m.kind == hs.CLIENT_HELLO][-1:]
        server = [m for m in sides["server"] if m.kind != hs.HELLO_VERIFY_REQUEST]
        return b"".join(m.dtls_raw for m in [*hellos, *server, *(m for m in client if m.kind != hs.CLIENT_HELLO)])

    # -- keys ------------------------------------------------------------------------------------------------------

    def _master(self) -> Secret | None:
        if self.master is None and self.client_hello is not None:
            self.master = self.store.log_secret("CLIENT_RANDOM", self.client_hello.random)
            ticket = self.client_hello.extensions.get(hs.EXT_SESSION_TICKET, b"")
            for session in (ticket, self.client_hello.session_id) if self._resumed else ():
                self.master = self.master or (self.store.session_master(session) if session else None)
        return self.master

    @property
    def _resumed(self) -> bool:
        """Up to DTLS 1.2: the server took a session of the client's up again (RFC 5246 7.4.1.3, RFC 5077 3.4)."""
        client, server = self.client_hello, self.server_hello
        if client is None or server is None or self.is_13:
            return False
        return bool(client.session_id) and client.session_id == server.session_id

    def srtp_keys(self) -> SrtpKeys | None:
        """The SRTP keys of the flow (RFC 5764 4.2), None while hellos, secret or a known profile are missing."""
        found: list[tuple[MediaKey, MediaKey]] = []
        for profile in self.profiles[:8]:
            chosen = suite_of_profile(profile)
            if chosen is None:
                self.failure = self.failure or f"SRTP profile 0x{profile:04x} is not known here"
                continue
            material = self._export(2 * (chosen.key + chosen.salt))
            halves = _halves(chosen, material.reveal(), self.mki, self._cites) if material is not None else None
            if halves is not None:
                found.append(halves)
        if not found:
            return None
        return SrtpKeys(tuple(client for client, _ in found), tuple(server for _, server in found))

    def _export(self, size: int) -> Secret | None:
        client, server = self.client_hello, self.server_hello
        if client is None or server is None or self.suite is None:
            return None
        if self.is_13:
            secret = self.store.log_secret("EXPORTER_SECRET", client.random)
            if secret is None:
                return None
            return tls_keys.export_keying_material_13(self.suite, secret, EXPORTER, size, PREFIX)
        master = self._master()
        if master is None:
            return None
        randoms = client.random, server.random
        return tls_keys.export_keying_material(self.version, self.suite, master, EXPORTER, *randoms, size)

    def _handshake_openers(self) -> None:
        for side in ("client", "server"):
            secret = self._traffic_secret(side, "HANDSHAKE_TRAFFIC_SECRET")
            if secret is not None and self.suite is not None:
                self._directions[side].openers[2] = Dtls13Opener(self.suite, secret)

    def _traffic_secret(self, side: Side, name: str) -> Secret | None:
        if self.client_hello is None:
            return None
        return self.store.log_secret(f"{side.upper()}_{name}", self.client_hello.random)

    # -- protected records -----------------------------------------------------------------------------------------

    def record(self, side: Side, record: DtlsRecord) -> Opened | Anomaly | None:
        """Takes a protected record of a side: its content, or None where no key is known, or an anomaly."""
        self.protected += 1
        if record.unread:
            self.failure = self.failure or "records have a connection ID that no handshake in the capture names"
            return None
        result = self._open_13(side, record) if record.unified else self._open_12(side, record)
        if result is None:
            self.failure = self.failure or self._why_closed(side)
            return None
        if isinstance(result, Opened):
            self.opened += 1
            if self.client_hello is not None:
                self.store.opened_records(self.client_hello.random)
            return result
        self.failure = self.failure or "records do not verify with the key at hand"
        return Anomaly(REFUSED, record.cites, result)

    def begin_again(self, records: int) -> None:
        """Secrets may have come for so many records, which are to be taken once more."""
        self.failure, self.protected = "", self.protected - records
        if self.is_13:
            self._handshake_openers()

    def _open_12(self, side: Side, record: DtlsRecord) -> Opened | Reason | None:
        direction = self._directions[side]
        opener = direction.openers.get(record.epoch)
        if opener is None:
            opener = self._opener_12(side)
            if opener is None:
                return None
            _keep(direction.openers, record.epoch, opener)
        if not isinstance(opener, RecordOpener):
            return None
        number = record.epoch << 48 | record.sequence
        return opener.open(record.content_type, record.version, record.fragment, number, record.cid)

    def _opener_12(self, side: Side) -> RecordOpener | None:
        """The keys of the latest handshake: they are those of the epoch that begins."""
        master = self._master()
        if master is None or self.client_hello is None or self.server_hello is None or self.suite is None:
            return None
        randoms = self.client_hello.random, self.server_hello.random
        client, server = tls_keys.key_block(self.version, self.suite, master, *randoms)
        etm = hs.EXT_ETM in self.server_hello.extensions
        keys = client if side == "client" else server
        return RecordOpener(self.suite, self.version, keys, encrypt_then_mac=etm)

    def _open_13(self, side: Side, record: DtlsRecord) -> Opened | Reason | None:
        """The epoch's two low bits are shown (RFC 9147 4): known epochs are tried, the newest first, then the next."""
        direction = self._directions[side]
        if direction.secret is None and self.suite is not None:
            secret = self._traffic_secret(side, "TRAFFIC_SECRET_0")
            if secret is not None:
                direction.secret, direction.epoch = secret, 3
                _keep(direction.openers, 3, Dtls13Opener(self.suite, secret))
        result: Opened | Reason | None = None
        for epoch, opener in sorted(direction.openers.items(), reverse=True):
            if epoch & 3 == record.epoch and isinstance(opener, Dtls13Opener):
                result = opener.open(record.content_type, record.sequence, record.fragment, record.cid)
                if isinstance(result, Opened):
                    return result
        if direction.secret is not None and self.suite is not None and (direction.epoch + 1) & 3 == record.epoch:
            secret = tls_keys.next_traffic_secret(self.suite, direction.secret, PREFIX)
            later = Dtls13Opener(self.suite, secret)
            updated = later.open(record.content_type, record.sequence, record.fragment, record.cid)
            if isinstance(updated, Opened):
                direction.secret, direction.epoch = secret, direction.epoch + 1
                _keep(direction.openers, direction.epoch, later)
                return updated
            result = result or updated
        return result

    def alert(self, data: bytes, cites: tuple[Cite, ...]) -> Sequence[Anomaly]:
        """A fatal alert, named (RFC 5246 7.2)."""
        return (Anomaly(FATAL_ALERT, cites, f"description {data[1]}"),) if len(data) == 2 and data[0] == 2 else ()

    def _why_closed(self, side: Side) -> str:
        client, server = self.client_hello, self.server_hello
        others = any(direction.openers for of, direction in self._directions.items() if of != side)
        return why_closed(client, server, self.suite, other_than=side if others else None, resumed=self._resumed)


def _malformed(message: HandshakeMessage) -> Sequence[Anomaly]:
    return (Anomaly(BAD_HANDSHAKE, message.cites, f"DTLS message of type {message.kind}"),)


def _keep(openers: dict[int, RecordOpener | Dtls13Opener], epoch: int, opener: RecordOpener | Dtls13Opener) -> None:
    openers[epoch] = opener
    if len(openers) > _EPOCHS:
        del openers[min(openers)]


def _halves(chosen: Suite, material: bytes, mki: bytes, cites: tuple[Cite, ...]) -> tuple[MediaKey, MediaKey] | None:
    """Client and server master keys, then both salts (RFC 5764 4.2)."""
    key, salt = chosen.key, chosen.salt
    salts = material[2 * key :]
    client = MediaKey.of(chosen, Secret(material[:key] + salts[:salt]), mki, cites, "dtls-srtp")
    server = MediaKey.of(chosen, Secret(material[key : 2 * key] + salts[salt:]), mki, cites, "dtls-srtp")
    return (client, server) if client is not None and server is not None else None
