"""Why a TLS or DTLS connection stays closed, in words that say what would open it."""

from analyzer.formats.tls_handshake import VERSIONS, Hello
from analyzer.formats.tls_suites import CipherSuite, suite_name

LOST = "bytes of the connection were not captured"
SNAPPED = "the snap length cut its packets: a capture with a longer one would do"
OTHER_KEY = "its records do not verify with the secret that is given for it: another one, or a damaged one"
CHANGED = "a record does not verify with the keys that opened others: its bytes were changed"
_WHOLE = "a capture from the connection's beginning would do"
UNSEEN = f"its handshake was not captured: {_WHOLE}"
_NO_SECRET = "no secret for its client random in the keys given"
_LOG = "a key log of either end"
_NEW = (0x0304, 0xFEFC)


def where_cut(failure: str) -> str:
    """A reason, where the snap length cut packets of the connection: that is what was not captured."""
    return SNAPPED if "not captured" in failure else failure


def why_closed(
    client: Hello | None, server: Hello | None, suite: CipherSuite | None, *, other_than: str | None, resumed: bool
) -> str:
    """The reason, from what is known of a handshake. `other_than` is the side whose secret is missing where that of
    the other side is known."""
    if client is None:
        return UNSEEN if server is None else f"its ClientHello was not captured: {_WHOLE}"
    if server is None:
        return f"its ServerHello was not captured: {_WHOLE}"
    if suite is None:
        return f"its cipher suite, {suite_name(server.suites[0])}, is not known here"
    if other_than is not None:
        known = "client" if other_than == "server" else "server"
        return f"the keys given have the secrets of the {known}'s direction only"
    if resumed:
        return f"it resumes a session whose handshake is not in the captures, or is closed; {_LOG} would open it"
    new = server.negotiated_version in _NEW
    if suite.key_exchange == "RSA" and not new:
        return (
            f"{_NO_SECRET}, and no private key of the server's certificate; "
            f"{_LOG} or the server's private key would open it"
        )
    name = VERSIONS[server.negotiated_version] if new else suite.key_exchange.partition("_")[0]
    return f"{_NO_SECRET}; {_LOG} would open it ({name}: no private key does)"
