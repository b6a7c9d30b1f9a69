"""SIP and RTP of every public capture that needs no key, held against the catalogue's ground truth (tshark 4.0)."""

import json
import subprocess
from collections import Counter
from functools import lru_cache
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SHARED
from tests.golden.differences import DIFFERENCES
from tests.golden.runs import run, tree

FEW = 5  # `plausible` wants so many packets of a stream that no SDP announced; tshark's heuristic wants one
CATALOGUE = SHARED / "captures" / "public" / "catalogue.json"
VERSIONS = {"0x0303": "TLS 1.2", "0x0304": "TLS 1.3", "0xfeff": "DTLS 1.0", "0xfefd": "DTLS 1.2"}
SUITES = {  # the IANA registry "TLS Cipher Suites"
    "0x002f": "TLS_RSA_WITH_AES_128_CBC_SHA",
    "0x0035": "TLS_RSA_WITH_AES_256_CBC_SHA",
    "0x1301": "TLS_AES_128_GCM_SHA256",
    "0x1302": "TLS_AES_256_GCM_SHA384",
    "0xc00a": "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "0xc014": "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "0xc02b": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "0xc02c": "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "0xc02f": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "0xc030": "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "0xc0ff": "0xc0ff",  # not assigned
}
ON_TCP = {  # what tshark is to be told of
    "C073-rtp.pcapng": ["-d", "tcp.port==5000,rtp"],
    "C074-stun_dtls_rtp.pcapng": ["--enable-heuristic", "rtp_stun", "--enable-heuristic", "dtls_stun"],  # in TURN
}
KNOWN = {difference.capture: difference for difference in DIFFERENCES}


@lru_cache(maxsize=1)
def _entries() -> dict[str, dict[str, Any]]:
    if not CATALOGUE.is_file():
        return {}
    entries = json.loads(CATALOGUE.read_text())
    return {entry["file"]: entry["ground_truth"] for entry in entries if entry["keys"]["type"] == "none"}


@lru_cache(maxsize=128)
def _report(name: str) -> dict[str, Any]:
    return tree(run(CATALOGUE.parent / name))


def _minus(ours: Counter[Any], theirs: Counter[Any]) -> dict[Any, int]:
    """ours - theirs, where it is not 0."""
    return {key: ours[key] - theirs[key] for key in ours | theirs if ours[key] != theirs[key]}


def _sip(report: dict[str, Any]) -> Counter[str]:
    sip = report["sip"]
    return Counter({**sip["requests"], **sip["responses"], "call_ids": sip["call_ids"]})


def _sip_truth(truth: dict[str, Any]) -> Counter[str]:
    sip = truth.get("sip", {})
    return Counter(
        {
            **sip.get("requests_by_method", {}),
            **sip.get("responses_by_code", {}),
            "call_ids": sip.get("distinct_call_ids", 0),
        }
    )


def _address(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def _rtp(report: dict[str, Any]) -> Counter[tuple[str, str, str]]:
    """Sightings of packets by stream: tshark knows no vantage points and no mirror ports."""
    streams: Counter[tuple[str, str, str]] = Counter()
    for stream in report["streams"]:
        streams[stream["src"], stream["dst"], stream["ssrc"]] += sum(s["packets"] for s in stream["sightings"])
    return streams


def _tshark(name: str, shown: str, *fields: str) -> list[list[str]]:
    """Fields of frames on TCP, for captures whose media tshark does not look for there by itself. The catalogue, which
    holds what it says by itself, has none of them."""
    if name not in ON_TCP:
        return []
    command = ["tshark", "-r", str(CATALOGUE.parent / name), *ON_TCP[name], "-Y", f"tcp && {shown}"]
    command += ["-T", "fields", *(part for field in fields for part in ("-e", field))]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [line.split("\t") for line in text.splitlines()]


@lru_cache(maxsize=4)
def _on_tcp(name: str) -> dict[tuple[str, str, str], list[int]]:
    """Sequence numbers of RTP on TCP by stream: behind its length (RFC 4571), or relayed from a peer (RFC 8656 11)."""
    ends = ("ip.src", "tcp.srcport", "ip.dst", "tcp.dstport", "rtp.ssrc", "rtp.seq")
    found: dict[tuple[str, str, str], list[int]] = {}
    for src, sport, dst, dport, ssrc, number, ip, port in _tshark(
        name, "rtp", *ends, "stun.att.ipv4-xord", "stun.att.port-xord"
    ):
        near = _address(src, int(sport))
        if ip:  # under the magic cookie (RFC 8489 14.2)
            near = _address(str(IPv4Address(int(ip, 16) ^ 0x2112A442)), int(port, 16) ^ 0x2112)
        found.setdefault((near, _address(dst, int(dport)), ssrc), []).append(int(number))
    return found


def _rtp_truth(truth: dict[str, Any], name: str) -> Counter[tuple[str, str, str]]:
    streams = Counter({key: len(numbers) for key, numbers in _on_tcp(name).items()})
    for s in truth["rtp_streams"]:
        streams[_address(s["src"], s["sport"]), _address(s["dst"], s["dport"]), s["ssrc"].lower()] += s["packets"]
    return streams


WITH_ORACLE = [pytest.param(name, marks=[pytest.mark.tshark] * (name in ON_TCP)) for name in sorted(_entries())]


@pytest.mark.parametrize("name", WITH_ORACLE)
def test_counts_are_those_of_the_catalogue(shared: Path, name: str) -> None:
    truth = _entries()[name]
    report = _report(name)
    known = KNOWN.get(name)
    sip = _minus(_sip(report), _sip_truth(truth))
    rtp = _minus(_rtp(report), _rtp_truth(truth, name))
    # what only tshark's heuristic found, and that is too short to be a claim of ours
    heuristic = truth["rtp_streams_with_heuristic"] - truth["rtp_streams_signalled"]
    short = [key for key, count in _rtp_truth(truth, name).items() if count < FEW and rtp.get(key) == -count]
    if known is None and len(short) <= heuristic:
        rtp = {key: count for key, count in rtp.items() if key not in short}
    assert sip == (known.sip if known else {})
    assert rtp == (known.rtp if known else {})


@pytest.mark.parametrize("name", WITH_ORACLE)
def test_every_frame_is_accounted_for(shared: Path, name: str) -> None:
    report = _report(name)
    coverage = report["coverage"]
    assert report["captures"][0]["frames"] == _entries()[name]["frames_dissected"]
    assert report["captures"][0]["frames"] == coverage["decoded"] + coverage["undecoded"]


@pytest.mark.parametrize("name", WITH_ORACLE)
def test_loss_is_that_of_the_catalogue(shared: Path, name: str) -> None:
    # tshark's loss is RFC 3550 A.3: expected - received, below zero where packets came twice
    theirs = {
        (_address(s["src"], s["sport"]), _address(s["dst"], s["dport"]), s["ssrc"].lower()): s["lost"]
        for s in _entries()[name]["rtp_streams"]
    }
    theirs |= {key: max(n) - min(n) + 1 - len(n) for key, n in _on_tcp(name).items()}
    for s in _report(name)["streams"]:
        key = s["src"], s["dst"], s["ssrc"]
        assert s["packets"] + s["lost"] - _rtp(_report(name))[key] == theirs[key]


def _hellos(truth: dict[str, Any], name: str) -> set[tuple[str, str]]:
    """(version, suite) of every ServerHello; RFC 8446 4.2.1: supported_versions overrides the legacy version."""
    found = set()
    shown = _tshark(name, "dtls.handshake.type == 2", "dtls.handshake.version", "dtls.handshake.ciphersuite")
    on_tcp = ["\t".join(hello) for hello in shown]
    for hello in [*truth.get("tls_server_hello", ()), *truth.get("dtls_server_hello", ()), *on_tcp]:
        versions, suite = hello.split("\t")[:-1], hello.split("\t")[-1]
        found.add((VERSIONS[next(v for v in reversed(versions) if v in VERSIONS)], SUITES[suite]))
    return found


@pytest.mark.parametrize("name", WITH_ORACLE)
def test_tls_versions_and_suites_are_those_of_the_catalogue(shared: Path, name: str) -> None:
    rows = {(row["version"], row["cipher"]) for row in _report(name)["tls"] if row["version"] is not None}
    assert rows == _hellos(_entries()[name], name)


def test_differences_are_few(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        for difference in DIFFERENCES:
            print(f"\n{difference.capture}, frames {difference.frames}: {difference.decided_by}")
    assert KNOWN.keys() <= _entries().keys()
    assert len(DIFFERENCES) * 20 <= len(_entries())
