"""What each attribute line says (RFC 8866 6 and the RFCs of each attribute), apart from where it stands.

The lines of many descriptions are the same few, so what was read of one is remembered, without those that hold a
secret or are new in every call.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from analyzer.core.addresses import parse_ip
from analyzer.core.numbers import decimal, hexadecimal
from analyzer.core.secrets import Secret
from analyzer.core.text import encode
from analyzer.protocols.sdp.crypto_line import decode_key, parse_crypto
from analyzer.protocols.sdp.session import Codec, E2aeMark, Fingerprint

SET, ADD, ENTER, NUMBER, COUNT = range(5)
"""How a value joins what is known: replace it, append to a list, enter a pair in a table, add a number that is new to
a bounded list, count up to a bound."""

_MAX_CANDIDATES = 64
_MAX_SSRCS = 256
_SHORT = 16  # an attribute value this short quotes no key
_HIDDEN = "(not kept)"  # an attribute that quotes a crypto line, as a=acap does (RFC 5939)
_SECRET = frozenset({"crypto", "ice-pwd", "key-mgmt"})  # their values are not kept as raw text
_REMEMBERED = 4_096
_ENCRYPTED_EXTENSION = "urn:ietf:params:rtp-hdrext:encrypt"
_KEYLESS = 32  # characters in which no key of a crypto line fits: 30 bytes are 40 of base64
_LONGEST = 200  # characters of a line that is remembered

_DIGEST_BYTES = {"sha-1": 20, "sha-224": 28, "sha-256": 32, "sha-384": 48, "sha-512": 64, "md5": 16, "md2": 16}

Fields = dict[str, Any]
Effect = tuple[int, str, Any]
Read = tuple[bool, tuple[Effect, ...]]  # whether the value is well-formed, and what it says all the same
Reader = Callable[[str], Read]
_NOTHING: Final[Read] = (False, ())


class Attribute(NamedTuple):
    """One line: its name, the pair to keep as raw text if it may be kept, whether it is well-formed, what it says."""

    name: str
    raw: tuple[str, str] | None
    good: bool
    effects: tuple[Effect, ...]


def apply(effects: tuple[Effect, ...], fields: Fields) -> None:
    """Brings what a line says into the fields of the session or medium that it stands in."""
    for how, name, value in effects:
        if how == SET:
            fields[name] = value
        elif how == ENTER:
            fields.setdefault(name, {})[value[0]] = value[1]
        elif how == ADD:
            fields.setdefault(name, []).append(value)
        elif how == COUNT:
            fields[name] = min(fields.get(name, 0) + 1, value)
        else:
            known = fields.setdefault(name, [])
            if value not in known and len(known) < _MAX_SSRCS:
                known.append(value)


def _text(name: str) -> Reader:
    return lambda value: (True, ((SET, name, value.strip()),))


def _number(name: str, digits: int = 10) -> Reader:
    def read(value: str) -> Read:
        number = decimal(value.strip(), digits)
        return number is not None, ((SET, name, number),)

    return read


def _fixed(name: str, what: bool | str) -> Reader:
    read: Read = (True, ((SET, name, what),))
    return lambda _: read


def _words(name: str) -> Reader:
    def read(value: str) -> Read:
        words = tuple(value.split())
        return bool(words), ((SET, name, words),)

    return read


def _crypto(value: str) -> Read:
    line = parse_crypto(value)
    return _NOTHING if line is None else (not line.faults, ((ADD, "crypto", line),))


def _fingerprint(value: str) -> Read:
    algorithm, _, text = value.strip().partition(" ")
    octets = text.strip().split(":", 64)
    pairs = "".join(octets)
    number = hexadecimal(pairs, 128) if 2 * len(octets) == len(pairs) and {*map(len, octets)} == {2} else None
    digest = number.to_bytes(len(octets), "big") if number is not None else b""
    good = bool(digest) and _DIGEST_BYTES.get(algorithm.lower(), len(digest)) == len(digest)
    return good, ((ADD, "fingerprints", Fingerprint(algorithm.lower(), digest, good and pairs == pairs.upper())),)


def _e2ae(value: str) -> Read:
    marks: dict[str, E2aeMark] = {"requested": "requested", "applied": "applied"}
    return value in marks, ((SET, "e2ae", marks.get(value.strip().lower(), "other")),)


def port(text: str) -> int | None:
    """A port number, 0 included, or None."""
    number = decimal(text, 5)
    return number if number is not None and number <= 65_535 else None


def _rtcp(value: str) -> Read:
    words = value.split()
    number = port(words[0]) if words else None
    effects: tuple[Effect, ...] = ((SET, "rtcp_port", number),)
    if len(words) >= 4:
        effects += ((SET, "rtcp_ip", parse_ip(words[3])),)
    return number is not None, effects


def _rtpmap(value: str) -> Read:
    head, _, encoding = value.strip().partition(" ")
    parts = encoding.strip().split("/")
    number, clock = decimal(head, 3), decimal(parts[1], 9) if len(parts) > 1 else None
    if number is None or clock is None or number > 127:
        return _NOTHING
    channels = decimal(parts[2], 2) if len(parts) > 2 else 1
    return True, ((ENTER, "rtpmap", (number, Codec(parts[0], clock, channels or 1))),)


def _fmtp(value: str) -> Read:
    head, _, parameters = value.strip().partition(" ")
    number = decimal(head, 3)
    return True, () if number is None else ((ENTER, "fmtp", (number, parameters.strip())),)


def _ssrc(value: str) -> Read:
    number = decimal(value.split(" ", 1)[0], 10)
    return _NOTHING if number is None else (True, ((NUMBER, "ssrcs", number),))


def _extmap(value: str) -> Read:
    """RFC 8285 8: identifier, direction, URI. Only those that RFC 6904 4 says are encrypted are noted."""
    words = value.split(None, 2)
    number = decimal(words[0].partition("/")[0], 5) if words else None
    if number is None or len(words) < 2:
        return _NOTHING
    return True, ((NUMBER, "encrypted_extensions", number),) if words[1].lower() == _ENCRYPTED_EXTENSION else ()


def _floorid(value: str) -> Read:
    words = value.split()
    number = decimal(words[0], 5) if words else None
    if number is None:
        return _NOTHING
    labels = words[1:]
    if labels and labels[0].lower().startswith(("mstrm:", "m-stream:")):
        labels[0] = labels[0].split(":", 1)[1]
    return True, ((ADD, "floorids", (number, tuple(label for label in labels if label))),)


def _candidate(_: str) -> Read:
    return True, ((COUNT, "candidates", _MAX_CANDIDATES),)


def _key_mgmt(value: str) -> Read:
    protocol, _, data = value.strip().partition(" ")
    blob = decode_key(data.strip())[0]
    return blob is not None, ((ADD, "key_mgmt", protocol.lower()), (ADD, "key_mgmt_data", blob))


def _ice_pwd(value: str) -> Read:
    return True, ((SET, "ice_pwd", Secret(encode(value.strip()))),)


_READERS: dict[str, Reader] = {
    "crypto": _crypto, "fingerprint": _fingerprint, "3ge2ae": _e2ae, "rtcp": _rtcp, "rtpmap": _rtpmap,
    "fmtp": _fmtp, "ssrc": _ssrc, "extmap": _extmap, "floorid": _floorid, "candidate": _candidate,
    "key-mgmt": _key_mgmt, "setup": _text("setup"), "tls-id": _text("tls_id"), "rtcp-mux": _fixed("rtcp_mux", True),
    "ice-ufrag": _text("ice_ufrag"), "path": _words("path"), "accept-types": _words("accept_types"),
    "accept-wrapped-types": _words("accept_wrapped_types"), "msrp-cema": _fixed("msrp_cema", True),
    "file-selector": _text("file_selector"), "floorctrl": _words("floorctrl"), "bfcpver": _words("bfcpver"),
    "confid": _number("confid"), "userid": _number("userid"), "label": _text("label"), "mid": _text("mid"),
    "bundle-only": _fixed("bundle_only", True), "sctp-port": _number("sctp_port"), "ptime": _number("ptime", 6),
    "ice-pwd": _ice_pwd, "rtcp-rsize": _fixed("rtcp_rsize", True), "sctpmap": _text("sctpmap"),
    **{word: _fixed("direction", word) for word in ("sendrecv", "sendonly", "recvonly", "inactive")},
}  # fmt: skip
_OWN = _SECRET | {"fingerprint", "ssrc", "candidate", "tls-id", "ice-ufrag", "rtcp", "path", "msid", "file-selector"}


KNOWN: dict[str, Attribute] = {}
"""What was read of lines that come again."""


def read_attribute(text: str) -> Attribute:
    """What the text behind `a=` says, where it is not `KNOWN`; what may be is from then on."""
    found = _read(text)
    if len(text) <= _LONGEST and found.name not in _OWN and not (len(text) > _KEYLESS and "inline:" in text.lower()):
        if len(KNOWN) >= _REMEMBERED:
            KNOWN.clear()
        KNOWN[text] = found
    return found


def _read(text: str) -> Attribute:
    name, _, value = text.partition(":")
    reader = _READERS.get(name)
    if reader is None:
        name = name.strip().lower()
        reader = _READERS.get(name)
    raw = None
    if name not in _SECRET:
        raw = name, _HIDDEN if len(value) > _SHORT and "inline:" in value.lower() else value
    return Attribute(name, raw, *((True, ()) if reader is None else reader(value)))
