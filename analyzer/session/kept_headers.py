"""The headers of a message that later questions need, of identity, registration and conference: kept until its call
closes. Everything else of a message is not kept.
"""

from analyzer.protocols.sip.message import Header, Message

KEPT = frozenset({
    "allow-events", "authorization", "call-info", "contact", "content-type", "date", "diversion", "event", "from",
    "history-info", "identity", "p-access-network-info", "p-asserted-identity", "p-associated-uri",
    "p-charging-function-addresses", "p-charging-vector", "p-preferred-identity", "privacy", "proxy-authenticate",
    "proxy-authorization", "proxy-require", "reason", "refer-to", "referred-by", "remote-party-id", "replaces",
    "reply-to", "require", "security-client", "security-server", "security-verify", "subject", "supported", "to",
    "www-authenticate",
})  # fmt: skip
OF_INVITES = KEPT | {"session-id"}  # which every message has: kept of INVITE and its answers
MAX_VALUES = 64
MAX_CHARACTERS = 16_384  # of one value


def kept_headers(message: Message) -> tuple[Header, ...]:
    """The first `MAX_VALUES` of the headers kept, each cut at `MAX_CHARACTERS`."""
    kept = OF_INVITES if message.method == "INVITE" else KEPT
    found = [header for header in message.headers if header.name in kept]
    if len(found) > MAX_VALUES:
        del found[MAX_VALUES:]
    if len(message.raw) > MAX_CHARACTERS:  # no value is longer than its message
        found = [Header(name, raw, value[:MAX_CHARACTERS]) for name, raw, value in found]
    return tuple(found)
