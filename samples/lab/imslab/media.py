"""Media of the scripted ends: a G.711 tone over RTP, SRTP or DTLS-SRTP, and TLS for what runs over TCP."""

import base64
import hashlib
import hmac
import json
import math
import os
import secrets
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pylibsrtp
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from imslab import sdp
from imslab.plan import family

DEBIAN_PYTHON = "/usr/bin/python3"
_DTLS = Path(__file__).parents[1] / "components" / "dtls.py"
_PROFILES = {
    "AES_CM_128_HMAC_SHA1_80": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    "AEAD_AES_128_GCM": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AEAD_AES_256_GCM": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}


def _ulaw(sample: int) -> int:
    sign, size = (0x80, -sample) if sample < 0 else (0, sample)
    size = min(size, 32635) + 132
    exponent = max(0, size.bit_length() - 8)
    return ~(sign | exponent << 4 | (size >> (exponent + 3) & 15)) & 255


def _protector(suite: str, key: str, *, sending: bool) -> pylibsrtp.Session:
    any_ssrc = pylibsrtp.Policy.SSRC_ANY_OUTBOUND if sending else pylibsrtp.Policy.SSRC_ANY_INBOUND
    material = base64.b64decode(key)
    return pylibsrtp.Session(pylibsrtp.Policy(key=material, ssrc_type=any_ssrc, srtp_profile=_PROFILES[suite]))


def unencrypted(suite: str, key: str) -> Callable[[bytes], bytes]:
    """SRTP under UNENCRYPTED_SRTP, which libsrtp's binding cannot write: RTP and its tag (RFC 4568 6.3.2, RFC 3711
    4.2, 4.3.1). No roll-over: short calls."""
    material, tag_bytes = base64.b64decode(key), 4 if suite.endswith("_32") else 10
    salt = bytearray(material[16:30] + b"\0\0")
    salt[7] ^= 1  # label 1: the authentication key
    keystream = Cipher(algorithms.AES(material[:16]), modes.CTR(bytes(salt))).encryptor().update(bytes(20))

    def protect(packet: bytes) -> bytes:
        return packet + hmac.digest(keystream, packet + bytes(4), "sha1")[:tag_bytes]

    return protect


def shake(sock: socket.socket, role: str, peer: tuple[str, int], certificate: str, keylog: str) -> dict[str, str]:
    """A DTLS-SRTP handshake on a socket: suite, `client` and `server` keys.

    Python's `ssl` knows no DTLS; Debian's python3-openssl does it in a process of its own."""
    descriptor = sock.fileno()
    argv = [DEBIAN_PYTHON, str(_DTLS), str(descriptor), role, peer[0], str(peer[1]), certificate, keylog]
    done = subprocess.run(argv, pass_fds=[descriptor], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return dict(json.loads(done.stdout))


@dataclass(slots=True)
class Sound:
    """One end of an audio stream and what became of it: the truth about it."""

    local: tuple[str, int]
    remote: tuple[str, int]
    seconds: float
    send_key: tuple[str, str] = ("", "")  # suite and inline key; empty: RTP in clear
    receive_key: tuple[str, str] = ("", "")
    tone: int = 440
    first_sequence: int | None = None
    unencrypted: bool = False
    dtls: str = ""  # client or server: the keys come of a handshake
    certificate: str = ""
    keylog: str = ""
    clear: bool = False  # set while it runs: protection is given up
    ssrc: int = 0
    sent: int = 0
    received: int = 0
    refused: int = 0

    def run(self) -> None:
        """Sends 50 packets a second and counts what comes."""
        sock = socket.socket(family(self.local[0]), socket.SOCK_DGRAM)
        sock.bind(self.local)
        if self.dtls:
            keys = shake(sock, self.dtls, self.remote, self.certificate, self.keylog)
            self.send_key = keys["suite"], keys[self.dtls]
            self.receive_key = keys["suite"], keys["server" if self.dtls == "client" else "client"]
        protect = None
        if self.send_key[1]:
            protect = (
                unencrypted(*self.send_key) if self.unencrypted else _protector(*self.send_key, sending=True).protect
            )
        unprotect = _protector(*self.receive_key, sending=False).unprotect if self.receive_key[1] else None
        sock.setblocking(False)
        self.ssrc = secrets.randbits(32)
        sequence = secrets.randbelow(30000) if self.first_sequence is None else self.first_sequence
        stamp, begin = secrets.randbelow(1 << 31), time.monotonic()
        while time.monotonic() < begin + self.seconds:
            at = self.sent * 160
            tone = bytes(_ulaw(int(8000 * math.sin(2 * math.pi * self.tone * (at + i) / 8000))) for i in range(160))
            head = struct.pack("!BBHII", 0x80, 0x80 if self.sent == 0 else 0, (sequence + self.sent) & 0xFFFF,
                               (stamp + at) & 0xFFFFFFFF, self.ssrc)  # fmt: skip
            packet = head + tone
            sock.sendto(protect(packet) if protect and not self.clear else packet, self.remote)
            self.sent += 1
            self._drain(sock, unprotect)
            time.sleep(max(0.0, begin + self.sent * 0.02 - time.monotonic()))
        time.sleep(0.1)
        self._drain(sock, unprotect)
        sock.close()

    def told(self) -> dict[str, Any]:
        """The truth about it: everything but its keys."""
        told = asdict(self) | {"suite": self.send_key[0]}
        for name in ("send_key", "receive_key", "certificate", "keylog"):
            del told[name]
        return told

    def _drain(self, sock: socket.socket, unprotect: Callable[[bytes], bytes] | None) -> None:
        while True:
            try:
                packet = sock.recv(2000)
            except (BlockingIOError, ConnectionRefusedError):
                return
            try:
                if unprotect:
                    unprotect(packet)
                self.received += 1
            except pylibsrtp.Error:
                self.refused += 1


def role(own: str, peer: sdp.Medium) -> str:
    """Which side of a DTLS handshake an end is, by its own a=setup and its peer's; none without DTLS (RFC 8842 5)."""
    if peer.audio != "dtls":
        return ""
    return "client" if own == "active" or peer.attribute("setup") == "passive" else "server"


def tls(sock: socket.socket, certificate: str, keylog: str, *, server: bool, ciphers: str = "") -> ssl.SSLSocket:
    """TLS whose peer is judged by the fingerprint in SDP, not by a CA. `ciphers`: of TLS 1.2, as OpenSSL names them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.keylog_filename = keylog
    context.load_cert_chain(certificate)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if ciphers:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    return context.wrap_socket(sock, server_side=server)


def background(run: Callable[[], object]) -> threading.Thread:
    """A thread that does not keep the process."""
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def fingerprint(certificate: str) -> str:
    """SHA-256 of the certificate in a PEM file, as a=fingerprint writes it."""
    with open(certificate) as file:  # noqa: PTH123
        der = ssl.PEM_cert_to_DER_cert(file.read().partition("-----BEGIN EC")[0].partition("-----BEGIN PRIV")[0])
    return ":".join(f"{byte:02X}" for byte in hashlib.sha256(der).digest())


def wrong_fingerprint() -> str:
    """A fingerprint of nothing."""
    return ":".join(f"{byte:02X}" for byte in os.urandom(32))
