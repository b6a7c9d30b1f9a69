"""SDP: total, bounded, cited, linear; then what the RFCs' own examples say; tshark as a second reader."""

import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analyzer.core.addresses import parse_ip
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.sdp.parser import parse
from analyzer.protocols.sdp.session import Codec, Media, Session
from tests.linear import assert_linear

CITES = (Cite(0, 7, 0, 100, 5),)
LIMITS = Limits()
HEAD = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n"
KEY = "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR"  # RFC 4568 4.1
PIECES = st.sampled_from([
    "v=0\r\n", "m=audio 9 RTP/SAVP 0\r\n", "a=crypto:", "1 AES_CM_128_HMAC_SHA1_80 inline:", KEY, "|2^20|1:4", "a=",
    "a=fingerprint:sha-256 ", "AA:", "c=IN IP6 ::1\n", "m=", "a=rtpmap:0 PCMU/8000", "\r", "\n", " ", "=", ":", "\x00",
    "a=floorid:1 mstrm:", "a=rtcp:", "99999999999999999999", "a=ssrc:", "a=key-mgmt:mikey ", "o=", "k=clear:x", "b=AS:",
])  # fmt: skip


def read(*lines: str, head: str = HEAD) -> Session:
    return parse((head + "\n".join(lines) + "\n").replace("\n", "\r\n").encode(), CITES, LIMITS)


def only(*lines: str) -> Media:
    (media,) = read(*lines).media
    return media


def codes(session: Session) -> list[str]:
    return [anomaly.kind.code for anomaly in session.anomalies]


@given(st.binary(max_size=300) | st.lists(PIECES | st.text(max_size=5), max_size=30).map(lambda x: "".join(x).encode()))
def test_any_bytes_give_a_session_and_every_anomaly_is_cited(data: bytes) -> None:
    session = parse(data, CITES, LIMITS)
    assert all(anomaly.cites == CITES for anomaly in session.anomalies)
    assert all(anomaly.detail.isprintable() for anomaly in session.anomalies)
    assert [media.index for media in session.media] == list(range(len(session.media)))
    assert all(0 <= media.port <= 65_535 for media in session.media)


@given(st.integers(1, 20), st.integers(0, 40))
def test_no_more_lines_are_read_than_the_bound_and_that_is_said(bound: int, lines: int) -> None:
    session = parse(b"a=x:1\r\n" * lines, CITES, Limits(sdp_lines=bound))
    assert len(session.attributes) == min(bound, lines)
    assert ("sdp.too_long" in codes(session)) == (lines > bound)


def test_what_media_inherit_is_kept_once() -> None:
    """A thousand session-level fingerprints and as many m-lines are not a million."""
    lines = ["a=fingerprint:sha-1 " + ":".join(["AB"] * 20)] * 900 + ["m=audio 9 UDP/TLS/RTP/SAVPF 0"] * 900
    media = read(*lines).media
    assert len(media) == len(media[0].fingerprints) == 900
    assert all(each.fingerprints is media[0].fingerprints for each in media)


def test_every_line_is_an_entity_or_an_anomaly() -> None:
    session = read("a=one", "no equals sign", "a=two:3", "y=1", "m=audio 9 RTP/AVP 0", "a=three")
    assert session.attributes == (("one", ""), ("two", "3"))
    assert session.media[0].attributes == (("three", ""),)
    assert codes(session) == ["sdp.bad_line", "sdp.unknown_line"]


@pytest.mark.parametrize(
    "piece",
    [b"a=ssrc:%d x\r\n", b"m=audio 9 RTP/AVP 0\r\n", b"a=crypto:1 A_B inline:x;inline:y\r\n", b"\r", b"m=%d "],
)
def test_time_is_linear(piece: bytes) -> None:
    def prepare(count: int) -> Callable[[], object]:
        data = b"".join(piece % n if b"%d" in piece else piece for n in range(count))
        return partial(parse, data, CITES, Limits(sdp_lines=10**6))

    assert_linear(prepare, 2_000)


SHAPES = st.sampled_from([
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{}", "a=crypto:1 AES_CM_128_HMAC_SHA1_80inline:{}",
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline: {}", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 {}", "a=crypto:inline:{}",
    "a=crypto:{} A B", "a=crypto:1 {} C", "a=crypto:1 A_B inline:x {}", "a=crypto:1 A_B inline:x;inline:{} KDR=1",
    "a=crypto:1 A_B inline:x; inline:{}", "a=crypto:1 A_B inline:|{}", "a=crypto:1 A_B inline:x|{}:{}",
    "a=crypto:1 A_B inline:x FEC_KEY=inline:{}", "a=crypto:1 A_B inline:x FEC_ORDER={}", "a=crypto:1 A_B inline:x {}=1",
    "a=acap:1 crypto:1 A_B inline:{}", "A=crypto:1 A_B inline:{}", "a crypto:1 A_B inline:{}", "a=ice-pwd:{}",
    "a=CRYPTO:1 A_B INLINE:{}", "k=base64:{}", "a=key-mgmt:mikey {}", " a=crypto:1 A_B inline:{}",
])  # fmt: skip


@given(st.lists(SHAPES, min_size=1, max_size=4), st.booleans())
@example(["a=crypto:1 A_B inline:x -{}"], True)
def test_no_key_is_ever_shown(shapes: list[str], in_media: bool) -> None:
    lines = [shape.replace("{}", KEY) for shape in shapes]
    session = read(*(["m=audio 9 RTP/SAVP 0"] if in_media else []), *lines)
    shown = repr(session).lower()
    assert KEY.lower() not in shown
    assert KEY[:20].lower() not in shown


# --- behaviour


def test_the_crypto_lines_of_rfc_4568() -> None:
    # 5.1 / 6.1 of RFC 4568: two keys, lifetimes, MKIs, a FEC order
    media = only(
        "m=video 51372 RTP/SAVP 31",
        "a=crypto:2 F8_128_HMAC_SHA1_80 inline:MTIzNDU2Nzg5QUJDREUwMTIzNDU2Nzg5QUJjZGVm|2^20|1:4;"
        "inline:QUJjZGVmMTIzNDU2Nzg5QUJDREUwMTIzNDU2Nzg5|2^20|2:4 FEC_ORDER=FEC_SRTP",
    )
    (line,) = media.crypto
    assert (line.tag, line.suite, line.fec_order, line.faults) == ("2", "F8_128_HMAC_SHA1_80", "FEC_SRTP", ())
    assert [key.key.reveal() for key in line.keys if key.key] == [
        b"123456789ABCDE0123456789ABcdef",
        b"ABcdef123456789ABCDE0123456789",
    ]
    assert [(key.lifetime, key.mki, key.mki_bytes) for key in line.keys] == [("2^20", 1, 4), ("2^20", 2, 4)]


def test_session_parameters_of_rfc_4568() -> None:
    media = only(
        "m=audio 9 RTP/SAVP 0",
        f"a=crypto:1 AES_CM_128_HMAC_SHA1_32 inline:{KEY} KDR=1 UNENCRYPTED_SRTP UNENCRYPTED_SRTCP "
        f"UNAUTHENTICATED_SRTP FEC_KEY=inline:{KEY} WSH=64 -MY_OPTION=2 {KEY}",
    )
    (line,) = media.crypto
    assert (line.kdr, line.wsh, len(line.fec_keys)) == (1, 64, 1)
    assert line.unencrypted_srtp
    assert line.unencrypted_srtcp
    assert line.unauthenticated_srtp
    assert line.other == ("-MY_OPTION", "?")


def test_a_key_without_padding_is_decoded_and_flagged() -> None:
    # 28 bytes need 38 characters and "==" (RFC 4648 4)
    import base64

    key = bytes(range(28))
    full = base64.b64encode(key).decode()
    session = read(
        "m=audio 9 RTP/SAVP 0",
        f"a=crypto:1 AEAD_AES_128_GCM inline:{full}",
        f"a=crypto:2 AEAD_AES_128_GCM inline:{full.rstrip('=')}",
        "a=crypto:3 AEAD_AES_128_GCM inline:!!!",
    )
    keys = [line.keys[0] for line in session.media[0].crypto]
    assert [(k.base64_ok, k.padded_ok) for k in keys] == [(True, True), (True, False), (False, False)]
    assert [k.key.reveal() if k.key else None for k in keys] == [key, key, None]
    assert codes(session) == ["sdp.bad_crypto"]


def test_the_published_line_without_a_space_before_inline_is_read() -> None:
    # requirements 4: TS 34.229-1 shows "_80inline:" and "3ge2ae: requested"
    session = read(
        "m=audio 9 RTP/SAVP 0", f"a=crypto:1 AES_CM_128_HMAC_SHA1_80inline:{KEY}|2^20|1:4", "a=3ge2ae: requested"
    )
    (line,) = session.media[0].crypto
    assert line.suite == "AES_CM_128_HMAC_SHA1_80"
    assert line.keys[0].key is not None
    assert line.faults == ("no space before the key",)
    assert session.media[0].e2ae == "requested"
    assert codes(session) == ["sdp.bad_crypto", "sdp.bad_attribute"]


@pytest.mark.parametrize(
    ("lines", "mark"),
    [
        ((), "none"),
        (("a=3ge2ae:requested",), "requested"),
        (("a=3ge2ae:applied",), "applied"),
        (("a=3ge2ae:x",), "other"),
    ],
)
def test_e2ae(lines: tuple[str, ...], mark: str) -> None:
    assert only("m=audio 9 RTP/SAVP 0", *lines).e2ae == mark


def test_crypto_at_session_level_has_no_effect_and_is_named() -> None:
    session = read(f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}", "m=audio 9 RTP/SAVP 0")  # RFC 4568 4
    assert session.media[0].crypto == ()
    assert len(session.crypto) == 1
    assert codes(session) == ["sdp.crypto_level"]


def test_fingerprints() -> None:
    # RFC 8122 5 example (SHA-1); session level holds for media without their own
    digest = "4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB"
    session = read(
        f"a=fingerprint:SHA-1 {digest}", "a=setup:actpass", "a=tls-id:abc3de65cddef001be82",
        "m=audio 9 UDP/TLS/RTP/SAVPF 0", "m=video 9 UDP/TLS/RTP/SAVPF 96", "a=fingerprint:sha-256 AA:BB",
        "a=setup:active",
    )  # fmt: skip
    audio, video = session.media
    assert audio.fingerprints == session.fingerprints
    assert (audio.fingerprints[0].algorithm, audio.fingerprints[0].digest.hex(":").upper()) == ("sha-1", digest)
    assert (audio.setup, audio.tls_id, video.setup) == ("actpass", "abc3de65cddef001be82", "active")
    assert video.fingerprints[0].digest == b"\xaa\xbb"
    assert codes(session) == ["sdp.bad_attribute"]  # two bytes are no SHA-256
    assert only("m=audio 9 X 0", "a=fingerprint:sha-1 AA:B:CCC").fingerprints[0].digest == b""


def test_addresses_and_ports() -> None:
    session = read(
        "m=audio 49170/2 RTP/AVP 0", "c=IN IP4 224.2.1.1/127/3", "c=IN IP4 192.0.2.9", "b=AS:64", "a=rtcp:53020",
        "m=video 9 RTP/AVP 96", "a=rtcp:53020 IN IP6 2001:db8::1", "a=rtcp-mux", "a=rtcp-rsize",
        "m=audio 9 RTP/AVP 0", "c=IN IP4 host.example",
    )  # fmt: skip
    first, second, third = session.media
    assert (first.port, first.port_count, first.rtcp_port) == (49170, 2, 53020)  # RFC 8866 5.14, RFC 3605 2.1
    assert first.connections == ("224.2.1.1", "192.0.2.9")
    assert (first.address, first.ip) == ("224.2.1.1", parse_ip("224.2.1.1"))
    assert first.bandwidths == (("AS", 64),)
    assert (second.address, second.rtcp_ip) == ("192.0.2.1", parse_ip("2001:db8::1"))
    assert second.rtcp_mux
    assert second.rtcp_rsize
    assert (third.address, third.ip) == ("host.example", None)


def test_bfcp_msrp_and_data_channels() -> None:
    session = read(
        # RFC 8856 10 and RFC 4583 9
        "m=application 50000 TCP/TLS/BFCP *", "a=setup:passive", "a=connection:new", "a=floorctrl:s-only",
        "a=confid:4321", "a=userid:1234", "a=floorid:1 mstrm:10", "a=floorid:2 m-stream:11 12",
        # RFC 4975 8.4, RFC 6714, RFC 5547
        "m=message 7394 TCP/TLS/MSRP *", "a=accept-types:message/cpim text/plain", "a=accept-wrapped-types:*",
        "a=path:msrps://a.example:7394/2s93i9ek2a;tcp msrps://b.example:1/x;tcp", "a=msrp-cema",
        'a=file-selector:name:"My cool picture.jpg" type:image/jpeg',
        # RFC 8841 5
        "m=application 54111 UDP/DTLS/SCTP webrtc-datachannel", "a=sctp-port:5000", "a=mid:2", "a=label:x",
    )  # fmt: skip
    bfcp, msrp, data = session.media
    assert (bfcp.is_bfcp, bfcp.tls, bfcp.floorctrl, bfcp.confid, bfcp.userid) == (True, True, ("s-only",), 4321, 1234)
    assert bfcp.floorids == ((1, ("10",)), (2, ("11", "12")))
    assert msrp.path == ("msrps://a.example:7394/2s93i9ek2a;tcp", "msrps://b.example:1/x;tcp")
    assert (msrp.is_msrp, msrp.accept_types, msrp.accept_wrapped_types) == (
        True,
        ("message/cpim", "text/plain"),
        ("*",),
    )
    assert msrp.msrp_cema
    assert msrp.file_selector.startswith('name:"My cool')
    assert (data.sctp_port, data.mid, data.label, data.tls, data.is_rtp) == (5000, "2", "x", True, False)
    assert codes(session) == []


def test_codecs_sources_and_ice() -> None:
    session = read(
        "a=group:BUNDLE 1", "a=ice-ufrag:8hhY", "a=ice-pwd:asd88fgpdd777uzjYhagZg", "a=recvonly",
        "m=audio 9 RTP/AVP 0 96", "a=rtpmap:96 opus/48000/2", "a=rtpmap:200 x/1", "a=fmtp:96 useinbandfec=1",
        "a=ptime:20",
        "a=ssrc:11111 cname:x", "a=ssrc:11111 msid:y", "a=ssrc:22222 cname:x",
        "a=candidate:1 1 UDP 2130706431 192.0.2.1 9 typ host",
    )  # fmt: skip
    (media,) = session.media
    assert media.rtpmap == {96: Codec("opus", 48000, 2)}
    assert media.fmtp == {96: "useinbandfec=1"}
    assert (media.ssrcs, media.ptime, media.candidates, media.ice_ufrag) == ((11111, 22222), 20, 1, "8hhY")
    assert media.ice_pwd is not None
    assert media.ice_pwd.reveal() == b"asd88fgpdd777uzjYhagZg"
    assert (media.direction, session.groups) == ("recvonly", ("BUNDLE 1",))
    assert codes(session) == ["sdp.bad_attribute"]


def test_header_extensions_that_are_encrypted() -> None:
    """The example of RFC 6904 4; both forms of one extension; the session's, where the medium has none."""
    urn = "urn:ietf:params:rtp-hdrext:encrypt"
    session = read(
        f"a=extmap:9 {urn} urn:x",
        "m=audio 9 RTP/SAVP 0", "a=extmap:1 urn:ietf:params:rtp-hdrext:toffset",
        f"a=extmap:4/recvonly {urn} urn:ietf:params:rtp-hdrext:smpte-tc 25@600/24", f"a=extmap:4 {urn} urn:y",
        "a=extmap:x urn:x", "a=extmap:3",
        "m=audio 9 RTP/SAVP 0",
    )  # fmt: skip
    assert [media.encrypted_extensions for media in session.media] == [(4,), (9,)]
    assert codes(session) == ["sdp.bad_attribute"] * 2


def test_key_management_is_a_secret_and_inherited() -> None:
    session = read("a=key-mgmt:mikey AQAFgM0=", "m=audio 9 RTP/SAVP 0", "m=audio 9 RTP/SAVP 0", "a=key-mgmt:kerberos !")
    first, second = session.media  # RFC 4567 3.1: media level goes before session level
    assert (first.key_mgmt, [data and data.reveal() for data in first.key_mgmt_data]) == (
        ("mikey",),
        [b"\1\0\5\x80\xcd"],
    )
    assert (second.key_mgmt, second.key_mgmt_data) == (("kerberos",), (None,))


@pytest.mark.parametrize(
    ("proto", "secure", "rtp", "tls"),
    [
        ("RTP/AVP", False, True, False), ("RTP/SAVP", True, True, False), ("RTP/SAVPF", True, True, False),
        ("UDP/TLS/RTP/SAVPF", True, True, True), ("TCP/TLS/MSRP", False, False, True), ("udptl", False, False, False),
        ("UDP/TLS/BFCP", False, False, True), ("TCP/DTLS/BFCP", False, False, True), ("rtp/savp", True, True, False),
    ],
)  # fmt: skip
def test_profiles(proto: str, secure: bool, rtp: bool, tls: bool) -> None:
    media = only(f"m=audio 9 {proto} 0")
    assert (media.secure_profile, media.is_rtp, media.tls) == (secure, rtp, tls)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", ["sdp.line_end"] + ["sdp.missing_line"] * 4),
        (b"v=0\no=- 1 1 IN IP4 a\ns=-\nt=0 0\n", ["sdp.line_end"]),
        (b"v=0\r\no=- 1 1 IN IP4 a\r\ns=-\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n", ["sdp.no_address"]),
        (b"v=0\r\no=x\r\ns=-\r\nt=0 0\r\nk=prompt\r\n", ["sdp.bad_line", "sdp.key_line"]),
        (b"v=0\r\no=- 1 1 IN IP4 a\r\ns=-\r\nt=0 0\r\nm=audio 70000 RTP/AVP 0\r\n", ["sdp.bad_media"]),
    ],
)
def test_what_is_named(data: bytes, expected: list[str]) -> None:
    assert codes(parse(data, CITES, LIMITS)) == expected


# --- tshark


def _bodies(capture: Path) -> list[tuple[bytes, list[str], list[str]]]:
    """Each SDP body that needs no key, with the m-lines and crypto suites tshark reads in it."""
    fields = ["-e", "udp.payload", "-e", "sdp.media", "-e", "sdp.crypto.crypto_suite"]
    command = ["tshark", "-r", str(capture), "-Y", "sdp && udp", "-T", "fields", "-E", "aggregator=;", *fields]
    rows = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    found = []
    for row in rows:
        payload, media, suites = [*row.split("\t"), "", ""][:3]
        body = bytes.fromhex(payload).partition(b"\r\n\r\n")[2]
        found.append((body, media.split(";"), [suite for suite in suites.split(";") if suite]))
    return found


@pytest.mark.tshark
@pytest.mark.parametrize("name", ["plain-rtp.pcapng", "e2e-sdes-clear-sip.pcapng"])
def test_tshark_reads_the_same(shared: Path, name: str) -> None:
    bodies = _bodies(shared / "lab" / name)
    assert bodies
    for body, media, suites in bodies:
        session = parse(body, CITES, LIMITS)
        assert [f"{m.medium} {m.port} {m.proto} {' '.join(m.formats)}" for m in session.media] == media
        assert [line.suite for m in session.media for line in m.crypto] == suites
