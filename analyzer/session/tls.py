"""TLS connections: handshake followed, records opened where a secret is known, plaintext handed on.

TLS 1.0 to 1.3 (RFC 2246, 4346, 5246, 8446), with RFC 7366 and RFC 7627. Secrets come from a key log by client random,
or from a private key (RSA key exchange). The tracker is total: what cannot be opened is counted with a reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from analyzer.core.anomalies import Anomaly, define
from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.secrets import Secret
from analyzer.core.severity import Severity
from analyzer.crypto import tls_keys
from analyzer.crypto.tls_records import Opened, Reason, RecordOpener
from analyzer.formats import tls_handshake as hs
from analyzer.formats.tls_suites import CipherSuite, suite
from analyzer.protocols.tls.records import (
    ALERT,
    APPLICATION_DATA,
    CHANGE_CIPHER_SPEC,
    HANDSHAKE,
    Record,
)
from analyzer.session.secret_store import SecretStore
from analyzer.session.tls_direction import TlsDirection
from analyzer.session.tls_early import EarlyOpener
from analyzer.session.tls_reasons import CHANGED, LOST, OTHER_KEY, why_closed
from analyzer.transport.cited import Chunk

Side = Literal["client", "server"]

BAD_HANDSHAKE = define(
    "tls.bad_handshake", Severity.LOW, "A TLS handshake message that is not well-formed", "RFC 8446 4"
)
AUTH_FAILED = define(
    "tls.record_refused", Severity.MEDIUM, "A TLS record does not verify with the key at hand", "RFC 8446 5.2"
)
RETRY = define("tls.hello_retry_request", Severity.INFO, "The server asked for another ClientHello", "RFC 8446 4.1.4")
EARLY_DATA = define("tls.early_data", Severity.LOW, "0-RTT data: it can be replayed", "RFC 8446 8")
FATAL_ALERT = define("tls.fatal_alert", Severity.INFO, "A fatal TLS alert", "RFC 8446 6")

_HANDSHAKE_LIMIT = 262_144
_SEALED = 4  # encrypted records by which a connection is known again on another hop


@frozen
class Plaintext:
    """Application data that was opened, with the frames of its record."""

    side: Side
    chunk: Chunk
    cites: tuple[Cite, ...]


@dataclass(slots=True)
class TlsConnection:
    """One connection from its first record on. `failure` says why it stays closed, "" while nothing is amiss."""

    store: SecretStore
    client_hello: hs.Hello | None = None
    server_hello: hs.Hello | None = None
    suite: CipherSuite | None = None
    version: int = 0
    certificates: list[bytes] = field(default_factory=list)
    client_certificates: list[bytes] = field(default_factory=list)
    master: Secret | None = None
    failure: str = ""
    retried: bool = False
    early_data: bool = False
    encrypted_records: int = 0
    sealed: set[int] = field(default_factory=set)  # digests of the first encrypted records, keyed anew in every process
    opened_records: int = 0
    _directions: dict[Side, TlsDirection] = field(
        default_factory=lambda: {"client": TlsDirection(), "server": TlsDirection()}
    )
    _transcript: bytearray = field(default_factory=bytearray)
    _pending_premaster: Secret | None = None
    _key_exchanged: bool = False
    _client_done: bool = False  # the client's part of a full handshake was read to behind its certificate
    _store_version: int = -1

    def record(self, side: Side, record: Record) -> Sequence[Plaintext | Anomaly]:
        """Takes one record of one side."""
        late = self.late() if self.store.growing else ()
        return (*late, *self._record(side, record)) if late else self._record(side, record)

    @property
    def randoms(self) -> int:
        """A digest of both sides' randoms, equal wherever the handshake passes; 0: not seen."""
        if self.client_hello is None or self.server_hello is None:
            return 0
        return hash((self.client_hello.random, self.server_hello.random))

    @property
    def client_certified(self) -> bool | None:
        """Whether the client showed a certificate; None where its part of a full handshake was not read."""
        return True if self.client_certificates else False if self._client_done else None

    @property
    def waits(self) -> bool:
        """Records wait for a secret that may still come."""
        return any(direction.waiting for direction in self._directions.values())

    def late(self) -> Sequence[Plaintext | Anomaly]:
        """What can be read of records that waited, where there are more secrets than before."""
        if self.store.version == self._store_version:
            return ()
        self._store_version = self.store.version
        return self._with_new_secrets()

    def _record(self, side: Side, record: Record) -> Sequence[Plaintext | Anomaly]:
        direction = self._directions[side]
        if record.content_type == CHANGE_CIPHER_SPEC:
            behind_early_data = self.early_data and self.server_hello is None  # for middleboxes: RFC 8446 D.4
            if self.version != 0x0304 and not behind_early_data:
                self._change_cipher(side, direction)
            return ()
        content_type, data = record.content_type, record.fragment
        if content_type == APPLICATION_DATA and not direction.encrypted:  # what changed the keys was not captured
            self._change_cipher(side, direction)
        if direction.encrypted:
            self.encrypted_records += 1
            if len(self.sealed) < _SEALED and content_type == APPLICATION_DATA:
                self.sealed.add(hash(data))
            opened = self._open(side, direction, record)
            if not isinstance(opened, Opened):
                return opened
            content_type, data = opened.content_type, opened.plaintext
            self.opened_records += 1
        if content_type == HANDSHAKE:
            return self._handshake(side, direction, data, record.cites)
        if content_type == ALERT:
            return self._alert(data, record.cites)
        if content_type == APPLICATION_DATA and data and direction.encrypted:
            return (Plaintext(side, Chunk(data, record.cites[-1]), record.cites),)
        return ()

    def lost_bytes(self, side: Side) -> None:
        """Records of a side are missing."""
        self._directions[side].lose()
        if not self.failure:
            self.failure = LOST

    # -- opening -------------------------------------------------------------------------------------------------

    def _open(self, side: Side, direction: TlsDirection, record: Record) -> Opened | Sequence[Plaintext | Anomaly]:
        early = self.early_data and side == "client" and not direction.opened
        if early and direction.early is not None:
            at_once = direction.early.open(record.content_type, record.version, record.fragment)
            if isinstance(at_once, Opened) and self.client_hello is not None:
                self.store.opened_records(self.client_hello.random)
                return at_once
        result: Opened | Reason = "bad_tag"
        unkeyed = direction.opener is None
        if direction.opener is not None:
            result = direction.opener.open(record.content_type, record.version, record.fragment)
        if not isinstance(result, Opened) and self.suite is not None and (direction.lost or self.version == 0x0304):
            result = direction.open_otherwise(record, self.suite, self._application_secret(side))
        if direction.opener is None:
            if not early or self.server_hello is not None:
                self._wait(side, direction, record)
            return ()
        if not isinstance(result, Opened) and early and direction.early is None:
            return ()  # 0-RTT data without its secret
        if isinstance(result, Opened):
            direction.opened += 1
            self.failure = "" if unkeyed else self.failure  # the secrets of the handshake alone were missing
            self.store.opened_records(direction.random)
            return result
        direction.refused += 1
        direction.opener.pass_over(record.fragment)
        if not self.early_data:
            self.failure = self.failure or (CHANGED if direction.opened else OTHER_KEY)
        return (Anomaly(AUTH_FAILED, record.cites, result),)

    def _wait(self, side: Side, direction: TlsDirection, record: Record) -> None:
        """A record without a key: kept where a key log may still name its secret."""
        if not self.failure:
            self.failure = self._why_closed(side)
        if self.store.growing:
            direction.wait(record)

    def _with_new_secrets(self) -> list[Plaintext | Anomaly]:
        found: list[Plaintext | Anomaly] = []
        for side, direction in self._directions.items():
            if not direction.waiting or direction.opener is not None:
                continue
            if self.version == 0x0304:
                self._protect_13(side, direction, application=direction.application)
            else:
                self._change_cipher(side, direction)
            if direction.opener is None and self._application_secret(side) is None:
                continue
            self.failure = ""
            waiting, direction.waiting, direction.waiting_bytes = direction.waiting, [], 0
            self.encrypted_records -= len(waiting)
            for record in waiting:
                found += self._record(side, record)
        return found

    def _why_closed(self, side: Side) -> str:
        client, server = self.client_hello, self.server_hello
        other = any(direction.opener is not None for direction in self._directions.values())
        return why_closed(client, server, self.suite, other_than=side if other else None, resumed=self._resumed)

    @property
    def _resumed(self) -> bool:
        """Up to TLS 1.2: the server took a session of the client's up again (RFC 5246 7.3, RFC 5077 3.4)."""
        return self.version != 0x0304 and not self._key_exchanged and self.server_hello is not None

    # -- handshake -----------------------------------------------------------------------------------------------

    def _handshake(
        self, side: Side, direction: TlsDirection, data: bytes, cites: tuple[Cite, ...]
    ) -> Sequence[Plaintext | Anomaly]:
        direction.handshake += data
        if len(direction.handshake) > _HANDSHAKE_LIMIT:
            direction.handshake.clear()
            return (Anomaly(BAD_HANDSHAKE, cites, "a message longer than any certificate chain"),)
        if not hs.has_message(direction.handshake):
            return ()
        messages, taken = hs.split_messages(bytes(direction.handshake))
        del direction.handshake[:taken]
        anomalies: list[Anomaly] = []
        for kind, body, raw in messages:
            anomalies += self._message(side, direction, kind, body, raw, cites)
        if direction.lost:  # nothing says where a message begins
            return [anomaly for anomaly in anomalies if anomaly.kind is not BAD_HANDSHAKE]
        return anomalies

    def _message(
        self, side: Side, direction: TlsDirection, kind: int, body: bytes, raw: bytes, cites: tuple[Cite, ...]
    ) -> list[Anomaly]:
        anomalies: list[Anomaly] = []
        if len(self._transcript) < _HANDSHAKE_LIMIT:
            self._transcript += raw
        if kind == hs.CLIENT_HELLO:
            anomalies = self._client_hello(hs.parse_client_hello(body), raw, cites)
        elif kind == hs.SERVER_HELLO:
            anomalies = self._server_hello(hs.parse_server_hello(body), cites)
        elif kind == hs.CERTIFICATE:
            found = hs.parse_certificates(body, tls13=self.version == 0x0304)
            if found is None:
                anomalies = [Anomaly(BAD_HANDSHAKE, cites, "Certificate")]
            elif side == "server":
                self.certificates = list(found)
            else:
                self.client_certificates = list(found)
        elif kind == hs.CLIENT_KEY_EXCHANGE:
            self._client_done |= side == "client" and not direction.lost
            self._client_key_exchange(body)
        elif kind == hs.NEW_SESSION_TICKET and self.version != 0x0304:
            self._new_ticket(body)
        elif kind == hs.FINISHED and self.version == 0x0304:
            self._finished_13(side, direction)
        elif kind == hs.KEY_UPDATE and self.version == 0x0304:
            self._key_update(direction)
        return anomalies

    def _client_hello(self, hello: hs.Hello | None, raw: bytes, cites: tuple[Cite, ...]) -> list[Anomaly]:
        if hello is None:
            return [Anomaly(BAD_HANDSHAKE, cites, "ClientHello")]
        if self.client_hello is not None and self.client_hello.random != hello.random:  # RFC 5246 7.4.1.2
            self.server_hello = self.master = self._pending_premaster = None
            self._key_exchanged, self._transcript[:] = False, raw
        self.client_hello = hello
        if hs.EXT_EARLY_DATA in hello.extensions:
            self.early_data = True
            secret = self.store.log_secret("CLIENT_EARLY_TRAFFIC_SECRET", hello.random)
            direction = self._directions["client"]
            direction.encrypted = True
            direction.early = EarlyOpener(secret, hello.suites) if secret is not None else None
            return [Anomaly(EARLY_DATA, cites)]
        return []

    def _server_hello(self, hello: hs.Hello | None, cites: tuple[Cite, ...]) -> list[Anomaly]:
        if hello is None:
            return [Anomaly(BAD_HANDSHAKE, cites, "ServerHello")]
        if hello.retry_request:
            self.retried, self.version = True, hello.negotiated_version
            return [Anomaly(RETRY, cites)]
        self.server_hello = hello
        self.version = hello.negotiated_version
        self.suite = suite(hello.suites[0])
        if self.version == 0x0304:
            for side in ("client", "server"):
                direction = self._directions[side]
                direction.encrypted = True
                self._protect_13(side, direction, application=False)
        return []

    def _traffic_secret(self, side: Side, label: str) -> Secret | None:
        if self.client_hello is None or self.suite is None:
            return None
        return self.store.log_secret(f"{side.upper()}_{label}", self.client_hello.random)

    def _application_secret(self, side: Side) -> Secret | None:
        """The first secret of application data; None up to TLS 1.2."""
        return self._traffic_secret(side, "TRAFFIC_SECRET_0") if self.version == 0x0304 else None

    def _protect_13(self, side: Side, direction: TlsDirection, *, application: bool) -> None:
        if application:
            secret = self._application_secret(side)
        else:
            secret = self._traffic_secret(side, "HANDSHAKE_TRAFFIC_SECRET")
        direction.application = application
        if secret is None or self.suite is None or self.client_hello is None:
            direction.protect(None, self.client_hello.random if self.client_hello is not None else b"")
            return
        opener = RecordOpener(self.suite, 0x0304, tls_keys.traffic_keys(self.suite, secret))
        direction.protect(opener, self.client_hello.random, secret if application else None)

    def _finished_13(self, side: Side, direction: TlsDirection) -> None:
        resumed = self.server_hello is None or hs.EXT_PSK in self.server_hello.extensions
        self._client_done |= side == "client" and not direction.lost and not resumed
        self._protect_13(side, direction, application=True)

    def _key_update(self, direction: TlsDirection) -> None:
        if direction.secret is None or self.suite is None:
            return
        secret = tls_keys.next_traffic_secret(self.suite, direction.secret)
        opener = RecordOpener(self.suite, 0x0304, tls_keys.traffic_keys(self.suite, secret))
        direction.protect(opener, direction.random, secret)

    def _client_key_exchange(self, body: bytes) -> None:
        self._key_exchanged = True
        if self.suite is None or self.client_hello is None:
            return
        if self.suite.key_exchange == "RSA":
            encrypted = body if self.version == 0x0300 else body[2:]
            leaf = self.certificates[0] if self.certificates else None
            self._pending_premaster = self.store.rsa_premaster(encrypted, leaf, self.client_hello.random)
        else:
            self._pending_premaster = self.store.log_secret("PMS_CLIENT_RANDOM", self.client_hello.random)
        if self._pending_premaster is not None:
            self._derive_master()

    def _derive_master(self) -> None:
        """The master secret at ClientKeyExchange, which is where RFC 7627's session hash ends."""
        if self._pending_premaster is None or self.suite is None or self.client_hello is None:
            return
        server = self.server_hello
        if server is None:
            return
        premaster = self._pending_premaster.reveal()
        if hs.EXT_EMS in server.extensions:
            digest = tls_keys.handshake_hash(self.version, self.suite, bytes(self._transcript))
            self.master = tls_keys.extended_master_secret(self.version, self.suite, premaster, digest)
        else:
            self.master = tls_keys.master_secret(
                self.version, self.suite, premaster, self.client_hello.random, server.random
            )

    def _change_cipher(self, side: Side, direction: TlsDirection) -> None:
        direction.encrypted = True
        direction.protect(None, b"")
        if self.client_hello is None or self.server_hello is None or self.suite is None:
            return
        if self.master is None:
            self.master = self.store.log_secret("CLIENT_RANDOM", self.client_hello.random)
        if self.master is None and self._resumed:
            self.master = self._resumed_master(self.client_hello, self.server_hello)
        if self.master is None:
            return
        if side == "client" and self._key_exchanged and self.server_hello.session_id:
            self.store.remember_session(self.server_hello.session_id, self.master)
        client, server = tls_keys.key_block(
            self.version, self.suite, self.master, self.client_hello.random, self.server_hello.random
        )
        etm = hs.EXT_ETM in self.server_hello.extensions
        keys = client if side == "client" else server
        opener = RecordOpener(self.suite, self.version, keys, encrypt_then_mac=etm)
        direction.protect(opener, self.client_hello.random)

    def _new_ticket(self, body: bytes) -> None:
        """RFC 5077 3.3: four bytes of lifetime hint, then the ticket."""
        if self.master is not None and len(body) > 6:
            self.store.remember_session(body[6:], self.master)

    def _resumed_master(self, client: hs.Hello, server: hs.Hello) -> Secret | None:
        ticket = client.extensions.get(hs.EXT_SESSION_TICKET, b"")
        for session in (ticket, server.session_id):
            master = self.store.session_master(session) if session else None
            if master is not None:
                return master
        return None

    @staticmethod
    def _alert(data: bytes, cites: tuple[Cite, ...]) -> Sequence[Anomaly]:
        if len(data) == 2 and data[0] == 2:
            return (Anomaly(FATAL_ALERT, cites, f"description {data[1]}"),)
        return ()
