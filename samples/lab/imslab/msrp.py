"""MSRP of the scripted ends: a chat over a connection, with a relay in between where one is asked for."""

import hashlib
import re
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable


class Chat:
    """One MSRP session over a connection."""

    def __init__(self, sock: socket.socket, own: str, peer: str) -> None:
        self.sock, self.own, self.peer = sock, own, peer
        self._writing = threading.Lock()  # who speaks and who answers are two
        self.sent = self.received = 0
        self._buffer = b""

    def say(self, text: str, content: str = "text/plain") -> None:
        """Sends one message in one chunk."""
        transaction, body = secrets.token_hex(4), text.encode()
        head = (
            f"MSRP {transaction} SEND\r\nTo-Path: {self.peer}\r\nFrom-Path: {self.own}\r\n"
            f"Message-ID: {secrets.token_hex(6)}\r\nByte-Range: 1-{len(body)}/{len(body)}\r\n"
            f"Content-Type: {content}\r\n\r\n"
        )
        with self._writing:
            self.sock.sendall(head.encode() + body + f"\r\n-------{transaction}$\r\n".encode())
            self.sent += 1

    def ask(self, method: str, headers: str = "") -> str:
        """Sends a request without content; gives the response."""
        transaction = secrets.token_hex(4)
        head = f"MSRP {transaction} {method}\r\nTo-Path: {self.peer}\r\nFrom-Path: {self.own}\r\n{headers}"
        self.sock.sendall(f"{head}-------{transaction}$\r\n".encode())
        self.sock.settimeout(5)
        while (frame := self._frame()) is None:
            data = self.sock.recv(65535)
            assert data, f"no answer to {method}"
            self._buffer += data
        return frame.decode()

    def listen(self, until: float, heard: Callable[["Chat", bytes], None] | None = None) -> None:
        """Answers what comes with 200 until the time, or the peer, is up."""
        while time.monotonic() < until:
            frame = self._frame()
            if frame is not None:
                self._take(frame, heard)
                continue
            self.sock.settimeout(max(0.05, min(0.5, until - time.monotonic())))
            try:
                data = self.sock.recv(65535)
            except (TimeoutError, ssl.SSLWantReadError):
                continue
            except OSError:
                return
            if not data:
                return
            self._buffer += data

    def _frame(self) -> bytes | None:
        start = re.match(rb"MSRP (\S{4,32}) [^\r\n]*\r\n", self._buffer)
        if start is None:
            return None
        mark = b"-------" + start[1]
        at = self._buffer.find(mark)
        size = at + len(mark) + 3
        if at < 0 or len(self._buffer) < size:
            return None
        frame, self._buffer = self._buffer[:size], self._buffer[size:]
        return frame

    def _take(self, frame: bytes, heard: Callable[["Chat", bytes], None] | None) -> None:
        _, transaction, method = frame.partition(b"\r\n")[0].split(b" ", 2)
        if method != b"SEND":
            return
        self.received += 1
        sender = re.search(rb"From-Path: ([^\r]*)", frame)
        own = re.search(rb"To-Path: ([^\r]*)", frame)
        assert sender is not None
        assert own is not None
        self.own, self.peer = own[1].decode(), sender[1].decode()
        first = self.peer.split()[0]
        answer = f"MSRP {transaction.decode()} 200 OK\r\nTo-Path: {first}\r\nFrom-Path: {self.own}\r\n"
        with self._writing:
            self.sock.sendall(answer.encode() + b"-------" + transaction + b"$\r\n")
        if heard:
            heard(self, frame)


def authorize(sock: socket.socket, relay: str, own: str, user: str, password: str) -> str:
    """AUTH with digest at a relay (RFC 4976 4.1, 9.1); gives the URI that is put before one's own (Use-Path)."""
    chat, credentials = Chat(sock, own, relay), ""
    for _ in range(2):
        answer = chat.ask("AUTH", credentials)
        used = re.search(r"Use-Path: (\S+)", answer)
        if used:
            return used[1]
        given = dict(re.findall(r'(\w+)="?([^",\r\n]+)"?', answer.partition("WWW-Authenticate: Digest ")[2]))
        nonce = secrets.token_hex(8)
        parts = (f"{user}:{given['realm']}:{password}", f"AUTH:{relay}")
        secret, action = (hashlib.md5(part.encode(), usedforsecurity=False).hexdigest() for part in parts)
        text = f"{secret}:{given['nonce']}:00000001:{nonce}:auth:{action}"
        response = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
        credentials = (
            f'Authorization: Digest username="{user}", realm="{given["realm"]}", nonce="{given["nonce"]}", '
            f'uri="{relay}", response="{response}", qop=auth, nc=00000001, cnonce="{nonce}"\r\n'
        )
    raise AssertionError(f"the relay says: {answer}")
