"""Writes the benchmark capture: many calls with SIP, SDP and media, by means that owe nothing to the analyzer.

2,000 calls (the default) give about a million frames: 7 SIP messages a call, two streams of G.711 a call, 20 % of the
calls behind a VLAN tag, 10 % over IPv6, half of them SRTP (AES_CM_128_HMAC_SHA1_80, every tenth AEAD_AES_128_GCM),
encrypted by libsrtp, so that every tag verifies with the keys in the SDP.
"""

import base64
import ipaddress
import math
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pylibsrtp import Policy, Session

PACKETS_PER_STREAM = 250
TICK_NS = 20_000_000
CALLS_PER_SECOND = 10
START_NS = 1_760_000_000 * 1_000_000_000


def _mulaw(sample: float) -> int:
    """One sample (-1..1) by G.711 mu-law."""
    magnitude = min(int(abs(sample) * 32_635), 32_635) + 132
    exponent = max(magnitude.bit_length() - 8, 0)
    mantissa = (magnitude >> (exponent + 3)) & 15
    return ~((128 if sample < 0 else 0) | exponent << 4 | mantissa) & 255


def _voices(random_: random.Random) -> list[bytes]:
    """Fifty 20 ms frames of a wandering tone with pauses."""
    frames = []
    for index in range(50):
        level = 0.0 if index % 7 == 0 else 0.05 + 0.4 * random_.random()
        step = 2 * math.pi * (200 + 40 * index) / 8_000
        frames.append(bytes(_mulaw(level * math.sin(step * n)) for n in range(160)))
    return frames


@dataclass(slots=True)
class _Side:
    mac: bytes
    ip: bytes
    text: str
    sip_port: int
    rtp_port: int
    ssrc: int
    key: bytes
    srtp: Session | None


def _side(index: int, which: int, version: int, suite: int | None, random_: random.Random) -> _Side:
    if version == 4:
        ip = ipaddress.ip_address((10 << 24) + (which << 20) + index + 1).packed
    else:
        ip = ipaddress.ip_address(f"2001:db8:{which}::{index + 1:x}").packed
    key = random_.randbytes(30 if suite == Policy.SRTP_PROFILE_AES128_CM_SHA1_80 else 28)
    session = None
    if suite is not None:
        policy = Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=suite)
        session = Session(policy=policy)
    text = str(ipaddress.ip_address(ip))
    mac = bytes((2, which, *index.to_bytes(4, "big")))
    return _Side(mac, ip, text, 5060, 20_000 + 2 * which, random_.getrandbits(32), key, session)


def _checksum(data: bytes) -> int:
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def _frame(src: _Side, dst: _Side, sport: int, dport: int, payload: bytes, vlan: int, ip_id: int) -> bytes:
    udp = struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload
    if len(src.ip) == 4:
        head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), ip_id & 0xFFFF, 0x4000, 64, 17, 0, src.ip, dst.ip)
        head = head[:10] + struct.pack(">H", _checksum(head)) + head[12:]
        ethertype = b"\x08\x00"
    else:
        head = struct.pack(">IHBB16s16s", 6 << 28, len(udp), 17, 64, src.ip, dst.ip)
        ethertype = b"\x86\xdd"
    tag = struct.pack(">HH", 0x8100, vlan) if vlan else b""
    return dst.mac + src.mac + tag + ethertype + head + udp


def _sdp(side: _Side, suite: str | None) -> bytes:
    family = "IP4" if len(side.ip) == 4 else "IP6"
    profile = "RTP/SAVP" if suite else "RTP/AVP"
    lines = [
        "v=0", f"o=- {side.ssrc} 1 IN {family} {side.text}", "s=-", f"c=IN {family} {side.text}", "t=0 0",
        f"m=audio {side.rtp_port} {profile} 0 101", "a=rtpmap:0 PCMU/8000", "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16", "a=ptime:20", "a=sendrecv",
    ]  # fmt: skip
    if suite:
        lines.append(f"a=crypto:1 {suite} inline:{base64.b64encode(side.key).decode()}")
    return ("\r\n".join(lines) + "\r\n").encode()


@dataclass(slots=True)
class _Call:
    index: int
    a: _Side
    b: _Side
    vlan: int
    suite: str | None
    start_tick: int

    def sip(self, first: str, to_tag: bool, cseq: str, body: bytes = b"") -> bytes:
        """One message of the call."""
        host_a = f"[{self.a.text}]" if ":" in self.a.text else self.a.text
        host_b = f"[{self.b.text}]" if ":" in self.b.text else self.b.text
        lines = [
            first,
            f"Via: SIP/2.0/UDP {host_a}:5060;branch=z9hG4bK{self.index:08x}{cseq.split()[0]};rport",
            "Max-Forwards: 70",
            f"From: <sip:alice{self.index}@example.net>;tag=a{self.index:08x}",
            f"To: <sip:bob{self.index}@example.net>" + (f";tag=b{self.index:08x}" if to_tag else ""),
            f"Call-ID: {self.index:08x}-bench@{host_a}",
            f"CSeq: {cseq}",
            f"Contact: <sip:user@{host_b if first.startswith('SIP') else host_a}:5060>",
            "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK",
            "User-Agent: bench",
        ]
        if body:
            lines.append("Content-Type: application/sdp")
        lines.append(f"Content-Length: {len(body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def _call(index: int, random_: random.Random) -> _Call:
    version = 6 if index % 10 == 9 else 4
    suite, profile = None, None
    if index % 2:
        gcm = index % 20 == 1
        suite = "AEAD_AES_128_GCM" if gcm else "AES_CM_128_HMAC_SHA1_80"
        profile = Policy.SRTP_PROFILE_AEAD_AES_128_GCM if gcm else Policy.SRTP_PROFILE_AES128_CM_SHA1_80
    a = _side(index, 1, version, profile, random_)
    b = _side(index, 2, version, profile, random_)
    vlan = 100 + index % 50 if index % 5 == 0 else 0
    return _Call(index, a, b, vlan, suite, index * (50 // CALLS_PER_SECOND))


def _call_frames(call: _Call, tick: int, voices: list[bytes], packets: int) -> Iterator[bytes]:
    """What one call sends in one 20 ms tick."""
    a, b, i = call.a, call.b, call.index
    age = tick - call.start_tick

    def sip(src: _Side, dst: _Side, message: bytes) -> bytes:
        return _frame(src, dst, 5060, 5060, message, call.vlan, tick + i)

    host_b = f"[{b.text}]" if ":" in b.text else b.text
    if age == 0:
        invite = f"INVITE sip:bob{i}@{host_b} SIP/2.0"
        yield sip(a, b, call.sip(invite, False, "1 INVITE", _sdp(a, call.suite)))
        yield sip(b, a, call.sip("SIP/2.0 100 Trying", False, "1 INVITE"))
        yield sip(b, a, call.sip("SIP/2.0 180 Ringing", True, "1 INVITE"))
    elif age == 1:
        yield sip(b, a, call.sip("SIP/2.0 200 OK", True, "1 INVITE", _sdp(b, call.suite)))
        yield sip(a, b, call.sip(f"ACK sip:bob{i}@{host_b} SIP/2.0", True, "1 ACK"))
    elif 2 <= age < 2 + packets:
        n = age - 2
        for src, dst in ((a, b), (b, a)):
            header = struct.pack(">BBHII", 0x80, 0 if n else 0x80, 1000 + n, 160 * n, src.ssrc)
            packet = header + voices[(n + i) % len(voices)]
            if src.srtp is not None:
                packet = src.srtp.protect(packet)
            yield _frame(src, dst, src.rtp_port, dst.rtp_port, packet, call.vlan, n + i)
    elif age == 2 + packets:
        yield sip(a, b, call.sip(f"BYE sip:bob{i}@{host_b} SIP/2.0", True, "2 BYE"))
        yield sip(b, a, call.sip("SIP/2.0 200 OK", True, "2 BYE"))


def generate(path: Path, calls: int = 2_000, seed: int = 1, packets: int = PACKETS_PER_STREAM) -> int:
    """Writes the capture (pcap, microseconds) and returns the number of its frames; `packets` are those of a stream."""
    random_ = random.Random(seed)
    voices = _voices(random_)
    frames, nearest, active = 0, 0, []
    tick = 0
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1))
        while nearest < calls or active:
            while nearest < calls and nearest * (50 // CALLS_PER_SECOND) <= tick:
                active.append(_call(nearest, random_))
                nearest += 1
            now_us = (START_NS + tick * TICK_NS) // 1_000
            offset = 0
            for call in active:
                for data in _call_frames(call, tick, voices, packets):
                    seconds, micros = divmod(now_us + offset, 1_000_000)
                    out.write(struct.pack("<IIII", seconds, micros, len(data), len(data)) + data)
                    offset += 20
                    frames += 1
            tick += 1
            active = [call for call in active if tick - call.start_tick <= 2 + packets]
    return frames
