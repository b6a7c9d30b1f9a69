"""Against tshark: the same SIP messages in the UDP datagrams of public captures, by method or status and Call-ID.

tshark reassembles the datagrams; which of them are SIP is left to the probe, so that RTP, RTCP, STUN and DNS of the
same captures must not look like SIP.
"""

import subprocess
from collections import Counter
from pathlib import Path

import pytest

from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.sip.message import Message
from analyzer.protocols.sip.parser import parse_datagram
from analyzer.protocols.sip.probe import probe

QUICK = (
    "C029-public-cloudshark-sip-s0", "C031-sip_compact_form", "C032-sip_header_multi_val", "C033-sip",
    "C069-fuzz-2006-06-26-2594", "C148-invalid-content-length", "C149-sip-junk-before-request",
)  # fmt: skip
LONG = (
    "C002-udp_5060", "C021-sip-register", "C023-sip-sdp-example", "C024-metasploit-sip-invite-spoof",
    "C120-sip_non_default_port", "C122-sip_reqs", "C126-ipip0",
    "C001-sip_call", "C003-Asterisk_ZFONE_XLITE", "C004-SIP_CALL_RTP_G711", "C007-codec-negotiation",
    "C009-invite-opus-bye", "C011-rtp-protocol", "C013-sip-rtp-g711", "C014-sip-rtp-g722", "C015-sip-rtp-g729a",
    "C016-sip-rtp-opus-hybrid", "C020-sip-proxy", "C034-input", "C035-sip", "C036-sdp", "C047-arkime_synthetic",
    "C072-sip", "C096-SIP-RTP-Normal_Call_two_parties", "C097-SIP-SRTP-Normal_Call_two_parties", "C119-sdp",
    "C121-sip_not_sdp", "C151-wireshark",
)  # fmt: skip
FIELDS = ("frame.number", "udp.payload", "sip.Method", "sip.Status-Code", "sip.Call-ID")
Key = tuple[str, str]

DIFFERENT: dict[str, tuple[Counter[Key], Counter[Key]]] = {
    "C069-fuzz-2006-06-26-2594": (
        # frame 247: the request line ends with CR and a 7. RFC 3261 7 knows CRLF only, and so do we
        Counter({("CANCEL", "105090259-446faf7a@192.168.%s"): 1}),
        # frames 108, 346, 348, 441: a NUL in the start line. RFC 3261 25.1 does not allow it; tshark gives the message
        # up, we read it and name it `sip.control_character`
        Counter(
            {
                ("401", "578222729-4665d775@578222732-4665d772"): 1,
                ("INVITE", ""): 1,
                ("403", "85216695T42dcdb1d@12.168.1.2"): 1,
                ("REGISTER", "578222729-4665d775@78222732-4665d772"): 1,
            }
        ),
    )
}
"""By capture, what only tshark and what only we say, each with its reason."""


def plain(text: str) -> str:
    """The text as both can show it: to the first NUL, where tshark ends a string, and without unprintable bytes."""
    shown = text.partition("\0")[0].encode("ascii", "ignore").decode("ascii")
    return "".join(char for char in shown if char.isprintable())


def dissected(path: Path) -> list[list[str]]:
    command = ["tshark", "-r", str(path), "-Y", "udp && !icmp", "-T", "fields", "-E", "occurrence=f"]
    for field in FIELDS:
        command += ["-e", field]
    output = subprocess.run(command, capture_output=True, check=False).stdout.decode("utf-8", "replace")
    return [line.split("\t") for line in output.splitlines() if line.count("\t") == len(FIELDS) - 1]


def compare(path: Path) -> tuple[Counter[Key], Counter[Key], int]:
    theirs, ours = Counter[Key](), Counter[Key]()
    for _, payload, method, status, call_id in dissected(path):
        if method or status:
            theirs[method or status, plain(call_id)] += 1
        data = bytes.fromhex(payload)
        if probe(data) <= 0:
            continue
        for event in parse_datagram(data, (Cite(0, 1, 0, 1, 1),), Limits()):
            if isinstance(event, Message):
                start = event.method if event.status is None else str(event.status)
                ours[plain(start), plain(event.call_id)] += 1
    return theirs - ours, ours - theirs, theirs.total()


@pytest.mark.tshark
@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in LONG)])
def test_the_same_messages(name: str, shared: Path) -> None:
    missed, extra, total = compare(shared / "public" / f"{name}.pcap")
    assert total
    assert (missed, extra) == DIFFERENT.get(name, (Counter(), Counter()))
