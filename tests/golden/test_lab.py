"""The captures of the lab, held against FACTS.txt: counts that need no key, and SIP inside TLS with the key logs."""

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from analyzer.pipeline.closing import ClosedCall
from analyzer.session.records import MessageRecord
from tests.conftest import SHARED
from tests.golden.runs import run, setup, tree

LAB = SHARED / "captures" / "lab"
_HEAD = re.compile(r"=== (\S+)\.pcapng  frames=(\d+)  size=(\d+)")
_COUNT = re.compile(r"  (\S+) +(\d+) (.+)")
_HELLO = re.compile(r" +(\d+) (\S+) (\S+) (\d+)(?: 2152)? 0x0303 0x0304 0x1302 ")
_DTLS = re.compile(r" +\d+ \S+ (\S+) (\d+) (0x\w{4}) 0x\w{4}")
_SUITES = {  # the IANA registry "TLS Cipher Suites"
    "0xc030": "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "0xcca8": "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "0xcca9": "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
}
_SDP = re.compile(r"  #(\d+) (\S+) (\S+)>(\S+) (\S+) PAI=(\S*) \| (.*) \| (.*)")
_STREAM = re.compile(r"  (\S+:\d+)->(\S+:\d+) ssrc (\w{8}) n=(\d+) ")
_FLOW = re.compile(
    r"  (\S+) (\d+) (\S+) (\d+) (?:profile \d: authenticated \d+/(\d+) |no DTLS key for this flow (\d+))"
)


@dataclass(slots=True)
class Facts:
    """One capture's part of FACTS.txt."""

    frames: int
    size: int
    sip: Counter[str] = field(default_factory=Counter)  # by interface
    tls_sip: Counter[str] = field(default_factory=Counter)
    rtp: Counter[str] = field(default_factory=Counter)
    hellos: Counter[str] = field(default_factory=Counter)  # by server
    dtls: set[tuple[str, str]] = field(default_factory=set)  # server, suite
    sdp: dict[int, str] = field(default_factory=dict)  # by frame
    streams: dict[tuple[str, str, str], int] = field(default_factory=dict)
    flows: dict[tuple[str, str], int] = field(default_factory=dict)

    def take(self, line: str) -> None:
        """Takes one line."""
        if found := _SDP.fullmatch(line):
            frame, interface, src, dst, label, identity, media, rest = found.groups()
            way = f"{src.rpartition(',')[2]}>{dst.rpartition(',')[2]}"  # innermost addresses
            # FACTS counts fingerprint lines; one of the session serves every medium that has none
            rest = re.sub("fingerprint=[1-9]", "fingerprint=some", rest)
            self.sdp[int(frame)] = f"{interface} {way} {label} PAI={identity} | {media} | {rest}"
        elif found := _STREAM.match(line):
            self.streams[found[1], found[2], f"0x{found[3]}"] = int(found[4])
        elif found := _FLOW.match(line):
            self.flows[f"{found[1]}:{found[2]}", f"{found[3]}:{found[4]}"] = int(found[5] or found[6])
        elif found := _HELLO.fullmatch(line):
            self.hellos[f"{found[3].rpartition(',')[2]}:{found[4]}"] += int(found[1])
        elif found := _DTLS.fullmatch(line):
            self.dtls.add((f"{found[1]}:{found[2]}", _SUITES[found[3]]))
        elif found := _COUNT.fullmatch(line):
            kind = found[3].removeprefix("gtp:")
            # ESP without encryption is read without a key
            counter = {"sip": self.sip, "esp:sip": self.sip, "tls:sip": self.tls_sip, "rtp": self.rtp}.get(kind)
            if counter is not None:
                counter[found[1]] += int(found[2])


@lru_cache(maxsize=1)
def _facts() -> dict[str, Facts]:
    facts: dict[str, Facts] = {}
    if not (LAB / "FACTS.txt").is_file():
        return facts
    current: Facts | None = None
    for line in (LAB / "FACTS.txt").read_text().splitlines():
        if head := _HEAD.fullmatch(line):
            current = facts[head[1]] = Facts(int(head[2]), int(head[3]))
        elif current is not None:
            current.take(line)
    return facts


def _describe(message: MessageRecord, interface: str) -> tuple[int, str]:
    assert message.sdp is not None
    ends = message.carrier.endpoints
    media = ",".join(f"{m.medium} {m.port} {m.proto} {' '.join(m.formats)}" for m in message.sdp.media)
    marks = dict.fromkeys(f"3ge2ae:{m.e2ae} " for m in message.sdp.media if m.e2ae != "none")
    crypto = sum(len(m.crypto) for m in message.sdp.media)
    prints = any(m.fingerprints for m in message.sdp.media)
    label = message.method if message.request else str(message.status)
    identity = f"<{message.asserted[0]}>" if message.asserted else ""
    way = f"{str(ends.src).rpartition(':')[0]}>{str(ends.dst).rpartition(':')[0]}"
    rest = f"{''.join(marks)}crypto={crypto} fingerprint={'some' if prints else '0'}"
    return message.cites[-1].frame, f"{interface} {way} {label} PAI={identity} | {media} | {rest}"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a run said."""

    report: dict[str, Any]
    sdp: dict[int, str]

    def sighted(self, rows: list[dict[str, Any]]) -> Counter[str]:
        """Sightings of rows by interface name."""
        names = self.report["captures"][0]["interfaces"]
        counts: Counter[str] = Counter()
        for row in rows:
            for sighting in row["sightings"]:
                counts[names[sighting["interface"]]] += sighting["packets"]
        return counts

    def sip(self, protected: bool) -> Counter[str]:
        """SIP messages by interface, of hops over TLS or of the others."""
        hops = [hop for hop in self.report["hops"] if hop["plane"] == "signalling"]
        return self.sighted([hop for hop in hops if (hop["transport"] == "tls") == protected])


@lru_cache(maxsize=64)
def _run(name: str, keyed: bool) -> Seen:
    keys = [LAB / f"{name}.tls-keylog.txt"] if keyed else []
    messages: list[MessageRecord] = []

    def watch(closed: ClosedCall) -> None:
        messages.extend(m for leg in closed.call.legs.values() for m in leg.messages if m.sdp is not None)

    report = tree(run(LAB / f"{name}.pcapng", setup(keys, judge=False), watch=watch))
    interfaces = report["captures"][0]["interfaces"]
    return Seen(report, dict(_describe(m, interfaces[m.cites[-1].source]) for m in messages))


def _keyed() -> list[str]:
    return sorted(name for name in _facts() if (LAB / f"{name}.tls-keylog.txt").is_file())


all_captures = pytest.mark.parametrize("name", sorted(_facts()))
with_keys = pytest.mark.parametrize("name", _keyed())


@all_captures
def test_frames(shared: Path, name: str) -> None:
    capture = _run(name, False).report["captures"][0]
    assert (capture["frames"], capture["bytes"]) == (_facts()[name].frames, _facts()[name].size)


@all_captures
def test_clear_sip(shared: Path, name: str) -> None:
    assert _run(name, False).sip(False) == _facts()[name].sip


@with_keys
def test_sip_in_tls(shared: Path, name: str) -> None:
    assert _run(name, True).sip(True) == _facts()[name].tls_sip
    assert _run(name, True).sip(False) == _facts()[name].sip


@all_captures
def test_descriptions_on_clear_hops(shared: Path, name: str) -> None:
    clear = {row.split(" ")[0] for row in _facts()[name].sip}
    known = {frame: row for frame, row in _facts()[name].sdp.items() if row.split(" ")[0] in clear}
    assert {f: row for f, row in _run(name, False).sdp.items() if row.split(" ")[0] in clear} == known


@with_keys
def test_descriptions_on_every_hop(shared: Path, name: str) -> None:
    assert _run(name, True).sdp == _facts()[name].sdp


@all_captures
def test_media_packets(shared: Path, name: str) -> None:
    facts, seen = _facts()[name], _run(name, False)
    for interface, count in facts.rtp.items():
        assert seen.sighted(seen.report["streams"])[interface] == count
    if facts.streams:
        streams = {
            (s["src"], s["dst"], s["ssrc"]): sum(v["packets"] for v in s["sightings"]) for s in seen.report["streams"]
        }
        assert streams == facts.streams
    distinct: Counter[tuple[str, str]] = Counter()
    for stream in seen.report["streams"]:
        distinct[stream["src"], stream["dst"]] += stream["packets"]
    if facts.flows:
        assert distinct == facts.flows


@all_captures
def test_tls_server_hellos(shared: Path, name: str) -> None:
    report, hellos = _run(name, False).report, _facts()[name].hellos
    rows = [row for row in report["tls"] if row["version"] == "TLS 1.3"]
    assert {row["cipher"] for row in rows} <= {"TLS_AES_256_GCM_SHA384"}  # 0x1302
    assert {row["dst"] for row in rows} == set(hellos)
    retried = sum(a["count"] for a in report["anomalies"] if a["code"] == "tls.hello_retry_request")
    assert len(rows) + retried == sum(hellos.values())


@all_captures
def test_dtls_server_hellos(shared: Path, name: str) -> None:
    rows = _run(name, False).report["tls"]
    assert {(r["dst"], r["cipher"]) for r in rows if (r["version"] or "").startswith("DTLS")} == _facts()[name].dtls


@all_captures
def test_hops_count_a_packet_once(shared: Path, name: str) -> None:
    for hop in _run(name, False).report["hops"]:
        if hop["plane"] == "media" and hop["sightings"]:
            assert hop["packets"] <= sum(s["packets"] for s in hop["sightings"])
            if not hop["transport"].startswith("TCP"):
                continue
            # connections seen whole at each vantage point: as many packets at each
            assert {s["packets"] for s in hop["sightings"]} == {hop["packets"]}
