"""Connections and datagram flows that are not RTP: who, when, what protocol, seen where."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from analyzer.core.addresses import Address, Endpoints
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.net.packets import UDP
from analyzer.session.carrier import Ipsec, esp_rank


@dataclass(slots=True)
class Connection:
    """A TCP connection, or the datagrams between two addresses, in both directions.

    `src` is the client where that is known (it sent the SYN), else who was seen first. `protocol` is what its bytes
    proved to be: sip, websocket, msrp, bfcp, tls, dtls, stun, rtp (on TCP), or "" for not recognised. `inner` is what
    was found inside a decrypted or framed one.
    """

    ordinal: int
    src: Address
    dst: Address
    ip_protocol: int
    opened_by: Address | None = None  # who sent the SYN of TCP
    tls_client: Address | None = None  # who sent the ClientHello of TLS
    protocol: str = ""
    inner: str = ""
    tls_version: str = ""
    tls_cipher: str = ""
    compressed: bool | None = None  # TLS compression was agreed on; None: its ServerHello was not seen
    renegotiation_secure: bool | None = None  # RFC 5746, or a version without renegotiation
    srtp_profile: int | None = None  # that the handshake agreed on (RFC 5764 4.1.2)
    alpn: str = ""
    server_certificates: Sequence[bytes] = ()  # DER, leaf first
    client_certificates: Sequence[bytes] = ()
    client_certified: bool | None = None  # its client showed a certificate; None: that part was not read
    handshake: int = 0  # digest of both randoms, under a key of this process: whose are equal is one; 0: not seen
    sealed: frozenset[int] = frozenset()  # digests of its first encrypted records, under the same key
    channels: dict[int, tuple[str, str]] = field(default_factory=dict)  # data channels: stream -> label, protocol
    decrypted: bool = False
    failure: str = ""  # why it stays closed
    first_ns: int = 0
    last_ns: int = 0
    payload_bytes: int = 0  # all sightings together
    sightings: dict[int, tuple[Cite, Cite, int]] = field(default_factory=dict)  # vantage -> first, last, packets
    ipsec: Ipsec | None = None  # what ESP did around each of its packets: the weakest that any had
    cut: bool = False  # the snap length cut bytes of its handshake (DTLS), or any (TCP)

    @property
    def null_cipher(self) -> bool:
        """TLS protects it from change and hides nothing: its suite has no cipher."""
        return "_NULL_" in self.tls_cipher

    @property
    def packets(self) -> int:
        """Packets that carried bytes, opened or closed it, each once: as many as the vantage point that saw most."""
        return max((count for _, _, count in self.sightings.values()), default=0)

    def certificate_hashes(self) -> tuple[str, ...]:
        """SHA-256 of each certificate seen, hexadecimal."""
        return tuple(hashlib.sha256(der).hexdigest() for der in (*self.server_certificates, *self.client_certificates))

    def seen(self, vantage: int, cite: Cite, size: int, ipsec: Ipsec | None = None) -> None:
        """Counts a packet of it at a vantage point."""
        if ipsec is not self.ipsec:
            self.ipsec = min(ipsec, self.ipsec, key=esp_rank) if self.sightings else ipsec
        known = self.sightings.get(vantage)
        self.sightings[vantage] = (known[0], cite, known[2] + 1) if known else (cite, cite, 1)
        self.payload_bytes += size
        self.last_ns = max(self.last_ns, cite.ts_ns)


Key = tuple[Address, Address, int]


def _key(endpoints: Endpoints) -> Key:
    a, b = endpoints.src, endpoints.dst
    return (a, b, endpoints.protocol) if a <= b else (b, a, endpoints.protocol)


class ConnectionTable:
    """Connections by address pair, and by each end. Past `Limits.flows` the oldest is dropped and counted."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: dict[Key, Connection] = {}
        self._by_end: dict[Address, Key | dict[Key, None]] = {}  # most ends have one
        self._ordinal = 0
        self.evicted = 0

    def touch(
        self, endpoints: Endpoints, vantage: int, cite: Cite, size: int, ipsec: Ipsec | None = None
    ) -> Connection:
        """The connection a packet belongs to, counted; `ipsec` is what ESP did around the packet."""
        key = _key(endpoints)
        connection = self._open.get(key)
        if connection is None:
            if len(self._open) >= self._limits.flows:
                self._drop(next(iter(self._open)))
                self.evicted += 1
            self._ordinal += 1
            connection = Connection(
                self._ordinal, endpoints.src, endpoints.dst, endpoints.protocol, first_ns=cite.ts_ns
            )
            self._open[key] = connection
            for end in key[:2]:
                known = self._by_end.setdefault(end, key)
                if isinstance(known, dict):
                    known[key] = None
                elif known != key:
                    self._by_end[end] = {known: None, key: None}
        connection.seen(vantage, cite, size, ipsec)
        return connection

    def tick(self, now_ns: int) -> None:
        """Lets go of SIP datagram flows that have been silent for as long as a call may be: no row is made of them."""
        horizon = now_ns - self._limits.call_quiet_ns - self._limits.linger_ns
        idle = [
            key
            for key, each in self._open.items()
            if each.last_ns < horizon and each.protocol == "sip" and each.ip_protocol == UDP
        ]
        for key in idle:
            self._drop(key)

    def _drop(self, key: Key) -> None:
        del self._open[key]
        for end in {key[0], key[1]}:
            keys = self._by_end.get(end)
            if isinstance(keys, dict):
                keys.pop(key, None)
            if not keys or keys == key:
                self._by_end.pop(end, None)

    def find(self, endpoints: Endpoints) -> Connection | None:
        """The connection between two addresses, either direction."""
        return self._open.get(_key(endpoints))

    def listening(self, end: Address, protocol: int) -> list[Connection]:
        """Connections of an IP protocol with one end at this address, oldest first.

        Of more than `Limits.connections_per_address` these are the latest: many calls may ask for one address.
        """
        found = self._by_end.get(end, {})
        keys = found if isinstance(found, dict) else {found: None}
        if len(keys) > self._limits.connections_per_address:
            self.evicted += 1
        latest = [self._open[key] for key in islice(reversed(keys), self._limits.connections_per_address)]
        return [each for each in reversed(latest) if each.ip_protocol == protocol]

    def all(self) -> list[Connection]:
        """Every connection in the order of first sight."""
        return list(self._open.values())
