"""The engine takes any bytes, shows no key, and refuses impossible parameters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.limits import Limits
from analyzer.core.secrets import Secret
from analyzer.crypto.srtp.engine import SrtpContext, split_material
from analyzer.crypto.srtp.fast import FastStream
from analyzer.crypto.srtp.reasons import Reason
from analyzer.crypto.srtp.stream import SrtpStream
from analyzer.crypto.srtp.suites import AEAD_AES_128_GCM, AES_CM_128_HMAC_SHA1_80, SUITES
from tests.crypto.srtp.streams import CASES, header

LIMITS = Limits(srtp_roc_search=3, srtp_window=4, srtp_prime=2)
PACKETS = st.one_of(
    st.binary(max_size=120),
    st.builds(
        lambda kind, seq, rest: header(kind, seq) + rest,
        st.sampled_from(("bare", "csrc")),
        st.integers(0, 65535),
        st.binary(max_size=80),
    ),
    st.binary(min_size=15, max_size=90).map(lambda data: b"\x9f" + data),
)


@given(st.lists(PACKETS, max_size=6), st.sampled_from(CASES), st.integers(0, 2**32 - 1))
def test_any_bytes_get_a_value(packets, case, roc):
    context = case.context()
    for packet in packets:
        assert isinstance(context.unprotect_rtp(packet, roc), Reason)
        assert isinstance(context.unprotect_rtcp(packet), Reason)
    for kind in (SrtpStream, FastStream):
        stream = kind([context, context], LIMITS)
        assert len(stream.unprotect_many(packets)) == len(packets)
        assert stream.counts.failed == len(packets)
        assert all(isinstance(stream.unprotect_rtcp(packet), Reason) for packet in packets)


@given(st.lists(PACKETS, max_size=6), st.sampled_from([suite for suite in SUITES if suite.opened]))
def test_any_bytes_without_a_tag_to_check(packets, suite):
    """Nothing is refused for its tag here, so the extension reader meets any bytes."""
    context = SrtpContext(
        suite,
        Secret(bytes(suite.key)),
        Secret(bytes(suite.salt)),
        unauthenticated=True,
        encrypted_extensions=range(256),
    )
    for packet in packets:
        plain = context.unprotect_rtp(packet, 0)
        assert isinstance(plain, Reason) or len(plain) == len(packet)


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_no_key_shows(suite):
    material = Secret(bytes(range(65, 65 + suite.key + suite.salt)))
    split = split_material(suite, material)
    assert split is not None
    context = SrtpContext(suite, *split)
    stream = FastStream([context], LIMITS)
    stream.unprotect_many([bytes(60)])
    shown = repr(context) + repr(stream) + repr(stream.stream) + repr(stream.stream._keys) + repr(context._epochs)
    assert "ABCD" not in shown and "41424344" not in shown
    with pytest.raises(ValueError, match="bytes") as raised:
        SrtpContext(suite, Secret(material.reveal()), split[1])
    assert "ABCD" not in str(raised.value) and "41424344" not in str(raised.value)


def test_impossible_parameters_are_refused():
    key, salt = Secret(bytes(16)), Secret(bytes(14))
    for parameters in ({"kdr": 25}, {"mki": bytes(129)}, {"rtp_tag": 8}):
        with pytest.raises(ValueError):
            SrtpContext(AES_CM_128_HMAC_SHA1_80, key, salt, **parameters)
    with pytest.raises(ValueError):
        SrtpContext(AEAD_AES_128_GCM, key, Secret(bytes(12)), rtp_tag=4)
    assert split_material(AES_CM_128_HMAC_SHA1_80, Secret(bytes(29))) is None
