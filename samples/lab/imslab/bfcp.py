"""BFCP of the scripted ends: version 1 over TCP and TLS, version 2 over UDP (RFC 8855 5, 6)."""

import socket
import struct
import time
from dataclasses import dataclass

REQUEST, RELEASE, STATUS, HELLO, HELLO_ACK, STATUS_ACK, GOODBYE, GOODBYE_ACK = 1, 2, 4, 11, 12, 14, 16, 17
PENDING, GRANTED, DENIED, RELEASED, REVOKED = 1, 3, 4, 6, 7
STATES = {1: "pending", 2: "accepted", 3: "granted", 4: "denied", 5: "cancelled", 6: "released", 7: "revoked"}
_HEAD = struct.Struct("!BBHIHH")
_RESPONSE = 1 << 4  # the R bit of version 2


def attribute(kind: int, value: bytes) -> bytes:
    """A mandatory attribute, padded (RFC 8855 5.2)."""
    return bytes((kind << 1 | 1, 2 + len(value))) + value + bytes(-(2 + len(value)) % 4)


def request_status(request: int, floor: int, status: int, queue: int = 0) -> bytes:
    """FLOOR-REQUEST-INFORMATION with OVERALL-REQUEST-STATUS and FLOOR-REQUEST-STATUS (RFC 8855 5.2.15 to 5.2.18)."""
    overall = attribute(18, struct.pack("!H", request) + attribute(5, bytes((status, queue))))
    each = attribute(17, struct.pack("!H", floor))
    return attribute(15, struct.pack("!H", request) + overall + each)


@dataclass(frozen=True, slots=True)
class Message:
    """What came, and from whom."""

    primitive: int
    conference: int
    transaction: int
    user: int
    attributes: bytes
    sender: tuple[str, int] | None = None

    @property
    def request(self) -> int:
        """The number of the floor request that its first attribute names."""
        return int.from_bytes(self.attributes[2:4], "big")


class Link:
    """One end's way to another: a connection, or a socket and the peer's place."""

    def __init__(self, sock: socket.socket, peer: tuple[str, int] | None = None) -> None:
        self._sock, self._peer = sock, peer
        self.datagrams = sock.type == socket.SOCK_DGRAM
        self._unasked = 0

    def to(self, peer: tuple[str, int] | None) -> "Link":
        """The same way towards another peer: only datagrams know several."""
        return Link(self._sock, peer) if self.datagrams else self

    def send(
        self, primitive: int, conference: int, user: int, attributes: bytes = b"", *, answers: int = 0, asks: int = 0
    ) -> None:
        """Sends a request (`asks`: its transaction), a response (`answers`), or what nobody asked for.

        The last has transaction 0 over a connection, and one of the server's own over datagrams, where it is
        acknowledged (RFC 8855 8.1, 8.2)."""
        if not answers and not asks and self.datagrams:
            self._unasked += 1
            asks = 1000 + self._unasked
        first = (2 << 5 | (_RESPONSE if answers else 0)) if self.datagrams else 1 << 5
        head = _HEAD.pack(first, primitive, len(attributes) // 4, conference, answers or asks, user)
        if self.datagrams:
            assert self._peer is not None
            self._sock.sendto(head + attributes, self._peer)
        else:
            self._sock.sendall(head + attributes)

    def receive(self, seconds: float) -> Message | None:
        """The next message, or None when time is up or the peer has gone."""
        self._sock.settimeout(max(0.05, seconds))
        sender = None
        try:
            if self.datagrams:
                data, sender = self._sock.recvfrom(2000)
                head, body = data[: _HEAD.size], data[_HEAD.size :]
            else:
                head = _exactly(self._sock, _HEAD.size)
                body = _exactly(self._sock, int.from_bytes(head[2:4], "big") * 4)
        except (TimeoutError, OSError):
            return None
        if len(head) < _HEAD.size:
            time.sleep(0.05)  # the peer has gone
            return None
        _, primitive, _, conference, transaction, user = _HEAD.unpack(head)
        message = Message(primitive, conference, transaction, user, body, sender)
        if self.datagrams and primitive == STATUS and transaction > 1000:
            self.send(STATUS_ACK, conference, user, answers=transaction)
        return message


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := sock.recv(size - len(data))):
        data += more
    return data
