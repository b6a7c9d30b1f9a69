"""What decrypting holds does not grow with the packets, and with each call by its keys and records only."""

import base64
import gc
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from pylibsrtp import Policy, Session

from analyzer.app import decrypting
from analyzer.app.decrypting import decrypt
from analyzer.app.settings import Silent
from analyzer.capture import reader
from analyzer.capture.reader import open_capture
from analyzer.capture.sources import SourceTable
from analyzer.core.limits import Limits
from analyzer.crypto.srtp.fast import FastStream
from analyzer.crypto.srtp.suites import AES_CM_128_HMAC_SHA1_80
from analyzer.pipeline.clear_media import ClearMedia
from analyzer.pipeline.engine import Engine, Setup
from analyzer.protocols.sip import checks
from tests.crypto.srtp.test_stream import packets, pair
from tests.golden.runs import rules
from tests.pipeline.sdp import invite_ok
from tests.pipeline.wire import Wire, at, message, rtp

ALICE, BOB = at("192.0.2.1", 5060), at("192.0.2.2", 5060)
PROFILE = Policy.SRTP_PROFILE_AES128_CM_SHA1_80


def calls(count: int, packets: int) -> bytes:
    """One call behind the other, 100 seconds apart, each with a key of its own."""
    wire = Wire()
    for number in range(count):
        key = number.to_bytes(30, "big")
        line = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{base64.b64encode(key).decode()}\r\n"
        a, b = at("192.0.2.1", 10_000 + 2 * number), at("192.0.2.2", 10_000 + 2 * number)
        invite_ok(wire, ALICE, BOB, a, b, f"call-{number}", proto="RTP/SAVP", lines=line)
        sender = Session(Policy(key, Policy.SSRC_ANY_OUTBOUND, srtp_profile=PROFILE))
        for index in range(packets):
            wire.udp(a, b, sender.protect(rtp(index)))
        wire.udp(ALICE, BOB, message("BYE", f"call-{number}", cseq=2))
        wire.udp(BOB, ALICE, message("BYE", f"call-{number}", cseq=2, status=200))
        wire.now_ns += 100 * 10**9
    return wire.pcap()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks and windows that are small beside the captures, and so is what is remembered of headers: by how many calls
    that table grows depends on what other tests left in it."""
    limits = replace(Limits(), clear_held_bytes=16_384)
    monkeypatch.setattr(decrypting, "Limits", lambda: limits)
    monkeypatch.setattr(reader, "_BLOCK", 16_384)
    monkeypatch.setattr(checks, "_REMEMBERED", 16)


def peak(folder: Path, count: int, packets: int) -> int:
    """Bytes of the interpreter's memory at their most, beyond what was held before."""
    name = f"{count}-{packets}"
    source = folder / f"{name}.pcap"
    source.write_bytes(calls(count, packets))
    gc.collect()
    tracemalloc.start()
    done = decrypt([str(source)], [], folder / f"{name}.pcapng", Silent())
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (done.media.rtp, done.media.closed) == (count * packets, 0)
    return held


@pytest.mark.usefixtures("small")
def test_longer_calls_cost_nothing_and_more_calls_their_keys(tmp_path: Path) -> None:
    """House rule: memory does not grow with packets; a finished call is reduced to a compact record, and two keys."""
    peak(tmp_path, 1, 1)  # what is loaded once
    few, longer, more = peak(tmp_path, 30, 8), peak(tmp_path, 30, 32), peak(tmp_path, 90, 8)
    assert longer < 1.1 * few
    assert (more - few) / 60 < 8_192, "two keys, and what their addresses leave in tables"


def test_reading_for_keys_makes_nothing_else(tmp_path: Path) -> None:
    """The keys are those that a whole run finds; no stream is followed, no row is made, nothing is judged."""
    source = tmp_path / "in.pcap"
    source.write_bytes(calls(5, 20))
    found = []
    for only in (False, True):
        sources = SourceTable()
        engine = Engine(sources, Setup(rules=rules(), keys_only=only))
        engine.signalling.keys.keep = True
        capture = open_capture(source, 0, sources, Limits())
        while (batch := capture.read_batch(64)) is not None:
            engine.feed(batch)
        capture.close()
        engine.finish()
        ends = [(at("192.0.2.1", 10_000 + 2 * number), at("192.0.2.2", 10_000 + 2 * number)) for number in range(5)]
        keys = [engine.keys.contexts(a, b, 0x5566AABB, position) for a, b in ends for position in (0, 30, 1 << 40)]
        found.append([[context.master_and_salt for context in each] for each in keys])
        made = [*engine.closer.calls, *engine.closer.hops, *engine.closer.stream_rows]
        assert (not made) is only
        assert len(engine.streams) == 0
    assert found[0] == found[1] and all(found[0])


def test_keys_beyond_the_bound_are_announced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last calls open, of the first the packets stay as they are."""
    monkeypatch.setattr(decrypting, "Limits", lambda: replace(Limits(), keyed_media=2))
    source, out = tmp_path / "in.pcap", tmp_path / "out.pcapng"
    source.write_bytes(calls(5, 20))
    done = decrypt([str(source)], [], out, Silent())
    assert (done.forgotten, done.media.rtp) == (3, 40)


@pytest.mark.usefixtures("small")
def test_streams_that_are_over_are_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []
    original = ClearMedia._forget

    def counted(self: ClearMedia, now_ns: int) -> None:
        original(self, now_ns)
        held.append(len(self._streams))

    monkeypatch.setattr(ClearMedia, "_forget", counted)
    peak(tmp_path, 40, 20)
    assert len(held) > 10 and max(held) <= 8, "those of one block at most, and those of the last minute"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_an_opener_is_small() -> None:
    """libsrtp works in place: the room for that is not kept with every stream."""
    sender, context = pair(AES_CM_128_HMAC_SHA1_80, 1)
    _, protected = packets(sender, list(range(20)))

    def made() -> FastStream:
        stream = FastStream([context], Limits())
        stream.unprotect_many(protected)
        return stream

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4_096

    made()
    before = resident()
    kept = [made() for _ in range(400)]
    assert (resident() - before) / len(kept) < 24_000, "a few tables, not the 64 KiB of the longest packet"
