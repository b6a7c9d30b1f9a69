"""RTCP as RFC 3550 6 writes it, and as tshark reads it in the lab's captures."""

import struct
import subprocess
from pathlib import Path

import pytest

from analyzer.protocols.rtp.rtcp import SenderReport, parse
from tests.conftest import SAMPLES

REPORT = bytes.fromhex("80c80006") + struct.pack(">IQIII", 0x5566AABB, 0xE000_0000_8000_0000, 160, 20, 3_200)
CNAME = bytes.fromhex("81ca00035566aabb0105") + b"alice\0"
BYE = bytes.fromhex("81cb00015566aabb")


def test_a_compound_packet() -> None:
    """6.4.1, 6.5.1, 6.6."""
    found = parse(REPORT + CNAME + BYE)
    assert found is not None
    assert (found.ssrc, found.types, found.well_formed) == (0x5566AABB, (200, 202, 203), True)
    assert found.report == SenderReport(0x5566AABB, 0xE000_0000_8000_0000, 160, 20, 3_200)
    assert (found.cname, found.bye) == ("alice", True)


def test_what_does_not_read_is_protected_or_nothing() -> None:
    for size in range(8, len(REPORT)):
        cut = parse(REPORT[:size])
        assert cut is not None
        assert cut.protected
    assert parse(REPORT[:7]) is None
    assert parse(b"\x80\x00" + REPORT[2:]) is None  # RTP


FIELDS = ("rtcp.senderssrc", "rtcp.timestamp.ntp.msw", "rtcp.timestamp.ntp.lsw", "rtcp.timestamp.rtp",
          "rtcp.sender.packetcount", "rtcp.sender.octetcount", "udp.payload")  # fmt: skip


@pytest.mark.tshark
def test_sender_reports_are_those_of_tshark() -> None:
    """The first packet of each datagram; tshark lists values of all of them, the first first."""
    capture: Path = SAMPLES / "conf-e2ae-sdes.pcapng"
    command = ["tshark", "-r", str(capture), "-Y", "rtcp.pt == 200 && !icmp", "-T", "fields", "-E", "occurrence=f"]
    command += [word for name in FIELDS for word in ("-e", name)]
    out = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    lines = [line.split("\t") for line in out.splitlines()]
    assert lines
    for ssrc, msw, lsw, rtp_ts, packets, octets, payload in lines:
        found = parse(bytes.fromhex(payload))
        assert found is not None
        ntp = int(msw) << 32 | int(lsw)
        assert found.report == SenderReport(int(ssrc, 16), ntp, int(rtp_ts), int(packets), int(octets))
