"""SDP parsing (RFC 8866): total, permissive in what it reads, strict in what it reports.

Any bytes give a `Session`. Lines end in CRLF, LF or CR. What is wrong is named; what is unknown is kept among the raw
attributes. At most `Limits.sdp_lines` lines are read.
"""

from collections.abc import Callable
from typing import Any

from analyzer.core.addresses import parse_ip
from analyzer.core.anomalies import Anomaly, AnomalyKind, define
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.core.numbers import decimal, hexadecimal
from analyzer.core.secrets import Secret
from analyzer.core.severity import Severity
from analyzer.core.text import decode, encode, safe
from analyzer.protocols.sdp.crypto_line import decode_key, parse_crypto
from analyzer.protocols.sdp.session import Codec, E2aeMark, Fingerprint, Media, Origin, Session

BARE_LF = define("sdp.line_end", Severity.LOW, "SDP lines do not end in CRLF", "RFC 8866 5")
BAD_LINE = define("sdp.bad_line", Severity.LOW, "An SDP line without a type and =", "RFC 8866 5")
BAD_MEDIA = define("sdp.bad_media", Severity.MEDIUM, "An m-line that is not well-formed", "RFC 8866 5.14")
BAD_CRYPTO = define("sdp.bad_crypto", Severity.MEDIUM, "A crypto line that is not well-formed", "RFC 4568 9.1")
CRYPTO_LEVEL = define("sdp.crypto_level", Severity.MEDIUM, "A crypto line at session level has no effect", "RFC 4568 5")
KEY_LINE = define("sdp.key_line", Severity.MEDIUM, "A k= line, obsolete: a key may stand in it", "RFC 8866 5.12")
UNKNOWN_LINE = define("sdp.unknown_line", Severity.LOW, "A line type that SDP does not have", "RFC 8866 5")
BAD_ATTRIBUTE = define("sdp.bad_attribute", Severity.LOW, "An attribute whose value is not well-formed", "RFC 8866 6")
MISSING_LINE = define("sdp.missing_line", Severity.LOW, "A mandatory SDP line is missing", "RFC 8866 5")
NO_ADDRESS = define("sdp.no_address", Severity.LOW, "A medium without any connection address", "RFC 8866 5.7")
TOO_LONG = define("sdp.too_long", Severity.MEDIUM, "More SDP lines than are read", "", "internal")

_MAX_CANDIDATES = 64
_MAX_SSRCS = 256
_LINE_TYPES = frozenset("vosiuepcbtrzkam")
_SHORT = 16  # an attribute value this short quotes no key
_HIDDEN = "(not kept)"  # an attribute that quotes a crypto line, as a=acap does (RFC 5939)

_DIGEST_BYTES = {"sha-1": 20, "sha-224": 28, "sha-256": 32, "sha-384": 48, "sha-512": 64, "md5": 16, "md2": 16}

Fields = dict[str, Any]
Reader = Callable[[Fields, str], bool]


def _text(name: str) -> Reader:
    def read(fields: Fields, value: str) -> bool:
        fields[name] = value.strip()
        return True

    return read


def _number(name: str, digits: int = 10) -> Reader:
    def read(fields: Fields, value: str) -> bool:
        number = decimal(value.strip(), digits)
        fields[name] = number
        return number is not None

    return read


def _flag(name: str) -> Reader:
    def read(fields: Fields, value: str) -> bool:
        del value
        fields[name] = True
        return True

    return read


def _words(name: str) -> Reader:
    def read(fields: Fields, value: str) -> bool:
        fields[name] = tuple(value.split())
        return bool(fields[name])

    return read


def _direction(word: str) -> Reader:
    def read(fields: Fields, value: str) -> bool:
        del value
        fields["direction"] = word
        return True

    return read


def _crypto(fields: Fields, value: str) -> bool:
    line = parse_crypto(value)
    if line is None:
        return False
    fields.setdefault("crypto", []).append(line)
    return not line.faults


def _fingerprint(fields: Fields, value: str) -> bool:
    algorithm, _, text = value.strip().partition(" ")
    octets = text.strip().split(":", 64)
    pairs = "".join(octets)
    number = hexadecimal(pairs, 128) if 2 * len(octets) == len(pairs) and {*map(len, octets)} == {2} else None
    digest = number.to_bytes(len(octets), "big") if number is not None else b""
    fields.setdefault("fingerprints", []).append(Fingerprint(algorithm.lower(), digest))
    return bool(digest) and _DIGEST_BYTES.get(algorithm.lower(), len(digest)) == len(digest)


def _e2ae(fields: Fields, value: str) -> bool:
    word = value.strip().lower()
    marks: dict[str, E2aeMark] = {"requested": "requested", "applied": "applied"}
    fields["e2ae"] = marks.get(word, "other")
    return value in marks


def _port(text: str) -> int | None:
    number = decimal(text, 5)
    return number if number is not None and number <= 65_535 else None


def _rtcp(fields: Fields, value: str) -> bool:
    words = value.split()
    fields["rtcp_port"] = _port(words[0]) if words else None
    if len(words) >= 4:
        fields["rtcp_ip"] = parse_ip(words[3])
    return fields["rtcp_port"] is not None


def _rtpmap(fields: Fields, value: str) -> bool:
    head, _, encoding = value.strip().partition(" ")
    parts = encoding.strip().split("/")
    number, clock = decimal(head, 3), decimal(parts[1], 9) if len(parts) > 1 else None
    if number is None or clock is None or number > 127:
        return False
    channels = decimal(parts[2], 2) if len(parts) > 2 else 1
    fields.setdefault("rtpmap", {})[number] = Codec(parts[0], clock, channels or 1)
    return True


def _fmtp(fields: Fields, value: str) -> bool:
    head, _, parameters = value.strip().partition(" ")
    number = decimal(head, 3)
    if number is not None:
        fields.setdefault("fmtp", {})[number] = parameters.strip()
    return True


def _ssrc(fields: Fields, value: str) -> bool:
    number = decimal(value.split(" ", 1)[0], 10)
    known = fields.setdefault("ssrcs", [])
    if number is not None and number not in known and len(known) < _MAX_SSRCS:
        known.append(number)
    return number is not None


def _floorid(fields: Fields, value: str) -> bool:
    words = value.split()
    number = decimal(words[0], 5) if words else None
    if number is None:
        return False
    labels = [word for word in words[1:] if word]
    if labels and labels[0].lower().startswith(("mstrm:", "m-stream:")):
        labels[0] = labels[0].split(":", 1)[1]
    fields.setdefault("floorids", []).append((number, tuple(label for label in labels if label)))
    return True


def _candidate(fields: Fields, value: str) -> bool:
    del value
    fields["candidates"] = min(fields.get("candidates", 0) + 1, _MAX_CANDIDATES)
    return True


def _key_mgmt(fields: Fields, value: str) -> bool:
    protocol, _, data = value.strip().partition(" ")
    blob = decode_key(data.strip())[0]
    fields.setdefault("key_mgmt", []).append(protocol.lower())
    fields.setdefault("key_mgmt_data", []).append(blob)
    return blob is not None


def _ice_pwd(fields: Fields, value: str) -> bool:
    fields["ice_pwd"] = Secret(encode(value.strip()))
    return True


_READERS: dict[str, Reader] = {
    "crypto": _crypto, "fingerprint": _fingerprint, "3ge2ae": _e2ae, "rtcp": _rtcp, "rtpmap": _rtpmap,
    "fmtp": _fmtp, "ssrc": _ssrc, "floorid": _floorid, "candidate": _candidate, "key-mgmt": _key_mgmt,
    "setup": _text("setup"), "tls-id": _text("tls_id"), "rtcp-mux": _flag("rtcp_mux"),
    "ice-ufrag": _text("ice_ufrag"), "path": _words("path"), "accept-types": _words("accept_types"),
    "accept-wrapped-types": _words("accept_wrapped_types"), "msrp-cema": _flag("msrp_cema"),
    "file-selector": _text("file_selector"), "floorctrl": _words("floorctrl"), "confid": _number("confid"),
    "userid": _number("userid"), "label": _text("label"), "mid": _text("mid"), "bundle-only": _flag("bundle_only"),
    "sctp-port": _number("sctp_port"), "ptime": _number("ptime", 6), "ice-pwd": _ice_pwd,
    "rtcp-rsize": _flag("rtcp_rsize"), "sctpmap": _text("sctpmap"),
    "sendrecv": _direction("sendrecv"), "sendonly": _direction("sendonly"), "recvonly": _direction("recvonly"),
    "inactive": _direction("inactive"),
}  # fmt: skip

_LISTS = (
    "crypto", "fingerprints", "key_mgmt", "key_mgmt_data", "ssrcs", "floorids",
    "attributes", "connections", "bandwidths",
)  # fmt: skip
_SECRET_ATTRIBUTES = frozenset({"crypto", "ice-pwd", "key-mgmt"})  # their values are not kept as raw text


class _Builder:
    """What the lines read so far amount to."""

    def __init__(self, cites: tuple[Cite, ...]) -> None:
        self.cites = cites
        self.anomalies: list[Anomaly] = []
        self.session: Fields = {"attributes": []}
        self.scope = self.session  # what an attribute or connection line now belongs to
        self.media: list[Fields] = []
        self.origin: Origin | None = None
        self.name = ""
        self.types: set[str] = set()

    def name_anomaly(self, kind: AnomalyKind, detail: str) -> None:
        self.anomalies.append(Anomaly(kind, self.cites, safe(detail, 80)))

    def line(self, kind: str, value: str) -> None:
        self.types.add(kind)
        if kind == "a":
            self.attribute(value)
        elif kind == "m":
            self.medium(value)
        elif kind == "c":
            self.connection(value)
        elif kind == "o":
            words = value.split()
            if len(words) >= 6:
                self.origin = Origin(words[0], words[1], words[2], words[5])
            else:
                self.name_anomaly(BAD_LINE, "o=")
        elif kind == "s":
            self.name = value
        elif kind == "b":
            name, _, number = value.partition(":")
            rate = decimal(number.strip(), 10)
            if rate is None:
                self.name_anomaly(BAD_LINE, "b=")
            else:
                self.scope.setdefault("bandwidths", []).append((name, rate))
        elif kind == "k":
            self.name_anomaly(KEY_LINE, "")
        elif kind not in _LINE_TYPES:
            self.name_anomaly(UNKNOWN_LINE, f"{kind}=")

    def connection(self, value: str) -> None:
        words = value.split()
        if len(words) < 3:
            self.name_anomaly(BAD_LINE, "c=")
            return
        address = words[2].split("/", 1)[0]
        self.scope.setdefault("address", address)
        if self.media:
            self.media[-1].setdefault("connections", []).append(address)

    def attribute(self, text: str) -> None:
        name, _, value = text.partition(":")
        reader = _READERS.get(name)
        if reader is None:
            name = name.strip().lower()
            reader = _READERS.get(name)
        if name not in _SECRET_ATTRIBUTES:
            quotes_key = len(value) > _SHORT and "inline:" in value.lower()
            self.scope["attributes"].append((name, _HIDDEN if quotes_key else value))
        if reader is not None and not reader(self.scope, value):
            if name == "crypto":
                self.bad_crypto()
            else:
                self.name_anomaly(BAD_ATTRIBUTE, name)
        if name == "crypto" and not self.media:
            self.name_anomaly(CRYPTO_LEVEL, "")

    def bad_crypto(self) -> None:
        lines = self.scope.get("crypto")
        self.name_anomaly(BAD_CRYPTO, ", ".join(lines[-1].faults) if lines else "")

    def medium(self, value: str) -> None:
        words = value.split()
        port_text, _, count_text = (words[1] if len(words) > 1 else "").partition("/")
        port = _port(port_text)
        if len(words) < 4 or port is None:
            self.name_anomaly(BAD_MEDIA, f"m-line {len(self.media) + 1}")
        self.scope = {
            "medium": words[0].lower() if words else "",
            "port": port or 0,
            "port_count": decimal(count_text, 5) or 1,
            "proto": words[2] if len(words) > 2 else "",
            "formats": tuple(words[3:]),
            "attributes": [],
        }
        self.media.append(self.scope)

    def build(self) -> Session:
        for kind in "vost":
            if kind not in self.types:
                self.name_anomaly(MISSING_LINE, f"{kind}=")
        media = tuple(self._medium(index, fields) for index, fields in enumerate(self.media))
        session = self.session
        return Session(
            origin=self.origin,
            name=self.name,
            address=session.get("address", ""),
            media=media,
            groups=tuple(value for name, value in session.get("attributes", ()) if name == "group"),
            fingerprints=tuple(session.get("fingerprints", ())),
            key_mgmt=tuple(session.get("key_mgmt", ())),
            crypto=tuple(session.get("crypto", ())),
            bandwidths=tuple(session.get("bandwidths", ())),
            attributes=tuple(session.get("attributes", ())),
            anomalies=tuple(self.anomalies),
        )

    def _medium(self, index: int, fields: Fields) -> Media:
        session = self.session
        for inherited in ("address", "direction", "setup", "tls_id", "ice_ufrag", "ice_pwd", "e2ae"):
            if inherited not in fields and inherited in session:
                fields[inherited] = session[inherited]
        for lists in ("fingerprints", "key_mgmt", "key_mgmt_data"):
            if lists not in fields and lists in session:
                fields[lists] = session[lists]
        for name in _LISTS:
            if name in fields:
                fields[name] = tuple(fields[name])
        address = fields.get("address", "")
        if not address and fields["port"]:
            self.name_anomaly(NO_ADDRESS, fields["medium"])
        return Media(index=index, ip=parse_ip(address) if address else None, **fields)


def parse(data: bytes, cites: tuple[Cite, ...], limits: Limits) -> Session:
    """The session description in `data`. Never raises; what is wrong is in `anomalies`."""
    builder = _Builder(cites)
    text = decode(data)
    ends = text.count("\r\n")
    if not ends or text.count("\n") != ends or text.count("\r") != ends:
        builder.name_anomaly(BARE_LF, "")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n", limits.sdp_lines)
    if len(lines) > limits.sdp_lines and lines.pop().strip():
        builder.name_anomaly(TOO_LONG, f"more than {limits.sdp_lines} lines")
    for number, line in enumerate(lines, 1):
        if not line or line.isspace():
            continue
        if line[1:2] == "=":
            builder.line(line[0], line[2:])
            continue
        builder.name_anomaly(BAD_LINE, f"line {number}")
        kind, equals, value = line.partition("=")
        if equals and len(kind.strip()) == 1:
            builder.line(kind.strip(), value)
    return builder.build()
