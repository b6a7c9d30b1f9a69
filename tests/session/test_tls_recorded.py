"""What the openssl program said in connections that renegotiate, update their keys or lose records is read whole."""

import shutil
import subprocess
from pathlib import Path

import pytest

from analyzer.protocols.tls.records import Record
from analyzer.session.tls import BAD_HANDSHAKE, Plaintext
from analyzer.transport.cited import Gap
from tests.pipeline.wire import Wire, at
from tests.session.test_tls_generated import CITE, Reading, ring_of
from tests.session.tls_recorded import Recorded, Side, load

CASES = load()
OPENED = ["renegotiated-ecdhe", "renegotiated-cbc", "updated", "chained", "chained-etm"]
UPDATED = CASES["updated"]
Wired = list[tuple[Side, bytes]]


def read(case: Recorded, log: bytes | None = None) -> Reading:
    return Reading(ring_of(log=case.key_log if log is None else log)).read(case.wire)


def said(case: Recorded) -> dict[Side, bytes]:
    return {side: b"".join(lines) for side, lines in case.said.items()}


def with_losses(reading: Reading, wire: list[tuple[Side, bytes | int]]) -> Reading:
    """Reads a wire of which a number of bytes in a row were not captured."""
    for side, data in wire:
        if isinstance(data, bytes):
            reading.read([(side, data)])
            continue
        for event in reading.streams[side].gap(Gap(data, CITE)):
            assert not isinstance(event, Record)
        reading.state.lost_bytes(side)
    for side, stream in reading.streams.items():  # a lone record behind a gap is told from chance by the end
        for event in stream.close():
            if isinstance(event, Record):
                for found in reading.state.record(side, event):
                    if isinstance(found, Plaintext):
                        reading.plain[side] += found.chunk.data
                    else:
                        reading.anomalies.append(found)
    return reading


def test_every_case_is_tried() -> None:
    assert list(CASES) == OPENED


@pytest.mark.parametrize("name", OPENED)
def test_what_was_typed_is_read(name: str) -> None:
    reading = read(CASES[name])
    assert reading.plain == said(CASES[name])
    assert not reading.state.failure and not reading.anomalies


@pytest.mark.tshark
@pytest.mark.parametrize("name", [name for name in OPENED if name.startswith("renegotiated")])
def test_tshark_reads_the_same(name: str, tmp_path: Path) -> None:
    assert shutil.which("tshark")
    wire, client, server = Wire(), at("192.0.2.1", 40_000), at("192.0.2.2", 443)
    wire.connect(client, server)
    for side, data in CASES[name].wire:
        wire.tcp(*(client, server) if side == "client" else (server, client), data)
    (tmp_path / "a.pcap").write_bytes(wire.pcap())
    (tmp_path / "keys").write_bytes(CASES[name].key_log)
    shown = subprocess.run(
        ["tshark", "-r", str(tmp_path / "a.pcap"), "-o", f"tls.keylog_file:{tmp_path / 'keys'}", "-q",
         "-z", "follow,tls,raw,0"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    lines = [line for line in shown.splitlines() if line.strip() and not line.strip().strip("0123456789abcdef")]
    theirs = {
        "client": b"".join(bytes.fromhex(line) for line in lines if not line.startswith("\t")),
        "server": b"".join(bytes.fromhex(line.strip()) for line in lines if line.startswith("\t")),
    }
    assert theirs == said(CASES[name])


def test_the_renegotiated_secrets_count_what_they_opened() -> None:
    reading = read(CASES["renegotiated-ecdhe"])
    (source,) = reading.state.store.sources  # type: ignore[attr-defined]  # the ring
    assert source.opened == reading.state.opened_records == reading.state.encrypted_records


@pytest.mark.parametrize("lost", range(3, len(UPDATED.wire)))
def test_a_key_update_that_was_lost_closes_nothing_else(lost: int) -> None:
    """RFC 8446 7.2: the next secret follows from the present one."""
    whole, expected = Reading(ring_of(log=UPDATED.key_log)), {"client": b"", "server": b""}
    for number, (side, data) in enumerate(UPDATED.wire):
        before = len(whole.plain[side])
        whole.read([(side, data)])
        expected[side] += whole.plain[side][before:] if number != lost else b""
    wire = [(side, len(data) if at == lost else data) for at, (side, data) in enumerate(UPDATED.wire)]
    reading = with_losses(Reading(ring_of(log=UPDATED.key_log)), wire)
    assert reading.plain == expected and not reading.anomalies
    assert reading.state.failure == "bytes of the connection were not captured"


@pytest.mark.parametrize("kept", range(200, 744, 61))
def test_the_end_of_a_handshake_and_the_tickets_behind_it_are_lost(kept: int) -> None:
    """The application's records are found without the Finished, and those of a later update too (RFC 8446 4.4.4)."""
    (side, flight), (_, ticket) = UPDATED.wire[1], UPDATED.wire[3]
    wire: list[tuple[Side, bytes | int]] = [*UPDATED.wire[:1], (side, flight[:kept]), (side, len(flight) - kept)]
    wire += [UPDATED.wire[2], (side, len(ticket)), *UPDATED.wire[4:]]
    reading = with_losses(Reading(ring_of(log=UPDATED.key_log)), wire)
    assert reading.plain == said(UPDATED)
    assert not [a for a in reading.anomalies if a.kind is BAD_HANDSHAKE], "nothing is malformed that was not captured"


@pytest.mark.parametrize("name", ["chained", "chained-etm"])
def test_a_change_of_keys_that_was_lost(name: str) -> None:
    """RFC 5246 7.1: the server's ChangeCipherSpec and Finished are in the lost bytes."""
    case = CASES[name]
    wire = [(side, len(data) if at == 3 else data) for at, (side, data) in enumerate(case.wire)]
    reading = with_losses(Reading(ring_of(log=case.key_log)), wire)
    assert reading.plain == said(case)


@pytest.mark.parametrize("name", OPENED)
def test_a_connection_whose_beginning_is_not_there(name: str) -> None:
    case = CASES[name]
    reading = Reading(ring_of(log=case.key_log)).read(case.wire[4:6])
    assert reading.plain == {"client": b"", "server": b""}
    assert reading.state.failure.startswith("its handshake was not captured: a capture from the connection's beginning")
    assert reading.state.encrypted_records > 0


@pytest.mark.parametrize("name", ["chained", "chained-etm"])
@pytest.mark.parametrize("lost", [4, 6])
def test_behind_a_gap_tls_1_0_opens_again(name: str, lost: int) -> None:
    """RFC 2246 6.2.3.2: a record's IV is the last block of the one before, so the first behind a gap stays closed;
    that is an empty one here (OpenSSL's guard against chosen IVs)."""
    case = CASES[name]
    wire = [(side, len(data) if at == lost else data) for at, (side, data) in enumerate(case.wire)]
    reading = with_losses(Reading(ring_of(log=case.key_log)), wire)
    lines = case.said["client"]
    assert reading.plain == {
        "client": b"".join(line for at, line in enumerate(lines) if at != (lost - 4) // 2),
        "server": b"".join(case.said["server"]),
    }


def test_without_the_secrets_of_the_handshake_those_of_the_application_open_it() -> None:
    log = b"".join(line for line in UPDATED.key_log.splitlines(True) if b"TRAFFIC_SECRET_0" in line)
    reading = read(UPDATED, log)
    assert reading.plain == said(UPDATED) and not reading.anomalies and not reading.state.failure


def test_secrets_of_the_application_that_come_later_than_those_of_the_handshake() -> None:
    """A growing log may be read between the two: OpenSSL writes them at different moments."""
    lines = UPDATED.key_log.splitlines(True)
    ring = ring_of()
    ring.growing = True
    ring.add_key_log(b"".join(line for line in lines if b"HANDSHAKE" in line), "log")
    reading = Reading(ring).read(UPDATED.wire[:-1])
    ring.add_key_log(b"".join(line for line in lines if b"HANDSHAKE" not in line), "log", ring.sources[0])
    assert reading.read(UPDATED.wire[-1:]).plain == said(UPDATED)
    assert not reading.state.failure and not reading.anomalies


@pytest.mark.parametrize("name", ["updated", "chained-etm"])
def test_a_record_that_was_changed_is_said_to_be(name: str) -> None:
    case = CASES[name]
    side, data = case.wire[-1]
    changed = data[:-1] + bytes((data[-1] ^ 1,))
    reading = Reading(ring_of(log=case.key_log)).read([*case.wire[:-1], (side, changed)])
    assert reading.plain[side] == b"".join(case.said[side][:-1])
    assert reading.state.failure == "a record does not verify with the keys that opened others: its bytes were changed"
