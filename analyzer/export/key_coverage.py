"""What the keys of a run opened, and what stays closed: tables for a terminal or a pipe."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.console import RenderableType
from rich.table import Table

from analyzer.core.frozen import frozen
from analyzer.export.tables import DIM, GOOD, WARN, counted, grid, short_path, text
from analyzer.report.model import Report
from analyzer.report.traffic import Key, Stream

_KEYING_WANTS = {
    "srtp_sdes": "the SDP with its a=crypto: a key for the signalling that carried it, or its master key (srtp-master)",
    "srtp_dtls": "a key log of its DTLS handshake (SSLKEYLOGFILE of either end), or its master key (srtp-master)",
    "srtp_mikey": "its master key (srtp-master): MIKEY is not opened",
    "zrtp": "its master key (srtp-master): ZRTP is not opened",
    "srtp_unknown_keying": "a key for the signalling that carried its keys, or its master key (srtp-master)",
    "unknown": "if it is SRTP, a key for the signalling that carried its keys, or its master key (srtp-master)",
}
_UNTOLD = "Neither its packets nor an SDP tell SRTP from compressed media in clear"
_RTCP_FAILED = "The tags of its SRTCP fail with every key at hand: another key, or packets that were changed"
_RTCP_CLOSED = "No key for its SRTCP; wanted: that of its SRTP"
_OF_CONNECTIONS = frozenset({"tls-keylog", "private-key"})
_FLOWS = 3  # named of each key
_KEY_HELPS = frozenset({"no_key", "tag_failed", "mki_unknown"})  # another key would, so it is said which


def opened_by(report: Report) -> dict[str, list[str]]:
    """The flows that each key opened: streams and associations. Of a key log the report knows only how many records."""
    flows: dict[str, list[str]] = {}
    for stream in report.streams:
        if stream.key is not None and stream.decrypted:
            flows.setdefault(stream.key, []).append(stream.id)
    for sa in report.esp:
        if sa.key is not None and sa.decrypted:
            flows.setdefault(sa.key, []).append(sa.id)
    return flows


def _opened(row: Key, flows: Sequence[str]) -> str:
    if row.unused:
        return "nothing"
    much = counted(row.opened, "record" if row.kind in _OF_CONNECTIONS else "packet")
    more = f" and {len(flows) - _FLOWS} more" if len(flows) > _FLOWS else ""
    return f"{much}: {', '.join(flows[:_FLOWS])}{more}" if flows else much


def keys_table(
    keys: Iterable[Key], flows: Mapping[str, Sequence[str]], terminal: bool = False, title: str = ""
) -> Table:
    """One row a key: what it opened, or why nothing. `flows` is what `opened_by` tells."""
    table = grid(("key", "kind", "source", "opened", "why not"), terminal, title)
    for row in keys:
        opened = _opened(row, flows.get(row.id, ()))
        table.add_row(
            text(row.id),
            text(row.kind),
            text(short_path(row.source)),
            text(opened, WARN if row.unused else GOOD),
            text(row.problem or "-", "" if row.problem else DIM),
        )
    return table


@frozen
class ClosedFlow:
    """A flow that is not wholly open: its id, ends and protection, how much is closed, why, and what would open it."""

    id: str
    ends: str
    what: str
    closed: str
    why: str


def closed_tables(report: Report, terminal: bool = False) -> Iterator[RenderableType]:
    """Each reason, and the flows that it keeps closed, one a row."""
    by_reason: dict[str, list[ClosedFlow]] = {}
    for flow in closed_flows(report):
        by_reason.setdefault(flow.why, []).append(flow)
    for why, flows in by_reason.items():
        yield ""
        yield text(f"Closed: {why}.", "bold")
        table = grid(("flow", "src > dst", "what", "closed"), terminal)
        for flow in flows:
            table.add_row(text(flow.id), text(flow.ends), text(flow.what), text(flow.closed, WARN))
        yield table


def closed_flows(report: Report) -> Iterator[ClosedFlow]:
    """The TLS and DTLS connections, ESP associations, SRTP streams and SRTCP of hops that are not wholly open."""
    handshakes: dict[frozenset[str], str] = {}
    for connection in report.tls:
        ends = f"{connection.src} > {connection.dst}"
        if (connection.version or "").startswith("DTLS"):
            handshakes[frozenset((connection.src, connection.dst))] = connection.id
        if not connection.decrypted or connection.failure:
            what = " ".join(filter(None, (connection.version or "TLS", connection.cipher)))
            why = connection.failure or "nothing but its handshake was captured"
            yield ClosedFlow(connection.id, ends, what, "a part" if connection.decrypted else "all", why)
    for sa in report.esp:
        if sa.failure and sa.decrypted < sa.packets:
            yield ClosedFlow(
                sa.id, f"{sa.src} > {sa.dst}", f"ESP {sa.spi}", _share(sa.packets, sa.decrypted), sa.failure
            )
    for stream in report.streams:
        closed = stream.failure is not None or stream.protection in _KEYING_WANTS
        if closed and stream.decrypted < stream.packets:
            what = " ".join(filter(None, (stream.protection, stream.suite, stream.ssrc)))
            why = _stream_why(stream, handshakes.get(frozenset((stream.src, stream.dst))))
            ends = f"{stream.src} > {stream.dst}"
            yield ClosedFlow(stream.id, ends, what, _share(stream.packets, stream.decrypted), why)
    for hop in report.hops:
        if hop.rtcp == "unknown" and (hop.rtcp_failed or hop.rtcp_authenticated is None):
            why = _RTCP_FAILED if hop.rtcp_failed else _RTCP_CLOSED
            packets = counted(hop.rtcp_failed, "packet") if hop.rtcp_failed else "all"
            yield ClosedFlow(hop.id, f"{hop.from_addr} > {hop.to_addr}", "SRTCP", packets, why)


def _share(packets: int, opened: int) -> str:
    return f"all {counted(packets, 'packet')}" if not opened else f"{packets - opened} of {packets} packets"


def _stream_why(stream: Stream, handshake: str | None) -> str:
    why = (stream.failure_detail or "No key").removesuffix(".")
    if (stream.failure and stream.failure not in _KEY_HELPS) or stream.decrypted:
        return why
    if stream.protection == "unknown" and stream.failure == "no_key":
        why = _UNTOLD
    wanted = _KEYING_WANTS.get(stream.protection, _KEYING_WANTS["srtp_unknown_keying"])
    if handshake is not None:
        wanted = f"a key log of its DTLS handshake ({handshake}), or its master key (srtp-master)"
    return f"{why}; wanted: {wanted}"
