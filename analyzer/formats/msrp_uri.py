"""MSRP URIs: where a session's end is, and which session (RFC 4975 6)."""

from functools import lru_cache

from analyzer.core.addresses import Address, parse_ip
from analyzer.core.frozen import frozen
from analyzer.core.numbers import decimal
from analyzer.formats.uri import unescape

PORT = 2855
"""Where a URI names none (RFC 4975 6.2)."""
_USUAL = 256  # characters


@frozen
class MsrpUri:
    """A URI in its parts: `host` in lower case, an IPv6 address without brackets. `port` is None where none is."""

    scheme: str
    host: str
    port: int | None
    session_id: str
    transport: str

    @property
    def secure(self) -> bool:
        """msrps: over TLS."""
        return self.scheme == "msrps"

    @property
    def address(self) -> Address | None:
        """Where it listens, if the host is no name."""
        ip = parse_ip(self.host) if self.host else None
        port = PORT if self.port is None else self.port
        return Address(ip, port) if ip is not None and port else None


def parse_uri(raw: str) -> MsrpUri | None:
    """Reads `msrp[s]://[user@]host[:port][/session-id];transport[;...]`; None for any other scheme.

    Those of usual length are remembered: sessions at one address are compared with every m-line that names it.
    """
    return _remembered(raw) if len(raw) <= _USUAL else _parse(raw)


def _parse(raw: str) -> MsrpUri | None:
    scheme, colon, rest = raw.strip().partition("://")
    scheme = scheme.lower()
    if not colon or scheme not in ("msrp", "msrps"):
        return None
    place, _, params = rest.partition(";")
    authority, _, session = place.partition("/")
    authority = authority.rpartition("@")[2]
    if authority.startswith("["):
        host, _, port_text = authority[1:].partition("]")
        port_text = port_text.removeprefix(":")
    else:
        host, _, port_text = authority.partition(":")
    port = decimal(port_text, 5) or 0 if port_text else None
    return MsrpUri(scheme, unescape(host).lower(), port, session, params.partition(";")[0].strip().lower())


_remembered = lru_cache(maxsize=4_096)(_parse)


def session_id(raw: str) -> str:
    """The session id of a URI, or the URI where it has none."""
    uri = parse_uri(raw)
    return uri.session_id if uri is not None and uri.session_id else raw


def same_uri(first: str, second: str) -> bool:
    """Whether two URIs name one end: scheme, host, port, session id and transport (6.1).

    User parts and other parameters do not count; a named port is never equal to one that is not named.
    """
    if first == second:
        return True
    one, two = parse_uri(first), parse_uri(second)
    if one is None or two is None:
        return False
    ips = parse_ip(one.host) if one.host else None, parse_ip(two.host) if two.host else None
    same_host = one.host == two.host or (None not in ips and ips[0] == ips[1])
    rest_one = one.scheme, one.port, one.session_id, one.transport
    return same_host and rest_one == (two.scheme, two.port, two.session_id, two.transport)
