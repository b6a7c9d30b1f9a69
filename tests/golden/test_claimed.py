"""Streams that a description announced are found by their hop, in both directions, once."""

from pathlib import Path

import pytest

from tests.golden.runs import run, setup, tree

# capture, (medium, from, to, transport, packets) of each media hop; packets are tshark's `-z rtp,streams`
CAPTURES = {
    # both ends on 127.0.0.1; a re-INVITE (frames 308, 309) changes the codec: 2 x 151 packets before, 2 x 151 after
    "C007-codec-negotiation.pcap": {("127.0.0.1:5084", "127.0.0.1:5094", "RTP/AVP", 604)},
    # 2 x 152 packets
    "C009-invite-opus-bye.pcap": {("127.0.0.1:5084", "127.0.0.1:5094", "RTP/AVP", 304)},
    # the INVITE of frame 62 was challenged (63): its offer is none; the answer of frame 124 names 192.168.5.151, but
    # its sender is at 192.168.20.1:4000 and gets its packets there (RFC 4961)
    "C096-SIP-RTP-Normal_Call_two_parties.pcap": {
        ("ue-1", "pcscf-1", "RTP/AVP", 1346 + 1345),
        ("pcscf-1", "192.168.5.151:4000", "RTP/AVP", 1346 + 1345),
    },
}


@pytest.mark.parametrize("name", CAPTURES)
def test_media_hops(shared: Path, name: str) -> None:
    report = tree(run(shared / "public" / name, setup(judge=False)))
    hops = [hop for hop in report["hops"] if hop["plane"] == "media"]
    assert sorted((h["from"], h["to"], h["transport"], h["packets"]) for h in hops) == sorted(CAPTURES[name])
    assert all(stream["jitter_ms"] is not None for stream in report["streams"])  # its clock rate is the hop's


def test_zrtp_that_comes_after_media_in_clear(shared: Path) -> None:
    """C003 by tshark: 12 packets of G.711 in clear from one end and 1 from the other before frame 48, among them ZRTP
    from Hello to Conf2ACK (32-47), and from 48 on packets that are four bytes longer."""
    report = tree(run(shared / "public" / "C003-Asterisk_ZFONE_XLITE.pcap", setup()))
    hops = [hop for hop in report["hops"] if hop["plane"] == "media"]
    assert {(hop["state"], hop["key_exchange"]) for hop in hops} == {("clear", "zrtp")}
    rule = next(row for row in report["rules"] if row["id"] == "SRTP-09.zrtp")
    assert (rule["fail"], rule["pass"]) == (len(hops), 0)
