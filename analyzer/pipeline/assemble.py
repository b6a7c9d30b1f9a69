"""The report of a finished engine."""

from collections.abc import Mapping, Sequence

from analyzer.capture.sources import CaptureInfo
from analyzer.core.severity import Verdict
from analyzer.core.version import __version__
from analyzer.pipeline.amendments import amendments
from analyzer.pipeline.conference_rows import conference_rows
from analyzer.pipeline.engine import Engine
from analyzer.pipeline.esp_rows import KeyNames, esp_notes, esp_rows
from analyzer.pipeline.findings import FindingRows
from analyzer.pipeline.places import Places, capture_id
from analyzer.pipeline.registration_rows import registration_row
from analyzer.report.model import (
    AnomalyRow,
    CaptureRow,
    ClauseRow,
    Coverage,
    Report,
    RuleRow,
    Summary,
    Tool,
    VerdictCounts,
)
from analyzer.report.redact import Redactor
from analyzer.report.rows import AmendedRows, Rows
from analyzer.report.traffic import (
    BfcpCounts,
    Call,
    DataChannel,
    Hop,
    Key,
    MsrpCounts,
    Registration,
    SipCounts,
    Stream,
    TlsConnection,
)
from analyzer.report.words import SEVERITIES, ClauseStatus
from analyzer.rules.panel import Tally
from analyzer.session.connections import Connection
from analyzer.session.keyring import KeySource
from analyzer.session.placement import Placement

_LINK_TYPES = {
    0: "null", 1: "ethernet", 12: "raw", 14: "raw", 101: "raw", 108: "loop", 113: "linux_sll", 228: "ipv4",
    229: "ipv6", 276: "linux_sll2",
}  # fmt: skip

_CLOSED = "it belongs to connections in the captures, of which nothing could be opened: why is said with each"
_UNTRIED = "not every stream was tried with it: give its SSRC"
_NOTHING = {  # of the capture that a key belongs to
    "tls-keylog": "no handshake in the captures has a client random of this log",
    "private-key": "no RSA key exchange in the captures was made with this key",
    "esp-sa": "no ESP packet in the captures has this SPI and these addresses",
    "ims-aka": "no registration in the captures negotiated an association with these keys",
    "srtp-master": "no packet in the captures verifies with this key",
}


Tallies = Mapping[str, Tally]


def assemble(engine: Engine, captures: Sequence[CaptureInfo], notes: Sequence[str] = ()) -> Report:
    """Everything the engine found, in the report's order."""
    places = Places(engine.sources)
    redactor = engine.redactor
    undecoded: dict[int, dict[str, int]] = {}
    for (capture, reason), count in engine.decoder.undecoded.items():
        undecoded.setdefault(capture, {})[reason] = count
    topology = engine.setup.topology or engine.signalling.observations.topology()
    judge, tallies = engine.judge, engine.judge.tallies
    noted = sorted(judge.notes, key=lambda each: (each.rule.id, each.id))
    closer, cut = engine.closer, engine.cut_frames.counts
    keys, key_names = _keys(engine, places)
    return Report(
        tool=Tool("mediasec", __version__),
        captures=tuple(
            _capture(info, undecoded.get(info.index, {}), cut[info.index], _vantages(engine, info)) for info in captures
        ),
        coverage=_coverage(engine, undecoded, notes),
        summary=_summary(engine, tallies),
        sip=_sip(engine),
        msrp=_msrp(engine),
        bfcp=_bfcp(engine),
        registrations=_registrations(engine, places, Placement(topology)),
        esp=tuple(redactor.row(row) for row in esp_rows(engine.esp, places, key_names)),
        calls=Rows(Call, AmendedRows(closer.calls, amendments(closer, places, redactor))),
        conferences=tuple(redactor.row(row) for row in conference_rows(closer.conferences, places)),
        hops=Rows(Hop, closer.hops),
        streams=Rows(Stream, closer.stream_rows),
        tls=tuple(redactor.row(row) for row in _tls(engine.connections.all())),
        keys=keys,
        anomalies=tuple(
            AnomalyRow(e.kind.code, e.kind.severity.label, e.count, tuple(places.cite(c) for c in e.cites))  # type: ignore[arg-type]  # a label
            for e in engine.ledger.entries()
        ),
        rules=_rules(engine, tallies),
        clauses=_clauses(engine, tallies),
        notes=tuple(engine.writer.note(each) for each in noted),
        findings=FindingRows(judge.findings, engine.writer),
    )


def _capture(info: CaptureInfo, undecoded: Mapping[str, int], cut: int, vantage: str) -> CaptureRow:
    return CaptureRow(
        id=capture_id(info.index),
        path=info.path,
        sha256=info.sha256 or None,
        format=info.format,
        frames=info.frames,
        bytes=info.size,
        link_types=tuple(_LINK_TYPES.get(link, f"link_type_{link}") for link in info.link_types),
        interfaces=tuple(info.interfaces),
        vantage=vantage,
        first_ns=info.first_ns,
        last_ns=info.last_ns,
        truncated=info.truncated,
        dropped=info.dropped,
        undecoded=dict(sorted(undecoded.items())),
        cut=cut,
    )


def _vantages(engine: Engine, info: CaptureInfo) -> str:
    """The vantage point of a capture, or those of its interfaces in the order of their first frames."""
    shown = zip(engine.decoder.vantages, engine.decoder.files, strict=True)
    return info.vantage or ", ".join(name for name, files in shown if info.path in files)


def _coverage(engine: Engine, undecoded: Mapping[int, Mapping[str, int]], notes: Sequence[str]) -> Coverage:
    said = list(notes)
    if engine.setup.topology is None:
        said.append("No topology file: zones and roles are inferred from the signalling, and marked so.")
    if not engine.setup.decrypt:
        said.append("Nothing was decrypted (--no-decrypt): SRTP is told by its shape and the signalling, not its tags.")
    closed = [c for c in engine.connections.all() if c.protocol == "tls" and not c.decrypted]
    if closed:
        said.append(f"{len(closed)} TLS connections stay closed: what is inside them is not in this report.")
    said.extend(esp_notes(engine.esp))
    if engine.setup.files is not None:
        said.append(f"Files that MSRP transferred and --files asked for: {engine.setup.files.count} written.")
    if engine.judge.dropped:
        said.append(f"{engine.judge.dropped} findings beyond the bound are counted, not listed.")
    tables = (
        engine.signalling.calls,
        engine.streams,
        engine.connections,
        engine.messaging,
        engine.keys.sdp,
        engine.keys.dtls,
        engine.signalling.registrations,
        engine.closer.conferences,
        engine.esp.table,
        engine.signalling.agreements,
        engine.signalling.referrals,
    )
    return Coverage(
        decoded=engine.decoded,
        undecoded=sum(sum(reasons.values()) for reasons in undecoded.values()),
        gaps=engine.tcp.gaps,
        cut=engine.cut_frames.counts.total(),
        evicted=sum(table.evicted for table in tables),
        notes=tuple(said),
    )


def _summary(engine: Engine, tallies: Tallies) -> Summary:
    total = dict.fromkeys(Verdict, 0)
    for tally in tallies.values():
        for verdict, count in tally.counts.items():
            total[verdict] += count
    counts = dict.fromkeys(SEVERITIES, 0)
    for finding in engine.judge.findings:
        if finding.verdict is Verdict.FAIL:
            counts[finding.rule.severity.label] += 1  # type: ignore[index]  # a severity label
    verdicts = VerdictCounts(
        total[Verdict.PASS], total[Verdict.FAIL], total[Verdict.OPEN], total[Verdict.NOT_APPLICABLE]
    )
    return Summary(verdicts, counts, len(engine.closer.calls), len(engine.closer.conferences.all()))


def _sip(engine: Engine) -> SipCounts:
    counts = engine.signalling.counts
    return SipCounts(
        messages=counts.messages,
        requests=dict(sorted(counts.requests.items())),
        responses=dict(sorted(counts.responses.items())),
        retransmissions=counts.retransmissions,
        malformed=counts.malformed,
        call_ids=len(counts.call_ids),
    )


def _msrp(engine: Engine) -> MsrpCounts:
    counts = engine.messaging.msrp
    return MsrpCounts(
        sessions=len(counts.sessions),
        requests=dict(sorted(counts.requests.items())),
        responses=dict(sorted(counts.responses.items())),
        messages_reassembled=counts.reassembled,
    )


def _bfcp(engine: Engine) -> BfcpCounts:
    counts = engine.messaging.bfcp
    return BfcpCounts(len(counts.sessions), dict(sorted(counts.primitives.items())))


def _registrations(engine: Engine, places: Places, placement: Placement) -> tuple[Registration, ...]:
    return tuple(
        engine.redactor.row(registration_row(binding, placement, places))
        for binding in engine.signalling.registrations.all()
    )


def _tls(connections: Sequence[Connection]) -> list[TlsConnection]:
    rows: list[TlsConnection] = []
    for connection in connections:
        if connection.protocol in ("tls", "dtls"):
            rows.append(
                TlsConnection(
                    id=f"tls-{len(rows) + 1}",
                    src=str(connection.src),
                    dst=str(connection.dst),
                    version=connection.tls_version or None,
                    cipher=connection.tls_cipher or None,
                    alpn=connection.alpn or None,
                    decrypted=connection.decrypted,
                    certificates=connection.certificate_hashes(),
                    carries=connection.inner or None,
                    failure=connection.failure or None,
                    channels=tuple(
                        DataChannel(stream, label, protocol)
                        for stream, (label, protocol) in connection.channels.items()
                    ),
                )
            )
    return rows


def _keys(engine: Engine, places: Places) -> tuple[tuple[Key, ...], KeyNames]:
    """The keys of the signalling and of handshakes, by ordinal, then what was given; what the report calls each entry.

    The frame is the one that completes the message. SRTCP counts for a key that opened no SRTP.
    """
    redactor, sources = engine.redactor, engine.setup.keyring.sources
    anyone = [entry.id for entry in engine.setup.keyring.srtp if entry.ssrc is None]
    untried = set(anyone[engine.setup.limits.srtp_screened :])
    rtcp = {redactor.key(material): packets for material, packets in engine.keys.opened_rtcp.items()}
    given = {redactor.key(source.media_key) for source in sources if source.media_key is not None}
    found = sorted(engine.closer.used.items(), key=lambda item: (len(item[0]), item[0]))  # ordinals, then digests
    rows = []
    for name, key in found:
        opened = key.opened or rtcp.get(name, 0)
        if name not in given and (opened or engine.setup.decrypt):
            last = max(key.cites, key=lambda cite: (cite.ts_ns, cite.frame))
            where = "SDP" if key.origin == "sdes" else "DTLS handshake"
            source = f"{where}, frame {last.frame} of {places.cite(last).capture}"
            rows.append(Key(name, key.origin, source, opened, not opened, None if opened else key.problem))
    names: KeyNames = {}
    for run in engine.signalling.agreements.captured.values():
        if run.opened:
            source = f"WWW-Authenticate, frame {run.cites[-1].frame} of {places.cite(run.cites[-1]).capture}"
            rows.append(Key(redactor.other_key(), "ims-aka", source, run.opened, False))
            names[run.key.id] = rows[-1].id
    for account in sources:
        rows.append(redactor.row(_given(account, redactor, rtcp, account.entry_id in untried)))
        if account.entry_id:
            names[account.entry_id] = rows[-1].id
    return tuple(rows), names


def _given(source: KeySource, redactor: Redactor, rtcp: Mapping[str, int], untried: bool) -> Key:
    name = redactor.key(source.media_key) if source.media_key is not None else redactor.other_key()
    opened = source.opened or rtcp.get(name, 0)
    why = _UNTRIED if untried else _unused(source)
    return Key(name, source.kind, source.name, opened, not opened, None if opened else why)


def _unused(source: KeySource) -> str | None:
    """Why a key opened nothing."""
    if source.problem:
        return source.problem
    if source.kind == "tls-keylog" and not source.secrets:
        return "holds no secret"
    return _CLOSED if source.matched else _NOTHING[source.kind]


def _rules(engine: Engine, tallies: Tallies) -> tuple[RuleRow, ...]:
    rows = []
    for rule in engine.setup.rules.rules:
        counts = tallies[rule.id].counts
        rows.append(
            RuleRow(
                rule.id,
                rule.pack,
                rule.title,
                rule.severity.label,  # type: ignore[arg-type]  # a severity label
                counts[Verdict.PASS],
                counts[Verdict.FAIL],
                counts[Verdict.OPEN],
                counts[Verdict.NOT_APPLICABLE],
            )
        )
    return tuple(rows)


def _clauses(engine: Engine, tallies: Tallies) -> tuple[ClauseRow, ...]:
    """Every clause that a rule refers to, with the worst verdict of its rules."""
    named: dict[tuple[str, str], list[str]] = {}
    for rule in engine.setup.rules.rules:
        for document, clause in rule.refs:
            if clause:
                named.setdefault((document, clause), []).append(rule.id)
    rows = [
        ClauseRow(document, clause, _worst(ids, tallies), tuple(ids))
        for (document, clause), ids in sorted(named.items())
    ]
    return (*rows, *_statements(engine, tallies))


def _worst(ids: Sequence[str], tallies: Tallies) -> ClauseStatus:
    reached = {verdict for rule in ids for verdict, count in tallies[rule].counts.items() if count}
    return next((v for v in (Verdict.FAIL, Verdict.OPEN, Verdict.PASS) if v in reached), Verdict.NOT_APPLICABLE).value


def _statements(engine: Engine, tallies: Tallies) -> list[ClauseRow]:
    """A row for every statement of the frameworks, but for those whose rules were all left out of this run."""
    rows = []
    for framework in engine.setup.frameworks:
        for each in framework.requirements:
            ids = tuple(rule for rule in each.rules if rule in tallies)
            if each.rules and not ids:
                continue
            status = _worst(ids, tallies) if ids or each.reference else "not_observable"
            unseen = each.not_observable or each.reference
            rows.append(ClauseRow(each.document, each.clause, status, ids, each.id, each.says, unseen, each.caveats))
    return rows
