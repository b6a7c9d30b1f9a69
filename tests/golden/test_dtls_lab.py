"""DTLS-SRTP of the lab under the master secrets of its key logs, held against FACTS.txt of the captures."""

import base64
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent
from analyzer.report.model import Report
from tests.conftest import SHARED

LAB = SHARED / "captures" / "lab"
CAPTURES = ("e2ae-dtls.pcapng", "e2e-dtls.pcapng")
_ROW = re.compile(
    r"^  (?P<a>[\d.]+) (?P<a_port>\d+) (?P<b>[\d.]+) (?P<b_port>\d+) profile (?P<profile>\d+): "
    r"authenticated (?P<opened>\d+)/(?P<seen>\d+) \(distinct packets\)"
)
_HELLO = re.compile(r"^\s+\d+ \S+ (?P<ip>[\d.]+) (?P<port>\d+) 0x(?P<suite>[0-9a-f]{4}) 0x(?P<profile>[0-9a-f]{4})$")
# RFC 5764 4.1.2, RFC 7714 14.2
_PROFILES = {1: "AES_CM_128_HMAC_SHA1_80", 8: "AEAD_AES_256_GCM"}


class Fact(NamedTuple):
    """One row of FACTS.txt: a direction of media, and how many of its packets authenticate."""

    capture: str
    src: str
    dst: str
    suite: str
    packets: int


def _sections() -> Iterator[tuple[str, str]]:
    if not (LAB / "FACTS.txt").is_file():
        return
    capture = ""
    for line in (LAB / "FACTS.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("=== "):
            capture = line.split()[1]
        yield capture, line


def _facts() -> Iterator[Fact]:
    for capture, line in _sections():
        if found := _ROW.match(line):
            row = found.groupdict()
            assert row["opened"] == row["seen"]
            ends = f"{row['a']}:{row['a_port']}", f"{row['b']}:{row['b_port']}"
            yield Fact(capture, *ends, _PROFILES[int(row["profile"])], int(row["opened"]))


FACTS = tuple(_facts())


@cache
def report(name: str, keyed: bool = True) -> Report:
    """The report of a lab capture, with the key log beside it."""
    keys = (LAB / (name.removesuffix(".pcapng") + ".tls-keylog.txt"),) if keyed else ()
    run = analyze(Settings(captures=(str(LAB / name),), keys=keys), Silent())
    assert run.report is not None
    return run.report


def test_facts_are_read(shared: Path) -> None:
    """Four flows of e2ae-dtls and two of e2e-dtls have such a row, under two profiles."""
    assert shared
    assert [fact.capture for fact in FACTS].count("e2ae-dtls.pcapng") == 4
    assert {fact.suite for fact in FACTS} == set(_PROFILES.values())
    assert len(FACTS) == 6


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: f"{fact.capture}-{fact.src}")
def test_every_packet_is_authenticated(fact: Fact) -> None:
    """authenticated n/n, under a key that a handshake in the capture gave."""
    found = report(fact.capture)
    rows = [s for s in found.streams if (s.src, s.dst) == (fact.src, fact.dst)]
    assert [(s.suite, s.authenticated, s.auth_failed, s.decrypted, s.failure) for s in rows] == [
        (fact.suite, fact.packets, 0, fact.packets, None)
    ]
    assert rows[0].protection == "srtp_dtls"
    key = next(key for key in found.keys if key.id == rows[0].key)
    assert (key.kind, key.opened, key.unused) == ("dtls-srtp", fact.packets, False)
    assert key.source.startswith("DTLS handshake, frame ")


@pytest.mark.parametrize("name", CAPTURES)
def test_hops_are_verified(shared: Path, name: str) -> None:
    """e2ae-dtls has two such hops and a clear one between, e2e-dtls one from end to end."""
    assert shared
    hops = [hop for hop in report(name).hops if hop.plane == "media"]
    secure = [hop for hop in hops if hop.state != "clear"]
    assert len(secure) == (2 if name == "e2ae-dtls.pcapng" else 1)
    assert {(h.state, h.evidence, h.key_exchange, h.confidentiality, h.integrity) for h in secure} == {
        ("srtp_dtls", "keyed_verified", "dtls", "yes", "yes")
    }
    assert {h.peer_auth for h in secure} == {"yes"}  # FACTS.txt: every certificate is in a fingerprint of SDP


def test_the_gateways_own_log_opens_both_of_its_sides(shared: Path) -> None:
    """e2ae-dtls.rtpengine-srtp-keys.txt instead of secrets: the same packets, though SIP stays closed."""
    assert shared
    keys = (LAB / "e2ae-dtls.rtpengine-srtp-keys.txt",)
    run = analyze(Settings(captures=(str(LAB / "e2ae-dtls.pcapng"),), keys=keys), Silent())
    assert run.report is not None
    opened = {(s.src, s.dst, s.suite, s.authenticated) for s in run.report.streams if s.authenticated}
    assert opened == {(f.src, f.dst, f.suite, f.packets) for f in FACTS if f.capture == "e2ae-dtls.pcapng"}
    assert {s.protection for s in run.report.streams if s.authenticated} == {"srtp_dtls"}


def test_one_key_for_any_stream_opens_the_public_capture(shared: Path, tmp_path: Path) -> None:
    """catalogue.json, C059: thirty bytes "a" authenticate 812 of 812 and 160 of 160 packets."""
    bundle = tmp_path / "keys.yaml"
    value = base64.b64encode(b"a" * 30).decode()
    bundle.write_text(
        f'format: 1\nkeys:\n  - {{id: all, kind: srtp-master, suite: AES_CM_128_HMAC_SHA1_80, value: "{value}"}}\n',
        encoding="ascii",
    )
    bundle.chmod(0o600)
    run = analyze(Settings(captures=(str(shared / "public" / "C059-srtp.pcap"),), keys=(bundle,)), Silent())
    assert run.report is not None
    assert {(s.ssrc, s.packets, s.authenticated, s.auth_failed) for s in run.report.streams} == {
        ("0xd366768f", 812, 812, 0),
        ("0x562df298", 160, 160, 0),
    }


def test_every_stream_of_the_public_sdes_call_opens(shared: Path) -> None:
    """catalogue.json, C097: all four RTP streams, 1135 packets, with the keys that stand in SDP."""
    run = analyze(Settings(captures=(str(shared / "public" / "C097-SIP-SRTP-Normal_Call_two_parties.pcap"),)), Silent())
    assert run.report is not None
    assert [s.authenticated for s in run.report.streams] == [1135] * 4
    assert {(s.auth_failed, s.failure) for s in run.report.streams} == {(0, None)}


@pytest.mark.parametrize("name", CAPTURES)
def test_connections_are_those_of_the_facts(shared: Path, name: str) -> None:
    """Each ServerHello of FACTS.txt: its sender is the server of a connection with that suite, opened (Finished
    verifies), that keys SRTP."""
    assert shared
    hellos = {
        (f"{row['ip']}:{row['port']}", int(row["suite"], 16))
        for capture, line in _sections()
        if capture == name and (row := _HELLO.match(line))
    }
    # RFC 5289 and RFC 7905: the names of the three suites that FACTS.txt has by number
    names = {
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": 0xC030,
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": 0xCCA8,
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": 0xCCA9,
    }
    rows = [row for row in report(name).tls if row.version == "DTLS 1.2"]
    assert {(row.dst, names[row.cipher or ""]) for row in rows} == hellos
    assert {(row.decrypted, row.carries) for row in rows} == {(True, "srtp")}
    assert {row.certificates for row in rows if len(row.certificates) != 2} == set()


@pytest.mark.parametrize("name", CAPTURES)
def test_without_keys_nothing_is_claimed(shared: Path, name: str) -> None:
    """The handshake is in clear all the same."""
    assert shared
    found = report(name, keyed=False)
    assert {row.decrypted for row in found.tls} == {False}
    assert all(not stream.decrypted and stream.authenticated is None for stream in found.streams)
    assert not [hop for hop in found.hops if hop.plane == "media" and hop.evidence == "keyed_verified"]
