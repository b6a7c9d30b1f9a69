"""DTLS under connection IDs (RFC 9146, RFC 9147 9): opened, wherever the ends are, and named where they cannot be."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.app.decrypting import decrypt
from analyzer.app.settings import Silent
from analyzer.core.addresses import Address
from analyzer.core.limits import Limits
from analyzer.formats.tls_handshake import parse_new_connection_id
from analyzer.pipeline.engine import Engine
from analyzer.protocols.dtls.records import DtlsRecord, parse_datagram, with_connection_id
from analyzer.session.keyring import Keyring
from tests.app.test_decrypting import frames
from tests.pipeline.dtls13_writer import Epoch
from tests.pipeline.dtls_cid_writer import CBC, CCM, CHACHA, GCM, NULL, Sender, senders
from tests.pipeline.test_associations import client_hello, handshake, record, server_hello
from tests.pipeline.test_dtls_13 import BFCP, keyring, secrets
from tests.pipeline.wire import Wire, anomalies, at, flow

CLIENT, SERVER, MOVED = at("10.0.0.1", 4000), at("10.0.0.2", 5000), at("10.9.9.9", 4444)
RANDOM, MASTER = bytes(32), bytes(range(48))  # the randoms that `client_hello` and `server_hello` make
TO_SERVER, TO_CLIENT = b"to-the-server", b"\x0c\1"
ANSWER = BFCP[:1] + b"\x10" + BFCP[2:]  # Goodbye (RFC 8855 5.1)
ETM = b"\0\x16\0\0"


def extension(cid: bytes) -> bytes:
    """RFC 9146 3."""
    return b"\0\x36" + (1 + len(cid)).to_bytes(2, "big") + bytes((len(cid),)) + cid


def with_extensions(hello: bytes, *extensions: bytes) -> bytes:
    """A ClientHello with extensions behind it."""
    body = b"".join(extensions)
    return hello + len(body).to_bytes(2, "big") + body


def ring(master: bytes = MASTER) -> Keyring:
    made = Keyring()
    assert not made.add_key_log(f"CLIENT_RANDOM {RANDOM.hex()} {master.hex()}\n".encode(), "log")
    return made


def shake(
    wire: Wire, suite: int = GCM, to_server: bytes = TO_SERVER, to_client: bytes = TO_CLIENT, *, etm: bool = False
) -> tuple[Sender, Sender]:
    """The hellos, and Finished of both sides in epoch 1; gives both senders."""
    more = ETM if etm else b""
    wire.udp(CLIENT, SERVER, record(handshake(1, 0, with_extensions(client_hello(), extension(to_client), more)), 0))
    hello = server_hello(suite=suite, extensions=extension(to_server) + more)
    wire.udp(SERVER, CLIENT, record(handshake(2, 0, hello), 0) + record(handshake(14, 1, b""), 1))
    both = senders(suite, MASTER, (RANDOM, RANDOM), (to_server, to_client), encrypt_then_mac=etm)
    for number, (one, src, dst) in enumerate(((both[0], CLIENT, SERVER), (both[1], SERVER, CLIENT)), 1):
        wire.udp(src, dst, record(b"\1", 2, kind=20) + one.record(22, handshake(20, number, bytes(12)), pad=number))
    return both


def primitives(engine: Engine) -> dict[str, int]:
    return dict(engine.messaging.bfcp.primitives)


SUITES = [(GCM, False), (CCM, False), (CHACHA, False), (CBC, False), (CBC, True), (NULL, False)]


@pytest.mark.parametrize(("suite", "etm"), SUITES)
def test_records_open_under_connection_ids(suite: int, etm: bool) -> None:
    """RFC 9146 5.1 to 5.3: every way to protect a record."""
    wire = Wire()
    client, server = shake(wire, suite, etm=etm)
    wire.udp(CLIENT, SERVER, client.record(23, BFCP))
    wire.udp(SERVER, CLIENT, server.record(23, ANSWER, pad=20))
    keys = ring()
    engine = wire.run(keyring=keys)
    connection = engine.connections.find(flow(CLIENT, SERVER))
    assert connection is not None and (connection.decrypted, connection.failure) == (True, "")
    assert primitives(engine) == {"Hello": 1, "Goodbye": 1}
    assert anomalies(engine) == {}
    assert keys.sources[0].opened == 4


@pytest.mark.parametrize(("suite", "etm"), SUITES)
@pytest.mark.parametrize("where", [3, 10, 11, 23, -1])
def test_a_flipped_bit_is_refused(suite: int, etm: bool, where: int) -> None:
    """Epoch, number, connection ID, content, tag: all of it is authenticated."""
    wire = Wire()
    client, _ = shake(wire, suite, etm=etm)
    sent = bytearray(client.record(23, BFCP, pad=40))
    sent[where] ^= 1
    wire.udp(CLIENT, SERVER, bytes(sent))
    engine = wire.run(keyring=ring())
    assert primitives(engine) == {}
    if where not in (11, 23):  # 11 begins the connection ID, 23 is the last byte of it: nobody's then
        assert anomalies(engine) == {"dtls.record_refused": 1}


@pytest.mark.parametrize(
    ("to_server", "to_client"), [(b"", TO_CLIENT), (TO_SERVER, b""), (b"s", b"s"), (bytes(255), b"c")]
)
def test_either_side_may_want_none(to_server: bytes, to_client: bytes) -> None:
    """RFC 9146 3: of zero length, none is sent to that side. Both may want the same."""
    wire = Wire()
    client, server = shake(wire, GCM, to_server, to_client)
    wire.udp(CLIENT, SERVER, client.record(23, BFCP) + client.record(21, b"\1\0"))
    wire.udp(SERVER, CLIENT, server.record(21, b"\1\0") + server.record(23, ANSWER))
    engine = wire.run(keyring=ring())
    assert primitives(engine) == {"Hello": 1, "Goodbye": 1}
    assert anomalies(engine) == {}


@pytest.mark.parametrize("rows", [1, 32_768])
def test_an_end_that_moved_is_known_by_its_connection_id(rows: int) -> None:
    """RFC 9146 1: after a NAT gave the client another address, in both directions."""
    wire = Wire()
    client, server = shake(wire)
    wire.udp(MOVED, SERVER, client.record(23, BFCP))
    wire.udp(SERVER, MOVED, server.record(23, ANSWER))
    wire.udp(MOVED, SERVER, client.record(23, BFCP[:9] + b"\7" + BFCP[10:]) + client.record(21, b"\1\0"))
    stranger = at("10.9.9.8", 1), at("10.9.9.7", 2)
    wire.udp(*stranger, client.record(23, BFCP))  # neither end is one of the association's
    engine = wire.run(rows=rows, keyring=ring())
    assert primitives(engine) == {"Hello": 2, "Goodbye": 1}
    assert anomalies(engine) == {}
    moved = engine.connections.find(flow(MOVED, SERVER))
    assert moved is not None and (moved.protocol, moved.decrypted) == ("dtls", True)
    assert (moved.src, moved.dst, moved.tls_version) == (MOVED, SERVER, "DTLS 1.2")


def test_a_connection_id_that_no_handshake_names_is_said() -> None:
    wire = Wire()
    shake(wire)
    unknown = senders(GCM, MASTER, (RANDOM, RANDOM), (b"other", b"other"))[0]
    wire.udp(CLIENT, SERVER, unknown.record(23, BFCP))
    engine = wire.run(keyring=ring())
    connection = engine.connections.find(flow(CLIENT, SERVER))
    assert connection is not None
    assert connection.failure == "records have a connection ID that no handshake in the capture names"
    assert primitives(engine) == {}


def test_associations_are_forgotten_with_their_connection_ids() -> None:
    """A bound of associations is one of names too."""
    wire = Wire()
    for number in range(12):
        client = Address(CLIENT.ip + number, CLIENT.port)
        at_wire = Wire()
        sender, _ = shake(at_wire, to_server=b"server %d" % number, to_client=b"client %d" % number)
        for _, frame in at_wire.frames:
            sent_by_client = frame[12:16] == (CLIENT.ip & 0xFFFFFFFF).to_bytes(4, "big")
            wire.udp(*((client, SERVER) if sent_by_client else (SERVER, client)), frame[28:])
        wire.udp(client, SERVER, sender.record(23, BFCP[:9] + bytes((number,)) + BFCP[10:]))
    engine = wire.run(keyring=ring(), limits=Limits(dtls_sessions=3), finish=False)
    associations = engine.datagrams.dtls
    assert primitives(engine) == {"Hello": 12}
    assert len(associations._named) == 3 * 4
    associations.finish()
    assert not associations._named


# -- DTLS 1.3 -----------------------------------------------------------------------------------------------------


def shake_13(wire: Wire) -> tuple[Epoch, Epoch]:
    """RFC 9147 6 with connection IDs; gives both ends' application epochs."""
    of, version = secrets(0x1301), b"\0\x2b\0\3\2\xfe\xfc"
    wire.udp(CLIENT, SERVER, record(handshake(1, 0, with_extensions(client_hello(), extension(TO_CLIENT), version)), 0))
    hello = server_hello(suite=0x1301, extensions=extension(TO_SERVER) + b"\0\x2b\0\2\xfe\xfc")
    wire.udp(SERVER, CLIENT, record(handshake(2, 0, hello), 0))
    server = Epoch(0x1301, of["SERVER_HANDSHAKE_TRAFFIC_SECRET"], 2, cid=TO_CLIENT)
    wire.udp(
        SERVER, CLIENT, server.record(22, handshake(8, 1, b"\0\0")) + server.record(22, handshake(20, 2, bytes(32)))
    )
    client = Epoch(0x1301, of["CLIENT_HANDSHAKE_TRAFFIC_SECRET"], 2, cid=TO_SERVER)
    wire.udp(CLIENT, SERVER, client.record(22, handshake(20, 1, bytes(32))))
    return (
        Epoch(0x1301, of["CLIENT_TRAFFIC_SECRET_0"], 3, cid=TO_SERVER),
        Epoch(0x1301, of["SERVER_TRAFFIC_SECRET_0"], 3, cid=TO_CLIENT),
    )


def test_unified_headers_with_connection_ids() -> None:
    """RFC 9147 4: long and short numbers, with a length and without, two records in a datagram, after a move."""
    wire = Wire()
    client, server = shake_13(wire)
    wire.udp(CLIENT, SERVER, client.record(23, BFCP) + client.record(23, BFCP[:9] + b"\7" + BFCP[10:], length=False))
    wire.udp(SERVER, CLIENT, server.record(23, ANSWER, long=False, length=False, pad=9))
    wire.udp(MOVED, SERVER, client.record(23, BFCP[:9] + b"\5" + BFCP[10:], long=False))
    wire.udp(SERVER, MOVED, server.record(23, ANSWER[:9] + b"\5" + ANSWER[10:]))
    later = client.updated()
    wire.udp(MOVED, SERVER, client.record(22, handshake(24, 2, b"\0")))  # KeyUpdate, from where the client is now
    wire.udp(MOVED, SERVER, later.record(23, BFCP[:9] + b"\6" + BFCP[10:]))
    keys = keyring(secrets(0x1301))
    engine = wire.run(keyring=keys)
    assert primitives(engine) == {"Hello": 4, "Goodbye": 2}
    assert anomalies(engine) == {}
    moved = engine.connections.find(flow(MOVED, SERVER))
    assert moved is not None and (moved.src, moved.dst, moved.tls_version) == (MOVED, SERVER, "DTLS 1.3")


def test_new_connection_ids_are_learned() -> None:
    """RFC 9147 9, of another length than the first; a request for some changes nothing."""
    wire = Wire()
    client, server = shake_13(wire)
    cids = b"".join(bytes((len(cid),)) + cid for cid in (b"new", b"another one"))
    told = handshake(10, 3, len(cids).to_bytes(2, "big") + cids + b"\1")
    wire.udp(CLIENT, SERVER, client.record(22, handshake(9, 2, b"\2")))
    wire.udp(SERVER, CLIENT, server.record(22, told))
    for number, cid in enumerate((b"another one", TO_SERVER, b"new"), 1):
        client.cid = cid
        wire.udp(CLIENT if number < 3 else MOVED, SERVER, client.record(23, BFCP[:9] + bytes((number,)) + BFCP[10:]))
    engine = wire.run(keyring=keyring(secrets(0x1301)))
    assert primitives(engine) == {"Hello": 3}
    assert anomalies(engine) == {}


# -- decrypt ------------------------------------------------------------------------------------------------------


@pytest.mark.tshark
@pytest.mark.parametrize("suite", [GCM, CCM])
def test_what_tshark_opens_is_what_is_written(suite: int, tmp_path: Path) -> None:
    wire = Wire()
    client, server = shake(wire, suite)
    wire.udp(CLIENT, SERVER, client.record(23, BFCP))
    wire.udp(SERVER, CLIENT, server.record(23, ANSWER))
    source, keys, out = tmp_path / "in.pcap", tmp_path / "keys.txt", tmp_path / "out.pcapng"
    source.write_bytes(wire.pcap())
    keys.write_text(f"CLIENT_RANDOM {RANDOM.hex()} {MASTER.hex()}\n")
    done = decrypt([str(source)], [keys], out, Silent())
    assert (done.dtls, done.media.kept) == (2, 0)
    written = [row[3][28:] for row in frames(out)[0]][-2:]  # type: ignore[index]  # bytes
    command = ["tshark", "-r", str(source), "-o", f"tls.keylog_file:{keys}", "-Y", "frame.number >= 5", "-x"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert written == [BFCP, ANSWER]
    shown = text.replace("\n", " ").replace("  ", " ")
    assert shown.count("Decrypted DTLS") == 2
    assert all(data.hex(" ") in shown for data in written)


def test_what_moved_is_written_too(tmp_path: Path) -> None:
    wire = Wire()
    client, server = shake(wire)
    wire.udp(MOVED, SERVER, client.record(23, BFCP))
    wire.udp(SERVER, MOVED, server.record(23, ANSWER))
    wire.udp(SERVER, MOVED, server.record(23, ANSWER) + server.record(23, ANSWER))
    source, keys, out = tmp_path / "in.pcap", tmp_path / "keys.txt", tmp_path / "out.pcapng"
    source.write_bytes(wire.pcap())
    keys.write_text(f"CLIENT_RANDOM {RANDOM.hex()} {MASTER.hex()}\n")
    done = decrypt([str(source)], [keys], out, Silent())
    assert (done.dtls, done.media.kept) == (2, 1), "a frame has room for one datagram"
    assert [row[3][28:] for row in frames(out)[0]][-3:-1] == [BFCP, ANSWER]  # type: ignore[index]  # bytes


# -- totality -----------------------------------------------------------------------------------------------------


@given(
    st.sampled_from([b"\x19\xfe\xfd", b"\x30", b"\x3c", b"\x38"]),
    st.binary(max_size=60),
    st.lists(st.binary(max_size=9)),
)
def test_any_bytes_behind_any_connection_id(first: bytes, data: bytes, cids: list[bytes]) -> None:
    for event in parse_datagram(first + data, ()):
        told = with_connection_id(event, cids) if isinstance(event, DtlsRecord) and event.unread else None
        if told is not None:
            assert told[0].cid in cids and told[0].size + len(told[1]) == event.size and not told[0].unread


@given(st.binary(max_size=40))
def test_new_connection_ids_of_any_bytes(data: bytes) -> None:
    parse_new_connection_id(data)
