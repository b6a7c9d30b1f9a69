"""`topology init`: every host of every lab capture is a node of a draft that loads, held against the lab's own file."""

from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.app.drafting import drafted, watching
from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent
from analyzer.core.addresses import ip_text, parse_ip
from analyzer.report.model import Report
from analyzer.session.connections import Connection
from analyzer.session.drafting import Hop, Sketch, Traffic, complete, draft, spoken
from analyzer.session.topology import Topology, load
from tests.conftest import ROOT
from tests.golden.runs import setup
from tests.pipeline.sdp import invite_ok
from tests.pipeline.wire import Wire, at, rtp

LAB = load((ROOT / "samples" / "lab.topology.yaml").read_bytes(), "lab")[0]
_SHARED = ("bfcp-tcp", "bfcp-tls", "bfcp-udp", "conf-e2ae-sdes", "conf-e2e-sdes", "e2ae-all-bare-lf", "e2ae-all",
           "e2ae-dtls", "e2ae-sdes-gcm", "e2ae-sdes-unpadded-gcm", "e2ae-sdes", "e2e-all", "e2e-dtls",
           "e2e-sdes-clear-sip", "e2e-sdes", "esp-aes", "esp-null", "gtpu-e2ae", "msrp-agprojects-tcp",
           "msrp-relay-kamailio", "pai-spoof-removed", "plain-rtp", "stir-e2e")  # fmt: skip
_BUNDLED = sorted(path.stem for path in (ROOT / "samples").glob("*.pcapng"))
KNOWN = {
    # the only capture whose keys are not in a file that can be read: all that shows is ESP's clear neighbours
    ("shared", "esp-aes"): {
        "10.1.0.2": ("other", "unknown"), "10.1.0.1": ("other", "unknown"),
        "10.2.0.2": ("other", "unknown"), "10.2.0.1": ("other", "unknown"),
    },
    # one host is the P-CSCF and the relay, and here it only relays
    ("shared", "msrp-relay-kamailio"): {"10.0.0.11": ("msrp-relay", "core")},
}  # fmt: skip


def drawn(capture: Path, keys: list[Path]) -> tuple[str, Topology, Report]:
    """The draft of a capture, read back, and the report of the same run."""
    sketch = Sketch()
    done = analyze(Settings(captures=(str(capture),)), Silent(), watching(sketch), setup(keys, judge=False))
    assert done.engine is not None
    assert done.report is not None
    ends = [end for stream in done.report.streams for end in (stream.src, stream.dst)]
    text = draft(drafted(done.engine, sketch, ends))
    topology, problems = load(text.encode(), capture.name)
    assert problems == []
    return text, topology, done.report


def _hosts(report: Report) -> set[int | None]:
    """Every host in the rows of a report."""
    ends = chain.from_iterable((row.src, row.dst) for row in (*report.tls, *report.streams))
    return {parse_ip(end.rpartition(":")[0]) for end in ends}


def _capture(where: str, name: str, shared: Path) -> tuple[Path, list[Path]]:
    folder = shared / "lab" if where == "shared" else ROOT / "samples"
    keys = [folder / f"{name}.tls-keylog.txt", *([folder / f"{name}.esp-sa.txt"] if where == "bundled" else [])]
    return folder / f"{name}.pcapng", [key for key in keys if key.is_file()]


CAPTURES = [*(("shared", name) for name in _SHARED), *(("bundled", name) for name in _BUNDLED)]


@pytest.mark.parametrize(("where", "name"), CAPTURES)
def test_the_draft_of_a_lab_capture_loads_and_agrees_with_the_lab(where: str, name: str, shared: Path) -> None:
    """Roles and zones are those of the lab's own topology file; the differences stand above, each with its reason."""
    _, topology, report = drawn(*_capture(where, name, shared))
    placed = {ip: (node.role, zone) for node in topology.nodes for ip, zone in node.addresses}
    assert _hosts(report) <= placed.keys()
    truth = {ip: (LAB.role_of(ip), LAB.zone_of(ip)) for ip in placed}
    differing = {ip_text(ip): found for ip, found in placed.items() if found != truth[ip]}
    assert differing == KNOWN.get((where, name), {})


@pytest.mark.parametrize("name", ["e2ae-all", "esp-aes", "websocket", "msrp-relay"])
def test_hosts_of_what_stays_closed_are_nodes_too(name: str) -> None:
    _, topology, report = drawn(ROOT / "samples" / f"{name}.pcapng", [])
    assert _hosts(report) <= {ip for node in topology.nodes for ip, _ in node.addresses}


def test_the_shared_captures_are_all_here(shared: Path) -> None:
    assert {path.stem for path in (shared / "lab").glob("*.pcapng")} == set(_SHARED)


def test_where_nothing_tells_the_draft_says_so(tmp_path: Path) -> None:
    """Two user agents that call each other, and a host that only sends RTP."""
    wire, a, b = Wire(), at("192.0.2.1", 5060), at("192.0.2.2", 5060)
    invite_ok(wire, a, b, at("192.0.2.1", 4000), at("192.0.2.2", 5000))
    for number in range(20):
        wire.udp(at("192.0.2.3", 4000), at("192.0.2.4", 5000), rtp(number))
    (tmp_path / "two.pcap").write_bytes(wire.pcap())
    text, topology, _ = drawn(tmp_path / "two.pcap", [])
    assert [(node.role, zone) for node in topology.nodes for _, zone in node.addresses] == [("other", "unknown")] * 4
    assert text.count("# guessed: speaks SIP; nothing shows its role, nor where it stands") == 2
    assert text.count("# guessed: speaks RTP; nothing shows its role, nor where it stands") == 2
    assert topology.trust_domain == frozenset()


def test_media_at_an_address_of_its_own_is_that_of_who_names_it() -> None:
    """A floor control server whose description names another address for media: its MRFP (TS 23.228 4.7)."""
    server, client, media = (parse_ip(text) or 0 for text in ("10.0.0.13", "10.1.0.2", "10.0.0.20"))
    known = Topology(zones=LAB.zones, nodes=tuple(node for node in LAB.nodes if node.name in ("mrf", "ue1"))).indexed()
    sketch = Sketch(media={media: server, client: client})
    found = complete(known, sketch, Traffic({media: "RTP"}))
    assert [(n.role, n.addresses, n.grounds) for n in found.nodes[len(known.nodes) :]] == [
        ("mrfp", ((media, "core"),), "guessed: is named for media by 10.0.0.13")
    ]


_IPS = st.sampled_from([parse_ip(text) or 0 for text in ("10.0.0.1", "10.0.0.2", "2001:db8::1", "10.1.0.1", "::1")])
_HOPS: st.SearchStrategy[Hop] = st.tuples(st.integers(1, 4), _IPS, _IPS)


@given(st.lists(st.lists(_HOPS, max_size=6), max_size=4), st.dictionaries(_IPS, _IPS), st.lists(st.tuples(_IPS, _IPS)))
def test_whatever_was_seen_every_host_is_a_node(
    ways: list[list[Hop]], media: dict[int, int], talks: list[tuple[int, int]]
) -> None:
    sketch = Sketch({("call", number, "BYE"): dict.fromkeys(way) for number, way in enumerate(ways)}, media)
    connections = [Connection(n, at("::1", 1)._replace(ip=a), at("::1", 2)._replace(ip=b), 6, protocol="msrp")
                   for n, (a, b) in enumerate(talks)]  # fmt: skip
    signalling = [ip for way in ways for _, src, dst in way for ip in (src, dst)]
    hosts = spoken(connections, media, signalling)
    topology, problems = load(
        draft(complete(Topology(), sketch, Traffic(hosts, (), (), tuple(connections)))).encode(), "t"
    )
    assert problems == []
    assert sorted(ip for node in topology.nodes for ip, _ in node.addresses) == sorted(hosts)
