"""Which header extension elements are encrypted: RFC 6904 4, for keys from wherever they come."""

from analyzer.core.addresses import Address
from analyzer.core.limits import Limits
from analyzer.core.secrets import Secret
from analyzer.session.header_extensions import EncryptedExtensions
from analyzer.session.key_entries import SrtpMaster
from analyzer.session.media_keys import MediaKeys
from analyzer.session.stream_keys import StreamKeys
from analyzer.session.supplied_keys import SuppliedKeys
from tests.session.test_media_keys import CITES, A, B, C, sdp

URN = "urn:ietf:params:rtp-hdrext:encrypt"
FOUR = f"a=extmap:4 {URN} urn:ietf:params:rtp-hdrext:smpte-tc 25@600/24"  # the example of RFC 6904 4


def test_offer_and_answer_together() -> None:
    found = EncryptedExtensions(Limits())
    assert found.of(A, B, 1, 9) == frozenset()
    found.describe("call", sdp("10.0.0.1", 4000, FOUR, f"a=extmap:4096 {URN} urn:x", "a=extmap:3 urn:x"), 3)
    found.describe("call", sdp("10.0.0.2", 5000, FOUR, f"a=extmap:5 {URN} urn:x"), 4)
    assert found.of(A, B, 1, 9) == found.of(B, A, 2, 9) == found.of(B, C, 3, 9) == {4, 5, 4096}
    assert found.of(C, Address(1, 1), 1, 9) == frozenset()


def test_a_stream_of_another_address_by_its_ssrc() -> None:
    """As after ICE: a=ssrc of RFC 5576."""
    found = EncryptedExtensions(Limits())
    found.describe("call", sdp("10.0.0.1", 4000, FOUR, "a=ssrc:77 cname:x"), 3)
    assert found.of(C, C, 77, 9) == {4} and not found.of(C, C, 78, 9)


def test_forgotten_with_its_call_and_bounded() -> None:
    found = EncryptedExtensions(Limits(keyed_media=2, descriptions_per_medium=2))
    many = [f"a=ssrc:{number} cname:x" for number in range(9)]
    for number in range(4):
        found.describe(f"call-{number}", sdp("10.0.0.1", 4000 + number, FOUR, *many), number)
    assert [bool(found.of(Address(A.ip, 4000 + number), B, 99, 9)) for number in range(4)] == [False, False, True, True]
    assert found.of(C, C, 0, 9) and not found.of(C, C, 8, 9)
    for number in range(4):
        found.forget(f"call-{number}", 1)
    assert not found.of(A, B, 0, 9) and not found._at and not found._media


def test_the_keys_of_a_stream_say_so() -> None:
    """Whatever protects a stream: here a key that the user gave."""
    described = MediaKeys(Limits())
    described.describe("call", sdp("10.0.0.1", 4000, FOUR), CITES)
    given = SuppliedKeys([SrtpMaster("leg", None, "AEAD_AES_128_GCM", Secret(bytes(28)), b"", 8)])
    keys = StreamKeys(described, given, Limits())
    (context,) = keys.contexts(A, B, 7)
    assert (context.encrypted_extensions, context.rtp_tag) == ({4}, 8)
    (other,) = keys.contexts(B, C, 7)
    assert other.encrypted_extensions == frozenset()
    described.forget("call", 1)
    assert keys.contexts(A, B, 7)[0].encrypted_extensions == frozenset()
