"""A capture of the lab as a relay would leave it that writes every RTP header anew: SSRC, numbers and timestamps.

The packets, their sizes and times are those of the lab's components; the hops that belong together are those of the
capture's truth.yaml: a UE to its P-CSCF, and that P-CSCF to the conference server.
"""

import struct
from pathlib import Path

import pytest

from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent
from analyzer.report.traffic import Hop
from tests.conftest import SAMPLES

CORE = 1  # the number of the core's interface in the lab's captures
FIRST_PORT = 10_000  # of media


def rewritten(path: Path, folder: Path, *, constant: bool) -> str:
    """The pcapng (4.3) whose RTP on the core's interface has other headers (RFC 3550 5.1): shifted by constants, modulo
    what they hold, or by what grows from packet to packet."""
    data, at, blocks, count = path.read_bytes(), 0, [], 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        block = bytearray(data[at : at + length])
        if (
            kind == 6
            and struct.unpack_from("<I", block, 8)[0] == CORE
            and block[40:42] == b"\x08\0"
            and block[51] == 17
        ):
            udp = 42 + 4 * (block[42] & 15)
            rtp, ports = udp + 8, struct.unpack_from(">HH", block, udp)
            if min(ports) > FIRST_PORT and block[rtp] >> 6 == 2 and not 192 <= block[rtp + 1] <= 223:
                number, stamp, ssrc = struct.unpack_from(">HII", block, rtp + 2)
                count += 1
                more = 0 if constant else 7 * count
                struct.pack_into(
                    ">HII", block, rtp + 2,
                    number + 31_000 & 0xFFFF, stamp + 0xF0000000 + more & 0xFFFFFFFF, ssrc ^ 0x1234567,
                )  # fmt: skip
        blocks.append(bytes(block))
        at += length
    assert count > 400
    out = folder / path.name
    out.write_bytes(b"".join(blocks))
    return str(out)


def media(capture: str) -> dict[tuple[str, str], Hop]:
    report = analyze(Settings(captures=(capture,), topology=SAMPLES / "lab.topology.yaml"), Silent()).report
    assert report is not None
    return {(hop.from_addr, hop.to_addr): hop for hop in report.hops if hop.medium == "audio"}


def test_constant_offsets_are_found_and_each_call_keeps_its_own(tmp_path: Path) -> None:
    """Two calls of one codec to one server at the same time; each hop is continued by the other one of its call."""
    hops = media(rewritten(SAMPLES / "e2ae-sip-udp.pcapng", tmp_path, constant=True))
    for ue, edge in (("ue1", "pcscf-1"), ("ue2", "pcscf-2")):
        access, core = hops[ue, edge], hops[edge, "mrf"]
        assert [(found.hop, found.by) for found in access.continued] == [(core.id, "offsets")]
        assert [(found.hop, found.by) for found in core.continued] == [(access.id, "offsets")]
        assert (access.scope, access.scope_detail) == ("e2ae", "e2ae")
        assert access.termination == "proven_by_keys"  # by SDES keys in clear SIP; offsets prove nothing


def test_what_is_not_constant_is_no_offset(tmp_path: Path) -> None:
    """G.711 of one size: without constant numbers there is nothing left to tell one stream from another by."""
    hops = media(rewritten(SAMPLES / "e2ae-sip-udp.pcapng", tmp_path, constant=False))
    assert len(hops) == 4
    assert [hop.continued for hop in hops.values()] == [()] * 4


@pytest.mark.parametrize("name", ["e2ae-sip-udp", "conf-e2ae-sdes"])
def test_headers_that_were_not_touched_are_headers(name: str) -> None:
    """The lab's relay keeps SSRC, numbers and timestamps: that, or more, is what is said."""
    for hop in media(str(SAMPLES / f"{name}.pcapng")).values():
        assert not {found.by for found in hop.continued} & {"offsets", "shape"}
