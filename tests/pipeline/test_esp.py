"""ESP in the pipeline: associations that a registration agreed on, opened by CK and IK alone; tshark as the oracle."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.limits import Limits
from analyzer.pipeline.esp_rows import esp_notes, esp_rows
from analyzer.pipeline.rows import Places
from analyzer.session.keyring import Keyring
from tests.crypto.test_ims_aka import PAIRS
from tests.pipeline.esp_runs import PROXY_END, UE_END, aka, datagram, esp_sa, finished, rows
from tests.pipeline.registration import (
    CK,
    IK,
    IMPI,
    IN_ESP,
    PROXY,
    PROXY_S,
    SIP_MESSAGES,
    UE,
    UE_C,
    Registered,
    sip,
    udp,
)
from tests.pipeline.wire import Wire, anomalies, at, rtp

_NAMES = {
    "null": "NULL", "aes-cbc": "AES-CBC [RFC3602]", "des-ede3-cbc": "TripleDES-CBC [RFC2451]",
    "aes-gcm": "AES-GCM with 16 octet ICV [RFC4106]",
    "hmac-md5-96": "HMAC-MD5-96 [RFC2403]", "hmac-sha-1-96": "HMAC-SHA-1-96 [RFC2404]",
}  # fmt: skip


@pytest.mark.parametrize(("alg", "ealg"), PAIRS)
def test_registration_opened_by_ck_and_ik(alg: str, ealg: str) -> None:
    """All four associations of TS 33.203 7.1 are derived and every packet authenticated; SIP comes out of each."""
    engine, seen = finished(Registered(alg, ealg).talk().wire, aka())
    found = rows(engine)
    assert set(found) == {f"0x{spi:08x}" for spi in (1_001, 1_002, 2_001, 2_002)}
    for row in found.values():
        assert row.packets == row.authenticated == row.decrypted > 0
        assert (row.recognised_by, row.key, row.mode, row.udp) == ("key", "ue1-aka", "transport", False)
        assert (row.auth_failed, row.replayed, row.failure) == (0, 0, None)
    assert sum(row.packets for row in found.values()) == IN_ESP
    state = "esp_enc" if ealg != "null" else "esp_null_auth"
    assert seen == {("clear_udp", "structural_only", "no"): 2, (state, "keyed_verified", "yes"): SIP_MESSAGES - 2}
    assert engine.signalling.counts.messages == SIP_MESSAGES
    assert not anomalies(engine)
    assert engine.setup.keyring.sources[0].opened == IN_ESP
    assert not list(esp_notes(engine.esp))


@pytest.mark.tshark
@pytest.mark.parametrize(("alg", "ealg"), [pair for pair in PAIRS if pair[0] != "aes-gmac"])
def test_tshark_opens_the_generated_capture(tmp_path: Path, alg: str, ealg: str) -> None:
    """With the expanded keys tshark finds the same payloads, each check value right. It has no name for GMAC."""
    made = Registered(alg, ealg).talk()
    path = tmp_path / "aka.pcap"
    path.write_bytes(made.wire.pcap())
    command = ["tshark", "-r", str(path), "-o", "esp.enable_encryption_decode:TRUE"]
    command += ["-o", "esp.enable_authentication_check:TRUE", "-Y", "esp", "-T", "fields", "-E", "separator=|"]
    for spi, writer in made.writers.items():
        auth = _NAMES.get(writer.auth, "NULL") if writer.auth != "null" else "NULL"
        keys = f'"{_hex(writer.key)}","{auth}","{_hex(writer.auth_key)}"'
        command += ["-o", f'uat:esp_sa:"IPv4","*","*","0x{spi:08x}","{_NAMES[writer.cipher]}",{keys}']
    for name in ("frame.number", "esp.icv_good", "udp.payload", "tcp.payload"):
        command += ["-e", name]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    found = {int(line.split("|")[0]): line.split("|")[1:] for line in lines}
    assert {frame: bytes.fromhex(payload[1] + payload[2]) for frame, payload in found.items()} == made.carried
    assert {good for good, _, _ in found.values()} == {"1"}


def _hex(key: bytes) -> str:
    return f"0x{key.hex()}" if key else ""


@pytest.mark.parametrize(("alg", "ealg"), PAIRS)
@pytest.mark.parametrize("wrong", [aka(ck=IK, ik=CK), aka(impi="ue2@ims.example"), Keyring()])
def test_without_the_right_keys(alg: str, ealg: str, wrong: Keyring) -> None:
    """Closed with a reason; without encryption read, on the ground of the agreement."""
    ring = aka(wrong.aka[0].impi, wrong.aka[0].ck.reveal(), wrong.aka[0].ik.reveal()) if wrong.aka else Keyring()
    engine, seen = finished(Registered(alg, ealg).talk().wire, ring)
    same_impi = bool(ring.aka) and ring.aka[0].impi == IMPI
    for row in rows(engine).values():
        assert (row.key, row.authenticated) == (None, None)
        if ealg == "null":
            assert (row.decrypted, row.recognised_by) == (row.packets, "agreement")
            assert row.cipher == ("aes-gmac" if alg == "aes-gmac" else "null")
        else:
            assert (row.decrypted, row.recognised_by, row.cipher) == (0, "agreement", ealg)
            assert row.auth_failed == (row.packets if same_impi else 0)
        said = "the check value is wrong with the key" if same_impi else "no CK and IK for the registration"
        assert row.failure is None if ealg == "null" and not same_impi else said in (row.failure or "")
    if ealg == "null":
        assert seen["esp_null_auth", "negotiated_and_structural", "yes"] == SIP_MESSAGES - 2
    if ring.aka and not same_impi:
        assert ring.sources[0].opened == 0
    if same_impi:
        assert "check value" in ring.sources[0].problem


def test_keys_in_the_401() -> None:
    """CK and IK that a 401 shows (TS 24.229 7.2A.1) are used, with the frame they came from."""
    made = Registered("hmac-sha-1-96", "aes-cbc")
    shown = f',ck="{CK.hex()}",ik="{IK.hex()}"'
    made.challenge(shown)
    made.datagram(at(UE, UE_C[0]), at(PROXY, PROXY_S[0]), sip("OPTIONS", 4))
    engine, _ = finished(made.wire, Keyring())
    run = next(iter(engine.signalling.agreements.captured.values()))
    assert (run.opened, run.cites[0].frame) == (1, 2)
    assert next(iter(rows(engine).values())).authenticated == 1


def test_udp_encapsulated_tunnel() -> None:
    """UDP-enc-tun (TS 33.203 Annex M; RFC 3948): ESP in UDP 4500, the UE's own address inside."""
    made = Registered("hmac-sha-1-96", "aes-cbc", "UDP-enc-tun")
    made.challenge()
    own = "192.168.0.7"
    inner = Wire()
    ends = at(own, UE_C[0]), at(PROXY, PROXY_S[0])
    inner.udp(*ends, sip("OPTIONS", 4))
    packet = made.writers[PROXY_S[1]].packet(inner.frames[0][1], 4)
    made.wire.udp(at(UE, 4500), at(PROXY, 4500), packet)
    made.wire.udp(at(UE, 4500), at(PROXY, 4500), b"\xff")  # NAT keepalive
    made.wire.udp(at(UE, 4500), at(PROXY, 4500), bytes(4) + b"IKE" * 10)  # the non-ESP marker
    engine, seen = finished(made.wire, aka())
    (row,) = rows(engine).values()
    assert (row.mode, row.udp, row.authenticated, row.src) == ("tunnel", True, 1, UE)
    assert seen["esp_enc", "keyed_verified", "yes"] == 1
    assert not anomalies(engine)


def test_nested() -> None:
    """ESP in ESP is opened to the bound, and the bound is announced."""
    writer, ring = esp_sa(7)
    wire = Wire()
    for layers in (8, 9):
        packet, inside = datagram(layers), 17
        for _ in range(layers):
            packet, inside = writer.packet(packet, inside), 50
        wire.esp(UE_END, PROXY_END, packet)
    engine, _ = finished(wire, ring)
    assert anomalies(engine)["esp.nesting_limit"] == 1
    assert engine.signalling.counts.messages == 1


def test_clear_segment_of_a_protected_connection() -> None:
    """One bare segment makes the connection's state that of the weakest, and is told."""
    made = Registered("hmac-sha-1-96", "aes-cbc").talk()
    ue, proxy = at(UE, UE_C[0]), at(PROXY, PROXY_S[0])
    made.wire._next[ue, proxy] = made._next[ue, proxy]
    made.wire.tcp(ue, proxy, sip("OPTIONS", 9))
    engine, seen = finished(made.wire, aka())
    assert anomalies(engine)["esp.bare_segment"] == 1
    assert seen["clear_tcp", "structural_only", "no"] == 1


@pytest.mark.parametrize("rows_fed", [1, 3])
@pytest.mark.parametrize("most", [4_096, 2])
def test_the_batch_edge_does_not_show(rows_fed: int, most: int) -> None:
    """However the frames are fed, the rows and anomalies are the same, with bounds that are hit too."""
    limits = replace(Limits(), esp_associations=most, esp_held_packets=1, esp_agreements=most, esp_paths=most // 2)
    made = Registered("hmac-sha-1-96", "null").talk()
    engine = made.wire.run(rows=rows_fed, keyring=Keyring(), limits=limits)
    whole = made.wire.run(keyring=Keyring(), limits=limits)
    assert rows(engine) == rows(whole)
    assert anomalies(engine) == anomalies(whole)
    assert engine.signalling.counts == whole.signalling.counts
    if most == 2:
        assert {"esp.associations_limit", "esp.connections_limit"} <= set(anomalies(engine))


@given(st.lists(st.binary(max_size=90) | st.integers(0, 11), max_size=12))
def test_total(damage: list[bytes | int]) -> None:
    """Any bytes as ESP among a registration, and its own packets cut or changed: no exception, all accounted."""
    made = Registered("hmac-sha-1-96", "aes-cbc").talk()
    own = [packet for writer in made.writers.values() for packet in writer.sent]
    for each in damage:
        made.wire.esp(UE_END, PROXY_END, own[each][: 8 * each + 3] if isinstance(each, int) else each)
    engine, _ = finished(made.wire, aka())
    for row in rows(engine).values():
        assert row.decrypted + row.auth_failed <= row.packets


def test_in_gtp_and_ipv6() -> None:
    """ESP in GTP-U (TS 29.281 5.1) and ESP between IPv6 addresses in ESP: each opened with its own addresses."""
    writer, ring = esp_sa(7)
    outer, inner = Wire(), Wire()
    inner.esp(UE_END, PROXY_END, writer.packet(datagram(0), 17))
    packet = inner.frames[0][1]
    outer.udp(
        at("192.0.2.1", 2152), at("192.0.2.2", 2152), b"\x30\xff" + len(packet).to_bytes(2, "big") + bytes(4) + packet
    )
    six = bytes.fromhex("20010db8000000000000000000000001") + bytes.fromhex("20010db8000000000000000000000002")
    esp = writer.packet(datagram(1), 17)
    wrapped = b"\x60\0\0\0" + len(esp).to_bytes(2, "big") + b"\x32\x40" + six + esp
    outer.esp(UE_END, PROXY_END, writer.packet(wrapped, 41))
    engine, _ = finished(outer, ring)
    found = {(row.src, row.dst): row for row in esp_rows(engine.esp, Places(engine.sources), {})}
    assert set(found) == {(UE, PROXY), ("2001:db8::1", "2001:db8::2")}
    assert found[UE, PROXY].mode == "tunnel"
    assert found["2001:db8::1", "2001:db8::2"].authenticated == 1
    assert engine.signalling.counts.messages == 2


def test_media_in_esp() -> None:
    """RTP out of ESP takes the way of all RTP: a stream, its packets in order."""
    writer, ring = esp_sa(7)
    wire = Wire()
    ends = at(UE, 4000), at(PROXY, 4002)
    for number in range(20):
        wire.esp(*ends, writer.packet(udp(*ends, (UE, PROXY), rtp(number)), 17))
    engine, _ = finished(wire, ring)
    assert [json.loads(row)["packets"] for row in engine.closer.stream_rows] == [20]


def test_what_is_not_read_is_counted() -> None:
    """ICMP, a lone fragment and dummies out of ESP: opened, counted, and said."""
    writer, ring = esp_sa(7)
    wire = Wire()
    fragment = bytes.fromhex("4500001c0001200040110000c0000201c0000202") + bytes(8)
    for next_header, payload in ((1, bytes(8)), (4, fragment), (17, b"short"), (59, bytes(20)), (4, b"\x45")):
        wire.esp(UE_END, PROXY_END, writer.packet(payload, next_header))
    engine, _ = finished(wire, ring)
    assert rows(engine)["0x00000007"].decrypted == 5
    assert list(esp_notes(engine.esp)) == ["3 packets out of ESP not read further: 1 IP protocol 1, 2 short."]
    assert anomalies(engine) == {"net.fragment_incomplete": 1}


@pytest.mark.parametrize("version", [4, 6])
def test_fragments_inside_a_tunnel(version: int) -> None:
    """A request cut before it went into the tunnel is put together (RFC 791 3.2, RFC 8200 4.5)."""
    writer, ring = esp_sa(7)
    wire, inner = Wire(), Wire()
    inner.fragmented(UE_END, PROXY_END, sip("OPTIONS", 4), 80)
    packets = [frame for _, frame in inner.frames]
    if version == 6:
        packets = [_six(packet) for packet in packets]
    for packet in reversed(packets):
        wire.esp(UE_END, PROXY_END, writer.packet(packet, 4 if version == 4 else 41))
    engine, _ = finished(wire, ring)
    assert engine.signalling.counts.messages == 1
    assert not anomalies(engine)
    assert len(packets) > 2


def _six(packet: bytes) -> bytes:
    """The IPv4 fragment as IPv6 would have it."""
    share, payload = int.from_bytes(packet[6:8], "big"), packet[20:]
    word = ((share & 0x1FFF) << 3 | share >> 13 & 1).to_bytes(2, "big")
    hosts = bytes.fromhex("20010db8" + "00" * 11 + "01" + "20010db8" + "00" * 11 + "02")
    return (
        b"\x60\0\0\0"
        + (len(payload) + 8).to_bytes(2, "big")
        + b"\x2c\x40"
        + hosts
        + b"\x11\0"
        + word
        + bytes(4)
        + payload
    )
