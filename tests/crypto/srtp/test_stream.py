"""What a capture of a call does to a stream: late starts, wraps, new keys, late and repeated packets."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.limits import Limits
from analyzer.core.secrets import Secret
from analyzer.crypto.srtp.engine import SrtpContext
from analyzer.crypto.srtp.fast import FastStream
from analyzer.crypto.srtp.reasons import Reason
from analyzer.crypto.srtp.rollover import Rollover
from analyzer.crypto.srtp.stream import SrtpStream, counters_tried
from analyzer.crypto.srtp.suites import (
    AEAD_AES_128_GCM,
    AES_256_CM_HMAC_SHA1_80,
    AES_CM_128_HMAC_SHA1_32,
    AES_CM_128_HMAC_SHA1_80,
    F8_128_HMAC_SHA1_80,
    Suite,
)
from tests.crypto.srtp.streams import header
from tests.crypto.srtp.writer import Sender

KINDS = pytest.mark.parametrize("kind", [SrtpStream, FastStream])
SUITES = pytest.mark.parametrize("suite", [AES_CM_128_HMAC_SHA1_80, AEAD_AES_128_GCM, AES_256_CM_HMAC_SHA1_80])
LIMITS = Limits()


def pair(suite: Suite, number: int, mki: bytes = b"", **parameters) -> tuple[Sender, SrtpContext]:
    """The two ends of master key `number`."""
    master, salt = bytes((number,)) * suite.key, bytes((number + 100,)) * suite.salt
    sender = Sender(suite.cipher, master, salt, suite.rtp_tag, suite.rtcp_tag, mki)
    return sender, SrtpContext(suite, Secret(master), Secret(salt), mki=mki, **parameters)


def packets(sender: Sender, indices: list[int], mark: int = 0) -> tuple[list[bytes], list[bytes]]:
    """Plain and protected packets with these packet indices."""
    heads = [header("bare", index & 0xFFFF) for index in indices]
    bodies = [index.to_bytes(6, "big") * 20 + bytes((mark,)) for index in indices]
    protected = [sender.rtp(head, body, index >> 16) for head, body, index in zip(heads, bodies, indices, strict=True)]
    return [head + body for head, body in zip(heads, bodies, strict=True)], protected


@KINDS
@SUITES
@pytest.mark.parametrize("roc", [0, 1, 7, 63, 65, 1023])
def test_a_capture_that_starts_after_any_number_of_wraps(kind, suite, roc):
    sender, context = pair(suite, 1)
    plain, protected = packets(sender, list(range((roc << 16) + 65_500, (roc << 16) + 65_560)))
    stream = kind([context], LIMITS)
    assert stream.unprotect_many(protected[:30]) == plain[:30]
    assert stream.unprotect_many(protected[30:]) == plain[30:]
    assert stream.counts.distinct == 60 and not stream.counts.failed


@KINDS
def test_a_start_beyond_the_bound_is_named(kind):
    sender, context = pair(AES_CM_128_HMAC_SHA1_80, 1)
    _, protected = packets(sender, [5 << 16, (5 << 16) + 1])
    stream = kind([context], replace(LIMITS, srtp_roc_search=5))
    assert stream.unprotect_many(protected) == [Reason.ROC_NOT_FOUND] * 2
    assert stream.counts.reasons == {Reason.ROC_NOT_FOUND: 2}


@KINDS
def test_many_keys_share_the_search(kind):
    """Sixteen keys are tried at a quarter of the counters each, the right one among them."""
    sender, context = pair(AES_CM_128_HMAC_SHA1_80, 1)
    others = [pair(AES_CM_128_HMAC_SHA1_80, number)[1] for number in range(2, 17)]
    for roc, opened in ((255, True), (256, False)):
        plain, protected = packets(sender, [roc << 16, (roc << 16) + 1])
        result = kind([*others, context], LIMITS).unprotect_many(protected)
        assert result == (plain if opened else [Reason.ROC_NOT_FOUND] * 2)
    assert [counters_tried(keys, LIMITS) for keys in (0, 1, 4, 5, 16, 32, 10**6)] == [1024] * 3 + [819, 256, 128, 64]


@KINDS
@SUITES
def test_many_wraps_with_gaps(kind, suite):
    sender, context = pair(suite, 1)
    plain, protected = packets(sender, list(range(9, 9 + 400 * 20_000, 20_000)))
    stream = kind([context], LIMITS)
    assert stream.unprotect_many(protected) == plain
    assert stream.counts.distinct == 400


@KINDS
@SUITES
def test_a_gap_of_several_wraps_is_bridged_and_what_it_hid_is_opened_after(kind, suite):
    sender, context = pair(suite, 1)
    plain, protected = packets(sender, [*range(10), *range(3 << 16, (3 << 16) + 10)])
    stream = kind([context], LIMITS)
    assert stream.unprotect_many(protected) == plain
    assert stream.counts.failed == 0 and stream.counts.distinct == 20


@KINDS
@SUITES
@pytest.mark.parametrize("restart", [False, True], ids=["roc-goes-on", "roc-restarts"])
def test_a_new_key_in_mid_call(kind, suite, restart):
    """The counter outlives re-keying (RFC 3711 3.3.1); endpoints that make a new context begin at 0 again."""
    (first, one), (second, two) = pair(suite, 1), pair(suite, 2)
    before = list(range((2 << 16) + 100, (2 << 16) + 140))
    after = [index & 0xFFFF if restart else index for index in range((2 << 16) + 140, (2 << 16) + 200)]
    (plain, protected), (plain_after, protected_after) = packets(first, before), packets(second, after)
    stream = kind([one, two], LIMITS)
    assert stream.unprotect_many(protected + protected_after) == plain + plain_after
    assert stream.counts.distinct == 100


@KINDS
@SUITES
def test_keys_are_chosen_by_mki_in_any_order(kind, suite):
    (first, one), (second, two) = pair(suite, 1, b"\x00\x01"), pair(suite, 2, b"\x00\x02")
    third, _ = pair(suite, 3, b"\x00\x03")
    (plain, protected), (plain_2, protected_2) = packets(first, [1, 2, 3]), packets(second, [4, 5, 6])
    _, unknown = packets(third, [7])
    stream = kind([two, one], LIMITS)
    wire = [protected[0], protected_2[0], protected[1], *unknown, protected_2[1], protected[2]]
    assert stream.unprotect_many(wire) == [plain[0], plain_2[0], plain[1], Reason.MKI_UNKNOWN, plain_2[1], plain[2]]


@KINDS
def test_late_packets_over_a_wrap(kind):
    sender, context = pair(AES_CM_128_HMAC_SHA1_80, 1)
    order = [65530, 65536, 65531, 65540, 65535, 65537, 65534, 65541, 66000, 65900]
    plain, protected = packets(sender, order)
    stream = kind([context], LIMITS)
    assert stream.unprotect_many(protected) == plain
    assert stream.counts.distinct == len(order)


@KINDS
@SUITES
def test_a_duplicate_is_no_replay_of_other_bytes(kind, suite):
    sender, context = pair(suite, 1)
    plain, protected = packets(sender, [1, 2, 3, 4])
    _, other = packets(sender, [2], mark=1)
    stream = kind([context], LIMITS)
    wire = [*protected[:3], protected[1], *other, protected[3]]
    assert stream.unprotect_many(wire) == [*plain[:3], plain[1], Reason.INDEX_REUSED, plain[3]]
    counts = stream.counts
    assert (counts.authenticated, counts.distinct, counts.duplicates, counts.reused) == (6, 4, 1, 1)
    assert counts.failed == 0


@KINDS
def test_every_packet_twice_as_at_a_mirror_port(kind):
    sender, context = pair(AES_CM_128_HMAC_SHA1_80, 1)
    plain, protected = packets(sender, list(range(50)))
    stream = kind([context], LIMITS)
    result = stream.unprotect_many([packet for packet in protected for _ in range(2)])
    assert result == [packet for packet in plain for _ in range(2)]
    assert (stream.counts.distinct, stream.counts.duplicates) == (50, 50)


@KINDS
def test_what_is_too_old_to_remember_is_undecided(kind):
    sender, context = pair(AES_CM_128_HMAC_SHA1_80, 1)
    plain, protected = packets(sender, list(range(100)))
    stream = kind([context], replace(LIMITS, srtp_window=8))
    assert stream.unprotect_many([*protected, protected[3]]) == [*plain, plain[3]]
    assert (stream.counts.distinct, stream.counts.undecided) == (100, 1)


@KINDS
def test_a_sender_that_starts_its_indices_again_under_the_same_key_is_named(kind):
    sender, context = pair(AES_CM_128_HMAC_SHA1_80, 1)
    plain, protected = packets(sender, list(range((1 << 16) - 20, (1 << 16) + 20)))
    _, again = packets(sender, list(range((1 << 16) - 20, (1 << 16) + 20)), mark=1)
    stream = kind([context], LIMITS)
    assert stream.unprotect_many(protected) == plain
    assert set(stream.unprotect_many(again)) == {Reason.INDEX_REUSED}
    assert stream.counts.reused == 40


@KINDS
def test_a_wrong_packet_among_right_ones(kind):
    sender, context = pair(AES_CM_128_HMAC_SHA1_80, 1)
    plain, protected = packets(sender, list(range(6)))
    bad = protected[2][:-1] + bytes((protected[2][-1] ^ 1,))
    stream = kind([context], LIMITS)
    assert stream.unprotect_many([*protected[:2], bad, *protected[3:]]) == [
        *plain[:2],
        Reason.TAG_FAILED,
        *plain[3:],
    ]
    assert (stream.counts.authenticated, stream.counts.failed) == (5, 1)


@KINDS
def test_reasons_without_a_key_or_without_all_bytes(kind):
    sender, context = pair(AES_CM_128_HMAC_SHA1_80, 1)
    plain, protected = packets(sender, [1, 2])
    assert kind([], LIMITS).unprotect_many(protected) == [Reason.NO_KEY] * 2
    assert kind([context], LIMITS).unprotect_many(protected, [True, False]) == [plain[0], Reason.TRUNCATED]
    assert kind([context], LIMITS).unprotect_many([b"", protected[0][:21]]) == [Reason.TOO_SHORT] * 2
    _, f8 = pair(F8_128_HMAC_SHA1_80, 1)
    assert kind([f8], LIMITS).unprotect_many(protected) == [Reason.UNSUPPORTED_SUITE] * 2
    overlong = b"\x90" + protected[0][1:]  # an extension whose length passes the end
    assert kind([context], LIMITS).unprotect_many([overlong[:12] + b"\xbe\xde\xff\xff" + overlong[12:]]) == [
        Reason.TRUNCATED
    ]


@KINDS
def test_unauthenticated_and_unencrypted_streams(kind):
    """RFC 4568 6.3.2 and 6.3.3: no tag on SRTP; a tag over clear payload."""
    sender, context = pair(AES_CM_128_HMAC_SHA1_32, 1, unauthenticated=True)
    sender.tag = 0
    plain, protected = packets(sender, [65_534, 65_535, 65_536, 65_537])
    stream = kind([context], LIMITS)
    assert stream.unprotect_many(protected) == plain
    assert (stream.counts.unverified, stream.counts.authenticated) == (4, 0)
    sender, context = pair(AES_CM_128_HMAC_SHA1_80, 1, unencrypted_srtp=True)
    sender.plain_rtp = True
    plain, protected = packets(sender, [1, 2])
    assert protected[0].startswith(plain[0])
    assert kind([context], LIMITS).unprotect_many(protected) == plain


def test_rtcp_duplicates_and_reused_indices():
    sender, context = pair(AES_CM_128_HMAC_SHA1_80, 1)
    one, two = (b"\x81\xc8\x00\x06\xca\xfe\xba\xbe" + bytes((n,)) * 20 for n in (1, 2))
    stream = SrtpStream([context], LIMITS)
    assert [stream.unprotect_rtcp(sender.rtcp(packet, 1)) for packet in (one, one, two)] == [
        one,
        one,
        Reason.INDEX_REUSED,
    ]
    assert SrtpStream([], LIMITS).unprotect_rtcp(sender.rtcp(one, 1)) is Reason.NO_KEY


def test_index_guess_of_rfc_3711_appendix_a():
    rollover = Rollover()
    rollover.opened(5, 100)
    assert [rollover.guess(seq) for seq in (99, 101, 32_868, 32_869, 65_535)] == [5, 5, 5, 4, 4]
    rollover.opened(5, 40_000)
    assert [rollover.guess(seq) for seq in (7_231, 7_232, 65_535)] == [6, 5, 5]


@KINDS
@SUITES
def test_an_index_is_known_again_after_a_gap_and_after_a_restart(kind, suite):
    """The receiver has been set anew in between; what it had opened before is still remembered."""
    sender, context = pair(suite, 1)
    later = 3 << 16
    known = [*range(10), *range(20, 30), *range(later, later + 10)]
    plain, protected = packets(sender, known)
    _, other = packets(sender, [later + 1], mark=1)
    plain_again, again = packets(sender, list(range(35)), mark=2)
    stream = kind([context], LIMITS)
    assert stream.unprotect_many(protected) == plain
    assert stream.unprotect_many(other) == [Reason.INDEX_REUSED]
    expected = [Reason.INDEX_REUSED if index in known else plain_again[index] for index in range(35)]
    assert stream.unprotect_many(again) == expected
    assert stream.counts.reused == 1 + 20
    assert (stream.counts.authenticated, stream.counts.failed) == (30 + 1 + 35, 0)


@KINDS
def test_an_old_packet_with_other_bytes_after_a_gap(kind):
    """Packets opened on a second try are remembered too."""
    sender, context = pair(AES_CM_128_HMAC_SHA1_80, 1)
    later = 3 << 16
    plain, protected = packets(sender, [*range(10), *range(later, later + 10)])
    _, other = packets(sender, [later], mark=1)
    stream = kind([context], LIMITS)
    assert stream.unprotect_many([*protected, *other, *other]) == [*plain, Reason.INDEX_REUSED, Reason.INDEX_REUSED]


@KINDS
def test_packets_wait_for_a_key_that_comes_late(kind):
    """Without a key a packet is refused as such; the key opens what waits, and later packets as ever."""
    sender, context = pair(AES_CM_128_HMAC_SHA1_80, 1)
    plain, protected = packets(sender, list(range(40)))
    stream = kind((), replace(LIMITS, key_wait_packets=15))
    assert stream.unprotect_many(protected[:20]) == [Reason.NO_KEY] * 20
    stream.learn(context)
    inner = getattr(stream, "stream", stream)
    assert inner.reopened == list(range(15))
    assert (stream.counts.distinct, stream.counts.reasons) == (15, {Reason.NO_KEY: 5})
    assert stream.unprotect_many(protected[20:]) == plain[20:]
    assert stream.counts.distinct == 35


@KINDS
def test_a_wrong_key_first_and_the_right_one_after(kind):
    """Packets refused under one key are opened by the next one."""
    sender, context = pair(AES_CM_128_HMAC_SHA1_80, 1)
    _, wrong = pair(AES_CM_128_HMAC_SHA1_80, 2)
    plain, protected = packets(sender, list(range(40)))
    stream = kind([wrong], LIMITS)
    assert set(stream.unprotect_many(protected[:20])) == {Reason.ROC_NOT_FOUND}
    stream.learn(context)
    assert stream.unprotect_many(protected[20:]) == plain[20:]
    assert (stream.counts.distinct, stream.counts.failed, stream.counts.reasons) == (40, 0, {})


@KINDS
@given(
    cuts=st.lists(st.integers(1, 59), max_size=6, unique=True),
    learned=st.tuples(st.integers(0, 60), st.integers(0, 60)),
    changed=st.sets(st.integers(0, 59), max_size=8),
    wait=st.sampled_from([0, 3, 256]),
)
def test_how_packets_are_split_into_calls_does_not_show(kind, cuts, learned, changed, wait):
    """Two keys learned at any packet, some packets broken: counts are those of one packet a call."""
    limits = replace(LIMITS, key_wait_packets=wait)
    (first, one), (second, two) = pair(AES_CM_128_HMAC_SHA1_80, 1), pair(AES_CM_128_HMAC_SHA1_32, 2)
    items = packets(first, list(range(30)))[1] + packets(second, list(range(30, 60)))[1]
    items = [item[:-1] + bytes((item[-1] ^ (at in changed),)) for at, item in enumerate(items)]

    def fed(edges: list[int]):
        stream = kind((), limits)
        for start, end in pairwise(sorted({0, 60, *edges, *learned})):
            for position, context in zip(learned, (one, two), strict=True):
                if position == start:
                    stream.learn(context)
            stream.unprotect_many(items[start:end])
        inner = getattr(stream, "stream", stream)
        return stream.counts, sorted(inner.waiting)

    assert fed(cuts) == fed(list(range(60)))
