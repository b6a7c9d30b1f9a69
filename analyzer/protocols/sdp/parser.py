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
from analyzer.core.severity import Severity
from analyzer.core.text import decode, safe
from analyzer.protocols.sdp.crypto_line import parse_crypto
from analyzer.protocols.sdp.session import Codec, E2aeMark, Fingerprint, Media, Origin, Session

BARE_LF = define("sdp.line_end", Severity.LOW, "SDP lines do not end in CRLF", "RFC 8866 5")
BAD_LINE = define("sdp.bad_line", Severity.LOW, "An SDP line without a type and =", "RFC 8866 5")
BAD_MEDIA = define("sdp.bad_media", Severity.MEDIUM, "An m-line that is not well-formed", "RFC 8866 5.14")
BAD_CRYPTO = define("sdp.bad_crypto", Severity.MEDIUM, "A crypto line without tag, suite or key", "RFC 4568 9.1")
BAD_ATTRIBUTE = define("sdp.bad_attribute", Severity.LOW, "An attribute whose value is not well-formed", "RFC 8866 6")
MISSING_LINE = define("sdp.missing_line", Severity.LOW, "A mandatory SDP line is missing", "RFC 8866 5")
NO_ADDRESS = define("sdp.no_address", Severity.LOW, "A medium without any connection address", "RFC 8866 5.7")
TOO_LONG = define("sdp.too_long", Severity.MEDIUM, "More SDP lines than are read", "", "internal")

_MAX_CANDIDATES = 64
_MAX_SSRCS = 256

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
    return bool(line.keys)


def _fingerprint(fields: Fields, value: str) -> bool:
    algorithm, _, text = value.strip().partition(" ")
    octets = [hexadecimal(octet, 2) for octet in text.strip().split(":")[:128]]
    digest = bytes(octet for octet in octets if octet is not None)
    fields.setdefault("fingerprints", []).append(Fingerprint(algorithm.lower(), digest))
    return len(digest) == len(octets) and bool(digest)


def _e2ae(fields: Fields, value: str) -> bool:
    word = value.strip().lower()
    marks: dict[str, E2aeMark] = {"requested": "requested", "applied": "applied"}
    fields["e2ae"] = marks.get(word, "other")
    return word in marks


def _rtcp(fields: Fields, value: str) -> bool:
    words = value.split()
    fields["rtcp_port"] = decimal(words[0], 5) if words else None
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
    fields.setdefault("key_mgmt", []).append(value.strip().split(" ", 1)[0].lower())
    return True


def _known(fields: Fields, value: str) -> bool:
    del fields, value
    return True


_READERS: dict[str, Reader] = {
    "crypto": _crypto, "fingerprint": _fingerprint, "3ge2ae": _e2ae, "rtcp": _rtcp, "rtpmap": _rtpmap,
    "fmtp": _fmtp, "ssrc": _ssrc, "floorid": _floorid, "candidate": _candidate, "key-mgmt": _key_mgmt,
    "setup": _text("setup"), "tls-id": _text("tls_id"), "rtcp-mux": _flag("rtcp_mux"),
    "ice-ufrag": _text("ice_ufrag"), "path": _words("path"), "accept-types": _words("accept_types"),
    "accept-wrapped-types": _words("accept_wrapped_types"), "msrp-cema": _flag("msrp_cema"),
    "file-selector": _text("file_selector"), "floorctrl": _words("floorctrl"), "confid": _number("confid"),
    "userid": _number("userid"), "label": _text("label"), "mid": _text("mid"), "bundle-only": _flag("bundle_only"),
    "sctp-port": _number("sctp_port"), "ptime": _number("ptime", 6), "ice-pwd": _known,
    "sendrecv": _direction("sendrecv"), "sendonly": _direction("sendonly"), "recvonly": _direction("recvonly"),
    "inactive": _direction("inactive"),
}  # fmt: skip

_SECRET_ATTRIBUTES = frozenset({"crypto", "ice-pwd", "key-mgmt"})  # their values are not kept as raw text


class _Builder:
    """What the lines read so far amount to."""

    def __init__(self, cites: tuple[Cite, ...]) -> None:
        self.cites = cites
        self.anomalies: list[Anomaly] = []
        self.session: Fields = {}
        self.media: list[Fields] = []
        self.origin: Origin | None = None
        self.name = ""
        self.types: set[str] = set()

    @property
    def scope(self) -> Fields:
        """The fields that an attribute or connection line now belongs to."""
        return self.media[-1] if self.media else self.session

    def name_anomaly(self, kind: AnomalyKind, detail: str) -> None:
        self.anomalies.append(Anomaly(kind, self.cites, safe(detail, 80)))

    def line(self, kind: str, value: str) -> None:
        self.types.add(kind)
        if kind == "a":
            self.attribute(value)
        elif kind == "m":
            self.medium(value)
        elif kind == "c":
            words = value.split()
            self.scope["address"] = words[2].split("/", 1)[0] if len(words) >= 3 else ""
        elif kind == "o":
            words = value.split()
            if len(words) >= 6:
                self.origin = Origin(words[0], words[1], words[2], words[5])
        elif kind == "s":
            self.name = value

    def attribute(self, text: str) -> None:
        name, _, value = text.partition(":")
        name = name.strip().lower()
        reader = _READERS.get(name)
        if name not in _SECRET_ATTRIBUTES:
            self.scope.setdefault("attributes", []).append((name, value))
        if reader is not None and not reader(self.scope, value):
            if name == "crypto":
                self.name_anomaly(BAD_CRYPTO, "")
            else:
                self.name_anomaly(BAD_ATTRIBUTE, name)

    def medium(self, value: str) -> None:
        words = value.split()
        port_text, _, count_text = (words[1] if len(words) > 1 else "").partition("/")
        port = decimal(port_text, 5)
        if len(words) < 4 or port is None or port > 65_535:
            self.name_anomaly(BAD_MEDIA, value)
        self.media.append(
            {
                "medium": words[0].lower() if words else "",
                "port": port if port is not None and port <= 65_535 else 0,
                "port_count": decimal(count_text, 5) or 1,
                "proto": words[2] if len(words) > 2 else "",
                "formats": tuple(words[3:]),
            }
        )

    def build(self) -> Session:
        for kind in "vos":
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
            attributes=tuple(session.get("attributes", ())),
            anomalies=tuple(self.anomalies),
        )

    def _medium(self, index: int, fields: Fields) -> Media:
        session = self.session
        for inherited in ("address", "direction", "setup", "tls_id", "ice_ufrag", "e2ae"):
            if inherited not in fields and inherited in session:
                fields[inherited] = session[inherited]
        for lists in ("fingerprints", "key_mgmt"):
            if lists not in fields and lists in session:
                fields[lists] = session[lists]
        for name in ("crypto", "fingerprints", "key_mgmt", "ssrcs", "floorids", "attributes"):
            fields[name] = tuple(fields.get(name, ()))
        address = fields.get("address", "")
        if not address and fields["port"]:
            self.name_anomaly(NO_ADDRESS, fields["medium"])
        return Media(index=index, ip=parse_ip(address) if address else None, **fields)


def parse(data: bytes, cites: tuple[Cite, ...], limits: Limits) -> Session:
    """The session description in `data`. Never raises; what is wrong is in `anomalies`."""
    builder = _Builder(cites)
    text = decode(data)
    if "\r\n" not in text or text.count("\n") != text.count("\r\n"):
        builder.name_anomaly(BARE_LF, "")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n", limits.sdp_lines)
    if len(lines) > limits.sdp_lines:
        builder.name_anomaly(TOO_LONG, f"more than {limits.sdp_lines} lines")
        lines.pop()
    for line in lines:
        if not line or line.isspace():
            continue
        kind, equals, value = line.partition("=")
        if not equals or len(kind.strip()) != 1:
            builder.name_anomaly(BAD_LINE, line)
            continue
        builder.line(kind.strip(), value)
    return builder.build()
