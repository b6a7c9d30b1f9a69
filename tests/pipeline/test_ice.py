"""Media that ICE or NAT moved away from the addresses described, found by connectivity checks and mapped addresses."""

import hashlib
import hmac
import struct

import pytest

from analyzer.core.addresses import Address
from analyzer.core.limits import Limits
from analyzer.pipeline.engine import Engine
from tests.pipeline.sdp import audio
from tests.pipeline.test_datagrams import COOKIE, attribute
from tests.pipeline.wire import Wire, anomalies, at, message, rows, rtp

PROXY = at("198.51.100.9", 5060)
MIXER = at("198.51.100.1", 10_000)  # one port for everybody
BEYOND = "203.0.113.7"  # as the mixer sees who is behind the NAT
STUN = at("198.51.100.2", 3478)


def ua(number: int) -> Address:
    return at(f"192.168.0.{number}", 5060)


def inside(number: int) -> Address:
    return at(f"192.168.0.{number}", 4000)


def outside(number: int) -> Address:
    return at(BEYOND, 50_000 + number)


def ice(fragment: str, password: str) -> str:
    """RFC 8839 5.4."""
    return f"a=ice-ufrag:{fragment}\r\na=ice-pwd:{password}\r\n"


def transaction(number: int) -> bytes:
    return number.to_bytes(12, "big")


def check(username: str, password: str, number: int = 7) -> bytes:
    """A Binding request with USERNAME and MESSAGE-INTEGRITY (RFC 8445 7.2.2, RFC 8489 14.5)."""
    body = attribute(0x06, username.encode())
    head = struct.pack(">HHI", 1, len(body) + 24, COOKIE) + transaction(number) + body
    return head + attribute(0x08, hmac.digest(password.encode(), head, hashlib.sha1))


def asked(number: int) -> bytes:
    """A Binding request of anybody (RFC 8489 5)."""
    return struct.pack(">HHI", 1, 0, COOKIE) + transaction(number)


def shown(number: int, address: Address) -> bytes:
    """Its success response with XOR-MAPPED-ADDRESS (RFC 8489 14.2)."""
    value = struct.pack(">BBHI", 0, 1, address.port ^ 0x2112, address.ip & 0xFFFFFFFF ^ COOKIE)
    body = attribute(0x20, value)
    return struct.pack(">HHI", 0x0101, len(body), COOKIE) + transaction(number) + body


def hops(engine: Engine) -> list[dict[str, object]]:
    return [hop for hop in rows(engine.closer.hops) if hop["plane"] == "media"]


def claimed(engine: Engine) -> dict[str, set[str]]:
    """Which call has the stream from and to each inner address."""
    found: dict[str, set[str]] = {}
    for stream in rows(engine.closer.stream_rows):
        found.setdefault(str(stream["call"]), set()).update((str(stream["src"]), str(stream["dst"])))
    return {call: ends - {str(MIXER)} for call, ends in found.items()}


def invite(wire: Wire, number: int, ours: str, theirs: str) -> None:
    """A call through the NAT: what it describes is the address beyond it."""
    name = f"call{number}"
    wire.udp(ua(number), PROXY, message("INVITE", name, audio(outside(number), lines=ours)))
    wire.udp(PROXY, ua(number), message("INVITE", name, audio(MIXER, lines=theirs), status=200))
    wire.udp(ua(number), PROXY, message("ACK", name))


def talk(wire: Wire, number: int, count: int = 30) -> None:
    for each in range(count):
        wire.udp(inside(number), MIXER, rtp(each, ssrc=1_000 + number))
        wire.udp(MIXER, inside(number), rtp(each, ssrc=2_000 + number))


def two_calls(passwords: tuple[str, str] = ("pwd-a", "pwd-b"), fragments: tuple[str, str] = ("frga", "frgb")) -> Wire:
    """Two UEs behind one NAT talk to one port of a mixer; checks name the receiver's fragment first."""
    wire = Wire()
    for number, fragment in enumerate(fragments, 1):
        invite(wire, number, ice(fragment, f"secret-{number}"), ice(f"mix{fragment}", f"pwd-{'ab'[number - 1]}"))
    for number, (fragment, password) in enumerate(zip(fragments, passwords, strict=True), 1):
        wire.udp(inside(number), MIXER, check(f"mix{fragment}:{fragment}", password, number))
        wire.udp(MIXER, inside(number), check(f"{fragment}:mix{fragment}", f"secret-{number}", 90 + number))
    for number in (1, 2):
        talk(wire, number)
    return wire


EACH_ITS_OWN = {"call-1": {str(inside(1))}, "call-2": {str(inside(2))}}


@pytest.mark.parametrize("size", [1, 7, 32_768])
def test_checks_tell_calls_apart_at_one_port(size: int) -> None:
    """The fragments of both descriptions, that of the receiver first (RFC 8445 7.2.2)."""
    wire = two_calls()
    engine = wire.run(rows=size)
    assert claimed(engine) == EACH_ITS_OWN
    one, two = hops(engine)
    assert (one["packets"], two["packets"]) == (60, 60)
    (move,) = one["moved"]
    assert (move["from"], move["to"], move["by"]) == (str(inside(1)), str(MIXER), "ice_check")
    frame = 1 + next(n for n, (_, data) in enumerate(wire.frames) if b"mixfrga:frga" in data)
    assert [cite["frame"] for cite in move["evidence"]] == [frame]
    assert not [kind for kind in anomalies(engine) if kind.startswith("ice.")]


def test_more_calls_at_one_port_than_are_looked_at() -> None:
    """Whose flow is known is not looked for among all streams at the port, nor parts others' streams by its end."""
    wire, count = Wire(), 9
    for number in range(1, count):
        invite(wire, number, ice(f"own{number}", f"secret-{number}"), ice(f"mix{number}", f"pwd-{number}"))
        wire.udp(inside(number), MIXER, check(f"mix{number}:own{number}", f"pwd-{number}", number))
    for each in range(30):
        for number in range(1, count):
            wire.udp(inside(number), MIXER, rtp(each, ssrc=1_000 + number))
            wire.udp(MIXER, inside(number), rtp(each, ssrc=2_000 + number))
        if each == 10:
            wire.udp(ua(1), PROXY, message("BYE", "call1", cseq=2))
            wire.udp(PROXY, ua(1), message("BYE", "call1", cseq=2, status=200))
            wire.now_ns += 60_000_000_000  # the first call is judged while the others go on
    engine = wire.run(limits=Limits(streams_per_address=1, stream_idle_ns=10**12))
    found = sorted((hop["packets"], hop["state"]) for hop in hops(engine))
    assert found[-7:] == [(60, "clear")] * 7
    assert len(rows(engine.closer.stream_rows)) == 2 * 8 + 2  # what the first one's ends sent on behind its end


def test_a_check_under_another_password_binds_nothing() -> None:
    """Anybody may write a USERNAME; who received no description has no password (RFC 8445 7.2.2)."""
    wire = two_calls()
    stranger = at("192.168.0.66", 4000)
    wire.udp(stranger, MIXER, check("mixfrga:frga", "guessed"))
    for each in range(30):
        wire.udp(stranger, MIXER, rtp(each, ssrc=666))
    found = claimed(wire.run())
    assert found == {**EACH_ITS_OWN, "None": {str(stranger)}}


def test_fragments_of_two_calls_bind_nothing() -> None:
    """Who has the same fragments and passwords could be either: the addresses described are what is left."""
    wire = two_calls(passwords=("pwd-a", "pwd-b"), fragments=("same", "same"))
    engine = wire.run()
    assert all(hop["moved"] == [] for hop in hops(engine))
    assert anomalies(engine)["ice.fragments_shared"] == 2


def test_checks_past_the_bound_are_named() -> None:
    engine = two_calls().run(limits=Limits(ice_checks=1))
    assert anomalies(engine)["ice.checks_limit"] == 1


def test_both_sides_of_a_nat_are_one_stream() -> None:
    """The same packets before and behind the NAT: counted once (one packet, several sightings)."""
    wire = Wire()
    invite(wire, 1, ice("frga", "secret-1"), ice("mixfrga", "pwd-a"))
    for place in (inside(1), outside(1)):
        wire.udp(place, MIXER, check("mixfrga:frga", "pwd-a"))
    for each in range(30):
        for place in (inside(1), outside(1)):
            wire.udp(place, MIXER, rtp(each, ssrc=1_001))
    engine = wire.run()
    (hop,) = hops(engine)
    assert hop["packets"] == 30
    assert claimed(engine) == {"call-1": {str(inside(1)), str(outside(1))}}


def mapped_calls(*, solicited: bool = True, also: bool = False) -> Wire:
    """Two UEs behind a NAT learned from a STUN server what they describe; no ICE."""
    wire = Wire()
    for number in (1, 2):
        if solicited:
            wire.udp(inside(number), STUN, asked(number))
        wire.udp(STUN, inside(number), shown(number, outside(number)))
    if also:
        wire.udp(at("192.168.0.66", 4000), STUN, asked(66))
        wire.udp(STUN, at("192.168.0.66", 4000), shown(66, outside(1)))
    for number in (1, 2):
        invite(wire, number, "", "")
    for number in (1, 2):
        talk(wire, number)
    return wire


@pytest.mark.parametrize("size", [1, 32_768])
def test_a_mapped_address_leads_behind_the_nat(size: int) -> None:
    engine = mapped_calls().run(rows=size)
    assert claimed(engine) == EACH_ITS_OWN
    (move,) = hops(engine)[0]["moved"]
    assert (move["from"], move["by"]) == (str(inside(1)), "mapped_address")
    assert [cite["frame"] for cite in move["evidence"]] == [2]


def test_a_response_that_nobody_asked_for_shows_nothing() -> None:
    assert all(hop["moved"] == [] for hop in hops(mapped_calls(solicited=False).run()))


def test_an_address_of_two_hosts_leads_to_neither() -> None:
    first, second = hops(mapped_calls(also=True).run())
    assert (first["moved"], len(second["moved"])) == ([], 1)


def test_a_call_lasts_as_long_as_its_checks() -> None:
    """Consent is asked for all the time (RFC 7675 5.1), while SIP is silent and media run where no SDP says."""
    wire = Wire()
    nowhere = at("0.0.0.0", 9)
    wire.udp(ua(1), PROXY, message("INVITE", "call", audio(nowhere, lines=ice("frga", "secret-1"))))
    wire.udp(PROXY, ua(1), message("INVITE", "call", audio(nowhere, lines=ice("mix", "pwd-a")), status=200))
    for number in range(60):
        wire.now_ns += 10_000_000_000
        wire.udp(inside(1), MIXER, check("mix:frga", "pwd-a", number))
        wire.udp(inside(1), MIXER, rtp(number, ssrc=1_001))
    engine = wire.run()
    (hop,) = hops(engine)
    assert hop["packets"] == 60
    assert claimed(engine) == {"call-1": {str(inside(1))}}


def test_floor_control_runs_where_its_checks_do() -> None:
    """Any component over datagrams may use ICE (RFC 8839 4): BFCP at an address that no description names."""
    query = bytes.fromhex("40070001000012670002000205040001")  # RFC 8855 5.1, version 2: conference 4711, user 2
    wire = Wire()

    def floor(fragment: str, password: str, *lines: str) -> bytes:
        said = audio(at("0.0.0.0", 9)).replace(b"m=audio 9 RTP/AVP 0", b"m=application 9 UDP/BFCP *")
        return said + "".join(f"{line}\r\n" for line in lines).encode() + ice(fragment, password).encode()

    offer, answer = floor("ours", "p1", "a=floorctrl:c-only"), floor("mix", "p2", "a=confid:4711", "a=userid:2")
    wire.udp(ua(1), PROXY, message("INVITE", "call", offer))
    wire.udp(PROXY, ua(1), message("INVITE", "call", answer, status=200))
    wire.udp(inside(1), MIXER, check("mix:ours", "p2"))
    wire.udp(inside(1), MIXER, query)
    (hop,) = hops(wire.run())
    assert (hop["medium"], hop["packets"], hop["state"]) == ("bfcp", 2, "clear_udp")  # the check is of the flow, too
    assert [(move["from"], move["by"]) for move in hop["moved"]] == [(str(inside(1)), "ice_check")]  # type: ignore[attr-defined]  # rows
