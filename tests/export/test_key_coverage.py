"""`keys check`: every key, every closed flow with what would open it."""

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent
from analyzer.export.key_coverage import closed_flows, closed_tables, keys_table, opened_by
from analyzer.export.options import ExportOptions
from analyzer.export.table import render, write_table
from analyzer.report.model import Report
from tests import factories
from tests.conftest import ROOT, SAMPLES

RULES = ("signalling",)


def report(capture: Path, *keys: Path) -> Report:
    made = analyze(Settings((str(capture),), keys, rules=RULES), Silent()).report
    assert made is not None
    return made


def test_without_keys_every_closed_flow_says_what_it_wants(shared: Path) -> None:
    lab = shared / "lab"
    flows = {flow.id: flow for flow in closed_flows(report(lab / "e2ae-dtls.pcapng"))}
    log = "no secret for its client random in the keys given; a key log of either end would open it"
    assert flows["tls-1"].why == f"{log} (TLS 1.3: no private key does)"
    assert flows["tls-3"].why == f"{log} (ECDHE: no private key does)"
    assert flows["tls-3"].what.startswith("DTLS 1.2 TLS_ECDHE_RSA")
    streams = [flow for flow in flows.values() if flow.id.startswith("stream-")]
    assert len(streams) == 4, "SRTP on the two access hops, both ways (FACTS)"
    assert all("wanted: a key log of its DTLS handshake (tls-" in flow.why for flow in streams)
    assert all(flow.closed.startswith("all 1") or flow.closed == "all 200 packets" for flow in streams)


def test_with_every_key_nothing_is_closed(shared: Path) -> None:
    lab = shared / "lab"
    for name in ("e2ae-dtls", "e2ae-sdes"):
        assert list(closed_flows(report(lab / f"{name}.pcapng", lab / f"{name}.tls-keylog.txt"))) == []


def test_streams_that_may_be_srtp_are_listed_as_wanting_a_key(shared: Path) -> None:
    """Both streams of C059 are SRTP (its key opens all 972 packets): without SDP and key their payloads cannot tell."""
    capture = shared / "public" / "C059-srtp.pcap"
    flows = list(closed_flows(report(capture)))
    assert [(flow.id, flow.what.split()[0], flow.closed) for flow in flows] == [
        ("stream-1", "unknown", "all 812 packets"), ("stream-2", "unknown", "all 160 packets"),
    ]  # fmt: skip
    assert all("tell SRTP from compressed media in clear; wanted: if it is SRTP, " in flow.why for flow in flows)


def test_a_stream_in_clear_wants_no_key(shared: Path) -> None:
    """FACTS: plain-rtp is SIP over UDP and RTP/AVP in clear."""
    found = report(shared / "lab" / "plain-rtp.pcapng")
    assert found.streams and {stream.protection for stream in found.streams} == {"clear"}
    assert list(closed_flows(found)) == []


def test_the_keys_of_another_capture_open_nothing_and_say_so(shared: Path) -> None:
    lab = shared / "lab"
    found = report(lab / "e2ae-dtls.pcapng", lab / "stir-e2e.tls-keylog.txt")
    shown = render(iter([keys_table(found.keys, opened_by(found))]), ExportOptions(width=200))
    assert "stir-e2e.tls-keylog.txt nothing no handshake in the captures has a client random of this log" in shown
    assert str(lab) not in shown


def test_an_rtpengine_log_opens_media_without_the_signalling(shared: Path) -> None:
    lab = shared / "lab"
    found = report(lab / "e2ae-dtls.pcapng", lab / "e2ae-dtls.rtpengine-srtp-keys.txt")
    opened = {key.source.rpartition(" ")[2]: key.opened for key in found.keys if key.kind == "srtp-master"}
    media, control = ("2", "4", "10", "12"), ("6", "8", "14", "16")  # lines of port 30000, and those of 30001: RTCP
    assert list(opened) == sorted((*media, *control), key=int) and all(opened.values())
    assert not any(key.unused for key in found.keys if key.kind == "srtp-master")
    assert {flow.id.partition("-")[0] for flow in closed_flows(found)} == {"tls"}
    assert sum(opened[number] for number in media) == sum(stream.decrypted for stream in found.streams) > 600
    assert sum(opened[number] for number in control) < 20, "SRTCP alone counts for keys that opened nothing else"


def test_reasons_are_said_once_with_their_flows(shared: Path) -> None:
    shown = render(closed_tables(report(shared / "lab" / "esp-aes.pcapng")), ExportOptions(width=120))
    assert shown.count("Closed: no key for SPI 0x00001001 to 10.1.0.1") == 1
    assert shown.count("FLOW") == len({line for line in shown.splitlines() if line.startswith("Closed: ")})


@pytest.mark.parametrize("keys", [[], ["--keys", str(SAMPLES / "e2ae-all.tls-keylog.txt")]], ids=["none", "all"])
def test_the_command(keys: list[str]) -> None:
    run = [sys.executable, "-c", "from analyzer.cli.main import run; run()", "keys", "check", "-q"]
    done = subprocess.run(
        [*run, str(SAMPLES / "e2ae-all.pcapng"), *keys], capture_output=True, text=True, check=True, cwd=ROOT
    )
    if keys:
        assert re.search(r"e2ae-all\.tls-keylog\.txt +105 ", done.stdout), "tshark's count of tls.record.opaque_type"
        assert "No TLS, DTLS, ESP or SRTP that was recognised is closed." in done.stdout
    else:
        assert done.stdout.startswith("No key was given, and none is in the capture.\n")
        assert "Closed: no secret for its client random" in done.stdout


def test_a_table_has_the_keys_that_want_attention_and_counts_the_rest() -> None:
    """Thousands of calls have as many SDES keys: those that opened nothing are shown first, the others are counted."""
    keys = [factories.key(id=f"key-{n}", kind="sdes", opened=5, unused=False, problem=None) for n in range(1, 4_001)]
    keys[2_999] = factories.key(id="key-3000", kind="tls-keylog", opened=0, unused=True, problem="no handshake")
    out = io.BytesIO()
    write_table(factories.report(keys=tuple(keys)), out, ExportOptions(keys=10))
    shown = out.getvalue().decode().partition("\nKeys\n")[2].partition("\n\n")[0]
    assert re.findall(r"^key-\d+", shown, re.MULTILINE) == [*(f"key-{n}" for n in range(1, 10)), "key-3000"]
    assert "3990 more (3990 sdes) opened 19950 packets; the JSON report has them." in shown


def test_every_key_of_the_signalling_is_listed(shared: Path) -> None:
    """C097 by tshark: frame 59 offers four a=crypto lines, frame 84 answers with the tag of one; each side's media are
    one stream of 1,135 packets to the server and one from it."""
    found = report(shared / "public" / "C097-SIP-SRTP-Normal_Call_two_parties.pcap")
    table = render(iter([keys_table(found.keys, opened_by(found))]), ExportOptions(width=200))
    shown = [" ".join(line.split()) for line in table.splitlines()]
    offered = [line for line in shown if "frame 59 " in line or "frame 55 " in line]
    idle = [line for line in offered if "nothing the answer chose another a=crypto line" in line]
    assert (len(offered), len(idle)) == (4, 3)
    assert [int(key.id.removeprefix("key-")) for key in found.keys] == list(range(1, len(found.keys) + 1))
    opened = [line for line in shown if "1135 packets: stream-" in line]
    assert len(opened) == len([key for key in found.keys if not key.unused]) == 4


def test_what_is_open_in_part_is_listed_with_its_reason() -> None:
    """A direction without its secret, and SRTCP that no key verifies, are closed though the flow beside is open."""
    half = factories.tls_connection(
        decrypted=True, failure="the keys given have the secrets of the client's direction only"
    )
    hops = (
        factories.hop(id="hop-1", rtcp="unknown", rtcp_packets=5, rtcp_authenticated=2, rtcp_failed=3),
        factories.hop(id="hop-2", rtcp="unknown", rtcp_packets=5),
        factories.hop(id="hop-3", rtcp="srtcp_enc", rtcp_packets=5, rtcp_authenticated=5, rtcp_failed=0),
        factories.hop(id="hop-4", rtcp="clear", rtcp_packets=5),
        factories.hop(id="hop-5"),
    )
    flows = {flow.id: flow for flow in closed_flows(factories.report(tls=(half,), hops=hops, streams=(), esp=()))}
    assert list(flows) == ["tls-1", "hop-1", "hop-2"]
    assert (flows["tls-1"].closed, flows["tls-1"].why) == ("a part", half.failure)
    assert (flows["hop-1"].closed, flows["hop-1"].what) == ("3 packets", "SRTCP")
    assert flows["hop-2"].why == "No key for its SRTCP; wanted: that of its SRTP"
