"""Values written by the grammar of their RFC, for the parsers of packets, messages and files."""

import base64
import json
import struct
from typing import Any

from hypothesis import strategies as st

from analyzer.core.addresses import parse_ip
from analyzer.core.secrets import Secret
from tests.properties.written_texts import ANY, HOST, PORT, TOKEN, WORD, Pair, Written
from tests.protocols.bfcp import writer as bfcp
from tests.protocols.dtls.test_records import record as dtls_record
from tests.protocols.sctp.test_parser import opening
from tests.protocols.udptl.test_parser import packet as udptl

U8, U16, U32 = (st.integers(0, 2**bits - 1) for bits in (8, 16, 32))
BYTES = st.binary(max_size=30)
SUITE = "AES_CM_128_HMAC_SHA1_80"


@st.composite
def sip(draw: st.DrawFn) -> Pair:
    """RFC 3261 7: start line, headers, body of its Content-Length."""
    method, host, body = draw(st.text("ABCDEF", min_size=1, max_size=9)), draw(HOST), draw(BYTES)
    headers = draw(st.lists(st.tuples(TOKEN, ANY.map(str.strip)), max_size=4))
    headers = [("Via", f"SIP/2.0/UDP {host};branch=z9hG4bKx"), *((f"X-{name}", value) for name, value in headers)]
    headers += [("Content-Length", str(len(body)))]
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    data = f"{method} sip:{host} SIP/2.0\r\n{lines}\r\n".encode() + body
    return data, (method, f"sip:{host}", [(name, value) for name, value in headers], body)


@st.composite
def sdp(draw: st.DrawFn) -> Pair:
    """RFC 8866 5: m-lines, each with a direction, codecs, and a c= line of its own."""
    media = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["audio", "video"]), PORT, st.sampled_from(["sendrecv", "sendonly", "inactive"]),
                st.dictionaries(st.integers(96, 127), WORD, min_size=1, max_size=3), st.ip_addresses(v=4).map(str),
            ),
            max_size=3,
        )
    )  # fmt: skip
    lines = ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "t=0 0"]
    for medium, port, direction, codecs, ip in media:
        lines += [f"m={medium} {port} RTP/AVP {' '.join(map(str, codecs))}", f"c=IN IP4 {ip}", f"a={direction}"]
        lines += [f"a=rtpmap:{number} {name}/8000" for number, name in codecs.items()]
    wanted = [(medium, port, direction, codecs, parse_ip(ip)) for medium, port, direction, codecs, ip in media]
    return "".join(line + "\r\n" for line in lines).encode(), wanted


@st.composite
def crypto(draw: st.DrawFn) -> Pair:
    """RFC 4568 9.1."""
    tag, key, kdr = draw(st.integers(1, 10**9 - 1)), draw(st.binary(min_size=30, max_size=30)), draw(st.integers(0, 24))
    lifetime, mki, size = draw(st.integers(1, 48)), draw(U32), draw(st.integers(1, 128))
    text = f"{tag} {SUITE} inline:{base64.b64encode(key).decode()}|2^{lifetime}|{mki}:{size} KDR={kdr} UNENCRYPTED_SRTP"
    return text.encode(), (str(tag), SUITE, Secret(key), f"2^{lifetime}", mki, size, kdr, True, ())


@st.composite
def stun(draw: st.DrawFn) -> Pair:
    """RFC 8489 5 and 14."""
    transaction = draw(st.binary(min_size=12, max_size=12))
    attributes = draw(
        st.lists(st.tuples(st.integers(0x8000, 0xFFFF).filter(lambda kind: kind != 0x8028), BYTES), max_size=4)
    )
    body = b"".join(struct.pack(">HH", kind, len(v)) + v + bytes(-len(v) % 4) for kind, v in attributes)
    data = struct.pack(">HHI", 1, len(body), 0x2112A442) + transaction + body
    return data, (transaction, attributes, ())


@st.composite
def sender_reports(draw: st.DrawFn) -> Pair:
    """RFC 3550 6.4.1 and 6.5: a sender report and its CNAME."""
    ssrc, ntp, ts, packets, octets = draw(U32), draw(st.integers(0, 2**64 - 1)), draw(U32), draw(U32), draw(U32)
    name = draw(st.text("abcdefgh@.", min_size=1, max_size=20)).encode()
    item = b"\1" + bytes((len(name),)) + name + b"\0"
    item += bytes(-len(item) % 4)
    data = struct.pack(">BBHIQIII", 0x80, 200, 6, ssrc, ntp, ts, packets, octets)
    data += struct.pack(">BBHI", 0x81, 202, 1 + len(item) // 4, ssrc) + item
    return data, (ssrc, ntp, ts, packets, octets, name.decode(), True)


@st.composite
def faxes(draw: st.DrawFn) -> Pair:
    """T.38 9.1."""
    number, kind, again = draw(U16), draw(st.integers(0, 15)), draw(st.lists(st.binary(max_size=200), max_size=3))
    return udptl(number, bytes((kind << 1,)), *again), (number, False, len(again))


@st.composite
def channels(draw: st.DrawFn) -> Pair:
    """RFC 8832 5.1."""
    label, protocol, kind = draw(ANY), draw(ANY), draw(st.sampled_from([0, 0x80]))
    return opening(label.encode(), protocol.encode(), kind), (kind == 0, label, protocol)


@st.composite
def dtls(draw: st.DrawFn) -> Pair:
    """RFC 6347 4.1."""
    kinds = st.sampled_from([20, 21, 22, 23])
    given = draw(st.lists(st.tuples(kinds, BYTES, U16, st.integers(0, 2**48 - 1)), min_size=1, max_size=4))
    data = b"".join(dtls_record(kind, body, epoch=epoch, sequence=number) for kind, body, epoch, number in given)
    return data, given


def _vector(data: bytes, size: int) -> bytes:
    return len(data).to_bytes(size, "big") + data


@st.composite
def hellos(draw: st.DrawFn, client: bool = True) -> Pair:
    """RFC 8446 4.1.2 and 4.1.3, RFC 6347 4.2.1."""
    version, random, session = draw(U16), draw(st.binary(min_size=32, max_size=32)), draw(st.binary(max_size=32))
    suites = draw(st.lists(U16, min_size=1, max_size=4))
    extensions = draw(st.dictionaries(U16, BYTES, max_size=4))
    listed = b"".join(struct.pack(">HH", kind, len(body)) + body for kind, body in extensions.items())
    head = struct.pack(">H", version) + random + _vector(session, 1)
    if client:
        offered = _vector(b"".join(suite.to_bytes(2, "big") for suite in suites), 2)
        data = head + b"\0" + offered + b"\1\0" + _vector(listed, 2)
    else:
        del suites[1:]
        data = head + suites[0].to_bytes(2, "big") + b"\0" + _vector(listed, 2)
    return data, (version, random, session, tuple(suites), extensions)


@st.composite
def handshakes(draw: st.DrawFn) -> Pair:
    """RFC 8446 4: messages, and the beginning of one more."""
    given = draw(st.lists(st.tuples(U8, BYTES), max_size=4))
    data = b"".join(bytes((kind,)) + _vector(body, 3) for kind, body in given)
    return data + b"\1\0\1", (given, len(data))


@st.composite
def udp(draw: st.DrawFn) -> Pair:
    """RFC 768 in RFC 791 or RFC 8200."""
    six, payload, ports = draw(st.booleans()), draw(BYTES), (draw(PORT), draw(PORT))
    src, dst = (draw(st.ip_addresses(v=6 if six else 4)) for _ in range(2))
    inside = struct.pack(">HHHH", *ports, 8 + len(payload), 0) + payload
    if six:
        head = struct.pack(">IHBB", 6 << 28, len(inside), 17, 64) + src.packed + dst.packed
    else:
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(inside), 1, 0, 64, 17, 0) + src.packed + dst.packed
    return head + inside, (parse_ip(str(src)), parse_ip(str(dst)), 17, inside)


@st.composite
def key_logs(draw: st.DrawFn) -> Pair:
    """RFC 9850 2."""
    given = draw(
        st.lists(st.tuples(st.binary(min_size=32, max_size=32), st.binary(min_size=48, max_size=48)), max_size=4)
    )
    data = "".join(f"CLIENT_RANDOM {random.hex()} {secret.hex()}\n# comment\n\n" for random, secret in given)
    return data.encode(), [(random, Secret(secret)) for random, secret in given]


@st.composite
def associations(draw: st.DrawFn) -> Pair:
    """The table of Wireshark's manual, section ESP."""
    src, dst, spi = draw(st.ip_addresses(v=4)), draw(st.ip_addresses(v=4)), draw(U32)
    key, auth = draw(st.binary(min_size=16, max_size=16)), draw(st.binary(min_size=20, max_size=20))
    text = f'"IPv4","{src}","{dst}","0x{spi:08x}","AES-CBC [RFC3602]","0x{key.hex()}","HMAC-SHA-1-96 [RFC2404]"'
    data = f'{text},"0x{auth.hex()}"\n'.encode()
    return data, (parse_ip(str(src)), parse_ip(str(dst)), spi, "aes-cbc", Secret(key), "hmac-sha-1-96", Secret(auth))


@st.composite
def logs(draw: st.DrawFn) -> Pair:
    """Lines as rtpengine writes them."""
    key, salt = draw(st.binary(min_size=16, max_size=16)), draw(st.binary(min_size=14, max_size=14))
    words = f"--- {SUITE} key {base64.b64encode(key).decode()} salt {base64.b64encode(salt).decode()}"
    return f"[srtp] SRTP keys, outgoing:\n[srtp] {words}\n".encode(), (SUITE, Secret(key), Secret(salt), False)


def keys() -> Written:
    """Hexadecimal, base64, with and without padding."""
    ways = (bytes.hex, lambda key: f"0x{key.hex()}", lambda key: base64.b64encode(key).decode().rstrip("="))
    return st.builds(
        lambda key, way: (way(key).encode(), Secret(key)), st.binary(min_size=30, max_size=30), st.sampled_from(ways)
    )


TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | ANY,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY.filter(bool), inner, max_size=3),
    max_leaves=6,
)


def _media(found: Any) -> list[Any]:
    return [
        (each.medium, each.port, each.direction, {number: codec.name for number, codec in each.rtpmap.items()}, each.ip)
        for each in found.media
    ]


def _crypto(found: Any) -> Any:
    (key,) = found.keys
    return (
        found.tag, found.suite, key.key, key.lifetime, key.mki, key.mki_bytes, found.kdr, found.unencrypted_srtp,
        found.faults,
    )  # fmt: skip


def _hello(found: Any) -> Any:
    return found.version, found.random, found.session_id, found.suites, found.extensions


PACKETS: dict[str, tuple[Written, Any]] = {
    "protocols.sip.parser.parse_datagram": (
        sip(),
        lambda found: (
            found[0][0].method, found[0][0].request_uri, [(h.raw_name, h.value) for h in found[0][0].headers],
            found[0][0].body,
        ),
    ),
    "protocols.sdp.parser.parse": (sdp(), _media),
    "protocols.sdp.crypto_line.parse_crypto": (crypto(), _crypto),
    "protocols.sdp.crypto_line.decode_key": (
        st.binary(min_size=1, max_size=40).map(lambda key: (base64.b64encode(key), (Secret(key), True, True))),
        lambda found: found,
    ),
    "protocols.stun.parser.parse": (
        stun(),
        lambda found: (
            found[0].transaction, [(each.kind, each.value) for each in found[0].attributes], found[0].anomalies,
        ),
    ),
    "protocols.rtp.rtcp.parse": (
        sender_reports(),
        lambda found: (
            found.report.ssrc, found.report.ntp, found.report.rtp_ts, found.report.packets, found.report.octets,
            found.cname, found.well_formed,
        ),
    ),
    "protocols.udptl.parser.parse": (faxes(), lambda found: (found.sequence, found.data, found.redundant)),
    "protocols.sctp.parser.parse_open": (
        channels(),
        lambda found: (found.ordered, found.label, found.protocol),
    ),
    "protocols.dtls.records.parse_datagram": (
        dtls(),
        lambda found: [(each.content_type, each.fragment, each.epoch, each.sequence) for each in found],
    ),
    "formats.tls_handshake.parse_client_hello": (hellos(), lambda found: _hello(found[0])),
    "formats.tls_handshake.parse_server_hello": (hellos(client=False), _hello),
    "formats.tls_handshake.parse_extensions": (
        st.dictionaries(U16, BYTES, max_size=5).map(
            lambda given: (
                _vector(b"".join(struct.pack(">HH", kind, len(body)) + body for kind, body in given.items()), 2),
                given,
            )
        ),
        lambda found: found,
    ),
    "formats.tls_handshake.parse_new_connection_id": (
        st.lists(BYTES, max_size=4).map(
            lambda given: (_vector(b"".join(_vector(each, 1) for each in given), 2) + b"\1", tuple(given))
        ),
        lambda found: found,
    ),
    "formats.tls_handshake.parse_certificates": (
        st.lists(BYTES, max_size=4).map(
            lambda given: (_vector(b"".join(_vector(each, 3) for each in given), 3), tuple(given))
        ),
        lambda found: found[0],
    ),
    "formats.tls_handshake.split_messages": (
        handshakes(),
        lambda found: ([(kind, body) for kind, body, _ in found[0][0]], found[0][1]),
    ),
    "protocols.bfcp.parser.parse_datagram": (
        bfcp.messages(version=2).map(
            lambda each: (bfcp.write(each), (each.primitive, each.attributes, each.transaction_id, True))
        ),
        lambda found: (found.primitive, found.attributes, found.transaction_id, found.complete),
    ),
    "net.inner.read_ip": (udp(), lambda found: found[0][:4]),
    "formats.nss_keylog.parse": (key_logs(), lambda found: [(each.client_random, each.secret) for each in found[0]]),
    "formats.esp_sa.parse": (
        associations(),
        lambda found: (
            found[0][0].src, found[0][0].dst, found[0][0].spi, found[0][0].cipher, found[0][0].cipher_key,
            found[0][0].auth, found[0][0].auth_key,
        ),
    ),
    "formats.rtpengine_log.parse": (
        logs(),
        lambda found: (found[0][0].suite, found[0][0].master, found[0][0].salt, found[0][0].incoming),
    ),
    "session.key_values.read_key": (keys(), lambda found: found),
    "formats.yaml_file.read": (
        TREES.map(lambda tree: (json.dumps(tree).encode(), tree)),
        lambda found: found[0].plain(),
    ),
}  # fmt: skip
"""As `written_texts.TEXTS`."""
