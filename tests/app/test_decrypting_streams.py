"""Media on TCP written in clear: behind its length (RFC 4571), and in TURN messages. tshark reads what was sent."""

import base64
import random
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from dataclasses import replace as changed
from pathlib import Path

import dpkt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.app import decrypting
from analyzer.app.decrypting import Decrypted, decrypt
from analyzer.app.settings import Silent
from analyzer.capture import reader
from analyzer.core.addresses import Address
from analyzer.core.limits import Limits
from tests.app.test_decrypting import frames
from tests.app.test_decrypting_carriers import authenticated, datagram, fragments, gtpu, printed
from tests.crypto.srtp.writer import Sender
from tests.pipeline.dtls_recorded import GOODBYE, HELLO
from tests.pipeline.test_datagrams import attribute, bind, channel, data, send, stun
from tests.pipeline.test_dtls_srtp import CLIENT, SERVER, cases
from tests.pipeline.wire import Wire, at, rtp

A, B, TURN = at("192.0.2.1", 4000), at("192.0.2.2", 5000), at("192.0.2.3", 3478)
KEY = bytes(range(30))
RR = b"\x80\xc9\x00\x01" + bytes.fromhex("5566aabb")  # RFC 3550 6.4.2, without report blocks
CHECKED = ["-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE"]


def framed(packet: bytes) -> bytes:
    """RFC 4571 2."""
    return len(packet).to_bytes(2, "big") + packet


@dataclass
class Stream:
    """One direction of a connection, in frames of IPv4 whose checksums dpkt makes."""

    src: Address
    dst: Address
    seq: int = 0xFFFFFF00  # wraps soon
    sent: int = 0
    wire: Wire = field(default_factory=Wire)

    def segment(self, at_byte: int, payload: bytes, flags: int = dpkt.tcp.TH_ACK) -> bytes:
        """Bytes of the stream from a place on; the first byte of all is at 0."""
        number, ack = (self.seq + 1 + more & 0xFFFFFFFF for more in (at_byte, 0))
        tcp = dpkt.tcp.TCP(sport=self.src.port, dport=self.dst.port, seq=number, ack=ack, flags=flags, data=payload)
        hosts = {end: address.ip.to_bytes(16, "big")[12:] for end, address in (("src", self.src), ("dst", self.dst))}
        made = dpkt.ip.IP(**hosts, p=6, data=tcp)
        made.len = len(made)
        return bytes(made)

    def put(self, *made: bytes) -> None:
        for frame in made:
            self.wire.now_ns += 1_000_000
            self.wire.frames.append((self.wire.now_ns, frame))

    def begin(self) -> None:
        self.put(self.segment(-1, b"", dpkt.tcp.TH_SYN))

    def say(self, payload: bytes) -> None:
        self.put(self.segment(self.sent, payload))
        self.sent += len(payload)


def run(folder: Path, capture: bytes, mki: str = "") -> tuple[Path, Decrypted]:
    source, keys, out = folder / "in.pcap", folder / "keys.yaml", folder / "clear.pcapng"
    source.write_bytes(capture)
    value = base64.b64encode(KEY).decode()
    entry = f'id: leg, kind: srtp-master, suite: AES_CM_128_HMAC_SHA1_80, value: "{value}"'
    keys.write_text(f"format: 1\nkeys:\n- {{{entry}{f', mki: {chr(34)}{mki}{chr(34)}' if mki else ''}}}\n")
    return out, decrypt([str(source)], [keys], out, Silent())


def tshark(capture: Path, shown: str, *options: str) -> list[str]:
    command = ["tshark", "-r", str(capture), *CHECKED, *options, "-T", "fields", "-Y", shown]
    command += ["-e", "rtp.payload", "-e", "rtcp.pt"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.replace("\t", "").split()


def bad(capture: Path, *options: str) -> list[str]:
    """Frames with a wrong checksum or anything else that tshark complains of, but for retransmissions."""
    shown = "ip.checksum.status == 0 || tcp.checksum.status == 0 || stun.att.crc32.status == 0 || _ws.malformed"
    command = ["tshark", "-r", str(capture), *CHECKED, *options, "-Y", shown]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


AS_RTP = ("-d", "tcp.port==5000,rtp")


def bytes_of(path: Path) -> list[bytes]:
    return [row[3] for row in frames(path)[0]]  # type: ignore[misc]  # bytes


@pytest.mark.tshark
@pytest.mark.parametrize("mki", ["", "07", "0007"])
def test_media_behind_its_length(mki: str, tmp_path: Path) -> None:
    """Several packets in a segment, one in several; RTCP between. Nothing moves: frames are as long as they were."""
    sender, stream, plain = Sender("cm", KEY[:16], KEY[16:], 10, 10, bytes.fromhex(mki)), Stream(A, B), []
    stream.begin()
    for number in range(1, 61):
        packet = rtp(number, bytes((number,)) * (100 + number))
        plain.append(packet[12:].hex())
        said = framed(sender.rtp(packet[:12], packet[12:], 0))
        if number % 3 == 0:
            said += framed(sender.rtcp(RR, number))
            plain.append("201")
        if number % 2:
            stream.say(said[:70])
            stream.say(said[70:])
        else:
            stream.say(said)
    out, done = run(tmp_path, stream.wire.pcap(), mki)
    assert (done.media.rtp, done.media.rtcp, done.media.kept) == (60, 20, 0)
    read = tshark(out, "rtp || rtcp", *AS_RTP)
    assert "".join(read).replace(",", "") == "".join(plain)
    assert not bad(out, *AS_RTP) or mki == "07", "a single zero behind RTCP with an odd MKI is no packet"
    assert [len(frame) for frame in bytes_of(out)] == [len(frame) for _, frame in stream.wire.frames]


@pytest.mark.tshark
def test_disorder_copies_and_what_was_sent_again(tmp_path: Path) -> None:
    """Every frame that carries the bytes is changed: swapped, sent again before and after, cut otherwise."""
    sender, stream, plain, said = Sender("cm", KEY[:16], KEY[16:], 10, 10), Stream(A, B), [], b""
    stream.begin()
    for number in range(1, 41):
        packet = rtp(number, bytes((number,)) * 160)
        plain.append(packet[12:].hex())
        said += framed(sender.rtp(packet[:12], packet[12:], 0))
    cuts = [(at_byte, said[at_byte : at_byte + 92]) for at_byte in range(0, len(said), 92)]
    for first, second in zip(cuts[::2], cuts[1::2], strict=True):
        one, two = stream.segment(*first), stream.segment(*second)
        again = stream.segment(first[0] + 30, said[first[0] + 30 : first[0] + 200])
        stream.put(two, one, two, one, again)
    out, done = run(tmp_path, stream.wire.pcap())
    assert (done.media.rtp, done.media.kept) == (40, 0)
    written = bytes_of(out)
    new = content(written, stream.seq)
    assert len(new) == len(said) and not {new[n : n + 30] for n in range(0, len(said), 30)} & {
        said[n : n + 30] for n in range(0, len(said), 30)
    }
    ordered = Stream(A, B)
    ordered.begin()
    ordered.say(new[:60])
    ordered.say(new[60:])
    path = tmp_path / "ordered.pcap"
    path.write_bytes(ordered.wire.pcap())
    assert "".join(tshark(path, "rtp", *AS_RTP)).replace(",", "") == "".join(plain)
    assert not bad(out, *AS_RTP)


def content(packets: Sequence[bytes], seq: int) -> bytes:
    """The stream that segments make; all that carry a byte must have the same."""
    held: dict[int, int] = {}
    for packet in packets:
        tcp = dpkt.ip.IP(packet).data
        start = tcp.seq - seq - 1 & 0xFFFFFFFF
        for at_byte, byte in enumerate(tcp.data):
            assert held.setdefault(start + at_byte, byte) == byte
    return bytes(held[at_byte] for at_byte in range(len(held)))


@given(st.lists(st.integers(1, 300), min_size=1, max_size=12), st.integers(1, 40), st.randoms())
@settings(max_examples=40, deadline=None)
def test_any_segments_in_any_order(sizes: list[int], packets: int, numbers: random.Random) -> None:
    """The stream that comes out is the RTP behind its length, and null packets, whatever the segments."""
    sender, stream, said, wanted = Sender("cm", KEY[:16], KEY[16:], 10, 10), Stream(A, B), b"", b""
    stream.begin()
    for number in range(1, packets + 1):
        packet = rtp(number, numbers.randbytes(numbers.randrange(1, 200)))
        said += framed(sender.rtp(packet[:12], packet[12:], 0))
        wanted += framed(packet) + bytes(10)
    made, at_byte = [], 0
    while at_byte < len(said):
        size = sizes[len(made) % len(sizes)]
        made.append(stream.segment(at_byte, said[at_byte : at_byte + size]))
        at_byte += size
    for one in range(len(made) - 1):
        if numbers.random() < 0.3:
            made[one], made[one + 1] = made[one + 1], made[one]
    stream.put(*(frame for each in made for frame in [each] * numbers.choice((1, 1, 2))))
    media, written = cleared(stream.wire)
    if packets > 1:  # one alone is not taken for a stream of RTP
        assert media == (packets, 0)
        assert content(written, stream.seq) == wanted


def cleared(wire: Wire, rows: int = 7) -> tuple[tuple[int, int], list[bytes]]:
    """Packets opened and kept, and the frames; fed in small batches over a buffer that is used again."""
    from tests.pipeline import test_clear_media

    found, media = test_clear_media.cleared(wire, rows, 1 << 20)
    return (media.counts.rtp, media.counts.kept), [frame for _, _, frame in found]


@pytest.mark.tshark
@pytest.mark.parametrize("sealed", [False, True])
def test_media_in_turn_on_tcp(sealed: bool, tmp_path: Path) -> None:
    """RFC 8656 12.5: channel data is padded; behind it come empty ones. Indications get PADDING."""
    sender, there, back, plain = Sender("cm", KEY[:16], KEY[16:], 10, 10), Stream(A, TURN), Stream(TURN, A), []
    back.wire = there.wire
    there.begin()
    back.begin()
    integrity = attribute(0x0008, bytes(20)) if sealed else b""

    def next_packet() -> bytes:
        packet = rtp(len(plain) + 1, bytes((len(plain),)) * (160 + len(plain) % 5))
        plain.append(packet[12:].hex())
        return sender.rtp(packet[:12], packet[12:], 0)

    there.say(bind())
    for _ in range(12):
        relayed = channel(next_packet())
        there.say(relayed + bytes(-len(relayed) % 4))
        there.say(stun(0x0016, send(next_packet())[20:] + integrity))
        said = printed(stun(0x0016, send(next_packet())[20:] + integrity))
        there.say(said[:50])
        there.say(said[50:])
        back.say(stun(0x0017, data(next_packet())[20:] + integrity))
    out, done = run(tmp_path, there.wire.pcap())
    assert (done.media.rtp, done.media.kept, done.media.unsealed) == (48, 0, 36 * sealed)
    read = tshark(out, "rtp", "--enable-heuristic", "rtp_stun")
    assert read == plain
    assert not bad(out)
    assert [len(frame) for frame in bytes_of(out)] == [len(frame) for _, frame in there.wire.frames]


def carried(name: str, carrier: str) -> tuple[Wire, bytes]:
    """DTLS of the openssl program in a stream or behind a relay, and its key log. Its client is the TURN client."""
    case = cases()[name]
    there, back = Stream(CLIENT, SERVER), Stream(SERVER, CLIENT)
    if carrier != "framed":
        there, back = Stream(CLIENT, TURN), Stream(TURN, CLIENT)
    back.wire = there.wire
    if carrier != "turn-udp":
        there.begin()
        back.begin()
    if carrier == "turn":
        there.say(stun(0x0001))
        back.say(stun(0x0101))
    for from_client, record in case.datagrams:
        stream = there if from_client else back
        relayed = send(record, SERVER) if from_client else data(record, SERVER)
        if carrier == "turn-udp":
            stream.put(datagram(stream.src, stream.dst, relayed, 4))
        else:
            stream.say(framed(record) if carrier == "framed" else relayed)
    return there.wire, case.key_log


@pytest.mark.parametrize("carrier", ["framed", "turn", "turn-udp"])
@pytest.mark.parametrize("name", ["1.2-gcm", "1.2-cbc"])
def test_dtls_in_streams_and_relays(name: str, carrier: str, tmp_path: Path) -> None:
    """What its application data carried stands in their place."""
    wire, key_log = carried(name, carrier)
    source, keys, out = tmp_path / "in.pcap", tmp_path / "keys.txt", tmp_path / "out.pcapng"
    source.write_bytes(wire.pcap())
    keys.write_bytes(key_log)
    done = decrypt([str(source)], [keys], out, Silent())
    assert (done.dtls, done.media.kept) == (2, 0)
    new = [frame for frame, (_, old) in zip(bytes_of(out), wire.frames, strict=True) if frame != old]
    assert len(new) == 2
    for frame, said in zip(new, (HELLO, GOODBYE), strict=True):
        inner = bytes(dpkt.ip.IP(frame).data.data)
        if carrier == "framed":
            assert inner.startswith(framed(said)) and not any(inner[2 + len(said) :].replace(b"\0\1\0", b""))
        else:
            assert attribute(0x13, said) in inner
    if carrier != "turn-udp":
        assert all(len(frame) == len(old) for frame, (_, old) in zip(bytes_of(out), wire.frames, strict=True))


def test_what_cannot_be_changed_in_its_place_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments further apart than what is kept back: as they were, and counted."""
    sender, stream = Sender("cm", KEY[:16], KEY[16:], 10, 10), Stream(A, B)
    stream.begin()
    for number in range(1, 5):
        packet = rtp(number)
        said = framed(sender.rtp(packet[:12], packet[12:], 0))
        if number == 3:
            stream.say(said[:40])
            stream.put(*[datagram(B, A, bytes(1_000), 4)] * 8)
            stream.say(said[40:])
        else:
            stream.say(said)
    monkeypatch.setattr(reader, "_BLOCK", 997)
    monkeypatch.setattr(decrypting, "Limits", lambda: changed(Limits(), clear_held_bytes=3_000))
    out, done = run(tmp_path, stream.wire.pcap())
    assert (done.media.rtp, done.media.kept) == (4, 1)
    differing = [
        number
        for number, (new, (_, old)) in enumerate(zip(bytes_of(out), stream.wire.frames, strict=True))
        if new != old
    ]
    assert differing == [1, 2, len(stream.wire.frames) - 1]


@pytest.mark.tshark
@pytest.mark.parametrize("tunnel", [False, True])
def test_segments_in_fragments(tunnel: bool, tmp_path: Path) -> None:
    """Two packets in each segment, every segment in three fragments, or in those of a GTP-U packet; and a mirror port's
    copies of them all."""
    sender, stream = Sender("cm", KEY[:16], KEY[16:], 10, 10), Stream(A, B)
    stream.begin()
    for number in range(1, 21, 2):
        said = b"".join(framed(sender.rtp(rtp(each)[:12], rtp(each)[12:], 0)) for each in (number, number + 1))
        segment = stream.segment(stream.sent, said)
        stream.sent += len(said)
        if tunnel:
            segment = datagram(at("10.9.0.1", 2152), at("10.9.0.2", 2152), gtpu(segment), 4)
        pieces = fragments(segment, number, [64, 200])
        stream.wire.now_ns += 20_000_000
        stream.wire.frames += [(stream.wire.now_ns + n, piece) for n, piece in enumerate((*pieces, *pieces))]
    out, done = run(tmp_path, stream.wire.pcap())
    assert (done.media.rtp, done.media.kept, done.frames) == (20, 0, 61)
    written = bytes_of(out)
    wanted = b"".join(framed(rtp(number)) + bytes(10) for number in range(1, 21))
    found = []
    for first in range(1, 61, 6):
        assert written[first : first + 3] == written[first + 3 : first + 6], "copies are copies"
        whole = written[first][:2] + bytes(6) + written[first][8:20]
        whole += b"".join(piece[20:] for piece in written[first : first + 3])
        found.append(whole[36:] if tunnel else whole)
    assert b"".join(bytes(dpkt.ip.IP(b"\x45" + whole[1:2] + len(whole).to_bytes(2, "big") + whole[4:]).data.data)
                    for whole in found) == wanted  # fmt: skip
    assert not bad(out)


def test_streams_behind_ah(tmp_path: Path) -> None:
    sender, stream = Sender("cm", KEY[:16], KEY[16:], 10, 10), Stream(A, B)
    stream.begin()
    said = b""
    for number in range(1, 9):
        packet = rtp(number)
        said += framed(sender.rtp(packet[:12], packet[12:], 0))
    stream.put(*(authenticated(stream.segment(at, said[at : at + 500])) for at in range(0, len(said), 500)))
    out, done = run(tmp_path, stream.wire.pcap())
    assert (done.media.rtp, done.media.kept, done.media.unsealed) == (8, 0, 8)
    assert content(bytes_of(out), stream.seq) == b"".join(framed(rtp(number)) + bytes(10) for number in range(1, 9))
