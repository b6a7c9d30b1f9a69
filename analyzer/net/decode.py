"""Frames to packets, whole batches at a time: link layer, IP and transport headers read as numpy columns.

Every read is a gather clipped to the buffer; what lies behind the end of a frame is masked before it counts.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from analyzer.capture.batch import FrameBatch, Source
from analyzer.core.anomalies import Anomaly, AnomalyKind, define
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.core.severity import Severity
from analyzer.net import layers, tunnels
from analyzer.net.columns import I64, Columns, Mask
from analyzer.net.packets import ESP, SCTP, TCP, UDP, V4_MAPPED, PacketBatch

NULL, ETHERNET, RAW, LOOP, SLL, IPV4, IPV6, SLL2 = 0, 1, 101, 108, 113, 228, 229, 276
_LINK_BYTES = {NULL: 4, ETHERNET: 14, RAW: 0, LOOP: 4, SLL: 16, IPV4: 0, IPV6: 0, SLL2: 20}
_TRANSPORT_BYTES = {UDP: 8, TCP: 20, SCTP: 12, ESP: 8}
_NAMES = {0x0806: "arp"}
_TAGS = 2  # 802.1Q tags read here: one, or an outer and an inner

IP_LENGTH = define("net.ip_length", Severity.LOW, "The IP length disagrees with the frame", "RFC 791 3.1")
TOO_DEEP = define("net.too_deep", Severity.MEDIUM, "Encapsulations are stacked deeper than the limit")
UDP_LENGTH = define("net.udp_length", Severity.LOW, "The UDP length disagrees with the IP payload", "RFC 768")
TCP_OFFSET = define("net.tcp_offset", Severity.LOW, "The TCP data offset points outside the segment", "RFC 9293 3.1")


class Decoder:
    """Turns frames into packets. Every frame yields a packet or is counted in `undecoded`.

    `sources` may grow while the decoder runs. `vantages` is the table that `PacketBatch.vantage` indexes; it grows
    too. `undecoded` counts frames by (capture index, reason).
    """

    def __init__(self, sources: Sequence[Source], limits: Limits) -> None:
        self._sources = sources
        self._limits = limits
        self.vantages: list[str] = []
        self.undecoded: dict[tuple[int, str], int] = {}
        self._anomalies: list[Anomaly] = []
        self._pending: list[tuple[int, AnomalyKind, str]] = []
        self._batch: FrameBatch | None = None

    def take_anomalies(self) -> list[Anomaly]:
        """The anomalies since the last call, in the order of their frames."""
        taken, self._anomalies = self._anomalies, []
        return taken

    def finish(self) -> None:
        """Ends the run. Nothing is held back between batches."""

    def decode(self, batch: FrameBatch) -> PacketBatch:
        """The packets of the batch, in the order of their frames."""
        self._batch = batch
        buffer = batch.buffer if len(batch.buffer) else np.zeros(1, np.uint8)
        links = np.array([s.link_type for s in self._sources], np.int64)
        link_of = links.take(batch.source) if len(batch) else np.zeros(0, np.int64)
        parts = []
        for link in np.unique(link_of).tolist():
            rows = np.flatnonzero(link_of == link)
            start = batch.start[rows].astype(np.int64)
            end = start + batch.captured[rows]
            lost = np.maximum(batch.wire[rows].astype(np.int64) - batch.captured[rows], 0)
            columns = Columns(
                buffer,
                row=rows,
                at=start,
                end=end,
                lost=lost,
                layers=np.zeros(len(rows), np.int64),
                depth=np.zeros(len(rows), np.int64),
            )
            if self._link(columns, link):
                parts.extend(self._network(columns))
        self._announce(batch)
        return self._packets(batch, parts)

    def _drop(self, c: Columns, bad: Mask, reason: str) -> None:
        if not bad.any():
            return
        assert self._batch is not None
        sources, counts = np.unique(self._batch.source[c["row"][bad]], return_counts=True)
        for source, count in zip(sources.tolist(), counts.tolist(), strict=True):
            key = (self._sources[source].capture, reason)
            self.undecoded[key] = self.undecoded.get(key, 0) + count
        c.keep(~bad)

    def _drop_by(self, c: Columns, bad: Mask, values: I64, form: str) -> None:
        for value in np.unique(values[bad]).tolist():
            self._drop(c, c["kind"] == value, _NAMES.get(value, form.format(value)))

    def _note(self, c: Columns, wrong: Mask, kind: AnomalyKind, detail: str) -> None:
        self._pending.extend((row, kind, detail) for row in c["row"][wrong].tolist())

    def _announce(self, b: FrameBatch) -> None:
        self._pending.sort(key=lambda item: item[0])
        for r, kind, detail in self._pending:
            cite = Cite(int(b.source[r]), int(b.frame[r]), int(b.offset[r]), int(b.captured[r]), int(b.ts_ns[r]))
            self._anomalies.append(Anomaly(kind, (cite,), detail))
        self._pending.clear()

    def _link(self, c: Columns, link: int) -> bool:
        """Steps over the link layer; `kind` becomes the EtherType, or 0 where the IP version must tell."""
        every = np.ones(len(c["row"]), np.bool_)
        if link not in _LINK_BYTES:
            self._drop(c, every, f"link_type_{link}")
            return False
        size = _LINK_BYTES[link]
        self._drop(c, c["end"] - c["at"] < max(size, 1), "short")
        self._vantage(c, link)
        at = c["at"]
        kinds = {ETHERNET: 12, SLL: 14, SLL2: 0}
        c["kind"] = c.be16(at + kinds[link]) if link in kinds else np.zeros(len(at), np.int64)
        c["at"] = at + size
        if link in kinds:
            for depth in range(_TAGS):
                self._tag(c, depth)
        return True

    def _vantage(self, c: Columns, link: int) -> None:
        assert self._batch is not None
        source = self._batch.source[c["row"]].astype(np.int64)
        index = c.be32(c["at"] + 4) if link == SLL2 else np.zeros(len(source), np.int64)
        # in the order of first appearance, so that batch edges do not show
        pairs, first, back = np.unique(source << 32 | index, return_index=True, return_inverse=True)
        numbers = np.zeros(len(pairs), np.int64)
        for i in np.argsort(first).tolist():
            pair = pairs[i].item()
            name = self._sources[pair >> 32].vantage
            name = f"{name}/if{pair & 0xFFFFFFFF}" if link == SLL2 else name
            if name not in self.vantages:
                self.vantages.append(name)
            numbers[i] = self.vantages.index(name)
        c["vantage"] = numbers[back.reshape(-1)]

    def _tag(self, c: Columns, depth: int) -> None:
        tagged = np.isin(c["kind"], (0x8100, 0x88A8, 0x9100))
        if not tagged.any():
            return
        self._drop(c, tagged & (c["end"] - c["at"] < 4), "short")
        tagged = np.isin(c["kind"], (0x8100, 0x88A8, 0x9100))
        c["kind"] = np.where(tagged, c.be16(c["at"] + 2), c["kind"])
        c["at"] = np.where(tagged, c["at"] + 4, c["at"])
        c["layers"] = c["layers"] | np.where(tagged, layers.QINQ if depth else layers.VLAN, 0)

    def _network(self, c: Columns) -> list[Columns]:
        other = ~np.isin(c["kind"], (0, 0x0800, 0x86DD))
        self._drop_by(c, other, c["kind"], "ethertype_{:04x}")
        self._drop(c, c["end"] <= c["at"], "short")
        version = c.byte(c["at"]) >> 4
        right = np.where(c["kind"] == 0, np.isin(version, (4, 6)), version == np.where(c["kind"] == 0x0800, 4, 6))
        self._drop(c, ~right.astype(np.bool_), "bad_ip_header")
        version = c.byte(c["at"]) >> 4
        parts = []
        for number, read in ((4, self._ipv4), (6, self._ipv6)):
            if (version == number).any():
                part = Columns(c.buffer, **c.of)
                part.keep(version == number)
                read(part)
                parts.extend(self._transport(part))
        return parts

    def _ipv4(self, c: Columns) -> None:
        """RFC 791 3.1. A total length of 0 is segmentation offload: the frame's end stands in for it."""
        self._drop(c, c["end"] - c["at"] < 20, "short")
        header = (c.byte(c["at"]) & 15) * 4
        self._drop(c, header < 20, "bad_ip_header")
        header = (c.byte(c["at"]) & 15) * 4
        self._drop(c, c["end"] - c["at"] < header, "short")
        self._drop(c, c.be16(c["at"] + 6) & 0x3FFF != 0, "fragment")
        at = c["at"]
        header = (c.byte(at) & 15) * 4
        total = c.be16(at + 2)
        wire_end = c["end"] + c["lost"]
        lies = ((total < header) & (total != 0)) | (at + total > wire_end)
        self._note(c, lies, IP_LENGTH, "IPv4 total length")
        c["stop"] = np.where((total < header) | lies, wire_end, at + total)
        c["kind"] = c.byte(at + 9)
        c["ip_id"] = c.be16(at + 4)
        c["layers"] = c["layers"] | np.where(header > 20, layers.IP_OPTIONS, 0)
        none = np.zeros(len(at), np.int64)
        c["src_hi"], c["dst_hi"] = none, none
        c["src_lo"] = c.be32(at + 12) | int(V4_MAPPED)
        c["dst_lo"] = c.be32(at + 16) | int(V4_MAPPED)
        c["at"] = at + header
        self._extensions(c, (51,))

    def _ipv6(self, c: Columns) -> None:
        """RFC 8200 3. A payload length of 0 is segmentation offload: the frame's end stands in for it."""
        self._drop(c, c["end"] - c["at"] < 40, "short")
        at = c["at"]
        length = c.be16(at + 4)
        wire_end = c["end"] + c["lost"]
        lies = at + 40 + length > wire_end
        self._note(c, lies, IP_LENGTH, "IPv6 payload length")
        c["stop"] = np.where((length == 0) | lies, wire_end, at + 40 + length)
        c["kind"] = c.byte(at + 6)
        c["ip_id"] = np.full(len(at), -1, np.int64)
        for name, where in (("src_hi", 8), ("src_lo", 16), ("dst_hi", 24), ("dst_lo", 32)):
            c[name] = c.be64(at + where).view(np.int64)
        c["at"] = at + 40
        self._extensions(c, (0, 43, 44, 51, 60))

    def _extensions(self, c: Columns, known: tuple[int, ...]) -> None:
        """Steps over extension headers and AH (RFC 8200 4, RFC 4302 2.2); an atomic fragment is whole (RFC 6946)."""
        for _ in range(self._limits.decode_depth):
            if not np.isin(c["kind"], known).any():
                return
            self._drop(c, np.isin(c["kind"], known) & (c["end"] - c["at"] < 8), "short")
            self._drop(
                c, np.isin(c["kind"], known) & (c["kind"] == 44) & (c.be16(c["at"] + 2) & 0xFFF9 != 0), "fragment"
            )
            at, kind = c["at"], c["kind"]
            size = np.where(kind == 51, (c.byte(at + 1) + 2) * 4, np.where(kind == 44, 8, (c.byte(at + 1) + 1) * 8))
            there = np.isin(kind, known)
            bit = np.where(kind == 51, layers.AH, layers.EXTENSION_HEADERS)
            c["layers"] = c["layers"] | np.where(there, bit, 0)
            c["kind"], c["at"] = np.where(there, c.byte(at), kind), np.where(there, at + size, at)
        self._too_deep(c, np.isin(c["kind"], known))

    def _too_deep(self, c: Columns, deep: Mask) -> None:
        self._note(c, deep, TOO_DEEP, "")
        self._drop(c, deep, "too_deep")

    def _enter(self, c: Columns) -> list[Columns]:
        """Decodes what a tunnel carries; `c` stands at the inner header, `kind` names its EtherType."""
        c["end"], c["lost"] = np.minimum(c["end"], c["stop"]), np.maximum(c["stop"] - c["end"], 0)
        c["depth"] = c["depth"] + 1
        self._too_deep(c, c["depth"] > self._limits.decode_depth)
        return self._network(c) if len(c["row"]) else []

    def _transport(self, c: Columns) -> list[Columns]:
        parts = []
        inner, outer = tunnels.over_ip(c)
        if inner is not None:
            parts.extend(self._enter(inner))
            c = outer
        self._drop_by(c, ~np.isin(c["kind"], list(_TRANSPORT_BYTES)), c["kind"], "ip_protocol_{}")
        for number, size in _TRANSPORT_BYTES.items():
            mask = c["kind"] == number
            if not mask.any():
                continue
            part = Columns(c.buffer, **c.of)
            part.keep(mask)
            self._drop(part, np.minimum(part["stop"], part["end"]) - part["at"] < size, "short")
            self._fields(part, number)
            if number == UDP:
                inner, part = tunnels.over_udp(part, self._limits.decode_depth)
                if inner is not None:
                    parts.extend(self._enter(inner))
            parts.append(part)
        return parts

    def _fields(self, c: Columns, number: int) -> None:
        at, room = c["at"], c["stop"] - c["at"]
        none = np.zeros(len(at), np.int64)
        c["sport"] = none if number == ESP else c.be16(at)
        c["dport"] = none if number == ESP else c.be16(at + 2)
        c["seq"], c["ack"], c["flags"], skip = none, none, none, none
        if number == UDP:
            length = c.be16(at + 4)
            lies = (length < 8) | (length > room)
            self._note(c, lies, UDP_LENGTH, "UDP length")
            c["stop"] = np.where(lies, c["stop"], at + length)
            skip = none + 8
        elif number == TCP:
            c["seq"], c["ack"], c["flags"] = c.be32(at + 4), c.be32(at + 8), c.byte(at + 13)
            skip = (c.byte(at + 12) >> 4) * 4
            lies = (skip < 20) | (skip > room)
            self._note(c, lies, TCP_OFFSET, "TCP data offset")
            skip = np.where(lies, 20, skip)
        elif number == SCTP:
            skip = none + 12
        begin = at + skip
        c["payload_start"] = np.minimum(begin, c["end"])
        c["payload_length"] = np.maximum(np.minimum(c["stop"], c["end"]) - begin, 0)
        c["missing"] = np.maximum(c["stop"] - begin, 0) - c["payload_length"]

    def _packets(self, b: FrameBatch, parts: list[Columns]) -> PacketBatch:
        row = np.concatenate([p["row"] for p in parts]) if parts else np.zeros(0, np.int64)
        order = np.argsort(row, kind="stable")
        row = row[order]

        def column(name: str) -> I64:
            return np.concatenate([p[name] for p in parts])[order] if parts else np.zeros(0, np.int64)

        def i32(name: str) -> npt.NDArray[np.int32]:
            return column(name).astype(np.int32)

        return PacketBatch(
            buffer=b.buffer, row=row.astype(np.int32), ts_ns=b.ts_ns[row], source=b.source[row],
            vantage=i32("vantage"), frame=b.frame[row], offset=b.offset[row], captured=b.captured[row],
            protocol=column("kind").astype(np.uint8), layers=column("layers").astype(np.uint16),
            src_hi=column("src_hi").view(np.uint64), src_lo=column("src_lo").view(np.uint64),
            dst_hi=column("dst_hi").view(np.uint64), dst_lo=column("dst_lo").view(np.uint64),
            sport=i32("sport"), dport=i32("dport"), ip_id=i32("ip_id"),
            payload_start=i32("payload_start"), payload_length=i32("payload_length"), missing=i32("missing"),
            seq=column("seq"), ack=column("ack"), flags=column("flags").astype(np.uint8),
        )  # fmt: skip
