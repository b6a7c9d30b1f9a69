"""The engine: feed(batch), tick(now), finish(). The same for a file now and an interface later.

No clock, thread, file or logger inside: time is what frames say. Rows take effect one by one whatever the batches:
timers fire at multiples of `PERIOD_NS` of capture time, before the first row at or behind that moment; media rows
feed accumulators that need no signalling; all other rows are dispatched in their order. So the batch edge is
invisible in the report.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from analyzer.capture.batch import FrameBatch, Source
from analyzer.core.addresses import Address, Endpoints
from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.faults import described
from analyzer.core.limits import SECOND_NS, Limits
from analyzer.core.text import safe
from analyzer.formats.msrp_uri import session_id
from analyzer.net.decode import Decoder
from analyzer.net.packets import ESP, SCTP, TCP, UDP, PacketBatch
from analyzer.pipeline.closing import Closer
from analyzer.pipeline.conference_rows import judge_conferences
from analyzer.pipeline.cut_frames import CutFrames
from analyzer.pipeline.datagram import Datagram
from analyzer.pipeline.datagrams import RTP_FIRST, RTP_LAST, DatagramHandler
from analyzer.pipeline.esp import EspHandler
from analyzer.pipeline.esp_rows import esp_entities, esp_place
from analyzer.pipeline.findings import Gathered, Writer
from analyzer.pipeline.foretelling import Foretelling
from analyzer.pipeline.judge import Judge
from analyzer.pipeline.ledger import FAULT, Ledger
from analyzer.pipeline.media_rows import MediaRows
from analyzer.pipeline.places import Places
from analyzer.pipeline.sip_events import SipEvents
from analyzer.pipeline.streams import StreamHandler
from analyzer.report.redact import Redactor
from analyzer.rules.evaluate import RuleSet
from analyzer.rules.frameworks import Framework
from analyzer.session.connections import ConnectionTable
from analyzer.session.esp.table import EspPacket
from analyzer.session.file_transfers import FileStore, FileTransfers
from analyzer.session.ice_checks import IceChecks
from analyzer.session.keyring import Keyring
from analyzer.session.legs import CallState
from analyzer.session.media.table import StreamTable
from analyzer.session.media.verifier import Verifier
from analyzer.session.messaging import Messaging
from analyzer.session.messaging_entities import relay_entity
from analyzer.session.passports import Passports
from analyzer.session.placement import Placement
from analyzer.session.registrations import Binding
from analyzer.session.signalling import Signalling
from analyzer.session.stream_keys import KnownKeys, StreamKeys
from analyzer.session.supplied_keys import SuppliedKeys
from analyzer.session.topology import Topology
from analyzer.session.trust import Trust

I64 = npt.NDArray[np.int64]
PERIOD_NS = 10 * SECOND_NS


@dataclass(slots=True)
class Setup:
    """What a run is made with."""

    limits: Limits = field(default_factory=Limits)
    rules: RuleSet = field(default_factory=RuleSet)
    frameworks: tuple[Framework, ...] = ()  # whose statements the report holds against the rules
    topology: Topology | None = None
    keyring: Keyring = field(default_factory=Keyring)
    trust: Trust = field(default_factory=Trust)  # certificates for signed identities
    reveal_identities: bool = False
    decrypt: bool = True  # with the keys that the signalling carries
    post_decrypt_taps: frozenset[str] = frozenset()  # capture files or vantage points behind a decrypting element
    known: KnownKeys = field(default_factory=dict)  # see `Engine.wanted`
    keys_only: bool = False  # for `clear_media`: keys stay known behind the end of their call, and nothing else is made
    files: FileStore | None = None  # takes the files that MSRP transfers
    contain: bool = True  # faults of ours are counted, not raised; off in tests and fuzzing


def _let_go(_: Datagram) -> None:
    """Where media goes that nobody follows."""


@lru_cache(maxsize=1_024)
def _endpoints(src_hi: int, src_lo: int, dst_hi: int, dst_lo: int, sport: int, dport: int, protocol: int) -> Endpoints:
    """The ends of a row. The rows of a flow share theirs."""
    return Endpoints(Address(src_hi << 64 | src_lo, sport), Address(dst_hi << 64 | dst_lo, dport), protocol)


class Engine:
    """Capture frames in, verdicts out."""

    def __init__(self, sources: Sequence[Source], setup: Setup) -> None:
        limits = setup.limits
        self.setup = setup
        self.sources = sources
        self.ledger = Ledger(limits)
        self.decoder = Decoder(sources, limits)
        self.connections = ConnectionTable(limits)
        headers = setup.topology.correlation_headers if setup.topology else ()
        self.signalling = Signalling(limits, headers, setup.decrypt)
        self.signalling.keys.keep = setup.keys_only
        self.keys = StreamKeys(self.signalling.keys, SuppliedKeys(setup.keyring.srtp), limits, setup.known)
        self.verifier = Verifier(self.keys, limits)
        self.streams = StreamTable(limits, self.verifier)
        self.redactor = Redactor(setup.reveal_identities, limits)
        files = FileTransfers(limits, setup.files, self.signalling.claims.files) if setup.files is not None else None
        self.messaging = Messaging(limits, files)
        ice = self._ice = IceChecks(limits)
        self.writer = Writer(Places(sources), self.redactor)
        self.judge = Judge(setup.rules, limits, self.ledger, self.writer)
        self.closer = Closer(
            sources, limits, self.judge, self.redactor, self.signalling, self.streams, self.connections,
            self.messaging, self.keys, setup.keyring.opened_media, Passports(setup.trust), ice,
        )  # fmt: skip
        self.signalling.registrations.forgotten = self._registration
        sip = self._sip = SipEvents(limits, self.signalling, self.ledger, self._close, self._begin_anew)
        self.tcp = StreamHandler(limits, self.ledger, sip, self.messaging, self.connections, setup.keyring)
        self._media = MediaRows(self.streams)
        relay = _let_go if setup.keys_only else self._media.relay
        self.datagrams = DatagramHandler(
            limits, self.ledger, sip, self.messaging, self.connections, self.streams.zrtp, relay,
            setup.keyring, self.keys, self.signalling.claims, ice,
        )  # fmt: skip
        self.tcp.framed = self.datagrams.carried
        self.esp = EspHandler(
            limits, self.ledger, sources, setup.keyring, self.signalling.agreements, self.tcp, self.datagrams
        )
        self.closer.sealed = self.esp.table.sealed
        self._placed = Placement(setup.topology or Topology())
        self._foretelling = Foretelling(self.judge, limits.linger_ns)
        self._now_ns = 0
        self.decoded = 0
        self.cut_frames = CutFrames(sources, limits)
        self._frames = 0

    # -- time ----------------------------------------------------------------------------------------------------

    def tick(self, now_ns: int) -> None:
        """Advances time without a frame."""
        if now_ns // PERIOD_NS > self._now_ns // PERIOD_NS:
            self._housekeep(now_ns // PERIOD_NS * PERIOD_NS)
        self._now_ns = max(self._now_ns, now_ns)

    def _housekeep(self, now_ns: int) -> None:
        self._sip.tick(now_ns)
        self.tcp.tick(now_ns)
        self.datagrams.tick(now_ns)
        self.connections.tick(now_ns)
        calls, node = self.signalling.calls, self._placement().node
        for call in calls.due(now_ns):
            if not calls.holds(call):
                continue  # judged with another leg of its call
            if self.setup.keys_only:
                self._close(call)
                continue
            active = self._media_activity(call)
            if call.ended_ns is None and active > call.last_ns and active + self.setup.limits.linger_ns > now_ns:
                calls.touch(call, active)
            elif self.signalling.ready(call, now_ns, node):
                self._close(call)
        self.closer.orphans(self.streams.tick(now_ns), self._placement())
        if self.judge.tells:
            registrations = self.signalling.registrations
            self._foretelling.look(now_ns, registrations, self.connections, self.closer, self.esp, self._placement())

    def _media_activity(self, call: CallState) -> int:
        """Time of the latest packet towards any address its descriptions name."""
        latest = 0
        for leg in call.legs.values():
            for message in leg.messages:
                for media in message.sdp.media if message.sdp else ():
                    if media.ice_ufrag:
                        latest = max(latest, self._ice.last_activity(media.ice_ufrag))
                    if media.path:
                        latest = max(latest, self.messaging.msrp_sessions.last_activity(session_id(media.path[-1])))
                    if media.ip is not None and media.port:
                        latest = max(latest, self.streams.last_activity(Address(media.ip, media.port)))
        return latest

    def _placement(self) -> Placement:
        topology = self.setup.topology or self.signalling.observations.topology()
        if self._placed.topology is not topology:
            self._placed = Placement(topology)
        return self._placed

    def _post_decrypt(self) -> frozenset[int]:
        taps = self.setup.post_decrypt_taps
        if not taps:
            return frozenset()
        known = zip(self.decoder.vantages, self.decoder.files, strict=True)
        places = ({name, Path(name).name, *paths, *(Path(path).name for path in paths)} for name, paths in known)
        return frozenset(number for number, names in enumerate(places) if names & taps)

    def _close(self, call: CallState) -> None:
        """Judges an open call with every leg that belongs to it; nothing if it was judged with another one."""
        if not self.signalling.calls.holds(call):
            return
        if self.setup.keys_only:
            self.signalling.drop(call)
            self.closer.forget(call)
            return
        self._media.catch_up()
        placement = self._placement()
        call, doubts = self.signalling.take(call, placement.node)
        self.ledger.extend(doubts)
        if call.ended_ns is None:  # its media went on behind its last message
            call.last_ns = max(call.last_ns, self._media_activity(call))
        try:
            self.closer.close(call, placement, self._post_decrypt())
        except Exception as fault:  # noqa: BLE001  # the one seam where a fault of ours is contained
            self._contain(fault, ())

    def _begin_anew(self, call_id: str, address: Address) -> None:
        self._media.catch_up()
        self.streams.begin_anew(call_id, address)

    def _registration(self, binding: Binding) -> None:
        if self.setup.keys_only:
            return
        self.closer.registration(binding, self._placement())

    def _contain(self, fault: Exception, cites: tuple[Cite, ...]) -> None:
        if not self.setup.contain:
            raise fault
        self.ledger.add(Anomaly(FAULT, cites, safe(described(fault))))

    # -- frames --------------------------------------------------------------------------------------------------

    def feed(self, batch: FrameBatch) -> None:
        """Takes frames. Nothing of the batch is kept by reference."""
        self.cut_frames.take(batch, self.ledger)
        packets = self.decoder.decode(batch)
        self.ledger.extend(self.decoder.take_anomalies())
        count = len(packets)
        before = self.verifier.batch_position = self._frames
        self._frames += len(batch)
        self.decoded += count + sum(map(len, packets.extra_cites.values()))
        if not count:
            return
        if self.setup.keyring.growing:
            self.signalling.keys.position = before
            self.datagrams.late()
        clock = np.maximum(np.maximum.accumulate(packets.ts_ns), self._now_ns)
        periods = clock // PERIOD_NS
        edges = np.flatnonzero(np.diff(periods, prepend=self._now_ns // PERIOD_NS)).tolist()
        start = 0
        for edge in [*edges, count]:
            if edge > start:
                self._rows(packets, start, edge)
                self._now_ns = int(clock[edge - 1])
            if edge < count:
                self.signalling.keys.position = before + int(packets.row[edge])
                self.tick(int(clock[edge]))
            start = edge

    def _rows(self, packets: PacketBatch, start: int, end: int) -> None:
        protocol = packets.protocol[start:end]
        length = packets.payload_length[start:end]
        first = packets.buffer[np.where(length > 0, packets.payload_start[start:end], 0)]
        media = (protocol == UDP) & (length >= 8) & (first >= RTP_FIRST) & (first <= RTP_LAST)
        if not self.setup.keys_only:
            self._media.begin(packets, np.flatnonzero(media).astype(np.int64) + start)
        rest = np.flatnonzero(~media).astype(np.int64) + start
        if len(rest):
            self._scalar(packets, rest)
        self._media.end()
        self.verifier.flush()

    def _scalar(self, packets: PacketBatch, rows: I64) -> None:
        """Rows that are handled one by one: signalling, connections."""
        buffer = packets.buffer
        columns = (
            packets.protocol, packets.src_hi, packets.src_lo, packets.dst_hi, packets.dst_lo, packets.sport,
            packets.dport, packets.payload_start, packets.payload_length, packets.missing, packets.vantage,
            packets.source, packets.frame, packets.offset, packets.captured, packets.ts_ns, packets.ip_id,
            packets.seq, packets.ack, packets.flags, packets.row,
        )  # fmt: skip
        extra, keys, before = packets.extra_cites, self.signalling.keys, self.verifier.batch_position
        for (
            row,
            protocol,
            shi,
            slo,
            dhi,
            dlo,
            sport,
            dport,
            at,
            size,
            missing,
            vantage,
            *cited,
            ip_id,
            seq,
            ack,
            flags,
            frame_row,
        ) in zip(rows.tolist(), *(column[rows].tolist() for column in columns), strict=True):
            self._media.row = row
            cite = Cite(*cited)
            keys.position = before + frame_row
            endpoints = _endpoints(shi, slo, dhi, dlo, sport, dport, protocol)
            try:
                if protocol == TCP:
                    payload = buffer[at : at + size].tobytes() if size else b""
                    self.tcp.segment(vantage, endpoints, seq, ack, flags, payload, missing, cite)
                elif protocol in (UDP, SCTP):
                    cites = (*extra[row], cite) if row in extra else (cite,)
                    payload = buffer[at : at + size].tobytes()
                    take = self.datagrams.datagram if protocol == UDP else self.datagrams.sctp
                    take(Datagram(vantage, endpoints, payload, missing, ip_id, cites))
                elif protocol == ESP:
                    cites = (*extra.get(row, ()), cite)
                    payload = buffer[at : at + size].tobytes()
                    src, dst = endpoints.src, endpoints.dst
                    ports = (src.port, dst.port)
                    self.esp.packet(EspPacket(vantage, src.ip, dst.ip, ports, payload, missing, ip_id, cites))
            except Exception as fault:  # noqa: BLE001  # the other side of the containment seam
                self._contain(fault, (cite,))

    def finish(self) -> None:
        """The capture has ended: everything open is closed and judged."""
        self.decoder.finish()
        self.ledger.extend(self.decoder.take_anomalies())
        self.esp.finish()
        self.tcp.finish()
        self.datagrams.finish()
        self._sip.finish()
        self._media.finish()
        self.verifier.flush()
        self.ledger.extend(self.messaging.finish())
        for call in self.signalling.calls.all():
            self._close(call)
        if not self.setup.keys_only:
            self._judge_the_rest()

    def _judge_the_rest(self) -> None:
        for binding in self.signalling.registrations.all():
            self._registration(binding)
        for connection in self.connections.all():
            if connection.protocol in ("tls", "dtls"):
                self.closer.connection(connection, self._placement())
        for session in self.messaging.msrp_sessions.all():
            if session.requests["AUTH"]:
                relay = relay_entity(session, self._placement(), self._post_decrypt())
                self.judge.judge("msrp_relay", relay, partial(dict, {"from": relay.from_node, "to": relay.to_node}))
        self.closer.relations, doubts = self.signalling.referrals.decide(self._placement().node)
        self.ledger.extend(doubts)
        self.ledger.extend(self.closer.conferences.settle())
        judge_conferences(self.closer.conferences, self.judge)
        self.closer.orphans(self.streams.finish(), self._placement())
        for sa_id, sa in esp_entities(self.esp, self._placement(), self.signalling.registrations):
            self.judge.judge("esp_sa", sa, partial(esp_place, sa_id, sa))

    def wanted(self) -> KnownKeys | None:
        """Keys that came after the packets of their streams, for the `Setup.known` of another pass over the same
        captures; None where another pass would find nothing new. May be empty: secrets in a capture came late."""
        return self.verifier.wanted if self.verifier.wanted or self.setup.keyring.late else None

    def take_decided(self) -> list[Gathered]:
        """Findings decided since the last call."""
        return self.judge.take_fresh()
