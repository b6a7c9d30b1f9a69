"""What the keys of a run opened, and what stays closed: tables for a terminal or a pipe."""

from collections.abc import Iterable, Iterator

from rich.table import Table

from analyzer.export.tables import DIM, GOOD, WARN, counted, grid, short_path, text
from analyzer.report.model import Report
from analyzer.report.traffic import Key, Stream

_STREAM_WHY = {
    "no_key": "no key is known for this SSRC and these addresses",
    "tag_failed": "no key at hand verifies its tags: they are of another stream, direction or suite",
    "roc_not_found": "no key at hand verifies at any roll-over counter that was tried: of another stream or direction",
    "mki_unknown": "its packets name a master key (MKI) that is not among the keys",
    "key_late": "its key came after more packets than are kept for it",
    "truncated": "the capture cut its packets: capture without a snap length",
    "too_short": "its packets are too short for the suite",
    "unsupported_suite": "its suite is known by name and not opened here",
}
_KEYING_WANTS = {
    "srtp_sdes": "the SDP with its a=crypto: a key for the signalling that carried it, or its master key (srtp-master)",
    "srtp_dtls": "a key log of its DTLS handshake (SSLKEYLOGFILE of either end), or its master key (srtp-master)",
    "srtp_mikey": "its master key (srtp-master): MIKEY is not opened",
    "zrtp": "its master key (srtp-master): ZRTP is not opened",
    "srtp_unknown_keying": "a key for the signalling that carried its keys, or its master key (srtp-master)",
}
_TRY_AGAIN = frozenset({"truncated", "too_short", "key_late"})  # no key would help


def keys_table(keys: Iterable[Key], terminal: bool = False, title: str = "") -> Table:
    """One row a key: what it opened, or why nothing."""
    table = grid(("key", "kind", "source", "opened", "why not"), terminal, title)
    for row in keys:
        opened = "nothing" if row.unused else str(row.opened)
        table.add_row(
            text(row.id),
            text(row.kind),
            text(short_path(row.source)),
            text(opened, WARN if row.unused else GOOD),
            text(row.problem or "-", "" if row.problem else DIM),
        )
    return table


def closed_table(report: Report, terminal: bool = False, title: str = "") -> Table:
    """One row a flow that is not open, or not all of it: why, and what would open it."""
    table = grid(("flow", "src > dst", "what", "closed", "why, and what would open it"), terminal, title)
    for flow, ends, what, closed, why in closed_flows(report):
        table.add_row(text(flow), text(ends), text(what), text(closed), text(why))
    return table


def closed_flows(report: Report) -> Iterator[tuple[str, str, str, str, str]]:
    """Id, ends, protection, how much is closed, and the reason, for every flow that is not wholly open."""
    for connection in report.tls:
        if not connection.decrypted:
            what = " ".join(filter(None, (connection.version or "TLS", connection.cipher)))
            why = connection.failure or "nothing but its handshake was captured"
            yield connection.id, f"{connection.src} > {connection.dst}", what, "all", why
    for association in report.esp:
        if association.failure and association.decrypted < association.packets:
            what = f"ESP {association.spi}"
            closed = _share(association.packets, association.decrypted)
            yield association.id, f"{association.src} > {association.dst}", what, closed, association.failure
    for stream in report.streams:
        if stream.protection in _KEYING_WANTS and stream.decrypted < stream.packets:
            what = " ".join(filter(None, (stream.protection, stream.suite, stream.ssrc)))
            closed = _share(stream.packets, stream.decrypted)
            yield stream.id, f"{stream.src} > {stream.dst}", what, closed, _stream_why(stream)


def _share(packets: int, opened: int) -> str:
    return f"all {counted(packets, 'packet')}" if not opened else f"{packets - opened} of {packets} packets"


def _stream_why(stream: Stream) -> str:
    why = _STREAM_WHY.get(stream.failure, stream.failure) if stream.failure else "no key"
    if stream.failure in _TRY_AGAIN or stream.decrypted:
        return why
    return f"{why}; wanted: {_KEYING_WANTS[stream.protection]}"
