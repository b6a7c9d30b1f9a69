"""As much SIP as a scripted end needs: one connection or socket, requests, responses, digest."""

import base64
import hashlib
import re
import secrets
import socket
import ssl
import time
from dataclasses import dataclass, field

from imslab.plan import family, host

_LENGTH = re.compile(rb"\r\nContent-Length:\s*(\d+)", re.IGNORECASE)


@dataclass(slots=True)
class Message:
    """A message as read: its first line, headers in order, body."""

    first: str
    headers: list[tuple[str, str]]
    body: str = ""

    @classmethod
    def read(cls, raw: bytes) -> "Message":
        """A whole message."""
        head, _, body = raw.decode().partition("\r\n\r\n")
        first, *lines = head.split("\r\n")
        pairs = [line.partition(":") for line in lines]
        return cls(first, [(name.strip(), value.strip()) for name, _, value in pairs], body)

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name: str) -> str:
        """The first value of a header, or nothing."""
        return next(iter(self.all(name)), "")

    @property
    def status(self) -> int:
        """The code of a response; 0 of a request."""
        return int(self.first.split()[1]) if self.first.startswith("SIP/2.0") else 0

    @property
    def method(self) -> str:
        """The method of a request."""
        return self.first.split()[0]


class Transport:
    """A UDP socket, or a TCP or TLS connection."""

    def __init__(self, sock: socket.socket, *, datagrams: bool, peer: tuple[str, int] | None = None) -> None:
        self._sock, self._datagrams, self._buffer = sock, datagrams, b""
        self.peer = peer
        self.sender: tuple[str, int] | None = None  # of the datagram read last
        self.local: tuple[str, int] = sock.getsockname()[:2]

    def send(self, text: str, peer: tuple[str, int] | None = None) -> None:
        """Sends a message."""
        print(f"{time.monotonic():.3f} >> {text.partition(chr(13))[0]}", flush=True)
        if self._datagrams:
            target = peer or self.peer
            assert target is not None
            self._sock.sendto(text.encode(), target)
        else:
            self._out(text.encode())

    def _out(self, data: bytes) -> None:
        self._sock.sendall(data)

    def _in(self, data: bytes) -> None:
        self._buffer += data

    def receive(self, seconds: float) -> Message | None:
        """The next message, or None when time is up."""
        end = time.monotonic() + seconds
        while True:
            message = None if self._datagrams else self._whole()
            left = end - time.monotonic()
            if message is None and left > 0:
                self._sock.settimeout(left)
                try:
                    data, sender = self._sock.recvfrom(65535) if self._datagrams else (self._sock.recv(65535), None)
                except TimeoutError:
                    return None
                if self._datagrams:
                    self.sender = sender
                    message = Message.read(data)
                elif not data:
                    return None
                else:
                    self._in(data)
                    continue
            if message is not None:
                print(f"{time.monotonic():.3f} << {message.first}", flush=True)
            return message

    def _whole(self) -> Message | None:
        self._buffer = self._buffer.lstrip(b"\r\n")
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        found = _LENGTH.search(self._buffer[: end + 2])
        size = end + 4 + (int(found[1]) if found else 0)
        if len(self._buffer) < size:
            return None
        raw, self._buffer = self._buffer[:size], self._buffer[size:]
        return Message.read(raw)


class WebSocket(Transport):
    """SIP in the text frames of a WebSocket (RFC 7118, RFC 6455): the client's end."""

    def __init__(self, sock: socket.socket, place: str) -> None:
        super().__init__(sock, datagrams=False)
        nonce = base64.b64encode(secrets.token_bytes(16)).decode()
        asked = [
            "GET / HTTP/1.1", f"Host: {place}", "Upgrade: websocket", "Connection: Upgrade",
            f"Sec-WebSocket-Key: {nonce}", "Origin: https://ims.example", "Sec-WebSocket-Protocol: sip",
            "Sec-WebSocket-Version: 13",
        ]  # fmt: skip
        sock.sendall(("\r\n".join(asked) + "\r\n\r\n").encode())
        head = b""
        while b"\r\n\r\n" not in head:
            more = sock.recv(4096)
            assert more, "no WebSocket"
            head += more
        assert head.startswith(b"HTTP/1.1 101"), head
        self._frames = head.partition(b"\r\n\r\n")[2]

    def _out(self, data: bytes) -> None:
        size = len(data)
        length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
        mask = secrets.token_bytes(4)
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
        self._sock.sendall(b"\x81" + length + mask + masked)

    def _in(self, data: bytes) -> None:
        """Takes the frames that are whole; what they carry is read as a stream is. A server does not mask."""
        self._frames += data
        while len(self._frames) >= 2:
            size, begin = self._frames[1] & 127, 2
            if size == 126:
                size, begin = int.from_bytes(self._frames[2:4], "big"), 4
            if len(self._frames) < begin + size:
                return
            if self._frames[0] & 15 in (1, 2):
                self._buffer += self._frames[begin : begin + size]
            self._frames = self._frames[begin + size :]


def connect(kind: str, local: tuple[str, int], proxy: str, ca: str, keylog: str, ciphers: str = "") -> Transport:
    """A UE's way to its P-CSCF: udp, tcp, tls, ws or wss. `ciphers`: of TLS 1.2, as OpenSSL names them."""
    if kind == "udp":
        sock = socket.socket(family(local[0]), socket.SOCK_DGRAM)
        sock.bind(local)
        return Transport(sock, datagrams=True, peer=(proxy, 5060))
    if kind in ("tcp", "ws"):
        stream = socket.create_connection((proxy, 8080 if kind == "ws" else 5060), 5)
        return WebSocket(stream, f"{host(proxy)}:8080") if kind == "ws" else Transport(stream, datagrams=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca)
    context.keylog_filename = keylog
    if ciphers:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    raw = socket.create_connection((proxy, 8443 if kind == "wss" else 5061), 5)
    secure = context.wrap_socket(raw, server_hostname="ims.example")
    return WebSocket(secure, f"{host(proxy)}:8443") if kind == "wss" else Transport(secure, datagrams=False)


@dataclass(slots=True)
class Dialog:
    """What one end puts into the requests of a dialog or of a registration."""

    user: str
    transport: str
    place: tuple[str, int]
    to: str
    call_id: str = field(default_factory=lambda: secrets.token_hex(8))
    tag: str = field(default_factory=lambda: secrets.token_hex(4))
    sequence: int = 0
    from_display: str = ""

    def request(
        self, method: str, uri: str, body: str = "", extra: tuple[str, ...] = (), content: str = "application/sdp"
    ) -> str:
        """A request; an ACK repeats the number of its INVITE."""
        self.sequence += method not in ("ACK", "CANCEL")
        place = f"{host(self.place[0])}:{self.place[1]}"
        sender = self.from_display or f"<sip:{self.user}@ims.example>"
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/{self.transport.upper()} {place};branch=z9hG4bK{secrets.token_hex(6)};rport",
            "Max-Forwards: 70",
            f"From: {sender};tag={self.tag}",
            f"To: {self.to}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {self.sequence} {method}",
            f"Contact: <sip:{self.user}@{place};transport={uri_transport(self.transport)}>",
            *extra,
        ]
        if body:
            lines.append(f"Content-Type: {content}")
        return "\r\n".join([*lines, f"Content-Length: {len(body.encode())}", "", body])


def uri_transport(kind: str) -> str:
    """A transport as URIs name it: `ws` of both kinds of WebSocket (RFC 7118 5.4)."""
    return "ws" if kind == "wss" else kind


def respond(request: Message, code: str, tag: str, body: str = "", extra: tuple[str, ...] = ()) -> str:
    """A response to a request."""
    to = request.get("To")
    lines = [
        f"SIP/2.0 {code}",
        *(f"Via: {via}" for via in request.all("Via")),
        *(f"Record-Route: {route}" for route in request.all("Record-Route")),
        f"From: {request.get('From')}",
        f"To: {to if 'tag=' in to else f'{to};tag={tag}'}",
        f"Call-ID: {request.get('Call-ID')}",
        f"CSeq: {request.get('CSeq')}",
        *extra,
    ]
    if body:
        lines.append("Content-Type: application/sdp")
    return "\r\n".join([*lines, f"Content-Length: {len(body.encode())}", "", body])


def authorization(challenge: Message, user: str, password: str, uri: str) -> str:
    """The Authorization header that answers a 401 to REGISTER (RFC 2617, MD5, qop=auth)."""
    given = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge.get("WWW-Authenticate")))
    nonce = secrets.token_hex(8)

    def digest(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    secret, action = digest(f"{user}:{given['realm']}:{password}"), digest(f"REGISTER:{uri}")
    response = digest(f"{secret}:{given['nonce']}:00000001:{nonce}:auth:{action}")
    return (
        f'Authorization: Digest username="{user}", realm="{given["realm"]}", nonce="{given["nonce"]}", uri="{uri}", '
        f'response="{response}", qop=auth, nc=00000001, cnonce="{nonce}", algorithm=MD5'
    )


def routes(message: Message, *, reverse: bool) -> tuple[str, ...]:
    """Route headers from the Record-Route of a dialog's first message (RFC 3261 12.1)."""
    found = [part.strip() for value in message.all("Record-Route") for part in value.split(",")]
    return tuple(f"Route: {route}" for route in (reversed(found) if reverse else found))


def target(message: Message) -> str:
    """The URI of the Contact."""
    return message.get("Contact").partition("<")[2].partition(">")[0]
