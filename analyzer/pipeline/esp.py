"""ESP packets: what comes out of them takes the way of every other packet, one association deeper."""

from collections import Counter
from collections.abc import Sequence

from analyzer.capture.batch import Source
from analyzer.core.addresses import Address, Endpoints
from analyzer.core.anomalies import Anomaly, define
from analyzer.core.limits import Limits
from analyzer.core.severity import Severity
from analyzer.net.fragments import Fragment, Reassembler
from analyzer.net.inner import IPV4, IPV6, InnerFragment, InnerIp, read_ip, read_sctp, read_tcp, read_udp
from analyzer.net.ledger import Ledger as NetLedger
from analyzer.net.packets import ESP, SCTP, TCP, UDP
from analyzer.pipeline.datagram import Datagram
from analyzer.pipeline.datagrams import DatagramHandler
from analyzer.pipeline.ledger import Ledger
from analyzer.pipeline.streams import StreamHandler
from analyzer.session.esp.agreements import Agreements
from analyzer.session.esp.candidates import Candidates
from analyzer.session.esp.table import AssociationTable, Carried, EspPacket
from analyzer.session.keyring import Keyring

NESTED = define("esp.nesting_limit", Severity.MEDIUM, "ESP inside ESP, deeper than is opened")
_ENCAPSULATED = 4500  # RFC 3948
_NO_NEXT_HEADER = 59  # a dummy packet (RFC 4303 2.6)


class EspHandler:
    """Everything on ESP, in UDP too."""

    def __init__(
        self,
        limits: Limits,
        ledger: Ledger,
        sources: Sequence[Source],
        keyring: Keyring,
        agreements: Agreements,
        tcp: StreamHandler,
        datagrams: DatagramHandler,
    ) -> None:
        self._limits = limits
        self._ledger = ledger
        self._tcp = tcp
        self._datagrams = datagrams
        self.candidates = Candidates(keyring, agreements, limits.esp_keys)
        self.table = AssociationTable(limits, self.candidates)
        self.unread: Counter[str] = Counter()
        self._net = NetLedger(sources)
        self._fragments = Reassembler(self._net, limits, limits.esp_fragment_bytes)

    def packet(self, packet: EspPacket) -> None:
        """Takes one ESP packet."""
        if packet.depth >= self._limits.decode_depth:
            self._ledger.add(Anomaly(NESTED, packet.cites[-1:], f"{packet.depth} levels"))
            return
        carried = self.table.packet(packet)
        self._ledger.extend(self.table.take_anomalies())
        for inner in carried:
            self._carry(inner)

    def _carry(self, inner: Carried) -> None:
        packet = inner.packet
        missing = packet.missing
        if inner.next_header not in (IPV4, IPV6):
            self._transport(
                inner, InnerIp(packet.src, packet.dst, inner.next_header, inner.payload, missing, packet.ip_id)
            )
            return
        read = read_ip(inner.payload, missing)
        for _ in range(self._limits.decode_depth):
            if isinstance(read, InnerFragment):
                whole = self._fragments.feed(_fragment(inner, read))
                self._net.announce()
                self._ledger.extend(self._net.take_anomalies())
                if whole is None:
                    return
                inner = inner._replace(packet=packet._replace(cites=whole.cites))
                read = read_ip(whole.packet, whole.lost)
            elif not isinstance(read, str) and read.protocol in (IPV4, IPV6):
                read = read_ip(read.payload, read.missing)
            else:
                break
        if isinstance(read, InnerIp):
            self._transport(inner, read)
        else:
            self.unread[read if isinstance(read, str) else "fragment"] += 1

    def finish(self) -> None:
        """The capture has ended: fragments that never found each other are announced."""
        self._fragments.finish()
        self._net.announce()
        self._ledger.extend(self._net.take_anomalies())

    def _transport(self, inner: Carried, ip: InnerIp) -> None:
        packet, protocol = inner.packet, ip.protocol
        reader = {UDP: read_udp, TCP: read_tcp, SCTP: read_sctp}.get(protocol)
        if protocol == ESP:
            self._again(inner, ip, (0, 0), ip.payload, ip.missing)
            return
        read = reader(ip.payload, ip.missing) if reader is not None else None
        if read is None:
            if protocol != _NO_NEXT_HEADER:
                self.unread["short" if reader is not None else f"IP protocol {protocol}"] += 1
            return
        ends = Endpoints(Address(ip.src, read.sport), Address(ip.dst, read.dport), protocol)
        if protocol == TCP:
            self._tcp.segment(
                packet.vantage, ends, read.seq, read.ack, read.flags, read.payload, read.missing,
                packet.cites[-1], inner.ipsec,
            )  # fmt: skip
        elif (
            protocol == UDP
            and _ENCAPSULATED in (read.sport, read.dport)
            and len(read.payload) >= 8
            and any(read.payload[:4])
        ):
            self._again(inner, ip, (read.sport, read.dport), read.payload, read.missing)
        else:
            take = self._datagrams.sctp if protocol == SCTP else self._datagrams.carried
            take(
                Datagram(
                    packet.vantage, ends, read.payload, read.missing, ip.ip_id, packet.cites,
                    packet.depth + 1, ipsec=inner.ipsec,
                )
            )  # fmt: skip

    def _again(self, inner: Carried, ip: InnerIp, ports: tuple[int, int], payload: bytes, missing: int) -> None:
        outer = inner.packet
        self.packet(
            EspPacket(outer.vantage, ip.src, ip.dst, ports, payload, missing, ip.ip_id, outer.cites, outer.depth + 1)
        )


def _fragment(inner: Carried, share: InnerFragment) -> Fragment:
    packet = inner.packet
    protocol = share.protocol if share.version == 4 else 0
    key = (
        packet.vantage,
        packet.depth,
        packet.src,
        packet.dst,
        share.version,
        protocol,
        share.id,
        share.src,
        share.dst,
    )
    return Fragment(
        key, -1, packet.cites[-1].ts_ns, share.begin, share.end, share.more, share.header, share.protocol,
        share.payload, 0, packet.depth, 0, packet.cites,
    )  # fmt: skip
