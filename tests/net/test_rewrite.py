"""Frames with another payload: dpkt builds them, dpkt and tshark say whether lengths and checksums are right."""

import random
import socket
import struct
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import dpkt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.net.link import ETHERNET, RAW, SLL
from analyzer.net.rewrite import new_shares, with_payload, with_protocol, with_share

OLD, NEW = b"old payload, 23 bytes..", b"new and odd"
UDP = dpkt.ip.IP_PROTO_UDP


def udp(payload: bytes = OLD, sport: int = 4000, dport: int = 4002) -> dpkt.udp.UDP:
    return dpkt.udp.UDP(sport=sport, dport=dport, ulen=8 + len(payload), data=payload)


def ip4(inner: object, protocol: int = UDP) -> bytes:
    made = dpkt.ip.IP(src=b"\x0a\1\0\2", dst=b"\x0a\1\0\1", p=protocol, ttl=64, data=inner)
    made.len = len(made)
    return bytes(made)


def ip6(inner: object, protocol: int = UDP) -> bytes:
    src, dst = (socket.inet_pton(socket.AF_INET6, f"2001:db8::{n}") for n in (1, 2))
    made = dpkt.ip6.IP6(src=src, dst=dst, nxt=protocol, hlim=64, plen=len(bytes(inner)), data=inner)  # type: ignore[call-overload]
    made.extension_hdrs = {}
    return bytes(made)


def ethernet(packet: bytes, kind: int = 0x0800, tags: bytes = b"") -> bytes:
    return b"\2" * 6 + b"\4" * 6 + tags + struct.pack(">H", kind) + packet


def gtpu(packet: bytes, extended: bool) -> bytes:
    optional = b"\0\1\0\x85\1\0\1\0" if extended else b""
    return struct.pack(">BBHI", 0x34 if extended else 0x30, 255, len(optional) + len(packet), 7) + optional + packet


def gre_checked(head: bytes, rest: bytes) -> bytes:
    """GRE with a checksum (RFC 2784 2.5), by dpkt."""
    head = bytes((head[0] | 0x80,)) + head[1:]
    return head + struct.pack(">H", dpkt.dpkt.in_cksum(head + bytes(4) + rest)) + bytes(2) + rest


def ah(inner: bytes, protocol: int) -> bytes:
    """RFC 4302 2, with a check value of 96 bits."""
    return struct.pack(">BBHII", protocol, 4, 0, 0x2001, 5) + bytes(range(12)) + inner


def tcp(payload: bytes) -> dpkt.tcp.TCP:
    made = dpkt.tcp.TCP(sport=4000, dport=4002, seq=7, ack=9, opts=b"\1\1\1\1", data=payload)
    made.off = 6
    return made


SHAPES: dict[str, tuple[int, Callable[[], bytes]]] = {
    "ipv4": (ETHERNET, lambda: ethernet(ip4(udp()))),
    "padded": (ETHERNET, lambda: ethernet(ip4(udp())) + b"\0\0\0\0"),
    "ipv6": (ETHERNET, lambda: ethernet(ip6(udp()), 0x86DD)),
    "vlan": (ETHERNET, lambda: ethernet(ip4(udp()), 0x0800, b"\x81\0\0\7\x88\xa8\0\x08")),
    "mpls": (ETHERNET, lambda: ethernet(b"\0\1\0\x40\0\2\1\x40" + ip4(udp()), 0x8847)),
    "raw": (RAW, lambda: ip4(udp())),
    "sll": (SLL, lambda: bytes(14) + b"\x08\0" + ip4(udp())),
    "gtpu": (ETHERNET, lambda: ethernet(ip4(udp(gtpu(ip4(udp()), False), 2152, 2152)))),
    "gtpu-extended": (ETHERNET, lambda: ethernet(ip4(udp(gtpu(ip4(udp()), True), 2152, 2152)))),
    "ipip": (ETHERNET, lambda: ethernet(ip4(ip6(udp()), 41))),
    "gre": (ETHERNET, lambda: ethernet(ip4(b"\x20\0\x08\0\0\0\0\1" + ip4(udp()), 47))),
    "gre-checksum": (ETHERNET, lambda: ethernet(ip4(gre_checked(b"\0\0\x08\0", ip4(udp())), 47))),
    "gre-checksum-ipv6": (
        ETHERNET,
        lambda: ethernet(ip6(gre_checked(b"\x20\0\x08\0", b"\0\0\0\1" + ip4(udp())), 47), 0x86DD),
    ),
    "vxlan": (ETHERNET, lambda: ethernet(ip4(udp(b"\x08" + bytes(7) + ethernet(ip4(udp())), 9, 4789)))),
    "pppoe": (
        ETHERNET,
        lambda: ethernet(b"\x11\0\0\1" + struct.pack(">HH", 2 + len(ip4(udp())), 0x21) + ip4(udp()), 0x8864),
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_frame_as_if_it_had_been_built_so(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    link, build = SHAPES[shape]
    old = build()
    monkeypatch.setattr(udp, "__defaults__", (NEW, 4000, 4002))
    assert with_payload(old, link, old.index(OLD), len(OLD), NEW) == build()


@pytest.mark.tshark
def test_tshark_finds_no_wrong_checksum(tmp_path: Path) -> None:
    path = tmp_path / "rewritten.pcap"
    with path.open("wb") as out:
        writer = dpkt.pcap.Writer(out, linktype=ETHERNET)
        frames = [build() for link, build in SHAPES.values() if link == ETHERNET]
        for number, frame in enumerate(frames):
            writer.writepkt(with_payload(frame, ETHERNET, frame.index(OLD), len(OLD), NEW), ts=number)
    checked = ["-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]
    shown = ["-T", "fields", "-e", "ip.checksum.status", "-e", "udp.checksum.status", "-e", "_ws.expert"]
    text = subprocess.run(
        ["tshark", "-r", path, *checked, *shown], capture_output=True, text=True, check=True
    ).stdout  # fmt: skip
    assert len(text.splitlines()) == len(frames)
    for line in text.splitlines():
        statuses = {status for field in line.split("\t")[:2] for status in field.split(",") if status}
        assert statuses <= {"1", "2", "3"} and "0" not in statuses, line


def test_what_esp_carried_takes_its_place() -> None:
    inner = ip4(udp(NEW))[20:]
    esp = b"\0\0\x10\1\0\0\0\1" + OLD
    assert with_protocol(ip4(esp, 50), RAW, 20, len(esp), UDP, inner) == ip4(udp(NEW))
    encapsulated = ip4(udp(esp, 4500, 4500))
    assert with_protocol(encapsulated, RAW, 28, len(esp), UDP, inner) == ip4(udp(NEW))
    tunnelled = with_protocol(ip6(esp, 50), RAW, 40, len(esp), 4, ip4(udp(NEW)))
    assert tunnelled == ip6(ip4(udp(NEW)), 4)


@pytest.mark.parametrize("version", [4, 6])
def test_ah_goes_with_what_it_was_of(version: int) -> None:
    """RFC 4302 2.6: its check value covers what it carries, and only its key makes another."""
    ip, start = (ip4, 20) if version == 4 else (ip6, 40)
    inner, changed = ip(udp())[start:], ip(udp(NEW))[start:]
    around = start + 24
    authenticated = ip(ah(inner, UDP), 51)
    assert with_payload(authenticated, RAW, around + 8, len(OLD), NEW) == ip(udp(NEW))
    twice = ip(ah(ah(inner, UDP), 51), 51)
    assert with_payload(twice, RAW, around + 32, len(OLD), NEW) == ip(udp(NEW))
    esp = b"\0\0\x10\1\0\0\0\1" + OLD
    assert with_protocol(ip(ah(esp, 50), 51), RAW, around, len(esp), UDP, changed) == ip(udp(NEW))
    tunnel = ip(ah(ip4(udp()), 4), 51)
    assert with_payload(tunnel, RAW, around + 28, len(OLD), NEW) == ip(ip4(udp(NEW)), 4)


def test_ah_in_fragments() -> None:
    packet = ip4(ah(ip4(udp(bytes(300)))[20:], UDP), 51)
    pieces = [fragment(packet, begin, end) for begin, end in pairwise((0, 80, 160, len(packet) - 20))]
    made = with_pieces([(piece, RAW) for piece in pieces], lambda whole: with_payload(whole, RAW, 52, 300, bytes(290)))
    wanted = ip4(udp(bytes(290)))
    assert made == [fragment(wanted, begin, end) for begin, end in pairwise((0, 80, 160, len(wanted) - 20))]


@pytest.mark.parametrize("shape", ["ipv4", "ipv6", "gtpu", "fragments"])
def test_bytes_of_a_stream_change_in_their_places(shape: str) -> None:
    """As many as there were: what follows keeps its sequence numbers."""
    new = bytes(reversed(OLD))
    if shape == "fragments":
        old, wanted = (ip4(tcp(payload), 6) for payload in (OLD, new))
        cuts = list(pairwise((0, 24, 32, len(old) - 20)))
        frames = [(fragment(old, *cut), RAW) for cut in cuts]
        made = with_pieces(frames, lambda whole: with_payload(whole, RAW, 44, len(OLD), new))
        assert made == [fragment(wanted, *cut) for cut in cuts]
        return
    build: Callable[[bytes], bytes] = {
        "ipv4": lambda payload: ip4(tcp(payload), 6),
        "ipv6": lambda payload: ip6(tcp(payload), 6),
        "gtpu": lambda payload: ip4(udp(gtpu(ip4(tcp(payload), 6), False), 2152, 2152)),
    }[shape]
    old = build(OLD)
    assert with_payload(old, RAW, old.index(OLD), len(OLD), new) == build(new)
    assert with_payload(old, RAW, old.index(OLD), len(OLD), NEW) is None


def test_no_checksum_stays_none() -> None:
    frame = bytearray(ip4(udp()))
    frame[26:28] = b"\0\0"
    made = with_payload(bytes(frame), RAW, 28, len(OLD), NEW)
    assert made is not None and made[26:28] == b"\0\0"


def test_what_cannot_be_put_right_is_left() -> None:
    fragment = bytearray(ip4(udp()))
    fragment[6] = 0x20
    assert with_payload(bytes(fragment), RAW, 28, len(OLD), NEW) is None
    assert with_payload(ip4(udp()), RAW, 29, len(OLD), NEW) is None
    assert with_payload(ip4(udp()), 147, 28, len(OLD), NEW) is None
    assert with_payload(ip4(udp()), RAW, 28, len(OLD), bytes(70_000)) is None


def test_a_frame_that_ends_in_its_headers_is_left() -> None:
    """What a snap length left of it: UDP's header is not there to be put right."""
    whole = ethernet(ip4(udp()))
    for size in range(42):
        assert with_payload(whole[:size], ETHERNET, 42, len(OLD), NEW) is None


@given(st.binary(max_size=120), st.integers(0, 130), st.sampled_from([0, 1, 12, 14, 101, 108, 113, 228, 276, 999]))
def test_total(frame: bytes, at: int, link: int) -> None:
    with_payload(frame, link, at, 4, NEW)
    with_protocol(frame, link, at, 4, 17, NEW)


@given(st.sampled_from(sorted(SHAPES)), st.lists(st.tuples(st.integers(0, 120), st.integers(0, 255)), max_size=4))
def test_total_for_broken_frames(shape: str, changes: list[tuple[int, int]]) -> None:
    link, build = SHAPES[shape]
    frame = bytearray(build())
    at = frame.index(OLD)
    for where, value in changes:
        if where < len(frame):
            frame[where] = value
    with_payload(bytes(frame), link, at, len(OLD), NEW)


def with_pieces(frames: list[tuple[bytes, int]], change: Callable[[bytes], bytes | None]) -> list[bytes | None] | None:
    """The frames with their fragments of the packet that `change` makes."""
    shares = new_shares(frames, change)
    return None if shares is None else [with_share(*frame, shares) for frame in frames]


def fragment(packet: bytes, begin: int, end: int) -> bytes:
    """A share of an IPv4 packet (RFC 791 3.2), its checksum by dpkt."""
    whole = dpkt.ip.IP(packet)
    content = bytes(whole.data)
    made = dpkt.ip.IP(
        src=whole.src, dst=whole.dst, p=whole.p, ttl=64, id=7, mf=int(end < len(content)), offset=begin // 8,
        data=content[begin:end],
    )  # fmt: skip
    made.len = len(made)
    return bytes(made)


@given(st.integers(60, 400), st.integers(1, 400), st.sets(st.integers(1, 40), max_size=5), st.randoms())
def test_fragments_of_another_packet(old: int, new: int, cuts: set[int], numbers: random.Random) -> None:
    """What dpkt makes of the new packet with the same places to cut, or earlier ones; as many fragments as before."""
    size = 8 + old
    edges = [0, *sorted(cut * 8 for cut in cuts if cut * 8 < size), size]
    if len(edges) < 3:
        return
    payload = numbers.randbytes(new)
    packet, wanted = ip4(udp(bytes(old))), ip4(udp(payload))
    pieces = [fragment(packet, begin, end) for begin, end in pairwise(edges)]
    order = list(range(len(pieces)))
    numbers.shuffle(order)
    seen: list[bytes] = []

    def change(whole: bytes) -> bytes | None:
        seen.append(whole)
        return with_payload(whole, RAW, 28, old, payload)

    made = with_pieces([(ethernet(pieces[at]), ETHERNET) for at in order], change)
    assert len(seen) == 1 and seen[0][20:] == packet[20:]
    if made is None:
        assert 8 + new <= 8 * (len(pieces) - 1), "too short for so many fragments"
        return
    assert len(made) == len(pieces)
    shares = sorted((dpkt.ip.IP(frame[14:]).offset * 8, frame[14:]) for frame in made)
    assert b"".join(bytes(dpkt.ip.IP(share).data) for _, share in shares) == wanted[20:]
    assert [share for _, share in shares] == [
        fragment(wanted, begin, end) for begin, end in pairwise([*(begin for begin, _ in shares), 8 + new])
    ]
    assert all(begin <= place for (begin, _), place in zip(shares, edges, strict=False))


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("encapsulated", [False, True])
def test_fragments_of_esp_become_those_of_what_it_carried(version: int, encapsulated: bool) -> None:
    """Every fragment names the new protocol; UDP around ESP goes (RFC 3948)."""
    inner, esp = bytes(udp(bytes(range(200)))), b"\0\0\x10\1\0\0\0\1" + bytes(230)
    old: object = udp(esp, 4500, 4500) if encapsulated else esp
    protocol = UDP if encapsulated else 50
    if version == 4:
        packet, wanted = ip4(old, protocol), ip4(inner)
        pieces = [fragment(packet, begin, end) for begin, end in pairwise((0, 80, 160, len(packet) - 20))]
        expected = [fragment(wanted, begin, end) for begin, end in pairwise((0, 80, 160, len(inner)))]
    else:
        packet, wanted = ip6(old, protocol), ip6(inner)
        pieces = [fragment6(packet, begin, end) for begin, end in pairwise((0, 80, 160, len(packet) - 40))]
        expected = [fragment6(wanted, begin, end) for begin, end in pairwise((0, 80, 160, len(inner)))]
    made = with_pieces(
        [(piece, RAW) for piece in pieces],
        lambda whole: with_protocol(whole, RAW, whole.index(esp), len(esp), UDP, inner),
    )
    assert made == expected


def fragment6(packet: bytes, begin: int, end: int) -> bytes:
    """A share of an IPv6 packet (RFC 8200 4.5)."""
    content = packet[40:]
    extension = struct.pack(">BBHI", packet[6], 0, begin | (end < len(content)), 7)
    length = struct.pack(">H", 8 + end - begin)
    return packet[:4] + length + bytes((44,)) + packet[7:40] + extension + content[begin:end]


def test_fragments_that_make_no_packet_are_left() -> None:
    packet = ip4(udp(bytes(100)))
    parts = [fragment(packet, 0, 48), fragment(packet, 48, 96), fragment(packet, 96, 108)]
    overlapping = fragment(packet, 40, 96)
    for wrong in (parts[:2], parts[1:], [parts[0], overlapping, parts[2]], [packet], []):
        assert with_pieces([(frame, RAW) for frame in wrong], lambda whole: whole) is None
    assert with_pieces([(frame, RAW) for frame in parts], lambda whole: whole) == parts
    assert with_pieces([(frame, RAW) for frame in parts], lambda _: None) is None
    copied = [*parts, parts[1], ethernet(parts[1])]
    links = [RAW, RAW, RAW, RAW, ETHERNET]
    assert with_pieces(list(zip(copied, links, strict=True)), lambda whole: whole) == copied
    assert with_share(packet, RAW, {}) is None


@given(st.lists(st.tuples(st.binary(max_size=80), st.sampled_from([0, 1, 101, 276, 999])), max_size=3))
def test_fragments_total(frames: list[tuple[bytes, int]]) -> None:
    with_pieces(frames, lambda whole: whole[:-1])


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 70), st.integers(0, 255)), max_size=4))
def test_broken_fragments_total(changes: list[tuple[int, int, int]]) -> None:
    packet = ip4(udp(bytes(100)))
    frames = [bytearray(fragment(packet, begin, end)) for begin, end in pairwise((0, 48, 96, 108))]
    for which, where, value in changes:
        if where < len(frames[which]):
            frames[which][where] = value
    with_pieces([(bytes(frame), RAW) for frame in frames], lambda whole: with_payload(whole, RAW, 28, 100, NEW))
