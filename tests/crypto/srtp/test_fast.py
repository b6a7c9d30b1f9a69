"""The fast path is libsrtp, and says what the engine says."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.limits import Limits
from analyzer.crypto.srtp import libsrtp
from analyzer.crypto.srtp.fast import FastStream, Prepared
from analyzer.crypto.srtp.prime import lead
from analyzer.crypto.srtp.reasons import Reason
from analyzer.crypto.srtp.stream import PacketColumns, SrtpStream
from analyzer.crypto.srtp.suites import (
    AEAD_AES_128_GCM,
    AEAD_AES_256_GCM,
    AES_CM_128_HMAC_SHA1_32,
    AES_CM_128_HMAC_SHA1_80,
)
from tests.crypto.srtp.streams import CASES, SSRC
from tests.crypto.srtp.test_stream import LIMITS, packets, pair

FAST_SUITES = [AES_CM_128_HMAC_SHA1_80, AES_CM_128_HMAC_SHA1_32, AEAD_AES_128_GCM, AEAD_AES_256_GCM]
OPENERS = pytest.mark.parametrize("opener", [libsrtp.BindingOpener, libsrtp.PublicOpener])


@pytest.fixture
def engine_calls(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The packets that reach the engine."""
    calls: list[bytes] = []
    unprotect = SrtpStream.unprotect

    def spy(self, packet, whole=True):
        calls.append(packet)
        return unprotect(self, packet, whole)

    monkeypatch.setattr(SrtpStream, "unprotect", spy)
    return calls


def test_the_binding_passes_its_self_test():
    assert libsrtp._kind() is libsrtp.BindingOpener


def test_an_opener_that_disagrees_with_the_engine_is_not_used(monkeypatch: pytest.MonkeyPatch):
    run = libsrtp.BindingOpener.run

    def wrong(self, items, first, out):
        opened = run(self, items, first, out)
        out[:] = [plain[:-1] + b"\xff" for plain in out]
        return opened

    monkeypatch.setattr(libsrtp.BindingOpener, "run", wrong)
    assert libsrtp._kind.__wrapped__() is libsrtp.PublicOpener
    monkeypatch.setattr(libsrtp.PublicOpener, "run", lambda self, items, first, out: 0)
    assert libsrtp._kind.__wrapped__() is None


def test_without_pylibsrtp_the_engine_does_it_all(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(libsrtp, "_kind", lambda: None)
    sender, context = pair(AES_CM_128_HMAC_SHA1_80, 1)
    plain, protected = packets(sender, list(range(20)))
    assert FastStream([context], LIMITS).unprotect_many(protected) == plain


@pytest.mark.parametrize("suite", FAST_SUITES, ids=lambda suite: suite.name)
def test_libsrtp_opens_a_stream_from_its_start_alone(suite, engine_calls):
    sender, context = pair(suite, 1)
    plain, protected = packets(sender, list(range(65_400, 65_700)))
    stream = FastStream([context], LIMITS)
    assert stream.unprotect_many(protected[:7]) == plain[:7]
    assert stream.unprotect_many(protected[7:]) == plain[7:]
    assert not engine_calls
    assert stream.counts.distinct == stream.counts.authenticated == 300


@pytest.mark.parametrize("suite", FAST_SUITES, ids=lambda suite: suite.name)
def test_libsrtp_joins_a_stream_after_wraps(suite, engine_calls):
    sender, context = pair(suite, 1)
    plain, protected = packets(sender, list(range((9 << 16) + 65_400, (9 << 16) + 65_700)))
    stream = FastStream([context], LIMITS)
    assert stream.unprotect_many(protected) == plain
    assert len(engine_calls) == 1
    beyond = FastStream([context], replace(LIMITS, srtp_prime=8))
    assert beyond.unprotect_many(protected) == plain


def test_libsrtp_joins_under_the_next_key(engine_calls):
    (first, one), (second, two) = pair(AES_CM_128_HMAC_SHA1_80, 1), pair(AEAD_AES_128_GCM, 2)
    (plain, protected), (plain_2, protected_2) = packets(first, list(range(50))), packets(second, list(range(50, 99)))
    stream = FastStream([one, two], LIMITS)
    assert stream.unprotect_many(protected + protected_2) == plain + plain_2
    assert len(engine_calls) == 1


@OPENERS
@pytest.mark.parametrize("suite", [AES_CM_128_HMAC_SHA1_80, AEAD_AES_128_GCM], ids=lambda suite: suite.name)
def test_longer_than_1500_bytes(opener, suite, monkeypatch):
    monkeypatch.setattr(libsrtp, "_kind", lambda: opener)
    sender, context = pair(suite, 1)
    heads, sizes = (
        [b"\x80\x00\x00" + bytes((n,)) + bytes(4) + SSRC.to_bytes(4, "big") for n in range(4)],
        (9, 1501, 65_000, 9),
    )
    protected = [sender.rtp(head, bytes(size), 0) for head, size in zip(heads, sizes, strict=True)]
    stream = FastStream([context], LIMITS)
    expected = [head + bytes(size) for head, size in zip(heads, sizes, strict=True)]
    assert stream.unprotect_many(protected) == expected


@pytest.mark.parametrize("suite", FAST_SUITES, ids=lambda suite: suite.name)
@pytest.mark.parametrize(("roc", "seq"), [(0, 5), (1, 0), (1, 0x1000), (3, 65_535), (64, 40_000)])
def test_leading_packets_are_opened_by_libsrtp_one_by_one(suite, roc, seq):
    _, context = pair(suite, 1)
    led = lead(context, SSRC, roc, seq)
    opener = libsrtp.opener(context, 64)
    assert opener is not None
    assert opener.run(led, 0, []) == len(led)
    assert int.from_bytes(led[-1][2:4], "big") == seq


def test_columns_and_lists_give_the_same_and_keep_nothing_of_the_buffer():
    sender, context = pair(AES_CM_128_HMAC_SHA1_80, 1)
    plain, protected = packets(sender, list(range(10)))
    buffer = bytearray(b"?" + b"??".join(protected))
    starts = np.cumsum([1] + [len(packet) + 2 for packet in protected[:-1]])
    lengths = np.array([len(packet) for packet in protected])
    result = FastStream([context], LIMITS).unprotect_many(PacketColumns(memoryview(buffer), starts, lengths))
    buffer[:] = bytes(len(buffer))
    assert result == plain


def test_what_libsrtp_does_not_serve():
    """House facts of pylibsrtp 1.0.0: no MKI, no KDR, four suites, no RFC 6904, no session parameters."""
    for case in CASES:
        plainly = not (case.mki or case.kdr or case.ids or case.rtp_tag or case.unencrypted)
        assert libsrtp.serves(case.context()) == (plainly and case.suite in FAST_SUITES), str(case)


STEPS = st.lists(
    st.tuples(
        st.sampled_from((1, 1, 1, 2, 3, 700, 20_000, 33_000, 70_000, 150_000, 0, -1, -2, -30, -40_000)),
        st.sampled_from(("right", "right", "right", "right", "twice", "other", "bent", "next key")),
    ),
    max_size=30,
)


@given(st.integers(0, 200_000), STEPS, st.sampled_from(FAST_SUITES), st.integers(1, 40))
def test_the_fast_path_never_differs_from_the_engine(start, steps, suite, batch):
    """Any order, losses, wraps, copies, forgeries and changes of key, in batches of any size."""
    limits = Limits(srtp_roc_search=6, srtp_window=16)
    ends = [pair(suite, 1), pair(suite, 2)]
    wire, plain, index, key = [], {}, start, 0
    for step, what in steps:
        index = max(0, index + step)
        key = min(1, key + (what == "next key"))
        clear, protected = packets(ends[key][0], [index], mark=what == "other")
        if what == "bent":
            protected = [protected[0][:20] + bytes((protected[0][20] ^ 4,)) + protected[0][21:]]
        wire += protected * (2 if what == "twice" else 1)
        plain[protected[0]] = clear[0]
    contexts = [context for _, context in ends]
    fast, bulk, slow = FastStream(contexts, limits), FastStream(contexts, limits), SrtpStream(contexts, limits)
    for at in range(0, len(wire), batch):
        part = wire[at : at + batch]
        results = fast.unprotect_many(part)
        expected = slow.unprotect_many(part)
        for packet, result in zip(part, results, strict=True):
            assert isinstance(result, Reason) or result == plain[packet]
        assert results == expected
        verified = bulk.verify_many(Prepared(_columns([*part[:1], *part])), 1, len(part) + 1)
        assert [result or expected[n] for n, result in enumerate(verified)] == expected
    assert fast.counts == slow.counts == bulk.counts


def _columns(items: list[bytes]) -> PacketColumns:
    lengths = np.array([len(packet) for packet in items])
    return PacketColumns(b"".join(items), np.cumsum(lengths) - lengths, lengths)


@OPENERS
@pytest.mark.parametrize("suite", FAST_SUITES, ids=lambda suite: suite.name)
def test_a_block_is_opened_where_it_lies_apart_from_the_buffer(opener, suite, engine_calls, monkeypatch):
    """Long and short packets, the last at the very end of the buffer; the buffer stays as it was."""
    monkeypatch.setattr(libsrtp, "_kind", lambda: opener)
    sender, context = pair(suite, 1)
    protected = [
        sender.rtp(b"\x80\x00" + n.to_bytes(2, "big") + bytes(4) + SSRC.to_bytes(4, "big"), bytes(7 * n), 0)
        for n in range(60)
    ]
    bent = protected[33][:-1] + bytes((protected[33][-1] ^ 1,))
    columns = _columns([*protected[:33], bent, *protected[33:], protected[40]])
    before = bytes(columns.buffer)
    stream = FastStream([context], LIMITS)
    results = stream.verify_many(Prepared(columns), 0, 62)
    assert columns.buffer == before
    assert [n for n, result in enumerate(results) if isinstance(result, Reason)] == [33]
    assert engine_calls == [bent, protected[40]]
    assert (stream.counts.distinct, stream.counts.duplicates, stream.counts.failed) == (60, 1, 1)
