"""DTLS-SRTP in the pipeline, held against handshakes of the openssl program and media written by libsrtp."""

import struct
from dataclasses import replace
from functools import lru_cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pylibsrtp import Policy, Session

from analyzer.core.addresses import Address
from analyzer.core.limits import Limits
from analyzer.pipeline.engine import Engine
from analyzer.session.connections import Connection
from analyzer.session.key_entries import SrtpMaster
from analyzer.session.keyring import Keyring
from tests.crypto.srtp.writer import Sender
from tests.pipeline.dtls_recorded import Recorded, load
from tests.pipeline.wire import Wire, anomalies, at, flow, rows, rtp

CLIENT, SERVER = at("10.0.0.1", 4000), at("10.0.0.2", 5000)
# RFC 5764 4.1.2, RFC 7714 12: key and salt bytes, pylibsrtp's name, the name of RFC 4568
PROFILES = {
    "SRTP_AES128_CM_SHA1_80": (16, 14, Policy.SRTP_PROFILE_AES128_CM_SHA1_80, "AES_CM_128_HMAC_SHA1_80"),
    "SRTP_AES128_CM_SHA1_32": (16, 14, Policy.SRTP_PROFILE_AES128_CM_SHA1_32, "AES_CM_128_HMAC_SHA1_32"),
    "SRTP_AEAD_AES_128_GCM": (16, 12, Policy.SRTP_PROFILE_AEAD_AES_128_GCM, "AEAD_AES_128_GCM"),
    "SRTP_AEAD_AES_256_GCM": (32, 12, Policy.SRTP_PROFILE_AEAD_AES_256_GCM, "AEAD_AES_256_GCM"),
}
VERSIONS = {"1.0": "DTLS 1.0", "1.2": "DTLS 1.2"}


@lru_cache(maxsize=1)
def cases() -> dict[str, Recorded]:
    return {case.name: case for case in load()}


NAMES = sorted(cases())


def halves(case: Recorded) -> tuple[bytes, bytes]:
    """RFC 5764 4.2: client key, server key, client salt, server salt; as key and salt of either."""
    key, salt, _, _ = PROFILES[case.profile]
    material, salts = case.material, case.material[2 * key :]
    return material[:key] + salts[:salt], material[key : 2 * key] + salts[salt:]


def session(case: Recorded, from_client: bool) -> Session:
    """libsrtp sending as one of the ends."""
    policy = Policy(halves(case)[not from_client], Policy.SSRC_ANY_OUTBOUND, srtp_profile=PROFILES[case.profile][2])
    policy.window_size = 1024
    return Session(policy)


def keyring(*logs: bytes) -> Keyring:
    ring = Keyring()
    for log in logs:
        assert not ring.add_key_log(log, "log")
    return ring


def shake(wire: Wire, case: Recorded, client: Address = CLIENT, server: Address = SERVER) -> None:
    """The recorded datagrams."""
    for from_client, data in case.datagrams:
        wire.udp(client, server, data) if from_client else wire.udp(server, client, data)


def talk(
    wire: Wire, case: Recorded, count: int = 30, *, ssrc: int = 0x11223344, client: Address = CLIENT, first: int = 1
) -> None:
    """Media of both ends under the keys of a case."""
    ours, theirs = session(case, True), session(case, False)
    for number in range(first, first + count):
        wire.udp(client, SERVER, ours.protect(rtp(number, ssrc=ssrc)))
        wire.udp(SERVER, client, theirs.protect(rtp(number, ssrc=ssrc ^ 1)))


def found(engine: Engine) -> Connection:
    connection = engine.connections.find(flow(CLIENT, SERVER))
    assert connection is not None
    return connection


def streams(engine: Engine) -> dict[str, dict[str, object]]:
    return {str(row["ssrc"]): row for row in rows(engine.closer.stream_rows)}


@pytest.mark.parametrize("name", NAMES)
def test_the_exporter_gives_what_openssl_prints(name: str) -> None:
    """RFC 5764 4.2 over RFC 5705, with the PRF of each version and suite, extended master secret and not."""
    case, wire = cases()[name], Wire()
    shake(wire, case)
    engine = wire.run(keyring=keyring(case.key_log))
    own = engine.keys.dtls.keys(CLIENT, SERVER, 1 << 60)
    theirs = engine.keys.dtls.keys(SERVER, CLIENT, 1 << 60)
    assert [key.material.reveal() for key in (*own, *theirs)] == list(halves(case))
    assert {key.context.suite.name for key in (*own, *theirs)} == {PROFILES[case.profile][3]}
    connection = found(engine)
    assert (connection.decrypted, connection.failure, connection.inner) == (True, "", "bfcp")
    assert connection.tls_version == VERSIONS[name[:3]]
    assert len(connection.server_certificates) == 1


@pytest.mark.parametrize("name", NAMES)
def test_application_data_is_read(name: str) -> None:
    """Each end sent one BFCP primitive (RFC 8855 5.1: Hello is 11, Goodbye is 16) in a record of its own."""
    case, wire = cases()[name], Wire()
    shake(wire, case)
    engine = wire.run(keyring=keyring(case.key_log))
    assert sum(engine.messaging.bfcp.primitives.values()) == 2
    assert "Hello" in engine.messaging.bfcp.primitives
    assert "dtls.record_refused" not in anomalies(engine)


@pytest.mark.parametrize("name", NAMES)
def test_media_of_the_flow_opens(name: str) -> None:
    case, wire = cases()[name], Wire()
    shake(wire, case)
    talk(wire, case)
    made = streams(wire.run(keyring=keyring(case.key_log)))
    assert {(row["suite"], row["authenticated"], row["auth_failed"], row["failure"]) for row in made.values()} == {
        (PROFILES[case.profile][3], 30, 0, None)
    }
    assert {row["protection"] for row in made.values()} == {"srtp_dtls"}


def test_a_new_handshake_on_the_flow_gives_new_keys() -> None:
    """RFC 5764 5.2 and RFC 6347 4.2.8: each stream opens under the keys of its time; batches do not show."""
    first, second, wire = cases()["1.2-gcm"], cases()["1.2-chacha"], Wire()
    shake(wire, first)
    talk(wire, first, ssrc=2)
    shake(wire, second)
    talk(wire, second, ssrc=4)
    talk(wire, first, 1, ssrc=2, first=31)  # a straggler under the old keys
    ring = keyring(first.key_log, second.key_log)
    made = streams(wire.run(keyring=ring))
    assert [(row["suite"], row["authenticated"]) for row in made.values()] == [
        ("AES_CM_128_HMAC_SHA1_80", 31),
        ("AES_CM_128_HMAC_SHA1_80", 31),
        ("AES_CM_128_HMAC_SHA1_32", 30),
        ("AES_CM_128_HMAC_SHA1_32", 30),
    ]
    assert {row["failure"] for row in made.values()} == {None}
    for size in (1, 7):
        assert streams(wire.run(rows=size, keyring=keyring(first.key_log, second.key_log))) == made


def test_many_flows_each_have_their_keys() -> None:
    wire, chosen = Wire(), [cases()[name] for name in NAMES[:6]]
    clients = [at("10.0.0.1", 4000 + 2 * n) for n in range(6)]
    for case, client in zip(chosen, clients, strict=True):
        shake(wire, case, client)
    for n, (case, client) in enumerate(zip(chosen, clients, strict=True)):
        talk(wire, case, ssrc=2 * n + 2, client=client)
    made = streams(wire.run(keyring=keyring(*(case.key_log for case in chosen))))
    assert len(made) == 12
    assert {row["authenticated"] for row in made.values()} == {30}


def test_media_that_moved_to_another_address_still_opens() -> None:
    """ICE chose another pair after the handshake, or a NAT stood between two vantage points: one end is the same."""
    case, wire = cases()["1.2-gcm"], Wire()
    shake(wire, case)
    talk(wire, case, client=at("192.0.2.7", 61_000))
    made = streams(wire.run(keyring=keyring(case.key_log)))
    assert [row["authenticated"] for row in made.values()] == [30, 30]


def test_keys_of_a_neighbour_blame_no_stream() -> None:
    """Plain RTP to the server of another flow: the keys at hand are not its own, and say nothing of it."""
    case, wire = cases()["1.2-gcm"], Wire()
    shake(wire, case)
    for number in range(600):
        wire.udp(at("192.0.2.7", 61_000), SERVER, rtp(number))
    engine = wire.run(keyring=keyring(case.key_log))
    (row,) = streams(engine).values()
    assert (row["protection"], row["authenticated"], row["auth_failed"], row["failure"]) == ("clear", None, None, None)


def test_without_the_secret_the_connection_says_what_is_missing() -> None:
    case, wire = cases()["1.2-gcm"], Wire()
    shake(wire, case)
    talk(wire, case)
    engine = wire.run(keyring=keyring(cases()["1.2-ccm"].key_log))
    connection = found(engine)
    assert not connection.decrypted
    assert connection.failure.startswith("no secret for ")
    assert {row["authenticated"] for row in streams(engine).values()} == {None}
    assert anomalies(engine) == {}


def test_without_a_handshake_the_connection_says_what_is_missing() -> None:
    (case,) = [case for name, case in cases().items() if name == "1.2-gcm"]
    wire = Wire()
    for from_client, data in case.datagrams[13:]:
        wire.udp(*(CLIENT, SERVER) if from_client else (SERVER, CLIENT), data)
    connection = found(wire.run(keyring=keyring(case.key_log)))
    assert connection.failure == "its handshake was not captured: a capture from the connection's beginning would do"


def test_a_wrong_secret_is_refused_by_name() -> None:
    """The log gives another master secret for this client random: records and tags fail, nothing raises."""
    case, wire = cases()["1.2-gcm"], Wire()
    shake(wire, case)
    talk(wire, case)
    line = next(part for part in case.key_log.split(b"\n") if part.startswith(b"CLIENT_RANDOM"))
    wrong = line[:-4] + (b"0000" if line[-4:] != b"0000" else b"1111") + b"\n"
    engine = wire.run(keyring=keyring(wrong))
    assert found(engine).failure == "records do not verify with the key at hand"
    assert anomalies(engine)["dtls.record_refused"] >= 4
    assert {(row["authenticated"], row["auth_failed"]) for row in streams(engine).values()} == {(0, 30)}


@pytest.mark.parametrize("name", ["1.2-gcm", "1.2-fragments"])
def test_a_handshake_with_any_datagram_missing_claims_nothing_wrong(name: str) -> None:
    """What opens, opens under the right keys; what does not has a reason."""
    case = cases()[name]
    for lost in range(len(case.datagrams)):
        wire = Wire()
        shake(wire, replace(case, datagrams=[*case.datagrams[:lost], *case.datagrams[lost + 1 :]]))
        engine = wire.run(keyring=keyring(case.key_log))
        keys = engine.keys.dtls.keys(CLIENT, SERVER, 1 << 60)
        assert [key.material.reveal() for key in keys] in ([], [halves(case)[0]]), lost
        assert found(engine).decrypted or found(engine).failure, lost
        assert "dtls.record_refused" not in anomalies(engine)


@given(st.sampled_from(NAMES), st.lists(st.tuples(st.integers(0, 99), st.integers(0, 999), st.integers(1, 255))))
def test_no_flipped_handshake_raises(name: str, flips: list[tuple[int, int, int]]) -> None:
    """Containment is off."""
    case = cases()[name]
    datagrams = [(sent, bytearray(data)) for sent, data in case.datagrams]
    for where, at_byte, mask in flips:
        data = datagrams[where % len(datagrams)][1]
        data[at_byte % len(data)] ^= mask
    wire = Wire()
    shake(wire, replace(case, datagrams=[(sent, bytes(data)) for sent, data in datagrams]))
    wire.run(keyring=keyring(case.key_log))


def test_associations_are_bounded() -> None:
    case, wire = cases()["1.2-gcm"], Wire()
    for port in range(6):
        shake(wire, case, at("10.0.0.1", 4000 + port))
    engine = wire.run(keyring=keyring(case.key_log), limits=Limits(dtls_sessions=2), finish=False)
    assert anomalies(engine)["dtls.sessions_limit"] == 4
    assert engine.keys.dtls.evicted == 4


# -- keys that the user supplied ---------------------------------------------------------------------------------------


def supplied(case: Recorded, *, ssrc: int | None, client: bool = True) -> SrtpMaster:
    from analyzer.core.secrets import Secret

    return SrtpMaster("one", ssrc, PROFILES[case.profile][3], Secret(halves(case)[not client]), b"", None)


@pytest.mark.parametrize("ssrc", [0x11223344, None])
def test_a_supplied_key_opens_its_stream(ssrc: int | None) -> None:
    case, wire = cases()["1.2-gcm"], Wire()
    talk(wire, case)
    ring = Keyring()
    ring.add_entry(supplied(case, ssrc=ssrc), "bundle: one")
    made = streams(wire.run(keyring=ring))
    assert (made["0x11223344"]["authenticated"], made["0x11223344"]["decrypted"]) == (30, 30)
    assert made["0x11223345"]["authenticated"] is None
    assert [(source.opened, source.problem) for source in ring.sources] == [(30, "")]


def test_a_supplied_key_that_fits_late_is_not_tried_for_ever() -> None:
    """A key for any stream is tried with as many packets as are kept, whatever the batches."""
    case, wire = cases()["1.2-gcm"], Wire()
    ours = session(case, True)
    for number in range(1, 61):
        wire.udp(CLIENT, SERVER, ours.protect(rtp(number)) if number > 40 else rtp(number) + bytes(10))
    made = []
    for size in (1, 7, 32_768):
        ring = Keyring()
        ring.add_entry(supplied(case, ssrc=None), "bundle: one")
        made.append(streams(wire.run(rows=size, keyring=ring, limits=Limits(key_wait_packets=20))))
    assert made[0] == made[1] == made[2]
    assert [row["authenticated"] for row in made[0].values()] == [None]


def test_rtcp_of_the_flow_opens_too() -> None:
    """RFC 5761: RTP and RTCP on one flow, keyed once. BYE is read out of what was encrypted."""
    case, wire = cases()["1.2-gcm"], Wire()
    shake(wire, case)
    ours = session(case, True)
    report = struct.pack(">BBHI", 0x80, 201, 1, 0x11223344) + struct.pack(">BBHI", 0x81, 203, 1, 0x11223344)
    wire.udp(CLIENT, SERVER, ours.protect_rtcp(report))
    engine = wire.run(keyring=keyring(case.key_log), finish=False)
    (record,) = engine.streams.rtcp.between(CLIENT, SERVER)
    assert (record.packets, record.plain, record.authenticated, record.encrypted, record.failed) == (1, 0, 1, 1, 0)
    assert record.bye


def with_profile(case: Recorded, number: int) -> Recorded:
    """The same handshake, another profile in both hellos: what is exported does not depend on it (RFC 5764 4.2)."""
    old, new = b"\x00\x0e\x00\x05\x00\x02\x00\x01\x00", struct.pack(">HHHHB", 14, 5, 2, number, 0)
    changed = [(from_client, data.replace(old, new)) for from_client, data in case.datagrams]
    assert sum(data != before for (_, data), (_, before) in zip(changed, case.datagrams, strict=True)) >= 2
    return replace(case, datagrams=changed)


@pytest.mark.parametrize(("number", "name", "tag"), [(5, "NULL_HMAC_SHA1_80", 10), (6, "NULL_HMAC_SHA1_32", 4)])
def test_the_null_profiles(number: int, name: str, tag: int) -> None:
    """RFC 5764 4.1.2: authentication only; master keys and salts as the AES-CM PRF of RFC 3711 4.3 has them; the tag
    of SRTCP has 80 bits in both. The sender is that of tests/crypto/srtp."""
    case, wire = cases()["1.2-gcm"], Wire()
    shake(wire, with_profile(case, number))
    client, server = (Sender("null", half[:16], half[16:], tag, 10) for half in halves(case))
    for index in range(1, 31):
        for sender, src, dst, ssrc in ((client, CLIENT, SERVER, 1), (server, SERVER, CLIENT, 2)):
            packet = rtp(index, ssrc=ssrc)
            wire.udp(src, dst, sender.rtp(packet[:12], packet[12:], 0))
    wire.udp(CLIENT, SERVER, client.rtcp(struct.pack(">BBHI", 0x80, 201, 1, 1), 1, encrypt=False))
    engine = wire.run(keyring=keyring(case.key_log))
    assert {(row["suite"], row["authenticated"], row["auth_failed"]) for row in streams(engine).values()} == {
        (name, 30, 0)
    }
    (flow_,) = engine.streams.rtcp.between(CLIENT, SERVER)
    assert (flow_.authenticated, flow_.failed) == (1, 0)


@pytest.mark.parametrize("number", [11, 14])
def test_a_profile_that_is_only_recognised(number: int) -> None:
    """RFC 8269: named in the report, not opened."""
    case, wire = cases()["1.2-gcm"], Wire()
    shake(wire, with_profile(case, number))
    for index in range(1, 31):
        wire.udp(CLIENT, SERVER, rtp(index, bytes((index,)) * 170))
    (row,) = streams(wire.run(keyring=keyring(case.key_log))).values()
    assert (str(row["suite"])[:5], row["failure"], row["decrypted"]) == ("ARIA_", "unsupported_suite", 0)
