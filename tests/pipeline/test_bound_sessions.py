"""Sessions of MSRP and BFCP bound to the m-lines that negotiated them, and what differs from their SDP."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from analyzer.core.addresses import Address
from analyzer.core.limits import Limits
from analyzer.pipeline.engine import Engine
from analyzer.session.msrp_binding import _STRANGERS
from tests.golden.runs import rules
from tests.linear import assert_linear
from tests.pipeline.wire import STEP_NS, Wire, anomalies, at, message, rows

UA, UB = at("192.0.2.1", 5060), at("192.0.2.2", 5060)
GATEWAY = "198.51.100.1"
SERVER = "198.51.100.9"


def sdp(host: str, *lines: str) -> bytes:
    family = "IP6" if ":" in host else "IP4"
    head = ("v=0", f"o=- 1 1 IN {family} {host}", "s=-", f"c=IN {family} {host}", "t=0 0")
    return "".join(f"{line}\r\n" for line in (*head, *lines)).encode()


def msrp_line(path: str, port: int = 2855, *lines: str) -> tuple[str, ...]:
    return (f"m=message {port} TCP/MSRP *", "a=accept-types:text/plain", f"a=path:{path}", *lines)


def call(
    wire: Wire, offer: bytes, answer: bytes, call_id: str = "call", ends: tuple[Address, Address] = (UA, UB)
) -> None:
    wire.udp(*ends, message("INVITE", call_id, offer))
    wire.udp(*ends[::-1], message("INVITE", call_id, answer, status=200))
    wire.udp(*ends, message("ACK", call_id))


def send(wire: Wire, src: Address, dst: Address, sender: str, to: str, tid: str = "t1xx") -> None:
    """An empty connection opened by a SEND and its answer (RFC 4975 5.4)."""
    wire.connect(src, dst)
    wire.tcp(
        src,
        dst,
        f"MSRP {tid} SEND\r\nTo-Path: {to}\r\nFrom-Path: {sender}\r\nMessage-ID: mid1\r\n-------{tid}$\r\n".encode(),
    )
    wire.tcp(dst, src, f"MSRP {tid} 200 OK\r\nTo-Path: {sender}\r\nFrom-Path: {to}\r\n-------{tid}$\r\n".encode())


def chunk(number: int, body: str, reach: str, flag: str = "$", *, to: str, sender: str) -> bytes:
    """A SEND of message 1 (RFC 4975 7.1) whose response is not wanted."""
    head = f"MSRP tid{number:05} SEND\r\nTo-Path: {to}\r\nFrom-Path: {sender}\r\nMessage-ID: mid00001\r\n"
    about = f"Byte-Range: {reach}\r\nFailure-Report: no\r\nContent-Type: text/plain\r\n\r\n"
    return f"{head}{about}{body}\r\n-------tid{number:05}{flag}\r\n".encode()


def sessions(engine: Engine, kind: str = "msrp") -> list[list[Any]]:
    """Of each call, in the order in which they closed."""
    return [row.get(kind, []) for row in rows(engine.closer.calls)]  # type: ignore[misc]  # a list of objects


def ours(engine: Engine) -> dict[str, int]:
    """Anomalies of the two protocols."""
    return {code: count for code, count in anomalies(engine).items() if code.startswith(("msrp.", "bfcp."))}


def said(engine: Engine, rule: str) -> dict[str, int]:
    """Verdicts of a rule, those that do not apply left out."""
    return {v.value: n for v, n in engine.judge.tallies[rule].counts.items() if n and v.value != "n/a"}


def bound(engine: Engine) -> list[tuple[str, str, bool]]:
    return [(s["from"], s["bound"], s["ids_match"]) for of_call in sessions(engine) for s in of_call]


def test_by_path_uri() -> None:
    wire = Wire()
    one, two = "msrp://192.0.2.1:7654/aaaa;tcp", "msrp://192.0.2.2:2855/bbbb;tcp"
    call(wire, sdp("192.0.2.1", *msrp_line(one, 7654)), sdp("192.0.2.2", *msrp_line(two)))
    send(wire, at("192.0.2.1", 50_000), at("192.0.2.2", 2855), one, two)
    engine = wire.run()
    assert bound(engine) == [("192.0.2.1:50000", "path", True)]
    assert ours(engine) == {}


@pytest.mark.parametrize(
    ("client", "tid", "verdict"),
    [("192.0.2.1", "t2xx", "fail"), ("203.0.113.66", "t2xx", "open"), (None, "", "pass")],
    ids=["the same host", "a host that no SDP names", "one connection"],
)
def test_a_second_connection_for_a_session(client: str | None, tid: str, verdict: str) -> None:
    """RFC 4975 5.4: refused, where it is to be. A stranger's may be the first one beyond a NAT: never a pass."""
    wire = Wire()
    one, two = "msrp://192.0.2.1:7654/aaaa;tcp", "msrp://192.0.2.2:2855/bbbb;tcp"
    call(wire, sdp("192.0.2.1", *msrp_line(one, 7654)), sdp("192.0.2.2", *msrp_line(two)))
    server = at("192.0.2.2", 2855)
    send(wire, at("192.0.2.1", 50_000), server, one, two)
    if client is not None:
        send(wire, at(client, 50_001), server, one, two, tid)
    again = f"MSRP t3xx SEND\r\nTo-Path: {two}\r\nFrom-Path: {one}\r\nMessage-ID: mid3\r\n-------t3xx$\r\n"
    wire.tcp(at("192.0.2.1", 50_000), server, again.encode())
    assert set(said(wire.run(rules=rules()), "MSRP-08")) == {verdict}


def test_by_path_uri_where_hosts_are_names() -> None:
    """RFC 4975 6: the authority may be a name; behind NAT the connection comes from elsewhere than c= says."""
    wire = Wire()
    one, two = "msrp://a.example:7654/aaaa;tcp", "msrp://b.example:2855/bbbb;tcp"
    call(wire, sdp("10.9.9.9", *msrp_line(one, 7654)), sdp("192.0.2.2", *msrp_line(two)))
    send(wire, at("203.0.113.77", 50_000), at("192.0.2.2", 9_999), one, two)
    assert bound(wire.run()) == [("203.0.113.77:50000", "path", True)]


def test_by_session_ids_where_a_middlebox_rewrote_hosts() -> None:
    """CEMA, RFC 6714 4: c= and m= lead to the middlebox, the path stays, the ids are those of the ends."""
    wire = Wire()
    one, two = "msrp://10.9.9.9:7654/aaaa;tcp", "msrp://10.8.8.8:2855/bbbb;tcp"
    call(
        wire,
        sdp("192.0.2.1", *msrp_line(one, 7654, "a=msrp-cema")),
        sdp(GATEWAY, *msrp_line(two, 12_000, "a=msrp-cema")),
    )
    send(wire, at("192.0.2.1", 50_000), at(GATEWAY, 12_000), one.replace("10.9.9.9:7654", "192.0.2.1:50000"), two)
    assert bound(wire.run()) == [("192.0.2.1:50000", "session_id", True)]


def test_calls_that_share_two_addresses_are_told_apart() -> None:
    """Many users behind one gateway talk to one server: each call has the connection of its own session ids."""
    wire = Wire()
    for number in (1, 2):
        one, two = f"msrp://{GATEWAY}:7000/one{number};tcp", f"msrp://{SERVER}:2855/two{number};tcp"
        call(wire, sdp(GATEWAY, *msrp_line(one, 7000)), sdp(SERVER, *msrp_line(two)), f"call{number}")
    for number in (2, 1):
        one, two = f"msrp://{GATEWAY}:7000/one{number};tcp", f"msrp://{SERVER}:2855/two{number};tcp"
        send(wire, at(GATEWAY, 50_000 + number), at(SERVER, 2855), one, two, f"t{number}xx")
    engine = wire.run()
    found = [[s["from"] for s in of_call] for of_call in sessions(engine)]
    assert found == [[f"{GATEWAY}:50001"], [f"{GATEWAY}:50002"]]
    assert ours(engine) == {}


def test_session_ids_that_no_description_has() -> None:
    """RFC 4975 7.3: a request for an unknown session is answered by 481; here it is accepted."""
    wire = Wire()
    one, two = "msrp://192.0.2.1:7654/aaaa;tcp", "msrp://192.0.2.2:2855/bbbb;tcp"
    call(wire, sdp("192.0.2.1", *msrp_line(one, 7654)), sdp("192.0.2.2", *msrp_line(two)))
    send(
        wire, at("192.0.2.1", 50_000), at("192.0.2.2", 2855), one.replace("aaaa", "evil"), two.replace("bbbb", "evil2")
    )
    engine = wire.run()
    assert bound(engine) == [("192.0.2.1:50000", "address", False)]
    assert ours(engine) == {"msrp.sdp_mismatch": 1}


def test_what_leads_to_a_connection_twice_is_one_connection() -> None:
    """The answer names one place in c=, m= and path; the offer one that nobody connects from (RFC 4145 4)."""
    wire = Wire()
    one, two = "msrp://10.9.9.9:7654/aaaa;tcp", "msrp://192.0.2.2:2855/bbbb;tcp"
    call(wire, sdp("10.9.9.9", *msrp_line(one, 7654)), sdp("192.0.2.2", *msrp_line(two)))
    send(wire, at("192.0.2.1", 50_000), at("192.0.2.2", 2855), one, two)
    engine = wire.run()
    assert bound(engine) == [("192.0.2.1:50000", "path", True)]
    (hop,) = [row for row in rows(engine.closer.hops) if row["medium"] == "message"]
    assert hop["packets"] == 4  # SYN, its answer, SEND, its response


def test_ipv6() -> None:
    """RFC 4975 6: an address in brackets; SIP, SDP and MSRP all over IPv6, the path written another way on the wire."""
    wire = Wire()
    one, two = "msrp://[2001:db8::1]:7654/aaaa;tcp", "msrp://[2001:db8::2]:2855/bbbb;tcp"
    ends = at("2001:db8::a", 5060), at("2001:db8::b", 5060)
    call(wire, sdp("2001:db8::1", *msrp_line(one, 7654)), sdp("2001:db8::2", *msrp_line(two)), ends=ends)
    client, server = at("2001:db8::1", 50_000), at("2001:db8::2", 2855)
    one = one.replace("db8::", "0DB8:0:0:0::")
    send(wire, client, server, one, two)
    wire.tcp(client, server, chunk(10, "hello ", "1-6/11", "+", to=two, sender=one))
    wire.tcp(client, server, chunk(11, "world", "7-11/11", to=two, sender=one))
    assert all(frame[0] >> 4 == 6 for _, frame in wire.frames)
    engine = wire.run(rules=rules())
    (session,) = sessions(engine)[0]
    assert (session["from"], session["to"]) == ("[2001:db8::1]:50000", "[2001:db8::2]:2855")
    assert (session["bound"], session["ids_match"], session["messages"], session["bytes"]) == ("path", True, 1, 11)
    (hop,) = [row for row in rows(engine.closer.hops) if row["medium"] == "message"]
    assert (hop["state"], hop["transport"], hop["packets"]) == ("clear", "TCP/MSRP", 6)
    assert {rule: said(engine, rule) for rule in ("MSRP-03", "MSRP-04", "MSRP-06")} == {
        "MSRP-03": {"pass": 2}, "MSRP-04": {"pass": 1}, "MSRP-06": {"pass": 1},
    }  # fmt: skip
    assert ours(engine) == {}


def test_files_are_described() -> None:
    """RFC 5547 8.1: the offerer that only sends offers its file."""
    wire = Wire()
    one, two = "msrp://192.0.2.1:7654/aaaa;tcp", "msrp://192.0.2.2:2855/bbbb;tcp"
    file = 'a=file-selector:name:"a b.jpg" type:image/jpeg size:32349 hash:sha-1:72:24'
    call(wire, sdp("192.0.2.1", *msrp_line(one, 7654, "a=sendonly", file)), sdp("192.0.2.2", *msrp_line(two)))
    send(wire, at("192.0.2.1", 50_000), at("192.0.2.2", 2855), one, two)
    ((session,),) = sessions(wire.run())
    assert session["files"] == [
        {"name": "a b.jpg", "type": "image/jpeg", "size": 32349, "hash": "sha-1", "sender": "offerer"}
    ]


# -- BFCP ------------------------------------------------------------------------------------------------------------


def bfcp_call(wire: Wire, client: str, user: int, call_id: str, floors: Sequence[str] = ("1 mstrm:10",)) -> None:
    offer = ("m=application 9 TCP/BFCP *", "a=floorctrl:c-only", "a=setup:active")
    given = [f"a=floorid:{floor}" for floor in floors]
    answer = ("m=application 5070 TCP/BFCP *", "a=floorctrl:s-only", "a=confid:4711", f"a=userid:{user}", *given)
    call(wire, sdp(client, *offer), sdp(SERVER, *answer), call_id)


def hello(wire: Wire, src: Address, user: int, conference: int = 4711, floor: int = 1) -> None:
    """FloorQuery (RFC 8855 5.3.7) and its answer."""
    ends = at(SERVER, 5070)
    wire.connect(src, ends)
    head = conference.to_bytes(4, "big") + b"\0\1" + user.to_bytes(2, "big") + b"\5\4" + floor.to_bytes(2, "big")
    wire.tcp(src, ends, b"\x20\7\0\1" + head)
    wire.tcp(ends, src, b"\x20\x08\0\1" + head)


def test_bfcp_is_told_apart_by_user_id() -> None:
    wire = Wire()
    bfcp_call(wire, GATEWAY, 1, "call1")
    bfcp_call(wire, GATEWAY, 2, "call2")
    hello(wire, at(GATEWAY, 50_002), 2)
    hello(wire, at(GATEWAY, 50_001), 1)
    engine = wire.run()
    found = [[(s["client"], s["bound"], s["users"]) for s in of_call] for of_call in sessions(engine, "bfcp")]
    assert found == [
        [(f"{GATEWAY}:50001", "identifiers", [1])],
        [(f"{GATEWAY}:50002", "identifiers", [2])],
    ]
    assert [[f["labels"] for f in of_call] for of_call in sessions(engine, "floors")] == [[["10"]], [["10"]]]
    assert ours(engine) == {}


def test_ids_that_the_sdp_does_not_have() -> None:
    wire = Wire()
    bfcp_call(wire, GATEWAY, 1, "call1")
    hello(wire, at(GATEWAY, 50_001), 7, floor=9)
    engine = wire.run()
    ((session,),) = sessions(engine, "bfcp")
    assert (session["bound"], session["mismatches"]) == ("address", ["user 7", "floor 9"])
    assert ours(engine) == {"bfcp.sdp_mismatch": 1}


@pytest.mark.parametrize(
    ("offered", "answered", "wrong"),
    [
        ("c-only", "s-only", 0),
        ("c-only s-only", "s-only", 0),
        ("s-only", "c-only", 1),  # RFC 8856 5.1: the offerer is the server
        ("c-s", "c-s", 0),  # RFC 4583 5: each is both
        ("", "", 0),  # neither says: the answerer is the server
        ("s-only", "", 0),
    ],
)
def test_who_is_the_floor_control_server(offered: str, answered: str, wrong: int) -> None:
    """The answerer serves the floor on the wire."""
    wire = Wire()
    lines = [f"a=floorctrl:{word}" if word else "a=sendrecv" for word in (offered, answered)]
    ids = ("a=confid:4711", "a=userid:1", "a=floorid:1 mstrm:10")
    offer = sdp(GATEWAY, "m=application 9 TCP/BFCP *", lines[0], "a=setup:active")
    call(wire, offer, sdp(SERVER, "m=application 5070 TCP/BFCP *", lines[1], *ids))
    hello(wire, at(GATEWAY, 50_001), 1)
    engine = wire.run(rules=rules())
    assert ours(engine) == ({"bfcp.sdp_role": 1} if wrong else {})
    assert said(engine, "BFCP-10") == {"fail" if wrong else "pass": 1}


def test_strangers_at_one_address_are_counted_past_a_bound() -> None:
    """As many as are judged are named one by one, however many connections an m-line's address has."""
    wire = Wire()
    one, two = "msrp://192.0.2.1:7654/aaaa;tcp", "msrp://192.0.2.2:2855/bbbb;tcp"
    call(wire, sdp("192.0.2.1", *msrp_line(one, 7654)), sdp("192.0.2.2", *msrp_line(two)))
    for number in range(_STRANGERS + 5):
        ids = one.replace("aaaa", f"evil{number}"), two.replace("bbbb", f"other{number}")
        send(wire, at("192.0.2.1", 50_000 + number), at("192.0.2.2", 2855), *ids, f"t{number:04}")
    engine = wire.run()
    assert len(bound(engine)) == _STRANGERS
    assert ours(engine) == {"msrp.sdp_mismatch": _STRANGERS + 1}


def chats(count: int, talk: bool) -> Wire:
    """Calls through one gateway to one server at a time, each with a connection of its own: its own ids, or foreign."""
    wire = Wire()
    for number in range(count):
        one, two = f"msrp://{GATEWAY}:7654/g{number:06};tcp", f"msrp://{SERVER}:2855/s{number:06};tcp"
        call(wire, sdp(GATEWAY, *msrp_line(one, 7654)), sdp(SERVER, *msrp_line(two)), call_id=f"call{number}")
        ends = (one, two) if talk else (one.replace("/g", "/x"), two.replace("/s", "/y"))
        send(wire, at(GATEWAY, 10_000 + number), at(SERVER, 2855), *ends, f"t{number:06}")
        wire.now_ns -= 6 * STEP_NS
    return wire


def floors(count: int) -> Wire:
    """The same with BFCP: one conference, a user each."""
    wire = Wire()
    for number in range(count):
        bfcp_call(wire, GATEWAY, number, f"call{number}")
        hello(wire, at(GATEWAY, 10_000 + number), number)
        wire.now_ns -= 6 * STEP_NS
    return wire


@pytest.mark.parametrize(("make", "kind"), [(lambda count: chats(count, True), "msrp"), (floors, "bfcp")])
def test_each_call_has_its_own_session_however_many_share_the_addresses(make: Callable[[int], Wire], kind: str) -> None:
    """Only the two latest connections are looked at for themselves: the others are found by their ids."""
    engine = make(20).run(limits=Limits(connections_per_address=2))
    assert [len(of_call) for of_call in sessions(engine, kind)] == [1] * 20
    assert {each["bound"] for of_call in sessions(engine, kind) for each in of_call} <= {"path", "identifiers"}
    assert engine.connections.evicted


@pytest.mark.parametrize(
    "make",
    [lambda count: chats(count, True), lambda count: chats(count, False), floors],
    ids=["own", "foreign", "bfcp"],
)
def test_calls_at_one_server_take_linear_time(make: Callable[[int], Wire]) -> None:
    def prepare(count: int) -> Callable[[], object]:
        wire = make(count)
        return lambda: wire.run(limits=Limits(connections_per_address=8))

    assert_linear(prepare, 100)
