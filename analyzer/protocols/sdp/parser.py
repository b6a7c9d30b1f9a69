"""SDP parsing (RFC 8866): total, permissive in what it reads, strict in what it reports.

Any bytes give a `Session`. Lines end in CRLF, LF or CR. What is wrong is named; what is unknown is kept among the raw
attributes. At most `Limits.sdp_lines` lines are read.
"""

from analyzer.core.addresses import parse_ip
from analyzer.core.anomalies import Anomaly, AnomalyKind, define
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.core.numbers import decimal
from analyzer.core.severity import Severity
from analyzer.core.text import decode, safe
from analyzer.protocols.sdp.attributes import KNOWN, Fields, apply, port, read_attribute
from analyzer.protocols.sdp.session import Media, Origin, Session

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

_LINE_TYPES = frozenset("vosiuepcbtrzkam")
_MANDATORY = "vost"
_INHERITED = frozenset(
    ("address", "direction", "setup", "tls_id", "ice_ufrag", "ice_pwd", "e2ae", "fingerprints", "key_mgmt",
     "key_mgmt_data", "encrypted_extensions", "key_line")
)  # fmt: skip


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
        self.information = ""
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
        elif kind == "i":
            self.information = self.information or value
        elif kind == "b":
            name, _, number = value.partition(":")
            rate = decimal(number.strip(), 10)
            if rate is None:
                self.name_anomaly(BAD_LINE, "b=")
            else:
                self.scope.setdefault("bandwidths", []).append((name, rate))
        elif kind == "k":
            self.scope["key_line"] = True
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
        name, raw, good, effects = KNOWN.get(text) or read_attribute(text)
        if raw is not None:
            self.scope["attributes"].append(raw)
        if effects:
            apply(effects, self.scope)
        if name == "crypto":
            if not good:
                self.bad_crypto()
            if not self.media:
                self.name_anomaly(CRYPTO_LEVEL, "")
        elif not good:
            self.name_anomaly(BAD_ATTRIBUTE, name)

    def bad_crypto(self) -> None:
        lines = self.scope.get("crypto")
        self.name_anomaly(BAD_CRYPTO, ", ".join(lines[-1].faults) if lines else "")

    def medium(self, value: str) -> None:
        words = value.split()
        port_text, _, count_text = (words[1] if len(words) > 1 else "").partition("/")
        number = port(port_text)
        if len(words) < 4 or number is None:
            self.name_anomaly(BAD_MEDIA, f"m-line {len(self.media) + 1}")
        self.scope = {
            "medium": words[0].lower() if words else "",
            "port": number or 0,
            "port_count": (decimal(count_text, 5) or 1) if count_text else 1,
            "proto": words[2] if len(words) > 2 else "",
            "formats": tuple(words[3:]),
            "attributes": [],
        }
        self.media.append(self.scope)

    def build(self) -> Session:
        if not self.types.issuperset(_MANDATORY):
            for kind in _MANDATORY:
                if kind not in self.types:
                    self.name_anomaly(MISSING_LINE, f"{kind}=")
        session = self.session
        _settle(session)
        media = tuple([self._medium(index, fields) for index, fields in enumerate(self.media)])
        return Session(
            origin=self.origin,
            name=self.name,
            address=session.get("address", ""),
            media=media,
            groups=tuple([value for name, value in session["attributes"] if name == "group"]),
            fingerprints=session.get("fingerprints", ()),
            key_mgmt=session.get("key_mgmt", ()),
            crypto=session.get("crypto", ()),
            bandwidths=session.get("bandwidths", ()),
            attributes=session["attributes"],
            information=self.information,
            anomalies=tuple(self.anomalies),
        )

    def _medium(self, index: int, fields: Fields) -> Media:
        for name, value in self.session.items():
            if name in _INHERITED and name not in fields:
                fields[name] = value
        _settle(fields)
        address = fields.get("address", "")
        if not address and fields["port"]:
            self.name_anomaly(NO_ADDRESS, fields["medium"])
        return Media(index=index, ip=parse_ip(address) if address else None, **fields)


def _settle(fields: Fields) -> None:
    """Lists become the tuples that they stay: of what is inherited one for all media."""
    for name, value in fields.items():
        if type(value) is list:
            fields[name] = tuple(value)


def parse(data: bytes, cites: tuple[Cite, ...], limits: Limits) -> Session:
    """The session description in `data`. Never raises; what is wrong is in `anomalies`."""
    builder = _Builder(cites)
    text, most = decode(data), limits.sdp_lines
    ends = text.count("\r\n")
    if ends and text.count("\n") == ends and text.count("\r") == ends:
        lines = text.split("\r\n", most)
    else:
        builder.name_anomaly(BARE_LF, "")
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n", most)
    if len(lines) > most and lines.pop().strip():
        builder.name_anomaly(TOO_LONG, f"more than {most} lines")
    for number, line in enumerate(lines, 1):
        if line.startswith("a="):
            builder.attribute(line[2:])
        elif line[1:2] == "=":
            builder.line(line[0], line[2:])
        elif line and not line.isspace():
            builder.name_anomaly(BAD_LINE, f"line {number}")
            kind, equals, value = line.partition("=")
            if equals and len(kind.strip()) == 1:
                builder.line(kind.strip(), value)
    return builder.build()
