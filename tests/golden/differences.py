"""Where the report and tshark 4.0 do not count the same in a public capture, and what decides for the report.

`sip` and `rtp` hold what the report says beyond (positive) or below (negative) the catalogue.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Difference:
    """One capture."""

    capture: str
    frames: str
    decided_by: str
    sip: dict[str, int] = field(default_factory=dict)
    rtp: dict[tuple[str, str, str], int] = field(default_factory=dict)


DIFFERENCES = (
    Difference(
        "C069-fuzz-2006-06-26-2594.pcap",
        "SIP 108, 247, 346, 348, 441; RTP 625-631",
        "RFC 3261 7 and 25.1. The fuzzer put a NUL into four start lines (108, 346, 348, 441): the line still ends in "
        "CRLF and names method or status, so it is a malformed message, kept and named; tshark gives up the frame. In "
        "247 it replaced the LF of the start line: a bare CR ends no line, so the request line is not one; tshark "
        "takes a CR for a line end. 625-631 are a run of seven packets whose addresses, SSRC and version were "
        "changed one by one: tshark announces them from the source port of an INVITE that was refused (RFC 3264 8: "
        "no answer, no session) and no stream is left with five packets that nobody announced.",
        {"CANCEL": -1, "INVITE": 1, "REGISTER": 1, "401": 1, "403": 1, "call_ids": 2},
        {
            ("81.168.1.2:30000", "212.242.33.36:40392", "0x3796cb71"): -1,
            ("192.168.1.2:30000", "214.242.33.36:40392", "0x3796cb71"): -1,
            ("192.168.1.2:30000", "212.242.33.36:40392", "0xaaaaaaaa"): -1,
            ("192.168.1.2:30000", "212.242.33.36:40392", "0x37968baa"): -1,
            ("192.168.1.2:30000", "212.242.33.36:40392", "0x3796cb71"): -3,
            ("192.168.1.2:30000", "37.115.0.36:40392", "0x3796cb71"): -1,
            ("192.168.1.3:30000", "212.242.33.36:40392", "0x3796cb71"): -1,
        },
    ),
)
