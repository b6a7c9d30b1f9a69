"""Tunnels, entered only where their structure proves right: what is carried, and what stays as it is."""

import numpy as np

from analyzer.net import layers
from analyzer.net.columns import ANY_IP, I64, Columns, Mask
from analyzer.net.packets import ESP

GTPU_PORT, VXLAN_PORT, ESP_PORT, GENEVE_PORT = 2152, 4789, 4500, 6081
_IP_IN_IP, _IPV6_IN_IP, _GRE = 4, 41, 47
_ETHERNET_BRIDGING = 0x6558


def proves_ip(c: Columns, at: I64, kind: I64, stop: I64) -> Mask:
    """Where an IP header of the kind (ANY_IP: either version) stands whole at `at`, with lengths that fit in `stop`."""
    version = c.byte(at) >> 4
    four = (version == 4) & ((kind == ANY_IP) | (kind == 0x0800))
    four &= (c["end"] - at >= 20) & (c.byte(at) & 15 >= 5)
    total = c.be16(at + 2)
    four &= (total >= (c.byte(at) & 15) * 4) & (at + total <= stop)
    six = (version == 6) & ((kind == ANY_IP) | (kind == 0x86DD))
    six &= (c["end"] - at >= 40) & (at + 40 + c.be16(at + 4) <= stop)
    proven: Mask = four | six
    return proven


def _split(c: Columns, inside: Mask, at: I64, kind: I64, bits: I64) -> tuple[Columns | None, Columns]:
    if not inside.any():
        return None, c
    inner = c.part(inside)
    inner["at"], inner["kind"] = at[inside], kind[inside]
    inner["layers"] = inner["layers"] | bits[inside]
    return inner, c.part(~inside)


def over_ip(c: Columns) -> tuple[Columns | None, Columns]:
    """IP in IP (RFC 2003, RFC 4213) and GRE version 0 (RFC 2784, RFC 2890): the carried rows, and the others."""
    outer, at = c["kind"], c["at"]
    if not np.isin(outer, (_IP_IN_IP, _IPV6_IN_IP, _GRE)).any():
        return None, c
    gre = (outer == _GRE) & (c["end"] - at >= 4)
    flags = c.be16(at)
    gre &= flags & 0x4007 == 0
    size = 4 + sum(((flags & bit != 0) * 4 for bit in (0x8000, 0x2000, 0x1000)), np.zeros(len(at), np.int64))
    carried = c.be16(at + 2)
    bridged = gre & (carried == _ETHERNET_BRIDGING)
    start = at + np.where(gre, size, 0) + np.where(bridged, 14, 0)
    kind = np.where(bridged, c.be16(start - 2), carried)
    kind = np.where(outer == _IP_IN_IP, 0x0800, np.where(outer == _IPV6_IN_IP, 0x86DD, kind))
    inside = (gre | (outer == _IP_IN_IP) | (outer == _IPV6_IN_IP)) & np.isin(kind, (0x0800, 0x86DD))
    inside &= proves_ip(c, start, kind, c["stop"])
    return _split(c, inside, start, kind, np.where(gre, layers.GRE, layers.IPIP))


def over_udp(c: Columns, depth: int) -> tuple[Columns | None, Columns]:
    """GTP-U (TS 29.281 5.1), VXLAN (RFC 7348 5), Geneve (RFC 8926 3.4), ESP in UDP (RFC 3948 2): carried, others."""
    _mark_esp(c)
    at, any_ip = c["payload_start"], np.full(len(c["row"]), ANY_IP, np.int64)
    gtp = ((c["sport"] == GTPU_PORT) | (c["dport"] == GTPU_PORT)) & (c["payload_length"] >= 8)
    vxlan = ((c["sport"] == VXLAN_PORT) | (c["dport"] == VXLAN_PORT)) & (c["payload_length"] >= 22)
    geneve = ((c["sport"] == GENEVE_PORT) | (c["dport"] == GENEVE_PORT)) & (c["payload_length"] >= 8)
    if not (gtp | vxlan | geneve).any():
        return None, c
    gtp, start = _gtpu(c, gtp, depth)
    vxlan &= (c.byte(at) == 8) & ~gtp
    start = np.where(vxlan, at + 22, start)
    kind = np.where(vxlan, c.be16(at + 20), any_ip)
    geneve &= (c.byte(at) >> 6 == 0) & ~gtp & ~vxlan
    start = np.where(geneve, at + 8 + (c.byte(at) & 63) * 4, start)
    kind = np.where(geneve, c.be16(at + 2), kind)
    bridged = geneve & (kind == _ETHERNET_BRIDGING)
    start = np.where(bridged, start + 14, start)
    kind = np.where(bridged, c.be16(start - 2), kind)
    inside = gtp | ((vxlan | geneve) & np.isin(kind, (0x0800, 0x86DD)))
    inside &= proves_ip(c, start, kind, c["stop"])
    bits = np.where(gtp, layers.GTPU, np.where(vxlan, layers.VXLAN, layers.GENEVE))
    return _split(c, inside, start, kind, bits)


def _gtpu(c: Columns, gtp: Mask, depth: int) -> tuple[Mask, I64]:
    at = c["payload_start"]
    flags = c.byte(at)
    gtp = gtp & (flags & 0xF0 == 0x30) & (c.byte(at + 1) == 255) & (at + 8 + c.be16(at + 2) == c["stop"])
    start = at + np.where(flags & 7 != 0, 12, 8)
    following = np.where(flags & 4 != 0, c.byte(at + 11), 0)
    for _ in range(depth):
        more = gtp & (following != 0) & (start < c["end"])
        if not more.any():
            break
        size = c.byte(start) * 4
        gtp = gtp & ~(more & (size == 0))
        following = np.where(more, c.byte(start + size - 1), following)
        start = np.where(more, start + size, start)
    return gtp & (following == 0), start


def _mark_esp(c: Columns) -> None:
    at = c["payload_start"]
    esp = ((c["sport"] == ESP_PORT) | (c["dport"] == ESP_PORT)) & (c["payload_length"] >= 8) & (c.be32(at) != 0)
    if esp.any():
        c["kind"] = np.where(esp, ESP, c["kind"])
        c["layers"] = c["layers"] | np.where(esp, layers.UDP_ESP, 0)
