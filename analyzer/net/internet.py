"""IP and transport headers of rows that stand at an IP header, tunnels entered, fragments set aside.

Every read is a gather clipped to the buffer; what lies behind the end of a frame is masked before it counts.
"""

import numpy as np

from analyzer.core.anomalies import define
from analyzer.core.limits import Limits
from analyzer.core.severity import Severity
from analyzer.net import layers, tunnels
from analyzer.net.columns import ANY_IP, I64, Columns
from analyzer.net.ledger import Ledger
from analyzer.net.packets import ESP, SCTP, TCP, UDP, V4_MAPPED

_TRANSPORT_BYTES = {UDP: 8, TCP: 20, SCTP: 12, ESP: 8}
_FRAGMENT = 44
_MIX = 0x1000_0000_01B3  # the FNV-1a prime

IP_LENGTH = define("net.ip_length", Severity.LOW, "The IP length disagrees with the frame", "RFC 791 3.1")
UDP_LENGTH = define("net.udp_length", Severity.LOW, "The UDP length disagrees with the IP payload", "RFC 768")
TCP_OFFSET = define("net.tcp_offset", Severity.LOW, "The TCP data offset points outside the segment", "RFC 9293 3.1")


class InternetReader:
    """Reads rows from their IP header on. Fragments are not read further: they gather in `fragments`.

    A row of `fragments` stands at its share of the packet, with `stop` behind it; `ip` is where its IP header begins,
    `share` the offset of the share in the packet, `more` whether others follow, `id` the identification, `head` the
    bytes of the header, `next` the protocol carried. `context` stands for the tunnels around it.
    """

    def __init__(self, ledger: Ledger, limits: Limits) -> None:
        self._ledger = ledger
        self._limits = limits
        self.fragments: list[Columns] = []

    def network(self, c: Columns) -> list[Columns]:
        """Packets of the rows; `kind` is their EtherType, or ANY_IP where the version must tell."""
        other = ~np.isin(c["kind"], (ANY_IP, 0x0800, 0x86DD))
        self._ledger.drop_by(c, other, c["kind"], "ethertype_{:04x}")
        self._ledger.drop(c, c["end"] <= c["at"], "short")
        version = c.byte(c["at"]) >> 4
        right = np.where(c["kind"] == ANY_IP, np.isin(version, (4, 6)), version == np.where(c["kind"] == 0x0800, 4, 6))
        self._ledger.drop(c, ~right.astype(np.bool_), "bad_ip_header")
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
        self._ledger.drop(c, c["end"] - c["at"] < 20, "short")
        header = (c.byte(c["at"]) & 15) * 4
        self._ledger.drop(c, header < 20, "bad_ip_header")
        header = (c.byte(c["at"]) & 15) * 4
        self._ledger.drop(c, c["end"] - c["at"] < header, "short")
        at = c["at"]
        header = (c.byte(at) & 15) * 4
        total = c.be16(at + 2)
        wire_end = c["end"] + c["lost"]
        lies = ((total < header) & (total != 0)) | (at + total > wire_end)
        self._ledger.note(c, lies, IP_LENGTH, "IPv4 total length")
        c["stop"] = np.where((total < header) | lies, wire_end, at + total)
        c["kind"] = c.byte(at + 9)
        c["ip_id"] = c.be16(at + 4)
        c["layers"] = c["layers"] | np.where(header > 20, layers.IP_OPTIONS, 0)
        none = np.zeros(len(at), np.int64)
        c["src_hi"], c["dst_hi"] = none, none
        c["src_lo"] = c.be32(at + 12) | int(V4_MAPPED)
        c["dst_lo"] = c.be32(at + 16) | int(V4_MAPPED)
        c["ip"], c["at"] = at, at + header
        word = c.be16(at + 6)
        apart = word & 0x3FFF != 0
        if apart.any():
            part = c.part(apart)
            word, part["id"], part["head"], part["next"] = word[apart], part["ip_id"], header[apart], part["kind"]
            self._set_aside(part, (word & 0x1FFF) * 8, word & 0x2000)
            c.keep(~apart)
        self._extensions(c, (51,))

    def _ipv6(self, c: Columns) -> None:
        """RFC 8200 3. A payload length of 0 is segmentation offload: the frame's end stands in for it."""
        self._ledger.drop(c, c["end"] - c["at"] < 40, "short")
        at = c["at"]
        length = c.be16(at + 4)
        wire_end = c["end"] + c["lost"]
        lies = at + 40 + length > wire_end
        self._ledger.note(c, lies, IP_LENGTH, "IPv6 payload length")
        c["stop"] = np.where((length == 0) | lies, wire_end, at + 40 + length)
        c["kind"] = c.byte(at + 6)
        c["ip_id"] = np.full(len(at), -1, np.int64)
        for name, where in (("src_hi", 8), ("src_lo", 16), ("dst_hi", 24), ("dst_lo", 32)):
            c[name] = c.be64(at + where).view(np.int64)
        c["ip"], c["at"] = at, at + 40
        self._extensions(c, (0, 43, 44, 51, 60))

    def _extensions(self, c: Columns, known: tuple[int, ...]) -> None:
        """Steps over extension headers and AH (RFC 8200 4, RFC 4302 2.2); an atomic fragment is whole (RFC 6946)."""
        for _ in range(self._limits.decode_depth):
            if not np.isin(c["kind"], known).any():
                return
            self._ledger.drop(c, np.isin(c["kind"], known) & (c["end"] - c["at"] < 8), "short")
            if _FRAGMENT in known:
                self._set_aside_ipv6(c)
            at, kind = c["at"], c["kind"]
            size = np.where(
                kind == 51, (c.byte(at + 1) + 2) * 4, np.where(kind == _FRAGMENT, 8, (c.byte(at + 1) + 1) * 8)
            )
            there = np.isin(kind, known)
            bit = np.where(kind == 51, layers.AH, layers.EXTENSION_HEADERS)
            c["layers"] = c["layers"] | np.where(there, bit, 0)
            c["kind"], c["at"] = np.where(there, c.byte(at), kind), np.where(there, at + size, at)
        self._ledger.drop_deep(c, np.isin(c["kind"], known))

    def _set_aside_ipv6(self, c: Columns) -> None:
        """Rows at a fragment header that is not atomic (RFC 8200 4.5)."""
        word = c.be16(c["at"] + 2)
        apart = (c["kind"] == _FRAGMENT) & (word & 0xFFF9 != 0)
        if not apart.any():
            return
        part = c.part(apart)
        at, word = part["at"], word[apart]
        part["id"], part["head"], part["next"] = part.be32(at + 4), np.full(len(at), 40, np.int64), part.byte(at)
        part["at"] = at + 8
        self._set_aside(part, word & 0xFFF8, word & 1)
        c.keep(~apart)

    def _set_aside(self, c: Columns, share: I64, more: I64) -> None:
        c["share"], c["more"] = share, more
        self.fragments.append(c)

    def _enter(self, c: Columns) -> list[Columns]:
        """Decodes what a tunnel carries; `c` stands at the inner header, `kind` names its EtherType."""
        c["end"], c["lost"] = np.minimum(c["end"], c["stop"]), np.maximum(c["stop"] - c["end"], 0)
        c["depth"] = c["depth"] + 1
        for name in ("src_hi", "src_lo", "dst_hi", "dst_lo"):
            c["context"] = (c["context"] ^ c[name]) * _MIX
        self._ledger.drop_deep(c, c["depth"] > self._limits.decode_depth)
        return self.network(c) if len(c["row"]) else []

    def _transport(self, c: Columns) -> list[Columns]:
        parts = []
        inner, outer = tunnels.over_ip(c)
        if inner is not None:
            parts.extend(self._enter(inner))
            c = outer
        self._ledger.drop_by(c, ~np.isin(c["kind"], list(_TRANSPORT_BYTES)), c["kind"], "ip_protocol_{}")
        for number, size in _TRANSPORT_BYTES.items():
            mask = c["kind"] == number
            if not mask.any():
                continue
            part = Columns(c.buffer, **c.of)
            part.keep(mask)
            self._ledger.drop(part, np.minimum(part["stop"], part["end"]) - part["at"] < size, "short")
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
            self._ledger.note(c, lies, UDP_LENGTH, "UDP length")
            c["stop"] = np.where(lies, c["stop"], at + length)
            skip = none + 8
        elif number == TCP:
            c["seq"], c["ack"], c["flags"] = c.be32(at + 4), c.be32(at + 8), c.byte(at + 13)
            skip = (c.byte(at + 12) >> 4) * 4
            lies = (skip < 20) | (skip > room)
            self._ledger.note(c, lies, TCP_OFFSET, "TCP data offset")
            skip = np.where(lies, 20, skip)
        elif number == SCTP:
            skip = none + 12
        begin = at + skip
        c["payload_start"] = np.minimum(begin, c["end"])
        c["payload_length"] = np.maximum(np.minimum(c["stop"], c["end"]) - begin, 0)
        c["missing"] = np.maximum(c["stop"] - begin, 0) - c["payload_length"]
