"""Values written by the grammar of their RFC, for the parsers of texts: what is written is what is read."""

import base64
import json
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from hypothesis import strategies as st

Pair = tuple[bytes, Any]
Written = st.SearchStrategy[Pair]

TOKEN = st.text("ABCDEFGHXYZabcdefghxyz0123456789-.!*_+`'~", min_size=1, max_size=9)  # RFC 3261 25.1, without %
WORD = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=8)
ANY = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=12)
HOST = st.one_of(WORD.map(lambda word: f"{word}.example"), st.just("192.0.2.1"))
PORT = st.integers(1, 65_535)
PARAMS = st.dictionaries(WORD, TOKEN, max_size=3)


def _params(params: dict[str, str]) -> str:
    return "".join(f";{name}={value}" for name, value in params.items())


def _quoted(text: str) -> str:
    """RFC 3261 25.1: quoted-string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@st.composite
def lists(draw: st.DrawFn) -> Pair:
    """Elements between commas: words, and quoted strings that hold commas."""
    parts = draw(st.lists(st.one_of(TOKEN, ANY.map(_quoted)), min_size=1, max_size=4))
    return ", ".join(parts).encode(), tuple(parts)


@st.composite
def parameters(draw: st.DrawFn) -> Pair:
    """A token with parameters, whose values are tokens or quoted strings."""
    value, params = draw(TOKEN), draw(st.dictionaries(WORD, ANY, max_size=3))
    written = "".join(f" ;{name.upper()}= {_quoted(text)}" for name, text in params.items())
    return f"{value}{written}".encode(), (value, params)


@st.composite
def uris(draw: st.DrawFn) -> Pair:
    """SIP URIs (RFC 3261 19.1.1)."""
    scheme, user, password = draw(st.sampled_from(["sip", "sips"])), draw(ANY), draw(WORD)
    host, port, params = draw(HOST), draw(st.none() | PORT), draw(PARAMS)
    place = host if port is None else f"{host}:{port}"
    text = f"{scheme}:{quote(user, safe='')}:{password}@{place}{_params(params)}?a=b"
    return text.encode(), (scheme, user, password, host, port, params, "a=b")


@st.composite
def name_addrs(draw: st.DrawFn) -> Pair:
    """A display name of any characters, a URI, parameters."""
    display, host, params = draw(ANY), draw(HOST), draw(PARAMS)
    return f"{_quoted(display)} <sip:a@{host};x=y>{_params(params)}".encode(), (display, f"sip:a@{host};x=y", params)


@st.composite
def msrp_uris(draw: st.DrawFn) -> Pair:
    """RFC 4975 9."""
    scheme, host, port = draw(st.sampled_from(["msrp", "msrps"])), draw(HOST), draw(st.none() | PORT)
    session, transport = draw(WORD), draw(st.sampled_from(["tcp", "ws"]))
    place = host if port is None else f"{host}:{port}"
    return f"{scheme}://{place}/{session};{transport}".encode(), (scheme, host, port, session, transport)


@st.composite
def file_selectors(draw: st.DrawFn) -> Pair:
    """RFC 5547 6."""
    name, size, digest = draw(ANY), draw(st.integers(0, 10**15)), draw(st.binary(min_size=1, max_size=20))
    pairs = ":".join(f"{byte:02X}" for byte in digest)
    return (
        f'name:"{quote(name, safe=" ")}" type:image/jpeg size:{size} hash:sha-1:{pairs}'.encode(),
        (name, "image/jpeg", size, "sha-1", digest.hex()),
    )


@st.composite
def vias(draw: st.DrawFn) -> Pair:
    """RFC 3261 20.42."""
    transport, host, port, branch = draw(st.sampled_from(["UDP", "TCP", "TLS"])), draw(HOST), draw(PORT), draw(TOKEN)
    blank = draw(st.sampled_from(["", " "]))
    text = f"SIP{blank}/{blank}2.0{blank}/{blank}{transport} {host}{blank}:{blank}{port};branch={branch};rport"
    return text.encode(), (transport, host, port, branch, "")


@st.composite
def replaced(draw: st.DrawFn) -> Pair:
    """RFC 3891 6.1."""
    call, to, sender, early = f"{draw(TOKEN)}@{draw(HOST)}", draw(TOKEN), draw(TOKEN), draw(st.booleans())
    return f"{call};to-tag={to};from-tag={sender}{';early-only' * early}".encode(), (call, sender, to, early)


@st.composite
def refer_tos(draw: st.DrawFn) -> Pair:
    """RFC 3515 2.1, with headers (RFC 3261 19.1.1)."""
    host, method = draw(HOST), draw(WORD)
    headers = draw(st.lists(st.tuples(WORD, ANY.filter(bool)), min_size=1, max_size=3))
    fields = "&".join(f"{name}={quote(text, safe='')}" for name, text in headers)
    return f"<sip:a@{host};method={method}?{fields}>".encode(), (f"sip:a@{host}", method.upper(), tuple(headers))


@st.composite
def agreements(draw: st.DrawFn) -> Pair:
    """RFC 3329 2.2, TS 33.203 Annex H: what is not said has its default."""
    spis = draw(st.lists(st.integers(1, 2**32 - 1), min_size=2, max_size=2))
    ports = draw(st.lists(PORT, min_size=2, max_size=2))
    text = f"ipsec-3gpp; alg=hmac-sha-1-96; spi-c={spis[0]}; spi-s={spis[1]}; port-c={ports[0]}; port-s={ports[1]}"
    return text.encode(), (("hmac-sha-1-96", "null", "trans", *spis, *ports),) * 2


@st.composite
def security(draw: st.DrawFn) -> Pair:
    """RFC 3329 2.2."""
    entries = draw(st.lists(st.tuples(WORD, PARAMS), min_size=1, max_size=3))
    text = ", ".join(f"{name.upper()} {_params(params)}" for name, params in entries)
    read = tuple((name, tuple(f"{key}={value}" for key, value in params.items())) for name, params in entries)
    return text.encode(), read * 2


@st.composite
def messages_in_rooms(draw: st.DrawFn) -> Pair:
    """message/cpim (RFC 3862 2): headers with escapes, content headers, content."""
    subject, body = draw(ANY), draw(st.binary(max_size=30))
    escaped = "".join(char if char.isascii() and char != "\\" else f"\\u{ord(char):04x}" for char in subject)
    escaped = escaped if all(ord(char) < 0x10000 for char in subject) else "plain"
    wanted = subject if escaped != "plain" else "plain"
    head = f"From: <im:a@b>\r\nTo: <im:c@d>\r\nSubject: {escaped}\r\n\r\nContent-Type: text/plain\r\n\r\n"
    return head.encode() + body, (wanted.strip(), body, True)


@st.composite
def multiparts(draw: st.DrawFn) -> Pair:
    """RFC 2046 5.1.1."""
    parts = draw(st.lists(st.tuples(WORD, st.binary(max_size=20).filter(lambda body: b"--b" not in body)), max_size=4))
    body = b"".join(b"--b\r\nContent-Type: x/%s\r\n\r\n%s\r\n" % (kind.encode(), data) for kind, data in parts)
    return body + b"--b--\r\n", [(f"x/{kind}", data) for kind, data in parts]


@st.composite
def fragments(draw: st.DrawFn) -> Pair:
    """message/sipfrag (RFC 3420 2)."""
    status, reason = draw(st.integers(100, 699)), draw(WORD)
    headers = draw(st.lists(st.tuples(WORD, TOKEN), max_size=3))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"SIP/2.0 {status} {reason}\r\n{lines}\r\n".encode(), (status, reason, tuple(headers))


@st.composite
def rosters(draw: st.DrawFn) -> Pair:
    """RFC 4575 5.6."""
    users = draw(st.lists(ANY.map(str.strip), max_size=4))
    entries = "".join(f"<user entity={quoteattr(user)}/>" for user in users)
    return f"<conference-info version='3'><users>{entries}</users></conference-info>".encode(), (3, users)


@st.composite
def recipients(draw: st.DrawFn) -> Pair:
    """RFC 4826 3.1, in lists of lists."""
    uris_ = draw(st.lists(ANY.map(str.strip).filter(bool), max_size=4))
    entries = "".join(f"<entry uri={quoteattr(each)}/>" for each in uris_)
    return f"<resource-lists><list><list>{entries}</list></list></resource-lists>".encode(), uris_


@st.composite
def passports(draw: st.DrawFn) -> Pair:
    """RFC 8225: header and claims."""
    claims = {"iat": draw(st.integers(0, 2**39)), "orig": {"tn": draw(st.text("0123456789", min_size=1, max_size=9))}}
    claims["dest"] = {"uri": draw(st.lists(ANY, min_size=1, max_size=2))}
    parts = [json.dumps(each).encode() for each in ({"alg": "ES256", "typ": "passport", "x5u": "https://a"}, claims)]
    token = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (*parts, b"x" * 64))
    return f"{token};info=<https://a>".encode(), (claims, ())


TEXTS: dict[str, tuple[Written, Any]] = {
    "formats.headers.split": (lists(), lambda found: found[0]),
    "formats.headers.parameters": (parameters(), lambda found: found),
    "formats.uri.parse_uri": (
        uris(),
        lambda found: tuple(
            getattr(found[0], name) for name in ("scheme", "user", "password", "host", "port", "params", "headers")
        ),
    ),
    "formats.uri.parse_name_addr": (name_addrs(), lambda found: (found.display, found.uri, found.params)),
    "formats.uri.unescape": (ANY.map(lambda text: (quote(text, safe="").encode(), text)), lambda found: found),
    "formats.uri.host_port": (
        st.tuples(HOST, PORT).map(lambda pair: (f"{pair[0].upper()}:{pair[1]}".encode(), (*pair, True))),
        lambda found: found,
    ),
    "formats.msrp_uri.parse_uri": (
        msrp_uris(),
        lambda found: (found[0].scheme, found[0].host, found[0].port, found[0].session_id, found[0].transport),
    ),
    "formats.mime.media_type": (
        st.tuples(WORD, WORD, PARAMS).map(
            lambda each: (
                f"{each[0]} / {each[1].upper()}{_params(each[2])}".encode(),
                (f"{each[0]}/{each[1]}", each[2]),
            )
        ),
        lambda found: found,
    ),
    "formats.file_selector.parse": (
        file_selectors(),
        lambda found: (found.name, found.type, found.size, found.hash, found.digest),
    ),
    "formats.passport.parse_passport": (passports(), lambda found: (found.claims, found.problems)),
    "formats.referral.parse_refer_to": (refer_tos(), lambda found: (found.uri, found.method, found.headers)),
    "formats.referral.parse_replaces": (
        replaced(),
        lambda found: (found.call_id, found.from_tag, found.to_tag, found.early_only),
    ),
    "formats.referral.parse_referred_by": (
        name_addrs().map(lambda pair: (pair[0], pair[1][1])),
        lambda found: found,
    ),
    "protocols.sip.message.parse_via": (
        vias(),
        lambda found: (found.transport, found.host, found.port, found.branch, found.rport),
    ),
    "session.security_lists.security_list": (
        security(),
        lambda found: tuple((each.name, each.params) for each in found),
    ),
    "session.esp.agreements.mechanisms": (
        agreements(),
        lambda found: tuple(
            (each.alg, each.ealg, each.mode, each.spi_c, each.spi_s, each.port_c, each.port_s) for each in found
        ),
    ),
    "core.addresses.parse_ip": (
        st.one_of(
            st.ip_addresses(v=4).map(lambda ip: (str(ip).encode(), int(ip) | 0xFFFF << 32)),
            st.ip_addresses(v=6).map(lambda ip: (f"[{ip}]".encode(), int(ip))),
        ),
        lambda found: found,
    ),
    "core.numbers.decimal": (
        st.integers(0, 10**18 - 1).map(lambda number: (str(number).encode(), number)),
        lambda found: found[0],
    ),
    "core.text.decode": (st.binary(max_size=40).map(lambda data: (data, data)), lambda found: found[1]),
    "formats.cpim.parse": (
        messages_in_rooms(),
        lambda found: (dict(found[0].headers)["Subject"], found[0].body, found[0].complete),
    ),
    "formats.mime.parts_of": (multiparts(), lambda found: [(each.content_type, each.body) for each in found[0]]),
    "formats.referral.parse_sipfrag": (fragments(), lambda found: (found.status, found.reason, found.headers)),
    "formats.conference_info.parse": (
        rosters(),
        lambda found: (found.version, [user.entity for user in found.users]),
    ),
    "formats.resource_list.parse": (recipients(), lambda found: [each.uri for each in found.recipients]),
}
"""By parser: what is written with what is to be read, and how that is taken from what the harness reads."""
