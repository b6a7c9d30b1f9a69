"""ESP associations over whole captures: copies, replays, forgeries, floods, NULL by structure, reasons."""

from dataclasses import replace

import pytest

from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.core.secrets import Secret
from analyzer.core.unknown import Unknown
from analyzer.pipeline.esp_rows import esp_notes
from analyzer.session.esp.table import EspPacket
from analyzer.session.key_entries import EspKey
from analyzer.session.keyring import Keyring
from tests.crypto.esp_writer import Writer
from tests.pipeline.esp_runs import PROXY_END, UE_END, aka, datagram, esp_sa, finished, rows
from tests.pipeline.registration import (
    IN_ESP,
    PROXY,
    PROXY_S,
    SIP_MESSAGES,
    UE,
    Registered,
    udp,
)
from tests.pipeline.wire import Wire, anomalies


def test_copies_and_replays() -> None:
    """The same bytes at once are a copy, later a replay; another packet under a used number is told, and read."""
    writer, ring = esp_sa(7)
    wire = Wire()
    packets = [writer.packet(datagram(number), 17) for number in range(4)]
    for packet in packets:
        wire.esp(UE_END, PROXY_END, packet)
    wire.esp(UE_END, PROXY_END, packets[3])  # 20 ms later
    wire.now_ns += 10**9
    wire.esp(UE_END, PROXY_END, packets[1])
    reused = writer.numbered(datagram(8), 17, 2)
    wire.esp(UE_END, PROXY_END, reused)
    engine, _ = finished(wire, ring)
    (row,) = rows(engine).values()
    assert (row.packets, row.authenticated, row.replayed) == (5, 5, 1)
    assert anomalies(engine) == {"esp.replayed": 1, "esp.sequence_reused": 1}
    assert engine.signalling.counts.messages == 5


def test_window_and_restart() -> None:
    """A number far behind the window is told; numbers that then count up again are the counter begun anew."""
    writer, ring = esp_sa(7)
    wire = Wire()
    for sequence in (0, 500, 501, 440, 437, 436, 1, 2, 3, 4):
        wire.esp(UE_END, PROXY_END, writer.numbered(datagram(sequence), 17, sequence))
    engine, _ = finished(wire, ring)
    found = anomalies(engine)
    # 440 is inside the window of 64 below 501, 437 is not; 1, 2, 3 rise
    assert found == {"esp.sequence_zero": 1, "esp.sequence_old": 5, "esp.sequence_restarted": 1}
    assert rows(engine)["0x00000007"].packets == 10


def test_forged_packets() -> None:
    """What fails the check value is counted and told, moves no window, and its number stays free."""
    writer, ring = esp_sa(7)
    wire = Wire()
    wire.esp(UE_END, PROXY_END, writer.packet(datagram(0), 17))
    for sequence in (2, 100_000):
        wire.esp(UE_END, PROXY_END, b"\0\0\0\7" + sequence.to_bytes(4, "big") + bytes(64))
    wire.esp(UE_END, PROXY_END, writer.packet(datagram(1), 17))
    engine, _ = finished(wire, ring)
    (row,) = rows(engine).values()
    assert (row.packets, row.authenticated, row.auth_failed) == (4, 2, 2)
    assert anomalies(engine) == {"esp.tag_failed": 2}
    assert row.failure == "2 packets with a wrong check value: changed, or under another key"


def test_flood_of_associations() -> None:
    """Random SPIs push each other out, never the association that opens; the bound is announced."""
    writer, ring = esp_sa(7)
    wire = Wire()
    wire.esp(UE_END, PROXY_END, writer.packet(datagram(0), 17))
    for spi in range(1000, 1050):
        wire.esp(UE_END, PROXY_END, spi.to_bytes(4, "big") + bytes(60))
    wire.esp(UE_END, PROXY_END, writer.packet(datagram(1), 17))
    engine, _ = finished(wire, ring, limits=replace(Limits(), esp_associations=8))
    found = rows(engine)
    assert len(found) == 8
    assert found["0x00000007"].authenticated == 2
    assert anomalies(engine)["esp.associations_limit"] == engine.esp.table.evicted == 43


def test_snap_length() -> None:
    """Cut packets stay closed, and say so; an association known to be NULL shows what is left of them."""
    writer, ring = esp_sa(7)
    null, _ = esp_sa(8, "null")
    wire = Wire(snap=200)
    wire.esp(UE_END, PROXY_END, writer.packet(datagram(0), 17))
    wire.esp(UE_END, PROXY_END, null.packet(datagram(1), 17))
    wire.esp(UE_END, PROXY_END, null.packet(udp(UE_END, PROXY_END, (UE, PROXY), b"\r\n\r\n"), 17))
    wire.esp(UE_END, PROXY_END, null.packet(datagram(2), 17))
    engine, _ = finished(wire, ring)
    assert rows(engine)["0x00000007"].failure == "1 packet cut off by the snap length"
    row = rows(engine)["0x00000008"]
    assert (row.packets, row.decrypted, row.recognised_by) == (3, 2, "structure")
    assert row.failure == "1 packet cut off by the snap length"
    assert engine.signalling.counts.messages == 1


def test_null_by_structure() -> None:
    """Without any key: consistent packets are read as NULL, what had to wait too; integrity stays open."""
    null, _ = esp_sa(8, "null")
    wire = Wire()
    for number in range(3):
        broken = bytearray(datagram(number))
        broken[6:8] = b"\x12\x34"  # a checksum that NAT has made wrong: one packet is not enough then
        wire.esp(UE_END, PROXY_END, null.packet(bytes(broken), 17))
    engine, seen = finished(wire, Keyring())
    (row,) = rows(engine).values()
    assert (row.cipher, row.recognised_by, row.decrypted, row.packets) == ("null", "structure", 3, 3)
    assert engine.signalling.counts.messages == 3
    ((state, evidence, protected),) = seen
    assert (state, evidence) == ("esp_null_auth", "structural_only")
    assert isinstance(protected, Unknown)


@pytest.mark.parametrize("cipher", ["aes-cbc", "aes-gcm", "aes-ctr"])
def test_encrypted_is_not_taken_as_null(cipher: str) -> None:
    """A thousand encrypted packets, no key: none is read, and the row says what would open it."""
    key = bytes(range(16)) if cipher == "aes-cbc" else bytes(range(20))
    wire = Wire()
    for spi in range(1, 11):
        writer = Writer(spi, cipher, key, "null" if cipher == "aes-gcm" else "hmac-sha-1-96", bytes(20))
        for number in range(100):
            wire.esp(UE_END, PROXY_END, writer.packet(datagram(number), 17))
    engine, _ = finished(wire, Keyring())
    found = rows(engine)
    assert {(row.packets, row.decrypted, row.recognised_by) for row in found.values()} == {(100, 0, None)}
    assert found["0x00000001"].failure == f"no key for SPI 0x00000001 to {PROXY}: an esp-sa key would open it"
    assert list(esp_notes(engine.esp)) == ["10 ESP associations stay closed: what is inside is not in this report."]


def test_key_of_the_other_direction() -> None:
    """A key that is there for the way back only is named."""
    ring = Keyring()
    entry = EspKey("back", 9, PROXY_END.ip, UE_END.ip, "null", "hmac-sha-1-96", Secret(b""), Secret(bytes(20)))
    ring.add_entry(entry, "keys.yaml: back")
    writer = Writer(5, "aes-cbc", bytes(16), "hmac-sha-1-96", bytes(20))
    wire = Wire()
    wire.esp(UE_END, PROXY_END, writer.packet(datagram(0), 17))
    engine, _ = finished(wire, ring)
    assert (rows(engine)["0x00000005"].failure or "").endswith("; there is a key for the other direction")


def test_two_vantage_points() -> None:
    """Packets at two taps are copies, no replays: one message with two sightings."""
    made = Registered("hmac-sha-1-96", "aes-cbc").talk()
    engine = made.wire.run(finish=False, keyring=aka())
    spi = PROXY_S[1]
    for number, (ts_ns, frame) in enumerate(made.wire.frames, 1):  # the number is the IPv4 identification too
        if frame[20:] in made.writers[spi].sent:
            cite = Cite(0, number, 0, 0, ts_ns + 50_000_000)
            engine.esp.packet(EspPacket(1, UE_END.ip, PROXY_END.ip, (0, 0), frame[20:], 0, number, (cite,)))
    engine.finish()
    row = rows(engine)[f"0x{spi:08x}"]
    assert (row.packets, row.authenticated, row.replayed) == (len(made.writers[spi].sent),) * 2 + (0,)
    assert engine.setup.keyring.sources[0].opened == IN_ESP
    assert not anomalies(engine)
    assert engine.signalling.counts.messages == SIP_MESSAGES
