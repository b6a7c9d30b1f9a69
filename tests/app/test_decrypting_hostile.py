"""Wrong keys, handshakes cut anywhere, hostile certificates and records: nothing raises, and what no key verifies stays
as it was. Containment is off."""

import io
import struct
import tempfile
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.app.decrypting import Decrypted, decrypt
from analyzer.app.settings import Silent
from analyzer.capture.batch import FrameBatch
from analyzer.capture.reader import CaptureReader
from analyzer.capture.sources import SourceTable
from analyzer.core.limits import Limits
from analyzer.pipeline.clear_dtls import ClearDtls
from analyzer.pipeline.clear_media import ClearMedia
from analyzer.pipeline.engine import Engine, Setup
from analyzer.rules.evaluate import RuleSet
from analyzer.session.keyring import Keyring
from tests.app.test_decrypting import frames
from tests.golden.runs import rules
from tests.pipeline.test_associations import CLIENT_CERT, certificate, client_hello, handshake, record, server_hello
from tests.pipeline.test_datagrams import bind, data, send, stun
from tests.pipeline.test_dtls_cid import MASTER, RANDOM, ring, shake
from tests.pipeline.test_dtls_srtp import CLIENT, NAMES, SERVER, cases, keyring
from tests.pipeline.test_srtp_calls import ALICE, BOB, FIRST, begin, crypto, key, sender
from tests.pipeline.test_srtp_calls import send as send_media
from tests.pipeline.wire import Wire, at, message, rtp
from tests.protocols.rtp.test_framing import framed

TURN = at("192.0.2.3", 3478)


@lru_cache(maxsize=1)
def everything() -> tuple[Wire, bytes]:
    """SDES media, DTLS of 1.2 with connection IDs, relayed and on TCP; and its key log."""
    wire = Wire()
    begin(wire, "call", crypto(key(FIRST)))
    send_media(wire, sender(FIRST), range(1, 12))
    for number in range(1, 6):
        wire.fragmented(
            at("192.0.2.1", 4000), at("192.0.2.2", 5000), sender(FIRST).rtp(rtp(20 + number)[:12], b"x" * 160, 0)
        )
    client, _ = shake(wire)
    wire.udp(at("10.0.0.1", 4000), at("10.0.0.2", 5000), client.record(23, b"said"))
    wire.udp(at("10.9.9.9", 9), at("10.0.0.2", 5000), client.record(23, b"said from elsewhere") * 2)
    wire.connect(CLIENT, TURN)
    wire.tcp(CLIENT, TURN, bind())
    case = cases()["1.2-gcm"]
    for from_client, sent in case.datagrams:
        said = send(sent, SERVER) if from_client else data(sent, SERVER)
        wire.tcp(*((CLIENT, TURN) if from_client else (TURN, CLIENT)), said)
    wire.connect(CLIENT, SERVER)
    for from_client, sent in case.datagrams:
        wire.tcp(*((CLIENT, SERVER) if from_client else (SERVER, CLIENT)), framed(sent))
    wire.udp(ALICE, BOB, message("BYE", "call", cseq=2))
    return wire, case.key_log + f"CLIENT_RANDOM {RANDOM.hex()} {MASTER.hex()}\n".encode()


def run(wire: Wire, key_log: bytes, rows: int = 64) -> tuple[ClearMedia, list[bytes]]:
    """Both passes of `decrypt`, without its files."""
    keys, sources, limits = Keyring(), SourceTable(), Limits()
    keys.add_key_log(key_log, "log")
    reader = CaptureReader(io.BytesIO(wire.pcap()), "a.pcap", 0, sources, limits, "")
    engine = Engine(sources, Setup(limits=limits, keyring=keys, keys_only=True, contain=False))
    while (batch := reader.read_batch(rows)) is not None:
        engine.feed(batch)
    engine.finish()
    reader = CaptureReader(io.BytesIO(wire.pcap()), "a.pcap", 0, sources, limits, "")
    media = ClearMedia(sources, engine.keys.contexts, ClearDtls(keys, engine.keys, limits), limits)
    written: list[bytes] = []

    def take(batch: FrameBatch) -> None:
        for start, size in zip(batch.start.tolist(), batch.captured.tolist(), strict=True):
            written.append(batch.buffer[start : start + size].tobytes())

    while (batch := reader.read_batch(rows)) is not None:
        for each in media.clear(batch):
            take(each)
    for each in media.rest():
        take(each)
    return media, written


def test_it_opens_when_nothing_is_wrong() -> None:
    wire, key_log = everything()
    media, written = run(wire, key_log)
    assert (media.counts.rtp, media.counts.kept) == (16, 0)
    assert b"said" in b"".join(written) and len(written) == len(wire.frames)


def test_wrong_keys_change_nothing(tmp_path: Path) -> None:
    """Every secret of the log is another one, and so is the SDES key."""
    wire, key_log = everything()
    lines = [line.split() for line in key_log.splitlines() if line.strip() and not line.startswith(b"#")]
    wrong = b"".join(b"%s %s %s\n" % (label, random, secret[::-1]) for label, random, secret in lines)
    there, mine = key(FIRST).encode(), key(FIRST[::-1]).encode()
    spoilt = Wire([(ts_ns, frame.replace(there, mine)) for ts_ns, frame in wire.frames])
    source, keys, out = tmp_path / "in.pcap", tmp_path / "keys", tmp_path / "out.pcapng"
    source.write_bytes(spoilt.pcap())
    keys.write_bytes(wrong)
    done: Decrypted = decrypt([str(source)], [keys], out, Silent())
    assert (done.media.rtp, done.media.rtcp, done.dtls, done.media.kept) == (0, 0, 0, 0)
    assert done.media.closed == 16
    assert [row[3] for row in frames(out)[0]] == [frame for _, frame in spoilt.frames]


@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 400), st.integers(1, 255)), max_size=6),
    st.sets(st.integers(0, 200), max_size=6),
    st.lists(st.tuples(st.integers(0, 200), st.integers(20, 300)), max_size=4),
    st.sampled_from([1, 5, 64]),
)
@settings(max_examples=12, deadline=None)
def test_any_damage(flips: list[tuple[int, int, int]], lost: set[int], cuts: list[tuple[int, int]], rows: int) -> None:
    """Bytes changed, frames lost, payloads cut short (their lengths say more than is there)."""
    wire, key_log = everything()
    made = [bytearray(frame) for _, frame in wire.frames]
    for which, where, mask in flips:
        made[which % len(made)][where % len(made[which % len(made)])] ^= mask
    for which, size in cuts:
        del made[which % len(made)][size:]
    kept = [(ts, bytes(frame)) for at_frame, ((ts, _), frame) in enumerate(zip(wire.frames, made, strict=True))
            if at_frame not in lost]  # fmt: skip
    media, written = run(Wire(kept), key_log, rows)
    assert len(written) == len(kept)
    changed = sum(new != old for new, (_, old) in zip(written, kept, strict=True))
    opened = media.counts.rtp + media.counts.rtcp + media._dtls.opened
    assert changed <= 4 * opened


@pytest.mark.parametrize("name", NAMES)
def test_a_handshake_cut_at_any_byte(name: str) -> None:
    """The datagrams before the cut, that one in part, none behind it; the record's length put right or not."""
    case = cases()[name]
    for number, (from_client, whole) in enumerate(case.datagrams[:6]):
        for size in range(0, len(whole), 29):
            wire = Wire()
            for sent, datagram in [*case.datagrams[:number], (from_client, whole[:size])]:
                wire.udp(*((CLIENT, SERVER) if sent else (SERVER, CLIENT)), datagram)
            if size > 13 and number % 2:
                shorter = whole[:11] + struct.pack(">H", size - 13) + whole[13:size]
                wire.udp(*((CLIENT, SERVER) if from_client else (SERVER, CLIENT)), shorter)
            engine = wire.run(keyring=keyring(case.key_log))
            assert engine.keys.dtls.keys(CLIENT, SERVER, 1 << 60) is not None


# -- certificates ---------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def good() -> bytes:
    """A certificate with names and extensions to break."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a.example")])
    builder = x509.CertificateBuilder(name, name, private.public_key(), 7)
    builder = builder.not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
    builder = builder.not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
    names = [x509.DNSName("a.example"), x509.UniformResourceIdentifier("sip:a.example")]
    builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
    return builder.sign(private, hashes.SHA256()).public_bytes(Encoding.DER)


def tlv(tag: int, *parts: bytes) -> bytes:
    """DER with a length of four bytes, whatever it holds."""
    content = b"".join(parts)
    return bytes((tag,)) + b"\x84" + len(content).to_bytes(4, "big") + content


def nested(depth: int) -> bytes:
    made = b""
    for _ in range(depth):
        made = tlv(0x30, made)
    return made


HOSTILE = {
    "nothing": b"",
    "one byte": b"\x30",
    "length of all": b"\x30\x84\xff\xff\xff\xff",
    "length without end": b"\x30\x80" + bytes(50),
    "length of many bytes": b"\x30\xff" + bytes(127),
    "deep": nested(2_000),
    "huge number": tlv(0x30, tlv(0x30, tlv(2, b"\x7f" * 20_000))),
    "huge identifier": tlv(0x30, tlv(0x30, tlv(6, b"\xff" * 5_000 + b"\x01"))),
    "text": b"-----BEGIN CERTIFICATE-----\n",
    "zeros": bytes(16_000),
}


@lru_cache(maxsize=1)
def bundled() -> RuleSet:
    return rules()


def judged(chain: bytes) -> None:
    """A call whose answerer has this Certificate message, judged by every rule."""
    wire = Wire()
    wire.udp(CLIENT, SERVER, record(handshake(1, 0, client_hello()), 0))
    wire.udp(SERVER, CLIENT, record(handshake(2, 0, server_hello()), 0))
    for first in range(0, len(chain), 12_000):
        wire.udp(SERVER, CLIENT, record(handshake(11, 1, chain, first, min(first + 12_000, len(chain))), 1 + first))
    wire.udp(SERVER, CLIENT, record(handshake(14, 2, b""), 90_000))
    wire.udp(CLIENT, SERVER, record(handshake(11, 1, certificate(CLIENT_CERT)), 2))
    wire.run(rules=rules())


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_certificates(name: str) -> None:
    judged(certificate(HOSTILE[name]))


def test_chains_without_end() -> None:
    one = len(good()).to_bytes(3, "big") + good()
    many = one * 40
    judged(len(many).to_bytes(3, "big") + many)
    judged(b"\xff\xff\xff" + many)
    judged(len(one).to_bytes(3, "big") + b"\xff\xff\xff" + one[3:])
    judged((3 * 20_000).to_bytes(3, "big") + bytes(3 * 20_000))


@given(st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), min_size=1, max_size=5), st.integers(0, 600))
@settings(max_examples=25, deadline=None)
def test_any_broken_certificate(changes: list[tuple[int, int]], cut: int) -> None:
    made = bytearray(good())
    for where, value in changes:
        made[where % len(made)] = value
    judged(certificate(bytes(made)[: max(1, len(made) - cut % 90)]))


def test_relays_in_relays_and_records_in_records() -> None:
    """Depth is bounded: TURN around TURN, and DTLS whose content is DTLS."""
    inner = rtp(1)
    for _ in range(40):
        inner = send(inner, SERVER)
    wire = Wire()
    wire.udp(CLIENT, TURN, inner)
    client, _ = shake(wire)
    said = b"said"
    for _ in range(20):
        said = client.record(23, said)
    wire.udp(at("10.0.0.1", 4000), at("10.0.0.2", 5000), said)
    wire.udp(CLIENT, TURN, stun(0x0016))
    media, written = run(wire, f"CLIENT_RANDOM {RANDOM.hex()} {MASTER.hex()}\n".encode())
    assert len(written) == len(wire.frames) and media.counts.rtp == 0
    wire.run(keyring=ring())


def test_a_capture_that_is_none(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for number, content in enumerate((b"", b"\xd4\xc3\xb2\xa1", b"\n\r\r\n" + bytes(9), bytes(4_000))):
            source, out = Path(folder) / f"{number}.pcap", tmp_path / f"{number}.pcapng"
            source.write_bytes(content)
            done = decrypt([str(source)], [], out, Silent())
            assert not done.media.rtp
