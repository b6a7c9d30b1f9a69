"""SRTP of the lab under the keys in its own signalling, held against FACTS.txt of the captures."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from analyzer.app.offline import analyze
from analyzer.app.prepare import prepare
from analyzer.app.settings import Settings
from analyzer.capture.batch import FrameBatch
from analyzer.capture.merge import merge
from analyzer.capture.reader import open_capture
from analyzer.capture.sources import SourceTable
from analyzer.core.limits import Limits
from analyzer.pipeline.assemble import assemble
from analyzer.pipeline.engine import Engine
from analyzer.report.model import Report
from tests.conftest import SHARED

LAB = SHARED / "captures" / "lab"
_ROW = re.compile(
    r"^  (?P<src>[\d.:]+)->(?P<dst>[\d.:]+) ssrc (?P<ssrc>[0-9a-f]{8}) n=\d+ SRTP (?P<suite>\w+) "
    r"key from frame (?P<frame>\d+): authenticated (?P<distinct>\d+)/(?P<sightings>\d+)"
)


class Fact(NamedTuple):
    """One row of FACTS.txt."""

    capture: str
    src: str
    dst: str
    ssrc: str
    suite: str
    frame: int
    distinct: int
    sightings: int


class Quiet:
    """Watches a run and says nothing."""

    def started(self, total_bytes: int) -> None:
        """See Observer."""

    def advanced(self, read_bytes: int) -> None:
        """See Observer."""

    def remark(self, text: str) -> None:
        """See Observer."""


def _facts() -> Iterator[Fact]:
    if not (LAB / "FACTS.txt").is_file():
        return
    capture = ""
    for line in (LAB / "FACTS.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("=== "):
            capture = line.split()[1]
        elif found := _ROW.match(line):
            row = found.groupdict()
            numbers = (int(row[name]) for name in ("frame", "distinct", "sightings"))
            yield Fact(capture, row["src"], row["dst"], row["ssrc"], row["suite"], *numbers)


FACTS = tuple(_facts())


def _case(fact: Fact) -> object:
    return pytest.param(fact, id=f"{fact.capture}-{fact.ssrc}-{fact.src}")


@cache
def report(name: str) -> Report:
    """The report of a lab capture with the key log beside it."""
    keys = LAB / (name.removesuffix(".pcapng") + ".tls-keylog.txt")
    run = analyze(Settings(captures=(str(LAB / name),), keys=(keys,) if keys.is_file() else ()), Quiet())
    assert run.report is not None
    return run.report


def test_facts_are_read(shared: Path) -> None:
    """FACTS.txt has four such rows in each capture with SDES, and three suites of two kinds are among them."""
    assert shared
    assert len(FACTS) >= 44
    assert {fact.suite for fact in FACTS} == {"AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM"}
    assert any(fact.capture == "e2ae-sdes-unpadded-gcm.pcapng" for fact in FACTS)


@pytest.mark.parametrize("fact", [_case(fact) for fact in FACTS])
def test_every_packet_is_authenticated(fact: Fact) -> None:
    """authenticated n/m: n distinct packets, m sightings, under the key of the frame that FACTS.txt names."""
    found = report(fact.capture)
    rows = [s for s in found.streams if (s.ssrc, s.src, s.dst) == (f"0x{fact.ssrc}", fact.src, fact.dst)]
    assert len(rows) == 1
    row = rows[0]
    assert (row.suite, row.authenticated, row.auth_failed, row.decrypted, row.failure) == (
        fact.suite, fact.distinct, 0, fact.distinct, None,
    )  # fmt: skip
    assert sum(sighting.packets for sighting in row.sightings) == fact.sightings
    key = next(key for key in found.keys if key.id == row.key)
    assert (key.kind, key.source, key.unused) == ("sdes", f"SDP, frame {fact.frame} of capture-1", False)


@pytest.mark.parametrize("name", sorted({fact.capture for fact in FACTS}))
def test_hops_are_verified(name: str) -> None:
    """A hop between the ends of authenticated streams says on what grounds it is secure."""
    hops = [hop for hop in report(name).hops if hop.plane == "media" and hop.state == "srtp_sdes"]
    assert hops
    assert {(hop.evidence, hop.key_exchange, hop.confidentiality, hop.integrity) for hop in hops} == {
        ("keyed_verified", "sdes", "yes", "yes")
    }


@pytest.mark.parametrize("rule", ["SRTP-01", "MSEC-05"])
def test_rules_still_pass(shared: Path, rule: str) -> None:
    """e2ae-all protects its access hops: verified grounds change no verdict for the worse."""
    assert shared
    counts = next(row for row in report("e2ae-all.pcapng").rules if row.id == rule)
    assert (counts.passed > 0, counts.fail) == (True, 0)


def _fed(name: str, size: int, limits: Limits, tamper: Callable[[FrameBatch], None] | None = None) -> Report:
    """The report of a capture fed in batches of `size` frames, each over a buffer that is overwritten afterwards;
    `tamper` is given all of it at once."""
    keys = LAB / (name.removesuffix(".pcapng") + ".tls-keylog.txt")
    setup = prepare(Settings(keys=(keys,) if keys.is_file() else ()), Quiet(), limits)
    setup.contain = False
    sources = SourceTable()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("analyzer.capture.reader._FIRST_BLOCK", 1 << 22)  # a small capture is one batch
        reader = open_capture(str(LAB / name), 0, sources, limits)
    engine = Engine(sources, setup)
    for whole in merge([reader]):
        if tamper is not None:
            whole.buffer = whole.buffer.copy()
            tamper(whole)
        for first in range(0, len(whole), size):
            batch = replace(whole.rows(first, first + size), buffer=whole.buffer.copy())
            engine.feed(batch)
            batch.buffer[:] = 0xFF
    engine.finish()
    reader.close()
    return assemble(engine, [reader.info])


@pytest.mark.parametrize("wait", [Limits().key_wait_packets, 3])
def test_batch_edge_is_invisible(shared: Path, wait: int) -> None:
    """One frame a batch, seven, or all: the same streams, hops, keys and verdicts, also where packets wait for keys."""
    assert shared
    limits = Limits(key_wait_packets=wait)
    one, seven, every = (_fed("e2ae-sdes.pcapng", size, limits) for size in (1, 7, 1 << 20))
    for other in (seven, every):
        assert list(one.streams) == list(other.streams)
        assert list(one.hops) == list(other.hops)
        assert (one.keys, one.findings, one.rules) == (other.keys, other.findings, other.rules)


def _late_answer(batch: FrameBatch) -> None:
    """Moves the frames whose SDP says where the called end receives behind 40 frames of media a vantage point."""
    spans = list(zip(batch.start.tolist(), batch.captured.tolist(), strict=True))
    frames = [batch.buffer[start : start + size].tobytes() for start, size in spans]
    answers = [at for at, frame in enumerate(frames) if b"m=audio 20020 " in frame]
    media = [at for at, frame in enumerate(frames) if b"\x44\x21\x1a\x15" in frame[40:62]]
    rest = [at for at in range(len(frames)) if at not in answers]
    behind = rest.index(media[3 * 40]) + 1
    order = np.array(rest[:behind] + answers + rest[behind:])
    for name in ("start", "captured", "wire", "source", "frame", "offset"):
        column = getattr(batch, name)
        column[:] = column[order]


@pytest.mark.parametrize(("wait", "distinct", "failure"), [(256, 152, None), (20, 152 - 20, "key_late")])
def test_media_before_its_key(shared: Path, wait: int, distinct: int, failure: str | None) -> None:
    """Forty packets come before the answer with their key: they wait for it; what a bound of 20 sends away is late,
    and not forged. The same for any batch."""
    assert shared
    rows = []
    for size in (1, 7, 1 << 20):
        found = _fed("e2e-sdes-clear-sip.pcapng", size, Limits(key_wait_packets=wait), _late_answer)
        rows.append(next(s for s in found.streams if s.ssrc == "0x44211a15"))
    assert rows[0] == rows[1] == rows[2]
    assert (rows[0].auth_failed, rows[0].failure) == (0, failure)
    assert rows[0].authenticated in range(distinct - 2, distinct + 3 if failure else distinct + 1)


def test_changed_packets_fail(shared: Path) -> None:
    """Every tag of one stream broken: refused packet by packet with a reason, and the hop is not verified."""
    assert shared

    def tamper(batch: FrameBatch) -> None:
        for start, size in zip(batch.start.tolist(), batch.captured.tolist(), strict=True):
            frame = batch.buffer[start : start + size]
            ssrc = frame[-172 - 10 :][8:12].tobytes()  # a header, 20 ms of G.711, a tag of 80 bits
            if frame[26:30].tobytes() == bytes((10, 1, 0, 2)) and ssrc == bytes.fromhex("ec1c36e5"):
                frame[-1] ^= 1

    found = _fed("e2ae-sdes.pcapng", 1 << 20, Limits(), tamper)
    rows = {(s.ssrc, s.src): s for s in found.streams}
    broken = rows["0xec1c36e5", "10.1.0.2:20000"]
    assert (broken.authenticated, broken.auth_failed, broken.decrypted, broken.key) == (0, 201, 0, None)
    assert broken.failure == "roc_not_found"
    assert rows["0x58c2745b", "10.1.0.1:30000"].authenticated == 201
    hops = [hop for hop in found.hops if hop.plane == "media" and hop.state != "clear"]
    assert sum(hop.evidence == "keyed_verified" for hop in hops) == 1


def test_a_wrong_key_is_a_failure(shared: Path) -> None:
    """The called end's key altered wherever SDP carries it: its packets fail, with a reason, and the others verify."""
    assert shared

    def tamper(batch: FrameBatch) -> None:
        for start, size in zip(batch.start.tolist(), batch.captured.tolist(), strict=True):
            frame = batch.buffer[start : start + size]
            content = frame.tobytes()
            at = content.find(b"inline:")
            if b"m=audio 20020 " in content and at > 0:
                frame[at + 7] = ord("A") if content[at + 7 : at + 8] != b"A" else ord("B")

    rows = {s.ssrc: s for s in _fed("e2e-sdes-clear-sip.pcapng", 1 << 20, Limits(), tamper).streams}
    wrong, right = rows["0x44211a15"], rows["0x6999520b"]
    assert (wrong.authenticated, wrong.auth_failed, wrong.decrypted, wrong.key) == (0, 152, 0, None)
    assert (wrong.suite, wrong.failure) == ("AES_CM_128_HMAC_SHA1_80", "tag_failed")
    assert (right.authenticated, right.failure) == (152, None)
