"""Every suite, MKI, roll-over counter and header form, written by others: all opened, and with one bit flipped none."""

import random
from dataclasses import replace

import pytest
from pylibsrtp import Policy, Session

from analyzer.core.limits import Limits
from analyzer.crypto.srtp.fast import FastStream
from analyzer.crypto.srtp.reasons import Reason
from analyzer.crypto.srtp.stream import SrtpStream
from tests.crypto.srtp.streams import CASES, UNAUTHENTICATED, Case, flipped, rtcp_plain, rtp_plain

LIMITS = replace(Limits(), srtp_roc_search=48)
PROFILES = {
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    "AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AEAD_AES_256_GCM": Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}
LIBSRTP = [
    case
    for case in CASES
    if case.suite.name in PROFILES
    and not (case.mki or case.roc or case.kdr or case.ids or case.rtp_tag or case.rtcp_tag or case.unencrypted)
]


def test_the_matrix_is_as_large_as_promised():
    assert len(CASES) >= 200
    assert len(LIBSRTP) == 12


@pytest.mark.parametrize("kind", [SrtpStream, FastStream])
def test_every_stream_opens_and_no_flipped_packet_does(kind: type[SrtpStream | FastStream]):
    for case in CASES:
        sender, plain = case.sender(), rtp_plain(case)
        protected = [sender.rtp(*packet) for packet in plain]
        stream = kind([case.context()], LIMITS)
        assert stream.unprotect_many(protected) == [head + body for head, body, _ in plain], str(case)
        assert stream.counts.authenticated == stream.counts.distinct == len(plain), str(case)
        numbers = random.Random(str(case))
        stream = kind([case.context()], LIMITS)
        refused = stream.unprotect_many([flipped(packet, numbers) for packet in protected])
        assert all(isinstance(result, Reason) for result in refused), str(case)
        assert stream.counts.authenticated == 0 and stream.counts.failed == len(plain)


@pytest.mark.parametrize("kind", [SrtpStream, FastStream])
def test_every_stream_without_tags_opens(kind: type[SrtpStream | FastStream]):
    """RFC 4568 6.3.3: no packet of them is authenticated."""
    for case in UNAUTHENTICATED:
        sender, plain = case.sender(), rtp_plain(case)
        stream = kind([case.context()], LIMITS)
        opened = stream.unprotect_many([sender.rtp(*packet) for packet in plain])
        assert opened == [head + body for head, body, _ in plain], str(case)
        assert (stream.counts.authenticated, stream.counts.unverified) == (0, len(plain)), str(case)


def test_every_rtcp_stream_opens_and_no_flipped_packet_does():
    for case in (*CASES, *UNAUTHENTICATED):
        sender, plain, numbers = case.sender(), rtcp_plain(case), random.Random(str(case))
        stream = SrtpStream([case.context()], LIMITS)
        for packet, index, encrypt in plain:
            protected = sender.rtcp(packet, index, encrypt)
            assert isinstance(stream.unprotect_rtcp(flipped(protected, numbers)), Reason), str(case)
            assert stream.unprotect_rtcp(protected) == packet, (str(case), index)
        assert stream.rtcp_counts.distinct == stream.rtcp_counts.failed == len(plain)


@pytest.mark.parametrize("case", LIBSRTP, ids=str)
def test_streams_written_by_libsrtp(case: Case):
    """libsrtp writes, the engine and the fast path open; the tests' own sender writes the same bytes."""
    master, salt = case.key
    policy = Policy(master + salt, Policy.SSRC_ANY_OUTBOUND, srtp_profile=PROFILES[case.suite.name])
    policy.window_size = 1024
    peer, sender = Session(policy), case.sender()
    plain = [(head, body[:1300], roc) for head, body, roc in rtp_plain(case)]
    protected = [peer.protect(head + body) for head, body, _ in plain]
    assert protected == [sender.rtp(*packet) for packet in plain]
    for stream in (SrtpStream([case.context()], LIMITS), FastStream([case.context()], LIMITS)):
        assert stream.unprotect_many(protected) == [head + body for head, body, _ in plain]
    stream = SrtpStream([case.context()], LIMITS)
    for number, (packet, _, _) in enumerate(rtcp_plain(case), 1):
        wire = peer.protect_rtcp(packet)
        assert wire == sender.rtcp(packet, number)
        assert stream.unprotect_rtcp(wire) == packet
