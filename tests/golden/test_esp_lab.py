"""ESP of the lab opened down to SIP, SDP and SRTP, held against FACTS.txt; payloads held against tshark byte for byte.

The keys are those that the text beside each capture gives, written as the esp_sa table that tshark takes.
"""

import json
import subprocess
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from analyzer.capture.reader import open_capture
from analyzer.capture.sources import SourceTable
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.formats.esp_sa import EspSaLine, parse
from analyzer.net.decode import Decoder
from analyzer.net.inner import read_ip, read_tcp, read_udp
from analyzer.net.packets import ESP
from analyzer.pipeline.engine import Engine, Setup
from analyzer.pipeline.esp_rows import esp_rows
from analyzer.pipeline.rows import Places
from analyzer.report.traffic import EspSa
from analyzer.session.esp.agreements import Agreements
from analyzer.session.esp.candidates import Candidates
from analyzer.session.esp.table import AssociationTable, Carried, EspPacket
from analyzer.session.key_entries import EspKey
from analyzer.session.keyring import Keyring
from analyzer.session.records import MessageRecord
from tests.conftest import SHARED
from tests.golden.runs import run, setup, tree
from tests.golden.test_lab import _describe, _facts

LAB, PUBLIC = SHARED / "captures" / "lab", SHARED / "captures" / "public"
_ICV = '"HMAC-SHA-1-96 [RFC2404]","0x0123456789abcdef0123456789abcdef01234567"'
_CIPHER = {"esp-null": '"NULL",""', "esp-aes": '"AES-CBC [RFC3602]","0x00112233445566778899aabbccddeeff"'}
_ANY = '"ANY 96 bit authentication [no checking]",""'
_TCPDUMP = {  # the keys of the catalogue, that tcpdump's tests give without the key of the check value
    "C130-02-sunrise-sunset-esp.pcap": '"IPv4","*","192.1.2.45","0x12345678","TripleDES-CBC [RFC2451]",'
    f'"0x4043434545464649494a4a4c4c4f4f515152525454575758",{_ANY}',
    "C131-08-sunrise-sunset-aes.pcap": '"IPv4","*","192.1.2.45","0xd1234567","AES-CBC [RFC3602]",'
    f'"0xaaaabbbbccccdddd4043434545464649494a4a4c4c4f4f515152525454575758",{_ANY}',
}


def lines(name: str) -> tuple[str, ...]:
    """The esp_sa lines that `<name>.esp-sa.txt` describes in words."""
    ways = [(f"10.{n}.0.{3 - d}", f"10.{n}.0.{d}", f"0x0000{n}00{d}") for n in (1, 2) for d in (1, 2)]
    return tuple(f'"IPv4","{src}","{dst}","{spi}",{_CIPHER[name]},{_ICV}' for src, dst, spi in ways)


def ring_of(table: tuple[str, ...]) -> Keyring:
    """A ring with the keys of an esp_sa table."""
    ring = Keyring()
    for sa in parse("\n".join(table).encode()):
        assert isinstance(sa, EspSaLine), sa
        key = EspKey(f"line {sa.line}", sa.spi, sa.src, sa.dst, sa.cipher, sa.auth, sa.cipher_key, sa.auth_key)
        ring.add_entry(key, f"esp_sa, line {sa.line}")
    return ring


@cache
def engine_of(path: Path, table: tuple[str, ...] = ()) -> tuple[Engine, list[MessageRecord]]:
    """The engine behind a capture, and every message of its calls."""
    limits, sources = Limits(), SourceTable()
    reader = open_capture(str(path), 0, sources, limits)
    engine = Engine(sources, Setup(limits=limits, keyring=ring_of(table), contain=False))
    messages: list[MessageRecord] = []
    engine.closer.watch = lambda closed: messages.extend(m for leg in closed.call.legs.values() for m in leg.messages)
    while (batch := reader.read_batch()) is not None:
        engine.feed(batch)
    engine.finish()
    return engine, messages


def rows(engine: Engine) -> list[EspSa]:
    """The report's rows."""
    return list(esp_rows(engine.esp, Places(engine.sources), {}))


def carried(path: Path, table: tuple[str, ...]) -> list[Carried]:
    """What comes out of a capture's ESP packets."""
    limits, sources, found = Limits(), SourceTable(), []
    reader = open_capture(str(path), 0, sources, limits)
    decoder = Decoder(sources, limits)
    associations = AssociationTable(limits, Candidates(ring_of(table), Agreements(limits), limits.esp_keys))
    while (batch := reader.read_batch()) is not None:
        packets = decoder.decode(batch)
        for i in (packets.protocol == ESP).nonzero()[0].tolist():
            begin = int(packets.payload_start[i])
            data = packets.buffer[begin : begin + int(packets.payload_length[i])].tobytes()
            src = int(packets.src_hi[i]) << 64 | int(packets.src_lo[i])
            dst = int(packets.dst_hi[i]) << 64 | int(packets.dst_lo[i])
            cite = Cite(0, int(packets.frame[i]), 0, 0, int(packets.ts_ns[i]))
            found.extend(associations.packet(EspPacket(0, src, dst, (0, 0), data, 0, 0, (cite,))))
    return found


def innermost(one: Carried) -> bytes:
    """What the transport packet inside carries; of ICMP, what follows its eight bytes."""
    payload, protocol = one.payload, one.next_header
    if protocol == 4:
        inner = read_ip(payload)
        assert not isinstance(inner, str)
        payload, protocol = inner.payload, inner.protocol
    if protocol == 1:
        return payload[8:]
    read = read_udp(payload) if protocol == 17 else read_tcp(payload)
    assert read is not None
    return read.payload


def tshark(path: Path, table: tuple[str, ...], *options: str) -> dict[int, bytes]:
    """The same by tshark, by frame; `data.data` is what it makes of ICMP echoes."""
    command = ["tshark", "-r", str(path), "-Y", "esp", "-T", "fields", "-E", "separator=|", "-E", "occurrence=l"]
    command += [word for option in options for word in ("-o", option)]
    command += [word for line in table for word in ("-o", f"uat:esp_sa:{line}")]
    command += [word for name in ("frame.number", "udp.payload", "tcp.payload", "data.data") for word in ("-e", name)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = {}
    for line in text.splitlines():
        frame, udp, tcp, data = line.split("|")
        found[int(frame)] = bytes.fromhex(tcp or udp or data)  # around TCP may be GTP-U's UDP
    return found


def test_words(shared: Path) -> None:
    """The text beside the captures still says what `lines` has."""
    for name, cipher in _CIPHER.items():
        said = (shared / "lab" / f"{name}.esp-sa.txt").read_text()
        assert cipher.split('"')[3] in said
        assert "HMAC-SHA-1-96 key 0x0123456789abcdef0123456789abcdef01234567" in said
        assert "10.N.0.2 -> 10.N.0.1 spi 0x0000N001 ; 10.N.0.1 -> 10.N.0.2 spi 0x0000N002 ; N=1,2" in said


@pytest.mark.parametrize("name", _CIPHER)
def test_descriptions_on_every_hop(shared: Path, name: str) -> None:
    """Every SDP row of FACTS.txt, those in ESP too, and no other."""
    assert shared
    engine, messages = engine_of(LAB / f"{name}.pcapng", lines(name))
    interfaces = [source.interface_name for source in engine.sources]
    found = dict(_describe(m, interfaces[m.cites[-1].source]) for m in messages if m.sdp is not None)
    assert found == _facts()[name].sdp


@pytest.mark.parametrize(("name", "counts"), [("esp-null", [14, 14]), ("esp-aes", [15, 14])])
def test_packets(shared: Path, name: str, counts: list[int]) -> None:
    """The rows "p1:acc1 n esp" of FACTS.txt: every packet authenticated, one association a direction."""
    assert shared
    found = rows(engine_of(LAB / f"{name}.pcapng", lines(name))[0])
    access = Counter({"10.1.0": 0, "10.2.0": 0})
    for row in found:
        assert row.packets == row.authenticated == row.decrypted
        assert (row.cipher, row.auth) == ("null" if name == "esp-null" else "aes-cbc", "hmac-sha-1-96")
        assert (row.mode, row.recognised_by, row.auth_failed, row.replayed) == ("transport", "key", 0, 0)
        access[row.src[:6]] += row.packets
    assert [access["10.1.0"], access["10.2.0"]] == counts
    assert len(found) == 4


@pytest.mark.parametrize("name", _CIPHER)
def test_hops(shared: Path, name: str) -> None:
    """The access hops are what hops.md section 6 calls them, on the ground of verified check values."""
    assert shared
    _, messages = engine_of(LAB / f"{name}.pcapng", lines(name))
    seen = Counter((m.carrier.state, m.carrier.evidence) for m in messages)
    state = "esp_null_auth" if name == "esp-null" else "esp_enc"
    assert set(seen) == {("clear_udp", "structural_only"), (state, "keyed_verified")}


def test_without_keys(shared: Path) -> None:
    """NULL is read by structure with every SDP row; AES stays closed, each association with what would open it."""
    assert shared
    engine, messages = engine_of(LAB / "esp-null.pcapng")
    interfaces = [source.interface_name for source in engine.sources]
    assert dict(_describe(m, interfaces[m.cites[-1].source]) for m in messages if m.sdp) == _facts()["esp-null"].sdp
    assert {m.carrier.evidence for m in messages} == {"structural_only"}
    closed = rows(engine_of(LAB / "esp-aes.pcapng")[0])
    assert {row.decrypted for row in closed} == {0}
    assert {row.failure for row in closed} == {
        f"no key for SPI {spi} to {dst}: an esp-sa key would open it"
        for spi, dst in (("0x00001001", "10.1.0.1"), ("0x00001002", "10.1.0.2"), ("0x00002001", "10.2.0.1"),
                         ("0x00002002", "10.2.0.2"))
    }  # fmt: skip


@pytest.mark.tshark
@pytest.mark.parametrize("name", _CIPHER)
def test_payloads_of_the_lab(shared: Path, name: str) -> None:
    """Byte for byte what tshark opens with the same table."""
    path = shared / "lab" / f"{name}.pcapng"
    ours = {one.packet.cites[-1].frame: innermost(one) for one in carried(path, lines(name))}
    assert ours == tshark(path, lines(name), "esp.enable_encryption_decode:TRUE")
    assert len(ours) == len(tshark(path, ()))


@pytest.mark.tshark
@pytest.mark.parametrize("name", _TCPDUMP)
def test_public_captures_with_keys(shared: Path, name: str) -> None:
    """The catalogue's keys open every packet to what tshark has; the check value cannot be proven, and says so."""
    path, table = shared / "public" / name, (_TCPDUMP[name],)
    ours = {one.packet.cites[-1].frame: innermost(one) for one in carried(path, table)}
    assert ours == tshark(path, table, "esp.enable_encryption_decode:TRUE")
    (row,) = rows(engine_of(path, table)[0])
    assert (row.packets, row.decrypted, row.authenticated) == (8, 8, None)
    assert row.failure == "the key leaves the check value unchecked"


@pytest.mark.tshark
def test_a_registration_with_its_keys_in_the_401(shared: Path) -> None:
    """C164: CK and IK stand in the 401, so each association of the registration is authenticated without any file.

    tshark reads the same payloads by its NULL heuristics; three sightings of each packet are one.
    """
    path = shared / "public" / "C164-ipsec_reg.pcapng"
    engine, messages = engine_of(path)
    found = {row.spi: row for row in rows(engine)}
    assert {spi: row.packets for spi, row in found.items()} == {"0x00000065": 7, "0x00006438": 6, "0x00006439": 1}
    for row in found.values():
        assert row.authenticated == row.decrypted == row.packets
        assert (row.cipher, row.auth, row.recognised_by, row.replayed) == ("null", "hmac-md5-96", "key", 0)
    inside = [m for m in messages if m.carrier.ipsec is not None]
    assert {(m.carrier.state, m.carrier.evidence) for m in inside} == {("esp_null_auth", "keyed_verified")}
    theirs = tshark(path, (), "esp.enable_null_encryption_decode_heuristic:TRUE")
    ours = {one.packet.cites[-1].frame: innermost(one) for one in carried(path, ())}
    told = {frame: payload for frame, payload in ours.items() if payload}
    assert len(told) == 7  # of 14 packets; the others are TCP control segments
    assert told == {frame: theirs[frame] for frame in told}


@pytest.mark.parametrize(("name", "streams"), [("esp-null", 4), ("esp-aes", 4)])
def test_srtp_under_keys_that_came_in_esp(shared: Path, name: str, streams: int) -> None:
    """The SDES keys of SDP in ESP verify every packet of the four streams between UE and IMS-AGW."""
    assert shared
    engine, _ = engine_of(LAB / f"{name}.pcapng", lines(name))
    found = [json.loads(row) for row in engine.closer.stream_rows]
    opened = [row for row in found if row["suite"]]
    assert len(opened) == streams
    for row in opened:
        assert (row["authenticated"], row["auth_failed"], row["failure"]) == (row["packets"], 0, None)
        assert row["src"].startswith("10.0.") is False


def test_srtp_inside_gtp(shared: Path) -> None:
    """gtpu-e2ae: SIP over TLS and SRTP, both inside GTP-U: opened with the key log, every SRTP packet verified."""
    report = tree(run(shared / "lab" / "gtpu-e2ae.pcapng", setup([shared / "lab" / "gtpu-e2ae.tls-keylog.txt"])))
    opened = [row for row in report["streams"] if row["suite"]]
    assert len(opened) == 4
    assert all(row["authenticated"] == row["packets"] and not row["auth_failed"] for row in opened)
