"""What an m-line says of MSRP paths and MIKEY, as rules see it."""

from analyzer.core.unknown import Tristate, Unknown
from analyzer.formats.msrp_uri import parse_uri
from analyzer.protocols.mikey.parser import parse as parse_mikey
from analyzer.protocols.sdp.session import Media
from analyzer.session.model.media import MikeyMessage

_PREFIX = "mikey"


def path_scheme(media: Media) -> str:
    """The scheme of a=path."""
    if not media.path:
        return "none"
    schemes = {uri.scheme for uri in map(parse_uri, media.path) if uri is not None}
    return schemes.pop() if len(schemes) == 1 else "mixed" if schemes else "none"


def path_elsewhere(media: Media) -> Tristate:
    """Whether the one URI of a=path names another place than c= and m= (RFC 4975 8.1); a relay's may."""
    if len(media.path) != 1:
        return False
    uri = parse_uri(media.path[0])
    if uri is None or uri.address is None or media.ip is None:
        return Unknown.of("message", "an address in place of a host name in a=path or c=")
    return (uri.address.ip, uri.address.port) != (media.ip, media.port)


def mikey_messages(media: Media) -> tuple[MikeyMessage, ...]:
    """Its MIKEY messages, by their names."""
    found = []
    for protocol, data in zip(media.key_mgmt, media.key_mgmt_data, strict=False):
        if protocol.lower() != _PREFIX:
            continue
        message = parse_mikey(data.reveal()) if data is not None else None
        if message is None:
            found.append(MikeyMessage(False, "", "", ""))
        else:
            whole = message.version == 1 and (message.complete or "payload" in "".join(message.payloads))
            found.append(MikeyMessage(whole, message.name, message.encryption, message.mac))
    return tuple(found)
