"""A network namespace with a pair of interfaces, and a call to send over it. All traffic stays inside."""

import contextlib
import ctypes
import os
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ETH_P_ALL = 3
CLONE_NEWNET = 0x40000000
KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"  # the example key of RFC 4568 6.1
SSRC = 0x11223344


@dataclass(frozen=True)
class Namespace:
    """Two interfaces, `a` and `b`: what is sent on one arrives on the other."""

    name: str
    a: str = "va"
    b: str = "vb"

    @property
    def prefix(self) -> list[str]:
        """What runs a command inside."""
        return ["ip", "netns", "exec", self.name]

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Sockets that this thread opens are inside."""
        libc = ctypes.CDLL(None, use_errno=True)
        with Path("/proc/thread-self/ns/net").open("rb") as home, Path(f"/run/netns/{self.name}").open("rb") as there:
            if libc.setns(there.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
            try:
                yield
            finally:
                libc.setns(home.fileno(), CLONE_NEWNET)

    def sender(self, interface: str = "va") -> socket.socket:
        """A socket that sends whole frames."""
        with self.inside():
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            sock.bind((interface, 0))
            return sock

    def send(self, frames: Sequence[bytes]) -> None:
        """Sends frames from `a`, and returns when all of them have come out of `b`."""
        with self.inside():
            seen = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            seen.bind((self.b, 0))
        seen.settimeout(60)
        with seen, self.sender(self.a) as sock:
            for data in frames:
                sock.send(data)
                seen.recv(1)


@contextlib.contextmanager
def namespace() -> Iterator[Namespace | str]:
    """A namespace of this process, or why there can be none."""
    name = f"mediasec-{os.getpid()}"
    if os.geteuid() != 0 or not shutil.which("ip"):
        yield "network namespaces need root and the program ip"
        return
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if made.returncode:
        yield f"no network namespace can be made here: {made.stderr.strip()}"
        return
    try:
        for words in (
            f"ip -n {name} link add va type veth peer name vb",
            f"ip netns exec {name} sysctl -qw net.ipv6.conf.all.disable_ipv6=1",  # no chatter of the kernel's own
            f"ip -n {name} link set va up",
            f"ip -n {name} link set vb up",
        ):
            step = subprocess.run(words.split(), capture_output=True, text=True)
            if step.returncode:
                yield f"{words}: {step.stderr.strip()}"
                return
        yield Namespace(name)
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def frame(payload: bytes, src: str, dst: str, sport: int, dport: int, tags: bytes = b"") -> bytes:
    """UDP over IPv4 over Ethernet (RFC 768, RFC 791 3.1); `tags` stand before the EtherType (IEEE 802.1Q)."""
    udp = struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0)
    ip = head + socket.inet_aton(src) + socket.inet_aton(dst) + udp
    return bytes.fromhex("0200000000020200000000 01".replace(" ", "")) + tags + b"\x08\x00" + ip


def _sip(start: str, cseq: str, *headers: str, sdp: str = "") -> bytes:
    lines = [
        start, "Via: SIP/2.0/UDP 10.1.0.10:5060;branch=z9hG4bK" + cseq.replace(" ", ""), "Max-Forwards: 70",
        "From: <sip:alice@ims.example>;tag=a1", "To: <sip:conf@ims.example>" + (";tag=b1" if headers else ""),
        "Call-ID: live-1@10.1.0.10", f"CSeq: {cseq}", "Contact: <sip:alice@10.1.0.10:5060>",
    ]  # fmt: skip
    if sdp:
        lines.append("Content-Type: application/sdp")
    return "\r\n".join([*lines, f"Content-Length: {len(sdp)}", "", sdp]).encode()


def _sdp(ip: str, port: int) -> str:
    """RFC 4566, RFC 4568 6.1."""
    lines = (
        "v=0", f"o=- 1 1 IN IP4 {ip}", "s=-", f"c=IN IP4 {ip}", "t=0 0", f"m=audio {port} RTP/SAVP 0",
        f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}",
    )  # fmt: skip
    return "\r\n".join(lines) + "\r\n"


UE, CORE = "10.1.0.10", "10.1.0.1"
RTP_PACKETS = 40


def call() -> list[bytes]:
    """A call whose SDES keys pass in clear (RFC 4568 8.3 forbids it): 4 messages, 40 RTP packets after the third."""
    up, down = (UE, CORE, 5060, 5060), (CORE, UE, 5060, 5060)
    invite = _sip("INVITE sip:conf@ims.example SIP/2.0", "1 INVITE", sdp=_sdp(UE, 40000))
    answer = _sip("SIP/2.0 200 OK", "1 INVITE", "t", sdp=_sdp(CORE, 50000))
    ack = _sip("ACK sip:conf@ims.example SIP/2.0", "1 ACK", "t")
    bye = _sip("BYE sip:conf@ims.example SIP/2.0", "2 BYE", "t")
    media = [
        struct.pack(">BBHII", 0x80, 0, n, n * 160, SSRC) + bytes((n * 7 + i * 13) & 255 for i in range(170))
        for n in range(RTP_PACKETS)
    ]
    return [
        frame(invite, *up),
        frame(answer, *down),
        frame(ack, *up),
        *(frame(packet, UE, CORE, 40000, 50000) for packet in media),
        frame(bye, *up),
    ]
