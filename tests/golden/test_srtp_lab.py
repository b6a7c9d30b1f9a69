"""SRTP of the lab under the keys in its own signalling, held against FACTS.txt of the captures."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from analyzer.app.offline import analyze
from analyzer.app.settings import Settings
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
_ESP = pytest.mark.xfail(strict=True, reason="the SDP with the keys is inside ESP, which is not opened yet")


def _case(fact: Fact) -> object:
    name = f"{fact.capture}-{fact.ssrc}-{fact.src}"
    return pytest.param(fact, id=name, marks=_ESP if fact.capture.startswith("esp-") else ())


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


@pytest.mark.parametrize("name", sorted({fact.capture for fact in FACTS if not fact.capture.startswith("esp-")}))
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
