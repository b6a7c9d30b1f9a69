"""Media that does not come whole in one datagram: in IP fragments, in TURN messages. tshark puts it together again."""

import base64
import struct
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import dpkt
import pytest
from pylibsrtp import Policy, Session

from analyzer.app import decrypting
from analyzer.app.decrypting import Decrypted, decrypt
from analyzer.app.settings import Silent
from analyzer.capture import reader
from analyzer.core.addresses import Address
from analyzer.core.limits import Limits
from tests.app.test_decrypting import frames
from tests.pipeline.test_datagrams import attribute, bind, channel, data, send, stun
from tests.pipeline.wire import Wire, at, rtp

A, B, TURN, PEER = (at(f"192.0.2.{n}", port) for n, port in ((1, 4000), (2, 5000), (3, 3478), (77, 6000)))
KEY = bytes(range(30))
MEDIA = ["-o", "sdp.establish_conversation:FALSE", "--enable-heuristic", "rtp_udp"]
CHECKED = ["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"]


def sender() -> Session:
    policy = Policy(KEY, Policy.SSRC_ANY_OUTBOUND, srtp_profile=Policy.SRTP_PROFILE_AES128_CM_SHA1_80)
    return Session(policy)


def run(folder: Path, capture: bytes) -> tuple[Path, Decrypted]:
    source, keys, out = folder / "in.pcap", folder / "keys.yaml", folder / "clear.pcapng"
    source.write_bytes(capture)
    keys.write_text(
        "format: 1\nkeys:\n- {id: leg, kind: srtp-master, suite: AES_CM_128_HMAC_SHA1_80, value: "
        f'"{base64.b64encode(KEY).decode()}"}}\n'
    )
    return out, decrypt([str(source)], [keys], out, Silent())


def payloads(capture: Path, *options: str) -> list[str]:
    """What tshark reads as RTP, in the order of the frames."""
    command = ["tshark", "-r", str(capture), *MEDIA, *options, "-Y", "rtp", "-T", "fields", "-e", "rtp.payload"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def wrong(capture: Path) -> str:
    shown = ["-Y", "ip.checksum.status == 0 || udp.checksum.status == 0 || stun.att.crc32.status == 0"]
    return subprocess.run(
        ["tshark", "-r", str(capture), *CHECKED, *shown], capture_output=True, text=True, check=True
    ).stdout


def datagram(src: Address, dst: Address, payload: bytes, version: int) -> bytes:
    """An IP packet, its checksums by dpkt."""
    udp = dpkt.udp.UDP(sport=src.port, dport=dst.port, ulen=8 + len(payload), data=payload)
    if version == 4:
        made = dpkt.ip.IP(src=src.ip.to_bytes(16, "big")[12:], dst=dst.ip.to_bytes(16, "big")[12:], p=17, data=udp)
        made.len = len(made)
        return bytes(made)
    packet = dpkt.ip6.IP6(src=bytes(15) + b"\1", dst=bytes(15) + b"\2", nxt=17, plen=len(udp), hlim=64, data=udp)
    packet.extension_hdrs = {}
    return bytes(packet)


def fragments(packet: bytes, ident: int, cuts: list[int]) -> list[bytes]:
    """RFC 791 3.2, RFC 8200 4.5: cut behind so many bytes of what the IP header carries, multiples of eight."""
    v4 = packet[0] >> 4 == 4
    header, content, made = packet[: 20 if v4 else 40], packet[20 if v4 else 40 :], []
    edges = [0, *cuts, len(content)]
    for begin, end in pairwise(edges):
        more, share = end < len(content), content[begin:end]
        if v4:
            head = bytearray(header)
            head[2:8] = struct.pack(">HHH", 20 + len(share), ident, more << 13 | begin // 8)
            head[10:12] = b"\0\0"
            head[10:12] = struct.pack(">H", dpkt.dpkt.in_cksum(bytes(head)))
            made.append(bytes(head) + share)
        else:
            extension = struct.pack(">BBHI", 17, 0, begin | more, ident)
            head = bytearray(header)
            head[4:6], head[6] = struct.pack(">H", 8 + len(share)), 44
            made.append(bytes(head) + extension + share)
    return made


def gtpu(packet: bytes) -> bytes:
    """3GPP TS 29.281 5.1."""
    return struct.pack(">BBHI", 0x30, 255, len(packet), 7) + packet


@pytest.mark.tshark
@pytest.mark.parametrize("shape", ["ipv4", "ipv6", "gtpu", "in-gtpu"])
def test_media_in_fragments(shape: str, tmp_path: Path) -> None:
    """In order, in reverse, with frames of others between; the packet is shorter by the tag of ten bytes, also where
    that leaves nothing for the last fragment."""
    session, wire, plain = sender(), Wire(), []
    for number in range(1, 41):
        plain.append(rtp(number, bytes((number,)) * (160 + number)))
        packet = datagram(A, B, session.protect(plain[-1]), 6 if shape == "ipv6" else 4)
        if shape == "gtpu":
            packet = datagram(at("10.9.0.1", 2152), at("10.9.0.2", 2152), gtpu(packet), 4)
        size = len(packet) - (40 if shape == "ipv6" else 20)
        pieces = fragments(packet, number, [64, (size - 1) // 8 * 8] if number % 2 else [48, 96, 128])
        if shape == "in-gtpu":  # the fragments are inside
            ends = at("10.9.0.1", 2152), at("10.9.0.2", 2152)
            pieces = [datagram(*ends, gtpu(piece), 4) for piece in pieces]
        for piece in pieces if number % 3 else pieces[::-1]:
            wire.now_ns += 1_000_000
            wire.frames.append((wire.now_ns, piece))
            wire.frames.append((wire.now_ns, datagram(PEER, A, b"between", 4)))
    out, done = run(tmp_path, wire.pcap())
    assert (done.media.rtp, done.media.kept, done.frames) == (40, 0, len(wire.frames))
    assert payloads(out) == [packet[12:].hex() for packet in plain]
    assert not wrong(out)


@pytest.mark.tshark
def test_fragments_of_one_packet_in_two_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session, wire = sender(), Wire()
    for number in range(1, 31):
        for piece in fragments(datagram(A, B, session.protect(rtp(number, bytes(1_000))), 4), number, [512]):
            wire.frames.append((wire.now_ns + number, piece))
    monkeypatch.setattr(reader, "_BLOCK", 997)
    out, done = run(tmp_path, wire.pcap())
    assert (done.media.rtp, done.media.kept) == (30, 0)
    assert payloads(out) == [bytes(1_000).hex()] * 30


def test_fragments_further_apart_than_frames_are_kept_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They stay as they are, and are counted."""
    session, wire = sender(), Wire()
    first, *rest = fragments(datagram(A, B, session.protect(rtp(1)), 4), 1, [64])
    for piece in (first, *[datagram(B, A, bytes(1_000), 4)] * 8, *rest):
        wire.frames.append((wire.now_ns, piece))
    monkeypatch.setattr(reader, "_BLOCK", 997)
    monkeypatch.setattr(decrypting, "Limits", lambda: replace(Limits(), clear_held_bytes=4_000))
    out, done = run(tmp_path, wire.pcap())
    assert (done.media.rtp, done.media.kept) == (1, 1)
    assert [row[3] for row in frames(out)[0]] == [frame for _, frame in wire.frames]


@pytest.mark.tshark
def test_media_in_turn(tmp_path: Path) -> None:
    """RFC 8656 11 and 12: indications, with a fingerprint and without, and channel data, padded and not."""
    session, wire, plain = sender(), Wire(), []

    def put(payload: bytes) -> None:
        wire.frames.append((wire.now_ns + len(wire.frames), datagram(A, TURN, payload, 4)))

    def next_packet() -> bytes:
        plain.append(rtp(len(plain) + 1, bytes((len(plain),)) * (160 + len(plain) % 4)))
        return session.protect(plain[-1])

    put(bind())
    for _ in range(4):
        put(channel(next_packet()))
        padded = channel(next_packet())
        put(padded + bytes(-len(padded) % 4))
        put(send(next_packet()))
        put(printed(send(next_packet())))
    out, done = run(tmp_path, wire.pcap())
    assert (done.media.rtp, done.media.kept) == (16, 0)
    assert payloads(out, "--enable-heuristic", "rtp_stun") == [packet[12:].hex() for packet in plain]
    assert not wrong(out)


def printed(message: bytes) -> bytes:
    """With FINGERPRINT behind it (RFC 8489 14.7), computed here."""
    length = int.from_bytes(message[2:4], "big") + 8
    head = message[:2] + struct.pack(">H", length) + message[4:]
    return head + attribute(0x8028, struct.pack(">I", crc32(head) ^ 0x5354554E))


def crc32(data: bytes) -> int:
    """CRC-32 of ITU-T V.42, bit by bit."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0xEDB88320 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


@pytest.mark.tshark
@pytest.mark.parametrize("fingerprint", [True, False])
def test_messages_with_integrity(fingerprint: bool, tmp_path: Path) -> None:
    """RFC 8489 14.5: MESSAGE-INTEGRITY is of the encrypted data, and its key alone could make another: it goes."""
    session, wire = sender(), Wire()
    for number, message, method in ((1, send, 0x0016), (2, data, 0x0017)):
        sealed = stun(method, message(session.protect(rtp(number)))[20:] + attribute(0x0008, bytes(20)))
        packet = printed(sealed) if fingerprint else sealed
        ends = (A, TURN) if message is send else (TURN, A)
        wire.frames.append((wire.now_ns + number, datagram(*ends, packet, 4)))
    out, done = run(tmp_path, wire.pcap())
    assert (done.media.rtp, done.media.kept, done.media.unsealed) == (2, 0, 2)
    assert payloads(out, "--enable-heuristic", "rtp_stun") == [rtp(number)[12:].hex() for number in (1, 2)]
    assert not wrong(out)
    shown = ["tshark", "-r", str(out), "-Y", "stun", "-T", "fields", "-e", "stun.att.type"]
    kinds = subprocess.run(shown, capture_output=True, text=True, check=True).stdout.split()
    assert kinds == ["0x0012,0x0013" + ",0x8028" * fingerprint] * 2


@pytest.mark.tshark
@pytest.mark.parametrize("order", ["each", "after", "reversed", "tagged"])
def test_a_mirror_port_copied_every_fragment(order: str, tmp_path: Path) -> None:
    """Copies within a millisecond: all are changed, whichever of them the packet was put together from."""
    session, wire, plain = sender(), Wire(), []
    for number in range(1, 21):
        plain.append(rtp(number, bytes((number,)) * 400))
        one, two, three = fragments(datagram(A, B, session.protect(plain[-1]), 4), number, [64, 200])
        copies = {
            "each": [one, one, two, two, three, three],
            "after": [one, two, three, one, two, three],
            "reversed": [three, three, two, one, one, two],
            "tagged": [one, two, passed(two), three, passed(one), passed(three)],
        }[order]
        wire.now_ns += 20_000_000
        wire.frames += [(wire.now_ns + 1_000 * at, piece) for at, piece in enumerate(copies)]
    out, done = run(tmp_path, wire.pcap())
    assert (done.media.rtp, done.media.kept, done.frames) == (20, 0, 120)
    whole = 2 if order == "after" else 1  # tshark puts the copies together too, where all come behind the last
    assert payloads(out) == [packet[12:].hex() for packet in plain for _ in range(whole)]
    assert not wrong(out)
    written = [row[3] for row in frames(out)[0]]
    assert not set(written) & {frame for _, frame in wire.frames}, "no fragment stayed as it was"
    masked = [bytes(row)[:8] + bytes(row)[12:] for row in written]  # type: ignore[call-overload]  # bytes
    assert len(set(masked)) == 60, "each is changed as its copy is"


def passed(piece: bytes) -> bytes:
    """As a router hands it on: one less to live, its checksum by dpkt."""
    head = bytearray(piece[:20])
    head[8], head[10:12] = head[8] - 1, b"\0\0"
    return bytes(head[:10]) + struct.pack(">H", dpkt.dpkt.in_cksum(bytes(head))) + bytes(head[12:]) + piece[20:]


def test_copies_in_another_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session, wire = sender(), Wire()
    for number in range(1, 31):
        pieces = fragments(datagram(A, B, session.protect(rtp(number, bytes(1_000))), 4), number, [512])
        wire.frames += [(wire.now_ns + number * 20_000_000, piece) for piece in (*pieces, *pieces)]
    monkeypatch.setattr(reader, "_BLOCK", 997)
    out, done = run(tmp_path, wire.pcap())
    assert (done.media.rtp, done.media.kept) == (30, 0)
    assert not {row[3] for row in frames(out)[0]} & {frame for _, frame in wire.frames}


@pytest.mark.tshark
def test_media_behind_ah(tmp_path: Path) -> None:
    """RFC 4302 2: the check value is of the encrypted bytes; the header goes with it."""
    session, wire, plain = sender(), Wire(), []
    for number in range(1, 21):
        plain.append(rtp(number, bytes((number,)) * 160))
        for payload in (session.protect(plain[-1]), b"other"):
            wire.frames.append((wire.now_ns + number, authenticated(datagram(A, B, payload, 4))))
    out, done = run(tmp_path, wire.pcap())
    assert (done.media.rtp, done.media.kept, done.media.unsealed) == (20, 0, 20)
    assert payloads(out) == [packet[12:].hex() for packet in plain]
    assert not wrong(out)
    command = ["tshark", "-r", str(out), "-Y", "ah", "-T", "fields", "-e", "udp.payload"]
    left = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert left == [b"other".hex()] * 20, "what stays as it was keeps it"


def authenticated(packet: bytes) -> bytes:
    """An IPv4 packet with AH in transport mode: a check value of 96 bits that nobody can verify."""
    inner = dpkt.ip.IP(packet)
    header = struct.pack(">BBHII", inner.p, 4, 0, 0x2001, 5) + bytes(range(12))
    made = dpkt.ip.IP(src=inner.src, dst=inner.dst, p=51, data=header + packet[20:])
    made.len = len(made)
    return bytes(made)
